package database

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// A retention policy may look at static columns. When a write changes what it says of a partition, the time below which rows of
// the partition have ended by then is kept beside, in the same record: what has ended stays so.

// floorsTableID is the same in every data directory.
var floorsTableID = mutation.TableID{0xe5, 0x4e, 0x12, 15: 4} // on disk: never change

// Columns of the table of floors: bigints.
const (
	floorMillis mutation.ColumnID = 1 // on disk: never reuse; milliseconds since 1970: rows with a time below it have ended
	floorSince  mutation.ColumnID = 2 // on disk: never reuse; so many changes of the retention there were when the statics became what they are
)

// floorsTable keeps the floors of all tables: partition (id of the table, key of its partition), one row.
func floorsTable() mutation.Table {
	return internalTable(floorsTableID, "esker.retention_floors", map[mutation.ColumnID]*types.Type{floorMillis: types.Bigint, floorSince: types.Bigint})
}

// floorKey is where the floor of a partition stands.
func floorKey(table mutation.TableID, key partition.DecoratedKey) (partition.DecoratedKey, error) {
	at, err := markLayout.Encode([][]byte{table[:], key.Key})
	return partition.Decorate(at), err
}

// floorOf is the floor of a partition as of a View, math.MinInt64 if there is none, and since how many changes of the retention its
// statics are what they are.
func floorOf(view View, t *schema.Table, key partition.DecoratedKey) (floor int64, changes int, err error) {
	floor = math.MinInt64
	at, err := floorKey(t.ID, key)
	if err != nil {
		return floor, changes, err
	}
	_, rows, err := view.Rows(floorsTableID, at, clustering.All())
	if errors.Is(err, lsm.ErrUnknownTable) {
		return floor, changes, nil // a data directory of a release that had none, and no schema change since
	}
	if err != nil {
		return floor, changes, err
	}
	row, err := rows.Next()
	if err != nil || row == nil || row.Live.IsNone() {
		return floor, changes, err
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		switch {
		case len(c.Value) != 8:
			return floor, changes, fmt.Errorf("%s: column %d has %d bytes", floorsTable().Name, c.Column, len(c.Value))
		case c.Column == floorMillis:
			floor = types.DecodeInt64(c.Value)
		case c.Column == floorSince:
			changes = int(types.DecodeInt64(c.Value))
		}
	}
	if changes < t.Retention.Fresh {
		return math.MinInt64, 0, nil // of rows that are gone
	}
	return floor, changes, nil
}

// floors are the floors that a record raises.
type floors struct {
	mutations []mutation.Mutation
	release   func() // lets the store remove what ends from now on; nil: it may
}

// holds reports whether release must be called once the record is durable, or is not to be. There may be no floors.
func (f *floors) holds() bool { return f != nil && f.release != nil }

// free is called if there is no record.
func (f *floors) free() {
	if f.holds() {
		f.release()
	}
}

// floored reports whether a write may change what a policy says of a partition.
func (d *Database) floored(s *schema.Snapshot, m *planner.Mutation) bool {
	if m.Static == nil && m.Deletion.IsNone() {
		return false
	}
	t := s.Table(m.Table.Keyspace, m.Table.Name)
	if t == nil || t.Retention == nil {
		return false
	}
	statics := t.RetentionStatics()
	return len(statics) > 0 && (!m.Deletion.IsNone() || touches(m.Static, statics))
}

// floorMutations are the floors of the partitions whose statics a record changes so that their rows would be kept longer. The caller
// holds their latches, and frees what it gets, also with an error.
func (d *Database) floorMutations(record []planner.Mutation) (*floors, error) {
	out := &floors{}
	s := d.Schema()
	var moment time.Time
	var view View
	for i := range record {
		m := &record[i]
		if !d.floored(s, m) {
			continue
		}
		t := s.Table(m.Table.Keyspace, m.Table.Name)
		if err := refuseTTL(t, m.Static, t.RetentionStatics()); err != nil {
			return out, err
		}
		if view == nil {
			moment, out.release = d.store.HoldEnds(d.clock.Now())
			view = d.store.Newest()
			defer view.Close()
		}
		raised, err := floorMutation(view, t, m, moment.UnixMilli())
		if err != nil {
			return out, err
		}
		if raised != nil {
			out.mutations = append(out.mutations, *raised)
		}
	}
	return out, nil
}

