package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

func (c *compiler) createTable(stmt *cql.CreateTable) (*Alter, error) {
	keyspace, err := c.writableKeyspace(stmt.Table)
	if err != nil {
		return nil, err
	}
	written := stmt.Table.Name // as errors name it: with the keyspace if that was written
	if stmt.Table.Keyspace != "" {
		written = keyspace + "." + written
	}
	if c.schema.Table(keyspace, stmt.Table.Name) != nil {
		if stmt.IfNotExists {
			return &Alter{Keyspace: keyspace, Name: stmt.Table.Name}, nil
		}
		return nil, &ExistsError{Keyspace: keyspace, Table: stmt.Table.Name}
	}
	if err := checkTableName(keyspace, stmt.Table.Name); err != nil {
		return nil, err
	}
	t := &schema.Table{Keyspace: keyspace, Name: stmt.Table.Name, Kind: schema.Base, NextColumn: 1, Options: schema.DefaultOptions()}
	if err := c.layColumns(t, stmt, written); err != nil {
		return nil, err
	}
	if err := setOrder(t, stmt.Options.ClusteringOrder); err != nil {
		return nil, err
	}
	t.Options.CompactStorage = stmt.Options.CompactStorage
	if t.Options.CompactStorage && slices.ContainsFunc(t.Columns(), func(col *schema.Column) bool { return col.Type.Multicell() }) {
		return nil, invalidf("Non-frozen collections and UDTs are not supported with COMPACT STORAGE")
	}
	warnings, err := c.tableOptions(t, stmt.Options.Options)
	if err != nil {
		return nil, err
	}
	next := c.schema.WithTable(t)
	next, err = withRollups(next, t)
	if err != nil {
		return nil, err
	}
	if err := checkRetention(next, t); err != nil {
		return nil, err
	}
	return &Alter{Next: next, Change: changeCreated, Target: targetTable, Keyspace: keyspace, Name: t.Name, Warnings: warnings}, nil
}

// writableKeyspace is the keyspace of a new table: it must exist and not be the server's own.
func (c *compiler) writableKeyspace(name cql.QualifiedName) (string, error) {
	keyspace := name.Keyspace
	if keyspace == "" {
		keyspace = c.keyspace
	}
	if keyspace != "" && c.schema.Keyspaces[keyspace] == nil {
		return "", invalidf("Keyspace '%s' doesn't exist", keyspace)
	}
	if _, err := c.keyspaceOf(name); err != nil {
		return "", err
	}
	if c.schema.Keyspaces[keyspace].System() {
		return "", invalidf("keyspace %s is the server's own: tables cannot be made in it", keyspace)
	}
	return keyspace, nil
}

// layColumns checks the columns and the primary key and puts them in their places.
func (c *compiler) layColumns(t *schema.Table, stmt *cql.CreateTable, written string) error {
	if len(stmt.PrimaryKeys) == 0 {
		return invalidf("No PRIMARY KEY specifed for table '%s' (exactly one required)", written) // Cassandra's spelling
	}
	if len(stmt.PrimaryKeys) > 1 {
		return invalidf("Multiple PRIMARY KEY specified for table '%s' (exactly one required)", written)
	}
	if len(stmt.Columns) > schema.ColumnsMax {
		return invalidf("table %s has %d columns; the most is %d", t.QualifiedName(), len(stmt.Columns), schema.ColumnsMax)
	}
	columns := map[string]*schema.Column{}
	for _, d := range stmt.Columns {
		if columns[d.Name] != nil {
			return invalidf("Duplicate column '%s' declaration for table '%s'", d.Name, written)
		}
		col, err := c.newColumn(t.Keyspace, d)
		if err != nil {
			return err
		}
		columns[d.Name] = col
	}
	key := stmt.PrimaryKeys[0]
	if err := layKey(t, columns, key.Partition, schema.PartitionKey); err != nil {
		return err
	}
	if err := layKey(t, columns, key.Clustering, schema.ClusteringKey); err != nil {
		return err
	}
	if err := layCounters(t, columns); err != nil {
		return err
	}
	for _, d := range stmt.Columns {
		if col := columns[d.Name]; col.Kind == schema.Regular || col.Kind == schema.Static {
			if col.Kind == schema.Static && len(t.Clustering) == 0 {
				return invalidf("Static columns are only useful (and thus allowed) if the table has at least one clustering column")
			}
			if err := checkValueType(col); err != nil {
				return err
			}
			t.AddColumn(col)
		}
	}
	return nil
}

