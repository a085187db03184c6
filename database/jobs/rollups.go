// Package jobs runs the work that the database does beside its statements: the recomputation of rollups,
// the building of copies, the choice of bucket sizes.
//
// It knows dirty marks, windows and when they are due. What it needs of the database is the
// interface Store; it does not know plans, statements or the store's files.
package jobs

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Mark says that windows of a rollup may differ from its source (law 7).
type Mark struct {
	Rollup mutation.TableID
	Base   partition.DecoratedKey // partition of the base table
	Window downsample.Window      // one window, or a range of whole ones
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
	// State is the durable state of a rollup.
	State(r *schema.Table) (State, error)
	// Pin calls pinned at a moment when every write either is applied or has yet to decide on its
	// marks, and returns the View of that moment.
	Pin(pinned func()) View
	// Decide calls decide at such a moment and puts what it answers into the log before any other write goes on. If that
	// is refused, undo is called at the same moment. It returns once the answer is durable. No answer is an end.
	Decide(decide func() (a Answer, ok bool), undo func()) error
	// Apply writes an answer as one record and returns its sequence.
	Apply(Answer) (sequence uint64, err error)
	// Marks calls each for uncleared marks behind a place, until it asks to stop behind one or many were looked at.
	Marks(from Place, each func(m Mark, sequence uint64) (goOn bool)) (to Place, done bool, err error)
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
	marksFirst    = 16          // in the first of several
	recordRowsMax = 4096        // rollup rows written in one record, of recordBytesMax at most
	roundRowsMax  = 64 << 10    // rollup rows written in one round; what is left of a mark stays marked
	pollEvery     = time.Second // how often windows are looked at that close by the clock alone
)

// busyWrites is how many writes between two looks say that windows are still being filled: marks of windows that
// have closed already then wait for the next tick, so that they are not computed again for each row.
const busyWrites = 64

// oldestEvery: in one round of so many, the oldest marks are answered and not the newest, so that none waits for ever.
const oldestEvery = 8

// Rollups is the scheduler that recomputes dirty windows. Start it with StartRollups.
type Rollups struct {
	store Store
	clock clock.Clock
	wall  clock.Clock // Limits.Wall
	// Cover is what writers ask.
	Cover *Cover

	writes atomic.Int64       // of tables with rollups, for pacing
	rounds int                // guarded by roundMu
	seen   []mutation.TableID // rollups of the last round; guarded by roundMu

	roundMu sync.Mutex // held during a round: there is one at a time
	stateMu sync.Mutex // held while a state is changed in the store; taken before mu

	mu      sync.Mutex
	held    heldMarks                   // guarded by mu
	cursor  Place                       // of the walk under way over the table of marks; guarded by roundMu
	states  map[mutation.TableID]State  // durable ones, as far as they were asked for; guarded by mu
	tallies map[mutation.TableID]*Tally // guarded by mu

	wake chan struct{} // of capacity 1: there is something to look at
	stop chan struct{}
	done chan struct{}
}

// Limits of a scheduler. Zero values stand for the defaults.
type Limits struct {
	HeldBytesMax  int64 // of memory, for marks that are known; default 16 MiB
	CoverBytesMax int64 // of memory, for what writers know of marks; default 32 MiB
	// Wall measures how long rounds take, where the clock of the database does not run with time. Default: that clock.
	Wall clock.Clock
}

// StartRollups finds the marks that stand in the store and starts to work on them.
func StartRollups(store Store, clk clock.Clock, limits Limits) (*Rollups, error) {
	r, err := newRollups(store, clk, limits)
	if err != nil {
		return nil, err
	}
	go r.run()
	return r, nil
}

