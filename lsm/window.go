package lsm

import (
	"errors"
	"math"
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/lsm/compaction"
	"github.com/eskerdb/esker/mutation"
)

// window is a range of event time [start, end), milliseconds since 1970: one bucket or adjacent ones; the zero value is none.
// A file of a window has rows of that event time only, and nothing beside rows.
type window struct{ start, end int64 }

// last is the last millisecond of w.
func (w window) last() int64 {
	if w.end == math.MaxInt64 {
		return w.end // the last window includes it
	}
	return w.end - 1
}

// slice is what rows of w lie in.
func (w window) slice(t *mutation.Table) clustering.Slice {
	out := clustering.Whole()
	from, to := &out.Start, &out.End
	if len(t.Clustering) > 0 && t.Clustering[0].Desc {
		from, to = to, from
	}
	if at, ok := t.TimeBound(w.start); ok && w.start != math.MinInt64 {
		*from = at
	}
	if at, ok := t.TimeBound(w.end); ok && w.end != math.MaxInt64 {
		*to = at
	}
	return out
}

// isBucketed reports whether new files of t are split by event time.
func isBucketed(t *mutation.Table) bool { return !t.Bucket.IsNone() && len(t.Clustering) > 0 }

// blockTimes tells the event times of the rows of a block.
type blockTimes struct {
	table *mutation.Table
	words []uint64 // units since 1970; nil: times are taken from keys
	unit  int64    // nanoseconds; 0: a millisecond
	block *mutation.Block
	key   []byte
	value []byte
}

func (b *blockTimes) reset(table *mutation.Table, block *mutation.Block) {
	b.table, b.block, b.words, b.unit = table, block, nil, 0
	v := &block.Clustering[0]
	if v.Physical != mutation.PhysicalInt {
		return
	}
	switch kind := table.Clustering[0].Type.Kind(); {
	case kind == types.KindTimestamp:
		b.words = v.Words
	case kind == types.KindBigint || kind == types.KindInt && table.UnitNanos > 0:
		b.words, b.unit = v.Words, table.UnitNanos
	}
}

// at returns the event time of row i; false if it has none.
func (b *blockTimes) at(i int) (int64, bool) {
	if b.words != nil {
		return types.UnitMillis(int64(b.words[i]), b.unit), true
	}
	b.value = b.block.Clustering[0].AppendValue(b.value[:0], i)
	b.key = b.table.Clustering[0].Append(b.key[:0], b.value)
	return b.table.EventTime(b.key)
}

// same returns the first row behind from whose time does not lie between low and high, both included. Rows without time lie together.
func (b *blockTimes) same(from, to int, low, high int64, timed bool) int {
	in := func(i int) bool {
		ms, ok := b.at(i)
		return ok == timed && (!ok || ms >= low && ms <= high)
	}
	if in(to - 1) {
		return to
	}
	return from + 1 + sort.Search(to-from-1, func(i int) bool { return !in(from + 1 + i) })
}

// rowCounter counts rows of a merge by window.
type rowCounter struct {
	table *mutation.Table
	compaction.Counter
	at    compaction.Range // where the last row was
	rows  int64            // there, not yet counted
	times blockTimes
}

func (c *rowCounter) row(key []byte) {
	ms, ok := c.table.EventTime(key)
	if !ok {
		return
	}
	if c.rows > 0 && c.at.Contains(ms) {
		c.rows++
		return
	}
	c.flush()
	c.at, c.rows = c.Add(ms, 1), 0
}

func (c *rowCounter) flush() {
	if c.rows > 0 {
		c.Add(c.at.Start, c.rows)
	}
	c.rows = 0
}

func (c *rowCounter) block(b *mutation.Block) {
	c.times.reset(c.table, b)
	for from := 0; from < b.Rows; {
		ms, ok := c.times.at(from)
		if !ok {
			from = c.times.same(from, b.Rows, 0, 0, false)
			continue
		}
		r := c.Add(ms, 1)
		high := r.End - 1
		if !r.Contains(high) {
			high = ms
		}
		to := c.times.same(from, b.Rows, r.Start, high, true)
		if to-from > 1 {
			c.Add(ms, int64(to-from-1))
		}
		from = to
	}
}

// run counts the rows of a run.
func (c *rowCounter) run(run mutation.Run) error {
	if blocks := run.Blocks(); blocks != nil {
		for {
			b, err := blocks.Next()
			if b == nil || err != nil {
				return err
			}
			if b.Rows > 0 {
				c.block(b)
			}
		}
	}
	rows := run.Rows(everything, false)
	for {
		row, err := rows.Next()
		if row == nil || err != nil {
			c.flush()
			return err
		}
		c.row(row.Clustering)
	}
}

// eachRun calls fn for every run of every partition of a source.
func eachRun(s compaction.Source, fn func(mutation.Run) error) error {
	keys, err := s.Keys()
	if err != nil {
		return err
	}
	defer keys.Close()
	for {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err
		}
		_, runs, err := s.Partition(key)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if err := fn(run); err != nil {
				return err
			}
		}
	}
}

// oneWindow returns the window that all rows of the sources lie in, if their bounds say that there is such a one.
func oneWindow(table *mutation.Table, inputs []compaction.Source) (r compaction.Range, ok bool, err error) {
	errMany := errors.New("several windows")
	for _, s := range inputs {
		err := eachRun(s, func(run mutation.Run) error {
			first, last := run.Bounds()
			a, okA := table.EventTime(first)
			b, okB := table.EventTime(last)
			if !okA || !okB {
				return errMany
			}
			if r.IsNone() {
				r.Start, r.End = table.Bucket.BucketOf(a)
			}
			if !r.Contains(a) || !r.Contains(b) {
				return errMany
			}
			return nil
		})
		if errors.Is(err, errMany) {
			return r, false, nil
		}
		if err != nil {
			return r, false, err
		}
	}
	return r, !r.IsNone(), nil
}
