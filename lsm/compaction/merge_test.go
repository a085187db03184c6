package compaction

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/mutationtest"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// memorySource is a memtable as an input.
type memorySource struct{ *memtable.Memtable }

func (m memorySource) Keys() (mutation.KeyIterator, error) {
	return m.Memtable.Keys(partition.Range{}, math.MaxUint64), nil
}

func (m memorySource) Partition(key *partition.DecoratedKey) (*mutation.Side, []mutation.Run, error) {
	p := m.Memtable.Partition(*key, math.MaxUint64)
	return p.Side(), p.Runs(), nil
}

// rowsOnly is a run without blocks.
type rowsOnly struct {
	first, last []byte
	rows        mutation.RowSource
}

func (r rowsOnly) Bounds() (first, last []byte) { return r.first, r.last }

func (r rowsOnly) Rows(clustering.Slices, bool) mutation.RowSource { return r.rows }

func (r rowsOnly) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

func (r rowsOnly) Blocks() mutation.BlockSource { return nil }

// nullSink takes everything.
type nullSink struct {
	start func(key *partition.DecoratedKey) error
}

func (s nullSink) Start(key *partition.DecoratedKey, _ *mutation.Side) error {
	if s.start == nil {
		return nil
	}
	return s.start(key)
}

func (nullSink) Row(*mutation.Row) error { return nil }

func (nullSink) Block(*mutation.Block, int, int) error { return nil }

func keyOf(n int) partition.DecoratedKey { return partition.Decorate(fmt.Appendf(nil, "key %d", n)) }

func rowKey(n int) []byte { return []byte{2, byte(n)} }

func genMutation(t *rapid.T) mutation.Mutation {
	m := mutation.Mutation{Key: keyOf(rapid.IntRange(0, 5).Draw(t, "key"))}
	ts := rapid.Int64Range(1, 5).Draw(t, "ts")
	deletion := mutation.Deletion{MarkedAt: ts, LocalSec: rapid.Int64Range(1, 9).Draw(t, "local")}
	cell := mutation.Cell{Column: 1, Timestamp: ts, ExpiresAt: mutation.Forever, Value: []byte{byte(rapid.IntRange(1, 3).Draw(t, "value"))}}
	if rapid.Bool().Draw(t, "ends") {
		cell.TTL, cell.ExpiresAt = 1, rapid.Int64Range(1, 9).Draw(t, "end")
	}
	if rapid.IntRange(0, 2).Draw(t, "complex") == 0 {
		intn := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "complex") }
		cell = mutationtest.Complex(intn, ts, 3).Cell(2, nil)
	}
	n := rapid.IntRange(0, 5).Draw(t, "row")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		m.Deletion = deletion
	case 1:
		m.Ranges = []mutation.RangeTombstone{{Deletion: deletion,
			Slice: clustering.Slice{Start: clustering.Before(rowKey(n)), End: clustering.After(rowKey(n + 1))}}}
	case 2:
		m.Static = &mutation.Row{Cells: []mutation.Cell{cell}}
	case 3:
		m.Rows = []mutation.Row{{Clustering: rowKey(n), Deletion: deletion}}
	case 4:
		m.Rows = []mutation.Row{{Clustering: rowKey(n), Cells: []mutation.Cell{cell}}}
	default:
		m.Rows = []mutation.Row{{Clustering: rowKey(n), Cells: []mutation.Cell{cell},
			Live: mutation.Liveness{Timestamp: ts, TTL: cell.TTL, ExpiresAt: cell.ExpiresAt}}}
	}
	return m
}

func rowString(r *mutation.Row) string {
	s := fmt.Sprintf("  %x seq %d live %v del %v", r.Clustering, r.Sequence, r.Live, r.Deletion)
	for _, c := range r.Cells {
		s += fmt.Sprintf(" %d:%x@%d ttl %d end %d", c.Column, c.Value, c.Timestamp, c.TTL, c.ExpiresAt)
	}
	return s
}

