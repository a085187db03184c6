package jobs

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// blockLevel is that of partition.Bucketing.RangeOf for 64 windows: how far ahead a mark goes at most.
const blockLevel = 3

// answering recomputes windows of one rollup on one View and writes what comes out.
type answering struct {
	r       *Rollups
	view    View
	rollups map[mutation.TableID]*Rollup
	ru      *Rollup
	now     int64 // milliseconds since 1970
	closed  int64 // windows that end later wait
	rowsMax int   // rows to write; what is left then stays marked
	clears  bool  // the marks that are answered

	children []*Rollup
	// outpaced: a rollup above waits less for late rows, and computes from below what is still open here. Rows that are gone before they
	// were computed here make no difference here, but do there.
	outpaced bool
	reuse    Reuse  // of recomputations
	record   Answer // under way
	bytes    int    // of its rows and marks
	written  int    // rows
	left     []Mark // of a mark that was answered in part
}

// newAnswering is about a rollup on a View.
func (r *Rollups) newAnswering(view View, rollups map[mutation.TableID]*Rollup, id mutation.TableID) *answering {
	a := &answering{r: r, view: view, rollups: rollups, ru: rollups[id], now: r.clock.Now().UnixMilli(), rowsMax: math.MaxInt}
	a.closed, a.children = closedUntil(a.ru.Table.Rollup, a.now), childrenOf(rollups, id)
	a.outpaced = outpaced(rollups, a.ru)
	return a
}

// outpaced reports whether a rollup that is computed from this one, directly or not, has a shorter grace.
func outpaced(rollups map[mutation.TableID]*Rollup, ru *Rollup) bool {
	for _, other := range rollups {
		if other.Table.Rollup.GraceMillis < ru.Table.Rollup.GraceMillis && slices.Contains(other.belowIDs(), ru.Table.ID) {
			return true
		}
	}
	return false
}

// Compute computes windows anew, marked or not, and marks those of the rollups declared on them. What is open of them is marked itself.
// The marks are sorted by rollup, partition and time; those of rollups that are gone count for nothing.
func (r *Rollups) Compute(ms []Mark) error {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	rollups, err := r.rollups()
	if err != nil {
		return err
	}
	// No mark is cleared: a write that is not in the View has set one, or has left one standing.
	view := r.store.Pin(func() {})
	defer view.Close()
	for len(ms) > 0 {
		n := 1
		for n < len(ms) && ms[n].Rollup == ms[0].Rollup {
			n++
		}
		if rollups[ms[0].Rollup] != nil {
			a := r.newAnswering(view, rollups, ms[0].Rollup)
			if _, err := a.run(ms[:n]); err != nil {
				return err
			}
			if err := r.apply(a.record); err != nil {
				return err
			}
		}
		ms = ms[n:]
	}
	return nil
}

// answer answers marks, which are sorted: the last record clears them. What there was no room for is left, and still marked.
func (a *answering) answer(due []Mark) (left []Mark, err error) {
	a.clears, a.rowsMax = true, roundRowsMax
	done, err := a.run(due)
	if err != nil {
		return due, err
	}
	return append(a.left, due[done:]...), a.write()
}

