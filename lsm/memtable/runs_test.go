package memtable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

var layouts = []clustering.Layout{
	{{Type: types.Timestamp}},
	{{Type: types.Timestamp, Desc: true}},
	{{Type: types.Bigint, Desc: true}},
	{{Type: types.Text}},
	{{Type: types.Timestamp, Desc: true}, {Type: types.Text}},
	{{Type: types.Int}, {Type: types.Text, Desc: true}},
	nil,
}

// wideTable has columns of all kinds, and one that is static among them.
func wideTable(law mutation.Law, layout clustering.Layout) *mutation.Table {
	return &mutation.Table{Name: "k.t", Law: law, Clustering: layout, Columns: []mutation.Column{
		{ID: 1, Physical: mutation.PhysicalDouble, Width: 8},
		{ID: 2, Physical: mutation.PhysicalInt, Width: 4},
		{ID: 3, Physical: mutation.PhysicalBytes, Static: true},
		{ID: 5, Physical: mutation.PhysicalBytes},
		{ID: 6, Physical: mutation.PhysicalFloat, Width: 4},
		{ID: 7, Physical: mutation.PhysicalInt, Width: 1},
		{ID: 9, Physical: mutation.PhysicalInt, Width: 2},
		{ID: 10, Physical: mutation.PhysicalBytes, Complex: true},
	}}
}

// keyAt is a clustering that goes up with n in time order: down in sortable bytes where the first column is DESC.
func keyAt(t interface{ Fatal(...any) }, layout clustering.Layout, n int) []byte {
	values := make([][]byte, len(layout))
	for i, c := range layout {
		switch c.Type {
		case types.Text:
			values[i] = fmt.Appendf(nil, "%08d", n)
		case types.Int:
			values[i] = binary.BigEndian.AppendUint32(nil, uint32(n/3))
		default:
			values[i] = binary.BigEndian.AppendUint64(nil, uint64(int64(n-20)))
		}
	}
	key, err := layout.Encode(values)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func drawValue(t *rapid.T, c mutation.Column) []byte {
	n := c.Width
	if c.Physical == mutation.PhysicalBytes {
		n = rapid.SampledFrom([]int{0, 1, 6, 7, 8, 9, 40}).Draw(t, "length")
	} else if rapid.IntRange(0, 30).Draw(t, "odd") == 0 {
		n = 0
	}
	return bytes.Repeat([]byte{rapid.SampledFrom([]byte{0, 1, 0x7F, 0xFF}).Draw(t, "byte")}, n)
}

// program draws records: mostly rows in time order, written whole, and all else now and then.
type program struct {
	table  *mutation.Table
	now    int
	strays int // one row in so many is not as most are
}

func (g *program) row(t *rapid.T) mutation.Row {
	g.now++
	n := g.now
	stray := func(label string) bool { return rapid.IntRange(0, g.strays).Draw(t, label) == 0 }
	if stray("ahead") {
		n += 200 // from a clock that is wrong: those that follow are late
	} else if stray("late") {
		n = rapid.IntRange(1, g.now+5).Draw(t, "n")
	}
	ts := rapid.SampledFrom([]int64{5, 5, 5, int64(100 + n)}).Draw(t, "ts")
	ttl, end := int32(0), mutation.Forever
	if stray("ttl") {
		ttl, end = 3, rapid.Int64Range(1, 20).Draw(t, "end")
	}
	row := mutation.Row{Clustering: keyAt(t, g.table.Clustering, n)}
	if !stray("update") {
		row.Live = mutation.Liveness{Timestamp: ts, TTL: ttl, ExpiresAt: end}
	}
	for _, c := range g.table.Columns {
		if c.Static || stray("absent") || c.Complex && !stray("complex") {
			continue
		}
		if c.Complex {
			row.Cells = append(row.Cells, drawComplex(t, c.ID, ts))
			continue
		}
		cell := mutation.Cell{Column: c.ID, Timestamp: ts, TTL: ttl, ExpiresAt: end, Value: drawValue(t, c)}
		if stray("tombstone") && stray("really") {
			cell.TTL, cell.ExpiresAt, cell.Value = 0, 9, nil
		}
		if stray("own stamp") && stray("really") {
			cell.Timestamp++
		}
		row.Cells = append(row.Cells, cell)
	}
	if stray("unknown column") && stray("really") {
		row.Cells = append(row.Cells, mutation.Cell{Column: 99, Timestamp: ts, ExpiresAt: mutation.Forever, Value: []byte("x")})
	}
	if stray("row deletion") && stray("really") {
		row.Deletion = mutation.Deletion{MarkedAt: ts - 1, LocalSec: 5}
	}
	if g.table.Law == mutation.BySequence && stray("explicit") {
		row.Sequence = rapid.Uint64Range(1, 9).Draw(t, "own sequence")
	}
	return row
}

func (g *program) records(t *rapid.T, count int) []record {
	out := make([]record, count)
	for i := range out {
		r := &out[i]
		r.sequence = uint64(i + 1)
		r.mutation.Key = keyOf(1)
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 9}).Draw(t, "rows") {
			r.mutation.Rows = append(r.mutation.Rows, g.row(t))
		}
		if rapid.IntRange(0, 9).Draw(t, "static") == 0 {
			r.mutation.Static = &mutation.Row{Cells: []mutation.Cell{{Column: 3, Timestamp: int64(i), ExpiresAt: mutation.Forever, Value: []byte("s")}}}
		}
	}
	return out
}

