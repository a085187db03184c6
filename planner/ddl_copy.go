package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// copyDefinition is a query table or view as its statement says it.
type copyDefinition struct {
	name        cql.QualifiedName
	ifNotExists bool
	base        *schema.Table
	kind        schema.TableKind
	partition   []copyKey
	clustering  []copyKey
	columns     []string
	all         bool // *
	notNull     []string
	filters     []schema.CopyFilter
	options     cql.TableOptions
}

// what names the kind in errors: Cassandra's words for its views.
func (d *copyDefinition) what() string {
	if d.kind == schema.View {
		return "materialized view"
	}
	return "query table"
}

// createQueryTable makes a copy of a base table under another key.
func (c *compiler) createQueryTable(stmt *cql.CreateQueryTable) (*Alter, error) {
	base, err := c.table(stmt.Base)
	if err != nil {
		return nil, err
	}
	d := copyDefinition{name: stmt.Name, ifNotExists: stmt.IfNotExists, base: base, kind: schema.QueryTable, options: stmt.Options}
	if found, err := c.checkNewCopy(&d); found != nil || err != nil {
		return found, err
	}
	if d.partition, err = d.keyColumns(stmt.Key.Partition); err != nil {
		return nil, err
	}
	if d.clustering, err = d.keyColumns(stmt.Key.Clustering); err != nil {
		return nil, err
	}
	if d.columns, d.all, err = d.columnNames(stmt.Columns); err != nil {
		return nil, err
	}
	if err := c.copyWhere(&d, stmt.Where); err != nil {
		return nil, err
	}
	return c.createCopy(&d)
}

// createView makes the same of Cassandra's CREATE MATERIALIZED VIEW.
func (c *compiler) createView(stmt *cql.CreateMaterializedView) (*Alter, error) {
	base, err := c.viewedTable(stmt.Select.From)
	if err != nil {
		return nil, err
	}
	d := copyDefinition{name: stmt.Name, ifNotExists: stmt.IfNotExists, base: base, kind: schema.View, options: stmt.Options}
	if found, err := c.checkNewCopy(&d); found != nil || err != nil {
		return found, err
	}
	for _, n := range stmt.PrimaryKey.Partition {
		d.partition = append(d.partition, copyKey{name: n.Text, from: n.Text})
	}
	for _, n := range stmt.PrimaryKey.Clustering {
		d.clustering = append(d.clustering, copyKey{name: n.Text, from: n.Text})
	}
	if d.columns, d.all, err = d.columnNames(stmt.Select.Selectors); err != nil {
		return nil, err
	}
	if err := d.checkViewColumns(); err != nil {
		return nil, err
	}
	if err := c.copyWhere(&d, stmt.Select.Where); err != nil {
		return nil, err
	}
	if err := d.checkViewWhere(); err != nil {
		return nil, err
	}
	return c.createCopy(&d)
}

// viewedTable finds the base table of a view.
func (c *compiler) viewedTable(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, err := c.keyspaceOf(name)
	if err != nil {
		return nil, err
	}
	t := c.schema.Table(keyspace, name.Name)
	if t == nil || t.Kind == schema.Index {
		return nil, invalidf("Base table '%s' doesn't exist", name.Name)
	}
	return t, nil
}

func (d *copyDefinition) columnNames(selectors []cql.Selector) (names []string, all bool, err error) {
	for _, s := range selectors {
		switch t := s.Term.(type) {
		case *cql.Star:
			all = true
		case *cql.ColumnRef:
			if s.Alias != "" {
				return nil, false, invalidf("Cannot use aliases when defining a %s (got %s AS %s)", d.what(), cql.FormatTerm(t), cql.QuoteIdentifier(s.Alias))
			}
			names = append(names, t.Name)
		default:
			return nil, false, invalidf("Can only select columns by name when defining a %s (got %s)", d.what(), cql.FormatTerm(t))
		}
	}
	return names, all, nil
}

// checkNewCopy checks the base table and the name. It returns an Alter that changes nothing where the copy is
// there already and may be.
func (c *compiler) checkNewCopy(d *copyDefinition) (*Alter, error) {
	switch of := d.base.Copy; {
	case of != nil && d.kind == schema.View:
		return nil, invalidf("Base table '%s' doesn't exist: it is kept of %s.%s itself, which is the one to name", d.base.Name, d.base.Keyspace, of.Base)
	case of != nil:
		return nil, invalidf("%s cannot be kept of %s: that is kept of %s.%s itself, which is the one to name", d.name.Name, d.base.QualifiedName(), d.base.Keyspace, of.Base)
	case d.base.Counter && d.kind == schema.View:
		return nil, invalidf("Materialized views are not supported on counter tables")
	case d.base.Counter:
		return nil, invalidf("Query tables are not supported on counter tables")
	case d.base.Kind != schema.Base:
		return nil, invalidf("a %s is kept of a base table, which %s is not", d.what(), d.base.QualifiedName())
	}
	keyspace := d.name.Keyspace
	if keyspace == "" {
		keyspace = c.keyspace
	}
	if keyspace != "" && keyspace != d.base.Keyspace {
		return nil, invalidf("Cannot create a %s on a table in a different keyspace (%s != %s)", d.what(), keyspace, d.base.Keyspace)
	}
	if err := checkTableName(d.base.Keyspace, d.name.Name); err != nil {
		return nil, err
	}
	switch t := c.schema.Table(d.base.Keyspace, d.name.Name); {
	case t == nil:
		return nil, nil
	case t.Copy == nil:
		return nil, invalidf("Cannot create %s '%s' - a table with the same name already exists", d.what(), d.name.Name)
	case d.ifNotExists:
		return &Alter{Keyspace: t.Keyspace, Name: t.Name}, nil
	default:
		return nil, &ExistsError{Keyspace: t.Keyspace, Table: t.Name}
	}
}