// floorMutation is the floor of a partition behind a mutation at a moment; nil: it stays as it is.
func floorMutation(view View, t *schema.Table, m *planner.Mutation, nowMillis int64) (*mutation.Mutation, error) {
	key, err := t.PartitionLayout().Decode(m.Key.Key)
	if err != nil {
		return nil, err
	}
	side, _, err := view.Rows(t.ID, m.Key, nil)
	if err != nil {
		return nil, err
	}
	old := mutation.Side{Deletion: side.Deletion}
	if side.Static != nil {
		old.Static = side.Static.Clone()
	}
	merged := mutation.MergeSides(t.Law(), &old, &mutation.Side{Deletion: m.Deletion, Static: m.Static})
	was, is := staticValues(t, old.Static, nowMillis), staticValues(t, merged.Static, nowMillis)
	if same(t.RetentionStatics(), t.Statics, was, is) {
		return nil, nil
	}
	floor, changes, err := floorOf(view, t, m.Key)
	if err != nil {
		return nil, err
	}
	before := t.VisibleSince(schema.ValuesKnown(key, was, t.Statics), changes, nowMillis)
	after := t.VisibleSince(schema.ValuesKnown(key, is, t.Statics), t.Retention.Changes, nowMillis)
	if before > max(after, floor) {
		// Whether rows of the time between are still on disk does not matter: it is up to merges.
		there, err := exists(view, t, m.Key, side)
		if err != nil {
			return nil, err
		}
		if there {
			floor = before
		}
	}
	at, err := floorKey(t.ID, m.Key)
	if err != nil {
		return nil, err
	}
	row := mutation.Row{Clustering: []byte{}, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	for _, c := range []struct {
		column mutation.ColumnID
		value  int64
	}{{floorMillis, floor}, {floorSince, int64(t.Retention.Changes)}} {
		row.Cells = append(row.Cells, mutation.Cell{Column: c.column, ExpiresAt: mutation.Forever, Value: types.AppendBigint(nil, c.value)})
	}
	return &mutation.Mutation{Table: floorsTableID, Key: at, Rows: []mutation.Row{row}}, nil
}

// same reports whether some of a table's static columns have the same values.
func same(some, all []*schema.Column, a, b [][]byte) bool {
	for i, c := range all {
		if slices.Contains(some, c) && ((a[i] == nil) != (b[i] == nil) || string(a[i]) != string(b[i])) {
			return false
		}
	}
	return true
}

// exists reports whether a partition has static columns or rows: one of which nothing is left begins anew.
func exists(view View, t *schema.Table, key partition.DecoratedKey, side *mutation.Side) (bool, error) {
	if side.Static != nil {
		return true, nil
	}
	_, rows, err := view.Rows(t.ID, key, clustering.All())
	if err != nil {
		return false, err
	}
	row, err := rows.Next()
	return row != nil, err
}

// staticValues are the living values of a static row, in the order of the table's columns; nil is null.
func staticValues(t *schema.Table, row *mutation.Row, nowMillis int64) [][]byte {
	out := make([][]byte, len(t.Statics))
	if row == nil {
		return out
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		if c.IsTombstone() || c.ExpiresAt <= time.UnixMilli(nowMillis).Unix() {
			continue
		}
		for j, col := range t.Statics {
			if col.ID == c.Column {
				out[j] = append([]byte{}, c.Value...)
			}
		}
	}
	return out
}

func touches(row *mutation.Row, columns []*schema.Column) bool {
	return slices.ContainsFunc(row.Cells, func(c mutation.Cell) bool {
		return slices.ContainsFunc(columns, func(col *schema.Column) bool { return col.ID == c.Column })
	})
}

// refuseTTL refuses an end of a static column that a policy looks at: rows that have ended by it would show again.
func refuseTTL(t *schema.Table, static *mutation.Row, columns []*schema.Column) error {
	if static == nil {
		return nil
	}
	for i := range static.Cells {
		c := &static.Cells[i]
		for _, col := range columns {
			if col.ID == c.Column && c.TTL > 0 {
				return &planner.InvalidError{Message: fmt.Sprintf("column %s of table %s cannot be written with a TTL: a retention policy looks at it, and what has ended by it would show again", col.Name, t.QualifiedName())}
			}
		}
	}
	return nil
}
