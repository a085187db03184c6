package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
)

// Create is the CREATE KEYSPACE text of the keyspace alone.
func (k *Keyspace) Create() string {
	return fmt.Sprintf("CREATE KEYSPACE %s WITH replication = %s  AND durable_writes = %t;",
		cql.QuoteIdentifier(k.Name), replicationText(k.Replication), k.DurableWrites)
}

// replicationText puts the class first, as Cassandra does.
func replicationText(m map[string]string) string {
	rest := map[string]string{}
	for key, v := range m {
		if key != "class" {
			rest[key] = v
		}
	}
	text := "{'class': " + quote(shortClass(m["class"]))
	if len(rest) > 0 {
		text += ", " + strings.TrimPrefix(MapText(rest), "{")
		return text
	}
	return text + "}"
}

func shortClass(class string) string {
	return strings.TrimPrefix(class, "org.apache.cassandra.locator.")
}

// CreationOrder are the tables of the keyspace in an order in which their CREATE texts load: base
// tables, each with its indexes and copies, then rollups. Those that the one-line option makes are left out: the text of
// their table does.
func (k *Keyspace) CreationOrder() []*Table {
	var bases, rollups []*Table
	tables := k.SortedTables()
	for _, t := range tables {
		if t.Kind != Base && t.Kind != Virtual && t.Kind != Internal {
			continue
		}
		bases = append(append(bases, t), k.Indexes(t)...)
		for _, c := range tables {
			if c.Copy != nil && c.Kind != Index && c.Copy.Base == t.Name {
				bases = append(bases, c)
			}
		}
		for _, r := range k.levelsOf(t) {
			if !k.Described(r) {
				rollups = append(rollups, r)
			}
		}
	}
	return append(bases, rollups...)
}

// Create is the CREATE text of a table of any kind; k is its keyspace.
func (t *Table) Create(k *Keyspace) string {
	var b strings.Builder
	switch t.Kind {
	case QueryTable:
		t.createQueryTable(&b, k.Tables[t.Copy.Base])
	case View:
		t.createView(&b, k.Tables[t.Copy.Base])
	case Index:
		t.createIndex(&b)
		return b.String()
	case Rollup:
		t.createRollup(&b)
		return b.String()
	default:
		t.createTable(&b)
	}
	t.writeOptions(&b, k)
	if t.Kind == Virtual {
		return "/*\nWarning: Table " + t.QualifiedName() + " is a virtual table and cannot be recreated with CQL.\nStructure, for reference:\n" +
			strings.Replace(b.String(), "CREATE TABLE", "VIRTUAL TABLE", 1) + "\n*/"
	}
	return b.String()
}

// CreatePolicy is the CREATE RETENTION POLICY text of a policy of the table.
func (t *Table) CreatePolicy(p *Policy) string {
	return "CREATE RETENTION POLICY " + cql.QuoteIdentifier(t.Keyspace) + "." + cql.QuoteIdentifier(p.Name) + " ON " + t.fullName() +
		" WHERE " + t.PredicateText(p) + " KEEP " + KeepText(p.Millis) + ";"
}

// PredicateText is the WHERE of a policy of the table.
func (t *Table) PredicateText(p *Policy) string { return strings.Join(t.filterTexts(p.Where), " AND ") }

// KeepText is how long rows are kept, as a policy says it.
func KeepText(millis int64) string {
	if millis == 0 {
		return "FOREVER"
	}
	return DurationText(millis)
}

func (t *Table) fullName() string {
	return cql.QuoteIdentifier(t.Keyspace) + "." + cql.QuoteIdentifier(t.Name)
}

func (t *Table) createTable(b *strings.Builder) {
	fmt.Fprintf(b, "CREATE TABLE %s (\n", t.fullName())
	for _, c := range t.describedColumns() {
		static := ""
		if c.Kind == Static {
			static = " static"
		}
		key := ""
		if len(t.PartitionKey) == 1 && len(t.Clustering) == 0 && c.Kind == PartitionKey {
			key = " PRIMARY KEY"
		}
		fmt.Fprintf(b, "    %s %s%s%s,\n", cql.QuoteIdentifier(c.Name), c.Type, static, key)
	}
	if len(t.PartitionKey) == 1 && len(t.Clustering) == 0 {
		text := strings.TrimSuffix(b.String(), ",\n")
		b.Reset()
		b.WriteString(text + "\n)")
		return
	}
	fmt.Fprintf(b, "    PRIMARY KEY %s\n)", t.primaryKey())
}

