package exec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

const nowSec = 100

// readings is ks.t(k int | ts timestamp, d int DESC | s int static, v int, w double).
func readings() *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "t", Kind: schema.Base, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	t.Clustering = []*schema.Column{{Name: "ts", Kind: schema.ClusteringKey, Type: types.Timestamp},
		{Name: "d", Kind: schema.ClusteringKey, Position: 1, Type: types.Int, Desc: true}}
	t.AddColumn(&schema.Column{Name: "s", Kind: schema.Static, Type: types.Int})
	t.AddColumn(&schema.Column{Name: "v", Kind: schema.Regular, Type: types.Int})
	t.AddColumn(&schema.Column{Name: "w", Kind: schema.Regular, Type: types.Double})
	return t
}

// cell is a value with an end, or none.
type cell struct {
	value any // int32, float64; nil: no cell
	end   int64
}

func (c cell) seen() any {
	if c.value == nil || c.end <= nowSec {
		return nil
	}
	return c.value
}

// naiveRow is a row as the test knows it.
type naiveRow struct {
	k      int32
	ts     int64
	d      int32
	s      any
	v, w   cell
	marker int64 // end of the row marker; 0: none
	static bool  // a partition without rows
}

func (r *naiveRow) shows() bool {
	return r.marker > nowSec || r.v.seen() != nil || r.w.seen() != nil
}

// naive is the table's content, obviously.
type naive struct {
	rows    []naiveRow
	statics map[int32]cell
}

var ends = []int64{nowSec - 50, nowSec, nowSec + 1, mutation.Forever}

func drawNaive(t *rapid.T) *naive {
	n := &naive{statics: map[int32]cell{}}
	end := func() int64 { return rapid.SampledFrom(ends).Draw(t, "end") }
	for k := int32(1); k <= 5; k++ {
		if rapid.Bool().Draw(t, "static") {
			n.statics[k] = cell{k * 10, end()}
		}
		seen := map[[2]int64]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "rows") {
			r := naiveRow{k: k, ts: rapid.Int64Range(0, 9).Draw(t, "ts") * 20 * 60_000, d: rapid.Int32Range(0, 2).Draw(t, "d")}
			if at := [2]int64{r.ts, int64(r.d)}; seen[at] {
				continue
			} else {
				seen[at] = true
			}
			if rapid.Bool().Draw(t, "has v") {
				r.v = cell{rapid.Int32Range(-3, 3).Draw(t, "v"), end()}
			}
			if rapid.Bool().Draw(t, "has w") {
				r.w = cell{float64(rapid.IntRange(-8, 8).Draw(t, "w")) / 10, end()}
			}
			if rapid.Bool().Draw(t, "marker") {
				r.marker = end()
			}
			n.rows = append(n.rows, r)
		}
	}
	return n
}

func encode(v any) []byte {
	switch v := v.(type) {
	case int32:
		return types.AppendInt(nil, v)
	case int64:
		return types.AppendBigint(nil, v)
	case float64:
		return types.AppendDouble(nil, v)
	}
	return nil
}

func keyOf(k int32) partition.DecoratedKey { return partition.Decorate(encode(k)) }

// source holds the same content as a Source.
func (n *naive) source(t *schema.Table, batchRows int) *memorySource {
	m := &memorySource{batchRows: batchRows}
	for k := int32(1); k <= 5; k++ {
		p := memoryPartition{key: keyOf(k)}
		if c, ok := n.statics[k]; ok {
			p.static = &mutation.Row{Cells: []mutation.Cell{live(t.Column("s"), c)}}
		}
		for _, r := range n.rows {
			if r.k != k {
				continue
			}
			at, err := t.ClusteringLayout().Encode([][]byte{encode(r.ts), encode(r.d)})
			if err != nil {
				panic(err)
			}
			row := mutation.Row{Clustering: at}
			if r.marker != 0 {
				row.Live = mutation.Liveness{Timestamp: 1, TTL: 9, ExpiresAt: r.marker}
			}
			for _, c := range []struct {
				name string
				cell cell
			}{{"v", r.v}, {"w", r.w}} {
				if c.cell.value != nil {
					row.Cells = append(row.Cells, live(t.Column(c.name), c.cell))
				}
			}
			p.rows = append(p.rows, row)
		}
		m.partitions = append(m.partitions, p)
	}
	m.sort()
	return m
}

func live(col *schema.Column, c cell) mutation.Cell {
	out := mutation.Cell{Column: col.ID, Timestamp: 7, ExpiresAt: c.end, Value: encode(c.value)}
	if c.end != mutation.Forever {
		out.TTL = 9
	}
	return out
}

