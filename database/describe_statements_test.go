package database

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// regularColumns are what tables may have beside their key; those of keys and times have other names.
var regularColumns = []string{
	"v double", "n int", `"V x" float`, `"from" text`, "tags frozen<set<text>>", "m frozen<map<text, int>>", "l frozen<list<frozen<set<int>>>>", `"it's" bigint`,
	`"q""q" text`, "w decimal", "ends timestamp", "p frozen<tuple<int, text>>", "id uuid", "raw blob", "flag boolean", "iv varint", "addr inet", "day date", "tod time", "dur duration",
}

var staticColumns = []string{"s text static", `"S-1" int static`, "since timestamp static"}

// columnFilters are conditions that a copy may have.
var columnFilters = []string{
	"v IS NOT NULL", "v > -1.5E300", "v <= NaN", "n IN (1, -2)", `"V x" >= 0.1`, `"from" = 'it''s'`, "tags = {'a', 'it''s'}", "m IS NOT NULL", "m = {'x': 1}", `"it's" < -9223372036854775808`,
	`"q""q" > ''`, "w = 1.00", "w >= 1E+10", "ends > '2026-01-01T00:00:00.001Z'", "p = (1, 'x')", "id = 5b1b3b5c-3f4f-11ee-be56-0242ac120002", "raw >= 0x00ff", "flag = true",
	"iv > 123456789012345678901234567890", "addr = '2001:db8::1'", "day <= '2026-02-28'", "tod < '23:59:59.000000001'", `s IN ('a', 'b')`, `"S-1" IS NOT NULL`, "k > 0", `"Dev" >= 'x'`, `"Ts" >= '2026-01-01'`,
}

// columnName is the name in a declaration.
func columnName(declaration string) string {
	if declaration[0] != '"' {
		return declaration[:strings.IndexByte(declaration, ' ')]
	}
	for _, of := range []string{"float", "text", "bigint", "int"} {
		if at := strings.LastIndex(declaration, `" `+of); at > 0 {
			return declaration[:at+1]
		}
	}
	return declaration
}

func (g *schemaWriter) keyspace() string {
	name := g.pick("keyspace name", `"Second"`, `"select"`, "k_3")
	g.then = func() { g.keyspaces = append(g.keyspaces, name) }
	return "CREATE KEYSPACE " + name + " WITH " + g.replication()
}

func (g *schemaWriter) replication() string {
	return "replication = " + g.pick("replication", "{'class': 'SimpleStrategy', 'replication_factor': 1}", "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
		"{'class': 'org.apache.cassandra.locator.SimpleStrategy', 'replication_factor': '3'}") + g.pick("durable", "", " AND durable_writes = false", " AND durable_writes = true")
}

func (g *schemaWriter) table() string {
	t := madeTable{time: g.pick("time", "timestamp", "timestamp", "timestamp", "timeuuid", "date", "bigint", "int")}
	t.name = g.pick("keyspace", g.keyspaces...) + "." + g.pick("table name", "t", "u", `"T"`, `"table"`, "readings")
	declared := []string{"k int", `"Dev" text`, `"Ts" ` + t.time}
	partition, clustering := "k", `"Ts"`
	t.key = []string{"k", `"Ts"`}
	if rapid.Bool().Draw(g.r, "wide key") {
		partition, t.key = `(k, "Dev")`, append(t.key, `"Dev"`)
	}
	if rapid.Bool().Draw(g.r, "more clustering") {
		declared, clustering, t.key = append(declared, "c "+g.pick("c", "text", "int", "frozen<list<int>>", "timestamp")), clustering+", c", append(t.key, "c")
	}
	columns := append(g.some(50, regularColumns...), "n2 int")
	columns = append(columns, g.some(60, g.ofTypes(&t, &declared, &clustering)...)...)
	for _, c := range columns {
		t.columns = append(t.columns, columnName(c))
	}
	if !slices.Contains(t.key, `"Dev"`) {
		t.columns = append(t.columns, `"Dev"`)
	}
	if rapid.Bool().Draw(g.r, "statics") {
		statics := g.some(60, staticColumns...)
		for _, c := range statics {
			t.statics = append(t.statics, columnName(c))
		}
		columns = append(columns, statics...)
	}
	g.then = func() { g.tables = append(g.tables, t) }
	options := g.some(15, g.options(t.time)...)
	if order := g.pick("order", "", "DESC", "ASC"); order != "" {
		order = `CLUSTERING ORDER BY ("Ts" ` + order
		if strings.Contains(clustering, "c") {
			order += ", c " + g.pick("order of c", "ASC", "DESC")
		}
		options = append(options, order+")")
	}
	return "CREATE TABLE " + t.name + " (" + strings.Join(append(declared, columns...), ", ") + ", PRIMARY KEY (" + partition + ", " + clustering + "))" + withOptions(g.once(options))
}

