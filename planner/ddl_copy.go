package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// createQueryTable makes a copy of a base table under another key.
func (c *compiler) createQueryTable(stmt *cql.CreateQueryTable) (*Alter, error) {
	base, err := c.table(stmt.Base)
	if err != nil {
		return nil, err
	}
	d := copyDefinition{name: stmt.Name, ifNotExists: stmt.IfNotExists, base: base, kind: schema.QueryTable, options: stmt.Options}
	if d.partition, err = keyNames(stmt.Key.Partition); err != nil {
		return nil, err
	}
	if d.clustering, err = keyNames(stmt.Key.Clustering); err != nil {
		return nil, err
	}
	if d.columns, d.all, err = columnNames(stmt.Columns); err != nil {
		return nil, err
	}
	if d.notNull, err = notNullNames(stmt.Where); err != nil {
		return nil, err
	}
	return c.createCopy(&d)
}

// createView makes the same of Cassandra's CREATE MATERIALIZED VIEW.
func (c *compiler) createView(stmt *cql.CreateMaterializedView) (*Alter, error) {
	base, err := c.table(stmt.Select.From)
	if err != nil {
		return nil, err
	}
	d := copyDefinition{name: stmt.Name, ifNotExists: stmt.IfNotExists, base: base, kind: schema.View, options: stmt.Options}
	for _, n := range stmt.PrimaryKey.Partition {
		d.partition = append(d.partition, n.Text)
	}
	for _, n := range stmt.PrimaryKey.Clustering {
		d.clustering = append(d.clustering, n.Text)
	}
	if d.columns, d.all, err = columnNames(stmt.Select.Selectors); err != nil {
		return nil, err
	}
	if d.notNull, err = notNullNames(stmt.Select.Where); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(d.partition, d.clustering) {
		if !slices.Contains(d.notNull, name) {
			return nil, invalidf("Primary key column '%s' is required to be filtered by 'IS NOT NULL'", name)
		}
	}
	return c.createCopy(&d)
}

// copyDefinition is a query table or view as its statement says it.
type copyDefinition struct {
	name        cql.QualifiedName
	ifNotExists bool
	base        *schema.Table
	kind        schema.TableKind
	partition   []string
	clustering  []string
	columns     []string
	all         bool // *
	notNull     []string
	options     cql.TableOptions
}

func keyNames(key []cql.Selector) ([]string, error) {
	out := make([]string, len(key))
	for i, s := range key {
		ref, ok := s.Term.(*cql.ColumnRef)
		if !ok {
			return nil, invalidf("key column %s: keys of a query table are plain columns in this build", cql.FormatTerm(s.Term))
		}
		out[i] = ref.Name
	}
	return out, nil
}

func columnNames(selectors []cql.Selector) (names []string, all bool, err error) {
	for _, s := range selectors {
		switch t := s.Term.(type) {
		case *cql.Star:
			all = true
		case *cql.ColumnRef:
			if s.Alias != "" {
				return nil, false, invalidf("Cannot use alias when defining a materialized view or query table")
			}
			names = append(names, t.Name)
		default:
			return nil, false, invalidf("Can only select columns by name when defining a materialized view or query table (got %s)", cql.FormatTerm(t))
		}
	}
	return names, all, nil
}

func notNullNames(where []cql.Relation) ([]string, error) {
	var out []string
	for _, r := range where {
		n, ok := r.(*cql.NullRelation)
		if !ok || !n.Negated {
			return nil, invalidf("the WHERE of a query table or view takes only `column IS NOT NULL` in this build")
		}
		out = append(out, n.Column.Text)
	}
	return out, nil
}

// createCopy checks a definition and adds the copy to the schema.
func (c *compiler) createCopy(d *copyDefinition) (*Alter, error) {
	if err := c.checkCopyBase(d); err != nil {
		return nil, err
	}
	keyspace := d.base.Keyspace
	if c.schema.Table(keyspace, d.name.Name) != nil {
		if d.ifNotExists {
			return &Alter{Keyspace: keyspace, Name: d.name.Name}, nil
		}
		return nil, &ExistsError{Keyspace: keyspace, Table: d.name.Name}
	}
	t := &schema.Table{
		Keyspace: keyspace, Name: d.name.Name, Kind: d.kind, NextColumn: 1, Options: schema.DefaultOptions(),
		Copy: &schema.Copy{Base: d.base.Name},
	}
	if err := d.layKey(t); err != nil {
		return nil, err
	}
	if err := d.layValues(t); err != nil {
		return nil, err
	}
	if err := d.order(t); err != nil {
		return nil, err
	}
	warnings, err := c.copyOptions(t, d.options.Options)
	if err != nil {
		return nil, err
	}
	return &Alter{Next: c.schema.WithTable(t), Change: changeCreated, Target: targetTable, Keyspace: keyspace, Name: t.Name, Warnings: warnings}, nil
}