// newColumn checks the type of a column definition.
func (c *compiler) newColumn(keyspace string, d cql.ColumnDefinition) (*schema.Column, error) {
	of, err := c.dataType(keyspace, d.Type)
	if err != nil {
		return nil, err
	}
	if err := checkParts(of); err != nil {
		return nil, err
	}
	if err := of.Check(); err != nil {
		return nil, invalidf("%v", err)
	}
	kind := schema.Regular
	if d.Static {
		kind = schema.Static
	}
	return &schema.Column{Name: d.Name, Kind: kind, Type: of, Position: -1}, nil
}

// checkValueType refuses what the type of a static or regular column cannot be.
func checkValueType(col *schema.Column) error {
	if col.Type.Kind() == types.KindUDT && col.Type.Multicell() && slices.ContainsFunc(col.Type.Elems(), (*types.Type).Multicell) {
		return invalidf("Non-frozen UDTs with nested non-frozen collections are not supported")
	}
	return nil
}

// checkKeyType refuses the types that a key column cannot have.
func checkKeyType(of *types.Type, name string) error {
	switch {
	case of.Kind() == types.KindCounter:
		return invalidf("counter type is not supported for PRIMARY KEY column '%s'", name)
	case of.Kind() == types.KindUDT && !of.Frozen():
		return invalidf("Invalid non-frozen user-defined type \"%s\" for PRIMARY KEY column '%s'", of.QualifiedName(), name)
	case of.Contains(types.KindDuration):
		return invalidf("duration type is not supported for PRIMARY KEY column '%s'", name)
	case of.IsCollection() && !of.Frozen():
		return invalidf("Invalid non-frozen collection type %s for PRIMARY KEY column '%s'", of, name)
	}
	return nil
}

// layKey moves the named columns into the partition key or the clustering.
func layKey(t *schema.Table, columns map[string]*schema.Column, names []cql.Name, kind schema.ColumnKind) error {
	for i, name := range names {
		col := columns[name.Text]
		if col == nil {
			return invalidf("Unknown column '%s' referenced in PRIMARY KEY for table '%s'", name.Text, t.Name)
		}
		if col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
			return invalidf("Duplicate column '%s' in PRIMARY KEY clause for table '%s'", name.Text, t.Name)
		}
		if col.Kind == schema.Static {
			return invalidf("Static column '%s' cannot be part of the PRIMARY KEY", name.Text)
		}
		if err := checkKeyType(col.Type, name.Text); err != nil {
			return err
		}
		col.Kind, col.Position = kind, i
		if kind == schema.PartitionKey {
			t.PartitionKey = append(t.PartitionKey, col)
		} else {
			t.Clustering = append(t.Clustering, col)
		}
	}
	return nil
}

// setOrder applies CLUSTERING ORDER BY, which may name a prefix of the clustering columns.
func setOrder(t *schema.Table, order []cql.Ordering) error {
	var foreign []string
	for _, o := range order {
		if col := t.Column(o.Column); col == nil || col.Kind != schema.ClusteringKey {
			foreign = append(foreign, o.Column)
		}
	}
	if len(foreign) > 0 {
		return invalidf("Only clustering key columns can be defined in CLUSTERING ORDER directive: [%s] are not clustering columns", strings.Join(foreign, ", "))
	}
	for i, o := range order {
		if i >= len(t.Clustering) {
			return invalidf("The CLUSTERING ORDER directive names column %s twice", o.Column)
		}
		if t.Clustering[i].Name != o.Column {
			return invalidf("The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns (%s must appear before %s)", t.Clustering[i].Name, o.Column)
		}
		t.Clustering[i].Desc = o.Descending
	}
	return nil
}

func (c *compiler) dropTable(stmt *cql.DropTable) (*Alter, error) {
	keyspace, t, err := c.existing(stmt.Table)
	if err != nil {
		return nil, err
	}
	if t == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: keyspace, Name: stmt.Table.Name}, nil
		}
		return nil, invalidf("Table '%s.%s' doesn't exist", keyspace, stmt.Table.Name)
	}
	switch t.Kind {
	case schema.View:
		return nil, invalidf("Cannot use DROP TABLE on a materialized view. Please use DROP MATERIALIZED VIEW instead.")
	case schema.QueryTable:
		return nil, invalidf("Cannot use DROP TABLE on a query table. Please use DROP QUERY TABLE instead.")
	case schema.Rollup:
		return nil, invalidf("Cannot use DROP TABLE on rollup %s; use DROP ROLLUP instead", t.QualifiedName())
	}
	if err := writable(t); err != nil {
		return nil, err
	}
	if copies := c.schema.QueryTablesOf(t); len(copies) > 0 {
		return nil, invalidf("Cannot drop a table when materialized views still depend on it (%s)", copies[0].QualifiedName())
	}
	levels := c.schema.LevelsOf(t)
	for _, r := range slices.Backward(levels) {
		if !c.schema.Implied(r) {
			return nil, invalidf("Cannot drop table %s while rollup %s is computed from it: DROP ROLLUP %s first", t.QualifiedName(), r.QualifiedName(), r.QualifiedName())
		}
	}
	next := c.schema.WithoutTable(keyspace, t.Name)
	for _, dependent := range append(levels, c.schema.IndexesOf(t)...) {
		next = next.WithoutTable(keyspace, dependent.Name)
	}
	return &Alter{Next: next, Change: changeDropped, Target: targetTable, Keyspace: keyspace, Name: t.Name}, nil
}