// textSink writes down what Merge hands out.
type textSink struct {
	t       *rapid.T
	table   *mutation.Table
	out     []string
	began   int // line of the partition
	bare    bool
	blocks  int // rows that came in blocks
	builder rowBuilder
}

func (s *textSink) Start(key *partition.DecoratedKey, side *mutation.Side) error {
	s.end()
	line := fmt.Sprintf("%s %v", key.Key, side.Deletion)
	if side.Static != nil {
		line += rowString(side.Static)
	}
	for _, r := range side.Ranges {
		line += fmt.Sprintf(" %v %v", r.Slice, r.Deletion)
	}
	s.began, s.bare = len(s.out), side.IsEmpty()
	s.out = append(s.out, line)
	return nil
}

func (s *textSink) end() {
	if s.bare && len(s.out) == s.began+1 {
		s.t.Fatal("a partition with nothing left")
	}
}

func (s *textSink) Row(row *mutation.Row) error {
	s.out = append(s.out, rowString(row))
	return nil
}

func (s *textSink) Block(b *mutation.Block, from, to int) error {
	if from >= to {
		s.t.Fatal("a block without rows")
	}
	for i := from; i < to; i++ {
		key := appendKey(nil, s.table.Clustering, b.Clustering, i)
		s.out = append(s.out, rowString(s.builder.of(s.table, b, i, key)))
		s.blocks++
	}
	return nil
}

// merged returns what Merge hands out, as text.
func merged(t *rapid.T, table *mutation.Table, inputs []Source, purge func(*partition.DecoratedKey) ttl.Purge) string {
	s := &textSink{t: t, table: table}
	if err := Merge(table, inputs, s, MergeOptions{Purge: purge}); err != nil {
		t.Fatal(err)
	}
	s.end()
	return strings.Join(s.out, "\n")
}

// The merge of any split of a set of mutations is the merge of the whole, and merging in
// steps is merging at once; with a purge in the last step alone.
func TestMergeOfSplitsIsTheMergeOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := &mutation.Table{Name: "k.t", Law: rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")}
		whole := memtable.New(table, 1)
		parts := make([]*memtable.Memtable, rapid.IntRange(1, 5).Draw(t, "parts"))
		var inputs []Source
		for i := range parts {
			parts[i] = memtable.New(table, uint64(i))
			inputs = append(inputs, memorySource{parts[i]})
		}
		for sequence := range uint64(rapid.IntRange(0, 40).Draw(t, "mutations")) {
			m := genMutation(t)
			whole.Apply(&m, sequence+1)
			parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")].Apply(&m, sequence+1)
		}
		now := rapid.Int64Range(1, 10).Draw(t, "now")
		for _, purge := range []func(*partition.DecoratedKey) ttl.Purge{nil, func(*partition.DecoratedKey) ttl.Purge {
			return ttl.Purge{Law: table.Law, NowSec: now, GCGraceSec: 2, OldestElsewhere: ttl.Everywhere}
		}} {
			want := merged(t, table, []Source{memorySource{whole}}, purge)
			if got := merged(t, table, inputs, purge); got != want {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
		}
	})
}

