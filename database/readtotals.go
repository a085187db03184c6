package database

import (
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// readTotals adds up what pages of SELECTs cost since the start, by the table that was read.
type readTotals struct {
	byTable sync.Map // mutation.TableID to *tableReads
}

// tableReads are the totals of one table.
type tableReads struct {
	pages, partitions, buckets, files, rowGroups, rowGroupsSkipped, rows, filtered, tombstones, warned, failed atomic.Int64
}

func (r *readTotals) of(t *schema.Table) *tableReads {
	found, ok := r.byTable.Load(t.ID)
	if !ok {
		found, _ = r.byTable.LoadOrStore(t.ID, new(tableReads))
	}
	return found.(*tableReads)
}

// add adds a page that was read, of which a guardrail may have warned.
func (r *tableReads) add(stats *exec.Stats, cost *mutation.ReadStatistics, warned bool) {
	r.pages.Add(1)
	r.partitions.Add(int64(stats.Partitions))
	r.buckets.Add(int64(cost.Buckets))
	r.files.Add(int64(cost.Files))
	r.rowGroups.Add(cost.RowGroups)
	r.rowGroupsSkipped.Add(cost.RowGroupsSkipped)
	r.rows.Add(cost.Rows)
	r.filtered.Add(stats.RowsFiltered)
	r.tombstones.Add(cost.Tombstones)
	if warned {
		r.warned.Add(1)
	}
}

// keep forgets tables that are gone.
func (r *readTotals) keep(s *schema.Snapshot) { keepTables(&r.byTable, s) }

// keepTables deletes what is by the ID of a table that is gone.
func keepTables(byTable *sync.Map, s *schema.Snapshot) {
	there := map[mutation.TableID]bool{}
	for _, k := range s.Keyspaces {
		for _, t := range k.Tables {
			there[t.ID] = true
		}
	}
	byTable.Range(func(id, _ any) bool {
		if !there[id.(mutation.TableID)] {
			byTable.Delete(id)
		}
		return true
	})
}

// Reads implements catalog.Sight.
func (s status) Reads(t *schema.Table) catalog.Reads {
	found, ok := s.d.reading.byTable.Load(t.ID)
	if !ok {
		return catalog.Reads{}
	}
	r := found.(*tableReads)
	return catalog.Reads{
		Pages: r.pages.Load(), Partitions: r.partitions.Load(), Buckets: r.buckets.Load(), Files: r.files.Load(),
		RowGroups: r.rowGroups.Load(), RowGroupsSkipped: r.rowGroupsSkipped.Load(), Rows: r.rows.Load(), Filtered: r.filtered.Load(),
		Tombstones: r.tombstones.Load(), Warned: r.warned.Load(), Failed: r.failed.Load(),
	}
}
