package compaction

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// blockTable has a time, backwards, and an enumeration; an integer, a text and a static.
func blockTable(law mutation.Law) *mutation.Table {
	return &mutation.Table{
		Name: "k.t", Law: law,
		Clustering: clustering.Layout{{Type: types.Timestamp, Desc: true}, {Type: types.Text}},
		Columns: []mutation.Column{
			{ID: 1, Physical: mutation.PhysicalInt, Width: 4}, {ID: 2, Physical: mutation.PhysicalBytes, Static: true}, {ID: 3, Physical: mutation.PhysicalBytes},
		},
	}
}

// blockRun is rows and the blocks they lie in.
type blockRun struct {
	table *mutation.Table
	rows  []mutation.Row
	sizes []int
	plain bool // it has blocks
}

func (r *blockRun) Bounds() (first, last []byte) {
	return r.rows[0].Clustering, r.rows[len(r.rows)-1].Clustering
}

func (r *blockRun) Rows(clustering.Slices, bool) mutation.RowSource {
	rows := rowsOf(slices.Clone(r.rows))
	return &rows
}

func (r *blockRun) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

func (r *blockRun) Blocks() mutation.BlockSource {
	if !r.plain {
		return nil
	}
	return &blocksOf{r.table, r.rows, r.sizes}
}

// blocksOf puts rows into blocks.
type blocksOf struct {
	table *mutation.Table
	rows  []mutation.Row
	sizes []int
}

func (s *blocksOf) Next() (*mutation.Block, error) {
	if len(s.rows) == 0 {
		return nil, nil
	}
	n := len(s.rows)
	if len(s.sizes) > 0 {
		n, s.sizes = min(n, s.sizes[0]), s.sizes[1:]
	}
	b := blockOf(s.table, s.rows[:n])
	s.rows = s.rows[n:]
	return b, nil
}

func blockOf(table *mutation.Table, rows []mutation.Row) *mutation.Block {
	b := &mutation.Block{Rows: len(rows), Live: make([]uint64, len(rows)/64+1), Clustering: make([]mutation.Vector, 2), Columns: make([]mutation.Vector, 2)}
	b.Clustering[0].Reset(mutation.PhysicalInt, 8)
	b.Clustering[1].Reset(mutation.PhysicalBytes, 0)
	b.Columns[0].Reset(mutation.PhysicalInt, 4)
	b.Columns[1].Reset(mutation.PhysicalBytes, 0)
	for i := range rows {
		row := &rows[i]
		values, err := table.Clustering.Decode(row.Clustering)
		if err != nil {
			panic(err)
		}
		b.Clustering[0].Append(values[0])
		b.Clustering[1].Append(values[1])
		from := row.Live
		if !from.IsNone() {
			b.Live[i/64] |= 1 << (i % 64)
		} else {
			from = mutation.Liveness{Timestamp: row.Cells[0].Timestamp, TTL: row.Cells[0].TTL, ExpiresAt: row.Cells[0].ExpiresAt}
		}
		b.Timestamps = append(b.Timestamps, from.Timestamp)
		b.TTLs = append(b.TTLs, from.TTL)
		b.ExpiresAt = append(b.ExpiresAt, from.ExpiresAt)
		b.Sequences = append(b.Sequences, row.Sequence)
		for k, id := range []mutation.ColumnID{1, 3} {
			b.Columns[k].AppendAbsent()
			for _, c := range row.Cells {
				if c.Column == id {
					b.Columns[k] = withLast(b.Columns[k], c.Value)
				}
			}
		}
	}
	return b
}

// withLast gives the last row of v, which has none, a value.
func withLast(v mutation.Vector, value []byte) mutation.Vector {
	n := max(len(v.Words), len(v.Offsets)-1) - 1
	v.Present[n/64] |= 1 << (n % 64)
	if v.Physical == mutation.PhysicalBytes {
		v.Data = append(v.Data, value...)
		v.Offsets[n+1] = uint32(len(v.Data))
		return v
	}
	v.Words[n] = uint64(int64(int32(binary.BigEndian.Uint32(value))))
	return v
}

// runSource is partitions with runs.
type runSource struct {
	keys []partition.DecoratedKey
	next int
	side map[int]*mutation.Side
	runs map[int][]mutation.Run
}

func (s *runSource) Keys() (mutation.KeyIterator, error) { s.next = 0; return s, nil }

