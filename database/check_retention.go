package database

import (
	"bytes"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// A row that has ended by the retention of the base shows neither there nor in a copy. Base and copy lose it from their files at
// different times, so that CHECK leaves it out.

// retentionCheck tells which rows have ended by a retention as of a View and a moment.
type retentionCheck struct {
	view      View
	base      *schema.Table
	nowMillis int64
	by        int // the clustering column with the time; -1: rows do not end by it
	key       partition.DecoratedKey
	from      int64 // rows of the partition with that key show from then on
}

// newRetentionCheck is nil where no row ends by a retention.
func newRetentionCheck(view View, base *schema.Table, nowMillis int64) *retentionCheck {
	if base.Retention.IsNone() {
		return nil
	}
	c := &retentionCheck{view: view, base: base, nowMillis: nowMillis, by: -1}
	if by := base.Column(base.Retention.By); by != nil {
		c.by = by.Position
	}
	return c
}

// ended reports whether a row has ended: where it stands in the base, and the row of t, the base or a copy of it, as it stands there.
func (c *retentionCheck) ended(origin place, t *schema.Table, at place, row *mutation.Row) (bool, error) {
	if c == nil || origin.clustering == nil {
		return false, nil
	}
	if byColumn, err := c.endedByColumn(t, at, row); byColumn || err != nil || c.by < 0 {
		return byColumn, err
	}
	if c.key.Key == nil || !c.key.Equal(origin.key) {
		from, err := visibleFrom(c.view, c.base, origin.key, true, c.nowMillis)
		if err != nil {
			return false, err
		}
		c.key, c.from = partition.DecoratedKey{Token: origin.key.Token, Key: bytes.Clone(origin.key.Key)}, from
	}
	values, err := c.base.ClusteringLayout().Decode(origin.clustering)
	if err != nil {
		return false, err
	}
	ms, ok := types.TimeMillis(c.base.Clustering[c.by].Type, values[c.by], c.base.UnitNanos())
	return ok && ms < c.from, nil
}

// endedByColumn reports whether a row is past the end in a column of it.
func (c *retentionCheck) endedByColumn(t *schema.Table, at place, row *mutation.Row) (bool, error) {
	for _, e := range c.base.EndColumns(c.nowMillis) {
		col := c.base.Column(e.Name)
		if t != c.base {
			col = schema.Copied(t, col)
		}
		if col == nil {
			continue
		}
		value, err := valueAt(t, col, at, row, c.nowMillis)
		if err != nil {
			return false, err
		}
		if end, ok := types.TimeMillis(col.Type, value, 0); ok && end <= e.UntilMillis {
			return true, nil
		}
	}
	return false, nil
}

// valueAt is the living value of a key or regular column of a row; nil is null.
func valueAt(t *schema.Table, col *schema.Column, at place, row *mutation.Row, nowMillis int64) ([]byte, error) {
	switch col.Kind {
	case schema.PartitionKey:
		values, err := t.PartitionLayout().Decode(at.key.Key)
		if err != nil {
			return nil, err
		}
		return values[col.Position], nil
	case schema.ClusteringKey:
		values, err := t.ClusteringLayout().Decode(at.clustering)
		if err != nil {
			return nil, err
		}
		return values[col.Position], nil
	}
	for i := range row.Cells {
		if c := &row.Cells[i]; c.Column == col.ID && !c.IsTombstone() && c.ExpiresAt > nowMillis/1000 {
			return c.Value, nil
		}
	}
	return nil, nil
}
