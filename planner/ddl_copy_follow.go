package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// cloneCopy is a copy whose definition may be changed.
func cloneCopy(t *schema.Table) *schema.Table {
	out := t.Clone()
	definition := *t.Copy
	definition.NotNull = slices.Clone(definition.NotNull)
	definition.Columns = slices.Clone(definition.Columns)
	definition.Keys = slices.Clone(definition.Keys)
	definition.Filters = slices.Clone(definition.Filters)
	out.Copy = &definition
	return out
}

// addToCopies gives the columns that a base table gained to its copies that were declared with *. A view has no
// static columns.
func addToCopies(s *schema.Snapshot, old, base *schema.Table) (*schema.Snapshot, error) {
	for _, q := range s.QueryTablesOf(old) {
		t := cloneCopy(q)
		for _, col := range slices.Concat(base.Statics, base.Regulars) {
			if old.Column(col.Name) != nil {
				continue
			}
			if t.Column(col.Name) != nil {
				return nil, invalidf("Cannot add column %s to table %s: query table %s computes a key column of that name", col.Name, base.QualifiedName(), t.QualifiedName())
			}
			if t.Copy.All && (col.Kind == schema.Regular || t.Kind == schema.QueryTable) {
				copyColumn(t, col)
			}
		}
		if t.NextColumn != q.NextColumn {
			s = s.WithTable(t)
		}
	}
	return s, nil
}

// renameInCopies makes the copies of a table follow a new name of one of its key columns.
func renameInCopies(s *schema.Snapshot, base *schema.Table, from, to string) (*schema.Snapshot, error) {
	for _, q := range s.QueryTablesOf(base) {
		if q.Column(to) != nil {
			return nil, invalidf("Cannot rename column %s to %s in table '%s'; query table %s has another column with that name", from, to, base.QualifiedName(), q.QualifiedName())
		}
		t := cloneCopy(q)
		renameKey(t, t.Column(from), to)
		for i := range t.Copy.Keys {
			if t.Copy.Keys[i].From == from {
				t.Copy.Keys[i].From = to
			}
		}
		for i := range t.Copy.Filters {
			if t.Copy.Filters[i].Column == from {
				t.Copy.Filters[i].Column = to
			}
		}
		if t.Copy.RetentionBy == from {
			t.Copy.RetentionBy = to
		}
		s = s.WithTable(t)
	}
	return s, nil
}

// copyUsing names the copy for which a static or regular column of its base must stay; nil without one. Regular
// columns are used by every copy: a row lives as long as the last of them.
func copyUsing(s *schema.Snapshot, base *schema.Table, col *schema.Column) *schema.Table {
	for _, q := range s.QueryTablesOf(base) {
		if q.Kind == schema.View || col.Kind == schema.Regular || usesColumn(q, col) {
			return q
		}
	}
	return nil
}

func usesColumn(q *schema.Table, col *schema.Column) bool {
	def := q.Copy
	named := func(name string) bool { return name == col.Name }
	return def.RetentionBy == col.Name || slices.ContainsFunc(def.NotNull, named) ||
		slices.ContainsFunc(def.Columns, func(c schema.CopiedColumn) bool { return c.From == col.ID }) ||
		slices.ContainsFunc(def.Keys, func(k schema.CopyKey) bool { return k.From == col.Name }) ||
		slices.ContainsFunc(def.Filters, func(f schema.CopyFilter) bool { return f.Column == col.Name }) ||
		slices.ContainsFunc(slices.Concat(q.PartitionKey, q.Clustering), func(k *schema.Column) bool { return k.Name == col.Name })
}

// alterCopy applies ALTER of a query table or view. One that changes when rows end makes it be built again.
func (c *compiler) alterCopy(name cql.QualifiedName, ifExists bool, options cql.TableOptions, kind schema.TableKind) (*Alter, error) {
	keyspace, old, err := c.existingCopy(name, ifExists, kind)
	if err != nil || old == nil {
		return &Alter{Keyspace: keyspace, Name: name.Name}, err
	}
	if len(options.ClusteringOrder) > 0 || options.CompactStorage {
		return nil, invalidf("the clustering order of %s cannot be altered", old.QualifiedName())
	}
	for _, o := range options.Options {
		if o.Name == "id" {
			return nil, &ConfigError{Message: "Cannot alter table id."}
		}
	}
	t := cloneCopy(old)
	warnings, err := c.copyOptions(t, c.schema.Table(keyspace, old.Copy.Base), options.Options)
	if err != nil {
		return nil, err
	}
	if t.Copy.RetentionMillis != old.Copy.RetentionMillis || t.Copy.RetentionBy != old.Copy.RetentionBy || t.Options.DefaultTTLSec != old.Options.DefaultTTLSec {
		t = t.BuiltAgain()
	}
	return &Alter{Next: c.schema.WithTable(t), Change: changeUpdated, Target: targetTable, Keyspace: keyspace, Name: t.Name, Warnings: warnings}, nil
}