func (s *runSource) Next() (*partition.DecoratedKey, error) {
	if s.next == len(s.keys) {
		return nil, nil
	}
	s.next++
	return &s.keys[s.next-1], nil
}

func (s *runSource) Close() {}

func (s *runSource) Partition(key *partition.DecoratedKey) (*mutation.Side, []mutation.Run, error) {
	i := slices.IndexFunc(s.keys, func(k partition.DecoratedKey) bool { return k.Compare(*key) == 0 })
	return s.side[i], s.runs[i], nil
}

func genBlockRow(t *rapid.T, law mutation.Law, table *mutation.Table, at int64) mutation.Row {
	key, err := table.Clustering.Encode([][]byte{types.AppendBigint(nil, at/2), {byte('a' + at%2)}})
	if err != nil {
		t.Fatal(err)
	}
	ts, end, life := rapid.Int64Range(1, 5).Draw(t, "ts"), mutation.Forever, int32(0)
	if rapid.IntRange(0, 2).Draw(t, "ends") == 0 {
		end, life = rapid.Int64Range(1, 9).Draw(t, "end"), 1
	}
	row := mutation.Row{Clustering: key, Live: mutation.Liveness{Timestamp: ts, TTL: life, ExpiresAt: end}}
	if law == mutation.BySequence {
		row.Sequence = uint64(rapid.IntRange(1, 9).Draw(t, "sequence"))
	}
	has := rapid.IntRange(0, 3).Draw(t, "columns")
	if has&1 != 0 {
		row.Cells = append(row.Cells, mutation.Cell{Column: 1, Timestamp: ts, TTL: life, ExpiresAt: end, Value: types.AppendInt(nil, int32(rapid.IntRange(-2, 2).Draw(t, "int")))})
	}
	if has&2 != 0 {
		row.Cells = append(row.Cells, mutation.Cell{Column: 3, Timestamp: ts, TTL: life, ExpiresAt: end, Value: []byte(rapid.SampledFrom([]string{"", "x", "yz"}).Draw(t, "text"))})
	}
	if has != 0 && rapid.IntRange(0, 3).Draw(t, "update") == 0 {
		row.Live = mutation.Liveness{}
	}
	return row
}

