package cqltest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// hostileText makes statements around buckets, query tables, indexes and time functions: most of them right, many nearly so.
type hostileText struct {
	*rand.Rand
	bases    map[string][]hostileColumn // what it believes that there is
	copies   []string
	promised []string // bases that were made append_only
	literals []string // of the last statement
	made     int
	undo     func() // forgets what the last statement was to make; nil if nothing
}

type hostileColumn struct{ name, kind string }

// advances of the clock.
var advances = []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}

func newHostileText(seed uint64) *hostileText {
	return &hostileText{Rand: rand.New(rand.NewPCG(seed, 7)), bases: map[string][]hostileColumn{}}
}

// pick takes one of some.
func pick[T any, R interface{ IntN(int) int }](r R, from []T) T { return from[r.IntN(len(from))] }

// kinds of columns that a table may have; the first are likely.
var hostileKinds = []string{
	"int", "text", "timestamp", "double", "int", "text", "timestamp", "bigint", "date", "timeuuid", "frozen<set<text>>", "frozen<map<text, int>>",
	"frozen<list<int>>", "boolean", "blob", "decimal", "varint", "inet", "smallint", "tinyint", "float", "uuid", "time", "duration",
	"frozen<tuple<int, text>>", "ascii",
}

// values are literals of each kind. Few, so that rows meet.
var hostileValues = map[string][]string{
	"int": {"0", "1", "2", "-1", "3600", "2147483647", "-2147483648"}, "text": {"'a'", "'b'", "''", "'it''s'", "'2026-01-15'", "'ü'"},
	"ascii":     {"'a'", "'b'", "''", "'ü'"},
	"timestamp": {"'2026-01-15T10:00:00Z'", "'2026-01-15T11:30:00Z'", "'2026-01-14'", "'2026-03-29T01:30:00Z'", "'1969-12-31T23:59:59.999Z'", "0", "1768471200000", "9223372036854775807", "-9223372036854775808", "'2026-01-01'"},
	"double":    {"1.5", "-0.0", "NaN", "Infinity", "2", "1e300"}, "float": {"1.5", "NaN", "-Infinity", "3"},
	"bigint": {"0", "1", "1768471200", "1768471200000", "-1", "9223372036854775807", "-9223372036854775808"},
	"date":   {"'2026-01-15'", "'2026-01-14'", "'1969-12-31'", "0", "4294967295", "'-5877641-06-23'"},
	"timeuuid": {"2ed78000-f1fc-11f0-8080-808080808080", "50554d6e-29bb-11e5-b345-feff819cdc9f", "now()", "minTimeuuid('2026-01-15')", "maxTimeuuid('2026-01-15')",
		"ffffffff-ffff-1fff-bfff-ffffffffffff"},
	"uuid": {"2ed78000-f1fc-41f0-8080-808080808080", "uuid()"}, "frozen<set<text>>": {"{'a', 'b'}", "{'b'}", "{}", "{''}"},
	"frozen<map<text, int>>": {"{'a': 1, 'b': 2}", "{'a': 2}", "{}", "{'': 0}"}, "frozen<list<int>>": {"[1, 2, 1]", "[2]", "[]"},
	"boolean": {"true", "false"}, "blob": {"0x", "0x00", "0xff01"}, "decimal": {"1.0", "1.00", "-3.5", "1e50"}, "varint": {"1", "0", "-99999999999999999999"},
	"inet": {"'127.0.0.1'", "'::1'"}, "smallint": {"1", "-32768"}, "tinyint": {"1", "127"}, "time": {"'10:00:00'", "0"}, "duration": {"1h", "1mo2d3ns", "-1d"},
	"frozen<tuple<int, text>>": {"(1, 'a')", "(null, 'b')", "(2, null)"},
}

// durations of steps and options.
var hostileDurations = []string{"1h", "1d", "15m", "1mo", "7d", "8h", "1s", "0s", "-1h", "7m", "1y", "1ns", "100y", "1d12h", "90m", "1000y", "PT6H"}

var hostileZones = []string{"'Europe/Berlin'", "'UTC'", "'America/New_York'", "'Nowhere/Land'", "''", "'Australia/Lord_Howe'"}