// existing finds a table that may be missing, in a keyspace that may be missing too.
func (c *compiler) existing(name cql.QualifiedName) (keyspace string, t *schema.Table, err error) {
	keyspace = name.Keyspace
	if keyspace == "" {
		keyspace = c.keyspace
	}
	if keyspace == "" {
		_, err = c.keyspaceOf(name)
		return "", nil, err
	}
	if t = c.schema.Table(keyspace, name.Name); t != nil && t.Kind == schema.Index {
		t = nil // an index is not found by the name of its rows
	}
	return keyspace, t, nil
}

func (c *compiler) alterTable(stmt *cql.AlterTable) (*Alter, error) {
	keyspace, old, err := c.existing(stmt.Table)
	if err != nil {
		return nil, err
	}
	if old == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: keyspace, Name: stmt.Table.Name}, nil
		}
		return nil, invalidf("Table '%s.%s' doesn't exist", keyspace, stmt.Table.Name)
	}
	switch old.Kind {
	case schema.View:
		return nil, invalidf("Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead")
	case schema.QueryTable:
		return nil, invalidf("Cannot use ALTER TABLE on a query table; use ALTER QUERY TABLE instead")
	case schema.Rollup:
		return nil, invalidf("Cannot use ALTER TABLE on rollup %s; use ALTER ROLLUP instead", old.QualifiedName())
	}
	if err := writable(old); err != nil {
		return nil, err
	}
	t := old.Clone()
	var warnings []string
	next := c.schema
	switch action := stmt.Action.(type) {
	case *cql.AddColumns:
		if err = c.addColumns(t, action); err == nil {
			next, err = addToCopies(next, old, t)
		}
	case *cql.DropColumns:
		err = c.dropColumns(t, action)
	case *cql.RenameColumns:
		next, err = c.renameColumns(t, action)
	case *cql.AlterOptions:
		warnings, next, err = c.alterOptions(t, old, action)
	case *cql.DropCompactStorage:
		t.Options.CompactStorage = false
	default:
		err = invalidf("Altering column types is no longer supported")
	}
	if err != nil {
		return nil, err
	}
	next = followIndexes(next.WithTable(t), old, t)
	return &Alter{Next: next, Change: changeUpdated, Target: targetTable, Keyspace: keyspace, Name: t.Name, Warnings: warnings}, nil
}

func (c *compiler) addColumns(t *schema.Table, action *cql.AddColumns) error {
	for _, d := range action.Columns {
		if t.Column(d.Name) != nil {
			if action.IfNotExists {
				continue
			}
			return invalidf("Column with name '%s' already exists", d.Name)
		}
		col, err := c.newColumn(t.Keyspace, d)
		if err != nil {
			return err
		}
		if err := checkValueType(col); err != nil {
			return err
		}
		if col.Kind == schema.Static && len(t.Clustering) == 0 {
			return invalidf("Static columns are only useful (and thus allowed) if the table has at least one clustering column")
		}
		if err := checkAddedCounter(t, col); err != nil {
			return err
		}
		for _, gone := range t.Dropped {
			if gone.Name == d.Name && !gone.Type.Equal(col.Type.Expanded()) {
				return invalidf("Cannot re-add previously dropped column '%s' of type %s, incompatible with previous type %s", d.Name, col.Type, gone.Type)
			}
		}
		if index := c.hiddenColumn(t, d.Name); index != "" {
			return invalidf("column name %s of table %s is taken by index %s for itself: choose another name", d.Name, t.QualifiedName(), index)
		}
		if len(t.Columns()) >= schema.ColumnsMax {
			return invalidf("table %s has %d columns already, the most there may be", t.QualifiedName(), schema.ColumnsMax)
		}
		t.AddColumn(col)
	}
	return nil
}

