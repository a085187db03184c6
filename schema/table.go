package schema

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// ColumnsMax is how many columns a table may have.
const ColumnsMax = 10_000

// NameBytesMax is how long the name of a keyspace or table may be.
const NameBytesMax = 48

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, group := range [][]*Column{t.PartitionKey, t.Clustering, t.Statics, t.Regulars} {
		for _, c := range group {
			if c.Name == name {
				return c
			}
		}
	}
	return nil
}

// Columns returns all columns in the order of SELECT *: partition key, clustering, statics and
// regular columns, the latter two by name.
func (t *Table) Columns() []*Column {
	return slices.Concat(t.PartitionKey, t.Clustering, t.Statics, t.Regulars)
}

// State returns the state column of that name, or nil.
func (t *Table) State(name string) *Column {
	for _, c := range t.States {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// ColumnByID returns the static, regular or state column with that number, or nil.
func (t *Table) ColumnByID(id mutation.ColumnID) *Column {
	for _, group := range [][]*Column{t.Statics, t.Regulars, t.States} {
		for _, c := range group {
			if c.ID == id {
				return c
			}
		}
	}
	return nil
}

// QualifiedName is "keyspace.table".
func (t *Table) QualifiedName() string { return t.Keyspace + "." + t.Name }

// Direct reports whether statements may write to the table.
func (t *Table) Direct() bool { return t.Kind == Base }

// PartitionLayout is how the partition key is serialized.
func (t *Table) PartitionLayout() partition.Layout {
	out := make(partition.Layout, len(t.PartitionKey))
	for i, c := range t.PartitionKey {
		out[i] = c.Type
	}
	return out
}

// ClusteringLayout is how clustering keys are sorted.
func (t *Table) ClusteringLayout() clustering.Layout {
	out := make(clustering.Layout, len(t.Clustering))
	for i, c := range t.Clustering {
		out[i] = clustering.Column{Type: c.Type, Desc: c.Desc}
	}
	return out
}

// Law is how versions of the table's rows merge.
func (t *Table) Law() mutation.Law {
	if t.Kind == Base {
		return mutation.ByTimestamp
	}
	return mutation.BySequence
}

// Multicell reports whether the elements of a column are cells of their own. Tables that the server computes or writes itself keep
// each value whole, whatever its type says to clients.
func (t *Table) Multicell(c *Column) bool {
	return c.Type.Multicell() && t.Kind != Virtual && t.Kind != Internal
}

// Stored is what a store needs to know of the table.
func (t *Table) Stored() mutation.Table {
	out := mutation.Table{
		ID: t.ID, Name: t.QualifiedName(), Law: t.Law(), UnitNanos: t.UnitNanos(),
		Clustering: t.ClusteringLayout(), GCGraceSec: t.Options.GCGraceSec,
	}
	for i := range out.Clustering { // names are nothing to a store
		out.Clustering[i].Type = out.Clustering[i].Type.Nameless()
	}
	if t.Kind != Base {
		out.GCGraceSec = 0 // the server itself never sends an old version again
	}
	if !t.Live() { // but a build does
		out.GCGraceSec, out.KeepExpired = buildGraceSec, true
	}
	for _, group := range [][]*Column{t.Statics, t.Regulars, t.States} {
		for _, c := range group {
			physical, width := mutation.PhysicalOf(c.Type)
			out.Columns = append(out.Columns, mutation.Column{ID: c.ID, Physical: physical, Width: width, Static: c.Kind == Static, Complex: t.Multicell(c)})
		}
	}
	sort.Slice(out.Columns, func(i, j int) bool { return out.Columns[i].ID < out.Columns[j].ID })
	if t.Bucket != nil {
		out.Bucket = t.Bucket.Bucketing()
	}
	return out
}

// UnitNanos is what one of an integer time column stands for; 0: a millisecond.
func (t *Table) UnitNanos() int64 {
	if t.Bucket == nil {
		return 0
	}
	return t.Bucket.UnitNanos
}

// Bucketing is the step of the table's buckets.
func (b *TimeBucket) Bucketing() partition.Bucketing {
	if b.SizeMillis > 0 {
		return partition.Bucketing{SizeMillis: b.SizeMillis}
	}
	return b.Step
}

// SortColumns puts static and regular columns in order of their names.
func (t *Table) SortColumns() {
	for _, group := range [][]*Column{t.Statics, t.Regulars} {
		sort.Slice(group, func(i, j int) bool { return group[i].Name < group[j].Name })
	}
}

// AddColumn gives a static, regular or state column its number and its place.
func (t *Table) AddColumn(c *Column) {
	if t.NextColumn == 0 {
		t.NextColumn = 1
	}
	c.ID = t.NextColumn
	c.Position = -1
	t.NextColumn++
	switch c.Kind {
	case Static:
		t.Statics = append(t.Statics, c)
	case State:
		t.States = append(t.States, c)
	default:
		t.Regulars = append(t.Regulars, c)
	}
	t.SortColumns()
}

// Clone copies the table deep enough to change its column lists and options.
func (t *Table) Clone() *Table {
	out := *t
	out.PartitionKey = slices.Clone(t.PartitionKey)
	out.Clustering = slices.Clone(t.Clustering)
	out.Statics = slices.Clone(t.Statics)
	out.Regulars = slices.Clone(t.Regulars)
	out.States = slices.Clone(t.States)
	out.Dropped = slices.Clone(t.Dropped)
	out.Rollups = slices.Clone(t.Rollups)
	out.Options = t.Options.clone()
	return &out
}

// IDString is the table's id as a UUID.
func IDString(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
