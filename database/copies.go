package database

import (
	"sync"

	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// followers are what has to follow the writes of one base table.
type followers struct {
	copies  []*querytable.Projector
	rollups []*schema.Table
	marked  []*markedRollup // those
	err     error           // a definition that does not fit its base; writes report it
	// appendOnly is the promise as it is now; a write may have been planned before it was made, or while it held.
	appendOnly bool
}

func (f *followers) any() bool { return len(f.copies) > 0 || len(f.rollups) > 0 || f.err != nil }

// projectorCache keeps the followers of each table until the schema changes.
type projectorCache struct {
	marked func(s *schema.Snapshot, t *schema.Table) ([]*markedRollup, error)

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
	f.appendOnly = now.AppendOnly
	f.marked, f.err = c.marked(s, now)
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

// copyMutations are the rows of query tables, views and indexes that the record changes (R39b). The caller
// holds the latches of the record's partitions, and the lease until the record is written.
func (d *Database) copyMutations(record []planner.Mutation, lease *memory.Lease) ([]mutation.Mutation, error) {
	s := d.Schema()
	w := &copyWriter{store: d.store, nowSec: d.clock.Now().Unix(), rowsMax: d.copyRowsMax, bytesMax: int(d.copyMemory.Limit()), lease: lease}
	defer w.close()
	var out []mutation.Mutation
	for i := range record {
		f := d.projectors.of(s, record[i].Table)
		if f.err != nil {
			return nil, f.err
		}
		if len(f.copies) == 0 {
			continue
		}
		ms, err := w.follow(f, &record[i])
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = make([]mutation.Mutation, 0, len(ms)+min(len(ms), 4)*(len(record)-i)) // partitions of a record are mostly alike
		}
		out = append(out, ms...)
	}
	return out, nil
}
