package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// choice is what WHERE allows a key column to be: one of some values.
type choice struct {
	terms []boundTerm // of = and of IN (…)
	list  *markerTerm // of IN ?
}

// one reports whether the column has one value.
func (ch *choice) one() bool { return ch.list == nil && len(ch.terms) == 1 }

// rangeBound is one side of a range over a clustering column.
type rangeBound struct {
	term      boundTerm
	inclusive bool
}

// target is the WHERE of UPDATE and DELETE: partitions, and rows or a range within each.
type target struct {
	statement  string // UPDATE or DELETE, for errors
	table      *schema.Table
	layout     partition.Layout
	partition  []choice
	clustering []choice       // a prefix of the clustering columns
	ranged     *schema.Column // the clustering column behind the prefix, if it has a range
	low, high  *rangeBound    // on ranged
	several    *access        // what WHERE says of clustering columns, if a relation is of several at once: clustering and ranged say nothing then
}

// combinationsMax is how many keys the INs of one UPDATE or DELETE may multiply to.
const combinationsMax = 65_535

// target checks the WHERE of an UPDATE or DELETE.
func (c *compiler) target(statement string, t *schema.Table, where []cql.Relation) (*target, error) {
	out := &target{
		statement: statement, table: t, layout: t.PartitionLayout(),
		partition: make([]choice, len(t.PartitionKey)), clustering: make([]choice, len(t.Clustering)),
	}
	if slices.ContainsFunc(where, severalAtOnce) {
		if err := c.targetSeveral(out, where); err != nil {
			return nil, err
		}
	} else {
		for _, r := range where {
			if err := c.targetRelation(out, r); err != nil {
				return nil, err
			}
		}
	}
	out.fillBucket()
	if missing := missingChoices(t.PartitionKey, out.partition); missing != "" {
		return nil, invalidf("Some partition key parts are missing: %s", missing)
	}
	return out, out.trimClustering()
}

func (ch *choice) given() bool { return ch.terms != nil || ch.list != nil }

func missingChoices(columns []*schema.Column, choices []choice) string {
	var out []string
	for i := range columns {
		if i >= len(choices) || !choices[i].given() {
			out = append(out, columns[i].Name)
		}
	}
	return strings.Join(out, ", ")
}

// trimClustering keeps the leading restricted clustering columns and refuses gaps: before a range, and
// before or behind an equality.
func (tg *target) trimClustering() error {
	n := 0
	for n < len(tg.clustering) && tg.clustering[n].given() {
		n++
	}
	gap := "PRIMARY KEY column \"%s\" cannot be restricted as preceding column \"%s\" is not restricted"
	if tg.ranged != nil && tg.ranged.Position == n {
		gap = "Clustering column \"%s\" cannot be restricted (preceding column \"%s\" is restricted by a non-EQ relation)"
	}
	for i := n; i < len(tg.clustering); i++ {
		col := tg.table.Clustering[i]
		if tg.clustering[i].given() || col == tg.ranged && i > n {
			return invalidf(gap, col.Name, tg.table.Clustering[n].Name)
		}
	}
	tg.clustering = tg.clustering[:n]
	return nil
}

func (c *compiler) targetRelation(tg *target, r cql.Relation) error {
	switch r := r.(type) {
	case *cql.ColumnRelation:
		return c.targetColumn(tg, r)
	case *cql.InRelation:
		return c.targetIn(tg, r)
	case *cql.TokenRelation:
		return invalidf("The token function cannot be used in WHERE clauses for %s statements", tg.statement)
	case *cql.NullRelation:
		return invalidf("Unsupported restriction: %s", cql.FormatRelation(r))
	}
	return invalidf("this form of WHERE is not supported in UPDATE and DELETE: name key columns with =, IN, <, <=, > or >=")
}

