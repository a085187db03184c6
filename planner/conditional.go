package planner

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// conditioning is a statement with IF: what it writes, and what it asks before.
type conditioning struct {
	writer
	conditions *conditions
	static     bool // it names no row: what is asked of a row is asked of the static one
	row        func(values []Value, ctx Context, w *Write) (partition.DecoratedKey, []byte, error)
	bind       func(values []Value, ctx Context) (*Write, error)
}

// conditional prepares a statement with IF.
func (c *compiler) conditional(s *conditioning) (*Prepared, error) {
	if s.timestamp != nil {
		return nil, invalidf("Cannot provide custom timestamp for conditional updates")
	}
	if s.table.AppendOnly {
		return nil, invalidf("table %s is append_only: IF would read before it writes", s.table.QualifiedName())
	}
	out := s.prepared(c, nil)
	out.Conditional = true
	out.bind = func(values []Value, ctx Context) (Plan, error) { return s.conditional(values, ctx) }
	return out, nil
}

func (s *conditioning) conditional(values []Value, ctx Context) (*Conditional, error) {
	write, err := s.bind(values, ctx)
	if err != nil {
		return nil, err
	}
	out := &Conditional{Table: s.table, Write: write}
	var row []byte
	if out.Key, row, err = s.row(values, ctx, write); err != nil {
		return nil, err
	}
	conditions, err := s.conditions.bind(values, ctx)
	if err != nil {
		return nil, err
	}
	if s.conditions.exists != EitherWay {
		out.Checks = []Check{{Static: s.static, Clustering: row, Exists: s.conditions.exists}}
		out.Columns = s.table.Columns()
	} else {
		out.ask(conditions, row)
	}
	out.writesRows = !s.static
	out.writesStatics = slices.ContainsFunc(s.cells, func(a assignment) bool { return a.column.Kind == schema.Static })
	out.read()
	return out, nil
}

// ask adds the conditions on the columns of a row and on static ones.
func (c *Conditional) ask(conditions []Condition, row []byte) {
	regular, static := Check{Clustering: row}, Check{Static: true}
	for _, one := range conditions {
		if one.Column.Kind == schema.Static {
			static.Conditions = append(static.Conditions, one)
		} else {
			regular.Conditions = append(regular.Conditions, one)
		}
	}
	for _, check := range []Check{regular, static} {
		if len(check.Conditions) == 0 {
			continue
		}
		c.Checks = append(c.Checks, check)
		for _, one := range check.Conditions {
			c.tell(one.Column)
		}
	}
}

// tell adds a column to the answer of a write that does not take place.
func (c *Conditional) tell(col *schema.Column) {
	if !slices.Contains(c.Columns, col) {
		c.Columns = append(c.Columns, col)
	}
}

// read adds what is read: every column of a kind that is written, else those that conditions name
// (org.apache.cassandra.cql3.statements.CQL3CasRequest.columnsToRead).
func (c *Conditional) read() {
	if c.writesRows {
		c.Regulars = c.Table.Regulars
	}
	if c.writesStatics {
		c.Statics = c.Table.Statics
	}
	for i := range c.Checks {
		for j := range c.Checks[i].Conditions {
			switch col := c.Checks[i].Conditions[j].Column; {
			case col.Kind == schema.Static && !slices.Contains(c.Statics, col):
				c.Statics = append(slices.Clip(c.Statics), col)
			case col.Kind == schema.Regular && !slices.Contains(c.Regulars, col):
				c.Regulars = append(slices.Clip(c.Regulars), col)
			}
		}
	}
}

// Restamp gives all that is written the timestamp of the moment it takes place, in microseconds, and deletions the one before:
// what a batch writes is not hidden by what it deletes (org.apache.cassandra.db.partitions.PartitionUpdate.withUpdatedTimestamps).
func (c *Conditional) Restamp(micros int64) {
	for i := range c.Write.Mutations {
		m := &c.Write.Mutations[i]
		restampDeletion(&m.Deletion, micros-1)
		if m.Static != nil {
			restampRow(m.Static, micros)
		}
		for j := range m.Rows {
			restampRow(&m.Rows[j], micros)
		}
		for j := range m.Ranges {
			restampDeletion(&m.Ranges[j].Deletion, micros-1)
		}
	}
	for i := range c.Write.Changes {
		c.Write.Changes[i].To.restamp(micros)
	}
}

func restampDeletion(d *mutation.Deletion, micros int64) {
	if !d.IsNone() {
		d.MarkedAt = micros
	}
}

func restampRow(r *mutation.Row, micros int64) {
	if !r.Live.IsNone() {
		r.Live.Timestamp = micros
	}
	restampDeletion(&r.Deletion, micros-1)
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Complex {
			restampComplex(c, micros)
		} else {
			c.Timestamp = micros
		}
	}
}

