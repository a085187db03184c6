package planner

import (
	"errors"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// misfit says in Cassandra's words why a literal of a collection or a tuple is no value of its receiver. err is what reading it said.
func (c *compiler) misfit(t cql.Term, receiver ColumnSpec, err error) error {
	kind, terms := literalElements(t)
	of := receiver.Type
	switch {
	case kind == types.KindList && kind != of.Kind():
		return invalidf("Unexpected receiver type '%s'; only list and vector are expected", of)
	case kind == types.KindTuple && kind != of.Kind():
		return invalidf("Invalid tuple type literal for %s of type %s", receiver.Name, of)
	case kind != of.Kind() && !emptyMap(kind, terms, of):
		return invalidf("Invalid %s literal for %s of type %s", kindWords[kind], receiver.Name, of)
	case kind == types.KindTuple && len(terms) > len(of.Elems()):
		return invalidf("Invalid tuple literal for %s: too many elements. Type %s expects %d but got %d", receiver.Name, of, len(of.Elems()), len(terms))
	}
	for i, e := range terms {
		if err := c.misfitElement(kind, i, e, receiver); err != nil {
			return err
		}
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return invalidf("%v", err)
}

// emptyMap reports whether a literal is `{}` for a map.
func emptyMap(kind types.Kind, terms []cql.Term, of *types.Type) bool {
	return kind == types.KindSet && len(terms) == 0 && of.Kind() == types.KindMap
}

// misfitElement refuses an element of a literal whose class cannot be given to the type of the place.
func (c *compiler) misfitElement(kind types.Kind, i int, e cql.Term, receiver ColumnSpec) error {
	of := receiver.Type.Elems()[i%len(receiver.Type.Elems())]
	inner, _ := literalElements(e)
	switch {
	case c.operandOf(e).fits(of) != notAssignable:
		return nil
	case inner == types.KindList && of.Kind() != inner:
		return invalidf("Unexpected receiver type '%s'; only list and vector are expected", of)
	case kind == types.KindTuple:
		return invalidf("Invalid tuple literal for %s: component %d is not of type %s", receiver.Name, i, of)
	}
	place := "value"
	if kind == types.KindMap && i%2 == 0 {
		place = "key"
	}
	return invalidf("Invalid %s literal for %s: %s %s is not of type %s", kindWords[kind], receiver.Name, place, cql.FormatTerm(e), of)
}