// createCopy adds a copy to the schema. checkNewCopy has passed.
func (c *compiler) createCopy(d *copyDefinition) (*Alter, error) {
	t := &schema.Table{
		Keyspace: d.base.Keyspace, Name: d.name.Name, Kind: d.kind, NextColumn: 1, Options: schema.DefaultOptions(),
		Copy: &schema.Copy{Base: d.base.Name, All: d.all, Filters: d.filters},
	}
	if err := d.layKey(t); err != nil {
		return nil, err
	}
	if err := d.checkWholeKey(); err != nil {
		return nil, err
	}
	if err := d.layValues(t); err != nil {
		return nil, err
	}
	if err := d.order(t); err != nil {
		return nil, err
	}
	warnings, err := c.copyOptions(t, d.base, d.options.Options)
	if err != nil {
		return nil, err
	}
	if err := checkCopyRetention(d.base, t); err != nil {
		return nil, err
	}
	return &Alter{Next: c.schema.WithTable(t), Change: changeCreated, Target: targetTable, Keyspace: t.Keyspace, Name: t.Name, Warnings: warnings}, nil
}

// checkWholeKey requires every key column of the base as it is: only so no two base rows are one row of the copy.
func (d *copyDefinition) checkWholeKey() error {
	var missing []string
	for _, col := range slices.Concat(d.base.PartitionKey, d.base.Clustering) {
		if !slices.ContainsFunc(slices.Concat(d.partition, d.clustering), func(k copyKey) bool { return k.function == 0 && k.from == col.Name }) {
			missing = append(missing, col.Name)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case d.kind == schema.View:
		return invalidf("Cannot create materialized view '%s' without primary key columns %s from base table '%s'", d.name.Name, strings.Join(missing, ", "), d.base.Name)
	}
	return invalidf("Cannot create %s without primary key columns %s of base table %s: its rows would collide", d.name.Name, strings.Join(missing, ", "), d.base.QualifiedName())
}

// baseColumn finds a column of the base that a copy uses.
func (d *copyDefinition) baseColumn(name string) (*schema.Column, error) {
	if col := d.base.Column(name); col != nil {
		return col, nil
	}
	return nil, undefinedColumn(d.base, name)
}

// layValues adds the copied columns, and those that decide whether a row is in the copy.
func (d *copyDefinition) layValues(t *schema.Table) error {
	wanted := d.columns
	if d.all {
		wanted = nil
		for _, col := range slices.Concat(d.base.Statics, d.base.Regulars) {
			wanted = append(wanted, col.Name)
		}
	}
	for _, name := range wanted {
		from, err := d.baseColumn(name)
		if err != nil {
			return err
		}
		if t.Column(name) == nil { // else a key column, which is in the copy already
			copyColumn(t, from)
		}
	}
	for _, name := range d.notNull {
		from, err := d.baseColumn(name)
		if err != nil {
			return err
		}
		if (from.Kind == schema.Regular || from.Kind == schema.Static) && !slices.Contains(t.Copy.NotNull, name) {
			t.Copy.NotNull = append(t.Copy.NotNull, name)
		}
	}
	return nil
}

// copyColumn adds a static or regular column of the base to a copy, where it is a regular one.
func copyColumn(t *schema.Table, from *schema.Column) {
	col := &schema.Column{Name: from.Name, Kind: schema.Regular, Type: from.Type}
	t.AddColumn(col)
	t.Copy.Columns = append(t.Copy.Columns, schema.CopiedColumn{From: from.ID, To: col.ID})
}

// order applies the copy's own CLUSTERING ORDER BY; without one its columns sort as in the base.
func (d *copyDefinition) order(t *schema.Table) error {
	if len(d.options.ClusteringOrder) == 0 {
		return nil
	}
	for _, col := range t.Clustering {
		col.Desc = false
	}
	if d.kind == schema.View && !slices.EqualFunc(t.Clustering, d.options.ClusteringOrder, func(c *schema.Column, o cql.Ordering) bool { return c.Name == o.Column }) {
		return invalidf("Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive")
	}
	return setOrder(t, d.options.ClusteringOrder)
}

func (c *compiler) dropCopy(name cql.QualifiedName, ifExists bool, kind schema.TableKind) (*Alter, error) {
	keyspace, t, err := c.existingCopy(name, ifExists, kind)
	if err != nil || t == nil {
		return &Alter{Keyspace: keyspace, Name: name.Name}, err
	}
	return &Alter{Next: c.schema.WithoutTable(keyspace, t.Name), Change: changeDropped, Target: targetTable, Keyspace: keyspace, Name: t.Name}, nil
}

// existingCopy is the query table or view of that name; nil where there is none and need not be. kind is what the
// statement calls it.
func (c *compiler) existingCopy(name cql.QualifiedName, ifExists bool, kind schema.TableKind) (keyspace string, t *schema.Table, err error) {
	if keyspace, t, err = c.existing(name); err != nil {
		return keyspace, nil, err
	}
	switch {
	case t != nil && (t.Kind == schema.View || t.Kind == schema.QueryTable):
		return keyspace, t, nil
	case ifExists:
		return keyspace, nil, nil
	case kind == schema.QueryTable:
		return keyspace, nil, invalidf("Query table '%s.%s' doesn't exist", keyspace, name.Name)
	}
	return keyspace, nil, invalidf("Materialized view '%s.%s' doesn't exist", keyspace, name.Name)
}
