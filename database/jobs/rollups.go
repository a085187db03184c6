// Package jobs runs the work that the database does beside its statements: so far the
// recomputation of rollups.
//
// It knows dirty marks, windows and when they are due. What it needs of the database is the
// interface Store; it does not know plans, statements or the store's files.
package jobs

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Mark says that a window of a rollup may differ from its source (law 7).
type Mark struct {
	Rollup mutation.TableID
	Base   partition.DecoratedKey // partition of the source table
	Window downsample.Window      // one window, or a range of them where a deletion was
}

// isOpen reports whether a mark's window may still change by itself. A range of windows never is: those
// of its windows that are open are marked anew when it is answered.
func (ru *Rollup) isOpen(w downsample.Window, nowMillis int64) bool {
	return w == ru.window(w.Start) && w.End > closedUntil(ru.Table.Rollup, nowMillis)
}

// View is the store at one sequence.
type View interface {
	Sequence() uint64
	Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error)
	Close()
}

// Store is what the rollup scheduler needs of the database.
type Store interface {
	// Rollups are the rollups of the schema now.
	Rollups() []Rollup
	// Pin calls pinned at a moment when every write either is applied or has yet to decide on its
	// marks, and returns the View of that moment.
	Pin(pinned func()) View
	// State is the durable state of a rollup.
	State(r *schema.Table) (State, error)
	// Apply writes an answer as one record and returns its sequence.
	Apply(Answer) (sequence uint64, err error)
	// Marks calls each for every uncleared mark.
	Marks(each func(m Mark, sequence uint64)) error
}

// Answer is what a recomputation writes.
type Answer struct {
	Rows    []mutation.Mutation // of rollups
	Marked  []Mark              // windows of the rollups declared on those, and windows found still open
	Cleared []Mark              // marks that end, as far as they were written at or before UpTo
	UpTo    uint64
	States  map[mutation.TableID]State
}

// Limits of one round of recomputation.
const (
	marksMax      = 1024        // marks answered in one round
	recordRowsMax = 4096        // rollup rows written in one record
	pollEvery     = time.Second // how often windows are looked at that close by the clock alone
)

// name identifies a mark.
type name struct {
	rollup mutation.TableID
	base   string
	window downsample.Window
}

func (m *Mark) name() name { return name{m.Rollup, string(m.Base.Key), m.Window} }

// entry is what is known of an uncleared mark.
type entry struct {
	mark     Mark
	sequence uint64 // of the last record that wrote it
	pinned   bool   // a recomputation has its View: the next write must mark again
}

// Rollups is the scheduler that recomputes dirty windows. Start it with StartRollups.
type Rollups struct {
	store Store
	clock clock.Clock

	roundMu sync.Mutex // held during a round: there is one at a time

	mu        sync.Mutex
	dirty     map[name]*entry // guarded by mu
	lastError error           // of the last round; guarded by mu

	stateMu sync.Mutex                 // held while a state is changed in the store; taken before mu
	states  map[mutation.TableID]State // durable ones, as far as they were asked for; guarded by mu

	wake chan struct{} // of capacity 1: there is something to look at
	stop chan struct{}
	done chan struct{}
}

// StartRollups loads the marks that stand in the store and starts to work on them.
func StartRollups(store Store, clk clock.Clock) (*Rollups, error) {
	r, err := newRollups(store, clk)
	if err != nil {
		return nil, err
	}
	go r.run()
	return r, nil
}

// newRollups is a scheduler that knows the marks in the store and works only when Settle is called.
func newRollups(store Store, clk clock.Clock) (*Rollups, error) {
	r := &Rollups{
		store: store, clock: clk, dirty: map[name]*entry{}, states: map[mutation.TableID]State{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	err := store.Marks(func(m Mark, sequence uint64) { r.dirty[m.name()] = &entry{mark: m, sequence: sequence} })
	return r, err
}

// Close stops the scheduler and waits for it. What is dirty stays marked in the store.
func (r *Rollups) Close() {
	close(r.stop)
	<-r.done
}

func (r *Rollups) run() {
	defer close(r.done)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
		case <-r.wake:
		}
		r.Settle()
	}
}

// Settle recomputes every closed dirty window and returns the first error. It is what the scheduler
// does by itself; tests and REFRESH call it to wait for it.
func (r *Rollups) Settle() error {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	for {
		select {
		case <-r.stop:
			return nil
		default:
		}
		more, err := r.round()
		r.mu.Lock()
		r.lastError = err
		r.mu.Unlock()
		if err != nil || !more {
			return err
		}
	}
}

// Exclude calls f while no recomputation is under way.
func (r *Rollups) Exclude(f func() error) error {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	return f()
}

// Covered reports whether a mark need not be written, because it stands already and no recomputation
// has pinned its View since.
func (r *Rollups) Covered(m Mark) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.dirty[m.name()]
	return e != nil && !e.pinned
}

