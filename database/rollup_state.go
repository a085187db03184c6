package database

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// rollupStateID is the same in every data directory.
var rollupStateID = mutation.TableID{0xe5, 0x4e, 0x12, 15: 3} // on disk: never change

// Columns of the table of states.
const (
	stateSealedUntil mutation.ColumnID = 1 // on disk: never reuse; bigint, milliseconds since 1970
	stateBuiltFrom   mutation.ColumnID = 2 // on disk: never reuse; bigint, milliseconds since 1970
	stateComplete    mutation.ColumnID = 3 // on disk: never reuse; bigint, milliseconds since 1970; missing: nothing was left out
)

// rollupStateTable keeps the states of all rollups: partition (id of the rollup), one row.
func rollupStateTable() mutation.Table {
	return internalTable(rollupStateID, "esker.rollup_state", map[mutation.ColumnID]*types.Type{
		stateSealedUntil: types.Bigint, stateBuiltFrom: types.Bigint, stateComplete: types.Bigint,
	})
}

// stateMutation writes the state of a rollup.
func stateMutation(id mutation.TableID, s jobs.State) mutation.Mutation {
	row := mutation.Row{Clustering: []byte{}, Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	for _, of := range []struct {
		column mutation.ColumnID
		value  int64
	}{{stateSealedUntil, s.SealedUntil}, {stateBuiltFrom, s.BuiltFrom}, {stateComplete, s.CompleteFrom}} {
		row.Cells = append(row.Cells, mutation.Cell{Column: of.column, ExpiresAt: mutation.Forever, Value: types.AppendBigint(nil, of.value)})
	}
	return mutation.Mutation{Table: rollupStateID, Key: partition.Decorate(id[:]), Rows: []mutation.Row{row}}
}

// rollupState is the state of a rollup as of a View.
func rollupState(view View, r *schema.Table) (jobs.State, error) {
	out := jobs.NewState(r.Rollup)
	_, rows, err := view.Rows(rollupStateID, partition.Decorate(r.ID[:]), clustering.All())
	if errors.Is(err, lsm.ErrUnknownTable) {
		return out, nil // a data directory of a release that had no states, and no schema change since
	}
	if err != nil {
		return out, err
	}
	row, err := rows.Next()
	if err != nil || row == nil || row.Live.IsNone() {
		return out, err
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		if len(c.Value) != 8 {
			return out, fmt.Errorf("state of rollup %s: column %d has %d bytes", r.QualifiedName(), c.Column, len(c.Value))
		}
		switch c.Column {
		case stateSealedUntil:
			out.SealedUntil = types.DecodeInt64(c.Value)
		case stateBuiltFrom:
			out.BuiltFrom = types.DecodeInt64(c.Value)
		case stateComplete:
			out.CompleteFrom = types.DecodeInt64(c.Value)
		}
	}
	return out, nil
}

// followedFrom is from which time on windows of a rollup are what the rows of the base say, as of a View: those before it are sealed,
// or were in part when the rollup was declared on one whose windows were sealed already.
func (d *Database) followedFrom(view View, r *schema.Table) (int64, error) {
	state, err := rollupState(view, r)
	from := state.SealedUntil
	for _, level := range sourcesOf(d.Schema(), r) {
		if err != nil {
			break
		}
		if state, err = rollupState(view, level); state.SealedUntil > from {
			from = widened(r.Rollup, downsample.Window{Start: state.SealedUntil - 1, End: state.SealedUntil}).End
		}
	}
	return from, err
}

// comparableFrom is from which time on windows of a rollup can be made of the rows of the base, as of a View: followedFrom, and behind what
// was left out because rows of it had ended.
func (d *Database) comparableFrom(view View, r *schema.Table) (int64, error) {
	state, err := rollupState(view, r)
	if err != nil {
		return 0, err
	}
	followed, err := d.followedFrom(view, r)
	return max(followed, state.CompleteFrom), err
}