// value is a literal, mostly of the kind.
func (h *hostileText) value(kind string) string {
	if h.IntN(60) == 0 {
		kind = pick(h, hostileKinds)
	}
	from := hostileValues[kind]
	if h.IntN(4) > 0 {
		from = from[:min(3, len(from))] // so that rows meet, and most statements are right
	}
	v := pick(h, from)
	if h.IntN(60) == 0 {
		return pick(h, []string{"null", "?", ":x", "(int)1", "toTimestamp(now())", "0x", "''", "{}", "[]"})
	}
	h.literals = append(h.literals, v)
	return v
}

// table is a table there is, or nearly. Its columns are those of a base.
func (h *hostileText) table() (string, []hostileColumn) {
	if len(h.bases) == 0 || h.IntN(60) == 0 {
		return "nothing", []hostileColumn{{"k", "int"}}
	}
	names := make([]string, 0, len(h.bases))
	for name := range h.bases {
		names = append(names, name)
	}
	slices.Sort(names)
	name := pick(h, names)
	return name, h.bases[name]
}

func (h *hostileText) column(of []hostileColumn) hostileColumn {
	if h.IntN(40) == 0 {
		return hostileColumn{pick(h, []string{"nothing", "token", "day", `"K"`, "key", "ts_1h"}), "int"}
	}
	return pick(h, of)
}

// hostileBucket are texts of time_bucket by the type of the first clustering column.
func (h *hostileText) bucket(column string) string {
	parts := []string{fmt.Sprintf("'column': '%s'", column), fmt.Sprintf("'size': '%s'", pick(h, []string{"1d", "1h", "6h", "auto", "1mo", "15m", "1d", pick(h, hostileDurations)}))}
	for _, extra := range []string{"'timezone': " + pick(h, hostileZones[:2+h.IntN(5)]), "'origin': '2026-01-05'", "'max_future': 'none'", "'max_future': 'none'", "'max_past': '30d'", "'unit': 's'",
		"'as': '" + pick(h, []string{"b", "p0", "v0"}) + "'", "'target': '64KiB'", "'nonsense': '1'"} {
		if h.IntN(10) == 0 {
			parts = append(parts, extra)
		}
	}
	return "time_bucket = {" + strings.Join(parts, ", ") + "}"
}

// statement is the next one.
func (h *hostileText) statement() string {
	h.literals, h.undo = h.literals[:0], nil
	if len(h.bases) < 2 {
		return h.createTable()
	}
	n := h.IntN(100)
	switch {
	case n < 2:
		return h.createTable()
	case n < 9:
		return h.createQueryTable()
	case n < 13:
		return h.createIndex()
	case n < 15:
		return h.createView()
	case n < 20:
		return h.alter()
	case n < 23:
		return h.drop()
	case n < 26:
		return h.other()
	case n < 28:
		return h.rollup()
	case n < 60:
		return h.write()
	case n < 63:
		return h.batch()
	}
	text := h.selects()
	switch h.IntN(12) {
	case 0:
		return "EXPLAIN " + text
	case 1:
		return "EXPLAIN ANALYZE " + text
	}
	return text
}

func (h *hostileText) createTable() string {
	name := fmt.Sprintf("t%d", h.made)
	h.made++
	partition := []hostileColumn{{"p0", pick(h, hostileKinds[:6])}}
	if h.IntN(3) == 0 {
		partition = append(partition, hostileColumn{"b", pick(h, []string{"date", "timestamp", "text", "bigint", "int"})})
	}
	clustering := []hostileColumn{{"ts", pick(h, []string{"timestamp", "timestamp", "timestamp", "timeuuid", "date", "bigint", "int", "text"})}}
	if h.IntN(2) == 0 {
		clustering = append(clustering, hostileColumn{"c1", pick(h, hostileKinds)})
	}
	var regular []hostileColumn
	for i := range 1 + h.IntN(5) {
		regular = append(regular, hostileColumn{fmt.Sprintf("v%d", i), pick(h, hostileKinds)})
	}
	all := slices.Concat(partition, clustering, regular)
	var columns []string
	for _, c := range all {
		columns = append(columns, c.name+" "+c.kind)
	}
	if h.IntN(3) == 0 {
		s := hostileColumn{"s", pick(h, hostileKinds)}
		all = append(all, s)
		columns = append(columns, "s "+s.kind+" static")
	}
	options := []string{"WITH CLUSTERING ORDER BY (ts " + pick(h, []string{"ASC", "DESC"}) + ")"}
	if h.IntN(3) > 0 {
		options = append(options, h.bucket("ts"))
	}
	if h.IntN(8) == 0 {
		options = append(options, "append_only = true")
		h.promised = append(h.promised, name)
	}
	if h.IntN(8) == 0 {
		options = append(options, fmt.Sprintf("partition_write_rate_max = %d", pick(h, []int{1, 100, 0, -1})))
	}
	if h.IntN(8) == 0 {
		options = append(options, "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 6}")
	}
	if h.IntN(8) == 0 {
		options = append(options, "default_time_to_live = 100")
	}
	h.bases[name] = all
	h.undo = func() { delete(h.bases, name) }
	return fmt.Sprintf("CREATE TABLE %s (%s, PRIMARY KEY ((%s), %s)) %s", name, strings.Join(columns, ", "), names(partition), names(clustering), strings.Join(options, " AND "))
}