// describedColumns are the columns as Cassandra's DESCRIBE lists them: of the static and the regular ones those of several cells last.
func (t *Table) describedColumns() []*Column {
	out := slices.Concat(t.PartitionKey, t.Clustering)
	for _, group := range [][]*Column{t.Statics, t.Regulars} {
		for _, multicell := range []bool{false, true} {
			for _, c := range group {
				if c.Type.Multicell() == multicell {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// primaryKey is `(k, c)` or `((a, b), c)`.
func (t *Table) primaryKey() string {
	key := names(t.PartitionKey)
	if len(t.PartitionKey) > 1 {
		key = "(" + key + ")"
	}
	if len(t.Clustering) > 0 {
		key += ", " + names(t.Clustering)
	}
	return "(" + key + ")"
}

func names(columns []*Column) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = cql.QuoteIdentifier(c.Name)
	}
	return strings.Join(out, ", ")
}

// DurationText is a whole number of milliseconds in the largest units that fit, e.g. 1d, 6h, 90s.
func DurationText(millis int64) string {
	for _, u := range []struct {
		name   string
		millis int64
	}{{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}} {
		if millis%u.millis == 0 && millis != 0 {
			return strconv.FormatInt(millis/u.millis, 10) + u.name
		}
	}
	return strconv.FormatInt(millis, 10) + "ms"
}

func slicesConcat(a, b []*Column) []*Column { return append(append([]*Column(nil), a...), b...) }

// writeOptions writes WITH and every option, in Cassandra's order, own options last.
func (t *Table) writeOptions(b *strings.Builder, k *Keyspace) {
	parts := t.optionTexts(k)
	b.WriteString(" WITH " + strings.Join(parts, "\n    AND ") + ";")
}

func (t *Table) optionTexts(k *Keyspace) []string {
	o := &t.Options
	var parts []string
	if o.CompactStorage {
		parts = append(parts, "COMPACT STORAGE")
	}
	if len(t.Clustering) > 0 {
		order := make([]string, len(t.Clustering))
		for i, c := range t.Clustering {
			direction := "ASC"
			if c.Desc {
				direction = "DESC"
			}
			order[i] = cql.QuoteIdentifier(c.Name) + " " + direction
		}
		parts = append(parts, "CLUSTERING ORDER BY ("+strings.Join(order, ", ")+")")
	}
	if t.Kind == Virtual {
		return append(parts, "comment = "+quote(o.Comment))
	}
	echo := func(name string) {
		v := o.Echo(name)
		if info, _ := EchoedOption(name); info.Kind == OptionText {
			v = quote(v)
		}
		parts = append(parts, name+" = "+v)
	}
	echo("additional_write_policy")
	echo("allow_auto_snapshot")
	echo("bloom_filter_fp_chance")
	parts = append(parts, "caching = "+MapText(o.Caching))
	echo("cdc")
	parts = append(parts, "comment = "+quote(o.Comment), "compaction = "+MapText(o.Compaction), "compression = "+MapText(o.Compression))
	echo("memtable")
	echo("crc_check_chance")
	if t.Copy == nil || o.DefaultTTLSec > 0 { // copies end with the rows of their base, those with a TTL of their own earlier
		parts = append(parts, fmt.Sprintf("default_time_to_live = %d", o.DefaultTTLSec))
	}
	parts = append(parts, "extensions = {}", fmt.Sprintf("gc_grace_seconds = %d", o.GCGraceSec))
	for _, name := range []string{"incremental_backups", "max_index_interval", "memtable_flush_period_in_ms", "min_index_interval", "read_repair", "speculative_retry"} {
		echo(name)
	}
	return append(parts, t.ownOptionTexts(k)...)
}

// ownOptionTexts are the options that esker adds.
func (t *Table) ownOptionTexts(k *Keyspace) []string {
	var parts []string
	for _, own := range []struct {
		name  string
		value map[string]string
	}{{"time_bucket", t.Options.TimeBucketOption}, {"rollups", k.DescribedLevels(t)}} {
		if len(own.value) > 0 {
			parts = append(parts, own.name+" = "+MapText(own.value))
		}
	}
	if t.AppendOnly {
		parts = append(parts, "append_only = true")
	}
	if t.Copy != nil && t.Copy.RetentionMillis > 0 {
		parts = append(parts, "retention = "+MapText(map[string]string{"by": t.Copy.RetentionBy, "duration": DurationText(t.Copy.RetentionMillis)}))
	}
	if m := t.Retention.Option(); len(m) > 0 {
		parts = append(parts, "retention = "+MapText(m))
	}
	if n := t.Options.PartitionWriteRateMax; n > 0 {
		parts = append(parts, "partition_write_rate_max = "+strconv.FormatInt(n, 10))
	}
	return parts
}
