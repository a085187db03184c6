package database

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/planner"
)

// TestDescribedSchemasLoadBack: what DESCRIBE SCHEMA prints of any schema, run on an empty database, makes a schema of
// which it prints the same, and of which the catalogue says the same.
func TestDescribedSchemasLoadBack(t *testing.T) {
	taken := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		g := schemaWriter{r: r, w: newWorld(t), taken: taken}
		g.write()
		if rapid.Bool().Draw(r, "reopen") {
			g.w.reopen()
		}
		texts, described := describedSchema(r, g.w)
		listed := catalogued(r, g.w)

		again := newWorld(t, "DROP KEYSPACE ks")
		for _, text := range texts {
			if _, err := again.try(text); err != nil {
				r.Fatalf("%s\nis refused: %v\nafter\n%s", text, err, strings.Join(g.done, ";\n"))
			}
		}
		_, got := describedSchema(r, again)
		sameLines(r, "DESCRIBE SCHEMA", got, described, g.done)
		sameLines(r, "the catalogue", catalogued(r, again), listed, g.done)
	})
	t.Logf("carried out: %v", taken)
	for _, kind := range schemaStatements {
		if taken[kind.name] == 0 {
			t.Errorf("%s was never carried out", kind.name)
		}
	}
}

// describedSchema are the statements of DESCRIBE SCHEMA, and its rows.
func describedSchema(r *rapid.T, w *world) (texts, rows []string) {
	answer, err := w.try("DESCRIBE SCHEMA")
	if err != nil {
		r.Fatal(err)
	}
	rest := answer.Rows.Rows
	for range answer.Rows.RowCount {
		var cells []string
		for range answer.Rows.Columns {
			length := binary.BigEndian.Uint32(rest)
			cells = append(cells, string(rest[4:4+length]))
			rest = rest[4+length:]
		}
		texts = append(texts, strings.TrimSuffix(cells[3], ";"))
		rows = append(rows, strings.Join(cells, " "))
	}
	return texts, rows
}

// sameLines fails for the first line in which two lists differ.
func sameLines(r *rapid.T, what string, got, want, done []string) {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			r.Fatalf("%s lost\n%s\nafter\n%s", what, want[i], strings.Join(done, ";\n"))
		case i >= len(want):
			r.Fatalf("%s has beside\n%s\nafter\n%s", what, got[i], strings.Join(done, ";\n"))
		case got[i] != want[i]:
			r.Fatalf("%s has\n%s\nfor\n%s\nafter\n%s", what, got[i], want[i], strings.Join(done, ";\n"))
		}
	}
}

// rollupSource is what a rollup is computed from. DESCRIBE says it of those by CREATE ROLLUP; the levels of the option rollups
// follow the order in which they were made.
var rollupSource = regexp.MustCompile(`'esker.rollup_of': 0x[0-9a-f]*(, )?`)

// catalogued are the rows of system_schema about what clients made, without ids.
func catalogued(r *rapid.T, w *world) []string {
	var out []string
	for _, table := range []string{"keyspaces", "types", "tables", "columns", "views", "indexes"} {
		rows, err := w.literals("SELECT * FROM system_schema." + table)
		if err != nil {
			r.Fatal(err)
		}
		for _, row := range rows {
			if strings.HasPrefix(row["keyspace_name"], "'system") {
				continue
			}
			delete(row, "id")
			delete(row, "base_table_id")
			row["extensions"] = rollupSource.ReplaceAllString(row["extensions"], "")
			out = append(out, fmt.Sprint(table, " ", map[string]string(row)))
		}
	}
	slices.Sort(out)
	return out
}

// madeTable is a base table that a schemaWriter made, as it was then.
type madeTable struct {
	name    string   // qualified
	time    string   // the type of "Ts"
	columns []string // regular ones, without types
	statics []string
	key     []string // all of the primary key
}

// schemaWriter draws statements that change the schema, and carries them out. Some are refused.
type schemaWriter struct {
	r         *rapid.T
	w         *world
	keyspaces []string
	tables    []madeTable
	rollups   []string // qualified
	copies    []string // qualified; query tables and views
	policies  []string // qualified
	indexes   []string // qualified
	types     []string // qualified
	done      []string // what was not refused
	then      func()   // notes what the statement that was drawn makes, if it is not refused
	taken     map[string]int
}

