package sstable

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"pgregory.net/rapid"
)

// drawnBlock is a block of n rows of a table, whose clustering is ascending from a number on.
func drawnBlock(t *rapid.T, table *mutation.Table, start, n int) *mutation.Block {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	b := &mutation.Block{Rows: n, Timestamps: make([]int64, n)}
	apart := rapid.Bool().Draw(t, "timestamps apart")
	for i := range b.Timestamps {
		b.Timestamps[i] = 1700
		if apart {
			b.Timestamps[i] = rng.Int64N(1 << 40)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "ttl") == 0 {
		b.TTLs, b.ExpiresAt = make([]int32, n), make([]int64, n)
		some := rapid.SampledFrom([]int{1, 2, 10}).Draw(t, "share of ttls")
		for i := range n {
			b.ExpiresAt[i] = mutation.Forever
			if rng.IntN(some) == 0 {
				b.TTLs[i], b.ExpiresAt[i] = int32(1+rng.IntN(50)), 2000+rng.Int64N(9)
			}
		}
	}
	if table.Law == mutation.BySequence {
		b.Sequences = make([]uint64, n)
		for i := range n {
			b.Sequences[i] = rng.Uint64N(3)
		}
	}
	if rapid.Bool().Draw(t, "not all live") {
		b.Live = drawnBits(rng, n, rapid.IntRange(1, 20).Draw(t, "share of markers"))
	}
	b.Clustering = drawnKeys(table, start, n)
	for _, c := range table.Columns {
		if !c.Static {
			b.Columns = append(b.Columns, drawnVector(t, rng, c, n))
		}
	}
	return b
}

// drawnKeys are the clusterings start, start+1 and so on.
func drawnKeys(table *mutation.Table, start, n int) []mutation.Vector {
	out := make([]mutation.Vector, len(table.Clustering))
	for k, c := range table.Clustering {
		out[k].Reset(mutation.PhysicalOf(c.Type))
		for i := range n {
			at := start + i
			if c.Desc {
				at = 1<<20 - at
			}
			if c.Type == types.Text {
				out[k].Append(fmt.Appendf(nil, "%07d", at))
			} else {
				out[k].Append(be(int64(at), c.Type.FixedWidth()))
			}
		}
	}
	return out
}

// drawnBits are n bits of which one in share is not set.
func drawnBits(rng *rand.Rand, n, share int) []uint64 {
	out := make([]uint64, (n+63)/64)
	for i := range n {
		if rng.IntN(share) > 0 {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

func drawnVector(t *rapid.T, rng *rand.Rand, c mutation.Column, n int) mutation.Vector {
	var v mutation.Vector
	v.Reset(c.Physical, c.Width)
	if c.Complex { // no block has any
		for range n {
			v.AppendAbsent()
		}
		return v
	}
	kind := rapid.IntRange(0, 5).Draw(t, "kind of values")
	for range n {
		switch {
		case c.Physical == mutation.PhysicalBytes:
			v.Append(fmt.Appendf(nil, "%0*d", rng.IntN(5), rng.IntN(20)))
		case kind == 0 && rng.IntN(50) == 0:
			v.Append(nil) // all become bytes
		case kind == 1 && c.Width == 8:
			v.Append(be(int64(math.Float64bits(math.NaN())), 8))
		case kind == 2:
			v.Append(be(int64(rng.Uint64()), c.Width))
		default:
			v.Append(be(rng.Int64N(100), c.Width))
		}
	}
	if rapid.Bool().Draw(t, "sparse") {
		v.Present = drawnBits(rng, n, rapid.IntRange(1, 9).Draw(t, "share of values"))
	}
	return v
}

// rowOf is row i of a block; ok is false if there is nothing in it.
func rowOf(table *mutation.Table, b *mutation.Block, i int) (row mutation.Row, ok bool) {
	keys := newKeyCodec(table.Clustering)
	row.Clustering = keys.appendRow([]byte{}, b.Clustering, i)
	ttl, end := int32(0), mutation.Forever
	if b.TTLs != nil {
		ttl = b.TTLs[i]
	}
	if b.ExpiresAt != nil {
		end = b.ExpiresAt[i]
	}
	if b.Sequences != nil {
		row.Sequence = b.Sequences[i]
	}
	if b.Live == nil || b.Live[i/64]&(1<<(i%64)) != 0 {
		row.Live = mutation.Liveness{Timestamp: b.Timestamps[i], TTL: ttl, ExpiresAt: end}
	}
	k := 0
	for _, c := range table.Columns {
		if c.Static {
			continue
		}
		if v := &b.Columns[k]; v.Has(i) {
			row.Cells = append(row.Cells, mutation.Cell{
				Column: c.ID, Timestamp: b.Timestamps[i], TTL: ttl, ExpiresAt: end, Value: v.AppendValue([]byte{}, i),
			})
		}
		k++
	}
	return row, !row.Live.IsNone() || len(row.Cells) > 0
}

// written is a file and what its writer says of it.
type written struct {
	info Info
	data []byte
}

// writeWith writes a file as fill does.
func writeWith(t testing.TB, table *mutation.Table, fill func(w *Writer) error) written {
	t.Helper()
	fs := vfs.NewMem()
	f, err := fs.Create(testPath)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, WriterOptions{Table: table, FileID: 7})
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return written{info, bytesOf(t, fs)}
}

// appendRows appends rows [from, to) of a block one by one.
func appendRows(w *Writer, table *mutation.Table, b *mutation.Block, from, to int) error {
	for i := from; i < to; i++ {
		if row, ok := rowOf(table, b, i); ok {
			if err := w.AppendRow(&row); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestBlocksAndRowsWriteTheSame writes the same rows one by one, as blocks, and as both by turns.
func TestBlocksAndRowsWriteTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		if table.Clustering == nil {
			table.Clustering = layouts["time"]
		}
		parts := make([]stored, rapid.IntRange(1, 4).Draw(rt, "partitions"))
		blocks := make([][]*mutation.Block, len(parts))
		for i := range parts {
			parts[i].key = key(i)
			start := 0
			for range rapid.IntRange(0, 3).Draw(rt, "blocks") {
				n := rapid.SampledFrom([]int{1, 5, 64, 200, 300, 1500}).Draw(rt, "rows")
				b := drawnBlock(rt, table, start, n)
				blocks[i] = append(blocks[i], b)
				start += n
			}
		}
		sortParts(parts)
		want := writeWith(t, table, func(w *Writer) error {
			return writeBlocks(w, parts, blocks, func(b *mutation.Block) error { return appendRows(w, table, b, 0, b.Rows) })
		})
		whole := writeWith(t, table, func(w *Writer) error {
			return writeBlocks(w, parts, blocks, func(b *mutation.Block) error { return w.AppendBlock(b, 0, b.Rows) })
		})
		mixed := writeWith(t, table, func(w *Writer) error {
			return writeBlocks(w, parts, blocks, func(b *mutation.Block) error {
				for at := 0; at < b.Rows; {
					to := min(b.Rows, at+rapid.IntRange(1, 700).Draw(rt, "piece"))
					piece := w.AppendBlock
					if rapid.IntRange(0, 3).Draw(rt, "by row") == 0 {
						piece = func(b *mutation.Block, from, to int) error { return appendRows(w, table, b, from, to) }
					}
					if err := piece(b, at, to); err != nil {
						return err
					}
					at = to
				}
				return nil
			})
		})
		for name, got := range map[string]written{"blocks": whole, "mixed": mixed} {
			if !reflect.DeepEqual(got.info, want.info) {
				rt.Fatalf("%s: info\n%+v, by rows\n%+v", name, got.info, want.info)
			}
			if !bytes.Equal(got.data, want.data) {
				rt.Fatalf("%s: %d bytes differ from %d by rows", name, len(got.data), len(want.data))
			}
		}
		r := open(t, store(t, whole.data), table)
		for i := range parts {
			if rows := checkBlocks(t, rt, r, table, parts[i].key); rows < 0 && !oddWidths(table, blocks) {
				rt.Fatalf("partition %d was written as blocks and has none", i)
			}
		}
	})
}

func writeBlocks(w *Writer, parts []stored, blocks [][]*mutation.Block, one func(*mutation.Block) error) error {
	for i := range parts {
		if err := w.StartPartition(parts[i].key, nil); err != nil {
			return err
		}
		for _, b := range blocks[i] {
			if err := one(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestBlocksOfLargeValues are cut where rows would be: when a group has groupBytesMax.
func TestBlocksOfLargeValues(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	const n = 700
	rng := rand.New(rand.NewPCG(1, 1))
	b := &mutation.Block{Rows: n, Timestamps: make([]int64, n), Clustering: drawnKeys(table, 0, n)}
	for _, c := range table.Columns {
		if c.Static {
			continue
		}
		var v mutation.Vector
		v.Reset(c.Physical, c.Width)
		for i := range n {
			if c.Physical == mutation.PhysicalBytes {
				v.Append(make([]byte, rng.IntN(40000)))
			} else {
				v.Append(be(int64(i), c.Width))
			}
		}
		if c.ID == 2 {
			v.Present = drawnBits(rng, n, 2)
		}
		b.Columns = append(b.Columns, v)
	}
	want := writeWith(t, table, func(w *Writer) error {
		return writeBlocks(w, []stored{{key: key(1)}}, [][]*mutation.Block{{b}}, func(b *mutation.Block) error { return appendRows(w, table, b, 0, n) })
	})
	got := writeWith(t, table, func(w *Writer) error {
		return writeBlocks(w, []stored{{key: key(1)}}, [][]*mutation.Block{{b}}, func(b *mutation.Block) error { return w.AppendBlock(b, 0, n) })
	})
	if !bytes.Equal(got.data, want.data) {
		t.Errorf("%d bytes differ from %d by rows", len(got.data), len(want.data))
	}
	r := open(t, store(t, got.data), table)
	if r.groupCount() < 3 {
		t.Errorf("%d row groups of %d bytes", r.groupCount(), len(b.Columns[2].Data))
	}
}

func TestBlocksOutOfOrderAreRefused(t *testing.T) {
	for _, layout := range []string{"time", "time desc"} {
		table := testTable(mutation.ByTimestamp, layouts[layout])
		row := sensorRows(t, table.Clustering, 1)[0]
		for name, change := range map[string]func(b *mutation.Block){
			"within":         func(b *mutation.Block) { b.Clustering[0].Words[3] = b.Clustering[0].Words[2] },
			"after the last": func(b *mutation.Block) { b.Clustering[0].Words[0] = uint64(1700000000000) },
		} {
			b := plainBlock(t, table, 10)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, %s: not refused", layout, name)
					}
				}()
				writeWith(t, table, func(w *Writer) error {
					return writeBlocks(w, []stored{{key: key(1)}}, [][]*mutation.Block{{b}}, func(b *mutation.Block) error {
						if err := w.AppendRow(&row); err != nil {
							return err
						}
						change(b)
						return w.AppendBlock(b, 0, b.Rows)
					})
				})
			}()
		}
	}
}

// plainBlock is what sensorRows are, but the first row.
func plainBlock(t testing.TB, table *mutation.Table, n int) *mutation.Block {
	rows := inOrder(sensorRows(t, table.Clustering, n+1))
	b := &mutation.Block{Rows: n, Clustering: make([]mutation.Vector, 1)}
	b.Clustering[0].Reset(mutation.PhysicalInt, 8)
	keys := newKeyCodec(table.Clustering)
	columns := map[mutation.ColumnID]int{}
	for _, c := range table.Columns {
		if !c.Static {
			columns[c.ID] = len(b.Columns)
			b.Columns = append(b.Columns, mutation.Vector{})
			b.Columns[len(b.Columns)-1].Reset(c.Physical, c.Width)
		}
	}
	for i := range rows[1:] {
		parts, _, err := keys.split(nil, nil, rows[1+i].Clustering)
		if err != nil {
			t.Fatal(err)
		}
		b.Clustering[0].Append(parts[0])
		b.Timestamps = append(b.Timestamps, rows[1+i].Live.Timestamp)
		for _, c := range rows[1+i].Cells {
			b.Columns[columns[c.Column]].Append(c.Value)
		}
	}
	for k := range b.Columns {
		v := &b.Columns[k]
		if v.Physical != mutation.PhysicalBytes && len(v.Words) == 0 {
			v.Words, v.Present = make([]uint64, n), make([]uint64, (n+63)/64)
		}
		for v.Physical == mutation.PhysicalBytes && len(v.Offsets) <= n {
			v.AppendAbsent()
		}
	}
	return b
}

// oddWidths reports whether a fixed-width column is bytes in one of the blocks.
func oddWidths(table *mutation.Table, blocks [][]*mutation.Block) bool {
	for _, b := range slices.Concat(blocks...) {
		k := 0
		for _, c := range table.Columns {
			if !c.Static {
				if b.Columns[k].Physical != c.Physical {
					return true
				}
				k++
			}
		}
	}
	return false
}

// checkBlocks compares the blocks of a partition with its rows, and returns how many there are; -1 if it has no blocks.
func checkBlocks(t *testing.T, rt *rapid.T, r *Reader, table *mutation.Table, key partition.DecoratedKey) int {
	p, err := r.Partition(key)
	if err != nil {
		rt.Fatal(err)
	}
	run := p.Run()
	if run == nil {
		return 0
	}
	blocks := run.Blocks()
	if blocks == nil {
		return -1
	}
	var got []mutation.Row
	for {
		b, err := blocks.Next()
		if err != nil {
			rt.Fatal(err)
		}
		if b == nil {
			break
		}
		for i := range b.Rows {
			row, ok := rowOf(table, b, i)
			if !ok {
				rt.Fatalf("row %x has nothing", row.Clustering)
			}
			got = append(got, cloneRow(&row))
		}
	}
	if want := collect(t, run.Rows(clustering.All(), false)); !reflect.DeepEqual(got, want) {
		rt.Fatalf("%d rows in blocks\n%+v, by themselves %d\n%+v", len(got), got, len(want), want)
	}
	return len(got)
}

// TestBlocksAreTheRows reads blocks, where there are some, of whatever rows there may be, also after columns were dropped.
func TestBlocksAreTheRows(t *testing.T) {
	some := 0
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		parts := drawParts(rt, table)
		if rapid.Bool().Draw(rt, "plain") {
			for i := range parts {
				for k := range parts[i].rows {
					row := &parts[i].rows[k]
					row.Deletion = mutation.Deletion{}
					row.Live = mutation.Liveness{Timestamp: 5, ExpiresAt: mutation.Forever}
					row.Cells = slices.DeleteFunc(row.Cells, func(c mutation.Cell) bool { return c.IsTombstone() || c.Complex })
					for n := range row.Cells {
						row.Cells[n].Timestamp, row.Cells[n].TTL, row.Cells[n].ExpiresAt = 5, 0, mutation.Forever
					}
				}
			}
		}
		fs := vfs.NewMem()
		write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
		now := *table
		now.Columns = slices.DeleteFunc(slices.Clone(table.Columns), func(mutation.Column) bool { return rapid.IntRange(0, 4).Draw(rt, "dropped") == 0 })
		now.Columns = append(now.Columns, mutation.Column{ID: 301, Physical: mutation.PhysicalDouble, Width: 8})
		r := open(t, fs, &now)
		for i := range parts {
			if checkBlocks(t, rt, r, &now, parts[i].key) > 0 {
				some++
			}
		}
	})
	if some == 0 {
		t.Error("no partition had blocks")
	}
}

// TestGroupBytesMax: a writer that is told to closes groups of large values earlier.
func TestGroupBytesMax(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	const n = 64
	fs := vfs.NewMem()
	writeTo(t, fs, WriterOptions{Table: table, FileID: 7, GroupBytesMax: 100_000}, func(w *Writer) error {
		for i := range n {
			clustering, err := table.Clustering.Encode([][]byte{be(int64(i), 8)})
			if err != nil {
				return err
			}
			row := mutation.Row{Clustering: clustering, Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever},
				Cells: []mutation.Cell{{Column: 3, Timestamp: 1, ExpiresAt: mutation.Forever, Value: make([]byte, 10_000)}}}
			if err := w.AppendRow(&row); err != nil {
				return err
			}
		}
		return nil
	})
	if got := open(t, fs, table).groupCount(); got < 6 || got > 8 {
		t.Errorf("%d row groups of %d rows of 10,000 bytes, at most 100,000 a group", got, n)
	}
}