func (c *compiler) checkCopyBase(d *copyDefinition) error {
	if d.base.Kind != schema.Base {
		return invalidf("Materialized views and query tables are kept of base tables, which %s is not", d.base.QualifiedName())
	}
	if d.name.Keyspace != "" && d.name.Keyspace != d.base.Keyspace {
		return invalidf("Cannot create a materialized view or query table on a table in a different keyspace (%s != %s)", d.name.Keyspace, d.base.Keyspace)
	}
	if d.name.Keyspace == "" && c.keyspace != "" && c.keyspace != d.base.Keyspace {
		return invalidf("Cannot create a materialized view or query table on a table in a different keyspace (%s != %s)", c.keyspace, d.base.Keyspace)
	}
	if err := checkTableName(d.base.Keyspace, d.name.Name); err != nil {
		return err
	}
	for _, col := range slices.Concat(d.base.PartitionKey, d.base.Clustering) {
		if !slices.Contains(d.partition, col.Name) && !slices.Contains(d.clustering, col.Name) {
			return invalidf("Cannot create %s without primary key column %s of base table %s: its rows would collide", d.name.Name, col.Name, d.base.QualifiedName())
		}
	}
	return nil
}

// baseColumn finds a column of the base that a copy may use.
func (d *copyDefinition) baseColumn(name string) (*schema.Column, error) {
	col := d.base.Column(name)
	if col == nil {
		return nil, invalidf("Undefined column name %s in table %s", name, d.base.QualifiedName())
	}
	if col.Kind == schema.Static {
		return nil, invalidf("Unable to include static column '%s' in %s: this build copies key and regular columns", name, d.name.Name)
	}
	return col, nil
}

func (d *copyDefinition) layKey(t *schema.Table) error {
	for _, part := range []struct {
		names []string
		kind  schema.ColumnKind
		into  *[]*schema.Column
	}{{d.partition, schema.PartitionKey, &t.PartitionKey}, {d.clustering, schema.ClusteringKey, &t.Clustering}} {
		for i, name := range part.names {
			from, err := d.baseColumn(name)
			if err != nil {
				return err
			}
			if t.Column(name) != nil {
				return invalidf("Duplicate column '%s' in PRIMARY KEY clause for table '%s'", name, t.QualifiedName())
			}
			if err := checkKeyType(from.Type, name); err != nil {
				return err
			}
			desc := from.Desc && part.kind == schema.ClusteringKey
			*part.into = append(*part.into, &schema.Column{Name: name, Kind: part.kind, Position: i, Type: from.Type, Desc: desc})
		}
	}
	return nil
}

// layValues adds the copied columns, and those that decide whether a row is in the copy.
func (d *copyDefinition) layValues(t *schema.Table) error {
	wanted := d.columns
	if d.all {
		wanted = nil
		for _, col := range d.base.Regulars {
			wanted = append(wanted, col.Name)
		}
	}
	for _, name := range wanted {
		from, err := d.baseColumn(name)
		if err != nil {
			return err
		}
		if t.Column(name) != nil {
			continue // a key column is in the copy already
		}
		col := &schema.Column{Name: name, Kind: schema.Regular, Type: from.Type}
		t.AddColumn(col)
		t.Copy.Columns = append(t.Copy.Columns, schema.CopiedColumn{From: from.ID, To: col.ID})
	}
	for _, name := range d.notNull {
		if _, err := d.baseColumn(name); err != nil {
			return err
		}
		if key := d.base.Column(name).Kind; key == schema.Regular && !slices.Contains(t.Copy.NotNull, name) {
			t.Copy.NotNull = append(t.Copy.NotNull, name)
		}
	}
	return nil
}

// order applies the copy's own CLUSTERING ORDER BY; without one its columns sort as in the base.
func (d *copyDefinition) order(t *schema.Table) error {
	if len(d.options.ClusteringOrder) == 0 {
		return nil
	}
	for _, col := range t.Clustering {
		col.Desc = false
	}
	return setOrder(t, d.options.ClusteringOrder)
}

