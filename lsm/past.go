package lsm

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// past is what is known of the rows of a file that have ended by their time, or by a column.
type past struct {
	mu       sync.Mutex
	lives    partition.DecoratedKey // the last that was found to have rows that have not ended; no key: none was
	byTime   pastCount
	byColumn pastCount
}

// pastCount is how many rows have ended, about, of those that a merge is worth.
type pastCount struct {
	rows int64
	from int64 // when that was found out, in milliseconds
	next int64 // when to look again; 0: at once
}

// known reports whether what was found out counts still.
func (p *pastCount) known(now int64) bool { return p.next != 0 && now >= p.from && now < p.next }

// allEnded reports whether all rows of f have ended by their time: such a file has no use, whatever other files hold, since all versions of
// a row have its time, and nothing lies beside the rows of a file of a range. It reads keys where partitions differ.
func (f *file) allEnded(e *ttl.Ends) bool {
	w := f.window()
	if w == (window{}) || !e.ByTime() || e.Keeps(w.last()) {
		return false
	}
	if w.last() < e.Everyone() {
		return true
	}
	if e.Before == nil {
		return false
	}
	f.past.mu.Lock()
	defer f.past.mu.Unlock()
	if lives := &f.past.lives; lives.Key != nil && e.Of(*lives) <= w.last() {
		return false
	}
	keys := f.reader.Keys(partition.Range{})
	defer keys.Close()
	for {
		key, err := keys.Next()
		if err != nil {
			return false // a damaged file stays, for the merge to say so
		}
		if key == nil {
			return true
		}
		if e.Of(*key) <= w.last() {
			f.past.lives = partition.DecoratedKey{Token: key.Token, Key: append([]byte{}, key.Key...)}
			return false
		}
	}
}

const (
	// pastKeysMax is how many partitions of a file are looked at; the others are taken to be like them.
	pastKeysMax = 2048
	// pastPlaces is how many places of a larger file they are taken from.
	pastPlaces = 32
	// pastRestMin and pastRestMax are how long what was found out counts: a quarter of a bucket, within these.
	pastRestMin = 10 * time.Second
	pastRestMax = time.Hour
)

// pastRows is how many rows of f a merge would find to have ended by their time, about. It is none while of no partition a whole bucket has
// ended: that soon all of them have is likely. What is found out counts for a while.
func (f *file) pastRows(t *mutation.Table, e *ttl.Ends, now int64) int64 {
	w := f.window()
	if w == (window{}) || !e.ByTime() || w.start >= e.KeptFrom || t.Bucket.IsNone() {
		return 0
	}
	start, end := t.Bucket.BucketOf(w.start)
	if e.Before == nil && end > e.Everyone() {
		return 0
	}
	f.past.mu.Lock()
	defer f.past.mu.Unlock()
	p := &f.past.byTime
	if !p.known(now) {
		rows, whole := f.countPast(t, e)
		if !whole {
			rows = 0
		}
		*p = pastCount{rows, now, now + min(max((end-start)/4, pastRestMin.Milliseconds()), pastRestMax.Milliseconds())}
	}
	return p.rows
}

// countPast counts the rows that have ended by their time in some partitions, for all. Where f is damaged it says none: merges tell. whole
// says that of some partition all rows in a bucket have.
func (f *file) countPast(t *mutation.Table, e *ttl.Ends) (rows int64, whole bool) {
	c := pastCounter{file: f, table: t, ends: e, start: math.MinInt64}
	if w := f.window(); w != (window{}) {
		c.start = w.start
	}
	places := int64(1)
	if f.info.Partitions > pastKeysMax {
		places = pastPlaces
	}
	first, last := float64(f.info.FirstKey.Token), float64(f.info.LastKey.Token)
	for i := range places {
		in := partition.Range{}
		if i > 0 {
			in.HasStart, in.Start = true, partition.Token(first+(last-first)*float64(i)/float64(places))
		}
		if err := c.count(in, int(pastKeysMax/places)); err != nil {
			return 0, false
		}
	}
	if c.rows == 0 {
		return 0, false
	}
	return max(1, int64(float64(c.rows)*max(1, float64(f.info.Partitions)/float64(c.seen)))), c.whole
}

// pastCounter counts rows of a file that have ended by their time.
type pastCounter struct {
	file  *file
	table *mutation.Table
	ends  *ttl.Ends
	start int64 // no row has an earlier time
	seen  int64 // partitions
	rows  int64
	whole bool // all rows that some partition has in a bucket have ended
}

// count looks at up to so many partitions from a place on.
func (c *pastCounter) count(in partition.Range, most int) error {
	keys := c.file.reader.Keys(in)
	defer keys.Close()
	for range most {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err
		}
		c.seen++
		if cut := c.ends.Of(*key); cut > c.start {
			if err := c.partition(*key, cut); err != nil {
				return err
			}
		}
	}
	return nil
}

// partition counts what a partition has below a time, if its rows lie evenly.
func (c *pastCounter) partition(key partition.DecoratedKey, cut int64) error {
	p, err := c.file.reader.Partition(key)
	if p == nil || err != nil {
		return err
	}
	first, last, any := p.Bounds()
	a, timedA := c.table.EventTime(first)
	b, timedB := c.table.EventTime(last)
	if !any || !timedA || !timedB || min(a, b) >= cut {
		return nil
	}
	rows, _, err := c.file.reader.SizeOf(key)
	if err != nil {
		return err
	}
	low, high := min(a, b), max(a, b)
	if high >= cut {
		rows = max(1, int64(float64(rows)*(float64(cut)-float64(low))/(float64(high)-float64(low)+1)))
	}
	c.rows += rows
	end := int64(math.MaxInt64)
	if !c.table.Bucket.IsNone() {
		_, end = c.table.Bucket.BucketOf(low)
	}
	c.whole = c.whole || end <= cut && end != math.MaxInt64
	return nil
}