// ofTypes are columns of user types of the keyspace of a table; one of them may go into its key.
func (g *schemaWriter) ofTypes(t *madeTable, declared *[]string, clustering *string) []string {
	var own []string
	for _, name := range g.types {
		if of, ok := strings.CutPrefix(name, t.keyspace()+"."); ok {
			own = append(own, of)
		}
	}
	if len(own) == 0 {
		return nil
	}
	if rapid.Bool().Draw(g.r, "type in the key") {
		*declared = append(*declared, "cu frozen<"+g.pick("key of type", own...)+">")
		*clustering, t.key = *clustering+", cu", append(t.key, "cu")
	}
	of := g.pick("column of type", own...)
	return []string{"u0 frozen<" + of + ">", "u1 " + of, "u2 frozen<map<text, " + of + ">>", "u3 tuple<" + of + ", int>", "u4 list<frozen<" + t.keyspace() + "." + of + ">>", "u5 " + of + " static"}
}

// userType makes a type of which some are made of others.
func (g *schemaWriter) userType() string {
	keyspace := g.pick("keyspace of a type", g.keyspaces...)
	fields := append(g.some(50, `"A b" int`, `"select" text`, "l list<int>", "m frozen<map<text, int>>", "d duration"), "f double")
	for _, name := range g.types {
		if of, ok := strings.CutPrefix(name, keyspace+"."); ok && rapid.Bool().Draw(g.r, "made of "+of) {
			fields = append(fields, fmt.Sprintf("f%d ", len(fields))+g.pick("how", "frozen<"+of+">", "tuple<int, "+of+">", "list<frozen<"+of+">>"))
		}
	}
	return "CREATE TYPE " + g.named(&g.types, keyspace, "address", `"Mi xed"`, `"select"`, `"q""q"`, "z_last") + " (" + strings.Join(fields, ", ") + ")"
}

func (g *schemaWriter) alterType() string {
	more := "more frozen<set<text>>"
	if len(g.types) > 0 {
		more = g.pick("added field", more, "other frozen<"+g.pick("added type", g.types...)+">")
	}
	return g.of("ALTER TYPE ", g.types, " "+g.pick("alter type", "ADD "+more, "ADD plain int", `RENAME f TO "F f" AND plain TO f`, "RENAME f TO g"))
}

// once leaves out options that are there already: the second of a name is refused.
func (g *schemaWriter) once(options []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(options, func(o string) bool {
		name, _, _ := strings.Cut(o, " = ")
		was := seen[name]
		seen[name] = true
		return was
	})
}