// conditionalBatch prepares a BATCH of which at least one statement has IF.
func conditionalBatch(keyspace string, children []*Prepared) *Prepared {
	bind := func(values []Value, ctx Context) (Plan, error) {
		plans := make([]Plan, len(children))
		for i, child := range children {
			var err error
			if plans[i], err = child.Bind(values, ctx); err != nil {
				return nil, err
			}
		}
		return JoinConditional(plans)
	}
	return &Prepared{Keyspace: keyspace, Conditional: true, bind: bind}
}

// JoinConditional makes one of the statements of a batch of which at least one is a *Conditional; the others are *Write.
func JoinConditional(plans []Plan) (*Conditional, error) {
	out := &Conditional{}
	var writes WriteBuffer
	everything := false // is told
	for _, plan := range plans {
		switch plan := plan.(type) {
		case *Write:
			writes.Add(plan)
		case *Conditional:
			if err := out.join(plan); err != nil {
				return nil, err
			}
			everything = everything || plan.Checks[0].Exists != EitherWay
			writes.Add(plan.Write)
		default:
			return nil, errNotBatched
		}
	}
	out.Write = writes.Write()
	for i := range out.Write.Mutations {
		m := &out.Write.Mutations[i]
		switch {
		case m.Table.ID != out.Table.ID:
			return nil, errManyTables
		case !m.Key.Equal(out.Key):
			return nil, errManyPartitions
		}
		out.writesRows = out.writesRows || len(m.Rows) > 0 || len(m.Ranges) > 0 || !m.Deletion.IsNone()
		out.writesStatics = out.writesStatics || m.Static != nil
	}
	out.read()
	told := out.Columns
	out.Columns = out.Table.Columns()
	if !everything {
		out.Columns = nil
		for _, col := range slices.Concat(out.Table.PartitionKey, out.Table.Clustering, told) {
			out.tell(col)
		}
	}
	return out, nil
}

var (
	errNotBatched     = invalidf("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.")
	errManyTables     = invalidf("Batch with conditions cannot span multiple tables")
	errManyPartitions = invalidf("Batch with conditions cannot span multiple partitions")
)

// join adds the checks of one statement of a batch.
func (c *Conditional) join(o *Conditional) error {
	switch {
	case c.Table == nil:
		c.Table, c.Key = o.Table, o.Key
	case c.Table.ID != o.Table.ID:
		return errManyTables
	case !c.Key.Equal(o.Key):
		return errManyPartitions
	}
	c.writesRows, c.writesStatics = c.writesRows || o.writesRows, c.writesStatics || o.writesStatics
	for _, check := range o.Checks {
		i := slices.IndexFunc(c.Checks, func(k Check) bool {
			return k.Static == check.Static && (k.Static || string(k.Clustering) == string(check.Clustering))
		})
		if i < 0 {
			c.Checks = append(c.Checks, check)
			continue
		}
		if err := c.Checks[i].join(check); err != nil {
			return err
		}
	}
	for _, col := range o.Columns {
		c.tell(col)
	}
	return nil
}

// join adds what another statement asks of the same row.
func (k *Check) join(o Check) error {
	switch {
	case k.Exists == o.Exists:
		k.Conditions = slices.Concat(k.Conditions, o.Conditions)
		return nil
	case k.Exists != EitherWay && o.Exists != EitherWay:
		return invalidf("Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row")
	case o.Exists == IfExists:
		return invalidf("Cannot mix IF conditions and IF EXISTS for the same row")
	}
	return invalidf("Cannot mix IF conditions and IF NOT EXISTS for the same row")
}

// single refuses a target of several rows: conditions are of one.
func (tg *target) single() error {
	word := "updates"
	if tg.statement == "DELETE" {
		word = "deletions"
	}
	many := func(ch choice) bool { return ch.list != nil || len(ch.terms) != 1 }
	switch {
	case slices.ContainsFunc(tg.partition, many):
		return invalidf("IN on the partition key is not supported with conditional %s", word)
	case slices.ContainsFunc(tg.clustering, many), tg.several != nil && slices.ContainsFunc(tg.several.parts, func(p clusteringPart) bool { return !p.ranged() && !p.one() }):
		return invalidf("IN on the clustering key columns is not supported with conditional %s", word)
	}
	return nil
}

