package sstable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/mutationtest"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"pgregory.net/rapid"
)

const testPath = "/sstable-0000000000000007.sst"

// stored is a partition as tests write it.
type stored struct {
	key  partition.DecoratedKey
	side mutation.Side
	rows []mutation.Row
}

// testTable has every kind of column.
func testTable(law mutation.Law, layout clustering.Layout) *mutation.Table {
	return &mutation.Table{
		ID: mutation.TableID{1, 2, 3}, Name: "ks.readings", Law: law, Clustering: layout,
		Columns: []mutation.Column{
			{ID: 1, Physical: mutation.PhysicalDouble, Width: 8},
			{ID: 2, Physical: mutation.PhysicalInt, Width: 4},
			{ID: 3, Physical: mutation.PhysicalBytes},
			{ID: 4, Physical: mutation.PhysicalBytes, Static: true},
			{ID: 7, Physical: mutation.PhysicalFloat, Width: 4},
			{ID: 9, Physical: mutation.PhysicalInt, Width: 1},
			{ID: 11, Physical: mutation.PhysicalBytes, Complex: true},
			{ID: 12, Physical: mutation.PhysicalBytes, Static: true, Complex: true},
			{ID: 300, Physical: mutation.PhysicalInt, Width: 8},
		},
	}
}

var layouts = map[string]clustering.Layout{
	"none":      nil,
	"time":      {{Type: types.Timestamp}},
	"time desc": {{Type: types.Timestamp, Desc: true}},
	"two":       {{Type: types.Text, Desc: true}, {Type: types.Int}},
}

func write(t testing.TB, fs vfs.FS, opts WriterOptions, parts []stored) Info {
	t.Helper()
	return writeIn(t, fs, opts, parts, blockBytes)
}

