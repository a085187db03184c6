package database

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// followers are what has to follow the writes of one base table.
type followers struct {
	copies  []*querytable.Projector
	rollups []*schema.Table
	err     error // a definition that does not fit its base; writes report it
}

func (f *followers) any() bool { return len(f.copies) > 0 || len(f.rollups) > 0 || f.err != nil }

// projectorCache keeps the followers of each table until the schema changes.
type projectorCache struct {
	mu   sync.RWMutex
	byID map[mutation.TableID]*followers // guarded by mu
}

func (c *projectorCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID = map[mutation.TableID]*followers{}
}

// of are the followers of a table in a snapshot, which must be the current one.
func (c *projectorCache) of(s *schema.Snapshot, t *schema.Table) *followers {
	c.mu.RLock()
	f := c.byID[t.ID]
	c.mu.RUnlock()
	if f != nil {
		return f
	}
	f = &followers{rollups: s.RollupsOf(t)}
	now := s.Table(t.Keyspace, t.Name)
	for _, copied := range s.CopiesOf(t) {
		p, err := querytable.New(now, copied)
		if err != nil {
			f.err = err
			break
		}
		f.copies = append(f.copies, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID[t.ID] = f
	return f
}

// copyMutations are the rows of query tables and views that the record changes (R39b). The caller
// holds the latches of the record's partitions.
func (d *Database) copyMutations(record []planner.Mutation) ([]mutation.Mutation, error) {
	s := d.Schema()
	var out []mutation.Mutation
	budget := CopyRowsMax
	var view View // taken when the first row has to be read
	defer func() {
		if view != nil {
			view.Close()
		}
	}()
	for i := range record {
		f := d.projectors.of(s, record[i].Table)
		if f.err != nil {
			return nil, f.err
		}
		if len(f.copies) == 0 {
			continue
		}
		if view == nil && !appends(&record[i]) {
			view = d.store.Newest()
		}
		changes, err := rowChanges(view, &record[i], &budget)
		if err != nil {
			return nil, err
		}
		for _, p := range f.copies {
			for j := range changes {
				ms, err := p.Difference(record[i].Key, changes[j].before, changes[j].after, d.clock.Now().Unix())
				if err != nil {
					return nil, &planner.InvalidError{Message: err.Error()}
				}
				out = append(out, ms...)
			}
		}
	}
	return out, nil
}

// change is a base row before and after a record; nil where there is none.
type change struct{ before, after *mutation.Row }

// rowChanges are the base rows that a mutation may change. Rows of an append-only table are new by
// its promise (R39d) and are not read; nor is anything of a partition that the store knows to be
// empty there.
func rowChanges(view View, m *planner.Mutation, budget *int) ([]change, error) {
	law := m.Table.Law()
	if appends(m) {
		order := make([]string, len(m.Rows))
		for i := range m.Rows {
			order[i] = string(m.Rows[i].Clustering)
		}
		return afterwards(law, m, nil, order, &mutation.Side{}), nil
	}
	if fresh, err := freshRows(view, m); err != nil || fresh != nil {
		return fresh, err
	}
	side, rows, err := view.Rows(m.Mutation.Table, m.Key, touched(&m.Mutation))
	if err != nil {
		return nil, err
	}
	before := map[string]*mutation.Row{}
	var order []string
	for {
		row, err := rows.Next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		if *budget--; *budget < 0 {
			return nil, &planner.InvalidError{Message: fmt.Sprintf(
				"this statement changes more than %d rows of %s, which has query tables; narrow its WHERE to a shorter range", CopyRowsMax, m.Table.QualifiedName())}
		}
		kept := cloneRow(row)
		before[string(kept.Clustering)] = kept
		order = append(order, string(kept.Clustering))
	}
	for i := range m.Rows {
		if key := string(m.Rows[i].Clustering); before[key] == nil {
			before[key] = nil
			order = append(order, key)
		}
	}
	covering := mutation.MergeSides(law, side, &mutation.Side{Deletion: m.Deletion, Ranges: m.Ranges})
	return afterwards(law, m, before, order, &covering), nil
}

// appends reports whether a mutation does nothing but add rows to an append-only table. Deleting a range
// or a partition of one, to undo an import, reads before it writes.
func appends(m *planner.Mutation) bool {
	return m.Table.AppendOnly && len(m.Ranges) == 0 && m.Deletion.IsNone()
}

// touched are the slices of a partition that a mutation may change.
func touched(m *mutation.Mutation) clustering.Slices {
	if !m.Deletion.IsNone() {
		return clustering.All()
	}
	slices := make([]clustering.Slice, 0, len(m.Rows)+len(m.Ranges))
	for i := range m.Rows {
		slices = append(slices, clustering.Slice{Start: clustering.Before(m.Rows[i].Clustering), End: clustering.After(m.Rows[i].Clustering)})
	}
	for i := range m.Ranges {
		slices = append(slices, m.Ranges[i].Slice)
	}
	return clustering.MakeSlices(slices)
}

// afterwards merges each row with what the mutation does to it.
func afterwards(law mutation.Law, m *planner.Mutation, before map[string]*mutation.Row, order []string, covering *mutation.Side) []change {
	written := make(map[string][]*mutation.Row, len(m.Rows))
	for i := range m.Rows {
		key := string(m.Rows[i].Clustering)
		written[key] = append(written[key], &m.Rows[i])
	}
	out := make([]change, 0, len(order))
	seen := make(map[string]bool, len(order))
	for _, key := range order {
		if seen[key] {
			continue
		}
		seen[key] = true
		after := &mutation.Row{Clustering: []byte(key)}
		if b := before[key]; b != nil {
			after = cloneRow(b)
		}
		for _, row := range written[key] {
			mutation.MergeRow(law, after, row)
		}
		mutation.ApplyDeletion(law, after, covering.Covering(after.Clustering))
		out = append(out, change{before: before[key], after: after})
	}
	return out
}

// cloneRow copies a row that is valid only until its source moves on.
func cloneRow(r *mutation.Row) *mutation.Row {
	out := *r
	out.Clustering = bytes.Clone(r.Clustering)
	out.Cells = slices.Clone(r.Cells)
	for i := range out.Cells {
		out.Cells[i].Value = bytes.Clone(out.Cells[i].Value)
	}
	return &out
}

// freshRows are the changes of a mutation whose rows are provably new (R39c): nothing has to be read.
// It is nil when that cannot be told.
func freshRows(view View, m *planner.Mutation) ([]change, error) {
	if len(m.Rows) == 0 || len(m.Ranges) > 0 || !m.Deletion.IsNone() {
		return nil, nil
	}
	seen := make(map[string]bool, len(m.Rows))
	for i := range m.Rows {
		key := string(m.Rows[i].Clustering)
		if seen[key] || !m.Rows[i].Deletion.IsNone() {
			return nil, nil
		}
		seen[key] = true
	}
	beyond, err := view.Beyond(m.Mutation.Table, m.Key, m.Rows)
	if err != nil || !beyond {
		return nil, err
	}
	out := make([]change, len(m.Rows))
	for i := range m.Rows {
		out[i].after = &m.Rows[i]
	}
	return out, nil
}
