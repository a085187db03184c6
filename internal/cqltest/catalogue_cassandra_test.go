package cqltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/internal/cqltest/cassandra"
)

// catalogueKeyspaces are those whose tables drivers and tools read. Of system_views each side has many of its own: only
// tables that both have are compared.
var catalogueKeyspaces = []string{"system", "system_auth", "system_schema", "system_traces", "system_virtual_schema"}

const viewsKeyspace = "system_views"

// systemTables are the columns of the server's own tables, by table and column: kind, position, order and type.
func systemTables(t *testing.T, target Target) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, list := range []string{"system_schema", "system_virtual_schema"} {
		answer, err := target.Query("SELECT keyspace_name, table_name, column_name, kind, position, clustering_order, type FROM "+list+".columns", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range answer.Rows {
			var cells []string
			for i, cell := range row {
				cells = append(cells, strings.Trim(string(answer.Columns[i].Type.AppendLiteral(nil, cell)), "'"))
			}
			if cells[0] != viewsKeyspace && !slices.Contains(catalogueKeyspaces, cells[0]) {
				continue
			}
			table := cells[0] + "." + cells[1]
			if out[table] == nil {
				out[table] = map[string]string{}
			}
			out[table][cells[2]] = fmt.Sprintf("%s %s %s %s, in %s", cells[3], cells[4], cells[5], cells[6], list)
		}
	}
	return out
}

// catalogueDifferences compares what two servers say of their own tables.
func catalogueDifferences(ours, theirs map[string]map[string]string) []*Difference {
	var out []*Difference
	differ := func(of, format string, args ...any) {
		out = append(out, &Difference{Script: "catalogue", Statement: of, What: fmt.Sprintf(format, args...)})
	}
	tables := maps.Clone(ours)
	maps.Copy(tables, theirs)
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		got, want := ours[table], theirs[table]
		switch {
		case got == nil || want == nil:
			if !strings.HasPrefix(table, viewsKeyspace+".") {
				differ(table, "esker has it: %t, Cassandra: %t", got != nil, want != nil)
			}
			continue
		}
		columns := maps.Clone(got)
		maps.Copy(columns, want)
		for _, column := range slices.Sorted(maps.Keys(columns)) {
			if got[column] != want[column] {
				differ(table+"."+column, "esker says %q, Cassandra %q", got[column], want[column])
			}
		}
	}
	return out
}

// TestCatalogueIsCassandras: what drivers and tools read of a server has Cassandra's tables and columns, in kind, place and
// type, but for what is listed with its reason.
func TestCatalogueIsCassandras(t *testing.T) {
	node := cassandra.Shared(t)
	conn, err := Dial(t.Context(), node.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ours, theirs := systemTables(t, e), systemTables(t, conn)
	if len(theirs) < 30 || len(ours) < 30 {
		t.Fatalf("esker has %d tables, Cassandra %d", len(ours), len(theirs))
	}
	listed, err := LoadDifferences(scriptsDir + "/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range listed.Judge("catalogue", catalogueDifferences(ours, theirs)) {
		t.Error(d)
	}
}