// options are those that a table may be made with, or be given later; its time is of that type.
func (g *schemaWriter) options(time string) []string {
	unit := ""
	if time == "bigint" || time == "int" {
		unit = ", 'unit': '" + g.pick("unit", "s", "ms") + "'"
	}
	bucket := fmt.Sprintf("time_bucket = {'column': 'Ts'%s, 'size': '%s'%s}", unit, g.pick("size", "6h", "P1D", "1w", "1mo", "auto"),
		g.pick("bucket", "", "", ", 'max_future': 'none'", ", 'max_past': '30d'", ", 'timezone': 'Europe/Berlin'", ", 'origin': '2026-01-05'", ", 'target': '1MiB'"))
	levels := g.some(50, "'15m': '7d'", "'1h': '90d'", "'1d': 'forever'", "'1w': 'forever'", "'1mo': '4000d'")
	return []string{
		"comment = " + g.pick("comment", "'it''s'", `'"quoted" ü'`, "''", "'two\nlines'"), "default_time_to_live = " + g.pick("ttl", "0", "60", "8640000"), "gc_grace_seconds = 0", bucket,
		"rollups = {" + strings.Join(levels, ", ") + "}", "append_only = " + g.pick("append_only", "true", "false"), "partition_write_rate_max = 1000",
		"retention = " + g.pick("retention", "{'duration': '100d', 'by': 'Ts'}", "{'duration': '36h'}", "{'column': 'ends'}", "{'duration': '90d', 'column': 'ends'}", "'forever'", "{}"),
		"crc_check_chance = 0.25", "compression = {'enabled': 'false'}", "compression = {'class': 'ZstdCompressor', 'compression_level': 3}", "speculative_retry = 'ALWAYS'",
		"compaction = " + g.pick("compaction", "{'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 10}", "{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 7}",
			"{'class': 'UnifiedCompactionStrategy'}", "{'class': 'SizeTieredCompactionStrategy', 'enabled': false}"),
		"caching = {'keys': 'NONE', 'rows_per_partition': '10'}", "bloom_filter_fp_chance = 0.1", "cdc = false", "read_repair = 'NONE'", "min_index_interval = 64", "memtable_flush_period_in_ms = 3600000",
	}
}

// conditions are some filters on columns of the list.
func (g *schemaWriter) conditions(percent int, on []string) []string {
	return g.some(percent, slices.DeleteFunc(slices.Clone(columnFilters), func(f string) bool {
		return !slices.ContainsFunc(on, func(c string) bool { return strings.HasPrefix(f, c+" ") })
	})...)
}

// rest are the columns of a key that are not there yet.
func rest(key, there []string) []string {
	return slices.DeleteFunc(slices.Clone(key), func(c string) bool { return slices.Contains(there, c) })
}

func (g *schemaWriter) queryTable(t *madeTable) string {
	key := g.some(30, t.key...)
	key = append(key, g.some(10, slices.Concat(t.columns, t.statics)...)...)
	key = append(key, g.some(4, `time_bucket("Ts", 6h)`, `time_bucket("Ts", 1d) AS "The day"`, `floor("Ts", 7d, '2026-01-05') AS week`, `time_bucket("Ts", 1mo, 'Europe/Berlin')`,
		`time_bucket(ends, 8h, 'Asia/Tokyo', '2026-01-01T06:00:00Z') AS shift`, "UNNEST(tags)", `UNNEST(m) AS "of m"`, "UNNEST(l)")...)
	if len(key) == 0 {
		key = []string{t.columns[0]}
	}
	more := rest(t.key, key)
	clustering := ""
	if len(more) > 0 {
		clustering = ", " + strings.Join(more, ", ")
	}
	columns := "*"
	if list := g.some(25, slices.Concat(t.columns, t.statics)...); len(list) > 0 && rapid.Bool().Draw(g.r, "listed") {
		columns = "(" + strings.Join(list, ", ") + ")"
	}
	where := ""
	if filters := g.conditions(10, slices.Concat(t.columns, t.statics, t.key)); len(filters) > 0 {
		where = " WHERE " + strings.Join(filters, " AND ")
	}
	options := g.some(20, "comment = 'copy'", "default_time_to_live = 60", "retention = {'duration': '36h', 'by': 'Ts'}", "time_bucket = {'column': 'Ts', 'size': '6h'}", "gc_grace_seconds = 7",
		"compaction = {'class': 'TimeWindowCompactionStrategy'}")
	if len(more) > 0 {
		options = append(options, g.some(30, "CLUSTERING ORDER BY ("+strings.Join(more, " DESC, ")+" DESC)")...)
	}
	return "CREATE QUERY TABLE " + g.named(&g.copies, t.keyspace(), "q1", `"Q1"`, `"from"`, "q2") + " ON " + t.name + " " + columns + where +
		" PRIMARY KEY ((" + strings.Join(key, ", ") + ")" + clustering + ")" + withOptions(options)
}