func genRun(t *rapid.T, law mutation.Law, table *mutation.Table) *blockRun {
	low := rapid.Int64Range(0, 60).Draw(t, "low")
	span := rapid.SampledFrom([]int64{3, 20, 60}).Draw(t, "span")
	run := &blockRun{table: table, plain: rapid.IntRange(0, 5).Draw(t, "plain") > 0,
		sizes: rapid.SliceOfN(rapid.IntRange(1, 12), 0, 8).Draw(t, "sizes")}
	for _, at := range rapid.SliceOfNDistinct(rapid.Int64Range(low, low+span), 1, int(span), rapid.ID[int64]).Draw(t, "rows") {
		run.rows = append(run.rows, genBlockRow(t, law, table, at))
	}
	slices.SortFunc(run.rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
	if !run.plain && rapid.Bool().Draw(t, "deletes") {
		run.rows[0] = mutation.Row{Clustering: run.rows[0].Clustering, Sequence: run.rows[0].Sequence, Deletion: mutation.Deletion{MarkedAt: 3, LocalSec: 2}}
	}
	return run
}

func genRunSource(t *rapid.T, law mutation.Law, table *mutation.Table) *runSource {
	s := &runSource{side: map[int]*mutation.Side{}, runs: map[int][]mutation.Run{}}
	for n := range 3 {
		if rapid.Bool().Draw(t, "key") {
			s.keys = append(s.keys, keyOf(n))
		}
	}
	slices.SortFunc(s.keys, partition.DecoratedKey.Compare)
	for i := range s.keys {
		s.side[i] = &mutation.Side{}
		if rapid.IntRange(0, 3).Draw(t, "deleted") == 0 {
			at := rapid.Int64Range(0, 100).Draw(t, "from")
			key := genBlockRow(t, law, table, at).Clustering
			s.side[i].Ranges = []mutation.RangeTombstone{{
				Slice:    clustering.Slice{Start: clustering.Before(key), End: clustering.After(key)},
				Deletion: mutation.Deletion{MarkedAt: rapid.Int64Range(1, 5).Draw(t, "marked"), LocalSec: rapid.Int64Range(1, 9).Draw(t, "local")},
			}}
		}
		for range rapid.IntRange(0, 3).Draw(t, "runs") {
			s.runs[i] = append(s.runs[i], genRun(t, law, table))
		}
	}
	return s
}

// Whether rows go as blocks or one by one, the same comes out; and where nothing is in the way, they do go as blocks.
func TestLanesAgree(t *testing.T) {
	inBlocks := 0
	rapid.Check(t, func(t *rapid.T) {
		law := rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")
		table := blockTable(law)
		var inputs []Source
		for range rapid.IntRange(1, 4).Draw(t, "sources") {
			inputs = append(inputs, genRunSource(t, law, table))
		}
		o := MergeOptions{}
		if rapid.Bool().Draw(t, "purge") {
			purge := ttl.Purge{Law: law, NowSec: rapid.Int64Range(1, 10).Draw(t, "now"), OldestElsewhere: rapid.SampledFrom([]int64{math.MinInt64, 3, ttl.Everywhere}).Draw(t, "elsewhere"),
				KeepExpired: rapid.IntRange(0, 4).Draw(t, "keep") == 0}
			o.Purge = func(*partition.DecoratedKey) ttl.Purge { return purge }
		}
		if rapid.IntRange(0, 3).Draw(t, "hiding") == 0 {
			hiding := genRunSource(t, law, table).side[0]
			o.Hiding = func(*partition.DecoratedKey) (*mutation.Side, error) { return hiding, nil }
		}
		fast, slow := &textSink{t: t, table: table}, &textSink{t: t, table: table}
		if err := Merge(table, inputs, fast, o); err != nil {
			t.Fatal(err)
		}
		o.NoBlocks = true
		if err := Merge(table, inputs, slow, o); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(fast.out, slow.out) {
			t.Fatalf("as blocks\n%q\none by one\n%q", fast.out, slow.out)
		}
		if slow.blocks != 0 {
			t.Fatal("blocks in the lane of rows")
		}
		inBlocks += fast.blocks
	})
	if inBlocks == 0 {
		t.Error("no row went in a block")
	}
}

// A table without clustering has one row a partition, with a key of no bytes.
func TestRowsWithoutClusteringMerge(t *testing.T) {
	table := &mutation.Table{Name: "k.t", Law: mutation.ByTimestamp, Columns: []mutation.Column{{ID: 1, Physical: mutation.PhysicalInt, Width: 8}}}
	one := func(at int64) mutation.Run {
		b := &mutation.Block{Rows: 1, Timestamps: []int64{at}, Columns: []mutation.Vector{{Physical: mutation.PhysicalInt, Width: 8, Words: []uint64{uint64(at)}}}}
		return singleRow{b}
	}
	source := &runSource{keys: []partition.DecoratedKey{keyOf(1)}, side: map[int]*mutation.Side{0: {}}, runs: map[int][]mutation.Run{0: {one(1), one(3), one(2)}}}
	rapid.Check(t, func(t *rapid.T) {
		s := &textSink{t: t, table: table}
		if err := Merge(table, []Source{source}, s, MergeOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(s.out) != 2 || !strings.Contains(s.out[1], ":0000000000000003@3") {
			t.Fatalf("%q", s.out)
		}
	})
}

// singleRow is a run of the one row of a partition.
type singleRow struct{ b *mutation.Block }

func (singleRow) Bounds() (first, last []byte) { return []byte{}, []byte{} }

func (singleRow) Rows(clustering.Slices, bool) mutation.RowSource { panic("only blocks") }

func (singleRow) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

func (r singleRow) Blocks() mutation.BlockSource { return &oneBlock{r.b} }

type oneBlock struct{ b *mutation.Block }

func (o *oneBlock) Next() (*mutation.Block, error) {
	b := o.b
	o.b = nil
	return b, nil
}

// A deletion elsewhere hides rows of the merge and is no part of its result.
func TestHiding(t *testing.T) {
	table := blockTable(mutation.ByTimestamp)
	rapid.Check(t, func(t *rapid.T) {
		run := genRun(t, mutation.ByTimestamp, table)
		source := &runSource{keys: []partition.DecoratedKey{keyOf(1)}, side: map[int]*mutation.Side{0: {}}, runs: map[int][]mutation.Run{0: {run}}}
		err := Merge(table, []Source{source}, nullSink{func(*partition.DecoratedKey) error { t.Fatal("something is left"); return nil }}, MergeOptions{
			Hiding: func(*partition.DecoratedKey) (*mutation.Side, error) {
				return &mutation.Side{Deletion: mutation.Deletion{MarkedAt: 9, LocalSec: 1}}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