// visible are the rows that show, in order; with statics the partitions too that have nothing else.
func (n *naive) visible(reverse, statics bool, keep func(naiveRow) bool) []naiveRow {
	var out []naiveRow
	counts := map[int32]int{}
	for _, r := range n.rows {
		if r.shows() {
			r.s = n.statics[r.k].seen()
			counts[r.k]++
			if keep == nil || keep(r) {
				out = append(out, r)
			}
		}
	}
	for k, c := range n.statics {
		if statics && counts[k] == 0 && c.seen() != nil {
			out = append(out, naiveRow{k: k, s: c.seen(), static: true})
		}
	}
	slices.SortFunc(out, func(a, b naiveRow) int {
		within := cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(b.d, a.d))
		if reverse {
			within = -within
		}
		return cmp.Or(keyOf(a.k).Compare(keyOf(b.k)), within)
	})
	return out
}

func (r naiveRow) cells() []any {
	if r.static {
		return []any{r.k, nil, nil, r.s, nil, nil}
	}
	return []any{r.k, r.ts, r.d, r.s, r.v.seen(), r.w.seen()}
}

func all(rows []naiveRow) [][]any {
	var out [][]any
	for _, r := range rows {
		out = append(out, r.cells())
	}
	return out
}

// groups cuts rows where by changes, within a partition.
func groups(rows []naiveRow, by func(naiveRow) int64) [][]naiveRow {
	var out [][]naiveRow
	for i, r := range rows {
		if i == 0 || rows[i-1].k != r.k || by(rows[i-1]) != by(r) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

func perPartition(rows []naiveRow, most int) []naiveRow {
	var out []naiveRow
	for _, g := range groups(rows, func(naiveRow) int64 { return 0 }) {
		out = append(out, g[:min(most, len(g))]...)
	}
	return out
}

// aggregates are count(*), count(v), sum(v), min(v), max(v), avg(w), first(v), last(v).
func aggregates(rows []naiveRow) []any {
	var count, countV, countW int64
	var sum int32
	var low, high, first, last any
	var firstAt, lastAt naiveRow
	var s, c float64
	for _, r := range rows {
		count++
		if v, ok := r.v.seen().(int32); ok {
			countV++
			sum += v
			if low == nil || v < low.(int32) {
				low = v
			}
			if high == nil || v > high.(int32) {
				high = v
			}
			if first == nil || r.ts < firstAt.ts || r.ts == firstAt.ts && r.k == firstAt.k && r.d > firstAt.d {
				first, firstAt = v, r
			}
			if last == nil || r.ts > lastAt.ts || r.ts == lastAt.ts && (r.k != lastAt.k || r.d < lastAt.d) {
				last, lastAt = v, r
			}
		}
		if w, ok := r.w.seen().(float64); ok {
			countW++
			y := w - c
			t := s + y
			c = (t - s) - y
			s = t
		}
	}
	avg := 0.0
	if countW > 0 {
		avg = (s + c) / float64(countW)
	}
	return []any{count, countV, sum, low, high, avg, first, last}
}

const aggregateList = "count(*), count(v), sum(v), min(v), max(v), avg(w), first(v), last(v)"

// statements with their answers.
var statements = []struct {
	text   string
	answer func(n *naive) [][]any
}{
	{"SELECT * FROM t", func(n *naive) [][]any { return all(n.visible(false, true, nil)) }},
	{"SELECT * FROM t LIMIT 7", func(n *naive) [][]any {
		rows := all(n.visible(false, true, nil))
		return rows[:min(7, len(rows))]
	}},
	{"SELECT * FROM t PER PARTITION LIMIT 2", func(n *naive) [][]any { return all(perPartition(n.visible(false, true, nil), 2)) }},
	{"SELECT * FROM t WHERE k = 2 ORDER BY ts DESC", func(n *naive) [][]any {
		return all(slices.DeleteFunc(n.visible(true, true, nil), func(r naiveRow) bool { return r.k != 2 }))
	}},
	{"SELECT * FROM t WHERE k = 3 AND ts >= 2400000 AND ts < 8400000", func(n *naive) [][]any {
		return all(n.visible(false, false, func(r naiveRow) bool { return r.k == 3 && r.ts >= 2400000 && r.ts < 8400000 }))
	}},
	{"SELECT * FROM t WHERE k = 3 AND (ts, d) > (2400000, 1) AND (ts, d) <= (7200000, 1)", func(n *naive) [][]any {
		return all(n.visible(false, false, func(r naiveRow) bool {
			above := r.ts > 2400000 || r.ts == 2400000 && r.d > 1
			return r.k == 3 && above && (r.ts < 7200000 || r.ts == 7200000 && r.d <= 1)
		}))
	}},
	{"SELECT * FROM t WHERE v > 0 AND d IN (0, 2) ALLOW FILTERING", func(n *naive) [][]any {
		return all(n.visible(false, false, func(r naiveRow) bool {
			v, ok := r.v.seen().(int32)
			return ok && v > 0 && r.d != 1
		}))
	}},
	{"SELECT * FROM t WHERE s >= 20 ALLOW FILTERING", func(n *naive) [][]any {
		rows := n.visible(false, true, nil)
		return all(slices.DeleteFunc(rows, func(r naiveRow) bool { return r.s == nil || r.s.(int32) < 20 }))
	}},
	{"SELECT DISTINCT k, s FROM t", func(n *naive) [][]any {
		var out [][]any
		for _, r := range perPartition(n.visible(false, true, nil), 1) {
			out = append(out, []any{r.k, r.s})
		}
		return out
	}},
	{"SELECT " + aggregateList + " FROM t", func(n *naive) [][]any { return [][]any{aggregates(n.visible(false, true, nil))} }},
	{"SELECT k, floor(ts, 1h), " + aggregateList + " FROM t GROUP BY k, floor(ts, 1h)", func(n *naive) [][]any {
		return hourly(n.visible(false, true, nil))
	}},
	{"SELECT k, floor(ts, 1h), " + aggregateList + " FROM t WHERE k = 4 AND ts > 0 GROUP BY k, floor(ts, 1h) ORDER BY ts DESC LIMIT 2", func(n *naive) [][]any {
		rows := hourly(n.visible(true, false, func(r naiveRow) bool { return r.k == 4 && r.ts > 0 }))
		return rows[:min(2, len(rows))]
	}},
	{"SELECT k, ts, count(*) FROM t GROUP BY k, ts PER PARTITION LIMIT 2", func(n *naive) [][]any {
		var out [][]any
		taken := map[int32]int{}
		for _, g := range groups(n.visible(false, true, nil), func(r naiveRow) int64 { return r.ts }) {
			if taken[g[0].k]++; taken[g[0].k] <= 2 {
				out = append(out, []any{g[0].k, g[0].cells()[1], int64(len(g))})
			}
		}
		return out
	}},
	{"SELECT k, ttl(v), writetime(w) FROM t WHERE k IN (1, 5, 2)", func(n *naive) [][]any {
		rows := n.visible(false, true, nil)
		slices.SortStableFunc(rows, func(a, b naiveRow) int { return cmp.Compare(a.k, b.k) })
		var out [][]any
		for _, r := range rows {
			if r.k == 3 || r.k == 4 {
				continue
			}
			var ttl, written any
			if r.v.seen() != nil && r.v.end != mutation.Forever {
				ttl = int32(r.v.end - nowSec)
			}
			if r.w.seen() != nil {
				written = int64(7)
			}
			out = append(out, []any{r.k, ttl, written})
		}
		return out
	}},
}

func hourly(rows []naiveRow) [][]any {
	var out [][]any
	for _, g := range groups(rows, func(r naiveRow) int64 { return r.ts / 3_600_000 }) {
		var start any = g[0].ts / 3_600_000 * 3_600_000
		if g[0].static {
			start = nil
		}
		out = append(out, append([]any{g[0].k, start}, aggregates(g)...))
	}
	return out
}

func encodeRows(rows [][]any) []byte {
	var out []byte
	for _, r := range rows {
		for _, v := range r {
			out = AppendCell(out, encode(v))
		}
	}
	return out
}

func plan(t interface{ Fatalf(string, ...any) }, table *schema.Table, text string) *planner.Read {
	s := (&schema.Snapshot{}).WithKeyspace(&schema.Keyspace{Name: "ks"}).WithTable(table)
	tree, err := cql.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := planner.Prepare(s, "ks", tree, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	bound, err := p.Bind(nil, planner.Context{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return bound.(*planner.Read)
}

// pages reads an answer page by page and joins the pages.
func pages(src Source, read *planner.Read, pageSize, bytesMax int) (rows []byte, count int, err error) {
	var state []byte
	for n := 0; ; n++ {
		page, err := Run(src, read, Options{NowSec: nowSec, PageSize: pageSize, State: state, RowsBytesMax: bytesMax})
		if err != nil {
			return nil, 0, err
		}
		if pageSize > 0 && page.RowCount > pageSize {
			return nil, 0, fmt.Errorf("page of %d rows, asked for %d", page.RowCount, pageSize)
		}
		if page.State != nil && page.RowCount == 0 {
			return nil, 0, errors.New("an empty page that is not the last")
		}
		rows, count = append(rows, page.Rows...), count+page.RowCount
		if state = page.State; state == nil {
			return rows, count, nil
		}
	}
}

func TestAnswersEqualNaiveOnesWhateverThePages(t *testing.T) {
	table := readings()
	for _, st := range statements {
		read := plan(t, table, st.text)
		t.Run(st.text, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := drawNaive(t)
				src := n.source(table, rapid.IntRange(1, 9).Draw(t, "batch"))
				want := st.answer(n)
				rows, count, err := pages(src, read, rapid.IntRange(0, 6).Draw(t, "page"), rapid.SampledFrom([]int{0, 1, 90}).Draw(t, "bytes"))
				if err != nil {
					t.Fatal(err)
				}
				if count != len(want) || !bytes.Equal(rows, encodeRows(want)) {
					t.Fatalf("%d rows, want %d: %v\n got %x\nwant %x", count, len(want), want, rows, encodeRows(want))
				}
			})
		})
	}
}

func TestSortOverPartitions(t *testing.T) {
	table := readings()
	n := &naive{rows: []naiveRow{
		{k: 1, ts: 5, marker: mutation.Forever}, {k: 2, ts: 4, marker: mutation.Forever},
		{k: 1, ts: 1, marker: mutation.Forever}, {k: 2, ts: 9, marker: mutation.Forever},
	}}
	read := plan(t, table, "SELECT k, ts FROM t WHERE k IN (1, 2) ORDER BY ts DESC LIMIT 3")
	got, err := Run(n.source(table, 4), read, Options{NowSec: nowSec})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{{int32(2), int64(9)}, {int32(1), int64(5)}, {int32(2), int64(4)}}
	if got.RowCount != 3 || !bytes.Equal(got.Rows, encodeRows(want)) {
		t.Fatalf("%x", got.Rows)
	}
	var invalid *planner.InvalidError
	if _, err := Run(n.source(table, 4), read, Options{NowSec: nowSec, PageSize: 2}); !errors.As(err, &invalid) {
		t.Fatalf("a sorted answer was paged: %v", err)
	}
}

func FuzzState(f *testing.F) {
	table := readings()
	n := &naive{rows: []naiveRow{{k: 1, ts: 5, marker: mutation.Forever}, {k: 1, ts: 6, marker: mutation.Forever}, {k: 2, ts: 4, marker: mutation.Forever}}}
	read := plan(f, table, "SELECT * FROM t")
	src := n.source(table, 2)
	for size := 1; size < 3; size++ {
		page, err := Run(src, read, Options{NowSec: nowSec, PageSize: size})
		if err != nil || page.State == nil {
			f.Fatal(err)
		}
		f.Add(page.State)
		f.Add(page.State[:len(page.State)-1])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		if state == nil {
			return
		}
		_, err := Run(src, read, Options{NowSec: nowSec, State: state})
		var invalid *planner.InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatalf("state %x: %v", state, err)
		}
	})
}