func (g *schemaWriter) view(t *madeTable) string {
	var first []string
	if rapid.IntRange(0, 3).Draw(g.r, "new key column") > 0 {
		first = []string{g.pick("first", t.columns...)}
	} else {
		first = []string{g.pick("first", t.key...)}
	}
	more := rest(t.key, first)
	columns := "*"
	if len(t.statics) > 0 || rapid.Bool().Draw(g.r, "listed") {
		columns = strings.Join(append(g.some(30, rest(t.columns, first)...), append(more, first...)...), ", ")
	}
	var where []string
	for _, c := range append(slices.Clone(first), more...) {
		where = append(where, c+" IS NOT NULL")
	}
	where = append(where, g.conditions(15, t.key)...)
	options := g.some(20, "comment = 'view'", "time_bucket = {'column': 'Ts', 'size': '1d'}", "gc_grace_seconds = 7")
	if len(more) > 0 {
		options = append(options, g.some(30, "CLUSTERING ORDER BY ("+strings.Join(more, " DESC, ")+" DESC)")...)
	}
	return "CREATE MATERIALIZED VIEW " + g.named(&g.copies, t.keyspace(), "mv", `"Mv"`, `"where"`) + " AS SELECT " + columns + " FROM " + t.name + " WHERE " + strings.Join(where, " AND ") +
		" PRIMARY KEY (" + strings.Join(append(first, more...), ", ") + ")" + withOptions(options)
}

func (g *schemaWriter) index(t *madeTable) string {
	name := ""
	if rapid.Bool().Draw(g.r, "has a name") {
		name = g.pick("index name", `"I_x"`, "i", `"index"`)
		full := t.keyspace() + "." + name
		g.then = func() { g.indexes = append(g.indexes, full) }
		name = " " + name
	}
	on := g.pick("on", slices.Concat(t.columns, t.statics, t.key)...)
	targets := slices.DeleteFunc([]string{"VALUES(tags)", "VALUES(m)", "KEYS(m)", "ENTRIES(m)", "FULL(m)", "FULL(tags)", "VALUES(l)", "FULL(l)"}, func(target string) bool {
		_, of, _ := strings.Cut(target, "(")
		return !slices.Contains(t.columns, strings.TrimSuffix(of, ")"))
	})
	on = g.pick("indexed", append(targets, on, on)...)
	return "CREATE INDEX" + name + " ON " + t.name + " (" + on + ")" + g.pick("using", "", " USING 'sai'", " USING 'StorageAttachedIndex'", " USING 'legacy_local_table'")
}