func (c *compiler) targetColumn(tg *target, r *cql.ColumnRelation) error {
	col, slot, err := tg.slot(r.Column.Text)
	if err != nil {
		return err
	}
	term, err := c.columnTerm(tg.table, col, r.Value)
	if err != nil {
		return err
	}
	if r.Op == cql.OpEqual {
		if slot.given() {
			return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", col.Name)
		}
		if col == tg.ranged {
			return invalidf("Column \"%s\" cannot be restricted by both an equality and an inequality relation", col.Name)
		}
		slot.terms = []boundTerm{term}
		return nil
	}
	if r.Op == cql.OpNotEqual {
		return invalidf("Unsupported \"!=\" relation: %s", cql.FormatRelation(r))
	}
	if col.Kind == schema.PartitionKey {
		return invalidf("Only EQ and IN relation are supported on the partition key (unless you use the token() function) for %s statements", tg.statement)
	}
	return tg.addRange(col, r, term)
}

// slot is where the restriction of a key column goes.
func (tg *target) slot(name string) (*schema.Column, *choice, error) {
	col := tg.table.Column(name)
	switch {
	case col == nil:
		return nil, nil, undefinedColumn(tg.table, name)
	case col.Kind == schema.PartitionKey:
		return col, &tg.partition[col.Position], nil
	case col.Kind == schema.ClusteringKey:
		return col, &tg.clustering[col.Position], nil
	}
	return nil, nil, invalidf("Non PRIMARY KEY columns found in where clause: %s ", name)
}

func (tg *target) addRange(col *schema.Column, r *cql.ColumnRelation, term boundTerm) error {
	if tg.clustering[col.Position].given() {
		return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", col.Name)
	}
	if tg.ranged != nil && tg.ranged != col {
		first, last := tg.ranged, col
		if first.Position > last.Position {
			first, last = last, first
		}
		return invalidf("Clustering column \"%s\" cannot be restricted (preceding column \"%s\" is restricted by a non-EQ relation)", last.Name, first.Name)
	}
	tg.ranged = col
	b := &rangeBound{term: term, inclusive: r.Op == cql.OpLessOrEqual || r.Op == cql.OpGreaterOrEqual}
	side, name := &tg.low, "start"
	switch r.Op {
	case cql.OpLess, cql.OpLessOrEqual:
		side, name = &tg.high, "end"
	case cql.OpGreater, cql.OpGreaterOrEqual:
	default:
		return invalidf("this operator is not supported in %s: %s", tg.statement, cql.FormatRelation(r))
	}
	if *side != nil {
		return invalidf("More than one restriction was found for the %s bound on %s", name, col.Name)
	}
	*side = b
	return nil
}

func (c *compiler) targetIn(tg *target, r *cql.InRelation) error {
	col, slot, err := tg.slot(r.Column.Text)
	if err != nil {
		return err
	}
	if r.Negated {
		return invalidf("this operator is not supported in %s: %s", tg.statement, cql.FormatRelation(r))
	}
	if slot.given() {
		return invalidf("%s cannot be restricted by more than one relation if it includes a IN", col.Name)
	}
	if col == tg.ranged {
		return invalidf("Column \"%s\" cannot be restricted by both an equality and an inequality relation", col.Name)
	}
	if r.Marker != nil {
		slot.list = c.marker(r.Marker, inSpec(c.spec(tg.table, col.Name, col.Type)))
		return nil
	}
	slot.terms = []boundTerm{}
	for _, v := range r.Values {
		term, err := c.columnTerm(tg.table, col, v)
		if err != nil {
			return err
		}
		slot.terms = append(slot.terms, term)
	}
	return nil
}

