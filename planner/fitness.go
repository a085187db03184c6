package planner

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// fitness says how well a term fits a type that is expected where it stands.
type fitness uint8

const (
	notAssignable    fitness = iota
	weaklyAssignable         // it can be given, as other types could
	exactMatch               // it is of that very type
)

// operand is a term whose type is asked before the function around it is chosen.
type operand struct {
	c    *compiler
	term cql.Term
	// expr is a part of a selector that has a type by itself; nil for literals, markers and collections of them, and for every
	// term outside of the selection clause.
	expr  Expr
	elems []*operand // of a collection, tuple or user type, or what stands between parentheses; of a map keys and values in turns
	as    *types.Type
	// selected says that the operand is one of a selector.
	selected bool
}

// operandOf is a term outside of the selection clause.
func (c *compiler) operandOf(t cql.Term) *operand {
	o := &operand{c: c, term: t}
	_, elems := literalElements(t)
	if u, ok := t.(*cql.UserTypeLiteral); ok {
		elems = fieldValues(u)
	}
	for _, e := range elems {
		o.elems = append(o.elems, c.operandOf(e))
	}
	return o
}

// operandsOf are terms outside of the selection clause.
func (c *compiler) operandsOf(terms []cql.Term) []*operand {
	out := make([]*operand, len(terms))
	for i, t := range terms {
		out[i] = c.operandOf(t)
	}
	return out
}

// fits reports how well the operand can be given where a type is expected.
func (o *operand) fits(of *types.Type) fitness {
	switch {
	case o.as != nil:
		return typeFits(o.as, of)
	case o.expr != nil:
		return typeFits(o.expr.Type(), of)
	}
	switch t := o.term.(type) {
	case *cql.Literal:
		return literalFits(t, of)
	case *cql.Marker:
		return weaklyAssignable
	case *cql.TypeHint:
		hint, err := o.c.dataType(o.c.place.Keyspace, t.Type)
		if err != nil {
			return weaklyAssignable // the error is told when the hint is read
		}
		return typeFits(hint, of)
	case *cql.UserTypeLiteral:
		return o.fieldsFit(t, of)
	case *cql.FunctionCall, *cql.Binary, *cql.Negation, *cql.Cast:
		f, err := o.c.resolved(t, of)
		if f == nil || err != nil {
			return weaklyAssignable // the error is told when the call is read
		}
		return typeFits(f.Result, of)
	}
	return o.elementsFit(of)
}

// elementsFit is fits of a literal of a collection, a tuple or a user type.
func (o *operand) elementsFit(of *types.Type) fitness {
	kind, _ := literalElements(o.term)
	if kind == types.KindTuple && of.Kind() != types.KindTuple && len(o.elems) == 1 {
		return o.elems[0].fits(of) // parentheses
	}
	switch {
	case kind == 0:
		return notAssignable
	case kind == types.KindTuple && kind == of.Kind():
		return o.tupleFits(of)
	case len(o.elems) == 0 && (kind == of.Kind() || kind == types.KindSet && of.Kind() == types.KindMap):
		return weaklyAssignable
	case kind != of.Kind():
		return notAssignable
	}
	out := exactMatch
	for i, e := range o.elems {
		out = min(out, e.fits(of.Elems()[i%len(of.Elems())]))
	}
	return out
}

// tupleFits is fits of a tuple: it never matches exactly, since null stands for what is left out.
func (o *operand) tupleFits(of *types.Type) fitness {
	if len(o.elems) > len(of.Elems()) {
		return notAssignable
	}
	out := weaklyAssignable
	for i, e := range o.elems {
		out = min(out, e.fits(of.Elems()[i]))
	}
	return out
}

// typeFits reports how well a value of one type can be given where another is expected.
func typeFits(from, to *types.Type) fitness {
	switch {
	case types.Frozen(from).Equal(types.Frozen(to)):
		return exactMatch
	case assignable(from, to):
		return weaklyAssignable
	}
	return notAssignable
}

// literalFits is fits of a literal that is no collection.
func literalFits(l *cql.Literal, of *types.Type) fitness {
	if l.Class == cql.LiteralNull {
		if of.Kind() == types.KindCounter {
			return notAssignable
		}
		return weaklyAssignable
	}
	if !of.Takes(types.LiteralClass(l.Class)) {
		return notAssignable
	}
	if preferred := preferredType(l); preferred != nil && preferred.Equal(of) {
		return exactMatch
	}
	return weaklyAssignable
}

