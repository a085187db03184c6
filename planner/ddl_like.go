package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// createTableLike makes the table that the text of another describes, under another name and with the options of the statement above its
// own. The text is what DESCRIBE prints: what it leaves out (dropped columns, policies, former buckets) the new table begins without.
func (c *compiler) createTableLike(stmt *cql.CreateTableLike) (*Alter, error) {
	source, err := c.likeSource(stmt.Source)
	if err != nil {
		return nil, err
	}
	keyspace, err := c.writableKeyspace(stmt.Table)
	if err != nil {
		return nil, err
	}
	if keyspace != source.Keyspace {
		if col := firstOfUserType(source); col != nil {
			return nil, invalidf("Cannot use CREATE TABLE LIKE across different keyspaces when the source table has user types: column %s of %s is of type %s, which %s does not have; write the columns out instead",
				col.Name, source.QualifiedName(), col.Type, keyspace)
		}
	}
	if slices.ContainsFunc(stmt.Options, func(o cql.Option) bool { return o.Name == "id" }) {
		return nil, invalidf("Cannot alter table id: a table made by LIKE gets an id of its own")
	}
	tree, err := cql.Parse(source.Create(c.schema.Keyspaces[source.Keyspace]))
	if err != nil {
		return nil, err
	}
	create, ok := tree.(*cql.CreateTable)
	if !ok {
		return nil, invalidf("table %s cannot be described by CREATE TABLE", source.QualifiedName())
	}
	create.Table, create.IfNotExists = stmt.Table, stmt.IfNotExists
	create.Options.Options = overridden(create.Options.Options, stmt.Options)
	return c.createTable(create)
}

// likeSource is the base table that LIKE names.
func (c *compiler) likeSource(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, t, err := c.existing(name)
	if err != nil {
		return nil, err
	}
	if c.schema.Keyspaces[keyspace] == nil {
		return nil, invalidf("Source Keyspace '%s' doesn't exist", keyspace)
	}
	if t == nil {
		return nil, invalidf("Source Table '%s.%s' doesn't exist", keyspace, name.Name)
	}
	kind := KindText(t)
	switch {
	case c.schema.Keyspaces[keyspace].System():
		kind = "system table"
	case t.Kind == schema.Base:
		return t, nil
	case t.Kind == schema.View:
		kind = "materialized view"
	}
	return nil, invalidf("Cannot use CREATE TABLE LIKE on %s '%s': LIKE takes a table that clients write to", kind, t.QualifiedName())
}

// firstOfUserType is the first column of a user type, or of what is made of one; nil: there is none.
func firstOfUserType(t *schema.Table) *schema.Column {
	columns := t.Columns()
	if i := slices.IndexFunc(columns, func(c *schema.Column) bool { return c.Type.Contains(types.KindUDT) }); i >= 0 {
		return columns[i]
	}
	return nil
}

// overridden are options without those that others name, and the others behind them.
func overridden(options, by []cql.Option) []cql.Option {
	kept := slices.DeleteFunc(slices.Clone(options), func(o cql.Option) bool {
		return slices.ContainsFunc(by, func(b cql.Option) bool { return b.Name == o.Name })
	})
	return append(kept, by...)
}