// schemaStatements are the kinds of statements that are drawn, some more often.
var schemaStatements = []struct {
	name  string
	often int
	draw  func(*schemaWriter, *madeTable) string
}{
	{"CREATE KEYSPACE", 1, func(g *schemaWriter, _ *madeTable) string { return g.keyspace() }},
	{"CREATE TYPE", 5, func(g *schemaWriter, _ *madeTable) string { return g.userType() }},
	{"ALTER TYPE", 4, func(g *schemaWriter, _ *madeTable) string { return g.alterType() }},
	{"CREATE TABLE", 2, func(g *schemaWriter, _ *madeTable) string { return g.table() }},
	{"CREATE QUERY TABLE", 6, (*schemaWriter).queryTable},
	{"CREATE MATERIALIZED VIEW", 6, (*schemaWriter).view},
	{"CREATE INDEX", 4, (*schemaWriter).index},
	{"CREATE ROLLUP", 8, (*schemaWriter).rollup},
	{"CREATE RETENTION POLICY", 5, (*schemaWriter).policy},
	{"ALTER TABLE WITH", 4, func(g *schemaWriter, t *madeTable) string {
		return "ALTER TABLE " + t.name + " WITH " + g.pick("altered", g.options(t.time)...)
	}},
	{"ALTER TABLE ADD", 3, func(g *schemaWriter, t *madeTable) string {
		c := g.pick("added", `"Added" text`, "more blob", "reading double", "total decimal", "more_tags frozen<set<text>>")
		g.then = func() { t.columns = append(t.columns, columnName(c)) }
		return "ALTER TABLE " + t.name + " ADD " + c
	}},
	{"ALTER TABLE DROP", 4, func(g *schemaWriter, t *madeTable) string {
		return "ALTER TABLE " + t.name + " DROP " + g.pick("dropped", t.columns...)
	}},
	{"ALTER TABLE RENAME", 3, func(g *schemaWriter, t *madeTable) string {
		return "ALTER TABLE " + t.name + " RENAME " + g.pick("renamed", t.key...) + " TO " + g.pick("new name", `"New ""name"""`, "plain", `"order"`)
	}},
	{"ALTER KEYSPACE", 1, func(g *schemaWriter, _ *madeTable) string {
		return "ALTER KEYSPACE " + g.pick("keyspace", g.keyspaces...) + " WITH " + g.replication()
	}},
	{"ALTER ROLLUP", 5, (*schemaWriter).alterRollup},
	{"ALTER a copy", 8, (*schemaWriter).alterCopy},
	{"ALTER RETENTION POLICY", 4, func(g *schemaWriter, _ *madeTable) string {
		return g.of("ALTER RETENTION POLICY ", g.policies, " KEEP "+g.pick("keep", "FOREVER", "40d", "90h"))
	}},
	{"DROP", 2, (*schemaWriter).drop},
}

// tableStatement is where CREATE TABLE stands among schemaStatements.
const tableStatement = 3

// write draws a schema of keyspaces, tables and what hangs on them.
func (g *schemaWriter) write() {
	g.keyspaces = []string{"ks"}
	var kinds []int
	for i, k := range schemaStatements {
		kinds = append(kinds, slices.Repeat([]int{i}, k.often)...)
	}
	for i := range rapid.IntRange(6, 40).Draw(g.r, "statements") {
		kind := schemaStatements[rapid.SampledFrom(kinds).Draw(g.r, "kind")]
		if i < 2 && len(g.types) > i {
			kind = schemaStatements[tableStatement]
		}
		var of *madeTable
		if len(g.tables) > 0 {
			of = &g.tables[rapid.IntRange(0, len(g.tables)-1).Draw(g.r, "table")]
		} else if kind.name != "CREATE KEYSPACE" && kind.name != "CREATE TYPE" {
			kind = schemaStatements[tableStatement]
		}
		g.then = func() {}
		text := kind.draw(g, of)
		if text == "" {
			continue
		}
		_, err := g.w.try(text)
		var invalid *planner.InvalidError
		var config *planner.ConfigError
		var exists *planner.ExistsError
		switch {
		case err == nil:
			g.taken[kind.name]++
			g.then()
			g.done = append(g.done, text)
		case !errors.As(err, &invalid) && !errors.As(err, &config) && !errors.As(err, &exists):
			g.r.Fatalf("%s: %v", text, err)
		default:
			g.r.Logf("%s\n\tis refused: %v", text, err)
		}
	}
}

func (g *schemaWriter) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(g.r, label)
}

// some are those of the list that are drawn.
func (g *schemaWriter) some(percent int, of ...string) []string {
	var out []string
	for _, s := range of {
		if rapid.IntRange(0, 99).Draw(g.r, s) < percent {
			out = append(out, s)
		}
	}
	return out
}

// of is a statement about one of a list; "" where there is none.
func (g *schemaWriter) of(verb string, list []string, rest string) string {
	if len(list) == 0 {
		return ""
	}
	return verb + g.pick("of", list...) + rest
}

// named is a name in a keyspace, which goes on a list if what has it is made.
func (g *schemaWriter) named(list *[]string, keyspace string, of ...string) string {
	name := keyspace + "." + g.pick("name", of...)
	g.then = func() { *list = append(*list, name) }
	return name
}

func (t *madeTable) keyspace() string { k, _, _ := strings.Cut(t.name, "."); return k }

func withOptions(options []string) string {
	if len(options) == 0 {
		return ""
	}
	return " WITH " + strings.Join(options, " AND ")
}

// TestALevelThatLacksAColumnIsDescribedByItself: the option would make it with the column.
func TestALevelThatLacksAColumnIsDescribedByItself(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH rollups = {'1h': '90d'}",
		"ALTER TABLE t ADD note text", "ALTER TABLE t ADD n int", "ALTER TABLE t WITH rollups = {'1h': '90d', '1d': 'forever'}")
	text := strings.Join(w.rows("DESCRIBE TABLE t"), "\n")
	for _, want := range []string{"rollups = {'1d': 'forever'}", "CREATE ROLLUP ks.t_1h ON ks.t AS", "retention = {'duration': '90d'}"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "CREATE ROLLUP ks.t_1d") {
		t.Errorf("the level of the option is described twice:\n%s", text)
	}
}