// arrive shuffles records a little: some come before others with smaller sequences.
func arrive(t *rapid.T, records []record) []record {
	out := slices.Clone(records)
	for range rapid.IntRange(0, 3).Draw(t, "swaps") {
		i, j := rapid.IntRange(0, len(out)-1).Draw(t, "i"), rapid.IntRange(0, len(out)-1).Draw(t, "j")
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// What columns and tree have together is what the records say, at every sequence and in any slices and
// direction; batches and blocks say the same as rows.
func TestRunsEqualTheNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")
		table := wideTable(law, rapid.SampledFrom(layouts).Draw(t, "layout"))
		g := &program{table: table, strays: rapid.SampledFrom([]int{1, 10, 100, 1000}).Draw(t, "strays")}
		records := g.records(t, rapid.IntRange(1, 40).Draw(t, "records"))
		if rapid.IntRange(0, 4).Draw(t, "backwards") == 0 {
			slices.Reverse(records)
			for i := range records {
				records[i].sequence = uint64(i + 1)
			}
		}
		m := New(table, 1)
		order := arrive(t, records)
		for i := range order {
			m.Apply(&order[i].mutation, order[i].sequence)
		}
		for range 3 {
			upTo := rapid.Uint64Range(0, uint64(len(records))).Draw(t, "up to")
			checkRuns(t, m, g, records, upTo)
		}
		m.Free()
	})
}

func drawSlices(t *rapid.T, g *program) clustering.Slices {
	if rapid.Bool().Draw(t, "all") {
		return clustering.All()
	}
	var some []clustering.Slice
	for range rapid.IntRange(1, 3).Draw(t, "slices") {
		a, b := keyAt(t, g.table.Clustering, rapid.IntRange(0, g.now+3).Draw(t, "a")), keyAt(t, g.table.Clustering, rapid.IntRange(0, g.now+3).Draw(t, "b"))
		if bytes.Compare(a, b) > 0 {
			a, b = b, a
		}
		s := clustering.Slice{Start: clustering.Before(a), End: clustering.After(b)}
		if rapid.Bool().Draw(t, "open") {
			s.Start, s.End = clustering.After(a), clustering.Before(b)
		}
		some = append(some, s)
	}
	return clustering.MakeSlices(some)
}

