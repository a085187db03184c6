package planner

import (
	"errors"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// asked is a relation of a WHERE as indexes see it.
type asked struct {
	relation cql.Relation
	column   string
	how      asking
}

// asking says what a relation asks of its column.
type asking uint8

const (
	askEqual asking = iota + 1
	askRange
	askPart  // CONTAINS, CONTAINS KEY, [key] =
	askOther // IN, tuples: no index serves them
)

// indexQuery looks for an index that serves a SELECT.
type indexQuery struct {
	*compiler
	stmt    *cql.Select
	base    *schema.Table
	access  *access // of the base table
	indexes []*schema.Table
	asked   []asked // what the base key does not serve
}

// found is an index with the relation that it finds rows by.
type found struct {
	index *schema.Table
	by    asked
}

// newIndexQuery is nil where the table has no index.
func (c *compiler) newIndexQuery(stmt *cql.Select, base *schema.Table, a *access) *indexQuery {
	if base.Kind != schema.Base {
		return nil
	}
	q := &indexQuery{compiler: c, stmt: stmt, base: base, access: a, indexes: c.schema.IndexesOf(base)}
	if len(q.indexes) == 0 {
		return nil
	}
	filtered := a.keys == nil || slices.ContainsFunc(a.filters, func(col *schema.Column) bool { return col.Kind == schema.ClusteringKey }) ||
		slices.ContainsFunc(a.contained, func(r *contained) bool { return r.col.Kind == schema.ClusteringKey })
	for _, r := range stmt.Where {
		one := askedBy(r)
		col := base.Column(one.column)
		if col == nil || col.Kind == schema.PartitionKey && a.keys != nil || col.Kind == schema.ClusteringKey && !filtered {
			continue // token(…), or the key serves it
		}
		q.asked = append(q.asked, one)
	}
	return q
}

// askedBy reads a relation; token(…) is of no column.
func askedBy(r cql.Relation) asked {
	switch r := r.(type) {
	case *cql.ColumnRelation:
		how := askRange
		switch r.Op {
		case cql.OpEqual:
			how = askEqual
		case cql.OpContains, cql.OpContainsKey:
			how = askPart
		}
		return asked{r, r.Column.Text, how}
	case *cql.InRelation:
		if r.Marker == nil && len(r.Values) == 1 {
			return asked{r, r.Column.Text, askEqual}
		}
		return asked{r, r.Column.Text, askOther}
	case *cql.ElementRelation:
		return asked{r, r.Column.Text, askPart}
	case *cql.TupleRelation:
		return asked{r, r.Columns[0].Text, askOther}
	case *cql.TupleInRelation:
		return asked{r, r.Columns[0].Text, askOther}
	}
	return asked{relation: r, how: askOther}
}

// finds reports whether the index finds rows by what is asked.
func (a *asked) finds(of *schema.IndexOf) bool {
	if of.Column != a.column {
		return false
	}
	switch a.how {
	case askEqual:
		return of.Target == "" || of.Target == schema.IndexFull
	case askPart:
		target := schema.IndexValues
		if r, ok := a.relation.(*cql.ColumnRelation); !ok {
			target = schema.IndexEntries
		} else if r.Op == cql.OpContainsKey {
			target = schema.IndexKeys
		}
		return of.Target == target
	}
	return false
}

// covers reports whether the relation may go with the index without ALLOW FILTERING, as in Cassandra: a
// storage-attached index of numbers and times also takes ranges, which here are filtered.
func (a *asked) covers(t *schema.Table, of *schema.IndexOf) bool {
	if a.how != askRange {
		return a.finds(of)
	}
	if !of.Attached() || of.Column != a.column {
		return false
	}
	switch of := t.Column(a.column).Type; of.Kind() {
	case types.KindText, types.KindASCII, types.KindBoolean, types.KindUUID, types.KindTimeUUID, types.KindBlob:
		return false
	default:
		return !of.IsCollection() && of.Kind() != types.KindTuple
	}
}

// covered reports whether indexes are enough for the statement without ALLOW FILTERING: one index that takes all that
// is asked, or storage-attached ones that do so together.
func (q *indexQuery) covered() bool {
	all := func(indexes []*schema.Table) bool {
		return !slices.ContainsFunc(q.asked, func(a asked) bool {
			return !slices.ContainsFunc(indexes, func(i *schema.Table) bool { return a.covers(q.base, i.Copy.Index) })
		})
	}
	var attached []*schema.Table
	for _, i := range q.indexes {
		if i.Copy.Index.Attached() {
			attached = append(attached, i)
		} else if all([]*schema.Table{i}) {
			return true
		}
	}
	return all(attached)
}

// byIndex is the SELECT by way of an index, nil where none serves it.
func (c *compiler) byIndex(stmt *cql.Select, base *schema.Table, a *access) (*selection, error) {
	q := c.newIndexQuery(stmt, base, a)
	if q == nil || len(q.asked) == 0 || len(stmt.OrderBy) > 0 && a.keys == nil {
		return nil, nil
	}
	covered := q.covered()
	if !covered && !stmt.AllowFiltering {
		return nil, nil
	}
	use, building := q.best()
	switch {
	case a.keys != nil:
		return q.inPartitions(use)
	case use != nil:
		if covered {
			return q.through(use)
		}
		if other := c.bestCopy(stmt, base); other != nil && other.access.refusal == "" {
			return nil, nil // a query table that leaves nothing to filter
		}
		return q.through(use)
	case building != nil && !stmt.AllowFiltering:
		return nil, invalidf("The secondary index '%s' is not yet available as it is building; add ALLOW FILTERING to scan until then", building.Copy.Index.Name)
	}
	return nil, nil // a range alone
}

// best is the index that finds the fewest rows, by estimate; of equal ones the first that the WHERE names. building is
// one that would find them if it were ready.
func (q *indexQuery) best() (use *found, building *schema.Table) {
	least := int64(0)
	for _, a := range q.asked {
		for _, i := range q.indexes {
			if !a.finds(i.Copy.Index) {
				continue
			}
			if i.Copy.State != schema.CopyLive {
				building = i
				continue
			}
			if rows := q.entries(i); use == nil || rows < least {
				use, least = &found{i, a}, rows
			}
		}
	}
	return use, building
}

// entries is about how many rows an index has for a value. An entry for a partition counts as many.
func (q *indexQuery) entries(i *schema.Table) int64 {
	e, known := q.estimateOf(i)
	if !known {
		e = TableEstimate{Rows: assumedRows, Partitions: assumedPartitions}
	}
	rows := max(e.Rows/max(e.Partitions, 1), 1)
	if i.Copy.Index.OfPartition(q.base) {
		rows *= equalShare
	}
	return rows
}

// inPartitions reads partitions that the WHERE names: by the rows of the index that belong to one of them, or all of
// their rows where no index has what is asked.
func (q *indexQuery) inPartitions(use *found) (*selection, error) {
	if use != nil && len(q.stmt.OrderBy) == 0 && q.onePartition() {
		if s, err := q.direct(use); err == nil {
			return s, nil
		}
	}
	s, err := q.selection(q.stmt, q.base, q.base)
	if err == nil {
		s.choice = s.reason()
	}
	return s, err
}

func (q *indexQuery) onePartition() bool {
	return !slices.ContainsFunc(q.access.keys, func(k choice) bool { return k.list != nil || len(k.terms) != 1 })
}

// errIndirect means that the rows of an index cannot answer for those of its base.
var errIndirect = errors.New("the index is not enough")

// direct reads nothing but the index, whose rows have all columns but the static ones and lie in the order of the base.
func (q *indexQuery) direct(use *found) (*selection, error) {
	stmt := q.stmt
	if stmt.Distinct || stmt.PerPartitionLimit != nil || len(stmt.GroupBy.Terms) > 0 || use.index.Copy.Index.OfPartition(q.base) || q.bare(use) {
		return nil, errIndirect
	}
	s, err := q.selectionOf(stmt, use.index, q.base, func() (*where, error) { return q.whereOf(use) })
	if err != nil {
		return nil, err
	}
	s.choice = q.reason(use) + s.access.rest()
	return s, nil
}

// through reads the index alone if that is enough, else the partitions of the base that it names.
func (q *indexQuery) through(use *found) (*selection, error) {
	if s, err := q.direct(use); err == nil {
		return s, nil
	}
	s, err := q.selection(q.stmt, q.base, q.base)
	if err != nil {
		return nil, err
	}
	if q.bare(use) {
		s.choice = s.reason() + "; index " + indexName(use.index) + " has no entries of partitions with static columns alone"
		return s, nil
	}
	w := &where{table: use.index, columns: map[*schema.Column]*restriction{}}
	if err := q.restrict(w, use); err != nil {
		return nil, err
	}
	if s.through, err = w.access(); err != nil {
		return nil, err
	}
	s.choice = q.reason(use) + "; the rows come from the partitions that it names"
	return s, nil
}

// bare reports whether the answer has partitions with static columns alone that the index does not know: it has an entry
// for each row. They are found by the keys of the partitions, without reading them.
func (q *indexQuery) bare(use *found) bool {
	whole := !q.access.clusteringLimited && !q.access.regularLimited
	return whole && len(q.base.Statics) > 0 && q.base.Column(use.by.column).Kind == schema.PartitionKey
}

// reason is the choice of an index, for EXPLAIN.
func (q *indexQuery) reason(use *found) string {
	return "index " + indexName(use.index) + " finds " + servedText(use.index.Copy.Index)
}

// indexName is the name of an index as statements write it.
func indexName(t *schema.Table) string {
	return cql.QuoteIdentifier(t.Keyspace) + "." + cql.QuoteIdentifier(t.Copy.Index.Name)
}

// whereOf is the WHERE on the rows of an index.
func (q *indexQuery) whereOf(use *found) (*where, error) {
	var others []cql.Relation
	for _, r := range q.stmt.Where {
		if _, token := r.(*cql.TokenRelation); !token && r != use.by.relation {
			others = append(others, r)
		}
	}
	w, err := q.where(use.index, q.base, others)
	if err != nil {
		return nil, err
	}
	return w, q.restrict(w, use)
}

// restrict restricts what only an index has: the value it is found by, and the token of the base partition.
func (q *indexQuery) restrict(w *where, use *found) error {
	value, zero := use.index.PartitionKey[0], use.index.PartitionKey[1]
	term, err := q.term(use.by, value.Type)
	if err != nil {
		return err
	}
	w.columns[value] = &restriction{choice: choice{terms: []boundTerm{term}}}
	w.columns[zero] = &restriction{choice: choice{terms: []boundTerm{constant{0}}}}
	token := &restriction{}
	if args := q.partitionTerms(w); args != nil {
		token.terms = []boundTerm{&callTerm{function: tokenFunction(q.base), args: args}}
	} else if err := q.tokenBounds(token); err != nil {
		return err
	}
	if token.given() || token.low != nil || token.high != nil {
		w.columns[use.index.Clustering[0]] = token
	}
	return nil
}

// partitionTerms are the values of the base partition key, nil unless each has one.
func (q *indexQuery) partitionTerms(w *where) []boundTerm {
	var out []boundTerm
	for _, col := range q.base.PartitionKey {
		own := w.table.Column(col.Name)
		r := w.columns[own]
		if r == nil || len(r.terms) != 1 {
			return nil
		}
		out = append(out, r.terms[0])
	}
	return out
}

// tokenBounds takes the bounds of token(…).
func (q *indexQuery) tokenBounds(r *restriction) error {
	w := &where{table: q.base, columns: map[*schema.Column]*restriction{}}
	for _, relation := range q.stmt.Where {
		if t, ok := relation.(*cql.TokenRelation); ok {
			if err := q.whereToken(w, q.base, t); err != nil {
				return err
			}
		}
	}
	r.low, r.high = w.tokenLow, w.tokenHigh
	if r.high != nil {
		r.high = &rangeBound{term: ringEnd{r.high.term}, inclusive: r.high.inclusive}
	}
	return nil
}

// ringEnd is the upper bound of tokens: the least token as an end means that of the ring.
type ringEnd struct{ boundTerm }

func (t ringEnd) bind(values []Value, ctx Context) ([]byte, bool, error) {
	v, unset, err := t.boundTerm.bind(values, ctx)
	if err == nil && len(v) == 8 && partition.Token(types.DecodeInt64(v)) == partition.TokenMin {
		v = types.AppendBigint(nil, math.MaxInt64)
	}
	return v, unset, err
}

// term is the value of some type that an index is asked for.
func (q *indexQuery) term(by asked, of *types.Type) (boundTerm, error) {
	col := q.base.Column(by.column)
	w := &where{table: q.base, columns: map[*schema.Column]*restriction{}}
	var terms []boundTerm
	switch r := by.relation.(type) {
	case *cql.InRelation:
		t, err := q.columnTerm(q.base, col, r.Values[0])
		return &comparedTerm{col, of, []boundTerm{t}}, err
	case *cql.ElementRelation:
		if err := q.whereElement(w, q.base, r); err != nil {
			return nil, err
		}
		terms = w.contained[0].terms
	case *cql.ColumnRelation:
		if by.how == askPart {
			if err := q.whereContains(w, q.base, r); err != nil {
				return nil, err
			}
			terms = w.contained[0].terms
			break
		}
		t, err := q.columnTerm(q.base, col, r.Value)
		if err != nil {
			return nil, err
		}
		terms = []boundTerm{t}
	}
	return &comparedTerm{col, of, terms}, nil
}

// comparedTerm is what an index is asked for: a value, or the tuple of several, in the form that equal ones share. None
// is null.
type comparedTerm struct {
	col   *schema.Column
	of    *types.Type
	terms []boundTerm
}

func (t *comparedTerm) bind(values []Value, ctx Context) ([]byte, bool, error) {
	if len(t.terms) == 1 {
		v, err := bindCompared(t.col, "value", t.terms[0], values, ctx)
		return t.of.OneForm(v), false, err
	}
	out := []byte{}
	for _, one := range t.terms {
		v, err := bindCompared(t.col, "value", one, values, ctx)
		if err != nil {
			return nil, false, err
		}
		out = types.AppendElem(out, v)
	}
	return t.of.OneForm(out), false, nil
}

// Through names the partitions of a Read by the rows of one partition of an index.
type Through struct {
	Index  *schema.Table
	Key    partition.DecoratedKey
	Slices clustering.Slices
}

// bindThrough binds the partition of the index.
func (s *selection) bindThrough(r *Read, values []Value, ctx Context) error {
	keys, err := s.through.bindKeys(values, ctx)
	if err != nil || len(keys) != 1 {
		return err
	}
	r.Through = &Through{Index: s.through.table, Key: keys[0], Slices: clustering.All()}
	if len(s.through.parts) > 0 {
		r.Through.Slices, err = s.through.bindSlices(values, ctx)
	}
	return err
}

// servedText is the one relation that an index serves.
func servedText(of *schema.IndexOf) string {
	name := cql.QuoteIdentifier(of.Column)
	switch of.Target {
	case schema.IndexValues:
		return name + " CONTAINS ?"
	case schema.IndexKeys:
		return name + " CONTAINS KEY ?"
	case schema.IndexEntries:
		return name + "[?] = ?"
	}
	return name + " = ?"
}

// indexHint says what an index of a column that is restricted serves, where that is not enough; empty where there is none.
func (c *compiler) indexHint(stmt *cql.Select, base *schema.Table, a *access) string {
	q := c.newIndexQuery(stmt, base, a)
	if q == nil {
		return ""
	}
	for _, one := range q.asked {
		for _, i := range q.indexes {
			if i.Copy.Index.Column == one.column {
				return "\nIndex " + indexName(i) + " finds rows by " + servedText(i.Copy.Index) + " alone."
			}
		}
	}
	return ""
}
