package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/partition"
)

func (t *Table) createQueryTable(b *strings.Builder, base *Table) {
	columns := "*"
	if !t.Copy.All {
		columns = "(" + names(t.Regulars) + ")"
		if len(t.Regulars) == 0 {
			// The key is in it anyhow, and the list may not be empty.
			columns = "(" + names(slices.DeleteFunc(slicesConcat(t.PartitionKey, t.Clustering), t.computed)) + ")"
		}
	}
	fmt.Fprintf(b, "CREATE QUERY TABLE %s ON %s %s", t.fullName(), base.fullName(), columns)
	if where := t.conditions(base); len(where) > 0 {
		b.WriteString("\n    WHERE " + strings.Join(where, " AND "))
	}
	fmt.Fprintf(b, "\n    PRIMARY KEY (%s)\n", t.keyText())
}

// computed reports whether a key column of a copy is not one of its base.
func (t *Table) computed(c *Column) bool { return t.computedKey(c.Name) != nil }

func (t *Table) computedKey(name string) *CopyKey {
	for i := range t.Copy.Keys {
		if t.Copy.Keys[i].Column == name {
			return &t.Copy.Keys[i]
		}
	}
	return nil
}

// keyText is the key of a query table, its partition key always in parentheses.
func (t *Table) keyText() string {
	part := func(columns []*Column) string {
		out := make([]string, len(columns))
		for i, c := range columns {
			out[i] = cql.QuoteIdentifier(c.Name)
			if k := t.computedKey(c.Name); k != nil {
				out[i] = k.String() + " AS " + out[i]
			}
		}
		return strings.Join(out, ", ")
	}
	key := "(" + part(t.PartitionKey) + ")"
	if len(t.Clustering) > 0 {
		key += ", " + part(t.Clustering)
	}
	return key
}

// String is the expression that computes a key column: time_bucket(ts, 1h), UNNEST(tags). What only indexes have
// is no CQL: token(), entries(m), values(m).
func (k CopyKey) String() string {
	from := cql.QuoteIdentifier(k.From)
	switch k.Function {
	case CopyTimeBucket:
		return bucketText(from, k.Bucket)
	case CopyUnnest:
		return "UNNEST(" + from + ")"
	case CopyEntry:
		return "entries(" + from + ")"
	case CopyValue:
		return "values(" + from + ")"
	}
	return "token()"
}

func bucketText(from string, b partition.Bucketing) string {
	step := DurationText(b.SizeMillis)
	switch {
	case b.Months > 0:
		step = strconv.Itoa(int(b.Months)) + "mo"
	case b.Days > 0:
		step = strconv.Itoa(int(b.Days)) + "d"
	}
	if b.Zone != "" {
		step += ", " + quote(b.Zone)
	}
	if b.OriginMillis != 0 {
		step += time.UnixMilli(b.OriginMillis).UTC().Format(", '2006-01-02T15:04:05.000Z'")
	}
	return "time_bucket(" + from + ", " + step + ")"
}

func (t *Table) createView(b *strings.Builder, base *Table) {
	columns := "*"
	if !t.Copy.All {
		columns = names(t.Columns())
	}
	fmt.Fprintf(b, "CREATE MATERIALIZED VIEW %s AS\n    SELECT %s\n    FROM %s\n    WHERE ", t.fullName(), columns, base.fullName())
	fmt.Fprintf(b, "%s\n    PRIMARY KEY %s\n", t.WhereText(base), t.primaryKey())
}

// WhereText is the WHERE of a copy: that the columns of its key are not null, and its filters.
func (t *Table) WhereText(base *Table) string {
	var parts []string
	for _, c := range slicesConcat(t.PartitionKey, t.Clustering) {
		if !t.computed(c) {
			parts = append(parts, cql.QuoteIdentifier(c.Name)+" IS NOT NULL")
		}
	}
	key := len(parts)
	for _, condition := range t.conditions(base) {
		if !slices.Contains(parts[:key], condition) {
			parts = append(parts, condition)
		}
	}
	return strings.Join(parts, " AND ")
}

// conditions are what a statement must say of the rows of a copy beside its key.
func (t *Table) conditions(base *Table) []string {
	var out []string
	for _, name := range t.Copy.NotNull {
		out = append(out, cql.QuoteIdentifier(name)+" IS NOT NULL")
	}
	return append(out, base.filterTexts(t.Copy.Filters)...)
}

// filterTexts are filters on columns of the table as WHERE has them.
func (t *Table) filterTexts(filters []CopyFilter) []string {
	var out []string
	for _, f := range filters {
		of := t.Column(f.Column).Type
		values := make([]string, len(f.Values))
		for i, v := range f.Values {
			values[i] = string(of.AppendLiteral(nil, v))
		}
		text := strings.Join(values, ", ")
		if f.Op == "IN" {
			text = "(" + text + ")"
		}
		out = append(out, cql.QuoteIdentifier(f.Column)+" "+f.Op+" "+text)
	}
	return out
}