// writeIn is write with blocks of another size.
func writeIn(t testing.TB, fs vfs.FS, opts WriterOptions, parts []stored, blockBytes int) Info {
	t.Helper()
	f, err := fs.Create(testPath)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, opts)
	w.blockBytes = blockBytes
	for i := range parts {
		if err := w.StartPartition(parts[i].key, &parts[i].side); err != nil {
			t.Fatal(err)
		}
		for k := range parts[i].rows {
			if err := w.AppendRow(&parts[i].rows[k]); err != nil {
				t.Fatal(err)
			}
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return info
}

func open(t testing.TB, fs vfs.FS, table *mutation.Table) *Reader {
	t.Helper()
	return openIn(t, fs, table, NewCache(1<<20))
}

func openIn(t testing.TB, fs vfs.FS, table *mutation.Table, cache *Cache) *Reader {
	t.Helper()
	r, err := Open(fs, testPath, table, cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// cloneRow copies a row that is valid only until the next one. What is empty becomes nil, so that rows compare.
func cloneRow(row *mutation.Row) mutation.Row {
	out := *row
	out.Clustering = append([]byte(nil), row.Clustering...)
	out.Cells = nil
	for _, c := range row.Cells {
		if !c.IsTombstone() {
			c.Value = append([]byte{}, c.Value...)
		}
		out.Cells = append(out.Cells, c)
	}
	return out
}

func collect(t testing.TB, source mutation.RowSource) []mutation.Row {
	t.Helper()
	var out []mutation.Row
	for {
		row, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return out
		}
		out = append(out, cloneRow(row))
	}
}

func key(i int) partition.DecoratedKey {
	return partition.Decorate(fmt.Appendf(nil, "device-%d", i))
}

// groupOf returns the entry of a row group in the directory.
func groupOf(t testing.TB, r *Reader, number int) *group {
	t.Helper()
	g := &group{}
	if err := r.group(number, g); err != nil {
		t.Fatal(err)
	}
	return g
}

func sortParts(parts []stored) {
	sort.Slice(parts, func(i, j int) bool { return parts[i].key.Compare(parts[j].key) < 0 })
}

func encodeKey(t testing.TB, layout clustering.Layout, values ...[]byte) []byte {
	t.Helper()
	out, err := layout.Encode(values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func be(v int64, width int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(v))[8-width:]
}

// sensorRows are n rows as a sensor writes them.
func sensorRows(t testing.TB, layout clustering.Layout, n int) []mutation.Row {
	rows := make([]mutation.Row, n)
	for i := range rows {
		ts := 1700000000000 + int64(i)*10000
		written := ts * 1000
		cell := func(id mutation.ColumnID, value []byte) mutation.Cell {
			return mutation.Cell{Column: id, Timestamp: written, ExpiresAt: mutation.Forever, Value: value}
		}
		rows[i] = mutation.Row{
			Clustering: encodeKey(t, layout, be(ts, 8)),
			Live:       mutation.Liveness{Timestamp: written, ExpiresAt: mutation.Forever},
			Cells: []mutation.Cell{
				cell(1, be(int64(math.Float64bits(20+float64(i%100)/10)), 8)), cell(2, be(int64(i%7), 4)), cell(3, []byte("ok")),
			},
		}
	}
	return rows
}

// drawParts draws partitions with everything that rows can have.
func drawParts(t *rapid.T, table *mutation.Table) []stored {
	n := rapid.IntRange(0, 6).Draw(t, "partitions")
	var out []stored
	for i := range n {
		p := stored{key: key(i), side: drawSide(t, table)}
		rows := rapid.SampledFrom([]int{0, 1, 3, 20, 260}).Draw(t, "rows")
		seen := map[string]bool{}
		for range rows {
			row := drawRow(t, table)
			if !seen[string(row.Clustering)] {
				seen[string(row.Clustering)] = true
				p.rows = append(p.rows, row)
			}
		}
		sort.Slice(p.rows, func(i, j int) bool { return bytes.Compare(p.rows[i].Clustering, p.rows[j].Clustering) < 0 })
		out = append(out, p)
	}
	sortParts(out)
	return out
}

func drawSide(t *rapid.T, table *mutation.Table) mutation.Side {
	var side mutation.Side
	if rapid.IntRange(0, 3).Draw(t, "side") > 0 {
		return side
	}
	if rapid.Bool().Draw(t, "partition deletion") {
		side.Deletion = mutation.Deletion{MarkedAt: rapid.Int64().Draw(t, "marked"), LocalSec: 5}
	}
	if rapid.Bool().Draw(t, "static") {
		row := cloneRow(&mutation.Row{Cells: []mutation.Cell{{Column: 4, Timestamp: 7, ExpiresAt: mutation.Forever, Value: []byte("attic")}}})
		if rapid.Bool().Draw(t, "complex static") {
			row.Cells = append(row.Cells, drawComplex(t, 12, 1000))
		}
		side.Static = &row
	}
	if rapid.Bool().Draw(t, "range") && len(table.Clustering) > 0 {
		a := drawRow(t, table).Clustering
		side.Ranges = []mutation.RangeTombstone{{
			Slice: clustering.Slice{Start: clustering.After(a), End: clustering.After(nil)}, Deletion: mutation.Deletion{MarkedAt: -3, LocalSec: 9},
		}}
	}
	return side
}

func drawRow(t *rapid.T, table *mutation.Table) mutation.Row {
	var values [][]byte
	for _, c := range table.Clustering {
		switch {
		case rapid.IntRange(0, 20).Draw(t, "empty") == 0:
			values = append(values, []byte{})
		case c.Type.FixedWidth() > 0:
			values = append(values, be(int64(rapid.IntRange(-50, 500).Draw(t, "key")), c.Type.FixedWidth()))
		default:
			values = append(values, rapid.SampledFrom([][]byte{[]byte("a"), []byte("ab"), {0x62, 0}, []byte("zürich")}).Draw(t, "text"))
		}
	}
	clusteringKey, err := table.Clustering.Encode(values)
	if err != nil {
		t.Fatal(err)
	}
	row := mutation.Row{Clustering: append([]byte(nil), clusteringKey...)}
	if table.Law == mutation.BySequence {
		row.Sequence = rapid.Uint64().Draw(t, "sequence")
	}
	ts := rapid.Int64Range(1000, 1010).Draw(t, "ts")
	ttl, end := int32(0), mutation.Forever
	if rapid.IntRange(0, 3).Draw(t, "ttl") == 0 {
		ttl, end = 60, 2000+int64(rapid.IntRange(0, 3).Draw(t, "end"))
	}
	if rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		row.Live = mutation.Liveness{Timestamp: ts, TTL: ttl, ExpiresAt: end}
	}
	if rapid.IntRange(0, 5).Draw(t, "deleted") == 0 {
		row.Deletion = mutation.Deletion{MarkedAt: ts - 1, LocalSec: 1}
	}
	for _, c := range table.Columns {
		if !c.Static && rapid.IntRange(0, 2).Draw(t, "cell") > 0 {
			row.Cells = append(row.Cells, drawCell(t, c, ts, ttl, end))
		}
	}
	return row
}

func drawComplex(t *rapid.T, id mutation.ColumnID, ts int64) mutation.Cell {
	intn := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "complex") }
	return mutationtest.Complex(intn, ts, 2000).Cell(id, nil)
}

func drawCell(t *rapid.T, c mutation.Column, ts int64, ttl int32, end int64) mutation.Cell {
	if c.Complex {
		return drawComplex(t, c.ID, ts)
	}
	cell := mutation.Cell{Column: c.ID, Timestamp: ts, TTL: ttl, ExpiresAt: end}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		cell.TTL, cell.ExpiresAt = 0, rapid.Int64Range(1, math.MaxInt64-1).Draw(t, "deleted at")
		return cell
	case 1:
		cell.Timestamp = rapid.Int64().Draw(t, "own ts")
	case 2:
		cell.TTL, cell.ExpiresAt = rapid.Int32Range(1, math.MaxInt32).Draw(t, "own ttl"), rapid.Int64Range(1, math.MaxInt64).Draw(t, "own end")
	case 3:
		cell.TTL, cell.ExpiresAt = 0, mutation.Forever
	}
	switch {
	case rapid.IntRange(0, 200).Draw(t, "empty") == 0:
		cell.Value = []byte{}
	case c.Width > 0:
		cell.Value = be(rapid.Int64().Draw(t, "value"), c.Width)
	default:
		cell.Value = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes")...)
	}
	return cell
}