// newRollups is a scheduler that knows the marks in the store, as many as it may, and works only when Settle is called.
func newRollups(store Store, clk clock.Clock, limits Limits) (*Rollups, error) {
	if limits.HeldBytesMax == 0 {
		limits.HeldBytesMax = heldBytesMax
	}
	if limits.CoverBytesMax == 0 {
		limits.CoverBytesMax = coverBytesMax
	}
	if limits.Wall == nil {
		limits.Wall = clk
	}
	r := &Rollups{
		store: store, clock: clk, wall: limits.Wall, Cover: newCover(limits.CoverBytesMax), held: newHeld(limits.HeldBytesMax),
		states: map[mutation.TableID]State{}, tallies: map[mutation.TableID]*Tally{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if _, err := r.rollups(); err != nil {
		return nil, err
	}
	return r, r.walk()
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
	var seen int64
	for {
		poked := false
		select {
		case <-r.stop:
			return
		case <-ticker.C:
		case <-r.wake:
			poked = true
		}
		if now := r.writes.Load(); !poked || now-seen < busyWrites {
			seen = now
			r.catchUp()
		}
	}
}

// catchUp answers what is due, in rounds with pauses between them while statements write.
func (r *Rollups) catchUp() {
	failed := map[mutation.TableID]bool{}
	most := marksFirst
	for {
		started, writes := r.wall.Now(), r.writes.Load()
		more, _ := r.round(failed, most, false) // what fails is told by Status, and tried again
		if !more || r.stopped() {
			return
		}
		took := r.wall.Now().Sub(started)
		if most = min(2*most, marksMax); took > roundTime {
			most = max(most/4, 1)
		}
		if r.writes.Load() != writes {
			giveWay(&r.writes, took, r.stop)
		}
	}
}

func (r *Rollups) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// Settle recomputes every closed dirty window and returns the first error: what the scheduler does by itself, without
// giving way to statements. Rollups that failed a moment ago are tried again, once.
func (r *Rollups) Settle() error {
	failed := map[mutation.TableID]bool{}
	var first error
	for !r.stopped() {
		more, err := r.round(failed, marksMax, true)
		if first == nil {
			first = err
		}
		if !more {
			break
		}
	}
	return first
}

// Exclude calls f while no recomputation is under way.
func (r *Rollups) Exclude(f func() error) error {
	r.roundMu.Lock()
	defer r.roundMu.Unlock()
	return f()
}

// Wrote tells that a statement writes to a table with rollups.
func (r *Rollups) Wrote() { r.writes.Add(1) }

// Marked records that a mark is in the log, or on its way before whatever is written from now on. A writer calls it before a View can be pinned.
func (r *Rollups) Marked(m Mark, sequence uint64) {
	r.mu.Lock()
	r.held.add(&m, sequence)
	r.mu.Unlock()
	r.Cover.add(&m)
}

// Poke makes the scheduler look now: there is a mark of a window that has closed, or the schema changed. What closes by the
// clock it finds by itself.
func (r *Rollups) Poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// rollups are the rollups of the schema by their ids.
func (r *Rollups) rollups() (map[mutation.TableID]*Rollup, error) {
	out := map[mutation.TableID]*Rollup{}
	for _, ru := range r.store.Rollups() {
		if _, err := r.Tally(&ru); err != nil {
			return nil, err
		}
		for i := range ru.Below {
			state, err := r.State(ru.Below[i].Table)
			if err != nil {
				return nil, err
			}
			ru.Below[i].BuiltFrom, ru.Below[i].CompleteFrom = state.BuiltFrom, state.CompleteFrom
		}
		out[ru.Table.ID] = &ru
	}
	return out, nil
}

// closed is until where windows of each rollup are closed; math.MinInt64 of those that are paused or wait after an error.
func (r *Rollups) closed(rollups map[mutation.TableID]*Rollup, failed map[mutation.TableID]bool, retry bool) map[mutation.TableID]int64 {
	now := r.clock.Now()
	out := make(map[mutation.TableID]int64, len(rollups))
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, ru := range rollups {
		if p := r.tallies[id]; ru.Table.Rollup.Paused || failed[id] || p == nil || !retry && now.Before(p.retryAt) {
			out[id] = math.MinInt64
			continue
		}
		out[id] = closedUntil(ru.Table.Rollup, now.UnixMilli())
	}
	return out
}
