package database

import (
	"fmt"
	"sync"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// ReadFailureError is a read that was given up because it passed too many deletions.
type ReadFailureError struct{ Message string }

// Error says where, how many, the threshold, and what to do.
func (e *ReadFailureError) Error() string { return e.Message }

// aggregationRows is how many rows of an aggregation one count of tombstones is for: a page of Cassandra's, which reads the rows
// of an aggregation in pages.
const aggregationRows = 10_000

// guard watches one page of a read.
type guard struct {
	d     *Database
	rails *Guardrails
	plan  *planner.Read
	cost  mutation.ReadStatistics
	index mutation.ReadStatistics // of the index that names the partitions

	levels mutation.ReadStatistics // of rollups that serve parts of the answer

	rowsBefore       int64  // read before the stretch of an aggregation under way
	tombstonesBefore int64  // passed before it
	tombstones       int64  // the most of one stretch
	worst            string // the partition under way then
}

// guards are those of pages that are over.
var guards = sync.Pool{New: func() any { return new(guard) }}

// free lets another page have the guard.
func (g *guard) free() {
	*g = guard{}
	guards.Put(g)
}

// guard makes a guard for one page. Tables of the server have none: its check does nothing.
func (d *Database) guard(plan *planner.Read) *guard {
	g := guards.Get().(*guard)
	*g = guard{d: d, rails: &d.guardrails, plan: plan}
	if g.off() {
		return g
	}
	g.limit()
	return g
}

func (g *guard) off() bool { return g.plan.Table.Kind == schema.Virtual }

// limit makes readers give up with the first deletion that is too many.
func (g *guard) limit() {
	if fail := g.rails.Tombstones.Fail; fail != Off {
		most := g.tombstonesBefore + fail
		g.cost.TombstonesMax, g.index.TombstonesMax, g.levels.TombstonesMax = most, most, most
	}
}

// passed is how many deletions the page has passed, those of the index and of rollups too.
func (g *guard) passed() int64 { return g.cost.Tombstones + g.index.Tombstones + g.levels.Tombstones }

// before refuses a read, or warns of it, by what its plan says.
func (g *guard) before(pageSize int) (warnings []string, err error) {
	if g.off() {
		return nil, nil
	}
	product := int64(len(g.plan.Keys)) * int64(len(g.plan.Slices))
	for _, c := range [...]struct {
		name      string
		threshold Threshold
		n         int64
		what, do  string
	}{
		{"page_size", g.rails.PageSize, int64(pageSize), "a page of %d rows is asked for", "ask for smaller pages"},
		{"partition_keys_in_select", g.rails.PartitionKeysInSelect, int64(len(g.plan.Keys)), "%d partitions are asked for", "ask for fewer at a time"},
		{"in_select_cartesian_product", g.rails.InSelectCartesianProduct, product, "the INs make %d combinations of values", "ask for fewer at a time"},
	} {
		text := func(kind string, threshold int64) string {
			return fmt.Sprintf("%s: "+c.what+", above %s_%s_threshold %d: %s", g.table(), c.n, c.name, kind, threshold, c.do)
		}
		switch {
		case c.threshold.fails(c.n):
			return nil, &planner.InvalidError{Message: text("fail", c.threshold.Fail)}
		case c.threshold.warns(c.n):
			warnings = append(warnings, text("warn", c.threshold.Warn))
		}
	}
	return append(warnings, g.d.warnOfSizes(g.plan)...), nil
}

// check is called after every batch with the key of the partition under way.
func (g *guard) check(stats *exec.Stats, key [][]byte) error {
	if g.off() {
		return nil
	}
	err := g.exceeded(stats, key)
	if err != nil {
		g.d.reading.of(g.plan.Table).failed.Add(1)
	}
	return err
}

// exceeded is the failure of a threshold that was passed.
func (g *guard) exceeded(stats *exec.Stats, key [][]byte) error {
	if n := g.passed() - g.tombstonesBefore; n > g.tombstones {
		if g.tombstones = n; g.rails.Tombstones.warns(n) || g.rails.Tombstones.fails(n) {
			g.worst = "partition " + planner.PartitionText(g.plan.Table, key)
			if key == nil { // no partition was reached
				g.worst = "the index"
			}
		}
	}
	switch {
	case g.rails.Tombstones.fails(g.tombstones):
		return &ReadFailureError{g.tombstoneText(g.rails.Tombstones.Fail, "tombstone_failure_threshold")}
	case g.rails.QueryBuckets.fails(int64(g.cost.Buckets)):
		return &planner.InvalidError{Message: g.bucketsText(g.rails.QueryBuckets.Fail, "query_buckets_fail_threshold")}
	case g.rails.FilteredRows.fails(stats.RowsFiltered):
		return &planner.InvalidError{Message: g.filteredText(stats, g.rails.FilteredRows.Fail, "filtered_rows_fail_threshold")}
	}
	if g.plan.Grouped && stats.RowsRead-g.rowsBefore >= aggregationRows {
		g.rowsBefore, g.tombstonesBefore = stats.RowsRead, g.passed()
		g.limit()
	}
	return nil
}

// after are the warnings of a page that was read.
func (g *guard) after(stats *exec.Stats) (warnings []string) {
	if g.off() {
		return nil
	}
	if g.rails.Tombstones.warns(g.tombstones) {
		warnings = append(warnings, g.tombstoneText(g.rails.Tombstones.Warn, "tombstone_warn_threshold"))
	}
	if g.rails.QueryBuckets.warns(int64(g.cost.Buckets)) {
		warnings = append(warnings, g.bucketsText(g.rails.QueryBuckets.Warn, "query_buckets_warn_threshold"))
	}
	if g.rails.FilteredRows.warns(stats.RowsFiltered) {
		warnings = append(warnings, g.filteredText(stats, g.rails.FilteredRows.Warn, "filtered_rows_warn_threshold"))
	}
	g.d.reading.of(g.plan.Table).add(stats, &g.cost, len(warnings) > 0)
	return warnings
}

func (g *guard) table() string {
	return planner.KindText(g.plan.Table) + " " + g.plan.Table.QualifiedName()
}

func (g *guard) tombstoneText(threshold int64, name string) string {
	return fmt.Sprintf("%s: this read passed %d tombstones, at last in %s, above %s %d: narrow the WHERE to rows that are there, let data end by TTL or whole buckets instead of deleting rows, and ADMIN COMPACT once gc_grace_seconds are over",
		g.table(), g.tombstones, g.worst, name, threshold)
}

func (g *guard) bucketsText(threshold int64, name string) string {
	return fmt.Sprintf("%s: this read looked into %d time buckets of %s, above %s %d: ask for a shorter time, read a rollup, or make the buckets larger",
		g.table(), g.cost.Buckets, planner.PartitionsText(g.plan), name, threshold)
}

func (g *guard) filteredText(stats *exec.Stats, threshold int64, name string) string {
	return fmt.Sprintf("%s: ALLOW FILTERING read %d rows of %s that were not wanted, above %s %d: keep a query table whose key serves the WHERE, or ask for less",
		g.table(), stats.RowsFiltered, planner.PartitionsText(g.plan), name, threshold)
}
