package database

import (
	"cmp"
	"math"
	"slices"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Limits of system_views.rollup_windows, for one rollup.
const (
	windowsShownMax      = 10_000 // of all partitions together
	windowPartitionsMax  = 1000   // partitions that are looked at, the first ones by their tokens
	windowOfPartitionMin = 10     // however many partitions there are
)

// Rollup implements catalog.RollupSight.
func (s status) Rollup(t *schema.Table) catalog.Rollup {
	out := catalog.Rollup{FinalUntilMillis: math.MinInt64, BuiltFromMillis: math.MinInt64, SealedUntilMillis: math.MinInt64, State: "live", Built: 1}
	filled := s.d.backfill.Of(t.ID)
	of, err := s.d.statusOf(t)
	if err = cmp.Or(err, of.LastError, filled.Err); err != nil {
		out.LastError = err.Error()
	}
	if of.Tally == nil {
		return out // dropped a moment ago, or not to be read
	}
	out.DirtyWindows, out.FinalUntilMillis, out.LagSeconds, out.Waiting = of.DirtyWindows, of.FinalUntil, of.Lag.Seconds(), of.Waiting
	out.BuiltFromMillis, out.SealedUntilMillis = of.State.BuiltFrom, of.State.SealedUntil
	if of.State.BuiltFrom >= of.FinalUntil {
		out.FinalUntilMillis = math.MinInt64
	}
	out.RowsComputed, out.Marks, out.WindowsBackfilled = of.Computed.Load(), of.Marks.Load(), filled.Windows
	out.LateRows, out.LateSealed = of.LateRows.Load(), of.LateSealed.Load()
	if base := s.d.Schema().Table(t.Keyspace, t.Rollup.BaseTable()); base != nil {
		out.LateExpired = s.d.late.of(base.ID)
	}
	if of.State.BuiltFrom != math.MinInt64 {
		out.State, out.Built, out.LeftSeconds = "building", filled.Fraction, filled.Left.Seconds()
	}
	if t.Rollup.Paused {
		out.State = "paused"
	}
	if share, ok := s.d.refreshing.share(t.ID); ok {
		out.Refreshed = &share
	}
	return out
}

// statusOf is the status of a rollup, final as far as the levels below let it be.
func (d *Database) statusOf(t *schema.Table) (jobs.Status, error) {
	ru, err := d.rollups.Rollup(t.ID)
	if err != nil || ru == nil {
		return jobs.Status{}, err
	}
	out, err := d.rollups.Status(ru)
	if err != nil {
		return out, err
	}
	for i := range ru.Below {
		below, err := d.rollups.Status(&jobs.Rollup{Table: ru.Below[i].Table})
		if err != nil {
			return out, err
		}
		if below.FinalUntil < out.FinalUntil {
			out.FinalUntil = t.Rollup.WindowOf(below.FinalUntil).Start
		}
	}
	return out, nil
}

// RollupWindows implements catalog.RollupSight.
func (s status) RollupWindows(t *schema.Table, fromMillis, toMillis int64) ([]catalog.RollupWindow, error) {
	levels, ok := levelsOf(s.d.Schema(), t.Keyspace, t.Name, t.ID)
	if !ok {
		return nil, nil // it was dropped a moment ago
	}
	view := s.d.store.View()
	defer view.Close()
	state, err := rollupState(view, t)
	if err != nil {
		return nil, err
	}
	keys, err := jobs.Partitions(view, []mutation.TableID{levels.base.ID, t.ID}, partition.DecoratedKey{}, windowPartitionsMax)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	w := &windowList{
		d: s.d, view: view, levels: levels, sealedUntil: state.SealedUntil, completeFrom: state.CompleteFrom, nowMillis: s.d.clock.Now().UnixMilli(),
		most: max(windowsShownMax/len(keys), windowOfPartitionMin),
	}
	over := downsample.Window{Start: fromMillis, End: toMillis}
	for _, key := range keys {
		if err := w.partition(key, over); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(w.out, func(a, b catalog.RollupWindow) int {
		return cmp.Or(cmp.Compare(a.StartMillis, b.StartMillis), cmp.Compare(a.Partition, b.Partition))
	})
	return w.out, nil
}

// windowList collects the windows of a rollup.
type windowList struct {
	d           *Database
	view        View
	levels      rollupLevels
	sealedUntil int64
	// completeFrom: those that start below it were left out.
	completeFrom int64
	nowMillis    int64
	most         int // of one partition

	out []catalog.RollupWindow
}

// partition adds the newest windows of a partition that start in a range.
func (w *windowList) partition(key partition.DecoratedKey, over downsample.Window) error {
	r := w.levels.rollup
	if !r.Retention.IsNone() {
		kept, err := visibleFrom(w.view, r, key, false, w.nowMillis)
		if err != nil {
			return err
		}
		over.Start = max(over.Start, kept) // what is past the rollup's own retention does not show
	}
	over.Start = max(over.Start, w.completeFrom)
	if start := r.Rollup.WindowOf(over.Start); start.Start < over.Start {
		over.Start = start.End
	}
	if last := r.Rollup.WindowOf(over.End - 1); over.End != math.MaxInt64 {
		over.End = last.End
	}
	if over.Start >= over.End {
		return nil
	}
	final, err := w.d.finalParts(w.view, r, key, over, w.nowMillis)
	if err != nil {
		return err
	}
	left := w.most
	for i := len(final) - 1; i >= 0 && left > 0; i-- {
		if left, err = w.changing(key, downsample.Window{Start: final[i].End, End: over.End}, left); err == nil {
			left, err = w.final(key, final[i], left)
		}
		if err != nil {
			return err
		}
		over.End = final[i].Start
	}
	_, err = w.changing(key, over, left)
	return err
}

// changing adds windows that are open or dirty: those with rows, of the base or of the rollup.
func (w *windowList) changing(key partition.DecoratedKey, over downsample.Window, left int) (int, error) {
	closed := w.levels.rollup.Rollup.WindowOf(w.nowMillis - w.levels.rollup.Rollup.GraceMillis).Start
	for left > 0 && over.Start < over.End {
		ms, ok, err := w.levels.edge(w.view, key, over, true)
		if err != nil || !ok {
			return left, err
		}
		at := w.levels.rollup.Rollup.WindowOf(ms)
		state := "dirty"
		if at.End > closed {
			state = "open"
		}
		w.add(key, at.Start, state)
		over.End = max(at.Start, over.Start)
		left--
	}
	return left, nil
}

// final adds windows that the rollup has rows of.
func (w *windowList) final(key partition.DecoratedKey, over downsample.Window, left int) (int, error) {
	last := downsample.Window{}
	err := jobs.EachTime(w.view, &w.levels.rollupStored, key, over, true, func(ms int64) bool {
		if last.Start <= ms && ms < last.End {
			return left > 0 // another group of the same window
		}
		last = w.levels.rollup.Rollup.WindowOf(ms)
		state := "final"
		if last.End <= w.sealedUntil {
			state = "sealed"
		}
		w.add(key, last.Start, state)
		left--
		return left > 0
	})
	return left, err
}

func (w *windowList) add(key partition.DecoratedKey, start int64, state string) {
	w.out = append(w.out, catalog.RollupWindow{StartMillis: start, Partition: w.levels.rollup.PartitionText(key.Key), State: state})
}
