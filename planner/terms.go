package planner

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// compiler checks one statement against a schema and collects its markers.
type compiler struct {
	schema   *schema.Snapshot
	keyspace string // of the connection; empty when none was set
	// statistics are of the tables as they are; nil: nothing is known.
	statistics Statistics
	markers    []ColumnSpec
	slots      *slots // of a shape; nil: literals are constants
	// calls are the functions chosen for calls outside of the selection clause, so that each is chosen once however deep it stands.
	calls map[callKey]callChoice
	place ColumnSpec // of the term under way: what receives it
	// partitionIndexes are the markers that make up the partition key, once it is known that markers alone do.
	partitionIndexes []uint16
}

// boundTerm is a term whose type is known; with values it becomes bytes.
type boundTerm interface {
	// bind returns the serialized value, nil for null; unset is true for a marker without a value.
	bind(values []Value, ctx Context) (value []byte, unset bool, err error)
}

// constant is a literal.
type constant []byte

func (c constant) bind([]Value, Context) ([]byte, bool, error) { return c, false, nil }

// markerTerm is a bind marker.
type markerTerm struct {
	index int
	spec  ColumnSpec
}

func (m *markerTerm) bind(values []Value, _ Context) ([]byte, bool, error) { return m.value(values) }

// bindTerm is bind without what an interface costs for the most usual terms.
func bindTerm(t boundTerm, values []Value, ctx *Context) (value []byte, unset bool, err error) {
	switch t := t.(type) {
	case *markerTerm:
		return t.value(values)
	case cutTerm:
		return values[t].Bytes, false, nil
	}
	return t.bind(values, *ctx)
}

func (m *markerTerm) value(values []Value) ([]byte, bool, error) {
	if m.index >= len(values) {
		return nil, false, invalidf("Invalid amount of bind variables")
	}
	v := values[m.index]
	if v.Unset || v.Bytes == nil {
		return nil, v.Unset, nil
	}
	if err := m.spec.Type.Validate(v.Bytes); err != nil {
		return nil, false, invalidf("Exception while binding column %s: %v", m.spec.Name, err)
	}
	return v.Bytes, false, nil
}

// contextTerm is a function of the moment, such as now().
type contextTerm struct{ eval func(ctx Context) []byte }

func (t contextTerm) bind(_ []Value, ctx Context) ([]byte, bool, error) {
	return t.eval(ctx), false, nil
}

// callTerm is a scalar function of other terms.
type callTerm struct {
	function *Function
	args     []boundTerm
}

func (t *callTerm) bind(values []Value, ctx Context) ([]byte, bool, error) {
	args := make([][]byte, len(t.args))
	for i, a := range t.args {
		v, unset, err := a.bind(values, ctx)
		if err != nil {
			return nil, false, err
		}
		if unset {
			return nil, false, invalidf("Invalid unset value for argument in call to function %s", t.function.Name)
		}
		args[i] = v
	}
	v, err := t.function.Eval(args)
	return v, false, err
}

// marker records a bind marker under the name and type of what it is for.
func (c *compiler) marker(m *cql.Marker, receiver ColumnSpec) *markerTerm {
	if m.Name != "" {
		receiver.Name = m.Name
	}
	for len(c.markers) <= m.Index {
		c.markers = append(c.markers, ColumnSpec{})
	}
	c.markers[m.Index] = receiver
	return &markerTerm{index: m.Index, spec: receiver}
}

// term checks a term against the column that receives it.
func (c *compiler) term(t cql.Term, receiver ColumnSpec) (boundTerm, error) {
	switch t := t.(type) {
	case *cql.Literal:
		if place, ok := c.slots.take(t, receiver.Type); ok {
			return cutTerm(place), nil
		}
		return literalTerm(t, receiver)
	case *cql.Marker:
		return c.marker(t, receiver), nil
	case *cql.FunctionCall, *cql.Binary, *cql.Negation, *cql.Cast:
		return c.callTerm(t, receiver)
	case *cql.TypeHint:
		return c.hinted(t, receiver)
	case *cql.UserTypeLiteral:
		return c.fields(t, receiver)
	case *cql.ListLiteral, *cql.SetLiteral, *cql.MapLiteral, *cql.TupleLiteral:
		if one, ok := t.(*cql.TupleLiteral); ok && len(one.Elems) == 1 && receiver.Type.Kind() != types.KindTuple {
			return c.term(one.Elems[0], receiver) // parentheses
		}
		if !constantTerm(t) || c.slots.open(t) {
			return c.elements(t, receiver)
		}
		return c.collectionTerm(t, receiver)
	default:
		return nil, invalidf("%s cannot be given as the value of %s", cql.FormatTerm(t), receiver.Name)
	}
}