func names(columns []hostileColumn) string {
	var out []string
	for _, c := range columns {
		out = append(out, c.name)
	}
	return strings.Join(out, ", ")
}

// keyOf are the key columns of a base.
func keyOf(columns []hostileColumn) (key, rest []hostileColumn) {
	for _, c := range columns {
		if slices.Contains([]string{"p0", "b", "ts", "c1"}, c.name) {
			key = append(key, c)
		} else {
			rest = append(rest, c)
		}
	}
	return key, rest
}

// steps is a call that floors a column.
func (h *hostileText) floor(column string) string {
	args := []string{column, pick(h, hostileDurations[:8+h.IntN(8)])}
	if h.IntN(3) == 0 {
		args = append(args, pick(h, []string{pick(h, hostileZones), "'2026-01-01'", "'2026-01-01T12:00:00Z'"}))
	}
	return pick(h, []string{"time_bucket", "time_bucket", "floor"}) + "(" + strings.Join(args, ", ") + ")"
}

func (h *hostileText) createQueryTable() string {
	base, columns := h.table()
	key, rest := keyOf(columns)
	var first string
	switch c := h.column(columns); h.IntN(4) {
	case 0:
		first = h.floor(pick(h, []string{"ts", c.name})) + pick(h, []string{"", " AS step"})
	case 1:
		first = "UNNEST(" + c.name + ")" + pick(h, []string{"", " AS item"})
	default:
		first = c.name
	}
	var others []string
	for _, c := range key {
		if c.name != first && h.IntN(30) > 0 {
			others = append(others, c.name)
		}
	}
	h.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	copied := pick(h, []string{" *", "", ""})
	if copied == "" && len(rest) > 0 {
		copied = " (" + h.column(rest).name + ")"
	}
	text := fmt.Sprintf("CREATE QUERY TABLE %s ON %s%s", h.newCopy(), base, copied)
	if h.IntN(3) == 0 {
		text += " WHERE " + h.where(columns, 1+h.IntN(2))
	}
	text += fmt.Sprintf(" PRIMARY KEY ((%s)", first)
	if len(others) > 0 {
		text += ", " + strings.Join(others, ", ")
	}
	text += ")"
	options := []string{"retention = {'duration': '" + pick(h, hostileDurations) + "', 'by': '" + pick(h, []string{"ts", "v0"}) + "'}", "default_time_to_live = 200", h.bucket("ts"), "comment = 'x'",
		"CLUSTERING ORDER BY (ts DESC)"}
	if h.IntN(4) == 0 {
		text += " WITH " + pick(h, options)
	}
	return text
}

func (h *hostileText) newCopy() string {
	h.made++
	name := fmt.Sprintf("q%d", h.made)
	h.copies = append(h.copies, name)
	h.undo = func() { h.copies = slices.DeleteFunc(h.copies, func(have string) bool { return have == name }) }
	return name
}

func (h *hostileText) createView() string {
	base, columns := h.table()
	key, rest := keyOf(columns)
	if len(rest) == 0 {
		rest = columns
	}
	first := h.column(rest).name
	filters := []string{first + " IS NOT NULL"}
	for _, c := range key {
		filters = append(filters, c.name+" IS NOT NULL")
	}
	return fmt.Sprintf("CREATE MATERIALIZED VIEW %s AS SELECT * FROM %s WHERE %s PRIMARY KEY ((%s), %s)", h.newCopy(), base, strings.Join(filters, " AND "), first, names(key))
}