func drawTable(t *rapid.T) *mutation.Table {
	law := rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")
	layout := rapid.SampledFrom([]string{"none", "time", "time desc", "two"}).Draw(t, "layout")
	return testTable(law, layouts[layout])
}

// drawSlices draws slices over the keys of a partition.
func drawSlices(t *rapid.T, p *stored) clustering.Slices {
	if len(p.rows) == 0 || rapid.Bool().Draw(t, "all") {
		return clustering.All()
	}
	var in []clustering.Slice
	for range rapid.IntRange(0, 3).Draw(t, "slices") {
		bound := func() clustering.Bound {
			k := p.rows[rapid.IntRange(0, len(p.rows)-1).Draw(t, "at")].Clustering
			if len(k) > 0 && rapid.Bool().Draw(t, "beside") {
				k = slices.Clone(k)
				k[len(k)-1] ^= byte(rapid.IntRange(1, 3).Draw(t, "by")) // mostly no row has it
			}
			return rapid.SampledFrom([]clustering.Bound{clustering.Before(k), clustering.After(k), clustering.Before(nil), clustering.After(nil)}).Draw(t, "bound")
		}
		in = append(in, clustering.Slice{Start: bound(), End: bound()})
	}
	return clustering.MakeSlices(in)
}

func TestRowsComeBackAsAppended(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		parts := drawParts(rt, table)
		fs := vfs.NewMem()
		opts := WriterOptions{Table: table, FileID: 7, BucketStart: 10, BucketEnd: 20, EpochLow: 3, EpochHigh: 4}
		info := writeIn(t, fs, opts, parts, rapid.SampledFrom(blockSizes).Draw(rt, "block"))
		checkInfo(rt, table.Law, &info, parts)
		r := openIn(t, fs, table, NewCache(rapid.SampledFrom([]int64{0, fileOverhead + 2000, 1 << 20}).Draw(rt, "cache")))
		if !reflect.DeepEqual(*r.Info(), info) {
			rt.Fatalf("info %+v, want %+v", *r.Info(), info)
		}
		if err := r.Verify(); err != nil {
			rt.Fatal(err)
		}
		for i := range parts {
			p, err := r.Partition(parts[i].key)
			if err != nil || p == nil {
				rt.Fatalf("partition %d: %v, %v", i, p, err)
			}
			checkSide(rt, p.Side(), &parts[i].side)
			checkRows(t, rt, p, &parts[i], clustering.All(), false)
			checkRows(t, rt, p, &parts[i], drawSlices(rt, &parts[i]), rapid.Bool().Draw(rt, "reverse"))
		}
	})
}

// blockSizes are an entry a block, some, and what is usual.
var blockSizes = []int{1, 100, blockBytes}

// checkInfo checks what is known of the sequences and the end of all rows.
func checkInfo(t *rapid.T, law mutation.Law, info *Info, parts []stored) {
	low, high, alive := uint64(0), uint64(0), int64(0)
	for i := range parts {
		for k := range parts[i].rows {
			row := &parts[i].rows[k]
			if row.Sequence != 0 && (low == 0 || row.Sequence < low) {
				low = row.Sequence
			}
			high, alive = max(high, row.Sequence), max(alive, aliveUntil(law, row))
		}
		if static := parts[i].side.Static; static != nil {
			for _, c := range static.Cells {
				alive = max(alive, c.ExpiresAt)
			}
		}
	}
	if info.MinSequence != low || info.MaxSequence != high || info.MaxAliveUntil != alive {
		t.Fatalf("sequences %d to %d, alive until %d, want %d to %d, %d", info.MinSequence, info.MaxSequence, info.MaxAliveUntil, low, high, alive)
	}
}

func checkSide(t *rapid.T, got, want *mutation.Side) {
	if got.Deletion != want.Deletion || !reflect.DeepEqual(got.Static, want.Static) || len(got.Ranges) != len(want.Ranges) {
		t.Fatalf("side %+v, want %+v", got, want)
	}
	for i := range got.Ranges {
		if got.Ranges[i].Deletion != want.Ranges[i].Deletion || got.Ranges[i].Slice.String() != want.Ranges[i].Slice.String() {
			t.Fatalf("range %+v, want %+v", got.Ranges[i], want.Ranges[i])
		}
	}
}

func checkRows(t *testing.T, rt *rapid.T, p *Partition, want *stored, in clustering.Slices, reverse bool) {
	var expected []mutation.Row
	for i := range want.rows {
		if in.Contains(want.rows[i].Clustering) {
			expected = append(expected, cloneRow(&want.rows[i]))
		}
	}
	if reverse {
		slices.Reverse(expected)
	}
	got := collect(t, mutation.Validate(p.rows(in, reverse), reverse))
	if len(got) != len(expected) {
		rt.Fatalf("%d rows of %s, want %d", len(got), in, len(expected))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], expected[i]) {
			rt.Fatalf("row %d\n%+v, want\n%+v", i, got[i], expected[i])
		}
	}
}
