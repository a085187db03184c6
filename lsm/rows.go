package lsm

import (
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Rows reads slices of one partition row by row, merged from all sources, with the tombstones that a
// further merge needs. Rows hidden by the partition deletion or by range tombstones are left out.
func (v *View) Rows(table mutation.TableID, key partition.DecoratedKey, slices clustering.Slices) (*mutation.Side, mutation.RowSource, error) {
	t, err := v.table(table)
	if err != nil {
		return nil, nil, err
	}
	req := mutation.ReadRequest{Key: key, Slices: slices}
	sources, err := t.open(&req, v.sequence)
	if err != nil {
		return nil, nil, fmt.Errorf("read of %s: %w", t.table.Name, corrupt(err))
	}
	side := mergedSide(t.table.Law, sources)
	rows := make([]mutation.RowSource, len(sources))
	for i, s := range sources {
		rows[i] = s.rows(slices, false)
	}
	return &side, mutation.MergeRows(t.table.Law, rows, &side, false), nil
}