// A deletion that is forgotten still hides what it meets in the merge that forgets it.
func TestForgottenDeletionsHideRowsOfTheirMerge(t *testing.T) {
	live := mutation.Liveness{Timestamp: 3, ExpiresAt: mutation.Forever}
	deletion := mutation.Deletion{MarkedAt: 3, LocalSec: 1}
	all := clustering.Slice{Start: clustering.Before(nil), End: clustering.After(nil)}
	for _, deleted := range []mutation.Mutation{
		{Key: keyOf(1), Deletion: deletion},
		{Key: keyOf(1), Ranges: []mutation.RangeTombstone{{Slice: all, Deletion: deletion}}},
		{Key: keyOf(1), Rows: []mutation.Row{{Clustering: rowKey(1), Deletion: deletion}}},
	} {
		table := &mutation.Table{Name: "k.t", Law: mutation.ByTimestamp}
		a, b := memtable.New(table, 1), memtable.New(table, 2)
		a.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{Clustering: rowKey(1), Live: live}}}, 1)
		b.Apply(&deleted, 2)
		purge := func(*partition.DecoratedKey) ttl.Purge {
			return ttl.Purge{Law: table.Law, NowSec: 9, OldestElsewhere: ttl.Everywhere}
		}
		err := Merge(table, []Source{memorySource{a}, memorySource{b}}, nullSink{func(*partition.DecoratedKey) error {
			t.Errorf("something is left of %+v", deleted)
			return nil
		}}, MergeOptions{Purge: purge})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestMergeWalksInTokenOrder(t *testing.T) {
	table := &mutation.Table{Name: "k.t", Law: mutation.ByTimestamp}
	a, b := memtable.New(table, 1), memtable.New(table, 2)
	for n := range 200 {
		m := mutation.Mutation{Key: keyOf(n), Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 1}}
		if n%3 != 0 {
			a.Apply(&m, 1)
		}
		if n%3 != 1 {
			b.Apply(&m, 1)
		}
	}
	var keys []partition.DecoratedKey
	err := Merge(table, []Source{memorySource{a}, memorySource{b}}, nullSink{func(key *partition.DecoratedKey) error {
		keys = append(keys, *key)
		return nil
	}}, MergeOptions{})
	if err != nil || len(keys) != 200 || !slices.IsSortedFunc(keys, partition.DecoratedKey.Compare) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// listSource yields keys as they are, all with one row source.
type listSource struct {
	keys   []partition.DecoratedKey
	rows   mutation.RowSource
	closed bool
}

func (s *listSource) Keys() (mutation.KeyIterator, error) { return s, nil }

func (s *listSource) Next() (*partition.DecoratedKey, error) {
	if len(s.keys) == 0 {
		return nil, nil
	}
	key := s.keys[0]
	s.keys = s.keys[1:]
	return &key, nil
}

func (s *listSource) Close() { s.closed = true }

func (s *listSource) Partition(*partition.DecoratedKey) (*mutation.Side, []mutation.Run, error) {
	return &mutation.Side{}, []mutation.Run{rowsOnly{rowKey(1), rowKey(1), s.rows}}, nil
}

type rowsOf []mutation.Row

func (r *rowsOf) Next() (*mutation.Row, error) {
	if len(*r) == 0 {
		return nil, nil
	}
	row := (*r)[0]
	*r = (*r)[1:]
	return &row, nil
}

func TestMergeRefusesBrokenSources(t *testing.T) {
	live := mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}
	keys := []partition.DecoratedKey{keyOf(1), keyOf(2)}
	slices.SortFunc(keys, func(a, b partition.DecoratedKey) int { return b.Compare(a) })
	backwards := &listSource{keys: keys, rows: &rowsOf{}}
	twice := &listSource{keys: keys[:1], rows: &rowsOf{{Clustering: rowKey(1), Live: live}, {Clustering: rowKey(1), Live: live}}}
	table := &mutation.Table{Name: "k.t", Law: mutation.ByTimestamp}
	if err := Merge(table, []Source{backwards}, nullSink{}, MergeOptions{}); !errors.Is(err, ErrOrder) || !backwards.closed {
		t.Errorf("keys backwards: %v, closed %t", err, backwards.closed)
	}
	if err := Merge(table, []Source{twice}, nullSink{}, MergeOptions{}); !errors.Is(err, mutation.ErrOrder) {
		t.Errorf("a row twice: %v", err)
	}
	full := errors.New("disk full")
	again := &listSource{keys: keys[:1], rows: &rowsOf{{Clustering: rowKey(1), Live: live}}}
	err := Merge(table, []Source{again}, nullSink{func(*partition.DecoratedKey) error { return full }}, MergeOptions{})
	if !errors.Is(err, full) {
		t.Errorf("the sink's error: %v", err)
	}
}
