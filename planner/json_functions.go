package planner

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// isToJSON and isFromJSON tell the functions that take or give values of any type, in both spellings.
func isToJSON(name string) bool   { return name == "to_json" || name == "tojson" }
func isFromJSON(name string) bool { return name == "from_json" || name == "fromjson" }

// toJSONFunction is to_json of values of a type.
func toJSONFunction(name string, of *types.Type) *Function {
	return &Function{Name: name, Args: []*types.Type{of}, Result: types.Text, Eval: func(args [][]byte) ([]byte, error) {
		if k := of.Kind(); len(args[0]) == 0 && k != types.KindText && k != types.KindASCII && k != types.KindBlob {
			return []byte("null"), nil // functions take the empty value of other types for null
		}
		return of.AppendJSON(nil, args[0]), nil
	}}
}

// toJSON is to_json in a selection.
func (s *selectors) toJSON(name string, args []cql.Term) (Expr, error) {
	if len(args) != 1 {
		return nil, invalidf("Invalid number of arguments for function system.%s(any)", name)
	}
	arg, err := s.jsonArgument(name, args[0])
	if err != nil {
		return nil, err
	}
	return &CallExpr{Function: toJSONFunction(name, arg.Type()), Args: []Expr{arg}}, nil
}

func (s *selectors) jsonArgument(name string, t cql.Term) (Expr, error) {
	switch t.(type) {
	case *cql.Literal, *cql.Marker:
		of := preferredType(t)
		if of == nil {
			return nil, untypedJSON(name, t)
		}
		return s.given(t, of)
	}
	return s.expr(t)
}

func untypedJSON(name string, t cql.Term) error {
	return invalidf("Cannot infer type of argument %s in call to function system.%s(any): use type casts to disambiguate", selectorText(t), name)
}

// preferredType is the type of a literal that has no receiver; nil where nothing tells it.
func preferredType(t cql.Term) *types.Type {
	l, ok := t.(*cql.Literal)
	if !ok {
		return nil
	}
	switch l.Class {
	case cql.LiteralString:
		return types.Text
	case cql.LiteralFloat:
		return types.Double
	case cql.LiteralInteger:
		v, _ := new(big.Int).SetString(l.Text, 10)
		switch {
		case v == nil || !v.IsInt64():
			return types.Varint
		case v.Int64() == int64(int32(v.Int64())):
			return types.Int
		}
		return types.Bigint
	}
	return termType(t)
}

// fromJSONTerm is from_json of a text, for a receiver.
type fromJSONTerm struct {
	name string
	of   *types.Type
	text boundTerm
}

func (t *fromJSONTerm) bind(values []Value, ctx Context) ([]byte, bool, error) {
	text, unset, err := t.text.bind(values, ctx)
	switch {
	case err != nil:
		return nil, false, err
	case unset:
		return nil, false, invalidf("Invalid unset value for argument in call to function %s", t.name)
	case text == nil:
		return nil, false, nil
	}
	j, err := types.ReadJSON(string(text))
	if err != nil {
		return nil, false, t.failed("Could not decode JSON string '%s': %v", types.Shown(string(text)), err)
	}
	v, err := t.of.FromJSON(j)
	if err != nil {
		return nil, false, t.failed("%v", err)
	}
	return v, false, nil
}

func (t *fromJSONTerm) failed(format string, args ...any) error {
	return &FunctionError{Keyspace: "system", Function: t.name, Arguments: []string{"text"}, Reason: fmt.Sprintf(format, args...)}
}

// jsonCall resolves to_json and from_json as values; ok is false for calls of other functions.
func (c *compiler) jsonCall(call *cql.FunctionCall, receiver ColumnSpec) (term boundTerm, ok bool, err error) {
	name := strings.ToLower(call.Name)
	switch {
	case !systemFunction(call):
		return nil, false, nil
	case isFromJSON(name):
		term, err = c.fromJSON(name, call.Args, receiver)
		return term, true, err
	case isToJSON(name):
		term, err = c.toJSON(name, call.Args, receiver)
		return term, true, err
	}
	return nil, false, nil
}

func (c *compiler) fromJSON(name string, args []cql.Term, receiver ColumnSpec) (boundTerm, error) {
	if len(args) != 1 {
		return nil, invalidf("Invalid number of arguments for function system.%s(text)", name)
	}
	if of := preferredType(args[0]); of != nil && !assignable(of, types.Text) {
		return nil, invalidf("Function system.%s requires an argument of type text, but found argument %s of type %s", name, selectorText(args[0]), of)
	}
	defer c.slots.inCall()()
	text, err := c.term(args[0], jsonArgumentSpec(name, receiver, types.Text))
	if err != nil {
		return nil, err
	}
	return &fromJSONTerm{name: name, of: receiver.Type, text: text}, nil
}

func (c *compiler) toJSON(name string, args []cql.Term, receiver ColumnSpec) (boundTerm, error) {
	if len(args) != 1 {
		return nil, invalidf("Invalid number of arguments for function system.%s(any)", name)
	}
	of := preferredType(args[0])
	if of == nil {
		if of = termType(args[0]); of == nil {
			return nil, untypedJSON(name, args[0])
		}
	}
	if !assignable(types.Text, receiver.Type) {
		return nil, invalidf("Type error: cannot assign result of function system.%s (type text) to %s (type %s)", name, receiver.Name, receiver.Type)
	}
	defer c.slots.inCall()()
	arg, err := c.term(args[0], jsonArgumentSpec(name, receiver, of))
	if err != nil {
		return nil, err
	}
	return &callTerm{function: toJSONFunction(name, of), args: []boundTerm{arg}}, nil
}

func jsonArgumentSpec(name string, receiver ColumnSpec, of *types.Type) ColumnSpec {
	return ColumnSpec{Keyspace: receiver.Keyspace, Table: receiver.Table, Name: "arg0(system." + name + ")", Type: of}
}