func (h *hostileText) createIndex() string {
	base, columns := h.table()
	c := h.column(columns).name
	target := pick(h, []string{"%s", "%s", "%s", "VALUES(%s)", "KEYS(%s)", "ENTRIES(%s)", "FULL(%s)"})
	return fmt.Sprintf("CREATE INDEX %sON %s (%s)%s", pick(h, []string{"", "IF NOT EXISTS ", "i1 "}), base, fmt.Sprintf(target, c), pick(h, []string{"", "", " USING 'sai'"}))
}

func (h *hostileText) alter() string {
	base, columns := h.table()
	switch h.IntN(10) {
	case 0:
		kind := pick(h, hostileKinds)
		name := fmt.Sprintf("v%d", 10+h.made)
		h.made++
		h.bases[base] = append(columns[:len(columns):len(columns)], hostileColumn{name, kind})
		h.undo = func() { h.bases[base] = columns }
		return fmt.Sprintf("ALTER TABLE %s ADD %s %s", base, name, kind)
	case 1:
		return fmt.Sprintf("ALTER TABLE %s DROP %s", base, h.column(columns).name)
	case 2:
		return fmt.Sprintf("ALTER TABLE %s WITH time_bucket = {}", base)
	case 3:
		return fmt.Sprintf("ALTER TABLE %s WITH partition_write_rate_max = %d", base, pick(h, []int{0, 1, 50, 1 << 30}))
	case 4:
		if h.IntN(4) == 0 {
			h.promised = append(h.promised, base)
			return fmt.Sprintf("ALTER TABLE %s WITH append_only = true", base)
		}
		return fmt.Sprintf("ALTER TABLE %s RENAME %s TO %s", base, h.column(columns).name, h.column(columns).name)
	case 5:
		return fmt.Sprintf("ALTER QUERY TABLE %s WITH %s", h.copy(), h.bucket("ts"))
	case 6:
		return fmt.Sprintf("ALTER MATERIALIZED VIEW %s WITH gc_grace_seconds = 0", h.copy())
	}
	return fmt.Sprintf("ALTER TABLE %s WITH %s", base, h.bucket("ts"))
}

func (h *hostileText) copy() string {
	if len(h.copies) == 0 || h.IntN(20) == 0 {
		return pick(h, []string{"t0", "nothing", `"t0.i1"`, "system.local", `"t0.t0_v0_idx"`})
	}
	return pick(h, h.copies)
}

func (h *hostileText) drop() string {
	base, columns := h.table()
	switch h.IntN(6) {
	case 0:
		return "DROP MATERIALIZED VIEW " + h.copy()
	case 1:
		return fmt.Sprintf("DROP INDEX %s_%s_idx", base, h.column(columns).name)
	case 2:
		return "DROP INDEX IF EXISTS i1"
	case 3:
		return "DROP TABLE " + base // mostly refused for its copies
	}
	return "DROP QUERY TABLE " + h.copy()
}

func (h *hostileText) other() string {
	base, _ := h.table()
	return pick(h, []string{
		"CHECK QUERY TABLE " + h.copy(), "CHECK QUERY TABLE " + h.copy() + " REPAIR", "REBUILD QUERY TABLE " + h.copy(), "TRUNCATE " + base, "TRUNCATE " + h.copy(),
		"DESCRIBE TABLE " + base, "DESCRIBE " + h.copy(), "DESCRIBE KEYSPACE h", "DESCRIBE INDEX i1", "ADMIN FLUSH h", "ADMIN COMPACT h." + base, "ADMIN TABLESTATS h WITH COLUMNS",
		"SELECT * FROM system_views.buckets", "SELECT * FROM system_views.large_partitions", "SELECT * FROM system_views.top_partitions WHERE keyspace_name = 'h'",
		"SELECT * FROM system_views.query_tables", "SELECT * FROM system_views.write_limits", "SELECT * FROM system_schema.views", "SELECT * FROM system_schema.indexes WHERE keyspace_name = 'h'",
		"EXPLAIN " + h.write(), "EXPLAIN " + h.createIndex(), "EXPLAIN TRUNCATE " + base, "EXPLAIN DROP TABLE " + base, "SELECT * FROM " + h.copy(), "SELECT count(*) FROM " + h.copy(),
		"INSERT INTO " + h.copy() + " (p0) VALUES (1)", "REBUILD QUERY TABLE " + base, "EXPLAIN EXPLAIN SELECT * FROM " + base,
	})
}

