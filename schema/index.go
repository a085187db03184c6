package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
)

// What of a column an index holds, as IndexOf.Target has it.
const (
	IndexValues  = "values"  // stored: never change; elements of a set or list, values of a map
	IndexKeys    = "keys"    // stored: never change; keys of a map
	IndexEntries = "entries" // stored: never change; entries of a map
	IndexFull    = "full"    // stored: never change; a frozen collection as one value
)

// IndexesOf are the indexes of a base table, by name.
func (s *Snapshot) IndexesOf(t *Table) []*Table {
	return slices.DeleteFunc(s.CopiesOf(t), func(c *Table) bool { return c.Kind != Index })
}

// QueryTablesOf are the query tables and views of a base table, by name: what it may have beside indexes.
func (s *Snapshot) QueryTablesOf(t *Table) []*Table {
	return slices.DeleteFunc(s.CopiesOf(t), func(c *Table) bool { return c.Kind == Index })
}

// Index finds an index by its own name, which is unique in the keyspace; nil where there is none.
func (k *Keyspace) Index(name string) *Table {
	for _, t := range k.Tables {
		if t.Kind == Index && t.Copy.Index.Name == name {
			return t
		}
	}
	return nil
}

// TargetText is the indexed column, as in values(c), quoted where it must be.
func (i *IndexOf) TargetText() string {
	column := cql.QuoteIdentifier(i.Column)
	if i.Target == "" {
		return column
	}
	return i.Target + "(" + column + ")"
}

// Attached reports whether the index was declared as a storage-attached one. Both kinds are kept alike; they
// differ in what a SELECT may ask without ALLOW FILTERING.
func (i *IndexOf) Attached() bool { return i.Class != "" }

// OfPartition reports whether an index has an entry for each base partition, not for each row: one on a static
// column, by the static row of the partition.
func (i *IndexOf) OfPartition(base *Table) bool {
	c := base.Column(i.Column)
	return c != nil && c.Kind == Static
}

// createIndex writes the CREATE INDEX text of an Index.
func (t *Table) createIndex(b *strings.Builder) {
	of := t.Copy.Index
	custom, using := "", ""
	if of.Attached() {
		custom, using = "CUSTOM ", " USING "+quote(of.Class)
		if len(of.Options) > 0 {
			using += " WITH OPTIONS = " + MapText(of.Options)
		}
	}
	b.WriteString("CREATE " + custom + "INDEX " + cql.QuoteIdentifier(of.Name) + " ON " + cql.QuoteIdentifier(t.Keyspace) + "." +
		cql.QuoteIdentifier(t.Copy.Base) + " (" + of.TargetText() + ")" + using + ";")
}

// Equal reports whether two indexes differ in nothing but their name.
func (i *IndexOf) Equal(o *IndexOf) bool {
	return i.Column == o.Column && i.Target == o.Target && strings.EqualFold(i.Class, o.Class) && maps.Equal(i.Options, o.Options)
}

// Indexes are the indexes of a table in the order in which DESCRIBE lists them: by name, whatever its case.
func (k *Keyspace) Indexes(t *Table) []*Table {
	var out []*Table
	for _, i := range k.SortedTables() {
		if i.Kind == Index && i.Copy.Base == t.Name {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b *Table) int {
		return strings.Compare(strings.ToLower(a.Copy.Index.Name), strings.ToLower(b.Copy.Index.Name))
	})
	return out
}
