package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Rows returns what lies beside the rows of a partition, and its rows inside slices in clustering
// order, merged, with row deletions and cell tombstones: what a read before a write compares with.
// A row is valid until the next call and as long as the View.
func (v *View) Rows(table mutation.TableID, key partition.DecoratedKey, slices clustering.Slices) (*mutation.Side, mutation.RowSource, error) {
	t, err := v.table(table)
	if err != nil {
		return nil, nil, err
	}
	req := &mutation.ReadRequest{Key: key, Slices: slices}
	var s sources
	err = s.open(t, req, v.sequence, false)
	for err == nil && s.waiting.peek() != nil {
		err = s.openWaiting(req)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("rows of %s: %w", t.table.Name, corrupt(err))
	}
	var rows []mutation.RowSource
	for _, one := range s.rest() {
		rows = append(rows, one.run.Rows(slices, false))
	}
	side := s.side
	return &side, &namedRows{t.table, mutation.MergeRows(t.table.Law, rows, &side, false)}, nil
}

// namedRows names the table in errors.
type namedRows struct {
	table *mutation.Table
	rows  mutation.RowSource
}

// Next implements mutation.RowSource.
func (n *namedRows) Next() (*mutation.Row, error) {
	row, err := n.rows.Next()
	if err != nil {
		return nil, fmt.Errorf("rows of %s: %w", n.table.Name, corrupt(err))
	}
	return row, nil
}