func (g *schemaWriter) rollup(t *madeTable) string {
	source := t.name
	if of := slices.DeleteFunc(slices.Clone(g.rollups), func(r string) bool { return !strings.HasPrefix(r, t.keyspace()+".") }); len(of) > 0 && rapid.Bool().Draw(g.r, "stacked") {
		source = g.pick("source", of...)
	}
	partition := "k"
	if slices.Contains(t.key, `"Dev"`) {
		partition = `k, "Dev"`
	}
	step := g.pick("step", `floor("Ts", 1h)`, `floor("Ts", 1h)`, `floor("Ts", 1d)`, `floor("Ts", 7d)`, `floor("Ts", 1mo)`, `time_bucket("Ts", 1d, 'Europe/Berlin')`, `time_bucket("Ts", 8h, '2026-01-01T06:00:00Z')`, `floor("Ts", 90s)`)
	aggregates := []string{"count(*)" + g.pick("named", "", ` AS "How many"`)}
	for _, a := range []string{"sum(%s)", "avg(%s)", "min(%s)", "max(%s)", "last(%s)", "stddev_pop(n2)", "percentile(n2, 0, 0.5, 0.999)", "median(n2)", "distinct(%s)", `first(%s) AS "The first"`} {
		if rapid.IntRange(0, 3).Draw(g.r, a) == 0 {
			aggregates = append(aggregates, strings.Replace(a, "%s", g.pick("of", rest(t.columns, []string{`"Dev"`})...), 1))
		}
	}
	options := g.some(30, "retention = {'duration': '800d'}", "lateness = "+g.pick("lateness", "{'grace': '2m'}", "{'grace': '90s', 'max': '10d'}", "{'max': '36h'}"), "time_zone = 'Europe/Berlin'", "comment = 'it''s'")
	return "CREATE ROLLUP " + g.named(&g.rollups, t.keyspace(), "r1", `"R1"`, `"group"`, "r2") + " ON " + source + " AS SELECT k, " + step + g.pick("alias", "", "", ` AS "From"`) + ", " +
		strings.Join(aggregates, ", ") + " GROUP BY " + partition + ", " + step + g.pick("split", "", "", "", ", c", `, "from"`, ", n2") + withOptions(options)
}

func (g *schemaWriter) policy(t *madeTable) string {
	where := append(g.some(20, "k IN (1, 2)", "k < 3"), "k > -1")
	for _, c := range [][2]string{{`"Dev"`, " >= 'it''s'"}, {"s", " = 'gold'"}, {`"S-1"`, " > -5"}, {"since", " < '2026-01-01'"}} {
		if slices.Contains(append(t.statics, t.key...), c[0]) {
			where = append(where, g.some(25, c[0]+c[1])...)
		}
	}
	return "CREATE RETENTION POLICY " + g.named(&g.policies, t.keyspace(), "gold", `"Gold"`, `"keep"`) + " ON " + t.name + " WHERE " + strings.Join(where, " AND ") +
		" KEEP " + g.pick("keep", "FOREVER", "30d", "36h", "90d")
}

func (g *schemaWriter) alterRollup(*madeTable) string {
	return g.of("ALTER ROLLUP ", g.rollups, " WITH "+g.pick("altered", "retention = {'duration': '900d'}", "retention = 'forever'", "lateness = {'grace': '5m'}", "lateness = {'max': '20d'}", "lateness = {}", "comment = 'other'", "comment = ''"))
}

func (g *schemaWriter) alterCopy(*madeTable) string {
	return g.of("ALTER "+g.pick("kind", "QUERY TABLE ", "MATERIALIZED VIEW "), g.copies,
		" WITH "+g.pick("altered", "comment = 'other'", "time_bucket = {'column': 'Ts', 'size': '1mo'}", "time_bucket = {}", "gc_grace_seconds = 0", "retention = {'duration': '90h', 'by': 'Ts'}", "retention = {}", "default_time_to_live = 7"))
}

func (g *schemaWriter) drop(t *madeTable) string {
	switch rapid.IntRange(0, 6).Draw(g.r, "drop") {
	case 0:
		return g.of("DROP ROLLUP ", g.rollups, "")
	case 1:
		return g.of("DROP "+g.pick("kind", "QUERY TABLE ", "MATERIALIZED VIEW "), g.copies, "")
	case 2:
		return g.of("DROP RETENTION POLICY ", g.policies, "")
	case 3:
		return g.of("DROP INDEX ", g.indexes, "")
	case 4:
		return "DROP TABLE " + t.name
	case 5:
		return g.of("DROP TYPE ", g.types, "")
	}
	return g.of("DROP KEYSPACE ", g.keyspaces[1:], "") // ks has the most
}