const (
	// endsKeysMax and endsRowsMax are how many partitions of a file, and rows of each, are looked at for the ends in columns.
	endsKeysMax = 64
	endsRowsMax = 128
	// endsShare is which part of them must have ended to be worth a merge.
	endsShare = 4
	endsRest  = time.Minute
)

// pastColumns is how many rows of f have ended by a column, or by a time in their key that is not of the first, since a merge last wrote it,
// about; 0 while these are few. Those that had ended before were left for a reason. It reads some rows; what is found out counts for a
// while.
func (f *file) pastColumns(t *mutation.Table, e *ttl.Ends, now int64) int64 {
	byColumn := len(e.Columns) > 0 && e.KeptFrom != math.MinInt64
	if !byColumn && !e.ByOther() || f.info.Rows == 0 {
		return 0
	}
	f.past.mu.Lock()
	defer f.past.mu.Unlock()
	p := &f.past.byColumn
	if !p.known(now) {
		c := endCounter{table: t, ends: e, now: now}
		if f.written != 0 {
			c.since = (f.written + 1) * 1000 // what ended in that second may have been seen, or not
		}
		// A damaged file stays, for a merge to say so.
		if err := c.count(f); err != nil || c.rows == 0 || c.ended < (c.rows+endsShare-1)/endsShare {
			c.ended = 0
		}
		*p = pastCount{int64(float64(c.ended) * float64(f.info.Rows) / float64(max(c.rows, 1))), now, now + endsRest.Milliseconds()}
	}
	return p.rows
}

// endCounter counts rows that have ended by a column.
type endCounter struct {
	table       *mutation.Table
	ends        *ttl.Ends
	now, since  int64 // ends before since do not count, in milliseconds
	other       int64 // rows of the partition at hand go for a time below, in the other column of ends
	rows, ended int64
}

func (c *endCounter) count(f *file) error {
	keys := f.reader.Keys(partition.Range{})
	defer keys.Close()
	for range endsKeysMax {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err
		}
		p, err := f.reader.Partition(*key)
		if err != nil {
			return err
		}
		if p == nil || p.Run() == nil {
			continue
		}
		c.other = c.ends.OfOther(*key)
		rows := p.Run().Rows(everything, false)
		for range endsRowsMax {
			row, err := rows.Next()
			if err != nil {
				return err
			}
			if row == nil {
				break
			}
			c.row(row)
		}
	}
	return nil
}

func (c *endCounter) row(row *mutation.Row) {
	c.rows++
	if ms, timed := c.table.EventTime(row.Clustering); timed && c.ends.Keeps(ms) {
		return
	}
	if c.endedByOther(row) {
		c.ended++
		return
	}
	for i := range row.Cells {
		cell := &row.Cells[i]
		for _, e := range c.ends.Columns {
			if cell.Column != e.Column || cell.IsTombstone() || len(cell.Value) != 8 {
				continue
			}
			if end := int64(binary.BigEndian.Uint64(cell.Value)); end <= e.Until && end >= c.since {
				c.ended++
				return
			}
		}
	}
}

// endedByOther reports whether a row has ended by a time in its key that is not of the first column. Times end as the clock goes on.
func (c *endCounter) endedByOther(row *mutation.Row) bool {
	if c.other == math.MinInt64 {
		return false
	}
	values, err := c.table.Clustering.Decode(row.Clustering)
	if at := c.ends.Position; err == nil && at < len(values) {
		ms, timed := types.TimeMillis(c.table.Clustering[at].Type, values[at], 0)
		return timed && ms < c.other && c.now-(c.other-ms) >= c.since
	}
	return false
}

// flushEnded flushes tables whose memtables hold rows that have ended by their time, so that these leave the log, too: at once where all
// have, else when a whole bucket has, and no more often than a bucket lasts.
func (s *Store) flushEnded() error {
	now := s.opts.Clock.Now()
	for _, t := range s.Tables() {
		if s.jobs.mustStop() {
			return errStopped
		}
		if e := s.endsOf(&t, now); !e.ByTime() || !s.memoryEnded(&t, e.Everyone(), now) {
			continue
		}
		// A table that was dropped meanwhile has nothing left to flush.
		if err := s.Flush(t.ID); err != nil && !errors.Is(err, ErrUnknownTable) {
			return err
		}
	}
	return nil
}

// memoryEnded reports whether the active memtable of a table is worth a flush for the rows below a time.
func (s *Store) memoryEnded(t *mutation.Table, cut int64, now time.Time) bool {
	v, _ := s.acquire()
	defer v.unref()
	of, found := v.tables[t.ID]
	if !found || of.active.Rows() == 0 {
		return false
	}
	low, high, known := of.active.Times()
	if !known || low > high || low >= cut {
		return false
	}
	if high < cut {
		return true
	}
	start, end := low, low+time.Minute.Milliseconds()
	if isBucketed(t) {
		start, end = t.Bucket.BucketOf(low)
	}
	e := &s.ending
	e.mu.Lock()
	defer e.mu.Unlock()
	if rest := time.Duration(max(end-start, time.Minute.Milliseconds())) * time.Millisecond; end > cut || now.Sub(e.flushed[t.ID]).Abs() < rest {
		return false
	}
	if e.flushed == nil {
		e.flushed = make(map[mutation.TableID]time.Time)
	}
	e.flushed[t.ID] = now
	return true
}
