package database

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// describe answers DESCRIBE from the schema, in the shape cqlsh reads (drivers.md: listings have
// keyspace_name, type, name; elements a create_statement beside).
func (d *Database) describe(st *Statement, plan *planner.Describe) (*Result, error) {
	s := d.Schema()
	stmt := plan.Statement
	keyspace := stmt.Name.Keyspace
	if keyspace == "" {
		keyspace = st.Keyspace
	}
	switch stmt.Kind {
	case cql.DescribeCluster:
		return d.describeCluster(), nil
	case cql.DescribeKeyspaces:
		return listing(keyspaceElements(s)), nil
	case cql.DescribeTables, cql.DescribeTypes, cql.DescribeFunctions, cql.DescribeAggregates:
		return listing(listed(s, stmt.Kind, st.Keyspace)), nil
	case cql.DescribeSchema, cql.DescribeFullSchema:
		return elements(schemaElements(s, stmt.Kind == cql.DescribeFullSchema)), nil
	}
	found, err := describeOne(s, stmt, keyspace)
	if err != nil {
		return nil, err
	}
	return elements(found), nil
}

// element is one object of a DESCRIBE.
type element struct{ keyspace, kind, name, create string }

func (d *Database) describeCluster() *Result {
	b := newRowsBuilder("system", "cluster", "cluster", "partitioner", "snitch")
	b.add(d.catalog.ClusterName(), "Murmur3Partitioner", "SimpleSnitch")
	return b.result()
}

func keyspaceElements(s *schema.Snapshot) []element {
	var out []element
	for _, name := range s.KeyspaceNames() {
		out = append(out, element{name, "keyspace", name, s.Keyspaces[name].Create()})
	}
	return out
}

// listed are the objects of a kind, in one keyspace if one is in use.
func listed(s *schema.Snapshot, kind cql.DescribeKind, keyspace string) []element {
	var out []element
	for _, name := range s.KeyspaceNames() {
		if keyspace != "" && name != keyspace {
			continue
		}
		if kind == cql.DescribeTypes {
			out = append(out, listedTypes(s.Keyspaces[name])...)
		}
		if kind != cql.DescribeTables {
			continue // esker has no functions and aggregates of users
		}
		for _, t := range s.Keyspaces[name].SortedTables() {
			if t.Kind != schema.Index && t.Kind != schema.View { // as Cassandra: views are no tables here
				out = append(out, element{name, "table", t.Name, ""})
			}
		}
	}
	return out
}

// schemaElements are all keyspaces; the server's own only if everything is asked for.
func schemaElements(s *schema.Snapshot, full bool) []element {
	var out []element
	for _, name := range s.KeyspaceNames() {
		if k := s.Keyspaces[name]; full || !k.System() {
			out = append(out, wholeKeyspace(k)...)
		}
	}
	return out
}

func wholeKeyspace(k *schema.Keyspace) []element {
	out := []element{{k.Name, "keyspace", k.Name, k.Create()}}
	for _, u := range k.SortedTypes() {
		out = append(out, typeElement(u))
	}
	for _, t := range k.CreationOrder() {
		out = append(append(out, tableElement(k, t)), policyElements(t)...)
	}
	return out
}

func typeElement(u *types.Type) element {
	keyspace, name := u.UDTName()
	return element{keyspace, "type", cql.QuoteIdentifier(name), schema.CreateTypeText(u)}
}

