package jobs

import (
	"cmp"
	"slices"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
)

// walkMarksMax is how many marks one step of a walk over their table looks at.
const walkMarksMax = 64 << 10

// round answers at most so many due marks; more says that there may be others. A rollup that fails is noted in failed and
// left out, then and without retry also before its time has come; another error is an end.
func (r *Rollups) round(failed map[mutation.TableID]bool, most int, retry bool) (more bool, err error) {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	rollups, err := r.rollups()
	if err != nil {
		return false, err
	}
	if err := r.clearOrphans(rollups); err != nil {
		return false, err
	}
	r.forget(rollups)
	closed := r.closed(rollups, failed, retry)
	due := r.due(closed, most)
	if len(due) == 0 {
		if r.isShort(closed) {
			err := r.refill(closed)
			return err == nil, err
		}
		return false, r.sealAll(rollups)
	}
	due = childrenLast(rollups, due)
	view := r.pin(due)
	defer view.Close()
	var first error
	for len(due) > 0 {
		id := due[0].Rollup
		n := 1
		for n < len(due) && due[n].Rollup == id {
			n++
		}
		_, err := r.newAnswering(view, rollups, id).answer(due[:n])
		if r.failed(id, err); err != nil {
			failed[id] = true
			first = cmp.Or(first, err)
		}
		due = due[n:]
	}
	return true, first
}

// forget drops what is known of rollups that were in the schema at an earlier round and are gone: they never come back.
func (r *Rollups) forget(rollups map[mutation.TableID]*Rollup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.seen {
		if rollups[id] == nil {
			delete(r.states, id)
			delete(r.tallies, id)
		}
	}
	r.seen = r.seen[:0]
	for id := range rollups {
		r.seen = append(r.seen, id)
	}
}

// due picks closed windows, those of one partition together. The newest come first, for they are looked at most; now and then
// the oldest do.
func (r *Rollups) due(closed map[mutation.TableID]int64, most int) []Mark {
	r.rounds++
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.held.pick(most, r.rounds%oldestEvery == 0, func(n *name) bool {
		until, known := closed[n.rollup]
		return known && n.window.Start < until
	})
	slices.SortFunc(out, compareMarks)
	return out
}

// childrenLast leaves out windows of rollups whose sources are recomputed in the same round: that would mark them again.
func childrenLast(rollups map[mutation.TableID]*Rollup, due []Mark) []Mark {
	type place struct {
		rollup mutation.TableID
		base   string
	}
	at := map[place][]downsample.Window{}
	for i := range due {
		p := place{due[i].Rollup, string(due[i].Base.Key)}
		at[p] = append(at[p], due[i].Window)
	}
	return slices.DeleteFunc(due, func(m Mark) bool {
		for _, level := range rollups[m.Rollup].Below {
			for _, w := range at[place{level.Table.ID, string(m.Base.Key)}] {
				if w.Start < m.Window.End && m.Window.Start < w.End {
					return true
				}
			}
		}
		return false
	})
}

// isShort reports whether marks that are not held may be due.
func (r *Rollups) isShort(closed map[mutation.TableID]int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held.unknown || r.held.again != nil {
		return true
	}
	for id, of := range r.held.missed {
		if until, known := closed[id]; !known || of.from < until {
			return true
		}
	}
	return false
}

// refill lets go of marks that wait and takes due ones from their table.
func (r *Rollups) refill(closed map[mutation.TableID]int64) error {
	r.mu.Lock()
	if r.held.again == nil {
		r.cursor, r.held.again = Place{}, map[mutation.TableID]missed{}
	}
	r.held.makeRoom(func(n *name) bool { until, known := closed[n.rollup]; return known && n.window.Start >= until })
	r.mu.Unlock()
	_, err := r.step(func(m *Mark) bool { until, known := closed[m.Rollup]; return !known || m.Window.Start < until })
	return err
}

// walk takes marks from the beginning of their table, due or not, as many as may be held. Where memory is full, the rest is found
// when those are done.
func (r *Rollups) walk() error {
	r.mu.Lock()
	r.cursor, r.held.again = Place{}, map[mutation.TableID]missed{}
	r.mu.Unlock()
	for r.held.hasRoom() {
		if done, err := r.step(func(*Mark) bool { return true }); err != nil || done {
			return err
		}
	}
	return nil
}

// step goes on with the walk over the table of marks. Marks that are wanted it takes, until there is no room.
func (r *Rollups) step(wanted func(*Mark) bool) (done bool, err error) {
	looked := 0
	to, done, err := r.store.Marks(r.cursor, func(m Mark, sequence uint64) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		looked++
		n := m.name()
		switch _, there := r.held.marks[n]; {
		case there:
		case !wanted(&m):
			noteMissed(r.held.again, m.Rollup, m.Window.Start)
		default:
			r.held.marks[n] = sequence
			r.held.bytes += n.bytes()
		}
		return looked < walkMarksMax && r.held.hasRoom()
	})
	if err != nil {
		return false, err
	}
	r.cursor = to
	if done {
		r.mu.Lock()
		r.held.missed, r.held.again, r.held.unknown = r.held.again, nil, false
		r.mu.Unlock()
	}
	return done, nil
}

// clearOrphans clears the held marks of rollups that are gone, marksMax in a record.
func (r *Rollups) clearOrphans(rollups map[mutation.TableID]*Rollup) error {
	r.mu.Lock()
	gone, upTo := r.orphansLocked(rollups)
	r.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	// A rollup that is not in a schema read after its mark was dropped; in one read before, it may be new.
	rollups, err := r.rollups()
	if err != nil {
		return err
	}
	gone = slices.DeleteFunc(gone, func(m Mark) bool { return rollups[m.Rollup] != nil })
	for part := range slices.Chunk(gone, marksMax) {
		if err := r.apply(Answer{Cleared: part, UpTo: upTo}); err != nil {
			return err
		}
		r.cleared(part, upTo)
	}
	return nil
}

func (r *Rollups) orphansLocked(rollups map[mutation.TableID]*Rollup) (gone []Mark, upTo uint64) {
	for n, sequence := range r.held.marks {
		if rollups[n.rollup] == nil {
			gone = append(gone, n.mark())
			upTo = max(upTo, sequence)
		}
	}
	return gone, upTo
}

// cleared forgets marks that were not written again since the View was pinned.
func (r *Rollups) cleared(ms []Mark, upTo uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ms {
		if n := ms[i].name(); r.held.marks[n] <= upTo {
			r.held.remove(n)
		}
	}
}