// copyOptions refuses the options that only a base table can have.
func (c *compiler) copyOptions(t *schema.Table, options []cql.Option) ([]string, error) {
	for _, o := range options {
		switch o.Name {
		case "rollups", "append_only", "retention", "partition_write_rate_max":
			return nil, invalidf("option %s belongs to the base table %s.%s", o.Name, t.Keyspace, t.Copy.Base)
		case "default_time_to_live":
			if text, err := optionText(o); err != nil || text != "0" {
				return nil, invalidf("Cannot set default_time_to_live for a materialized view or query table. Data in it always expires with the data of its base table")
			}
		}
	}
	return c.tableOptions(t, options)
}

func (c *compiler) dropCopy(name cql.QualifiedName, ifExists bool, kind schema.TableKind) (*Alter, error) {
	keyspace, t, err := c.existing(name)
	if err != nil {
		return nil, err
	}
	if t == nil || t.Copy == nil {
		if ifExists {
			return &Alter{Keyspace: keyspace, Name: name.Name}, nil
		}
		what := "Materialized view"
		if kind == schema.QueryTable {
			what = "Query table"
		}
		return nil, invalidf("%s '%s.%s' doesn't exist", what, keyspace, name.Name)
	}
	return &Alter{Next: c.schema.WithoutTable(keyspace, t.Name), Change: changeDropped, Target: targetTable, Keyspace: keyspace, Name: t.Name}, nil
}

// rollupFunctions are the aggregates of the one-line form, for every numeric column.
var rollupFunctions = []string{"count", "sum", "avg", "min", "max", "first", "last"}

// withRollups adds the rollups that `rollups = {…}` of a new table declares.
func withRollups(s *schema.Snapshot, t *schema.Table) (*schema.Snapshot, error) {
	steps := make([]string, 0, len(t.Options.RollupsOption))
	for step := range t.Options.RollupsOption {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	if len(steps) > 1 {
		return nil, invalidf("rollups of table %s: this build keeps one level; name one step", t.QualifiedName())
	}
	for _, step := range steps {
		r, err := rollupOf(t, step, t.Options.RollupsOption[step])
		if err != nil {
			return nil, err
		}
		if s.Table(r.Keyspace, r.Name) != nil {
			return nil, &ExistsError{Keyspace: r.Keyspace, Table: r.Name}
		}
		t.Rollups = append(t.Rollups, r.Name)
		s = s.WithTable(r)
	}
	return s, nil
}

// rollupOf is the rollup of one step of the one-line form.
func rollupOf(t *schema.Table, step, keep string) (*schema.Table, error) {
	millis, err := parseStep(step)
	if err != nil {
		return nil, invalidf("rollups of table %s: '%s' is not a fixed step such as '1m', '1h' or '1d'", t.QualifiedName(), step)
	}
	if keep != "forever" {
		return nil, invalidf("rollups of table %s: '%s' keeps '%s'; this build keeps rollups 'forever'", t.QualifiedName(), step, keep)
	}
	if len(t.Clustering) != 1 || t.Clustering[0].Type.Kind() != types.KindTimestamp {
		return nil, invalidf("rollups of table %s: the clustering key must be one timestamp column", t.QualifiedName())
	}
	clock := *t.Clustering[0]
	r := &schema.Table{
		Keyspace: t.Keyspace, Name: t.Name + "_" + step, Kind: schema.Rollup, NextColumn: 1, Options: schema.DefaultOptions(),
		PartitionKey: t.PartitionKey, Clustering: []*schema.Column{&clock},
		Rollup: &downsample.Definition{Source: t.Name, TimeColumn: clock.Name, StepMillis: millis, Keep: keep},
	}
	if err := checkTableName(r.Keyspace, r.Name); err != nil {
		return nil, err
	}
	for _, col := range t.Regulars {
		if err := rollUp(t, r, col); err != nil {
			return nil, err
		}
	}
	if len(r.Regulars) == 0 {
		return nil, invalidf("rollups of table %s: it has no numeric column to roll up", t.QualifiedName())
	}
	return r, nil
}

// rollUp adds the aggregates of one numeric column to a rollup.
func rollUp(t, r *schema.Table, col *schema.Column) error {
	if !downsample.Numeric(col.Type) {
		return nil
	}
	for _, function := range rollupFunctions {
		of, err := downsample.ResultType(function, col.Type)
		if err != nil {
			return err
		}
		target := function + "_" + col.Name
		if r.Column(target) != nil {
			return invalidf("rollups of table %s: column name %s occurs twice in %s", t.QualifiedName(), target, r.QualifiedName())
		}
		r.AddColumn(&schema.Column{Name: target, Kind: schema.Regular, Type: of})
		r.Rollup.Aggregates = append(r.Rollup.Aggregates, downsample.Aggregate{Function: function, Source: col.Name, Target: target})
	}
	return nil
}
