package database

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/querytable"
)

// What became of a divergence when it was to be mended.
const (
	wasMended  = "; mended"
	wasChanged = "; a write has changed it since"
)

// mend writes what is missing and deletes what is too much, base partition by base partition. Nothing is taken from what the check
// has read: under the latch of the partition base and copy are read again.
func (c *copyCheck) mend(found []divergence) error {
	byOrigin := make([]*divergence, len(found))
	for i := range found {
		byOrigin[i] = &found[i]
	}
	slices.SortStableFunc(byOrigin, func(a, b *divergence) int { return a.origin.compare(b.origin) })
	for len(byOrigin) > 0 {
		n := 1
		for n < len(byOrigin) && byOrigin[n].origin.key.Equal(byOrigin[0].origin.key) {
			n++
		}
		sequence, err := c.mendPartition(byOrigin[0].origin.key, byOrigin[:n])
		if err != nil {
			return err
		}
		if err := c.d.store.WaitDurable(sequence); err != nil {
			return err
		}
		byOrigin = byOrigin[n:]
	}
	return nil
}

// mendPartition mends what comes from one base partition, and returns the sequence to wait for.
func (c *copyCheck) mendPartition(key partition.DecoratedKey, found []*divergence) (sequence uint64, err error) {
	c.d.marksMu.RLock()
	defer c.d.marksMu.RUnlock()
	if err := c.define(); err != nil {
		return 0, err
	}
	unlock := c.d.latches.lock([]string{latchName(c.base.ID, key)})
	defer unlock()
	c.nowSec = c.d.clock.Now().Unix()
	newest := c.d.store.Newest()
	defer newest.Close()
	var wanted []clustering.Slice
	for _, f := range found {
		wanted = c.want(wanted, f.origin)
	}
	side, rows, err := rowsAt(newest, c.base.ID, key, wanted)
	if err != nil {
		return 0, err
	}
	var out []mutation.Mutation
	for _, f := range found {
		projected, err := c.project(f.origin, side, rows)
		if err != nil {
			return 0, err
		}
		m, err := c.mendRow(newest, f.at, projected)
		if err != nil {
			return 0, err
		}
		if m == nil {
			f.detail += wasChanged
			continue
		}
		f.detail += wasMended
		c.mended++
		out = append(out, *m)
	}
	if len(out) == 0 {
		return newest.Sequence(), nil
	}
	return c.d.store.ApplyUnsynced(out)
}

// mendRow is what makes a row of the copy what it should be; nil: it is.
func (c *copyCheck) mendRow(newest View, at place, projected []querytable.Row) (*mutation.Mutation, error) {
	_, rows, err := rowsAt(newest, c.copied.ID, at.key, []clustering.Slice{clustering.RowSlice(at.clustering)})
	if err != nil {
		return nil, err
	}
	has, want := rows[string(at.clustering)], find(projected, at)
	m := &mutation.Mutation{Table: c.copied.ID, Key: at.key}
	switch {
	case want == nil && !c.shows(has), want != nil && c.shows(has) && c.difference(has, want) == "":
		return nil, nil
	case want == nil:
		m.Rows = []mutation.Row{{Clustering: at.clustering, Deletion: mutation.Deletion{LocalSec: max(c.nowSec, 1)}}}
	default:
		m.Rows = []mutation.Row{*want}
	}
	return m, nil
}

// latchName names the latch of a partition, as writers do.
func latchName(table mutation.TableID, key partition.DecoratedKey) string {
	return string(table[:]) + string(key.Key)
}