// repeated is a Source of one partition that gives the same batch over and over.
type repeated struct {
	memorySource
	batch  *mutation.Batch
	rounds int
}

func (s *repeated) Read(*schema.Table, mutation.ReadRequest) (mutation.PartitionReader, error) {
	return &repeatedReader{batch: s.batch, left: s.rounds}, nil
}

type repeatedReader struct {
	batch *mutation.Batch
	left  int
}

func (r *repeatedReader) Side() *mutation.Side { return &mutation.Side{} }
func (r *repeatedReader) Close()               {}

func (r *repeatedReader) Next() (*mutation.Batch, error) {
	if r.left == 0 {
		return nil, nil
	}
	r.left--
	return r.batch, nil
}

// fullBatch is a batch of t's rows with v, or w, every row of them alive.
func fullBatch(ofDouble bool) *mutation.Batch {
	b := &mutation.Batch{Rows: mutation.BatchRowsMax, Clustering: make([]mutation.Vector, 2), Columns: make([]mutation.Vector, 1)}
	b.Clustering[0].Reset(mutation.PhysicalInt, 8)
	b.Clustering[1].Reset(mutation.PhysicalInt, 4)
	b.Columns[0].Reset(mutation.PhysicalInt, 4)
	if ofDouble {
		b.Columns[0].Reset(mutation.PhysicalDouble, 8)
	}
	for i := range b.Rows {
		b.Clustering[0].Append(types.AppendBigint(nil, int64(i)*10_000))
		b.Clustering[1].Append(types.AppendInt(nil, 0))
		if ofDouble {
			b.Columns[0].Append(types.AppendDouble(nil, float64(i)))
		} else {
			b.Columns[0].Append(types.AppendInt(nil, int32(i)))
		}
	}
	return b
}

