package database

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/database/tracing"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Trace begins to trace a request, whose End is the caller's. The parameter "query" is a statement, and shown without
// passwords.
func (d *Database) Trace(start tracing.Start) *tracing.Trace {
	if text, ok := start.Parameters["query"]; ok {
		start.Parameters["query"] = cql.Obfuscate(text)
	}
	return d.traces.Begin(start)
}

// Sessions implements catalog.Traces.
func (s status) Sessions() []*tracing.Session { return s.d.traces.Sessions() }

// Session implements catalog.Traces.
func (s status) Session(id [16]byte) *tracing.Session { return s.d.traces.Session(id) }

// traceRead notes which table is read.
func traceRead(t *tracing.Trace, plan *planner.Read) {
	if t == nil {
		return
	}
	what := "table "
	switch {
	case plan.Table.Kind == schema.Virtual:
		what = "virtual table "
	case plan.Table.Copy != nil:
		what = "query table "
	case plan.Table.Rollup != nil:
		what = "rollup "
	}
	by := ""
	if plan.Table != plan.Named {
		by = ", which serves " + plan.Named.QualifiedName()
	}
	if plan.Through != nil {
		by += ", through index " + plan.Through.Index.Name
	}
	t.Step("Reading %s%s%s", what, plan.Table.QualifiedName(), by)
}

// traceRows notes what a page cost.
func traceRows(t *tracing.Trace, plan *planner.Read, rows *exec.Result, g *guard) {
	if t == nil {
		return
	}
	for i := range rows.Stats.Levels {
		l := &rows.Stats.Levels[i]
		t.Step("Rollup %s served %s of windows, %s read", l.Table.Name, counted(int64(len(l.Served)), "range"), counted(l.Rows, "row"))
	}
	m := measured{plan: plan, rows: rows.RowCount, stats: rows.Stats, cost: &g.cost, index: &g.index}
	if plan.Through != nil {
		t.Step("Index: read %s", costText(plan.Through.Index, &g.index))
	}
	t.Step("R%s", m.text()[1:])
	if rows.Stats.RowsFiltered > 0 {
		t.Step("Filtered: %s passed, %s did not", counted(rows.Stats.RowsPassed, "row"), counted(rows.Stats.RowsFiltered, "row"))
	}
	more := ""
	if rows.State != nil {
		more = "; there are more pages"
	}
	t.Step("Returned %s in %s%s", counted(int64(rows.RowCount), "row"), counted(int64(len(rows.Rows)), "byte"), more)
}

// traceWrite notes what was written.
func traceWrite(t *tracing.Trace, plan *planner.Write) {
	if t == nil {
		return
	}
	var tables []string
	rows := 0
	for i := range plan.Mutations {
		m := &plan.Mutations[i]
		rows += len(m.Rows)
		if name := m.Table.QualifiedName(); !slices.Contains(tables, name) {
			tables = append(tables, name)
		}
	}
	t.Step("Wrote %s in %s of %v to the commit log and the memtables, query tables and rollups with them",
		counted(int64(rows), "row"), counted(int64(len(plan.Mutations)), "change"), tables)
}
