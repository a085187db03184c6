// Package querytable turns what happens to a row of a base table into what must happen to the
// rows of its copies: query tables, views and indexes (R39).
//
// It knows the merged base row and static row before and after a write, and definitions of copies.
// It does not know the clock, stores, or how the base row was found.
package querytable

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// source says where a value of a copy comes from in its base.
type source struct {
	kind     schema.ColumnKind
	position int               // of a key column
	id       mutation.ColumnID // of a static or regular column
	of       *types.Type
}

// keyPart is a key column of the copy.
type keyPart struct {
	source
	function schema.CopyFunction // 0: the column itself
	bucket   partition.Bucketing // of CopyTimeBucket
}

// Projector computes the rows of one copy. It may be used by several goroutines.
type Projector struct {
	base, copy     *schema.Table
	baseLayout     partition.Layout
	baseClustering clustering.Layout
	clustering     clustering.Layout
	keys           []keyPart // partition key, then clustering
	unnested       int       // of keys, the one that makes several rows of a base row; -1: none
	perPartition   bool      // a row of the copy comes from the static row: no clustering column is in its key
	needed         []source  // static and regular columns that must not be null
	filters        []filter
	copies         []copiedValue
	statics        []mutation.ColumnID // of the base, that the copy uses
	ttlSec         int64               // the copy's own; 0: none
	retainedBy     source              // used when retainMillis is not 0
	retainMillis   int64
}

// copiedValue is a value column of the copy.
type copiedValue struct {
	from source
	to   mutation.ColumnID
}

// filter is a condition that a base row in the copy fulfils.
type filter struct {
	source
	schema.CopyFilter
}

// New makes the projector of a copy. The error says which part of the definition does not fit the base.
func New(base, copy *schema.Table) (*Projector, error) {
	p := &Projector{
		base: base, copy: copy, baseLayout: base.PartitionLayout(), baseClustering: base.ClusteringLayout(),
		clustering: copy.ClusteringLayout(), unnested: -1, ttlSec: int64(copy.Options.DefaultTTLSec),
	}
	for _, c := range slices.Concat(copy.PartitionKey, copy.Clustering) {
		if err := p.addKey(c); err != nil {
			return nil, err
		}
	}
	for _, name := range copy.Copy.NotNull {
		from, err := p.source("filtered column", name)
		if err != nil {
			return nil, err
		}
		p.need(from)
	}
	for _, f := range copy.Copy.Filters {
		from, err := p.source("filtered column", f.Column)
		if err != nil {
			return nil, err
		}
		p.need(from)
		p.filters = append(p.filters, filter{source: from, CopyFilter: f})
	}
	if copy.Copy.RetentionMillis > 0 {
		from, err := p.source("retention column", copy.Copy.RetentionBy)
		if err != nil {
			return nil, err
		}
		p.need(from)
		p.retainedBy, p.retainMillis = from, copy.Copy.RetentionMillis
	}
	if err := p.addValues(); err != nil {
		return nil, err
	}
	return p, p.checkKey()
}

// checkKey refuses keys under which rows of several base rows would be one: all of the base's key must be in
// them. A copy of static columns alone may do without the clustering.
func (p *Projector) checkKey() error {
	has := map[string]bool{}
	for _, c := range slices.Concat(p.copy.PartitionKey, p.copy.Clustering) {
		has[c.Name] = !slices.ContainsFunc(p.copy.Copy.Keys, func(k schema.CopyKey) bool { return k.Column == c.Name })
	}
	collides := func(c *schema.Column) bool { return !has[c.Name] }
	ofRows := slices.ContainsFunc(slices.Concat(p.needed, p.sources()), func(s source) bool { return s.kind == schema.Regular || s.kind == schema.ClusteringKey })
	if len(p.baseClustering) > 0 && !ofRows && len(p.needed) > 0 {
		p.perPartition = true
	} else if i := slices.IndexFunc(p.base.Clustering, collides); i >= 0 {
		return fmt.Errorf("query table %s: key column %s of %s is not in its key: rows would collide", p.copy.QualifiedName(), p.base.Clustering[i].Name, p.base.QualifiedName())
	}
	if i := slices.IndexFunc(p.base.PartitionKey, collides); i >= 0 {
		return fmt.Errorf("query table %s: key column %s of %s is not in its key: rows would collide", p.copy.QualifiedName(), p.base.PartitionKey[i].Name, p.base.QualifiedName())
	}
	return nil
}