func (c *compiler) dropColumns(t *schema.Table, action *cql.DropColumns) error {
	for _, name := range action.Columns {
		col := t.Column(name.Text)
		if col == nil {
			if action.IfExists {
				continue
			}
			return invalidf("Column %s was not found in table '%s'", name.Text, t.QualifiedName())
		}
		if col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
			return invalidf("Cannot drop PRIMARY KEY column %s", name.Text)
		}
		if col.Type.Kind() == types.KindUDT && col.Type.Multicell() {
			return invalidf("Cannot drop non-frozen column %s of user type %s", name.Text, col.Type)
		}
		if names := c.indexNames(t, col); names != "" {
			return invalidf("Cannot drop column %s because it has dependent secondary indexes (%s)", name.Text, names)
		}
		if by := retainedBy(t, col); by != "" {
			return invalidf("Cannot drop column %s of table %s with %s", name.Text, t.QualifiedName(), by)
		}
		if by := c.usedBy(t, col); by != "" {
			return invalidf("Cannot drop column %s on base table %s with %s", name.Text, t.Name, by)
		}
		t.Statics = without(t.Statics, col)
		t.Regulars = without(t.Regulars, col)
		t.Dropped = slices.DeleteFunc(t.Dropped, func(d schema.Dropped) bool { return d.Name == col.Name })
		t.Dropped = append(t.Dropped, schema.Dropped{Name: col.Name, Type: col.Type.Expanded(), Kind: col.Kind})
	}
	return nil
}

func without(columns []*schema.Column, gone *schema.Column) []*schema.Column {
	var out []*schema.Column
	for _, c := range columns {
		if c != gone {
			out = append(out, c)
		}
	}
	return out
}

// usedBy names the copy or rollup that needs a column of its base table, or is empty.
func (c *compiler) usedBy(t *schema.Table, col *schema.Column) string {
	switch q := copyUsing(c.schema, t, col); {
	case q == nil:
	case q.Kind == schema.View:
		return "materialized views: " + q.QualifiedName()
	default:
		return "query table " + q.QualifiedName()
	}
	for _, r := range c.schema.LevelsOf(t) {
		if slices.Contains(r.Rollup.Group, col.Name) || slices.ContainsFunc(r.Rollup.Aggregates, func(a downsample.Aggregate) bool { return a.Source == col.Name }) {
			return "rollup " + r.QualifiedName()
		}
	}
	return ""
}

func (c *compiler) renameColumns(t *schema.Table, action *cql.RenameColumns) (*schema.Snapshot, error) {
	next := c.schema
	for _, r := range action.Renames {
		col := t.Column(r.From.Text)
		if col == nil {
			if action.IfExists {
				continue
			}
			return nil, undefinedColumn(t, r.From.Text)
		}
		if col.Kind != schema.PartitionKey && col.Kind != schema.ClusteringKey {
			return nil, invalidf("Cannot rename non PRIMARY KEY column %s", r.From.Text)
		}
		if t.Column(r.To.Text) != nil {
			return nil, invalidf("Cannot rename column %s to %s in table '%s'; another column with that name already exists", r.From.Text, r.To.Text, t.QualifiedName())
		}
		if names := c.indexNames(t, col); names != "" {
			return nil, invalidf("Can't rename column %s because it has dependent secondary indexes (%s)", r.From.Text, names)
		}
		if index := c.hiddenColumn(t, r.To.Text); index != "" {
			return nil, invalidf("column name %s of table %s is taken by index %s for itself: choose another name", r.To.Text, t.QualifiedName(), index)
		}
		renameKey(t, col, r.To.Text)
		var err error
		if next, err = renameInCopies(next, t, r.From.Text, r.To.Text); err != nil {
			return nil, err
		}
		if next, err = renameInRollups(next, t, r.From.Text, r.To.Text); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// renameKey replaces a key column by a copy with the new name.
func renameKey(t *schema.Table, col *schema.Column, to string) {
	renamed := *col
	renamed.Name = to
	for _, group := range [][]*schema.Column{t.PartitionKey, t.Clustering} {
		for i := range group {
			if group[i] == col {
				group[i] = &renamed
			}
		}
	}
	renameBucket(t, col.Name, to)
	renameRetention(t, col.Name, to)
}

// alterOptions applies WITH to an existing table.
func (c *compiler) alterOptions(t, old *schema.Table, action *cql.AlterOptions) (warnings []string, next *schema.Snapshot, err error) {
	if len(action.Options.ClusteringOrder) > 0 || action.Options.CompactStorage {
		return nil, nil, invalidf("the clustering order of table %s cannot be altered", t.QualifiedName())
	}
	levels := false
	for _, o := range action.Options.Options {
		if o.Name == "id" {
			return nil, nil, &ConfigError{Message: "Cannot alter table id."}
		}
		levels = levels || o.Name == "rollups"
	}
	if warnings, err = c.tableOptions(t, action.Options.Options); err != nil {
		return nil, nil, err
	}
	next = c.schema
	if levels {
		if next, err = alterRollups(next, t); err != nil {
			return nil, nil, err
		}
	}
	if err := checkRetention(next, t); err != nil {
		return nil, nil, err
	}
	return warnings, next, checkLevels(next, t)
}
