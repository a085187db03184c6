package planner

import (
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// selection is a SELECT, checked against one table.
type selection struct {
	*selectors
	access       *access
	through      *access // of an index, whose rows name the partitions; nil: none
	outputs      []Output
	result       []ColumnSpec // of outputs
	groupBy      []Expr
	fill         *fill // nil without FILL
	distinct     bool
	reverse      bool
	sort         []SortKey // of ORDER BY, for several partitions
	unordered    bool      // there is an ORDER BY, but partitions are not named
	limit        boundTerm
	perPartition boundTerm
	whole        bool
	choice       string   // why this table
	keeps        *keeping // how far back this table goes; nil: as far as the one that is named
	levels       *levels  // rollups that may serve it; nil: none
	warnings     []string
}

func (c *compiler) prepareSelect(stmt *cql.Select) (*Prepared, error) {
	t, err := c.table(stmt.From)
	if err != nil {
		return nil, err
	}
	s, err := c.choose(stmt, t)
	if err != nil {
		return nil, plainError(err)
	}
	if err := s.addLevels(stmt); err != nil {
		return nil, err
	}
	c.partitionIndexes = nil
	if s.table == t {
		s.notePartition()
		s.warnOfAggregation()
	}
	result := make([]ColumnSpec, len(s.outputs))
	for i, o := range s.outputs {
		result[i] = ColumnSpec{Keyspace: t.Keyspace, Table: t.Name, Name: o.Name, Type: o.Type}
	}
	s.result = result
	bind := func(values []Value, ctx Context) (Plan, error) { return s.bind(values, ctx) }
	return &Prepared{Keyspace: t.Keyspace, PartitionKeyIndexes: c.partitionIndexes, Result: result, bind: bind}, nil
}

// notePartition tells drivers which markers make up the partition key.
func (s *selection) notePartition() {
	var key []boundTerm
	for _, k := range s.access.keys {
		if len(k.terms) != 1 {
			return
		}
		key = append(key, k.terms[0])
	}
	if len(key) > 0 && !slices.ContainsFunc(s.table.PartitionKey, func(col *schema.Column) bool { return s.access.columns[col].in }) {
		s.notePartitionMarkers(key)
	}
}

// selection checks a SELECT against table t, of which the statement speaks as named.
func (c *compiler) selection(stmt *cql.Select, t, named *schema.Table) (*selection, error) {
	return c.selectionOf(stmt, t, named, func() (*where, error) { return c.where(t, named, stmt.Where) })
}

// selectionOf checks a SELECT against table t with a WHERE on it.
func (c *compiler) selectionOf(stmt *cql.Select, t, named *schema.Table, where func() (*where, error)) (*selection, error) {
	s := &selection{selectors: &selectors{compiler: c, table: t, named: named}, distinct: stmt.Distinct}
	c.place = c.spec(named, "", nil)
	if err := s.addOutputs(stmt.Selectors); err != nil {
		return nil, err
	}
	if stmt.JSON {
		s.outputs = jsonOutputs(s.outputs)
	}
	w, err := where()
	if err != nil {
		return nil, err
	}
	if s.access, err = w.access(); err != nil {
		return nil, err
	}
	if s.access.unfiltered != "" && stmt.AllowFiltering {
		return nil, invalidf("%s", s.access.unfiltered)
	}
	if err := s.checkSelected(); err != nil {
		return nil, err
	}
	s.whole = !w.clusteringLimited && !w.regularLimited
	for _, col := range s.access.filters {
		if col.Kind == schema.Regular {
			s.slot(col)
		}
	}
	for _, r := range w.contained {
		if r.col.Kind == schema.Regular {
			s.slot(r.col)
		}
	}
	if err := s.checkDistinct(stmt); err != nil {
		return nil, err
	}
	for _, check := range []func(*cql.Select) error{s.addGroups, s.checkSeries, s.addOrder} {
		if err := check(stmt); err != nil {
			return nil, &shapeError{err}
		}
	}
	if err := s.addFill(stmt); err != nil {
		return nil, err
	}
	return s, s.addLimits(stmt)
}

func (s *selection) addOutputs(list []cql.Selector) error {
	for _, sel := range list {
		if _, ok := sel.Term.(*cql.Star); ok {
			for _, col := range s.named.Columns() {
				e, err := s.column(col.Name)
				if err != nil {
					return err
				}
				s.outputs = append(s.outputs, Output{Name: col.Name, Type: e.Type(), Expr: e})
			}
			continue
		}
		e, err := s.expr(sel.Term)
		if err != nil {
			return err
		}
		name := sel.Alias
		if name == "" {
			name = s.plainCasts.text(sel.Term)
		}
		s.outputs = append(s.outputs, Output{Name: name, Type: e.Type(), Expr: e})
	}
	return nil
}

func (s *selection) checkDistinct(stmt *cql.Select) error {
	if !s.distinct {
		return nil
	}
	if s.access.clusteringLimited || s.access.regularLimited {
		return invalidf("SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.")
	}
	asked := map[*schema.Column]bool{}
	for _, o := range s.outputs {
		var wrong *schema.Column
		eachColumn(o.Expr, func(col *schema.Column) {
			asked[col] = true
			if col.Kind != schema.PartitionKey && col.Kind != schema.Static {
				wrong = col
			}
		})
		if wrong != nil {
			return invalidf("SELECT DISTINCT queries must only request partition key columns and/or static columns (not %s)", wrong.Name)
		}
	}
	for _, col := range s.table.PartitionKey {
		if !asked[col] {
			return invalidf("SELECT DISTINCT queries must request all the partition key columns (missing %s)", col.Name)
		}
	}
	if stmt.PerPartitionLimit != nil {
		return invalidf("PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries")
	}
	return nil
}

// eachColumn visits the columns an expression reads.
func eachColumn(e Expr, visit func(*schema.Column)) {
	switch e := e.(type) {
	case *ColumnExpr:
		visit(e.Column)
	case *MetaExpr:
		eachColumn(e.Of, visit)
	case *CallExpr:
		for _, a := range e.Args {
			eachColumn(a, visit)
		}
	case *AggregateExpr:
		if e.Arg != nil {
			eachColumn(e.Arg, visit)
		}
	}
}

// addOrder checks ORDER BY: the clustering order, or its reverse.
func (s *selection) addOrder(stmt *cql.Select) error {
	if len(stmt.OrderBy) == 0 {
		return nil
	}
	s.unordered = s.access.keys == nil
	next, decided := 0, false
	for _, o := range orderings(stmt.OrderBy) {
		col := s.table.Column(o.Column)
		if col == nil {
			return undefinedColumn(s.named, o.Column)
		}
		if col.Kind != schema.ClusteringKey && s.unordered {
			return invalidf("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.")
		}
		if col.Kind != schema.ClusteringKey {
			return invalidf("Order by is currently only supported on the clustered columns of the PRIMARY KEY, got %s", col.Name)
		}
		for ; next != col.Position; next++ {
			if next >= len(s.table.Clustering) {
				return invalidf("Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY")
			}
			if !s.fixed(s.table.Clustering[next]) {
				return invalidf("Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY")
			}
		}
		next++
		reverse := o.Descending != col.Desc
		if decided && reverse != s.reverse {
			return invalidf("Unsupported order by relation")
		}
		s.reverse, decided = reverse, true
		s.sort = append(s.sort, SortKey{Column: col, Desc: o.Descending})
	}
	return nil
}

// orderings are those of ORDER BY, each column once: at its first place, with what is said of it last.
func orderings(all []cql.Ordering) []cql.Ordering {
	var out []cql.Ordering
	for _, o := range all {
		at := slices.IndexFunc(out, func(before cql.Ordering) bool { return before.Column == o.Column })
		if at < 0 {
			out = append(out, o)
		} else {
			out[at].Descending = o.Descending
		}
	}
	return out
}

func (s *selection) addLimits(stmt *cql.Select) (err error) {
	if stmt.PerPartitionLimit != nil {
		if s.grouped && len(s.groupBy) == 0 {
			return invalidf("PER PARTITION LIMIT is not allowed with aggregate queries.")
		}
		if s.perPartition, err = s.term(stmt.PerPartitionLimit, s.spec(s.named, "[per_partition_limit]", types.Int)); err != nil {
			return err
		}
	}
	if stmt.Limit != nil {
		if s.limit, err = s.term(stmt.Limit, s.spec(s.named, "[limit]", types.Int)); err != nil {
			return err
		}
	}
	for _, t := range []boundTerm{s.perPartition, s.limit} {
		if c, ok := t.(constant); ok {
			if _, err := bindLimit(c, nil, Context{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// bindLimit is 0 where there is no limit.
func bindLimit(t boundTerm, values []Value, ctx Context) (int, error) {
	if t == nil {
		return 0, nil
	}
	v, unset, err := t.bind(values, ctx)
	switch {
	case err != nil:
		return 0, err
	case unset:
		return 0, nil
	case len(v) != 4:
		return 0, invalidf("Invalid null value of limit")
	}
	n := types.DecodeInt64(v)
	if n <= 0 {
		return 0, invalidf("LIMIT must be strictly positive")
	}
	return int(n), nil
}

// allSlices is clustering.All, of which nothing is ever changed.
var allSlices = clustering.All()

// bind makes a Read of the values.
func (s *selection) bind(values []Value, ctx Context) (*Read, error) {
	r := &Read{
		Table: s.table, Named: s.named, Choice: s.choice, Reverse: s.reverse, Fetch: s.fetch, Metadata: s.metadata, Grouped: s.grouped || len(s.groupBy) > 0,
		Distinct: s.distinct, WholePartition: s.whole, Layout: s.access.layout, Slices: allSlices, Warnings: s.warnings,
	}
	var err error
	// A limit that is written in the text is refused when it is read: it is the first thing refused here too.
	if r.PartitionMax, err = bindLimit(s.perPartition, values, ctx); err != nil {
		return nil, err
	}
	if r.Limit, err = bindLimit(s.limit, values, ctx); err != nil {
		return nil, err
	}
	if s.keeps != nil {
		if err = s.keeps.check(values, ctx); err != nil {
			return nil, err
		}
	}
	if s.access.adopted != nil {
		if err = s.access.bindBuckets(r, s.sort, values, ctx); err != nil {
			return nil, err
		}
	} else if s.access.keys != nil {
		if r.Keys, err = s.access.bindKeys(values, ctx); err != nil {
			return nil, err
		}
		if len(r.Keys) > 1 || s.access.namesSeveral() {
			r.Sort = s.sort
		}
	} else if r.Range, err = s.access.tokenRange(values, ctx); err != nil {
		return nil, err
	}
	if s.through != nil {
		if err := s.bindThrough(r, values, ctx); err != nil {
			return nil, err
		}
	}
	if len(s.access.parts) > 0 {
		if r.Slices, err = s.access.bindSlices(values, ctx); err != nil {
			return nil, err
		}
	}
	if len(s.access.filters) > 0 || len(s.access.tupleFilters) > 0 || len(s.access.contained) > 0 {
		if r.Filters, err = s.access.bindFilters(values, ctx); err != nil {
			return nil, err
		}
	}
	if err := s.bindOutputs(r, values, ctx); err != nil {
		return nil, err
	}
	if err := s.bindFill(r, values, ctx); err != nil {
		return nil, err
	}
	return r, s.bindLevels(r)
}

func (s *selection) bindOutputs(r *Read, values []Value, ctx Context) error {
	r.Output, r.Columns = s.outputs, s.result
	for i, o := range s.outputs {
		e, err := bindExpr(o.Expr, values, ctx)
		if err != nil {
			return err
		}
		if e == o.Expr {
			continue
		}
		if &r.Output[0] == &s.outputs[0] {
			r.Output = slices.Clone(s.outputs)
		}
		r.Output[i].Expr = e
	}
	var err error
	r.GroupBy, _, err = bindExprs(s.groupBy, values, ctx)
	return err
}