// sources are where the key and the values come from.
func (p *Projector) sources() []source {
	var out []source
	for i := range p.keys {
		out = append(out, p.keys[i].source)
	}
	for i := range p.copies {
		out = append(out, p.copies[i].from)
	}
	return out
}

// source finds a column of the base.
func (p *Projector) source(what, name string) (source, error) {
	c := p.base.Column(name)
	if c == nil {
		return source{}, fmt.Errorf("query table %s: %s %s is not in %s", p.copy.QualifiedName(), what, name, p.base.QualifiedName())
	}
	return source{kind: c.Kind, position: c.Position, id: c.ID, of: c.Type}, nil
}

// addKey adds a key column: one that is computed, or the base column of that name.
func (p *Projector) addKey(c *schema.Column) error {
	part, name := keyPart{}, c.Name
	for _, k := range p.copy.Copy.Keys {
		if k.Column == c.Name {
			part.function, part.bucket, name = k.Function, k.Bucket, k.From
		}
	}
	if part.function == schema.CopyToken || part.function == schema.CopyZero {
		p.keys = append(p.keys, part)
		return nil
	}
	var err error
	if part.source, err = p.source("key column", name); err != nil {
		return err
	}
	switch part.function {
	case schema.CopyUnnest, schema.CopyEntry, schema.CopyValue:
		if p.unnested >= 0 {
			return fmt.Errorf("query table %s: key column %s: only one column can be unnested", p.copy.QualifiedName(), c.Name)
		}
		p.unnested = len(p.keys)
	case 0, schema.CopyTimeBucket, schema.CopyForm:
	default:
		return fmt.Errorf("query table %s: key column %s: function %d is unknown", p.copy.QualifiedName(), c.Name, part.function)
	}
	p.need(part.source)
	p.keys = append(p.keys, part)
	return nil
}

func (p *Projector) addValues() error {
	for _, c := range p.copy.Copy.Columns {
		from := p.base.ColumnByID(c.From)
		if from == nil {
			return fmt.Errorf("query table %s: copied column %d is not in %s", p.copy.QualifiedName(), c.From, p.base.QualifiedName())
		}
		p.use(source{kind: from.Kind, id: from.ID})
		p.copies = append(p.copies, copiedValue{source{kind: from.Kind, id: from.ID}, c.To})
	}
	slices.SortFunc(p.copies, func(a, b copiedValue) int { return int(a.to) - int(b.to) })
	return nil
}

// need notes a column that is null in no row of the copy.
func (p *Projector) need(s source) {
	p.use(s)
	if (s.kind == schema.Static || s.kind == schema.Regular) && !slices.ContainsFunc(p.needed, func(o source) bool { return o.id == s.id }) {
		p.needed = append(p.needed, s)
	}
}

// use notes a static column.
func (p *Projector) use(s source) {
	if s.kind == schema.Static && !slices.Contains(p.statics, s.id) {
		p.statics = append(p.statics, s.id)
	}
}

// Table is the copy.
func (p *Projector) Table() *schema.Table { return p.copy }

// UsesStatics reports whether rows of the copy depend on the static row of their base partition.
func (p *Projector) UsesStatics() bool { return len(p.statics) > 0 }

// StaticsDiffer reports whether rows of the copy change when the static row changes so. Of a column that is not
// copied only the value and its end count.
func (p *Projector) StaticsDiffer(before, after *mutation.Row) bool {
	for _, id := range p.statics {
		s := source{kind: schema.Static, id: id}
		a, b := findCell(Base{Static: before}, &s), findCell(Base{Static: after}, &s)
		if a == nil || b == nil || a.IsTombstone() || b.IsTombstone() {
			if (a == nil || a.IsTombstone()) != (b == nil || b.IsTombstone()) {
				return true
			}
			continue
		}
		if !bytes.Equal(a.Value, b.Value) || a.ExpiresAt != b.ExpiresAt {
			return true
		}
		copied := slices.ContainsFunc(p.copies, func(c copiedValue) bool { return c.from.kind == schema.Static && c.from.id == id })
		if copied && (a.Timestamp != b.Timestamp || a.TTL != b.TTL) {
			return true
		}
	}
	return false
}

// PerPartition reports whether the copy has rows of base partitions, not of their rows: its key has static columns
// and no clustering column. They are projected from a Base without Row.
func (p *Projector) PerPartition() bool { return p.perPartition }

// Unnests reports whether a base row can have several rows in the copy.
func (p *Projector) Unnests() bool { return p.unnested >= 0 }
