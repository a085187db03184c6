package jobs

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// latenessMillis is how long behind its end a window is sealed; false: never (R41).
func latenessMillis(ru *Rollup) (int64, bool) {
	of := ru.Table.Rollup
	millis := of.LatenessMillis
	if kept := ru.Base.Retention; millis == 0 && kept != nil {
		// Rows that never end need no seal, but those of all others wait for it.
		millis = kept.Millis
		for i := range kept.Policies {
			millis = max(millis, kept.Policies[i].Millis)
		}
	}
	if millis == 0 {
		millis = int64(ru.Base.Options.DefaultTTLSec) * 1000
	}
	return max(millis, of.GraceMillis), millis > 0
}

// sealAll seals windows whose time has come, of coarse rollups before the finer ones that they are declared on: while a window may
// still be computed, so may those that it is computed from.
func (r *Rollups) sealAll(rollups map[mutation.TableID]*Rollup) error {
	order := make([]*Rollup, 0, len(rollups))
	for _, ru := range rollups {
		order = append(order, ru)
	}
	slices.SortFunc(order, func(a, b *Rollup) int { return len(b.Below) - len(a.Below) })
	for _, ru := range order {
		if err := r.seal(ru, childrenOf(rollups, ru.Table.ID)); err != nil {
			return err
		}
	}
	return nil
}

// seal seals what it may of one rollup: windows that are old enough, clean at all levels down to the base, and computed. It is
// decided while nobody writes: a write before it has left a mark, and one after it leaves none.
func (r *Rollups) seal(ru *Rollup, children []*Rollup) error {
	until, ok := r.sealable(ru, children)
	p := r.known(ru.Table.ID)
	if !ok || p == nil || until <= p.Sealed() {
		return nil
	}
	r.stateMu.Lock()
	defer r.stateMu.Unlock()
	r.mu.Lock()
	r.held.since = map[mutation.TableID]int64{}
	oldest := r.oldestMarkLocked(ru)
	r.mu.Unlock()
	defer r.nobodyAsks()
	if until = min(until, oldest); until <= p.Sealed() {
		return nil
	}
	state, err := r.stateLocked(ru.Table)
	if err != nil || state.BuiltFrom != math.MinInt64 {
		return err
	}
	before := p.Sealed()
	err = r.store.Decide(func() (Answer, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, id := range append(ru.belowIDs(), ru.Table.ID) {
			if from, any := r.held.since[id]; any {
				until = min(until, ru.window(from).Start)
			}
		}
		if until <= before {
			return Answer{}, false
		}
		p.sealed.Store(until)
		state.SealedUntil = until
		return Answer{States: map[mutation.TableID]State{ru.Table.ID: state}}, true
	}, func() { p.sealed.Store(before) })
	if err != nil || until <= before {
		return err
	}
	r.mu.Lock()
	r.states[ru.Table.ID] = state
	r.mu.Unlock()
	return nil
}

// nobodyAsks ends the noting of new marks.
func (r *Rollups) nobodyAsks() {
	r.mu.Lock()
	r.held.since = nil
	r.mu.Unlock()
}

// Seal seals a rollup, without regard to how old its windows are. It is durable when it returns. No recomputation may be under way, and no write.
func (r *Rollups) Seal(of *schema.Table, until int64) error {
	p, err := r.Tally(&Rollup{Table: of})
	if err != nil {
		return err
	}
	if err := r.Advance(of, func(s *State) { s.SealedUntil = max(s.SealedUntil, until) }, Answer{}); err != nil {
		return err
	}
	p.sealed.Store(max(until, p.Sealed()))
	return nil
}

// sealable is until where windows are old enough, and sealed in the rollups that are computed from them.
func (r *Rollups) sealable(ru *Rollup, children []*Rollup) (until int64, ok bool) {
	lateness, ever := latenessMillis(ru)
	if !ever || ru.Table.Rollup.Paused {
		return 0, false
	}
	until = ru.window(r.clock.Now().UnixMilli() - lateness).Start
	for _, child := range children {
		p := r.known(child.Table.ID)
		if p == nil {
			return 0, false
		}
		if sealed := p.Sealed(); sealed < until {
			until = ru.window(sealed).Start
		}
	}
	return until, true
}

// belowIDs are the ids of the rollups between this one and its base.
func (ru *Rollup) belowIDs() []mutation.TableID {
	out := make([]mutation.TableID, 0, len(ru.Below)+1)
	for i := range ru.Below {
		out = append(out, ru.Below[i].Table.ID)
	}
	return out
}

// oldestMarkLocked is where the earliest window with a mark begins, one of the levels below included, or some time before that.
func (r *Rollups) oldestMarkLocked(ru *Rollup) int64 {
	out := r.held.oldest(ru.Table.ID)
	for _, id := range ru.belowIDs() {
		out = min(out, r.held.oldest(id))
	}
	if out == math.MaxInt64 {
		return out
	}
	return ru.window(out).Start
}
