package planner

import (
	"bytes"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// rowGuard refuses rows whose event time a table does not take. It is for rows that are written, not for those that
// are deleted.
type rowGuard struct {
	table     *schema.Table
	clock     clock
	maxFuture int64         // milliseconds; 0: any time is taken
	maxPast   int64         // milliseconds; 0: any time is taken
	adopted   *bucketColumn // nil: none
}

// rowGuardOf is nil for a table that takes every row.
func rowGuardOf(t *schema.Table) *rowGuard {
	b := t.Bucket
	if b == nil || b.MaxFutureMillis == 0 && b.MaxPastMillis == 0 && b.As == "" {
		return nil
	}
	return &rowGuard{
		table: t, clock: clockOf(t), maxFuture: b.MaxFutureMillis, maxPast: b.MaxPastMillis, adopted: bucketColumnOf(t),
	}
}

// check checks the rows of a mutation.
func (g *rowGuard) check(m *mutation.Mutation, ctx Context) error {
	if g == nil {
		return nil
	}
	for i := range m.Rows {
		if err := g.checkRow(m.Key.Key, m.Rows[i].Clustering, &ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkRow checks a row of a partition.
func (g *rowGuard) checkRow(key, row []byte, ctx *Context) error {
	if g == nil {
		return nil
	}
	ms, ok := g.clock.of(row)
	if !ok && g.adopted != nil {
		return g.adopted.noTime(g.table)
	}
	if !ok {
		return nil // an empty value is of no time
	}
	if err := g.checkTime(ms, ctx.NowMillis); err != nil || g.adopted == nil {
		return err
	}
	return g.checkBucket(key, ms)
}

func (g *rowGuard) checkTime(ms, now int64) error {
	key, limit, side := "max_future", g.maxFuture, "ahead of"
	// The sums cannot overflow: now is a time of day, and limits are those of a duration.
	switch {
	case g.maxFuture > 0 && ms > now+g.maxFuture:
	case g.maxPast > 0 && ms < now-g.maxPast:
		key, limit, side = "max_past", g.maxPast, "behind"
	default:
		return nil
	}
	return invalidf("table %s takes no row whose %s is more than %s (%s) %s the server's clock: it is %s, and now is %s",
		g.table.QualifiedName(), g.table.Clustering[0].Name, schema.DurationText(limit), key, side, instantText(ms), instantText(now))
}

// instantText is a time in milliseconds as CQL writes it.
func instantText(ms int64) string {
	return string(types.Timestamp.AppendLiteral(nil, types.AppendTimestampMillis(nil, ms)))
}

// checkBucket refuses a row whose bucket column says another bucket than its time.
func (g *rowGuard) checkBucket(key []byte, ms int64) error {
	parts, err := g.table.PartitionLayout().Decode(key)
	if err != nil {
		return invalidf("table %s: %v", g.table.QualifiedName(), err)
	}
	want, ok := g.adopted.value(ms)
	if !ok {
		return g.adopted.noValue(g.table, ms)
	}
	if got := parts[g.adopted.column.Position]; !bytes.Equal(got, want) {
		return invalidf("table %s: %s is %s, but a row whose %s is %s belongs to %s; leave %s out, and the server fills it",
			g.table.QualifiedName(), g.adopted.column.Name, g.adopted.text(got), g.table.Clustering[0].Name, instantText(ms), g.adopted.text(want), g.adopted.column.Name)
	}
	return nil
}

func (b *bucketColumn) noValue(t *schema.Table, ms int64) error {
	return invalidf("table %s: no %s of column %s names the bucket of %s", t.QualifiedName(), b.column.Type, b.column.Name, instantText(ms))
}

func (b *bucketColumn) noTime(t *schema.Table) error {
	return invalidf("table %s: %s is empty, and so the row is of no bucket of column %s", t.QualifiedName(), t.Clustering[0].Name, b.column.Name)
}

// Adoption checks rows that were there before their bucket column was adopted.
type Adoption struct{ guard *rowGuard }

// AdoptionOf checks the rows of a table that has a bucket column.
func AdoptionOf(t *schema.Table) *Adoption { return &Adoption{rowGuardOf(t)} }

// Check refuses a row of a partition that lies in another bucket than its time says. first is the value of its
// first clustering column.
func (a *Adoption) Check(key partition.DecoratedKey, first []byte) error {
	g := a.guard
	ms, ok := g.clock.at(first)
	err := g.adopted.noTime(g.table)
	if ok {
		err = g.checkBucket(key.Key, ms)
	}
	if err != nil {
		return bucketErrorf(g.table, "column '%s' cannot be adopted, since a SELECT would not find all rows that are there: %v", g.adopted.column.Name, err)
	}
	return nil
}

// bucketTerm is the value of an adopted bucket column that a statement leaves out.
type bucketTerm struct {
	table *schema.Table
	*bucketColumn
	time boundTerm // of the clustering column that decides
}

func (t *bucketTerm) bind(values []Value, ctx Context) (value []byte, unset bool, err error) {
	row := ctx.row
	if row == nil {
		v, err := bindKeyValue(t.table.Clustering[0], t.time, values, ctx)
		if err != nil {
			return nil, false, err
		}
		row = t.clock.layout[0].Append(nil, v)
	}
	ms, ok := t.clock.of(row)
	if !ok {
		return nil, false, t.noTime(t.table)
	}
	if value, ok = t.value(ms); !ok {
		return nil, false, t.noValue(t.table, ms)
	}
	return value, false, nil
}

// fillBucket gives an adopted bucket column of an INSERT its value, if the statement leaves it out.
func (ins *insert) fillBucket() {
	b := bucketColumnOf(ins.table)
	if b != nil && ins.partition[b.column.Position] == nil && ins.clustering[0] != nil {
		ins.partition[b.column.Position], ins.filled = &bucketTerm{ins.table, b, ins.clustering[0]}, true
	}
}

// fillBucket does the same for an UPDATE or DELETE that names one time.
func (tg *target) fillBucket() {
	b := bucketColumnOf(tg.table)
	if b != nil && !tg.partition[b.column.Position].given() && len(tg.clustering[0].terms) == 1 {
		tg.partition[b.column.Position].terms = []boundTerm{&bucketTerm{tg.table, b, tg.clustering[0].terms[0]}}
	}
}
