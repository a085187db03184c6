package planner

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// IndexNameBytesMax is how long the name of an index may be.
const IndexNameBytesMax = 222

// createIndex adds an index: a hidden query table keyed by what is indexed.
func (c *compiler) createIndex(stmt *cql.CreateIndex) (*Alter, error) {
	of, err := indexAttributes(stmt)
	if err != nil {
		return nil, err
	}
	base, err := c.indexedTable(stmt.Table)
	if err != nil {
		return nil, err
	}
	keyspace := c.schema.Keyspaces[base.Keyspace]
	unchanged := &Alter{Keyspace: base.Keyspace, Name: base.Name}
	if stmt.Name.Text != "" && keyspace.Index(stmt.Name.Text) != nil {
		if stmt.IfNotExists {
			return unchanged, nil
		}
		return nil, invalidf("Index '%s' already exists", stmt.Name.Text)
	}
	if err := setIndexTarget(of, base, stmt); err != nil {
		return nil, err
	}
	if of.Name = stmt.Name.Text; of.Name == "" {
		of.Name = freeIndexName(keyspace, base.Name+"_"+of.Column+"_idx")
	}
	if len(of.Name) > IndexNameBytesMax || notOfWords.MatchString(of.Name) {
		return nil, configf("Illegal index name %s", of.Name)
	}
	if err := checkIndexed(of, base); err != nil {
		return nil, err
	}
	for _, other := range c.schema.IndexesOf(base) {
		switch has := other.Copy.Index; {
		case has.Equal(of) && stmt.IfNotExists:
			return unchanged, nil
		case has.Equal(of):
			return nil, invalidf("Index %s is a duplicate of existing index %s", of.Name, has.Name)
		case has.Attached() && of.Attached() && has.Column == of.Column && has.Target == of.Target:
			return nil, invalidf("Cannot create more than one storage-attached index on the same column: %s", of.Column)
		}
	}
	if err := checkAnalyzed(of, base.Column(of.Column)); err != nil {
		return nil, err
	}
	next := c.schema.WithTable(indexTable(base, of))
	return &Alter{Next: next, Change: changeUpdated, Target: targetTable, Keyspace: base.Keyspace, Name: base.Name}, nil
}

// indexedTable finds the table of a CREATE INDEX, with Cassandra's words where there is none.
func (c *compiler) indexedTable(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, t, err := c.existing(name)
	switch {
	case err != nil:
		return nil, err
	case c.schema.Keyspaces[keyspace] == nil:
		return nil, invalidf("Keyspace '%s' doesn't exist", keyspace)
	case t == nil:
		return nil, invalidf("Table '%s' doesn't exist", name.Name)
	}
	switch t.Kind {
	case schema.Base:
		return t, nil
	case schema.View, schema.QueryTable:
		return nil, invalidf("Secondary indexes on materialized views aren't supported")
	case schema.Rollup:
		return nil, invalidf("%s is a rollup: indexes are kept of base tables", t.QualifiedName())
	}
	return nil, invalidf("%s is a system table: it cannot have an index", t.QualifiedName())
}

// attachedClasses are the names of storage-attached indexes, in lower case.
var attachedClasses = []string{"sai", "storageattachedindex", "org.apache.cassandra.index.sai.storageattachedindex"}

// plainClass is the name of Cassandra's indexes without USING.
const plainClass = "legacy_local_table"

// indexAttributes checks the class and the options.
func indexAttributes(stmt *cql.CreateIndex) (*schema.IndexOf, error) {
	of := &schema.IndexOf{}
	class := plainClass
	if stmt.Class != nil {
		class = stmt.Class.Text
	}
	switch lower := strings.ToLower(class); {
	case slices.Contains(attachedClasses, lower):
		of.Class = class
	case strings.HasSuffix(lower, "sasiindex"):
		return nil, invalidf("SASI indexes are not supported: create the index without USING for =, or a query table (CREATE QUERY TABLE) for ranges; LIKE is not served")
	case lower != plainClass || stmt.Custom:
		return nil, configf("Unable to find custom indexer class '%s': the classes are 'sai' and '%s'", class, plainClass)
	}
	if err := requireOnce(stmt.Options); err != nil {
		return nil, err
	}
	for _, o := range stmt.Options {
		if !strings.EqualFold(o.Name, "options") {
			return nil, syntaxf("Unknown property '%s'", o.Name)
		}
		var err error
		if of.Options, err = optionMap(o); err != nil {
			return nil, err
		}
	}
	if !of.Attached() && len(of.Options) > 0 {
		return nil, invalidf("Cannot specify options for a non-CUSTOM index")
	}
	return of, checkIndexOptions(of.Options)
}

