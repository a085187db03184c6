package jobs

import (
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// SettleTree recomputes the closed windows that are dirty now of a rollup, of those that it is computed from and of those that are
// computed from it, finer ones first, and gives way to statements like the scheduler. Rows that come meanwhile are left to that. The
// first rollup that fails is an end; others do not matter.
func (r *Rollups) SettleTree(of *Rollup) error {
	rollups, err := r.rollups()
	if err != nil {
		return err
	}
	for _, ru := range ordered(rollups) {
		if ru.Table.ID != of.Table.ID && !slices.Contains(of.belowIDs(), ru.Table.ID) && !slices.Contains(ru.belowIDs(), of.Table.ID) {
			continue
		}
		if err := r.settleLevel(ru.Table.ID, rollups); err != nil {
			return err
		}
	}
	return nil
}

// settleLevel answers each mark once that stands now of closed windows of a rollup. More may be found, if they were written before the
// walk over their table came by.
func (r *Rollups) settleLevel(id mutation.TableID, rollups map[mutation.TableID]*Rollup) error {
	closed := r.closed(rollups, nil, true)[id]
	due, all := r.standing(id, closed)
	if all {
		slices.SortFunc(due, compareMarks)
		for part := range slices.Chunk(due, marksMax) {
			if err := r.settleMarks(part); err != nil {
				return err
			}
		}
		return nil
	}
	for at, done := (Place{}), false; !done; {
		var err error
		due = nil
		at, done, err = r.store.Marks(at, func(m Mark, _ uint64) bool {
			if m.Rollup == id && m.Window.Start < closed {
				due = append(due, m)
			}
			return len(due) < marksMax
		})
		if err != nil {
			return err
		}
		slices.SortFunc(due, compareMarks)
		if err := r.settleMarks(due); err != nil {
			return err
		}
	}
	return nil
}

// standing are the marks of windows of a rollup that start before a time; false: there may be others, in their table alone.
func (r *Rollups) standing(id mutation.TableID, until int64) (out []Mark, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rest, any := r.held.missed[id]; r.held.unknown || r.held.again != nil || any && rest.from < until {
		return nil, false
	}
	for n := range r.held.marks {
		if n.rollup == id && n.window.Start < until {
			out = append(out, n.mark())
		}
	}
	return out, true
}

// settleMarks answers marks of one rollup, which are sorted, in as many rounds as it takes.
func (r *Rollups) settleMarks(due []Mark) error {
	for len(due) > 0 {
		if r.stopped() {
			return ErrStopped
		}
		started, writes := r.wall.Now(), r.writes.Load()
		var err error
		if due, err = r.settleRound(due); err != nil {
			return err
		}
		if r.writes.Load() != writes {
			giveWay(&r.writes, r.wall.Now().Sub(started), r.stop)
		}
	}
	return nil
}

// settleRound answers marks of one rollup, and returns those that are left.
func (r *Rollups) settleRound(due []Mark) (left []Mark, err error) {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	rollups, err := r.rollups()
	if err != nil {
		return nil, err
	}
	id := due[0].Rollup
	if rollups[id] == nil {
		return nil, nil // it was dropped
	}
	view := r.pin(due)
	defer view.Close()
	left, err = r.newAnswering(view, rollups, id).answer(due)
	r.failed(id, err)
	return left, err
}

// pin is a View in which what is to be answered is not covered by its marks any more.
func (r *Rollups) pin(due []Mark) View {
	return r.store.Pin(func() {
		for i := range due {
			r.Cover.drop(&due[i])
		}
	})
}
