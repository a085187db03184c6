package jobs

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
)

// Tally is what the process counts of one rollup, since it started.
type Tally struct {
	LateRows   atomic.Int64 // rows that came when their window had closed
	LateSealed atomic.Int64 // rows and deletions that came when their window was sealed, and left it as it is
	Marks      atomic.Int64 // written by statements
	Computed   atomic.Int64 // rows written by recomputations, vanished ones included

	// sealed is State.SealedUntil as decided: the record of it may not be durable yet. It is stored while no writer is between
	// deciding on its marks and the end of its write.
	sealed atomic.Int64

	failure  error     // of the last recomputation; guarded by Rollups.mu
	failures int       // in a row; guarded by Rollups.mu
	retryAt  time.Time // after a failure; guarded by Rollups.mu
}

// Sealed is until where windows are sealed: a writer that decides on marks leaves them out.
func (p *Tally) Sealed() int64 { return p.sealed.Load() }

// Tally is what is counted of a rollup, whose durable state is known from then on.
func (r *Rollups) Tally(of *Rollup) (*Tally, error) {
	state, err := r.State(of.Table)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tallyLocked(of.Table.ID, state), nil
}

func (r *Rollups) tallyLocked(id mutation.TableID, state State) *Tally {
	p := r.tallies[id]
	if p == nil {
		p = &Tally{}
		p.sealed.Store(state.SealedUntil)
		r.tallies[id] = p
	}
	return p
}

// After an error, a rollup is tried again after a while, at first soon; the others go on.
const (
	retryMin = time.Second
	retryMax = 5 * time.Minute
)

// failed knows that a recomputation of a rollup failed, or with a nil error that it did not.
func (r *Rollups) failed(id mutation.TableID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.tallies[id]
	if p == nil {
		return // it was dropped
	}
	if p.failure = err; err == nil {
		p.failures, p.retryAt = 0, time.Time{}
		return
	}
	p.retryAt = r.clock.Now().Add(min(retryMin<<min(p.failures, 20), retryMax))
	p.failures++
}

// Status is what is known of one rollup, for system_views.
type Status struct {
	// DirtyWindows counts closed windows that are to be recomputed. Of marks that are not in memory each counts as one window.
	DirtyWindows int64
	// Waiting is DirtyWindows with those of marks whose windows are still open, each mark counting once.
	Waiting int64
	// OldestDirty is the start of the earliest dirty window; math.MaxInt64: none is dirty.
	OldestDirty int64
	// FinalUntil: all windows that end at or before it are final in every partition, as far as this level goes.
	FinalUntil int64
	// Lag is how long the earliest dirty window could have been computed.
	Lag       time.Duration
	State     State
	LastError error
	*Tally
}

// windowsCountedMax bounds how many windows of one mark are counted.
const windowsCountedMax = 1024

// Status tells of a rollup. A window that is still open is not dirty yet (R41).
func (r *Rollups) Status(of *Rollup) (Status, error) {
	p, err := r.Tally(of)
	if err != nil {
		return Status{}, err
	}
	state, err := r.State(of.Table)
	if err != nil {
		return Status{}, err
	}
	out := Status{State: state, Tally: p, OldestDirty: math.MaxInt64}
	nowMillis := r.clock.Now().UnixMilli()
	closed := closedUntil(of.Table.Rollup, nowMillis)
	r.mu.Lock()
	defer r.mu.Unlock()
	out.LastError = p.failure
	for n := range r.held.marks {
		if n.rollup != of.Table.ID {
			continue
		}
		if out.Waiting++; n.window.Start < closed {
			out.DirtyWindows += of.countWindows(downsample.Window{Start: n.window.Start, End: min(n.window.End, closed)})
			out.OldestDirty = min(out.OldestDirty, n.window.Start)
		}
	}
	rest, any := r.held.missed[of.Table.ID]
	if r.held.unknown {
		rest.from, rest.count, any = math.MinInt64, max(rest.count, 1), true
	}
	if any {
		if out.Waiting += rest.count; rest.from < closed {
			out.DirtyWindows += rest.count
			out.OldestDirty = min(out.OldestDirty, rest.from)
		}
	}
	out.FinalUntil = min(closed, out.OldestDirty)
	if out.DirtyWindows > 0 && out.OldestDirty != math.MinInt64 {
		out.Lag = between(of.window(out.OldestDirty).End+of.Table.Rollup.GraceMillis, nowMillis)
	}
	return out, nil
}

// between is the time from one moment to a later one, in milliseconds; 0 if it is not later, and the longest there is if it is longer.
func between(from, to int64) time.Duration {
	if from >= to {
		return 0
	}
	if d := uint64(to) - uint64(from); d < math.MaxInt64/uint64(time.Millisecond) {
		return time.Duration(d) * time.Millisecond
	}
	return math.MaxInt64
}

// countWindows is how many windows a range has; an unbounded one counts as one.
func (ru *Rollup) countWindows(over downsample.Window) int64 {
	if over.Start == math.MinInt64 || over.End == math.MaxInt64 {
		return 1
	}
	if windows := ru.Table.Rollup.Windows(); windows.IsFixed() {
		over = ru.wholly(over)
		first := ru.window(over.Start)
		return int64(min((uint64(over.End)-uint64(over.Start))/uint64(first.End-first.Start), windowsCountedMax))
	}
	n := int64(1)
	for at := ru.window(over.Start).End; at < over.End && n < windowsCountedMax; n++ {
		at = ru.window(at).End
	}
	return n
}