// Memory of an aggregate does not grow with the rows it reads.
func TestAggregatesAllocateNothingPerRow(t *testing.T) {
	table := readings()
	for text, ofDouble := range map[string]bool{
		"SELECT count(*), count(v), sum(v), avg(v), min(v), max(v), last(v) FROM t WHERE k = 1":  false,
		"SELECT sum(w), avg(w), min(w), max(w) FROM t WHERE k = 1":                               true,
		"SELECT count(v) FROM t WHERE k = 1 AND v > 100 ALLOW FILTERING":                         false,
		"SELECT stddev(v), median(v), distinct(v), delta(v) FROM t WHERE k = 1":                  false,
		"SELECT stddev(w), percentile(w, 0.9), rate(w), time_weighted_avg(w) FROM t WHERE k = 1": true,
	} {
		read := plan(t, table, text)
		count := func(rounds int) float64 {
			src := &repeated{batch: fullBatch(ofDouble), rounds: rounds}
			return testing.AllocsPerRun(10, func() {
				if _, err := Run(src, read, Options{NowSec: nowSec}); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := count(2), count(40); many > few+2 { // a map of distinct may grow in other steps
			t.Errorf("%s: %v allocations for 2 batches, %v for 40", text, few, many)
		}
	}
}

func BenchmarkAggregate(b *testing.B) {
	table := readings()
	for name, text := range map[string]string{
		"one":    "SELECT count(*), sum(w), min(w), max(w) FROM t WHERE k = 1",
		"hourly": "SELECT floor(ts, 1h), avg(w), min(w), max(w) FROM t WHERE k = 1 GROUP BY k, floor(ts, 1h)",
		"rows":   "SELECT ts, w FROM t WHERE k = 1",

		"stddev":            "SELECT stddev(w) FROM t WHERE k = 1",
		"percentile":        "SELECT percentile(w, 0.99) FROM t WHERE k = 1",
		"distinct":          "SELECT distinct(w) FROM t WHERE k = 1",
		"rate":              "SELECT rate(w) FROM t WHERE k = 1",
		"time_weighted_avg": "SELECT time_weighted_avg(w) FROM t WHERE k = 1",
		"zone":              "SELECT time_bucket(ts, 1d, 'Europe/Berlin'), max(w) FROM t WHERE k = 1 GROUP BY k, time_bucket(ts, 1d, 'Europe/Berlin')",
	} {
		read := plan(b, table, text)
		b.Run(name, func(b *testing.B) {
			src := &repeated{batch: fullBatch(true), rounds: 100}
			b.SetBytes(100 * mutation.BatchRowsMax)
			for b.Loop() {
				if _, err := Run(src, read, Options{NowSec: nowSec}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What aggregates keep is leased, as it grows.
func TestAggregatesAreLeased(t *testing.T) {
	account := memory.NewAccount("test", 64<<10)
	lease := account.Lease(0)
	src := &repeated{batch: fullBatch(false), rounds: 2}
	_, err := Run(src, plan(t, readings(), "SELECT distinct(v) FROM t WHERE k = 1"), Options{NowSec: nowSec, Memory: lease})
	if err != nil || account.Used() < 16<<10 {
		t.Errorf("%v, %d bytes are held for a count of 1,024 values", err, account.Used())
	}
	lease.Free()
	var full *memory.FullError
	if _, err := Run(src, plan(t, readings(), "SELECT distinct(v), distinct(d), median(v), median(d), percentile(v, 0.1) FROM t WHERE k = 1"), Options{NowSec: nowSec, Memory: lease}); !errors.As(err, &full) {
		t.Errorf("beyond the account: %v", err)
	}
	lease.Free()
}

// A page takes its memory from the lease, sorted or not, and is refused when there is none.
func TestPagesAreLeased(t *testing.T) {
	account := memory.NewAccount("test", 1<<20)
	lease := account.Lease(0)
	run := func(keep int) error {
		r := &run{plan: &planner.Read{}, opts: Options{Memory: lease}}
		r.result.Rows = make([]byte, 0, keep)
		return r.counted(1)
	}
	if err := run(400 << 10); err != nil || account.Used() != 800<<10 {
		t.Errorf("%v, %d bytes are held for 400 KiB and their copy", err, account.Used())
	}
	var full *memory.FullError
	if err := run(200 << 10); !errors.As(err, &full) {
		t.Errorf("beyond the account: %v", err)
	}
	lease.Free()
	if account.Used() != 0 {
		t.Errorf("%d bytes are left", account.Used())
	}
}
