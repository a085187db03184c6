package jobs

import (
	"math"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// State is how far a rollup has come, beside its marks. It is a row of the table of states; a rollup that has none
// is as NewState says.
type State struct {
	// SealedUntil: the windows that end at or before it are sealed (R41). It only grows.
	SealedUntil int64
	// BuiltFrom: windows that start below it have not been computed yet. It only falls; math.MinInt64: all have been.
	BuiltFrom int64
	// CompleteFrom: windows that start below it were not made, in one partition at least, because rows of them had ended before the rollup
	// was declared; there may be rows of them all the same, of what was written later. It only grows; math.MinInt64: none is left out.
	CompleteFrom int64
}

// NewState is the state of a rollup that nothing has been written of. Without a backfill, a rollup has followed its table from the
// first row on.
func NewState(of *downsample.Definition) State {
	s := State{SealedUntil: math.MinInt64, BuiltFrom: math.MinInt64, CompleteFrom: math.MinInt64}
	if of.Backfill {
		s.BuiltFrom = math.MaxInt64
	}
	return s
}

// Rollup is a rollup with what it is computed from.
type Rollup struct {
	Table  *schema.Table
	Source *schema.Table // what it is declared on: Base, or a finer rollup
	Base   *schema.Table // whose rows are aggregated
	Below  []Level       // the rollups between it and its base, Source first; none on level 1
}

// Level is a rollup that a coarser one can be computed from.
type Level struct {
	Table        *schema.Table
	BuiltFrom    int64 // windows that start below it have no rows yet
	CompleteFrom int64 // windows that start below it were left out
}

// window is the window of the rollup that holds a time.
func (ru *Rollup) window(ms int64) downsample.Window {
	start, end := ru.Table.Rollup.Windows().BucketOf(ms)
	return downsample.Window{Start: start, End: end}
}

// wholly widens a range of time to whole windows of the rollup.
func (ru *Rollup) wholly(over downsample.Window) downsample.Window {
	return downsample.Window{Start: ru.window(over.Start).Start, End: ru.window(over.End - 1).End}
}

// closedUntil is the end of the windows that are closed at a moment: those whose end and grace have passed (R41).
func closedUntil(of *downsample.Definition, nowMillis int64) int64 {
	start, _ := of.Windows().BucketOf(nowMillis - of.GraceMillis)
	return start
}

// childrenOf are the rollups declared on a rollup.
func childrenOf(rollups map[mutation.TableID]*Rollup, id mutation.TableID) []*Rollup {
	var out []*Rollup
	for _, ru := range rollups {
		if ru.Source != nil && ru.Source.ID == id {
			out = append(out, ru)
		}
	}
	return out
}

// State is the durable state of a rollup.
func (r *Rollups) State(of *schema.Table) (State, error) {
	r.mu.Lock()
	state, known := r.states[of.ID]
	r.mu.Unlock()
	if known {
		return state, nil
	}
	// Not under stateMu: who changes a state may wait for writers to end, and a writer for this.
	read, err := r.store.State(of)
	if err != nil {
		return read, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if state, known = r.states[of.ID]; known {
		return state, nil // it was changed meanwhile
	}
	r.states[of.ID] = read
	return read, nil
}

// stateLocked is State for a caller that holds stateMu.
func (r *Rollups) stateLocked(of *schema.Table) (State, error) {
	state, err := r.store.State(of)
	if err != nil {
		return state, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[of.ID] = state
	return state, nil
}

// Advance changes the state of a rollup and writes what goes with it, as one record. It returns once that is durable.
func (r *Rollups) Advance(of *schema.Table, change func(*State), with Answer) error {
	r.stateMu.Lock()
	defer r.stateMu.Unlock()
	state, err := r.stateLocked(of)
	if err != nil {
		return err
	}
	change(&state)
	with.States = map[mutation.TableID]State{of.ID: state}
	if err := r.apply(with); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[of.ID] = state
	return nil
}
