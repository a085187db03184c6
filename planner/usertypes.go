package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// fieldsTerm is a value of a user type, by its fields.
type fieldsTerm struct {
	of     *types.Type
	fields []boundTerm // as many as of has; nil: null
}

func (t *fieldsTerm) bind(values []Value, ctx Context) ([]byte, bool, error) {
	elems := make([][]byte, len(t.fields))
	for i, f := range t.fields {
		if f == nil {
			continue
		}
		v, unset, err := f.bind(values, ctx)
		if err != nil {
			return nil, false, err
		}
		if unset {
			_, name := t.of.UDTName()
			return nil, false, invalidf("Invalid unset value for field '%s' of user defined type %s", t.of.Fields()[i], name)
		}
		elems[i] = v
	}
	return t.of.AppendCollection(nil, elems), false, nil
}

// fields checks a literal of a user type for a receiver. Of a field that is named twice the last value counts.
func (c *compiler) fields(t *cql.UserTypeLiteral, receiver ColumnSpec) (boundTerm, error) {
	of := receiver.Type
	if of.Kind() != types.KindUDT {
		return nil, invalidf("Invalid user type literal for %s of type %s", receiver.Name, of)
	}
	given := map[string]cql.Term{}
	for _, f := range t.Fields {
		given[f.Name.Text] = f.Value
	}
	out := &fieldsTerm{of: of, fields: make([]boundTerm, len(of.Fields()))}
	found := 0
	for i, name := range of.Fields() {
		value, ok := given[name]
		if !ok {
			continue
		}
		found++
		spec := ColumnSpec{Keyspace: receiver.Keyspace, Table: receiver.Table, Name: receiver.Name + "." + name, Type: of.Elems()[i]}
		if c.operandOf(value).fits(spec.Type) == notAssignable {
			return nil, invalidf("Invalid user type literal for %s: field %s is not of type %s", receiver.Name, name, spec.Type)
		}
		var err error
		if out.fields[i], err = c.term(value, spec); err != nil {
			return nil, err
		}
	}
	if found < len(given) {
		for _, f := range t.Fields {
			if at, _ := of.Field(f.Name.Text); at < 0 {
				_, name := of.UDTName()
				return nil, invalidf("Unknown field '%s' in value of user defined type %s", f.Name.Text, name)
			}
		}
	}
	if slices.ContainsFunc(out.fields, func(f boundTerm) bool { _, known := f.(constant); return f != nil && !known }) {
		return out, nil
	}
	v, _, err := out.bind(nil, Context{})
	return constant(v), err
}

// fieldValues are the values of a literal of a user type, in the order of the text.
func fieldValues(t *cql.UserTypeLiteral) []cql.Term {
	out := make([]cql.Term, len(t.Fields))
	for i, f := range t.Fields {
		out[i] = f.Value
	}
	return out
}

// fieldsFit is fits of a literal of a user type: it never matches exactly, since null stands for what is left out. Among selectors
// it may be a map whose keys are columns.
func (o *operand) fieldsFit(t *cql.UserTypeLiteral, of *types.Type) fitness {
	if of.Kind() == types.KindMap {
		return weaklyAssignable // the keys are judged when they are read
	}
	if of.Kind() != types.KindUDT {
		return notAssignable
	}
	for i, f := range t.Fields {
		if at, field := of.Field(f.Name.Text); at >= 0 && o.elems[i].fits(field) == notAssignable {
			return notAssignable
		}
	}
	return weaklyAssignable
}

// fieldsOf is a selected value of a user type, by its fields, or a map whose keys are columns.
func (s *selectors) fieldsOf(t *cql.UserTypeLiteral, values []*operand, of *types.Type) (Expr, error) {
	if of.Kind() == types.KindMap {
		m := &cql.MapLiteral{Pos: t.Pos}
		for _, f := range t.Fields {
			m.Entries = append(m.Entries, cql.MapEntry{Key: &cql.ColumnRef{Pos: t.Pos, Name: f.Name.Text}, Value: f.Value})
		}
		return s.exprOf(m, of)
	}
	f := &Function{Name: "", Args: of.Elems(), Result: of, Eval: func(args [][]byte) ([]byte, error) { return of.AppendCollection(nil, args), nil }}
	call := &CallExpr{Function: f, Args: make([]Expr, len(of.Elems()))}
	for i, field := range of.Elems() {
		call.Args[i] = &ConstExpr{Of: field}
	}
	for i, given := range t.Fields {
		at, field := of.Field(given.Name.Text)
		if at < 0 {
			_, name := of.UDTName()
			return nil, invalidf("Unknown field '%s' in value of user defined type %s", given.Name.Text, name)
		}
		var err error
		if call.Args[at], err = s.finish(values[i], field); err != nil {
			return nil, err
		}
	}
	return call, nil
}