// listedTypes are the user types of a keyspace by name, whatever its case.
func listedTypes(k *schema.Keyspace) []element {
	names := slices.SortedFunc(maps.Keys(k.Types), func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	out := make([]element, len(names))
	for i, name := range names {
		out[i] = typeElement(k.Types[name])
	}
	return out
}

// describeType finds a user type.
func describeType(s *schema.Snapshot, keyspace, name string) ([]element, error) {
	k := s.Keyspaces[keyspace]
	if k == nil || k.Types[name] == nil {
		return nil, notFound("User defined type '%s' not found in '%s'", name, keyspace)
	}
	return []element{typeElement(k.Types[name])}, nil
}

// policyElements are the retention policies of a table.
func policyElements(t *schema.Table) []element {
	if t.Retention == nil {
		return nil
	}
	var out []element
	for i := range t.Retention.Policies {
		p := &t.Retention.Policies[i]
		out = append(out, element{t.Keyspace, "retention_policy", p.Name, t.CreatePolicy(p)})
	}
	return out
}

func tableElement(k *schema.Keyspace, t *schema.Table) element {
	switch t.Kind {
	case schema.View:
		return element{k.Name, "materialized_view", t.Name, t.Create(k)}
	case schema.Index:
		return element{k.Name, "index", cql.QuoteIdentifier(t.Copy.Index.Name), t.Create(k)}
	}
	return element{k.Name, "table", t.Name, t.Create(k)}
}

// describeIndex finds an index by its own name.
func describeIndex(s *schema.Snapshot, keyspace, name string) ([]element, error) {
	if k := s.Keyspaces[keyspace]; k != nil {
		if t := k.Index(name); t != nil {
			return []element{tableElement(k, t)}, nil
		}
	}
	return nil, notFound("Table for existing index '%s' not found in '%s'", name, keyspace)
}

// describeOne finds the object that is named.
func describeOne(s *schema.Snapshot, stmt *cql.Describe, keyspace string) ([]element, error) {
	name := stmt.Name.Name
	switch stmt.Kind {
	case cql.DescribeKeyspace:
		if name == "" {
			name = keyspace
		}
		k := s.Keyspaces[name]
		if k == nil {
			return nil, notFound("'%s' not found in keyspaces", name)
		}
		if stmt.Only {
			return []element{{k.Name, "keyspace", k.Name, k.Create()}}, nil
		}
		return wholeKeyspace(k), nil
	case cql.DescribeName:
		if k := s.Keyspaces[name]; k != nil && stmt.Name.Keyspace == "" {
			return wholeKeyspace(k), nil
		}
	case cql.DescribeIndex:
		return describeIndex(s, keyspace, name)
	case cql.DescribeType:
		return describeType(s, keyspace, name)
	case cql.DescribeFunction, cql.DescribeAggregate:
		return nil, notFound("'%s' not found in keyspace '%s'", name, keyspace)
	}
	if keyspace == "" {
		return nil, notFound("No keyspace specified and no current keyspace")
	}
	t := s.Table(keyspace, name)
	if stmt.Kind == cql.DescribeName && (t == nil || t.Kind == schema.Index) {
		if index, err := describeIndex(s, keyspace, name); err == nil {
			return index, nil
		}
	}
	if t == nil || t.Kind == schema.Index || stmt.Kind == cql.DescribeRollup && t.Kind != schema.Rollup {
		return nil, notFound("'%s' not found in keyspace '%s'", name, keyspace)
	}
	out := append([]element{tableElement(s.Keyspaces[keyspace], t)}, policyElements(t)...)
	for _, i := range s.Keyspaces[keyspace].Indexes(t) {
		out = append(out, tableElement(s.Keyspaces[keyspace], i))
	}
	if t.Kind == schema.Base && stmt.Kind != cql.DescribeName {
		for _, c := range s.QueryTablesOf(t) {
			out = append(out, tableElement(s.Keyspaces[keyspace], c))
		}
		for _, r := range s.LevelsOf(t) {
			if !s.Keyspaces[keyspace].Described(r) {
				out = append(out, tableElement(s.Keyspaces[keyspace], r))
			}
		}
	}
	return out, nil
}

func notFound(format string, args ...any) error {
	return &planner.InvalidError{Message: fmt.Sprintf(format, args...)}
}

func listing(list []element) *Result {
	sort.SliceStable(list, func(i, j int) bool { return list[i].keyspace < list[j].keyspace })
	b := newRowsBuilder("system", "describe", "keyspace_name", "type", "name")
	for _, e := range list {
		b.add(e.keyspace, e.kind, e.name)
	}
	return b.result()
}

func elements(list []element) *Result {
	b := newRowsBuilder("system", "describe", "keyspace_name", "type", "name", "create_statement")
	for _, e := range list {
		b.add(e.keyspace, e.kind, e.name, e.create)
	}
	return b.result()
}

// rowsBuilder makes an answer of text columns.
type rowsBuilder struct{ rows exec.Result }

func newRowsBuilder(keyspace, table string, columns ...string) *rowsBuilder {
	b := &rowsBuilder{}
	for _, name := range columns {
		b.rows.Columns = append(b.rows.Columns, planner.ColumnSpec{Keyspace: keyspace, Table: table, Name: name, Type: types.Text})
	}
	return b
}

func (b *rowsBuilder) add(cells ...string) {
	for _, c := range cells {
		b.rows.Rows = exec.AppendCell(b.rows.Rows, []byte(c))
	}
	b.rows.RowCount++
}

func (b *rowsBuilder) result() *Result { return &Result{Kind: ResultRows, Rows: &b.rows} }
