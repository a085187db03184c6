package database

import (
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// handedMax is how many marks are handed on at once: about a record of them, which is synced while no write goes on.
const handedMax = 4096

// moved are the rollups of a schema that another one computes from something else, by what of the levels below them is left
// out then: what those have not handed on is marked for them.
func moved(before, next *schema.Snapshot) map[mutation.TableID][]*schema.Table {
	out := map[mutation.TableID][]*schema.Table{}
	for _, k := range next.Keyspaces {
		for _, r := range k.Tables {
			was := before.Table(r.Keyspace, r.Name)
			if r.Rollup == nil || was == nil || was.Rollup == nil || was.ID != r.ID || was.Rollup.Source == r.Rollup.Source {
				continue
			}
			still := sourcesOf(next, r)
			for _, below := range sourcesOf(before, was) {
				if !slices.ContainsFunc(still, func(t *schema.Table) bool { return t.ID == below.ID }) {
					out[below.ID] = append(out[below.ID], r)
				}
			}
		}
	}
	return out
}

// sourcesOf are the rollups that a rollup is computed from, down to its base table.
func sourcesOf(s *schema.Snapshot, r *schema.Table) []*schema.Table {
	var out []*schema.Table
	for below := s.Table(r.Keyspace, r.Rollup.Source); below != nil && below.Rollup != nil; below = s.Table(r.Keyspace, below.Rollup.Source) {
		out = append(out, below)
	}
	return out
}

// installMoved installs a schema in which rollups are computed from other sources. One that is being built needs its own: rows
// of it may be all that is left of old readings. No recomputation may be under way, and no
// write: a mark would be handed on by neither.
func (d *Database) installMoved(before, next *schema.Snapshot) error {
	to := moved(before, next)
	if len(to) == 0 {
		return d.install(next)
	}
	return d.rollups.Exclude(func() error {
		sealed := map[mutation.TableID]int64{} // until where; it grows in recomputations alone
		for _, rollups := range to {
			for _, r := range rollups {
				state, err := d.rollups.State(r)
				if err != nil {
					return err
				}
				if state.BuiltFrom > math.MinInt64 {
					return &planner.InvalidError{Message: fmt.Sprintf(
						"rollup %s is still being built, from what would be dropped: try again when it is, as system_views.rollup_progress tells", r.QualifiedName())}
				}
				sealed[r.ID] = state.SealedUntil
			}
		}
		return d.installWith(next, func() error {
			if err := d.keepSealed(to, sealed); err != nil {
				return err
			}
			return d.handOn(to, sealed)
		})
	})
}

// keepSealed seals rollups as far as those are that will no longer be below them: of the windows that they took from these as they were, the
// rows of the base may be gone. No late row has reached them. It says in sealed until where. The caller holds marksMu.
func (d *Database) keepSealed(to map[mutation.TableID][]*schema.Table, sealed map[mutation.TableID]int64) error {
	view := d.store.Newest()
	defer view.Close()
	for _, rollups := range to {
		for _, r := range rollups {
			until, err := d.followedFrom(view, d.Schema().Table(r.Keyspace, r.Name)) // by what is still below it
			if err != nil {
				return err
			}
			if until <= sealed[r.ID] {
				continue
			}
			if err := d.rollups.Seal(r, until); err != nil {
				return err
			}
			sealed[r.ID] = until
		}
	}
	return nil
}

// handOn marks windows of rollups, behind those that are sealed, for the marks of those that are no longer below them. Marks that turn out not to be needed, because
// the schema is not changed after all, cost a recomputation.
func (d *Database) handOn(to map[mutation.TableID][]*schema.Table, sealed map[mutation.TableID]int64) error {
	var marks []jobs.Mark
	store, from := rollupStore{d}, jobs.Place{}
	for done := false; !done; {
		var err error
		from, done, err = store.Marks(from, func(m jobs.Mark, _ uint64) bool {
			for _, r := range to[m.Rollup] {
				w := widened(r.Rollup, m.Window)
				if w.Start = max(w.Start, sealed[r.ID]); w.Start < w.End {
					marks = append(marks, jobs.Mark{Rollup: r.ID, Base: m.Base, Window: w})
				}
			}
			return len(marks) < handedMax
		})
		if err != nil {
			return err
		}
		if err := d.rollups.Mark(marks); err != nil {
			return err
		}
		marks = marks[:0]
	}
	return nil
}

// widened are the whole windows of a rollup that a range meets.
func widened(of *downsample.Definition, w downsample.Window) downsample.Window {
	w.Start = of.WindowOf(w.Start).Start
	if w.End < math.MaxInt64 {
		w.End = of.WindowOf(w.End - 1).End
	}
	return w
}