// row is the row that a target names, once it is single.
func (tg *target) row(values []Value, ctx Context, w *Write) (partition.DecoratedKey, []byte, error) {
	var at []byte
	if len(w.Mutations) > 0 { // what is written is checked, also where the key is another each time it is asked
		m := &w.Mutations[0]
		if len(m.Rows) > 0 {
			at = m.Rows[0].Clustering
		}
		if len(m.Rows) > 0 || tg.wholePartition() {
			return m.Key, at, nil
		}
	}
	keys, err := tg.keys(values, ctx)
	if err != nil {
		return partition.DecoratedKey{}, nil, err
	}
	rows, err := tg.rows(values, ctx)
	if err != nil {
		return partition.DecoratedKey{}, nil, err
	}
	return keys[0], rows[0], nil
}

// regular reports whether a condition is on a column of a row.
func (cs *conditions) regular() bool {
	return cs != nil && slices.ContainsFunc(cs.columns, func(c *condition) bool { return c.Column.Kind == schema.Regular })
}

// requireRow checks that a DELETE with IF names a whole row, or changes statics alone and asks of statics alone.
func (tg *target) requireRow(cells []assignment, cs *conditions) error {
	const must = "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to "
	switch {
	case tg.whole():
		return nil
	case !staticsOnly(cells):
		return invalidf(must + "delete non static columns")
	case cs.regular():
		return invalidf(must + "use IF condition on non static columns")
	}
	return nil
}

// insertIfAbsent prepares INSERT … IF NOT EXISTS.
func (c *compiler) insertIfAbsent(ins *insert) (*Prepared, error) {
	return c.conditional(&conditioning{
		writer: ins.writer, conditions: &conditions{exists: IfAbsent}, bind: func(values []Value, ctx Context) (*Write, error) {
			b := new(WriteBuffer)
			b.Reset()
			return b.Write(), ins.bindInto(b, values, &ctx)
		},
		static: ins.clustering == nil && len(ins.table.Clustering) > 0,
		row: func(_ []Value, _ Context, w *Write) (partition.DecoratedKey, []byte, error) {
			m := &w.Mutations[0]
			if len(m.Rows) == 0 {
				return m.Key, nil, nil
			}
			return m.Key, m.Rows[0].Clustering, nil
		},
	})
}

// targetConditional prepares UPDATE and DELETE with IF.
func (c *compiler) targetConditional(w *writer, tg *target, cs *conditions, bind func(values []Value, ctx Context) (*Write, error)) (*Prepared, error) {
	return c.conditional(&conditioning{
		writer: *w, conditions: cs, bind: bind, row: tg.row, static: tg.wholePartition() && len(w.table.Clustering) > 0,
	})
}

// hasCondition reports whether a statement of a batch has IF.
func hasCondition(s cql.Statement) bool {
	switch s := s.(type) {
	case *cql.Insert:
		return s.IfNotExists
	case *cql.Update:
		return s.IfExists || len(s.If) > 0
	case *cql.Delete:
		return s.IfExists || len(s.If) > 0
	}
	return false
}

// Rows is the read of the rows that are asked: those that checks name, or if there are none the first of the partition, which
// tells a partition that is not there from one without static content. Its columns are the partition key, the clustering,
// Statics and Regulars.
func (c *Conditional) Rows() *Read {
	out := c.reading()
	var wanted []clustering.Slice
	for i := range c.Checks {
		if k := &c.Checks[i]; !k.Static {
			wanted = append(wanted, clustering.RowSlice(k.Clustering))
		}
	}
	if out.Slices = clustering.MakeSlices(wanted); len(wanted) == 0 {
		out.Slices, out.Limit, out.WholePartition = clustering.All(), 1, true
	}
	for i, col := range c.Table.Clustering {
		out.output(col, i)
	}
	c.staticsOf(out)
	out.Fetch = c.Regulars
	for i, col := range c.Regulars {
		out.output(col, i)
	}
	return out
}

// StaticContent is the read of the static columns when none of the rows is there. Its columns are the partition key and Statics.
func (c *Conditional) StaticContent() *Read {
	out := c.reading()
	out.Distinct = true
	out.Slices = clustering.All()
	c.staticsOf(out)
	return out
}

// reading is a read of the partition, with its key.
func (c *Conditional) reading() *Read {
	out := &Read{Table: c.Table, Named: c.Table, Layout: c.Table.PartitionLayout(), Keys: []partition.DecoratedKey{c.Key}}
	for i, col := range c.Table.PartitionKey {
		out.output(col, i)
	}
	return out
}

func (c *Conditional) staticsOf(r *Read) {
	for _, col := range c.Statics {
		r.output(col, slices.Index(c.Table.Statics, col))
	}
}

// output adds a column to the answer.
func (r *Read) output(col *schema.Column, slot int) {
	r.Output = append(r.Output, Output{Name: col.Name, Type: col.Type, Expr: &ColumnExpr{Column: col, Slot: slot}})
}
