package database

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Statistics is what a database has counted since it was opened, and what it has now.
type Statistics struct {
	Store      lsm.Statistics // zero if the store tells nothing
	Cache      lsm.CacheStatistics
	Statements StatementStatistics
	Texts      TextStatistics
	// ReadsRunning of at most ReadsMax are SELECTs that read rows now.
	ReadsRunning, ReadsMax int
	Memory                 []memory.Use
	Tables                 []TableStatistics // those that keep rows, by keyspace and name
}

// StatementStatistics says how the cache of prepared statements does.
type StatementStatistics struct {
	Kept            int
	Bytes, BytesMax int64  // about
	Hits, Misses    uint64 // look-ups by an id, and by a text that is prepared
	Evicted         uint64 // statements that made room for others
}

// TableStatistics is what is known of one table.
type TableStatistics struct {
	Table      *schema.Table
	Store      lsm.TableStatistics
	Reads      catalog.Reads
	WriteLimit catalog.WriteLimit
	Retention  *catalog.Retention // nil: its rows do not end by their time
	Rollup     *catalog.Rollup    // nil: it is none
	// Built is how far a copy is built, from 0 to 1, and BuiltRows how many rows that wrote. Copies are query tables, views and indexes.
	Built     float64
	BuiltRows int64
}

// IsCopy reports whether a table is a query table, a view or an index.
func (t *TableStatistics) IsCopy() bool { return t.Table.Copy != nil }

// Statistics describes the database as it is now.
func (d *Database) Statistics() Statistics {
	tell := status{d}
	out := Statistics{
		Statements: d.statements.statistics(), Texts: d.TextStatistics(), ReadsRunning: len(d.reads), ReadsMax: cap(d.reads), Memory: d.memoryUses(),
	}
	if store, ok := d.store.(Maintained); ok {
		out.Store = store.Statistics()
	}
	if store, ok := d.store.(Sighted); ok {
		out.Cache = store.CacheStatistics()
	}
	stored := make(map[mutation.TableID]*lsm.TableStatistics, len(out.Store.Tables))
	for i := range out.Store.Tables {
		stored[out.Store.Tables[i].Table] = &out.Store.Tables[i]
	}
	for _, k := range d.Schema().Keyspaces {
		for _, t := range k.Tables {
			if of := stored[t.ID]; of != nil {
				out.Tables = append(out.Tables, tell.table(t, of))
			}
		}
	}
	slices.SortFunc(out.Tables, func(a, b TableStatistics) int {
		return strings.Compare(a.Table.QualifiedName(), b.Table.QualifiedName())
	})
	return out
}

func (s status) table(t *schema.Table, of *lsm.TableStatistics) TableStatistics {
	out := TableStatistics{Table: t, Store: *of, Reads: s.Reads(t), WriteLimit: s.WriteLimit(t)}
	if !t.Retention.IsNone() {
		r := catalog.Retention{LateExpired: s.d.late.of(t.ID), RowsExpired: of.Work.EndedRows}
		if list, err := s.d.overdueOf(t); err == nil { // else a file is damaged: who reads its rows is told
			for i := range list {
				r.RowsWaiting, r.BytesWaiting = r.RowsWaiting+list[i].rows, r.BytesWaiting+list[i].bytes
			}
		}
		out.Retention = &r
	}
	if t.Rollup != nil {
		r := s.Rollup(t)
		out.Rollup = &r
	}
	if out.IsCopy() {
		out.Built, out.BuiltRows = s.Build(t)
	}
	return out
}
