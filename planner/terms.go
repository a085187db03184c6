package planner

import (
	"errors"
	"fmt"
	"strings"

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
	case *cql.FunctionCall:
		return c.callTerm(t, receiver)
	case *cql.TypeHint:
		of, err := c.dataType(receiver.Keyspace, t.Type)
		if err != nil {
			return nil, err
		}
		if !assignable(of, receiver.Type) {
			return nil, invalidf("Cannot assign value %s to %s of type %s", cql.FormatTerm(t), receiver.Name, receiver.Type)
		}
		return c.term(t.Operand, ColumnSpec{Keyspace: receiver.Keyspace, Table: receiver.Table, Name: receiver.Name, Type: of})
	case *cql.UserTypeLiteral:
		return c.fields(t, receiver)
	case *cql.ListLiteral, *cql.SetLiteral, *cql.MapLiteral, *cql.TupleLiteral:
		if !constantTerm(t) {
			return c.elements(t, receiver)
		}
		return collectionTerm(t, receiver)
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

// callTerm resolves a function call whose result goes to the receiver.
func (c *compiler) callTerm(call *cql.FunctionCall, receiver ColumnSpec) (boundTerm, error) {
	if term, ok, err := c.jsonCall(call, receiver); ok {
		return term, err
	}
	if of, eval, ok := contextFunction(call); ok {
		if !assignable(of, receiver.Type) {
			return nil, invalidf("Type error: cannot assign result of function system.%s (type %s) to %s (type %s)", call.Name, of, receiver.Name, receiver.Type)
		}
		return contextTerm{eval}, nil
	}
	argTypes := make([]*types.Type, len(call.Args))
	for i, a := range call.Args {
		argTypes[i] = termType(a)
	}
	literalZone(strings.ToLower(call.Name), call.Args, argTypes)
	fn, err := scalarFunction(call.Name, argTypes, receiver.Type)
	if err != nil {
		return nil, err
	}
	if !assignable(fn.Result, receiver.Type) {
		return nil, invalidf("Type error: cannot assign result of function system.%s (type %s) to %s (type %s)", call.Name, fn.Result, receiver.Name, receiver.Type)
	}
	out := &callTerm{function: fn, args: make([]boundTerm, len(call.Args))}
	defer c.slots.inCall()()
	for i, a := range call.Args {
		arg, err := c.term(a, ColumnSpec{Keyspace: receiver.Keyspace, Table: receiver.Table, Name: fmt.Sprintf("arg%d(system.%s)", i, call.Name), Type: fn.Args[i]})
		if err != nil {
			return nil, err
		}
		out.args[i] = arg
	}
	return out, nil
}

// termType is the type a term has by itself; nil when only its receiver can tell.
func termType(t cql.Term) *types.Type {
	switch t := t.(type) {
	case *cql.FunctionCall:
		if of, _, ok := contextFunction(t); ok {
			return of
		}
		args := make([]*types.Type, len(t.Args))
		for i, a := range t.Args {
			args[i] = termType(a)
		}
		literalZone(strings.ToLower(t.Name), t.Args, args)
		if fn, err := scalarFunction(t.Name, args, nil); err == nil {
			return fn.Result
		}
	case *cql.TypeHint:
		if of, err := builtInType(t.Type); err == nil {
			return of
		}
	case *cql.Literal:
		switch t.Class {
		case cql.LiteralUUID:
			return types.UUID
		case cql.LiteralBoolean:
			return types.Boolean
		case cql.LiteralBlob:
			return types.Blob
		case cql.LiteralDuration:
			return types.Duration
		}
	}
	return nil
}

// collectionTerm turns a frozen collection literal of constants into bytes.
func collectionTerm(t cql.Term, receiver ColumnSpec) (boundTerm, error) {
	v, err := receiver.Type.ParseLiteral(nestedLiteral(t))
	if err != nil {
		return nil, misfit(t, receiver, err)
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
		return from.Kind() == types.KindInt || from.Kind() == types.KindBigint
	case types.KindBigint:
		return from.Kind() == types.KindTimestamp
	}
	return false
}
