package jobs

import (
	"errors"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Extent is about what a table holds.
type Extent struct {
	Rows                 int64
	FromMillis, ToMillis int64 // of the rows, [From, To); Timed says that it is known
	Timed                bool
}

// BackfillStore is what the backfill needs of the database beside the scheduler of rollups.
type BackfillStore interface {
	// View pins what is visible now.
	View() RangeView
	// VisibleFrom is from which time on rows of a partition of a base table show (R37).
	VisibleFrom(view RangeView, base *schema.Table, key partition.DecoratedKey) (ms int64, err error)
	// Levels are the rollups of a base table that a View has.
	Levels(view RangeView, base *schema.Table) ([]mutation.TableID, error)
	// Extent is about what a table holds, within microseconds.
	Extent(id mutation.TableID) Extent
}

// Limits of a chunk of a backfill: a range of time whose windows are computed between two states.
const (
	chunkRowsMax    = 1 << 20 // of the base, by estimate
	chunkWindowsMin = 16      // however many rows they have: a pass over all partitions should be worth it; fewer if told
)

// Backfill computes the windows of rollups that were declared when there were rows already: the newest first, in chunks of time. Start
// it with StartBackfill.
type Backfill struct {
	*worker
	rollups *Rollups
	store   BackfillStore
	clock   clock.Clock
	rowsMax int64 // of the base in a chunk

	fills map[mutation.TableID]*fill // guarded by stepMu

	stepMu sync.Mutex // held during a step: there is one at a time

	mu       sync.Mutex
	progress map[mutation.TableID]BackfillProgress // of those under way; guarded by mu
}

// BackfillProgress is how far the backfill of a rollup has come.
type BackfillProgress struct {
	Fraction float64       // of the time that the base has rows of, about
	Left     time.Duration // about; 0: not known yet
	Windows  int64         // computed, those without rows included, since the start of the database
	Err      error         // of the last step
}

// fill is the backfill of one rollup.
type fill struct {
	rowsMax int64

	chunk  *chunk // nil: the next one is to be chosen
	oldest oldest // the scan for the oldest row
	count  int64  // windows of the next chunk; 0: by the estimate

	began   time.Time // when it began here
	from    int64     // BuiltFrom then
	windows int64
}

// chunk is a range of time whose windows are being computed.
type chunk struct {
	walk         Ranges
	rows         bool  // some were found
	completeFrom int64 // of State, as far as this chunk tells
}

// oldest looks for the oldest row of a table.
type oldest struct {
	walk  Ranges
	time  int64
	found bool
	done  bool
}

// StartBackfill starts to work on the rollups that have windows left to compute. A chunk has about rowsMax rows of the base; 0: as many
// as is good.
func StartBackfill(rollups *Rollups, store BackfillStore, clk clock.Clock, rowsMax int64) *Backfill {
	if rowsMax == 0 {
		rowsMax = chunkRowsMax
	}
	b := &Backfill{
		worker: newWorker(), rollups: rollups, store: store, clock: clk, rowsMax: rowsMax,
		fills: map[mutation.TableID]*fill{}, progress: map[mutation.TableID]BackfillProgress{},
	}
	go b.run(b.round)
	return b
}

// errWaiting means that no backfill can get on now.
var errWaiting = errors.New("no backfill gets on")

// round works on all rollups that have windows left, a step of each in turn.
func (b *Backfill) round() error {
	for {
		left, moved := 0, 0
		all, err := b.rollups.rollups()
		if err != nil {
			return err
		}
		b.forget(all)
		for _, ru := range ordered(all) {
			state, err := b.rollups.State(ru.Table)
			if err == nil && (state.BuiltFrom == math.MinInt64 || ru.Table.Rollup.Paused) {
				continue
			}
			left++
			started, writes := b.rollups.wall.Now(), b.rollups.writes.Load()
			ok := false
			if err == nil {
				ok, err = b.step(ru, state)
			}
			if err != nil {
				b.fail(ru.Table.ID, err)
			}
			if ok {
				moved++
			}
			if b.rollups.writes.Load() != writes {
				giveWay(&b.rollups.writes, b.rollups.wall.Now().Sub(started), b.stop)
			}
			if b.Stopped() != nil {
				return nil
			}
		}
		switch {
		case left == 0:
			return nil
		case moved == 0:
			return errWaiting
		}
	}
}

// ordered are rollups, each behind its source.
func ordered(all map[mutation.TableID]*Rollup) []*Rollup {
	var out []*Rollup
	for depth := 0; len(out) < len(all); depth++ {
		for _, ru := range all {
			if len(ru.Below) == depth {
				out = append(out, ru)
			}
		}
	}
	return out
}

// step does one step of a rollup's backfill; false: it has to wait for its source.
func (b *Backfill) step(ru *Rollup, state State) (ok bool, err error) {
	b.stepMu.Lock()
	defer b.stepMu.Unlock()
	if ru.Base == nil || ru.Source == nil {
		return false, nil // dropped a moment ago
	}
	f := b.fills[ru.Table.ID]
	if f == nil {
		f = &fill{rowsMax: b.rowsMax, began: b.clock.Now(), from: state.BuiltFrom}
		b.fills[ru.Table.ID] = f
	}
	view := b.store.View()
	defer func() {
		if view != nil {
			view.Close()
		}
	}()
	if !f.oldest.done {
		return true, f.scan(view, ru, b.store.Extent(ru.Base.ID))
	}
	if f.chunk == nil {
		over, ok := f.choose(ru, state, b.store.Extent(ru.Base.ID), b.clock.Now().UnixMilli())
		if !ok {
			return false, nil
		}
		f.chunk = b.newChunk(ru, over)
	}
	c := f.chunk
	marks, err := c.walk.Next(view, ru)
	if err != nil {
		return false, err
	}
	view.Close() // it holds on to memory and files that would go
	view = nil
	if len(marks) > 0 {
		if err := b.rollups.Compute(marks); err != nil {
			return false, err
		}
		c.rows = true
		for _, m := range marks {
			f.windows += ru.count(m.Window)
		}
	}
	if c.walk.Done {
		if err := b.end(ru, f); err != nil {
			return false, err
		}
	}
	b.note(ru, f)
	return true, nil
}

// newChunk is a range of windows to compute. Rows of other rollups of the base tell of partitions that it has no rows of any more.
func (b *Backfill) newChunk(ru *Rollup, over downsample.Window) *chunk {
	c := &chunk{completeFrom: math.MinInt64, walk: Ranges{Rollup: ru.Table.ID, Over: over}}
	c.walk.Also = func(view RangeView) ([]mutation.TableID, error) { return b.store.Levels(view, ru.Base) }
	c.walk.From = func(view RangeView, key partition.DecoratedKey) (int64, error) {
		from, err := b.wholeFrom(view, ru, key)
		if from > over.Start {
			c.completeFrom = max(c.completeFrom, min(from, over.End))
		}
		return from, err
	}
	return c
}

// wholeFrom is from which time on the windows of a rollup can be made in a partition: those that the base, or a level below, has whole. Of
// rows of the base that had ended, some may be gone; those of levels outlive them.
func (b *Backfill) wholeFrom(view RangeView, ru *Rollup, key partition.DecoratedKey) (int64, error) {
	from, err := b.store.VisibleFrom(view, ru.Base, key)
	now := b.clock.Now().UnixMilli()
	for i := range ru.Below {
		level := &ru.Below[i]
		from = min(from, max(level.CompleteFrom, visibleFrom(level.Table, key, now)))
	}
	return wholeFrom(ru.Table, from), err
}

// end logs that the windows of a chunk are computed.
func (b *Backfill) end(ru *Rollup, f *fill) error {
	c := f.chunk
	f.chunk = nil
	if err := b.rollups.Advance(ru.Table, func(s *State) {
		s.BuiltFrom, s.CompleteFrom = min(s.BuiltFrom, c.walk.Over.Start), max(s.CompleteFrom, c.completeFrom)
	}, Answer{}); err != nil {
		return err
	}
	if c.walk.Over.Start == math.MinInt64 {
		delete(b.fills, ru.Table.ID)
	}
	if !c.rows { // an hour without rows is often one of many
		f.count = min(2*max(f.count, chunkWindowsMin), math.MaxInt32)
	} else {
		f.count = 0
	}
	b.moved()
	return nil
}

// choose is the next chunk: the windows right below those that are computed; false: its source has not come so far.
func (f *fill) choose(ru *Rollup, state State, extent Extent, nowMillis int64) (downsample.Window, bool) {
	over := downsample.Window{Start: math.MinInt64, End: state.BuiltFrom}
	if f.oldest.found {
		newest := min(over.End, nowMillis) // above now is little
		if below := ru.window(newest - 1).Start; below > f.oldest.time {
			if from := f.back(ru, extent, below); from > f.oldest.time {
				over.Start = from
			}
		}
	}
	if len(ru.Below) > 0 {
		if source := ru.Below[0].BuiltFrom; source > over.Start {
			if over.Start = ru.window(source).Start; over.Start < source {
				over.Start = ru.window(source).End
			}
		}
	}
	return over, over.Start < over.End
}

// back is the start of a window so far before another that about chunkRowsMax rows lie between.
func (f *fill) back(ru *Rollup, extent Extent, below int64) int64 {
	width := ru.window(below).End - below
	windows := f.count
	if windows == 0 {
		windows = min(chunkWindowsMin, f.rowsMax)
		span := float64(max(extent.ToMillis, below)) - float64(f.oldest.time)
		if perWindow := float64(extent.Rows) * float64(width) / span; span > 0 && perWindow > 0 {
			windows = max(windows, int64(min(float64(f.rowsMax)/perWindow, math.MaxInt32)))
		}
	}
	at := float64(below) - float64(windows)*float64(width)
	if at <= float64(f.oldest.time) {
		return math.MinInt64
	}
	return ru.window(int64(at)).Start
}

// scan looks for the oldest row of the base: statistics know it, or else a pass over the partitions does.
func (f *fill) scan(view RangeView, ru *Rollup, extent Extent) error {
	o := &f.oldest
	if extent.Timed {
		o.time, o.found, o.done = extent.FromMillis, extent.FromMillis != extent.ToMillis, true
		return nil
	}
	stored := ru.Base.Stored()
	keys, err := Partitions(view, []mutation.TableID{stored.ID}, o.walk.last, rangePartitionsMax)
	if err != nil {
		return err
	}
	for _, key := range keys {
		ms, ok, err := EdgeTime(view, &stored, key, AllTime, false)
		if err != nil {
			return err
		}
		if ok && (!o.found || ms < o.time) {
			o.time, o.found = ms, true
		}
		o.walk.last = key
	}
	o.done = len(keys) == 0
	return nil
}

// note remembers how far a backfill has come.
func (b *Backfill) note(ru *Rollup, f *fill) {
	state, err := b.rollups.State(ru.Table)
	p := BackfillProgress{Windows: f.windows}
	if err == nil {
		now := b.clock.Now()
		p.Fraction = f.fraction(state, now.UnixMilli())
		before := f.fraction(State{BuiltFrom: f.from}, now.UnixMilli())
		if done := p.Fraction - before; done > 0 {
			p.Left = time.Duration(float64(now.Sub(f.began)) * (1 - p.Fraction) / done)
		}
	}
	b.mu.Lock()
	b.progress[ru.Table.ID] = p
	b.mu.Unlock()
	b.recovered(ru.Table.ID)
}

// fraction is about the share of time that is computed, up to now.
func (f *fill) fraction(state State, nowMillis int64) float64 {
	if state.BuiltFrom == math.MinInt64 {
		return 1
	}
	all := float64(nowMillis) - float64(f.oldest.time)
	if !f.oldest.found || all <= 0 {
		return 0
	}
	share := func(from int64) float64 {
		return min(max((float64(nowMillis)-float64(max(from, f.oldest.time)))/all, 0), 1)
	}
	out := share(state.BuiltFrom)
	if c := f.chunk; c != nil {
		out += c.walk.Fraction() * (share(c.walk.Over.Start) - out)
	}
	return min(out, 0.999) // rows may be older than those that were looked at
}

// Of is how far the backfill of a rollup has come.
func (b *Backfill) Of(id mutation.TableID) BackfillProgress {
	b.mu.Lock()
	out := b.progress[id]
	b.mu.Unlock()
	out.Err = b.Failure(id)
	return out
}

// forget drops what is known of rollups that are gone.
func (b *Backfill) forget(all map[mutation.TableID]*Rollup) {
	b.stepMu.Lock()
	defer b.stepMu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	gone := func(id mutation.TableID) bool { _, there := all[id]; return !there }
	maps.DeleteFunc(b.fills, func(id mutation.TableID, _ *fill) bool { return gone(id) })
	maps.DeleteFunc(b.progress, func(id mutation.TableID, _ BackfillProgress) bool { return gone(id) })
	b.forgetFailures(gone)
}

// Await returns once the windows of a rollup from a time on are computed, or the rollup is gone or paused. It ends with the error of the
// last step if that failed.
func (b *Backfill) Await(of *schema.Table, from int64) error {
	return b.await(of.ID, func() (bool, error) {
		ru, err := b.rollups.Rollup(of.ID)
		if err != nil || ru == nil || ru.Table.Rollup.Paused {
			return true, err
		}
		state, err := b.rollups.State(ru.Table)
		return err == nil && state.BuiltFrom <= from, err
	})
}
