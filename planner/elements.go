package planner

import (
	"fmt"
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// elementsTerm is a collection or a tuple of terms that are not all constants.
type elementsTerm struct {
	of    *types.Type
	name  string      // of the receiver, for errors
	elems []boundTerm // of a map keys and values in turns
}

func (t *elementsTerm) bind(values []Value, ctx Context) ([]byte, bool, error) {
	elems := make([][]byte, len(t.elems))
	for i, e := range t.elems {
		v, unset, err := e.bind(values, ctx)
		switch {
		case err != nil:
			return nil, false, err
		case unset:
			return nil, false, invalidf("Invalid unset value for element %d of %s", i, t.name)
		case v == nil && t.of.IsCollection():
			return nil, false, invalidf("null is not supported inside collections")
		}
		elems[i] = v
	}
	return t.of.AppendCollection(nil, t.of.InOrder(elems)), false, nil
}

// elements checks a collection or tuple literal with markers or functions in it, for a receiver. As in Cassandra, markers stand in
// tuples alone.
func (c *compiler) elements(t cql.Term, receiver ColumnSpec) (boundTerm, error) {
	of := receiver.Type
	kind, terms := literalElements(t)
	if kind != of.Kind() || kind == types.KindTuple && len(terms) > len(of.Elems()) {
		return nil, c.misfit(t, receiver, types.ErrWrongClass)
	}
	out := &elementsTerm{of: of, name: receiver.Name, elems: make([]boundTerm, len(terms))}
	for i, term := range terms {
		spec := receiver
		spec.Name, spec.Type = elementName(kind, receiver.Name, i), of.Elems()[i%len(of.Elems())]
		if err := c.misfitElement(kind, i, term, receiver); err != nil {
			return nil, err
		}
		var err error
		if out.elems[i], err = c.term(term, spec); err != nil {
			return nil, err
		}
	}
	if kind != types.KindTuple && slices.ContainsFunc(terms, hasMarker) {
		return nil, invalidf("Invalid %s literal for %s: bind variables are not supported inside collection literals", kindWords[kind], receiver.Name)
	}
	return out, nil
}

var kindWords = map[types.Kind]string{types.KindList: "list", types.KindSet: "set", types.KindMap: "map", types.KindTuple: "tuple"}

// hasMarker reports whether a term is a marker, or a literal or a call with one in it.
func hasMarker(t cql.Term) bool {
	switch t := t.(type) {
	case *cql.Marker:
		return true
	case *cql.UserTypeLiteral:
		return slices.ContainsFunc(t.Fields, func(f cql.FieldValue) bool { return hasMarker(f.Value) })
	case *cql.FunctionCall:
		return slices.ContainsFunc(t.Args, hasMarker)
	}
	_, elems := literalElements(t)
	return slices.ContainsFunc(elems, hasMarker)
}

// elementName is the name of a marker in the place of an element, as Cassandra gives it.
func elementName(kind types.Kind, column string, i int) string {
	switch {
	case kind == types.KindTuple:
		return fmt.Sprintf("%s[%d]", column, i)
	case kind == types.KindMap && i%2 == 0:
		return "key(" + column + ")"
	}
	return "value(" + column + ")"
}

// withoutParentheses is a term without the parentheses that a tuple of one may be, where no tuple can stand.
func withoutParentheses(t cql.Term) cql.Term {
	for {
		one, ok := t.(*cql.TupleLiteral)
		if !ok || len(one.Elems) != 1 {
			return t
		}
		t = one.Elems[0]
	}
}

// literalElements are the terms of a literal, and the kind of type that it is of.
func literalElements(t cql.Term) (types.Kind, []cql.Term) {
	switch t := t.(type) {
	case *cql.ListLiteral:
		return types.KindList, t.Elems
	case *cql.SetLiteral:
		return types.KindSet, t.Elems
	case *cql.TupleLiteral:
		return types.KindTuple, t.Elems
	case *cql.MapLiteral:
		var out []cql.Term
		for _, e := range t.Entries {
			out = append(out, e.Key, e.Value)
		}
		return types.KindMap, out
	}
	return 0, nil
}

// constantTerm reports whether a term is a literal through and through.
func constantTerm(t cql.Term) bool {
	if _, ok := t.(*cql.Literal); ok {
		return true
	}
	kind, elems := literalElements(t)
	if kind == types.KindTuple && len(elems) == 1 {
		return false // it may be parentheses
	}
	for _, e := range elems {
		if !constantTerm(e) {
			return false
		}
	}
	return kind != 0
}