// run recomputes the windows of marks, which are sorted, until enough rows were written, and returns how many marks it came through.
// Adjacent windows of a partition are read together. Each record marks the windows of the rollups declared on what it writes.
func (a *answering) run(due []Mark) (done int, err error) {
	for done < len(due) && a.written < a.rowsMax {
		n, over := together(due[done:])
		these := due[done : done+n]
		until := min(over.End, a.closed)
		at, err := a.compute(these[0].Base, downsample.Window{Start: over.Start, End: until})
		if err != nil {
			return done, fmt.Errorf("rollup %s: %w", a.ru.Table.QualifiedName(), err)
		}
		if at < until {
			a.mark(these[0].Base, downsample.Window{Start: at, End: until})
			a.left = append(a.left, a.record.Marked[len(a.record.Marked)-1])
		}
		if err := a.keepOpen(these); err != nil {
			return done, fmt.Errorf("rollup %s: %w", a.ru.Table.QualifiedName(), err)
		}
		if a.clears {
			a.record.Cleared = append(a.record.Cleared, these...)
		}
		if err := a.writeFull(); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// together is how many of the first marks touch one another, and what they cover.
func together(due []Mark) (n int, over downsample.Window) {
	over = due[0].Window
	for n = 1; n < len(due) && due[n].Base.Equal(due[0].Base) && due[n].Window.Start <= over.End; n++ {
		over.End = max(over.End, due[n].Window.End)
	}
	return n, over
}

// write writes the record under way. The marks that it clears have been answered wholly.
func (a *answering) write() error {
	a.record.UpTo = a.view.Sequence()
	if err := a.r.apply(a.record); err != nil {
		return err
	}
	a.r.cleared(a.record.Cleared, a.record.UpTo)
	a.record, a.bytes = Answer{}, 0
	return nil
}

// writeFull writes the record under way if it has become large.
func (a *answering) writeFull() error {
	if len(a.record.Rows) < recordRowsMax && len(a.record.Cleared) < marksMax && a.bytes < recordBytesMax {
		return nil
	}
	return a.write()
}

// errEnough ends a recomputation that has written as many rows as it may.
var errEnough = errors.New("enough rows for one round")

// compute recomputes windows and returns how far it came.
func (a *answering) compute(base partition.DecoratedKey, over downsample.Window) (at int64, err error) {
	state, err := a.r.State(a.ru.Table)
	if err != nil {
		return 0, err
	}
	over.Start = max(over.Start, state.SealedUntil)
	job := Recompute{View: a.view, Rollup: *a.ru, Base: base, Over: over, NowMillis: a.now, ClosedUntil: a.closed, Reuse: &a.reuse}
	a.markChildren(base, job.Passed()) // what is not kept here may be kept above
	if a.outpaced {
		a.markChildren(base, over)
	}
	var changed downsample.Window // of the rows in the record that no mark covers yet
	before, last := a.written, int64(math.MinInt64)
	err = job.Differences(func(d *Difference) error {
		if a.written >= a.rowsMax && d.Window.Start > last {
			at = d.Window.Start
			return errEnough
		}
		last = d.Window.Start
		if len(a.record.Rows) >= recordRowsMax || a.bytes >= recordBytesMax {
			a.markChildren(base, changed)
			changed = downsample.Window{}
			if err := a.write(); err != nil {
				return err
			}
		}
		if changed.Start == changed.End {
			changed = d.Window
		}
		changed.End = max(changed.End, d.Window.End)
		a.record.Rows = append(a.record.Rows, d.Mutation())
		a.bytes += rowsRecordBytes(&a.record.Rows[len(a.record.Rows)-1])
		a.written++
		return nil
	})
	a.markChildren(base, changed)
	a.r.count(a.ru.Table.ID, a.written-before)
	if errors.Is(err, errEnough) {
		return at, nil
	}
	return over.End, err
}

// mark adds a mark to the record.
func (a *answering) mark(base partition.DecoratedKey, over downsample.Window) {
	a.add(Mark{Rollup: a.ru.Table.ID, Base: base, Window: over})
}

func (a *answering) add(m Mark) {
	a.record.Marked = append(a.record.Marked, m)
	a.bytes += m.recordBytes()
}

// keepOpen marks what is still open of marks that are answered. Of long ones the windows that have rows are marked, those of a block of 64
// together: a mark that reached into the far future would be answered again with each window that closes.
func (a *answering) keepOpen(due []Mark) error {
	open := downsample.Window{Start: a.closed, End: a.closed} // until where short marks go on
	long := open
	for i := range due {
		w := due[i].Window
		_, end, ok := a.ru.Table.Rollup.Windows().RangeOf(w.Start, blockLevel)
		if ok && w.Start != math.MinInt64 && w.End <= end {
			open.End = max(open.End, w.End)
		} else {
			long.End = max(long.End, w.End)
		}
	}
	base := due[0].Base
	if open.Start < open.End {
		a.mark(base, open)
	}
	// A window that was closed once, by another clock or a shorter grace, may have a row although it is open.
	job := Recompute{View: a.view, Rollup: *a.ru, Base: base, Over: long, ClosedUntil: a.closed}
	if err := a.markBlocks(base, job.EachOpen); err != nil {
		return err
	}
	return a.markBlocks(base, job.EachStored)
}

// markBlocks marks windows, which ascend: from the first to the last of each block of 64.
func (a *answering) markBlocks(base partition.DecoratedKey, windows func(func(downsample.Window) error) error) error {
	var block downsample.Window
	until := int64(math.MinInt64) // the end of the block
	err := windows(func(w downsample.Window) error {
		if w.End <= until {
			block.End = w.End
			return nil
		}
		if block.Start < block.End {
			a.mark(base, block)
		}
		block, until = w, w.End
		if _, end, ok := a.ru.Table.Rollup.Windows().RangeOf(w.Start, blockLevel); ok {
			until = end
		}
		return a.writeFull()
	})
	if err == nil && block.Start < block.End {
		a.mark(base, block)
	}
	return err
}

// markChildren marks windows that change in rollups declared on the one at hand, as far as they are not sealed there.
func (a *answering) markChildren(base partition.DecoratedKey, over downsample.Window) {
	if over.Start >= over.End {
		return
	}
	for _, child := range a.children {
		m := Mark{Rollup: child.Table.ID, Base: base, Window: child.wholly(over)}
		if p := a.r.known(child.Table.ID); p != nil {
			m.Window.Start = max(m.Window.Start, p.Sealed())
		}
		if m.Window.Start < m.Window.End && !a.r.Cover.Has(m.Rollup, base.Key, m.Window.Start, m.Window.End-1) {
			a.add(m)
		}
	}
}

// known is what is counted of a rollup; nil: nobody asked for it yet.
func (r *Rollups) known(id mutation.TableID) *Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tallies[id]
}

func (r *Rollups) count(id mutation.TableID, rows int) {
	if p := r.known(id); p != nil {
		p.Computed.Add(int64(rows))
	}
}
