package lsm

import (
	"errors"
	"math"

	"github.com/eskerdb/esker/clustering"
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

// rowCounter counts rows of a merge by window.
type rowCounter struct {
	table *mutation.Table
	compaction.Counter
	at    compaction.Range // where the last row was
	rows  int64            // there, not yet counted
	times compaction.BlockTimes
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
	c.times.Reset(c.table, b)
	for from := 0; from < b.Rows; {
		ms, ok := c.times.At(from)
		if !ok {
			from = c.times.Same(from, b.Rows, 0, 0, false)
			continue
		}
		r := c.Add(ms, 1)
		high := r.End - 1
		if !r.Contains(high) {
			high = ms
		}
		to := c.times.Same(from, b.Rows, r.Start, high, true)
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