func checkRuns(t *rapid.T, m *Memtable, g *program, records []record, upTo uint64) {
	p := m.Partition(keyOf(1), upTo)
	rows, side, any := naive(g.table.Law, records, keyOf(1), upTo)
	if (p != nil) != any {
		t.Fatalf("partition there: %t, want %t", p != nil, any)
	}
	if p == nil {
		return
	}
	if got := sideString(p.Side()); got != sideString(&side) {
		t.Fatalf("side %s, want %s", got, sideString(&side))
	}
	within, reverse := drawSlices(t, g), rapid.Bool().Draw(t, "reverse")
	var keys, want []string
	for key, row := range rows {
		if within.Contains([]byte(key)) && !row.IsEmpty() {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	for _, key := range keys {
		want = append(want, rowString(rows[key]))
	}
	if got := drain(t, rowsOf(p, within, reverse)); !slices.Equal(got, want) {
		t.Fatalf("rows at %d in %v, reverse %t:\n%s\nwant\n%s", upTo, within, reverse, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, run := range p.Runs() {
		checkBounds(t, run, m)
		checkBatches(t, g.table, run, drawRequest(t, within, reverse))
		checkBlocks(t, g.table, run)
	}
}

func checkBounds(t *rapid.T, run mutation.Run, m *Memtable) {
	first, last := run.Bounds()
	rows := run.Rows(clustering.All(), false)
	f, _ := m.Frontier(keyOf(1))
	for row, _ := rows.Next(); row != nil; row, _ = rows.Next() {
		if bytes.Compare(row.Clustering, first) < 0 || bytes.Compare(row.Clustering, last) > 0 || f.Beyond(row.Clustering) {
			t.Fatalf("row %x is not within %x to %x and %+v", row.Clustering, first, last, f)
		}
	}
}

func drawRequest(t *rapid.T, within clustering.Slices, reverse bool) *mutation.ReadRequest {
	return &mutation.ReadRequest{
		Slices: within, Reverse: reverse,
		Columns:  rapid.Permutation([]mutation.ColumnID{9, 2, 5, 77, 3, 1}).Draw(t, "columns")[:rapid.IntRange(0, 6).Draw(t, "column count")],
		Metadata: rapid.Bool().Draw(t, "metadata"),
		RowsMax:  rapid.SampledFrom([]int{0, 1, 10}).Draw(t, "rows max"),
		NowSec:   rapid.SampledFrom([]int64{0, 0, 5}).Draw(t, "now"),
	}
}

// batchLines describes each row of a batch.
func batchLines(b *mutation.Batch, now int64) []string {
	var out []string
	for i := range b.Rows {
		until := mutation.Forever
		if b.AliveUntil != nil {
			until = b.AliveUntil[i]
		}
		if until <= now && now > 0 {
			continue
		}
		line := fmt.Sprintf("until %d", until)
		for k, v := range slices.Concat(b.Clustering, b.Columns) {
			line += fmt.Sprintf(" | %d/%d", v.Physical, v.Width)
			if v.Timestamps != nil {
				line += fmt.Sprintf(" @%d", v.Timestamps[i])
			}
			if v.TTLs != nil && v.TTLs[i] != 0 {
				line += fmt.Sprintf(" ttl %d", v.TTLs[i])
			}
			if v.ExpiresAt != nil && v.ExpiresAt[i] != mutation.Forever {
				line += fmt.Sprintf(" end %d", v.ExpiresAt[i])
			}
			if v.Has(i) {
				line += fmt.Sprintf(" %d=%x", k, v.AppendValue(nil, i))
			}
		}
		out = append(out, line)
	}
	return out
}

// checkBatches holds batches to what BatchBuilder makes of rows.
func checkBatches(t *rapid.T, table *mutation.Table, run mutation.Run, req *mutation.ReadRequest) {
	source := run.Batches(req)
	if source == nil {
		if _, isTree := run.(*treeRun); !isTree {
			t.Fatal("columns without batches")
		}
		return
	}
	defer source.Close()
	var got []string
	for b, err := source.Next(); b != nil || err != nil; b, err = source.Next() {
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows == 0 || b.Rows > mutation.BatchRowsMax || len(got) == 0 && req.RowsMax > 0 && b.Rows > req.RowsMax {
			t.Fatalf("a batch of %d rows", b.Rows)
		}
		got = append(got, batchLines(b, req.NowSec)...)
	}
	builder := mutation.NewBatchBuilder(table, req)
	rows := run.Rows(req.Slices, req.Reverse)
	for row, _ := rows.Next(); row != nil; row, _ = rows.Next() {
		if err := builder.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	if b := builder.Batch(); b != nil {
		want = batchLines(b, req.NowSec)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("batches:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkBlocks holds blocks to rows.
func checkBlocks(t *rapid.T, table *mutation.Table, run mutation.Run) {
	source := run.Blocks()
	if source == nil {
		return
	}
	var got []string
	for b, err := source.Next(); b != nil || err != nil; b, err = source.Next() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			got = append(got, rowString(blockRow(t, table, b, i)))
		}
	}
	if want := drain(t, run.Rows(clustering.All(), false)); !slices.Equal(got, want) {
		t.Fatalf("blocks:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// blockRow is row i of a block.
func blockRow(t *rapid.T, table *mutation.Table, b *mutation.Block, i int) *mutation.Row {
	row := &mutation.Row{}
	key := make([][]byte, len(b.Clustering))
	for k := range b.Clustering {
		key[k] = b.Clustering[k].AppendValue([]byte{}, i)
	}
	var err error
	if row.Clustering, err = table.Clustering.Encode(key); err != nil {
		t.Fatal(err)
	}
	st := stamp{timestamp: b.Timestamps[i], expiresAt: mutation.Forever}
	if b.TTLs != nil {
		st.ttl = b.TTLs[i]
	}
	if b.ExpiresAt != nil {
		st.expiresAt = b.ExpiresAt[i]
	}
	if b.Sequences != nil {
		row.Sequence = b.Sequences[i]
	}
	if b.Live == nil || b.Live[i/64]&(1<<(i%64)) != 0 {
		row.Live = mutation.Liveness{Timestamp: st.timestamp, TTL: st.ttl, ExpiresAt: st.expiresAt}
	}
	k := 0
	for _, c := range table.Columns {
		if c.Static {
			continue
		}
		if v := &b.Columns[k]; v.Has(i) {
			row.Cells = append(row.Cells, mutation.Cell{Column: c.ID, Timestamp: st.timestamp, TTL: st.ttl, ExpiresAt: st.expiresAt, Value: v.AppendValue(nil, i)})
		}
		k++
	}
	return row
}

// Rows in time order, written whole, lie in columns alone, whatever the order of the table.
func TestTimeOrderLiesInColumns(t *testing.T) {
	for _, layout := range layouts[:5] {
		table := wideTable(mutation.ByTimestamp, layout)
		m := New(table, 1)
		for n := range 3000 {
			m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{
				Clustering: keyAt(t, layout, n), Live: mutation.Liveness{Timestamp: int64(n), ExpiresAt: mutation.Forever}}}}, uint64(n+1))
		}
		p := m.Partition(keyOf(1), math.MaxUint64)
		runs := p.Runs()
		if len(runs) != 1 || runs[0].Blocks() == nil {
			t.Fatalf("%v: %d runs", layout, len(runs))
		}
		if got := drain(t, runs[0].Rows(clustering.All(), true)); len(got) != 3000 {
			t.Errorf("%v: %d rows", layout, len(got))
		}
		m.Free()
	}
}

// A partition that is filled from the newest to the oldest turns: but for the first rows it lies in columns.
func TestPartitionTurns(t *testing.T) {
	table := wideTable(mutation.ByTimestamp, layouts[0])
	m := New(table, 1)
	for n := range 1000 {
		m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{
			Clustering: keyAt(t, layouts[0], 1000-n), Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}}}, uint64(n+1))
	}
	runs := m.Partition(keyOf(1), math.MaxUint64).Runs()
	if len(runs) != 2 {
		t.Fatalf("%d runs", len(runs))
	}
	if got := drain(t, runs[0].Rows(clustering.All(), false)); len(got) != 1000-turnRows {
		t.Errorf("%d rows in columns", len(got))
	}
}

// Rows behind a row from a clock that is wrong, and a load of older rows, lie in columns but for the first of them.
func TestStrands(t *testing.T) {
	for _, layout := range layouts[:5] {
		table := wideTable(mutation.ByTimestamp, layout)
		m := New(table, 1)
		sequence := uint64(0)
		write := func(n int) {
			sequence++
			m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{
				Clustering: keyAt(t, layout, 256*n), Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}}}, sequence)
		}
		for n := range 500 {
			write(20000 + n)
		}
		write(90000)
		for n := range 100 {
			write(20500 + n)
		}
		for n := range 500 { // the newest, and a load of older ones
			write(20600 + n)
			write(10000 + n)
		}
		runs := m.Partition(keyOf(1), math.MaxUint64).Runs()
		total := 0
		for _, run := range runs {
			rows := len(drain(t, run.Rows(clustering.All(), false)))
			if total += rows; run.Blocks() == nil && rows > 3*strandRows {
				t.Errorf("%v: %d rows are not in columns", layout, rows)
			}
		}
		if total != 1601 || len(runs) > strandsMax+1 {
			t.Errorf("%v: %d rows in %d runs", layout, total, len(runs))
		}
		m.Free()
	}
}

// Versions that nobody asks for any more give their memory back.
func TestOverwritesDoNotGrow(t *testing.T) {
	table := wideTable(mutation.ByTimestamp, layouts[0])
	m := New(table, 1)
	write := func(n int) {
		value := binary.BigEndian.AppendUint64(nil, uint64(n))
		m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{Clustering: keyAt(t, layouts[0], 1), Cells: []mutation.Cell{
			{Column: 1, Timestamp: int64(n), ExpiresAt: mutation.Forever, Value: value}}}}}, uint64(n))
		if n > 10 {
			m.SetOldest(uint64(n - 10))
		}
	}
	for n := 1; n < 1000; n++ {
		write(n)
	}
	before := m.Bytes()
	for n := 1000; n < 20000; n++ {
		write(n)
	}
	if after := m.Bytes(); after != before {
		t.Errorf("%d bytes became %d", before, after)
	}
	for n := 19989; n < 20000; n++ {
		rows := rowsOf(m.Partition(keyOf(1), uint64(n)), clustering.All(), false)
		row, err := rows.Next()
		if err != nil || row == nil || !reflect.DeepEqual(row.Cells[0].Timestamp, int64(n)) {
			t.Errorf("at %d: %+v, %v", n, row, err)
		}
	}
}