// rollup is a statement about rollups, of which each table may have one.
func (h *hostileText) rollup() string {
	base, columns := h.table()
	name := base + "_r"
	if h.IntN(2) == 0 {
		return pick(h, []string{
			"DROP ROLLUP " + name, "CHECK ROLLUP " + name, "CHECK ROLLUP " + name + " SAMPLE 5 REPAIR", "REFRESH ROLLUP " + name, "PAUSE ROLLUP " + name, "RESUME ROLLUP " + name,
			"REFRESH ROLLUP " + name + " WHERE ts >= " + h.value("timestamp"), "EXPLAIN REFRESH ROLLUP " + name, "EXPLAIN CHECK ROLLUP " + name + " REPAIR", "SELECT * FROM " + name,
			"SELECT * FROM system_views.rollups", "SELECT * FROM system_views.rollup_windows WHERE keyspace_name = 'h'", "SELECT * FROM system_views.rollup_progress",
		})
	}
	key := "p0"
	if slices.ContainsFunc(columns, func(c hostileColumn) bool { return c.name == "b" }) {
		key += ", b"
	}
	group := key + ", " + h.floor("ts")
	values := []string{"count(*)"}
	for range h.IntN(4) {
		values = append(values, pick(h, []string{"count", "min", "max", "sum", "avg", "first", "last", "stddev", "distinct"})+"("+h.column(columns).name+")")
	}
	text := fmt.Sprintf("CREATE ROLLUP %s ON %s AS SELECT %s AS ts, %s GROUP BY %s", name, base, group, strings.Join(values, ", "), group)
	if h.IntN(4) == 0 {
		text += " WITH lateness = {'grace': '1m', 'max': '1d'}"
	}
	return text
}

// where is some relations.
func (h *hostileText) where(columns []hostileColumn, n int) string {
	var out []string
	for range n {
		out = append(out, h.relation(h.column(columns)))
	}
	return strings.Join(out, " AND ")
}

func (h *hostileText) relation(c hostileColumn) string {
	switch h.IntN(14) {
	case 0:
		return c.name + " IN (" + h.value(c.kind) + ", " + h.value(c.kind) + ")"
	case 1, 2, 3:
		return c.name + " " + pick(h, []string{"<", "<=", ">", ">="}) + " " + h.value(c.kind)
	case 4:
		return c.name + " >= " + h.value(c.kind) + " AND " + c.name + " < " + h.value(c.kind)
	case 5:
		return c.name + " IS NOT NULL"
	case 6:
		return c.name + " CONTAINS " + h.value(pick(h, []string{"text", "int"}))
	case 7:
		return pick(h, []string{c.name + " CONTAINS KEY 'a'", c.name + "['a'] = 1", c.name + " != " + h.value(c.kind), "token(p0) > 0"})
	}
	return c.name + " = " + h.value(c.kind)
}

// keyWhere names the partition, mostly, and some of the rest.
func (h *hostileText) keyWhere(columns []hostileColumn) string {
	key, _ := keyOf(columns)
	var out []string
	for _, c := range key {
		switch {
		case c.name == "ts" && h.IntN(2) == 0:
			out = append(out, "ts >= "+h.value(c.kind), "ts < "+h.value(c.kind))
		case c.name == "p0" && h.IntN(20) > 0, c.name == "b" && h.IntN(2) == 0, c.name == "ts" && h.IntN(4) > 0, c.name == "c1" && h.IntN(2) == 0:
			out = append(out, c.name+" = "+h.value(c.kind))
		}
	}
	if len(out) == 0 || h.IntN(8) == 0 {
		out = append(out, h.relation(h.column(columns)))
	}
	return strings.Join(out, " AND ")
}

func (h *hostileText) write() string {
	base, columns := h.table()
	using := pick(h, []string{"", "", "", "", " USING TTL 60", " USING TIMESTAMP 1768471200000000", " USING TTL 5 AND TIMESTAMP 1768478400000001", " USING TIMESTAMP -1", " USING TTL 2000000000"})
	key, rest := keyOf(columns)
	if len(rest) == 0 {
		rest = columns
	}
	switch h.IntN(10) {
	case 0:
		c := h.column(rest)
		return fmt.Sprintf("UPDATE %s%s SET %s = %s WHERE %s", base, using, c.name, pick(h, []string{h.value(c.kind), "null", c.name + " + 1", "?"}), h.keyWhere(columns))
	case 1:
		return fmt.Sprintf("DELETE FROM %s%s WHERE %s", base, strings.ReplaceAll(using, "TTL 60", "TIMESTAMP 5"), h.keyWhere(columns))
	case 2:
		return fmt.Sprintf("DELETE %s FROM %s WHERE %s", h.column(rest).name, base, h.keyWhere(columns))
	}
	var named, values []string
	for _, c := range slices.Concat(key, rest) {
		if isKey := slices.Contains(key, c); c.name == "b" && h.IntN(3) == 0 || isKey && h.IntN(50) == 0 || !isKey && h.IntN(3) == 0 {
			continue
		}
		named, values = append(named, c.name), append(values, h.value(c.kind))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)%s", base, strings.Join(named, ", "), strings.Join(values, ", "), using)
}