// analyzedOptions are the options that would change what a text means, with the value that leaves it as it is.
var analyzedOptions = map[string]string{"case_sensitive": "true", "normalize": "false", "ascii": "false"}

func checkIndexOptions(options map[string]string) error {
	for _, name := range sortedKeys(options) {
		switch _, known := analyzedOptions[name]; {
		case name == "class_name" || name == "target":
			return invalidf("Cannot specify %s as a CUSTOM option", name)
		case !known:
			return configf("Properties specified [%s] are not understood by StorageAttachedIndex", name)
		}
	}
	return nil
}

// checkAnalyzed refuses options that would change what a text of the column means.
func checkAnalyzed(of *schema.IndexOf, col *schema.Column) error {
	for _, name := range sortedKeys(of.Options) {
		if kind := col.Type.Kind(); kind != types.KindText && kind != types.KindASCII {
			return invalidf("CQL type %s cannot be analyzed.", col.Type)
		}
		if value := of.Options[name]; !strings.EqualFold(value, analyzedOptions[name]) {
			return invalidf("index option %s = '%s' is not supported: an index finds a text as it was written; keep a second column with the text in the form you look for, and index that", name, value)
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// notOfWords finds what the name of an index cannot hold.
var notOfWords = regexp.MustCompile(`[^A-Za-z0-9_]|^$`)

// freeIndexName is the wanted name, or with a number behind it that no index has.
func freeIndexName(k *schema.Keyspace, wanted string) string {
	wanted = notOfWords.ReplaceAllString(wanted, "")
	name := wanted
	for i := 1; k.Index(name) != nil; i++ {
		name = wanted + "_" + strconv.Itoa(i)
	}
	return name
}

// setIndexTarget finds what is indexed: one column, or a part of one.
func setIndexTarget(of *schema.IndexOf, base *schema.Table, stmt *cql.CreateIndex) error {
	names := make([]string, len(stmt.Targets))
	for i, target := range stmt.Targets {
		names[i] = target.Column.Text
		if base.Column(names[i]) == nil {
			return undefinedColumn(base, names[i])
		}
	}
	switch {
	case len(names) == 0:
		return invalidf("Only CUSTOM indexes can be created without specifying a target column")
	case len(names) > 1 && of.Attached():
		return invalidf("A storage-attached index cannot be created over multiple columns: %s", strings.Join(names, ", "))
	case len(names) > 1:
		return invalidf("Only CUSTOM indexes support multiple columns")
	}
	of.Column = names[0]
	of.Target = map[cql.IndexTargetKind]string{
		cql.IndexValues: schema.IndexValues, cql.IndexKeys: schema.IndexKeys, cql.IndexEntries: schema.IndexEntries, cql.IndexFull: schema.IndexFull,
	}[stmt.Targets[0].Kind]
	if of.Target == "" && base.Column(of.Column).Type.Multicell() && base.Column(of.Column).Type.IsCollection() {
		of.Target = schema.IndexValues
	}
	return nil
}

// checkIndexed refuses what cannot be indexed. Unlike Cassandra's, frozen collections also have indexes of their parts.
func checkIndexed(of *schema.IndexOf, base *schema.Table) error {
	col := base.Column(of.Column)
	kind := col.Type.Kind()
	switch {
	case base.Counter:
		return invalidf("Secondary indexes on counter tables aren't supported")
	case hasDuration(col.Type):
		what := "duration columns"
		if col.Type.IsCollection() {
			what = "collections containing durations"
		} else if kind == types.KindTuple {
			what = "tuples containing durations"
		}
		return invalidf("Secondary indexes are not supported on %s", what)
	case col.Kind == schema.PartitionKey && len(base.PartitionKey) == 1:
		return invalidf("Cannot create secondary index on the only partition key column %s", col.Name)
	case kind == types.KindUDT && col.Type.Multicell():
		return invalidf("Cannot create index on non-frozen UDT column %s", col.Name)
	case !(col.Type.IsCollection() && col.Type.Frozen()) && of.Target == schema.IndexFull:
		return invalidf("full() indexes can only be created on frozen collections")
	case !col.Type.IsCollection() && of.Target != "":
		return invalidf("Cannot create %s() index on %s. Non-collection columns only support simple indexes", of.Target, col.Name)
	case col.Type.IsCollection() && of.Target == "":
		return invalidf("Cannot create values() index on frozen column %s. Frozen collections are immutable and must be fully indexed by using the 'full(%[1]s)' modifier; "+
			"esker also keeps values(%[1]s), and keys(%[1]s) and entries(%[1]s) of a map", col.Name)
	case kind != types.KindMap && (of.Target == schema.IndexKeys || of.Target == schema.IndexEntries):
		return invalidf("Cannot create index on %s of column %s with non-map type", of.Target, col.Name)
	}
	return nil
}

func hasDuration(t *types.Type) bool {
	return t.Kind() == types.KindDuration || slices.ContainsFunc(t.Elems(), hasDuration)
}

// indexTable lays out the hidden table: what is indexed is its partition key; its rows lie in the order of the base,
// by token, partition key and clustering.
func indexTable(base *schema.Table, of *schema.IndexOf) *schema.Table {
	t := &schema.Table{
		Keyspace: base.Keyspace, Name: base.Name + "." + of.Name, Kind: schema.Index, NextColumn: 1, Options: schema.DefaultOptions(),
		Copy: &schema.Copy{Base: base.Name, Index: of},
	}
	zero := &schema.Column{Name: freeColumnName(base, "esker_zero"), Kind: schema.PartitionKey, Position: 1, Type: types.Tinyint}
	t.PartitionKey = []*schema.Column{indexedColumn(t, base, of), zero}
	t.Copy.Keys = append(t.Copy.Keys, schema.CopyKey{Column: zero.Name, Function: schema.CopyZero})
	key := slices.Clone(base.PartitionKey)
	if !of.OfPartition(base) {
		key = append(key, base.Clustering...)
	}
	token := &schema.Column{Name: freeColumnName(base, "esker_token"), Type: types.Bigint}
	t.Copy.Keys = append(t.Copy.Keys, schema.CopyKey{Column: token.Name, Function: schema.CopyToken})
	for _, from := range append([]*schema.Column{token}, key...) {
		if from.Name == t.PartitionKey[0].Name {
			continue
		}
		col := &schema.Column{Name: from.Name, Kind: schema.ClusteringKey, Position: len(t.Clustering), Type: from.Type, Desc: from.Desc}
		t.Clustering = append(t.Clustering, col)
	}
	copyToIndex(t, base)
	return t
}

// indexedColumn is the partition key of an index: the column itself, or a part of a collection. Of a type that has several
// forms of one value it is one of them.
func indexedColumn(t, base *schema.Table, of *schema.IndexOf) *schema.Column {
	from := base.Column(of.Column)
	col := &schema.Column{Name: from.Name, Kind: schema.PartitionKey, Type: from.Type}
	if of.Target == "" || of.Target == schema.IndexFull {
		if from.Type.HasForms() {
			col.Name = freeColumnName(base, "esker_value")
			t.Copy.Keys = append(t.Copy.Keys, schema.CopyKey{Column: col.Name, Function: schema.CopyForm, From: from.Name})
		}
		return col
	}
	function, elems := schema.CopyUnnest, from.Type.Elems()
	col.Type = elems[0]
	switch {
	case of.Target == schema.IndexEntries:
		function, col.Type = schema.CopyEntry, types.TupleOf(elems...)
	case of.Target == schema.IndexValues && from.Type.Kind() == types.KindMap:
		function, col.Type = schema.CopyValue, elems[1]
	}
	col.Name = freeColumnName(base, "esker_"+of.Target)
	t.Copy.Keys = append(t.Copy.Keys, schema.CopyKey{Column: col.Name, Function: function, From: from.Name})
	return col
}

// freeColumnName is a name for a column that only the planner sees.
func freeColumnName(base *schema.Table, wanted string) string {
	for base.Column(wanted) != nil {
		wanted += "_"
	}
	return wanted
}

// copyToIndex gives an index the regular columns of its base that it does not have, and takes those away that the
// base has no longer. An index of partitions has none.
func copyToIndex(t, base *schema.Table) {
	kept := t.Copy.Columns[:0:0]
	have := map[string]bool{t.PartitionKey[0].Name: true}
	for _, m := range t.Copy.Columns {
		to := t.ColumnByID(m.To)
		if from := base.ColumnByID(m.From); from == nil {
			t.Regulars = without(t.Regulars, to)
			continue
		}
		kept, have[to.Name] = append(kept, m), true
	}
	t.Copy.Columns = kept
	if t.Copy.Index.OfPartition(base) {
		return
	}
	for _, from := range base.Regulars {
		if !have[from.Name] {
			col := &schema.Column{Name: from.Name, Kind: schema.Regular, Type: from.Type}
			t.AddColumn(col)
			t.Copy.Columns = append(t.Copy.Columns, schema.CopiedColumn{From: from.ID, To: col.ID})
		}
	}
}

// followIndexes makes the indexes of a table follow its columns: those added, dropped and renamed.
func followIndexes(s *schema.Snapshot, old, now *schema.Table) *schema.Snapshot {
	for _, i := range s.IndexesOf(old) {
		t := i.Clone()
		definition := *i.Copy
		t.Copy = &definition
		renamed := map[*schema.Column]string{} // found first: two columns may change names
		for _, keys := range [][2][]*schema.Column{{old.PartitionKey, now.PartitionKey}, {old.Clustering, now.Clustering}} {
			for k, col := range keys[0] {
				if own := t.Column(col.Name); own != nil && keys[1][k].Name != col.Name {
					renamed[own] = keys[1][k].Name
				}
			}
		}
		for col, name := range renamed {
			renameKey(t, col, name)
		}
		copyToIndex(t, now)
		if kind := old.Column(definition.Index.Column).Kind; len(t.Copy.Columns) < len(i.Copy.Columns) && (kind == schema.PartitionKey || kind == schema.ClusteringKey) {
			// Rows that lived by a dropped column alone are gone. An index of a regular column cannot have them: they have that.
			t = t.BuiltAgain()
		}
		s = s.WithTable(t)
	}
	return s
}

// indexNames are the indexes on a column, as Cassandra lists them; empty without any.
func (c *compiler) indexNames(t *schema.Table, col *schema.Column) string {
	var names []string
	for _, i := range c.schema.IndexesOf(t) {
		if i.Copy.Index.Column == col.Name {
			names = append(names, i.Copy.Index.Name)
		}
	}
	return strings.Join(names, ", ")
}

// hiddenColumn names the index that has a column of this name for itself; empty without one.
func (c *compiler) hiddenColumn(t *schema.Table, name string) string {
	for _, i := range c.schema.IndexesOf(t) {
		for _, k := range i.Copy.Keys {
			if k.Column == name {
				return i.Copy.Index.Name
			}
		}
	}
	return ""
}

func (c *compiler) dropIndex(stmt *cql.DropIndex) (*Alter, error) {
	keyspace, _, err := c.existing(stmt.Name)
	if err != nil {
		return nil, err
	}
	var t *schema.Table
	if k := c.schema.Keyspaces[keyspace]; k != nil {
		t = k.Index(stmt.Name.Name)
	}
	if t == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: keyspace, Name: stmt.Name.Name}, nil
		}
		return nil, invalidf("Index '%s.%s' doesn't exist'", keyspace, stmt.Name.Name) // Cassandra's quotes
	}
	return &Alter{Next: c.schema.WithoutTable(keyspace, t.Name), Change: changeUpdated, Target: targetTable, Keyspace: keyspace, Name: t.Copy.Base}, nil
}