// values are the values a choice allows, in the order given.
func (ch *choice) values(col *schema.Column, values []Value, ctx Context) ([][]byte, error) {
	var out [][]byte
	if ch.list != nil {
		v, unset, err := ch.list.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if unset {
			return nil, unsetKey(col)
		}
		if v == nil {
			return nil, invalidf("Invalid null value for column %s", col.Name)
		}
		elems, err := ch.list.spec.Type.SplitCollection(v)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		for _, e := range elems {
			if err := checkKeyValue(col, e); err != nil {
				return nil, err
			}
		}
		return elems, nil
	}
	for _, t := range ch.terms {
		v, err := bindKeyValue(col, t, values, ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// eachOnce are the values without those that were there before: what IN names twice is one, and a counter must not count it twice.
func eachOnce(values [][]byte) [][]byte {
	if len(values) < 2 {
		return values
	}
	seen := make(map[string]bool, len(values))
	return slices.DeleteFunc(slices.Clone(values), func(v []byte) bool {
		again := seen[string(v)]
		seen[string(v)] = true
		return again
	})
}

// combine multiplies the choices of several columns.
func combine(columns []*schema.Column, choices []choice, values []Value, ctx Context) ([][][]byte, error) {
	out := [][][]byte{nil}
	for i := range choices {
		options, err := choices[i].values(columns[i], values, ctx)
		if err != nil {
			return nil, err
		}
		if err := checkProduct(len(out), len(options)); err != nil {
			return nil, err
		}
		options = eachOnce(options)
		next := make([][][]byte, 0, len(out)*len(options))
		for _, head := range out {
			for _, v := range options {
				next = append(next, append(head[:len(head):len(head)], v))
			}
		}
		out = next
	}
	return out, nil
}

// checkProduct refuses INs that multiply to more than combinationsMax keys or rows.
func checkProduct(a, b int) error {
	if a*b > combinationsMax {
		return invalidf("the IN restrictions of this statement multiply to more than %d keys", combinationsMax)
	}
	return nil
}

// keys are the partitions the target names.
func (tg *target) keys(values []Value, ctx Context) ([]partition.DecoratedKey, error) {
	combinations, err := combine(tg.table.PartitionKey, tg.partition, values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([]partition.DecoratedKey, len(combinations))
	for i, parts := range combinations {
		key, err := tg.layout.Encode(parts)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		out[i] = partition.Decorate(key)
	}
	return out, nil
}

// rows are the encoded clusterings, or prefixes of clusterings, that the target names.
func (tg *target) rows(values []Value, ctx Context) ([][]byte, error) {
	if tg.several != nil {
		return tg.several.bindRows(values, ctx)
	}
	combinations, err := combine(tg.table.Clustering, tg.clustering, values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(combinations))
	for i, parts := range combinations {
		if out[i], err = encodeClustering(tg.table, parts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole reports whether the target names whole rows, not ranges of them.
func (tg *target) whole() bool {
	if tg.several != nil {
		return tg.several.width() == len(tg.table.Clustering) && !tg.several.ranged()
	}
	return len(tg.clustering) == len(tg.table.Clustering) && tg.ranged == nil
}

// wholePartition reports whether the target restricts nothing but the partition key.
func (tg *target) wholePartition() bool {
	return len(tg.clustering) == 0 && tg.ranged == nil && tg.several == nil
}

// slices are the ranges of clusterings the target names: one for each prefix.
func (tg *target) slices(values []Value, ctx Context) ([]clustering.Slice, error) {
	if tg.several != nil {
		return tg.severalSlices(values, ctx)
	}
	prefixes, err := tg.rows(values, ctx)
	if err != nil {
		return nil, err
	}
	out := make([]clustering.Slice, len(prefixes))
	for i, prefix := range prefixes {
		s := clustering.Slice{Start: clustering.Before(prefix), End: clustering.After(prefix)}
		if tg.ranged != nil {
			if s, err = tg.rangeSlice(prefix, s, values, ctx); err != nil {
				return nil, err
			}
		}
		out[i] = s
	}
	return out, nil
}

// rangeSlice narrows a prefix by the range on the next column, whose order may be DESC.
func (tg *target) rangeSlice(prefix []byte, s clustering.Slice, values []Value, ctx Context) (clustering.Slice, error) {
	col := tg.table.Clustering[len(tg.clustering)]
	bound := func(b *rangeBound) ([]byte, error) {
		v, err := bindKeyValue(col, b.term, values, ctx)
		if err != nil {
			return nil, err
		}
		return tg.table.ClusteringLayout()[len(tg.clustering)].Append(prefix[:len(prefix):len(prefix)], v), nil
	}
	first, last := tg.low, tg.high
	if col.Desc {
		first, last = last, first
	}
	if first != nil {
		at, err := bound(first)
		if err != nil {
			return s, err
		}
		if s.Start = clustering.After(at); first.inclusive {
			s.Start = clustering.Before(at)
		}
	}
	if last != nil {
		at, err := bound(last)
		if err != nil {
			return s, err
		}
		if s.End = clustering.Before(at); last.inclusive {
			s.End = clustering.After(at)
		}
	}
	return s, nil
}