// Marked records that a mark is durable.
func (r *Rollups) Marked(m Mark, sequence uint64) {
	r.mu.Lock()
	e := r.dirty[m.name()]
	if e == nil {
		m.Base.Key = bytes.Clone(m.Base.Key) // the caller's lives as long as its request
		e = &entry{mark: m}
		r.dirty[m.name()] = e
	}
	if sequence > e.sequence {
		e.sequence, e.pinned = sequence, false
	}
	r.mu.Unlock()
	if m.Window.End <= r.clock.Now().UnixMilli() {
		r.poke() // all others the ticker will find
	}
}

// SchemaChanged makes the scheduler look at the rollups again.
func (r *Rollups) SchemaChanged() { r.poke() }

func (r *Rollups) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Status is what is known of one rollup, for system_views.
type Status struct {
	DirtyWindows int
	LastError    error
}

// Status counts the dirty windows of a rollup. One that is still open is not dirty yet (R41); a range
// of windows counts as one.
func (r *Rollups) Status(id mutation.TableID) Status {
	nowMillis := r.clock.Now().UnixMilli()
	ru := r.rollups()[id]
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Status{LastError: r.lastError}
	for n := range r.dirty {
		if n.rollup == id && ru.Table != nil && !ru.isOpen(n.window, nowMillis) {
			out.DirtyWindows++
		}
	}
	return out
}

// round answers up to marksMax due marks; more says that others are due.
func (r *Rollups) round() (more bool, err error) {
	rollups := r.rollups()
	if err := r.clearOrphans(rollups); err != nil {
		return false, err
	}
	due, more := r.due(rollups)
	if len(due) == 0 {
		return false, nil
	}
	view := r.store.Pin(func() { r.setPinned(due, true) })
	defer view.Close()
	if err := r.answer(view, rollups, due); err != nil {
		r.setPinned(due, false)
		return false, err
	}
	r.cleared(due, view.Sequence())
	return more, nil
}

// rollups are the rollups of the schema by their ids.
func (r *Rollups) rollups() map[mutation.TableID]Rollup {
	out := map[mutation.TableID]Rollup{}
	for _, ru := range r.store.Rollups() {
		for i := range ru.Below {
			state, err := r.State(ru.Below[i].Table)
			if err != nil {
				state.BuiltFrom = math.MaxInt64 // its rows are not taken; what is wrong, its own computation says
			}
			ru.Below[i].BuiltFrom = state.BuiltFrom
		}
		out[ru.Table.ID] = ru
	}
	return out
}

// clearOrphans clears the marks of rollups that are gone, marksMax in a record.
func (r *Rollups) clearOrphans(rollups map[mutation.TableID]Rollup) error {
	var gone []Mark
	upTo := uint64(0)
	r.mu.Lock()
	for n, e := range r.dirty {
		if _, ok := rollups[n.rollup]; !ok {
			gone = append(gone, e.mark)
			upTo = max(upTo, e.sequence)
		}
	}
	r.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	// A rollup that is not in a schema read after its mark was dropped; in one read before, it may be new.
	rollups = r.rollups()
	r.mu.Lock()
	maps.DeleteFunc(r.states, func(id mutation.TableID, _ State) bool { _, there := rollups[id]; return !there })
	r.mu.Unlock()
	gone = slices.DeleteFunc(gone, func(m Mark) bool { _, there := rollups[m.Rollup]; return there })
	for part := range slices.Chunk(gone, marksMax) {
		if _, err := r.store.Apply(Answer{Cleared: part, UpTo: upTo}); err != nil {
			return err
		}
		r.cleared(part, upTo)
	}
	return nil
}

// due picks closed windows, those of one partition together.
func (r *Rollups) due(rollups map[mutation.TableID]Rollup) (out []Mark, more bool) {
	nowMillis := r.clock.Now().UnixMilli()
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, e := range r.dirty {
		ru, ok := rollups[n.rollup]
		if !ok {
			continue // dropped a moment ago
		}
		if ru.isOpen(n.window, nowMillis) {
			continue
		}
		out = append(out, e.mark)
	}
	slices.SortFunc(out, func(a, b Mark) int {
		return cmp.Or(slices.Compare(a.Rollup[:], b.Rollup[:]), a.Base.Compare(b.Base), cmp.Compare(a.Window.Start, b.Window.Start))
	})
	if len(out) > marksMax {
		return out[:marksMax], true
	}
	return out, false
}

func (r *Rollups) setPinned(ms []Mark, pinned bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ms {
		if e := r.dirty[ms[i].name()]; e != nil {
			e.pinned = pinned
		}
	}
}

// cleared forgets marks that were not written again since the View was pinned.
func (r *Rollups) cleared(ms []Mark, upTo uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ms {
		if e := r.dirty[ms[i].name()]; e != nil && e.sequence <= upTo {
			delete(r.dirty, ms[i].name())
		}
	}
}
