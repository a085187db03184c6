package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// copyKey is a key column of a copy: a base column, or what is computed from one.
type copyKey struct {
	name     string // in the copy
	from     string // in the base
	function schema.CopyFunction
	bucket   partition.Bucketing // of CopyTimeBucket
}

// keyColumns reads a part of the key of a query table.
func (d *copyDefinition) keyColumns(key []cql.Selector) ([]copyKey, error) {
	out := make([]copyKey, len(key))
	for i, s := range key {
		switch t := s.Term.(type) {
		case *cql.ColumnRef:
			if s.Alias != "" {
				return nil, invalidf("key column %s of %s: AS names key columns that are computed; a copied column keeps its name", t.Name, d.name.Name)
			}
			out[i] = copyKey{name: t.Name, from: t.Name}
		case *cql.FunctionCall:
			k, err := d.computedKey(t)
			if err != nil {
				return nil, err
			}
			if s.Alias != "" {
				k.name = s.Alias
			}
			if d.base.Column(k.name) != nil {
				return nil, invalidf("key column %s of %s: %s has a column named %s; give another name with AS", cql.FormatTerm(t), d.name.Name, d.base.QualifiedName(), k.name)
			}
			out[i] = k
		default:
			return nil, d.badKey(t)
		}
	}
	return out, nil
}

func (d *copyDefinition) badKey(t cql.Term) error {
	return invalidf("key column %s of %s: a key column is a column, time_bucket(column, duration [, time zone] [, origin]), floor(column, duration [, start]) or UNNEST(column)",
		cql.FormatTerm(t), d.name.Name)
}

// computedKey reads a call in a key.
func (d *copyDefinition) computedKey(call *cql.FunctionCall) (copyKey, error) {
	if call.Keyspace != "" && call.Keyspace != "system" || len(call.Args) == 0 {
		return copyKey{}, d.badKey(call)
	}
	ref, ok := call.Args[0].(*cql.ColumnRef)
	if !ok {
		return copyKey{}, d.badKey(call)
	}
	from, err := d.baseColumn(ref.Name)
	if err != nil {
		return copyKey{}, err
	}
	switch {
	case call.Name == "unnest" && len(call.Args) == 1:
		if !from.Type.IsCollection() {
			return copyKey{}, invalidf("key column %s of %s: UNNEST takes a set, list or map, and %s is a %s", cql.FormatTerm(call), d.name.Name, from.Name, from.Type)
		}
		return copyKey{name: from.Name + "_element", from: from.Name, function: schema.CopyUnnest}, nil
	case isStepCall(call):
		return d.bucketKey(call, from)
	}
	return copyKey{}, d.badKey(call)
}

// bucketKey reads time_bucket(column, duration [, zone] [, origin]) and floor(column, duration [, start]).
func (d *copyDefinition) bucketKey(call *cql.FunctionCall, from *schema.Column) (copyKey, error) {
	text := cql.FormatTerm(call)
	kind := from.Type.Kind()
	if kind != types.KindTimestamp && kind != types.KindTimeUUID && kind != types.KindDate {
		return copyKey{}, invalidf("key column %s of %s: %s takes a timestamp, timeuuid or date, and %s is a %s", text, d.name.Name, call.Name, from.Name, from.Type)
	}
	step, err := readStepCall(call)
	if err != nil {
		return copyKey{}, invalidf("key column %s of %s: %v", text, d.name.Name, err)
	}
	if kind == types.KindDate && step.zone != "" {
		return copyKey{}, invalidf("key column %s of %s: a date has no time zone", text, d.name.Name)
	}
	if kind == types.KindDate && step.nanos != 0 {
		return copyKey{}, invalidf("key column %s of %s: dates have buckets of whole days", text, d.name.Name)
	}
	bucket, err := step.bucketing()
	if err != nil {
		return copyKey{}, invalidf("key column %s of %s: %v", text, d.name.Name, err)
	}
	return copyKey{name: from.Name + "_" + strings.ToLower(step.text), from: from.Name, function: schema.CopyTimeBucket, bucket: bucket}, nil
}

// typeOf is the type of a key column.
func (k *copyKey) typeOf(from *schema.Column) *types.Type {
	switch k.function {
	case schema.CopyUnnest:
		return from.Type.Elems()[0]
	case schema.CopyTimeBucket:
		if from.Type.Kind() != types.KindDate {
			return types.Timestamp
		}
	}
	return from.Type
}

// layKey adds the key columns to the copy.
func (d *copyDefinition) layKey(t *schema.Table) error {
	unnested := ""
	for _, part := range []struct {
		keys []copyKey
		kind schema.ColumnKind
		into *[]*schema.Column
	}{{d.partition, schema.PartitionKey, &t.PartitionKey}, {d.clustering, schema.ClusteringKey, &t.Clustering}} {
		for i, k := range part.keys {
			from, err := d.baseColumn(k.from)
			if err != nil {
				return err
			}
			if t.Column(k.name) != nil {
				return invalidf("Duplicate column '%s' in PRIMARY KEY clause for %s '%s'", k.name, d.what(), t.Name)
			}
			col := &schema.Column{Name: k.name, Kind: part.kind, Position: i, Type: k.typeOf(from), Desc: from.Desc && part.kind == schema.ClusteringKey && k.function == 0}
			if err := checkKeyType(col.Type, k.name); err != nil {
				return err
			}
			if k.function == schema.CopyUnnest {
				if unnested != "" {
					return invalidf("key column UNNEST(%s) of %s: UNNEST(%s) is in the key already, and a key has one", k.from, t.Name, unnested)
				}
				unnested = k.from
			}
			if k.function != 0 {
				t.Copy.Keys = append(t.Copy.Keys, schema.CopyKey{Column: k.name, Function: k.function, From: k.from, Bucket: k.bucket})
			}
			*part.into = append(*part.into, col)
		}
	}
	return nil
}

// checkViewColumns holds the columns of a view to Cassandra's rules; query tables have none of these limits.
func (d *copyDefinition) checkViewColumns() error {
	selected := d.columns
	if d.all {
		selected = nil
		for _, col := range d.base.Columns() {
			selected = append(selected, col.Name)
		}
	}
	for _, name := range selected {
		if col, err := d.baseColumn(name); err != nil {
			return err
		} else if col.Kind == schema.Static {
			return invalidf("Cannot include static column '%s' in materialized view '%s'; a query table can: CREATE QUERY TABLE", name, d.name.Name)
		}
	}
	var fresh []string
	for _, k := range slices.Concat(d.partition, d.clustering) {
		col := d.base.Column(k.name)
		if col == nil || !slices.Contains(selected, k.name) {
			return invalidf("Unknown column '%s' referenced in PRIMARY KEY for materialized view '%s'", k.name, d.name.Name)
		}
		if col.Kind == schema.Regular {
			fresh = append(fresh, k.name)
		}
	}
	if err := d.checkWholeKey(); err != nil {
		return err
	}
	if len(fresh) > 1 {
		return invalidf("Cannot include more than one non-primary key column in materialized view primary key (got %s); a query table can: CREATE QUERY TABLE", strings.Join(fresh, ", "))
	}
	return nil
}
