package database

import (
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
	"github.com/eskerdb/esker/ttl"
)

// ends says which rows of a stored table have ended for good at a moment, for the store to remove. What it reads is durable, or is made
// so by the store before anything goes: a crash brings back no row that is kept longer.
func (d *Database) ends(id mutation.TableID, now time.Time) ttl.Ends {
	snapshot := d.Schema()
	t := storedTable(snapshot, id)
	out := ttl.NoEnds
	if t == nil {
		return out
	}
	base := t
	if t.Copy != nil {
		base = snapshot.Table(t.Keyspace, t.Copy.Base)
	}
	nowMillis := now.UnixMilli()
	if r := base.Retention; !r.IsNone() {
		if at := slices.IndexFunc(t.Clustering, func(c *schema.Column) bool { return c.Name == r.By }); at == 0 || at > 0 && !isInteger(t.Clustering[at]) {
			out.Position = at
			out.AllBefore = base.LeastVisibleFrom(nowMillis)
			if t == base && (len(base.RetentionReads()) > 0 || r.Floored) {
				out.Before = d.endedOf(base, len(snapshot.QueryTablesOf(base)) == 0, nowMillis)
			}
		}
		for _, e := range base.EndColumns(nowMillis) {
			if id := endColumn(t, base, base.ColumnByID(e.Column)); id != 0 {
				out.Columns = append(out.Columns, ttl.EndColumn{Column: id, Until: e.UntilMillis})
			}
		}
		if by := base.Column(r.By); t != base && by != nil && isInteger(by) {
			out.AllBefore = math.MinInt64 // what one of an integer stands for is known of the base alone
		}
	}
	if t.Kind == schema.Base {
		out.KeptFrom = d.keptFrom(snapshot, t)
	}
	return out
}

func isInteger(c *schema.Column) bool {
	return c.Type.Kind() == types.KindBigint || c.Type.Kind() == types.KindInt
}

// storedTable finds a table by its id; nil: it is none of a keyspace.
func storedTable(s *schema.Snapshot, id mutation.TableID) *schema.Table {
	for _, k := range s.Keyspaces {
		for _, t := range k.Tables {
			if t.ID == id && t.Kind != schema.Virtual {
				return t
			}
		}
	}
	return nil
}

// endColumn is the regular column of a table with the end of its rows, a column of its base; 0: it has none.
func endColumn(t, base *schema.Table, end *schema.Column) mutation.ColumnID {
	if t != base {
		end = schema.Copied(t, end)
	}
	if end == nil || end.Kind != schema.Regular {
		return 0
	}
	return end.ID
}

// endedOf tells for each partition of a table below which time its rows have ended at a moment. Where there are query tables the
// static columns do not count: their rows go at another time, and would show again if a static changed when those of the base,
// by which floorMutations tells, had gone.
func (d *Database) endedOf(t *schema.Table, byStatics bool, nowMillis int64) func(partition.DecoratedKey) int64 {
	return func(key partition.DecoratedKey) int64 {
		view := d.store.View()
		defer view.Close()
		from, err := visibleFrom(view, t, key, byStatics, nowMillis)
		if err != nil {
			return math.MinInt64 // whoever reads it is told; nothing goes
		}
		return from
	}
}

// visibleFrom is from which time on rows of a partition of a table show at a moment, as of a View; the least it may be if static
// columns are not to be looked at.
func visibleFrom(view View, t *schema.Table, key partition.DecoratedKey, byStatics bool, nowMillis int64) (int64, error) {
	values, err := t.PartitionLayout().Decode(key.Key)
	if err != nil {
		return 0, err
	}
	var statics [][]byte
	if byStatics && len(t.RetentionStatics()) > 0 {
		side, _, err := view.Rows(t.ID, key, nil)
		if err != nil {
			return 0, err
		}
		statics = staticValues(t, side.Static, nowMillis)
	}
	known := schema.ValuesKnown(values, statics, t.Statics)
	if !t.Retention.Floored {
		return t.VisibleFrom(known, nowMillis), nil
	}
	floor, changes, err := floorOf(view, t, key)
	return max(floor, t.VisibleSince(known, changes, nowMillis)), err
}

// keptFrom is the time from which on rows of a base table stay although they have ended, because a window of a rollup that they
// belong to is not sealed (R41).
func (d *Database) keptFrom(s *schema.Snapshot, t *schema.Table) int64 {
	levels := s.LevelsOf(t)
	if len(levels) == 0 {
		return math.MaxInt64
	}
	view := d.store.View()
	defer view.Close()
	from := int64(math.MaxInt64)
	for _, r := range levels {
		state, err := rollupState(view, r)
		if err != nil {
			return math.MinInt64
		}
		from = min(from, state.SealedUntil)
	}
	return from
}
