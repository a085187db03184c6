package planner

import (
	"math"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// RefreshRollup computes windows of a rollup anew, marked or not.
type RefreshRollup struct {
	Table *schema.Table
	Key   *partition.DecoratedKey // nil: every partition
	Over  downsample.Window       // whole windows; where Start is not below End there are none
}

// CheckRollup compares rows of a rollup with the aggregates over the rows of their windows, and mends them if asked to.
type CheckRollup struct {
	Table  *schema.Table
	Sample int // how many windows are compared; 0: all
	Repair bool
}

func (*RefreshRollup) plan() {}
func (*CheckRollup) plan()   {}

// rollupNamed finds the rollup that a statement names.
func (c *compiler) rollupNamed(name cql.QualifiedName) (*schema.Table, error) {
	keyspace, err := c.keyspaceOf(name)
	if err != nil {
		return nil, err
	}
	t := c.schema.Table(keyspace, name.Name)
	switch {
	case t == nil || t.Kind == schema.Index:
		return nil, invalidf("rollup %s.%s does not exist", keyspace, name.Name)
	case t.Rollup == nil:
		return nil, invalidf("%s is a %s and no rollup: system_views.rollups lists them", t.QualifiedName(), KindText(t))
	}
	return t, nil
}

func (c *compiler) prepareCheckRollup(stmt *cql.CheckRollup) (*Prepared, error) {
	t, err := c.rollupNamed(stmt.Name)
	if err != nil {
		return nil, err
	}
	var sample boundTerm
	if stmt.Sample != nil {
		if sample, err = c.term(stmt.Sample, ColumnSpec{Keyspace: t.Keyspace, Table: t.Name, Name: "[sample]", Type: types.Int}); err != nil {
			return nil, err
		}
	}
	p := &Prepared{Keyspace: t.Keyspace, Result: checkColumns(t)}
	p.bind = func(values []Value, ctx Context) (Plan, error) {
		out := &CheckRollup{Table: t, Repair: stmt.Repair}
		if sample == nil {
			return out, nil
		}
		v, unset, err := sample.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if unset || len(v) != 4 || types.DecodeInt64(v) <= 0 {
			return nil, invalidf("CHECK ROLLUP %s SAMPLE takes how many windows to compare, 1 or more; without SAMPLE all are", t.QualifiedName())
		}
		out.Sample = int(types.DecodeInt64(v))
		return out, nil
	}
	return p, nil
}

// refresh is REFRESH ROLLUP, checked.
type refresh struct {
	*where
	layout partition.Layout
	keys   []choice // of every column of the partition key; nil: every partition
}

func (c *compiler) prepareRefreshRollup(stmt *cql.RefreshRollup) (*Prepared, error) {
	t, err := c.rollupNamed(stmt.Name)
	if err != nil {
		return nil, err
	}
	for _, r := range stmt.Where {
		if _, ok := r.(*cql.ColumnRelation); !ok {
			return nil, refreshForm(t)
		}
	}
	w, err := c.where(t, t, stmt.Where)
	if err != nil {
		return nil, err
	}
	r := &refresh{where: w, layout: t.PartitionLayout()}
	for _, col := range w.order {
		if col.Kind != schema.PartitionKey && col != t.Clustering[0] || col.Kind == schema.PartitionKey && !w.columns[col].given() {
			return nil, refreshForm(t)
		}
		if col.Kind == schema.PartitionKey {
			r.keys = make([]choice, len(t.PartitionKey))
		}
	}
	for i := range r.keys {
		of := w.columns[t.PartitionKey[i]]
		if of == nil {
			return nil, refreshForm(t)
		}
		r.keys[i] = of.choice
	}
	return &Prepared{Keyspace: t.Keyspace, bind: r.bind}, nil
}

// refreshForm refuses a WHERE that does not name windows.
func refreshForm(t *schema.Table) error {
	key, clock := "", cql.QuoteIdentifier(t.Clustering[0].Name)
	for _, col := range t.PartitionKey {
		key += cql.QuoteIdentifier(col.Name) + " = … AND "
	}
	return invalidf("REFRESH ROLLUP %s takes a range of time, and the whole partition key or nothing of it: WHERE %s%s >= … AND %s < …", t.QualifiedName(), key, clock, clock)
}

func (r *refresh) bind(values []Value, ctx Context) (Plan, error) {
	out := &RefreshRollup{Table: r.table}
	var err error
	if out.Over, err = r.over(values, ctx); err != nil {
		return nil, err
	}
	if r.keys == nil {
		return out, nil
	}
	combinations, err := combine(r.table.PartitionKey, r.keys, values, ctx)
	if err != nil {
		return nil, err
	}
	key, err := r.layout.Encode(combinations[0])
	if err != nil {
		return nil, invalidf("%v", err)
	}
	decorated := partition.Decorate(key)
	out.Key = &decorated
	return out, nil
}

// over are the windows that the range of time meets, whole.
func (r *refresh) over(values []Value, ctx Context) (downsample.Window, error) {
	out := downsample.Window{Start: math.MinInt64, End: math.MaxInt64}
	of := r.columns[r.table.Clustering[0]]
	if of == nil {
		return out, nil
	}
	low, high := of.low, of.high
	if of.given() {
		low = &rangeBound{term: of.terms[0], inclusive: true}
		high = low
	}
	last := int64(math.MaxInt64)
	if low != nil {
		ms, err := r.millis(low, values, ctx)
		if err != nil {
			return out, err
		}
		out.Start = ms
	}
	if high != nil {
		ms, err := r.millis(high, values, ctx)
		if err != nil {
			return out, err
		}
		finer := r.table.UnitNanos() > 0 && r.table.UnitNanos() < nanosPerMilli // the range may end within the millisecond
		if last = ms; !high.inclusive && !finer {
			last--
		}
	}
	if out.Start > last {
		return downsample.Window{}, nil
	}
	out.Start = r.table.Rollup.WindowOf(out.Start).Start
	if last < math.MaxInt64 {
		out.End = r.table.Rollup.WindowOf(last).End
	}
	return out, nil
}

// millis is the time of a bound.
func (r *refresh) millis(b *rangeBound, values []Value, ctx Context) (int64, error) {
	clock := r.table.Clustering[0]
	v, unset, err := b.term.bind(values, ctx)
	if err != nil {
		return 0, err
	}
	ms, ok := int64(0), false
	if !unset && len(v) > 0 {
		ms, ok = types.TimeMillis(clock.Type, v, r.table.UnitNanos())
	}
	if !ok {
		return 0, invalidf("Invalid null value in condition for column %s", clock.Name)
	}
	return ms, nil
}