// literalTerm turns a literal into the receiver's bytes.
func literalTerm(l *cql.Literal, receiver ColumnSpec) (boundTerm, error) {
	if l.Class == cql.LiteralNull {
		return constant(nil), nil
	}
	v, err := receiver.Type.ParseLiteral(typesLiteral(l))
	if errors.Is(err, types.ErrWrongClass) {
		return nil, invalidf("Invalid %s constant (%s) for \"%s\" of type %s", className(l.Class), l.Text, receiver.Name, receiver.Type)
	}
	if err != nil {
		return nil, invalidf("%v", err)
	}
	return constant(v), nil
}

// hinted checks a term with a type hint: the hint must fit the receiver, whose type the term then is of.
func (c *compiler) hinted(t *cql.TypeHint, receiver ColumnSpec) (boundTerm, error) {
	of, err := c.dataType(receiver.Keyspace, t.Type)
	if err != nil {
		return nil, err
	}
	if c.operandOf(t.Operand).fits(of) == notAssignable {
		return nil, invalidf("Cannot cast value %s to type %s", selectorText(t.Operand), of)
	}
	if !assignable(of, receiver.Type) {
		return nil, invalidf("Cannot assign value %s to %s of type %s", selectorText(t), receiver.Name, receiver.Type)
	}
	return c.term(t.Operand, receiver)
}

// callKey is a call and the type that receives its result; nil where any would do.
type callKey struct {
	term     cql.Term
	receiver *types.Type
}

// callChoice is the function of a call; nil: there is none of its name.
type callChoice struct {
	function *Function
	err      error
}

// resolved is the function of a call or of arithmetic outside of the selection clause.
func (c *compiler) resolved(t cql.Term, receiver *types.Type) (*Function, error) {
	key := callKey{t, receiver}
	if chosen, ok := c.calls[key]; ok {
		return chosen.function, chosen.err
	}
	name, terms, _ := callOf(t)
	args := c.operandsOf(terms)
	literalZone(name, args)
	f, err := c.function(name, args, receiver)
	if c.calls == nil {
		c.calls = map[callKey]callChoice{}
	}
	c.calls[key] = callChoice{f, err}
	return f, err
}

// callTerm checks a function call, or arithmetic, whose result goes to the receiver.
func (c *compiler) callTerm(t cql.Term, receiver ColumnSpec) (boundTerm, error) {
	name, terms, _ := callOf(t)
	outer := c.place
	c.place = receiver
	defer func() { c.place = outer }()
	f, err := c.resolved(t, receiver.Type)
	switch {
	case err != nil:
		return nil, err
	case f == nil && name.builtin() && aggregateFunction(name.name):
		return nil, invalidf("Aggregation function are not supported in the where clause")
	case f == nil:
		return nil, invalidf("Unknown function %s called", name)
	case !assignable(f.Result, receiver.Type):
		return nil, invalidf("Type error: cannot assign result of function system.%s (type %s) to %s (type %s)", f.Name, f.Result, receiver.Name, receiver.Type)
	case f.moment != nil:
		return contextTerm{f.moment}, nil
	}
	out := &callTerm{function: f, args: make([]boundTerm, len(terms))}
	defer c.slots.inCall()()
	for i, a := range terms {
		spec := receiver
		spec.Name, spec.Type = fmt.Sprintf("arg%d(system.%s)", i, f.Name), f.Args[i]
		if out.args[i], err = c.term(a, spec); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// collectionTerm turns a frozen collection literal of constants into bytes.
func (c *compiler) collectionTerm(t cql.Term, receiver ColumnSpec) (boundTerm, error) {
	v, err := receiver.Type.ParseLiteral(nestedLiteral(t))
	if err != nil {
		return nil, c.misfit(t, receiver, err)
	}
	return constant(v), nil
}

// assignable reports whether a value of one type may be stored as another without conversion.
func assignable(from, to *types.Type) bool {
	if from.Equal(to) {
		return true
	}
	switch to.Kind() {
	case types.KindText:
		return from.Kind() == types.KindASCII
	case types.KindBlob:
		return true
	case types.KindUUID:
		return from.Kind() == types.KindTimeUUID
	case types.KindVarint:
		return from.Kind() == types.KindInt || from.Kind() == types.KindBigint || from.Kind() == types.KindTimestamp
	case types.KindBigint:
		return from.Kind() == types.KindTimestamp
	case types.KindTimestamp, types.KindTime:
		return from.Kind() == types.KindBigint
	case types.KindDate:
		return from.Kind() == types.KindInt
	case types.KindList, types.KindSet, types.KindMap, types.KindTuple:
		return assignableElems(from, to)
	}
	return false
}

// assignableElems is assignable of collections and tuples: a tuple may have fewer elements than are expected.
func assignableElems(from, to *types.Type) bool {
	if from.Kind() != to.Kind() || len(from.Elems()) > len(to.Elems()) {
		return false
	}
	for i, e := range from.Elems() {
		if !assignable(e, to.Elems()[i]) {
			return false
		}
	}
	return true
}
