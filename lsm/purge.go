package lsm

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/ttl"
)

// purge returns what a merge of inputs may forget; nil: nothing. jobs.compact is held, so that inputs stay files
// of the table until the merge is done.
func (s *Store) purge(t *tableVersion, inputs []*file, e *ttl.Ends, now int64) func(*partition.DecoratedKey) ttl.Purge {
	latest := int64(math.MinInt64)
	any := false
	hull := window{math.MaxInt64, math.MinInt64}
	for _, f := range inputs {
		any = any || f.info.HasTombstones() || e.KeptFrom != math.MinInt64 && (f.info.MinExpiresAt <= now || len(e.Columns) > 0)
		high := f.info.MaxTimestamp
		if t.table.Law == mutation.BySequence {
			_, high = f.sequences()
		}
		latest = max(latest, high)
		hull.start, hull.end = min(hull.start, f.window().start), max(hull.end, f.window().end)
		if f.window() == (window{}) {
			hull = window{math.MinInt64, math.MaxInt64}
		}
	}
	if !any {
		return nil
	}
	// What is outside of the event times of the merge, or younger than all of it, is hidden by nothing in it.
	elsewhere := others{table: t.table, in: hull, matters: func(f *file) bool {
		return f.oldest(t.table.Law) <= latest && !slices.Contains(inputs, f)
	}}
	return func(key *partition.DecoratedKey) ttl.Purge {
		return ttl.Purge{
			Law: t.table.Law, NowSec: now, GCGraceSec: t.table.GCGraceSec,
			OldestElsewhere: s.oldestElsewhere(&elsewhere, *key, nil),
			OldestIn: func(in clustering.Slice) int64 {
				return s.oldestElsewhere(&elsewhere, *key, clustering.Slices{in})
			},
			KeepExpired: e.KeptFrom == math.MinInt64,
		}
	}
}

// others is what a merge asks of sources outside of it.
type others struct {
	table   *mutation.Table
	in      window // of event times that the merge has
	matters func(*file) bool
}

// oldestElsewhere is not above any timestamp that sources outside a merge, those that matter to it, hold of a partition, or
// will get from records that are logged and not yet applied (R33, R42); with slices, of the rows in them. It looks at the sources
// of now: a flush may have moved rows since the merge began. What is written later follows R36.
func (s *Store) oldestElsewhere(o *others, key partition.DecoratedKey, in clustering.Slices) int64 {
	v, _ := s.acquire()
	defer v.unref()
	t := v.tables[o.table.ID]
	oldest := ttl.Everywhere
	for _, m := range t.memories() {
		if m.applying.Load() > 0 {
			s.mu.Lock()
			oldest = min(oldest, m.oldest)
			s.mu.Unlock()
			continue
		}
		oldest = min(oldest, m.MinTimestampOf(key))
	}
	ask := func(f *file) {
		if oldest == math.MinInt64 || !f.spans(key) || !o.matters(f) {
			return
		}
		ts, found, err := f.oldestOf(key, t.table.Law, in)
		if err != nil {
			oldest = math.MinInt64 // not known: forget nothing
		} else if found {
			oldest = min(oldest, ts)
		}
	}
	order := t.fileOrder()
	for _, f := range order.all {
		ask(f)
	}
	order.each(o.in.start, o.in.last(), ask)
	return oldest
}

// oldestOf is not above any timestamp of data in f of a partition; found is false if f has nothing of it or, with slices, no row in them.
func (f *file) oldestOf(key partition.DecoratedKey, law mutation.Law, in clustering.Slices) (ts int64, found bool, err error) {
	ts, found, err = f.reader.MinTimestampOf(key)
	if law == mutation.BySequence {
		ts = f.oldest(law)
	}
	if !found || err != nil || in == nil {
		return ts, found, err
	}
	p, err := f.reader.Partition(key)
	if p == nil || err != nil {
		return ts, false, err
	}
	run := p.Run()
	if run == nil {
		return ts, false, nil
	}
	row, err := run.Rows(in, false).Next()
	return ts, row != nil, err
}

// hiding returns what files outside a merge delete beside rows. They stay, so that what they hide need not. nil: there are none.
func (t *tableVersion) hiding(inputs []*file) func(*partition.DecoratedKey) (*mutation.Side, error) {
	var files []*file
	for _, f := range t.files {
		if f.hasSides() && !slices.Contains(inputs, f) {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return func(key *partition.DecoratedKey) (*mutation.Side, error) { return sideOf(t.table, key, files) }
}

// hasSides reports whether f deletes partitions or ranges of rows.
func (f *file) hasSides() bool { return f.info.HasPartitionDeletions || f.info.HasRangeTombstones }

// file returns the file with that number; nil if there is none.
func (t *tableVersion) file(number uint64) *file {
	for _, f := range t.files {
		if f.number == number {
			return f
		}
	}
	return nil
}

// apart reports whether two files of t have no partition in common.
func (t *tableVersion) apart(a, b uint64) bool {
	f, g := t.file(a), t.file(b)
	if f == nil || g == nil {
		return false
	}
	if f.apart == nil {
		f.apart = make(map[uint64]bool)
	}
	known, found := f.apart[b]
	if !found {
		known = keysApart(f.reader.Keys(partition.Range{}), g.reader.Keys(partition.Range{}))
		f.apart[b] = known
	}
	return known
}

// hidesRows reports whether what file a of t deletes beside rows may hide rows of file b.
func (t *tableVersion) hidesRows(a, b uint64) bool {
	f, g := t.file(a), t.file(b)
	if f == nil || g == nil {
		return false
	}
	if f.hides == nil {
		f.hides = make(map[uint64]bool)
	}
	known, found := f.hides[b]
	if !found {
		known = f.hidesRowsOf(g)
		f.hides[b] = known
	}
	return known
}

func (f *file) hidesRowsOf(g *file) bool {
	keys := f.reader.Keys(partition.Range{})
	defer keys.Close()
	for {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err != nil
		}
		if key.Compare(g.info.FirstKey) < 0 || key.Compare(g.info.LastKey) > 0 {
			continue
		}
		p, err := f.reader.Partition(*key)
		if err != nil || p == nil {
			return true // the merge will say what is wrong
		}
		q, err := g.reader.Partition(*key)
		if err != nil {
			return true
		}
		if q == nil {
			continue
		}
		first, last, any := q.Bounds()
		side := p.Side()
		within := func(r mutation.RangeTombstone) bool {
			return r.Slice.End.CompareKey(first) > 0 && r.Slice.Start.CompareKey(last) < 0
		}
		if any && (!side.Deletion.IsNone() || slices.ContainsFunc(side.Ranges, within)) {
			return true
		}
	}
}

// keysApart reports whether two iterators have no key in common. It closes them.
func keysApart(a, b mutation.KeyIterator) bool {
	defer a.Close()
	defer b.Close()
	x, err := a.Next()
	if err != nil {
		return false
	}
	y, err := b.Next()
	for err == nil && x != nil && y != nil {
		switch order := x.Compare(*y); {
		case order == 0:
			return false
		case order < 0:
			x, err = a.Next()
		default:
			y, err = b.Next()
		}
	}
	return err == nil
}
