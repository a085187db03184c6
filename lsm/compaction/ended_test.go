package compaction

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// timesSink takes rows by partition and clustering, with their times.
type timesSink struct {
	table   *mutation.Table
	key     string
	sides   map[string]string
	rows    map[[2]string]string
	times   map[[2]string]int64
	blocks  int
	builder rowBuilder
}

func newTimesSink(table *mutation.Table) *timesSink {
	return &timesSink{table: table, sides: map[string]string{}, rows: map[[2]string]string{}, times: map[[2]string]int64{}}
}

func (s *timesSink) Start(key *partition.DecoratedKey, side *mutation.Side) error {
	text := &textSink{table: s.table}
	if err := text.Start(key, side); err != nil {
		return err
	}
	if s.key = string(key.Key); !side.IsEmpty() {
		s.sides[s.key] = text.out[0]
	}
	return nil
}

func (s *timesSink) Row(row *mutation.Row) error {
	at := [2]string{s.key, string(row.Clustering)}
	s.rows[at] = rowString(row)
	s.times[at], _ = s.table.EventTime(row.Clustering)
	return nil
}

func (s *timesSink) Block(b *mutation.Block, from, to int) error {
	for i := from; i < to; i++ {
		if err := s.Row(s.builder.of(s.table, b, i, appendKey(nil, s.table.Clustering, b.Clustering, i))); err != nil {
			return err
		}
		s.blocks++
	}
	return nil
}

// Rows go, stay and are purged by their time exactly as Ends says, in both lanes, and what lies beside rows is as it would be without.
func TestEndsByTime(t *testing.T) {
	inBlocks, removed := 0, int64(0)
	rapid.Check(t, func(t *rapid.T) {
		table := blockTable(rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law"))
		var inputs []Source
		for range rapid.IntRange(1, 3).Draw(t, "sources") {
			inputs = append(inputs, genRunSource(t, table.Law, table))
		}
		ends := ttl.NoEnds
		moment := rapid.OneOf(rapid.Int64Range(-2, 50), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}))
		ends.AllBefore, ends.KeptFrom = rapid.OneOf(rapid.Just[int64](math.MinInt64), rapid.Int64Range(-2, 50)).Draw(t, "all"), moment.Draw(t, "kept")
		more := rapid.Int64Range(0, 20).Draw(t, "more")
		if rapid.Bool().Draw(t, "partitions differ") {
			ends.Before = func(key partition.DecoratedKey) int64 { return int64(key.Key[len(key.Key)-1]%3) * more }
		}
		purge := ttl.Purge{Law: table.Law, NowSec: rapid.Int64Range(1, 10).Draw(t, "now"), OldestElsewhere: rapid.SampledFrom([]int64{3, ttl.Everywhere}).Draw(t, "elsewhere")}
		merge := func(o MergeOptions, keep bool) *timesSink {
			p := purge
			p.KeepExpired = keep
			o.Purge = func(*partition.DecoratedKey) ttl.Purge { return p }
			s := newTimesSink(table)
			if err := Merge(table, inputs, s, o); err != nil {
				t.Fatal(err)
			}
			return s
		}
		free, kept := merge(MergeOptions{}, false), merge(MergeOptions{}, true)
		for _, slow := range []bool{false, true} {
			n := int64(0)
			got := merge(MergeOptions{Ends: &ends, NoBlocks: slow, Removed: &n}, ends.KeptFrom == math.MinInt64)
			removed += n
			inBlocks += got.blocks
			for at, row := range kept.rows {
				want := free.rows[at]
				cut := ends.AllBefore
				if ends.Before != nil {
					cut = max(cut, ends.Before(partition.DecoratedKey{Key: []byte(at[0])}))
				}
				switch ms := kept.times[at]; {
				case ms >= ends.KeptFrom:
					want = row
				case ms < cut:
					want = ""
				}
				if got.rows[at] != want {
					t.Fatalf("slow lane %v: row of %q at %d: %q, want %q", slow, at[0], kept.times[at], got.rows[at], want)
				}
				delete(got.rows, at)
			}
			if len(got.rows) > 0 {
				t.Fatalf("slow lane %v: rows from nowhere: %v", slow, got.rows)
			}
			for key, side := range free.sides {
				if got.sides[key] != side {
					t.Fatalf("beside the rows of %q: %s, want %s", key, got.sides[key], side)
				}
			}
		}
	})
	if inBlocks == 0 || removed == 0 {
		t.Errorf("%d rows went in blocks, %d were removed", inBlocks, removed)
	}
}
