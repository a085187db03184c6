package database

import (
	"fmt"
	"math"
	"sync"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// refreshes are the REFRESH statements under way.
type refreshes struct {
	mu sync.Mutex
	of map[mutation.TableID]float64 // share done, by rollup; guarded by mu
}

func (r *refreshes) note(id mutation.TableID, share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[mutation.TableID]float64{}
	}
	r.of[id] = share
}

func (r *refreshes) end(id mutation.TableID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, id)
}

// share is how much of a REFRESH is done; false: there is none under way.
func (r *refreshes) share(id mutation.TableID) (float64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	share, ok := r.of[id]
	return share, ok
}

// refresh carries out REFRESH ROLLUP: windows that are not sealed, and were not left out, are computed anew, marked or not, and then those
// of the rollups above that are marked by it. Rows that come meanwhile it does not wait for. It waits for the backfill where that has not
// come so far.
func (d *Database) refresh(plan *planner.RefreshRollup) (*Result, error) {
	levels, ok := levelsOf(d.Schema(), plan.Table.Keyspace, plan.Table.Name, plan.Table.ID)
	if !ok {
		return nil, &planner.InvalidError{Message: fmt.Sprintf("rollup %s does not exist", plan.Table.QualifiedName())}
	}
	defer d.refreshing.end(plan.Table.ID)
	d.refreshing.note(plan.Table.ID, 0)
	if err := d.backfill.Await(levels.rollup, plan.Over.Start); err != nil {
		return nil, err
	}
	followed, from, err := d.refreshFrom(levels.rollup)
	if err != nil {
		return nil, err
	}
	out := &Result{Kind: ResultVoid}
	sealed, err := d.sealedIn(levels, plan, followed)
	if err != nil {
		return nil, err
	}
	if sealed > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("rollup %s: %d windows are sealed and stay as they are", levels.rollup.QualifiedName(), sealed))
	}
	if from = max(from, plan.Over.Start); from < plan.Over.End {
		walk := &jobs.Ranges{Rollup: plan.Table.ID, Over: downsample.Window{Start: from, End: plan.Over.End}, Only: plan.Key}
		if err := d.recompute(walk); err != nil {
			return nil, err
		}
	}
	return out, d.settle(plan.Table.ID)
}

// SettleRollups computes the windows of every rollup that are closed, and dirty or not computed yet, without giving way to statements:
// what the scheduler does sooner or later. Rows that come meanwhile it need not have. It ends with the first error of a rollup.
func (d *Database) SettleRollups() error {
	s := d.Schema()
	for _, name := range s.KeyspaceNames() {
		for _, t := range s.Keyspaces[name].SortedTables() {
			if t.Rollup == nil {
				continue
			}
			if err := d.backfill.Await(t, math.MinInt64); err != nil {
				return err
			}
		}
	}
	return d.rollups.Settle()
}

// settle waits for the marks that stand of a rollup and of those below and above it.
func (d *Database) settle(id mutation.TableID) error {
	ru, err := d.rollups.Rollup(id)
	if err != nil || ru == nil {
		return err
	}
	return d.rollups.SettleTree(ru)
}

// refreshFrom is until where windows of a rollup are sealed, there or in those below it, and from which time on a REFRESH computes
// them: of the others, rows that they were made of may be gone.
func (d *Database) refreshFrom(r *schema.Table) (followed, from int64, err error) {
	view := d.store.View()
	defer view.Close()
	if followed, err = d.followedFrom(view, r); err != nil {
		return 0, 0, err
	}
	from, err = d.comparableFrom(view, r)
	return followed, from, err
}

// settleEvery is how many windows are computed before those are that they have marked: their marks are in memory.
const settleEvery = 16_384

// recompute computes the windows of a walk.
func (d *Database) recompute(walk *jobs.Ranges) error {
	waiting := 0
	for !walk.Done {
		if err := d.backfill.Stopped(); err != nil {
			return err
		}
		ru, err := d.rollups.Rollup(walk.Rollup)
		if err != nil {
			return err
		}
		if ru == nil {
			return &planner.InvalidError{Message: "the rollup was dropped while it was refreshed"}
		}
		view := d.store.View()
		marks, err := walk.Next(view, ru)
		view.Close() // it holds on to memory and files that would go
		if err != nil {
			return err
		}
		if err := d.rollups.Compute(marks); err != nil {
			return err
		}
		d.refreshing.note(walk.Rollup, walk.Fraction())
		if waiting += len(marks); waiting >= settleEvery/jobs.RangeWindowsMax {
			if err := d.settle(walk.Rollup); err != nil {
				return err
			}
			waiting = 0
		}
	}
	return nil
}

// sealedIn counts the sealed windows among those that a REFRESH names.
func (d *Database) sealedIn(levels rollupLevels, plan *planner.RefreshRollup, until int64) (n int64, err error) {
	over := downsample.Window{Start: plan.Over.Start, End: min(plan.Over.End, until)}
	if over.Start >= over.End {
		return 0, nil
	}
	view := d.store.View()
	defer view.Close()
	var last partition.DecoratedKey
	for {
		keys := []partition.DecoratedKey{}
		if plan.Key != nil {
			keys = append(keys, *plan.Key)
		} else if keys, err = jobs.Partitions(view, []mutation.TableID{levels.rollup.ID}, last, checkPartitionsMax); err != nil {
			return n, err
		}
		for _, last = range keys {
			of, err := countWindows(view, &levels.rollupStored, last, over)
			if err != nil {
				return n, err
			}
			n += of
		}
		if plan.Key != nil || len(keys) == 0 {
			return n, nil
		}
	}
}

// countWindows counts the windows in a range that a rollup has rows of in one partition.
func countWindows(view View, rollup *mutation.Table, key partition.DecoratedKey, over downsample.Window) (n int64, err error) {
	last := int64(0)
	err = jobs.EachTime(view, rollup, key, over, false, func(ms int64) bool {
		if n == 0 || ms != last {
			n++
		}
		last = ms
		return true
	})
	return n, err
}
