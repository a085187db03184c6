package database

import "testing"

// Statistics name every table that keeps rows, with what it is and what was done to it.
func TestStatisticsOfTables(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH retention = {'duration': '3650d', 'by': 'ts'}",
		"CREATE QUERY TABLE t_by_v ON t * PRIMARY KEY (v, k, ts)", "CREATE TABLE u (k int PRIMARY KEY)")
	w.run("INSERT INTO t (k, ts, v) VALUES (1, '2026-01-01', 1.5)", "INSERT INTO t (k, ts, v) VALUES (2, '2026-01-01', 2.5)")
	w.rows("SELECT * FROM t")
	byName := map[string]TableStatistics{}
	for _, one := range w.db.Statistics().Tables {
		byName[one.Table.QualifiedName()] = one
	}
	base, copied, other := byName["ks.t"], byName["ks.t_by_v"], byName["ks.u"]
	if base.Store.MemtableRows != 2 || base.Reads.Pages != 1 || base.Reads.Rows != 2 || base.Retention == nil || base.Rollup != nil || base.IsCopy() {
		t.Errorf("%+v", base)
	}
	if copied.Store.MemtableRows != 2 || !copied.IsCopy() || copied.Built != 1 {
		t.Errorf("%+v", copied)
	}
	if other.Table == nil || other.Store.MemtableRows != 0 || other.Retention != nil {
		t.Errorf("%+v", other)
	}
	if _, virtual := byName["system.local"]; virtual {
		t.Error("a table without rows of its own is listed")
	}
}

// A look-up finds a statement or does not, and one that makes room for another is counted.
func TestStatisticsOfStatements(t *testing.T) {
	c := newStatementCache(2, 1<<20)
	statements := []*Statement{{ID: [16]byte{1}}, {ID: [16]byte{2}}, {ID: [16]byte{3}}}
	for _, st := range statements {
		if c.get(st.ID) == nil {
			c.put(st)
		}
	}
	c.get(statements[2].ID)
	c.get(statements[0].ID) // it had to go
	got := c.statistics()
	if got.Hits != 1 || got.Misses != 4 || got.Evicted != 1 || got.Kept != 2 || got.Bytes != 2*statementBytes || got.BytesMax != 1<<20 {
		t.Errorf("%+v", got)
	}
}