// preferredType is the type that a literal is taken for where several would do; nil for null and for blobs.
func preferredType(l *cql.Literal) *types.Type {
	switch l.Class {
	case cql.LiteralString:
		if strings.IndexFunc(l.Text, func(r rune) bool { return r > 127 }) >= 0 {
			return types.Text
		}
		return types.ASCII
	case cql.LiteralInteger:
		if len(l.Text) > 40 {
			return types.Varint
		}
		v, ok := new(big.Int).SetString(l.Text, 10)
		switch {
		case ok && v.IsInt64() && v.Int64() == int64(int32(v.Int64())):
			return types.Int
		case ok && v.IsInt64():
			return types.Bigint
		}
		return types.Varint
	case cql.LiteralFloat:
		return preferredFloat(l.Text)
	case cql.LiteralBoolean:
		return types.Boolean
	case cql.LiteralUUID:
		if len(l.Text) > 14 && l.Text[14] == '1' {
			return types.TimeUUID
		}
		return types.UUID
	case cql.LiteralDuration:
		return types.Duration
	}
	return nil
}

// preferredFloat is double, or decimal for what a double cannot hold.
func preferredFloat(text string) *types.Type {
	v, err := types.Double.ParseLiteral(types.Literal{Class: types.LitFloat, Text: text})
	if err != nil {
		return types.Decimal
	}
	f := types.DecodeFloat64(v)
	if math.IsNaN(f) || math.IsInf(f, 0) && strings.HasSuffix(text, "y") {
		return types.Double
	}
	exact, err := types.Decimal.ParseLiteral(types.Literal{Class: types.LitFloat, Text: text})
	if err != nil || math.IsInf(f, 0) || types.Decimal.Compare(exact, decimalBytes(f)) != 0 {
		return types.Decimal
	}
	return types.Double
}

// exact is the type of the operand if it has one by itself, whatever stands around it; else nil.
func (o *operand) exact() *types.Type {
	switch {
	case o.as != nil:
		return o.as
	case o.expr != nil:
		return o.expr.Type()
	}
	switch t := o.term.(type) {
	case *cql.TypeHint:
		if of, err := o.c.dataType(o.c.place.Keyspace, t.Type); err == nil {
			return of
		}
	case *cql.FunctionCall, *cql.Binary, *cql.Negation, *cql.Cast:
		if f, err := o.c.resolved(t, nil); f != nil && err == nil {
			return f.Result
		}
	case *cql.ListLiteral, *cql.SetLiteral:
		for _, e := range o.elems {
			if of := e.exact(); of != nil {
				return collectionOf(t, of)
			}
		}
	case *cql.TupleLiteral:
		if len(o.elems) > 1 { // one between parentheses may be meant either way
			return o.tupleOf((*operand).exact)
		}
	}
	return nil
}

// compatible is a type that the operand can be taken for where any would do; nil if nothing tells. As in Cassandra, lists of literals
// have one among selectors alone, and maps elsewhere alone.
func (o *operand) compatible() *types.Type {
	if of := o.exact(); of != nil {
		return of
	}
	switch t := o.term.(type) {
	case *cql.Literal:
		return preferredType(t)
	case *cql.ListLiteral, *cql.SetLiteral:
		if _, list := t.(*cql.ListLiteral); list && !o.selected {
			return nil
		}
		if of := commonType(o.elems); of != nil {
			return collectionOf(t, of)
		}
	case *cql.MapLiteral:
		if key, value := commonType(everyOperand(o.elems, 0)), commonType(everyOperand(o.elems, 1)); !o.selected && key != nil && value != nil {
			return types.Frozen(types.MapOf(key, value))
		}
	case *cql.TupleLiteral:
		if len(o.elems) > 1 {
			return o.tupleOf((*operand).compatible)
		}
	}
	return nil
}

// everyOperand is the keys or the values of a map's literal.
func everyOperand(entries []*operand, first int) []*operand {
	var out []*operand
	for i := first; i < len(entries); i += 2 {
		out = append(out, entries[i])
	}
	return out
}

// commonType is a type of one of the operands that all of them can be given as; nil if there is none.
func commonType(operands []*operand) *types.Type {
	var found []*types.Type
	for _, e := range operands {
		if of := e.compatible(); of != nil {
			found = append(found, of)
		}
	}
	for _, to := range found {
		if !slices.ContainsFunc(found, func(from *types.Type) bool { return typeFits(from, to) == notAssignable }) {
			return to
		}
	}
	return nil
}

// collectionOf is the type of a list or set of elements of a type.
func collectionOf(t cql.Term, elem *types.Type) *types.Type {
	if _, ok := t.(*cql.SetLiteral); ok {
		return types.Frozen(types.SetOf(types.Frozen(elem)))
	}
	return types.Frozen(types.ListOf(types.Frozen(elem)))
}

// tupleOf is the type of a tuple each of whose elements has one; else nil.
func (o *operand) tupleOf(typeOf func(*operand) *types.Type) *types.Type {
	elems := make([]*types.Type, len(o.elems))
	for i, e := range o.elems {
		if elems[i] = typeOf(e); elems[i] == nil {
			return nil
		}
	}
	return types.TupleOf(elems...)
}

// String is the operand as it is written.
func (o *operand) String() string { return selectorText(o.term) }
