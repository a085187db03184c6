package planner

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// genRollups draws CREATE statements of a base table and of rollups over it and over each other. Some are refused.
func genRollups(r *rapid.T) []string {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(r, label) }
	base := `CREATE TABLE "Base" (k int, "Dev" text, "Ts" ` + pick("time", "timestamp", "timeuuid", "date", "bigint", "int") +
		`, c text, v double, n int, "V x" float, m varint, s text, PRIMARY KEY ((k, "Dev"), "Ts", c)) WITH time_bucket = {'column': 'Ts', 'size': '30d'`
	if strings.Contains(base, `"Ts" bigint`) || strings.Contains(base, `"Ts" int`) {
		base += ", 'unit': '" + pick("unit", "s", "ms", "us") + "'"
	}
	base += "} AND CLUSTERING ORDER BY (\"Ts\" " + pick("order", "ASC", "DESC") + ")"
	var levels []string
	for _, l := range []string{"'15m': '7d'", "'1h': '90d'", "'1d': 'forever'", "'7d': 'forever'", "'1mo': '4000d'"} {
		if rapid.Bool().Draw(r, l) {
			levels = append(levels, l)
		}
	}
	if len(levels) > 0 {
		base += " AND rollups = {" + strings.Join(levels, ", ") + "}"
	}
	out := []string{base}
	sources := []string{`"Base"`, `"Base_1h"`, `"Base_1d"`}
	for i := range rapid.IntRange(0, 5).Draw(r, "rollups") {
		name := fmt.Sprintf(`"R%d"`, i)
		step := pick("step", `floor("Ts", 1h)`, `floor("Ts", 1d)`, `floor("Ts", 7d)`, `floor("Ts", 1mo)`, `time_bucket("Ts", 1d, 'Europe/Berlin')`,
			`time_bucket("Ts", 1mo, 'Europe/Berlin')`, `time_bucket("Ts", 8h, '2026-01-01T06:00:00Z')`, `time_bucket("Ts", 7d, 'Asia/Tokyo', '2026-01-05')`, `floor("Ts", 90s)`)
		var aggregates []string
		for _, a := range []string{"count(*)", "count(s) AS \"How many\"", "sum(v)", "avg(v)", "avg(n)", `avg("V x")`, "avg(m)", "min(s)", "first(n)", "last(s)",
			"stddev(v)", "stddev_pop(n)", "percentile(v, 0, 0.5, 0.999, 1)", "percentile(n, 0.05) AS five", "median(v)", "distinct(s)"} {
			if rapid.IntRange(0, 3).Draw(r, a) == 0 {
				aggregates = append(aggregates, a)
			}
		}
		group := pick("group", "", "", ", c", ", s, n")
		var options []string
		for _, o := range []string{"retention = {'duration': '800d'}", "lateness = {'grace': '2m'}", "lateness = {'grace': '90s', 'max': '10d'}", "time_zone = 'Europe/Berlin'", "comment = 'it''s'"} {
			if rapid.IntRange(0, 3).Draw(r, o) == 0 && !(len(options) > 0 && strings.HasPrefix(o, "lateness") && strings.HasPrefix(options[len(options)-1], "lateness")) {
				options = append(options, o)
			}
		}
		text := "CREATE ROLLUP " + name + " ON " + pick("source", sources...) + ` AS SELECT k, ` + step + pick("alias", "", ` AS "From"`) + ", " +
			strings.Join(append(aggregates, "max(n)"), ", ") + ` GROUP BY k, "Dev", ` + step + group
		if len(options) > 0 {
			text += " WITH " + strings.Join(options, " AND ")
		}
		out = append(out, text)
		sources = append(sources, name)
	}
	return out
}

// comparableRollup is what a rollup is, but for what belongs to the moment that it was made at.
func comparableRollup(t *schema.Table) (*schema.Table, downsample.Definition) {
	definition := *t.Rollup
	definition.Backfill = false
	out := *t
	out.Rollup = nil
	return &out, definition
}

// TestDescribedRollupsPlanBack: the CREATE texts of a schema with rollups, run on an empty one, make the same rollups.
func TestDescribedRollupsPlanBack(t *testing.T) {
	made, stacked := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		s := schemaOf(t)
		for _, text := range genRollups(r) {
			next, _, err := alter(s, text)
			var invalid *InvalidError
			switch {
			case err == nil:
				s = next
			case !errors.As(err, &invalid):
				r.Fatalf("%s: %v", text, err)
			}
		}
		k := s.Keyspaces["ks"]
		again := schemaOf(t)
		for _, table := range k.CreationOrder() {
			text := strings.TrimSuffix(table.Create(k), ";")
			var err error
			if again, _, err = alter(again, text); err != nil {
				r.Fatalf("%s: %v", text, err)
			}
		}
		if got, want := described(again), described(s); !slices.Equal(got, want) {
			r.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(again.Keyspaces["ks"].Tables) != len(k.Tables) {
			r.Fatalf("%d tables became %d", len(k.Tables), len(again.Keyspaces["ks"].Tables))
		}
		for name, table := range k.Tables {
			if table.Rollup == nil {
				continue
			}
			made++
			if k.Tables[table.Rollup.Source].Rollup != nil {
				stacked++
			}
			want, wantOf := comparableRollup(table)
			got, gotOf := comparableRollup(again.Table("ks", name))
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotOf, wantOf) {
				r.Fatalf("%+v\n%+v\nbecame\n%+v\n%+v", want, wantOf, got, gotOf)
			}
		}
	})
	if made < 100 || stacked < 20 {
		t.Errorf("%d rollups, %d of rollups", made, stacked)
	}
}

// Every rollup is stored as it is declared: encoded and decoded it is the same.
func TestRollupsAreStored(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := schemaOf(t)
		for _, text := range genRollups(r) {
			if next, _, err := alter(s, text); err == nil {
				s = next
			}
		}
		blob, err := s.Encode()
		if err != nil {
			r.Fatal(err)
		}
		again, err := schema.Decode(blob)
		if err != nil {
			r.Fatal(err)
		}
		for name, want := range s.Keyspaces["ks"].Tables {
			got := again.Table("ks", name)
			if !reflect.DeepEqual(got.Rollup, want.Rollup) || !reflect.DeepEqual(got.Stored(), want.Stored()) || !reflect.DeepEqual(got.Retention, want.Retention) || len(got.States) != len(want.States) {
				r.Fatalf("%+v\nbecame\n%+v", want, got)
			}
		}
	})
}