func (h *hostileText) batch() string {
	out := []string{pick(h, []string{"BEGIN BATCH", "BEGIN UNLOGGED BATCH", "BEGIN BATCH USING TIMESTAMP 5"})}
	var literals []string
	for range h.IntN(6) {
		out = append(out, h.write()+";")
		literals = append(literals, h.literals...)
	}
	h.literals = literals
	return strings.Join(append(out, "APPLY BATCH"), " ")
}

// selection is what is selected, and the terms of GROUP BY with it.
func (h *hostileText) selection(columns []hostileColumn) (list, group string) {
	c := h.column(columns).name
	switch h.IntN(8) {
	case 0:
		return "count(*)", ""
	case 1:
		return pick(h, []string{"DISTINCT p0", "DISTINCT p0, b", "token(p0), p0", "writetime(" + c + "), ttl(" + c + ")"}), ""
	case 2, 3, 4:
		step := h.floor(pick(h, []string{"ts", "ts", "ts", c}))
		aggregates := make([]string, 1+h.IntN(2))
		for i := range aggregates {
			aggregates[i] = pick(h, []string{"count(*)", "avg(%s)", "sum(%s)", "min(%s)", "max(%s)", "first(%s)", "last(%s)", "delta(%s)", "rate(%s)", "time_weighted_avg(%s)", "stddev(%s)",
				"percentile(%s, 0.5)", "median(%s)", "distinct(%s)", "percentile(%s, 2)", "count(%s)"})
			if strings.Contains(aggregates[i], "%s") {
				aggregates[i] = fmt.Sprintf(aggregates[i], h.column(columns).name)
			}
		}
		group = " GROUP BY " + pick(h, []string{"p0, ", "", "", "p0, b, ", "ts, "}) + step
		switch h.IntN(4) {
		case 0:
			group += " FILL(" + pick(h, []string{"null", "prev", "linear", "0", "1.5", "'x'", "?", "nonsense"}) + ")"
		}
		return step + ", " + strings.Join(aggregates, ", "), group
	}
	return pick(h, []string{"*", c, "p0, ts, " + c, c + " AS x"}), ""
}

func (h *hostileText) selects() string {
	base, columns := h.table()
	list, group := h.selection(columns)
	if h.IntN(12) == 0 {
		base = h.copy()
	}
	text := "SELECT " + list + " FROM " + base
	switch h.IntN(8) {
	case 0:
	case 1, 2, 3:
		text += " WHERE " + h.where(columns, 1+h.IntN(3))
	default:
		text += " WHERE " + h.keyWhere(columns)
	}
	text += group
	text += pick(h, []string{"", "", "", " ORDER BY ts DESC", " ORDER BY ts ASC", " ORDER BY c1 DESC"})
	text += pick(h, []string{"", "", "", " PER PARTITION LIMIT 1"})
	text += pick(h, []string{"", "", " LIMIT 1", " LIMIT 3", " LIMIT 0", " LIMIT 2147483647"})
	return text + pick(h, []string{"", " ALLOW FILTERING"})
}

// mangled loses, repeats or swaps words.
func (h *hostileText) mangled(text string) string {
	words := strings.Fields(text)
	i, j := h.IntN(len(words)), h.IntN(len(words))
	switch h.IntN(5) {
	case 0:
		words = slices.Delete(words, i, i+1)
	case 1:
		words = slices.Insert(words, i, words[j])
	case 2:
		words[i], words[j] = words[j], words[i]
	case 3:
		words[i] = pick(h, []string{"(", ")", ",", "'", "\"", "$$", "--", "/*", ";", "\x00", "99999999999999999999999999", "1e99999", "0xf", "SELECT", "{", "[", "?", "*", "\xff\xfe", "1h1h"})
	default:
		return text[:h.IntN(len(text))]
	}
	return strings.Join(words, " ")
}
