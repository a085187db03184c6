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
		if !c.fits(value, spec.Type) {
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

// fits reports whether a literal can be given to a type as far as its class tells. Other terms are judged when they are read.
func (c *compiler) fits(t cql.Term, of *types.Type) bool {
	switch t := t.(type) {
	case *cql.Literal:
		return t.Class == cql.LiteralNull || of.Takes(types.LiteralClass(t.Class))
	case *cql.UserTypeLiteral:
		if of.Kind() != types.KindUDT {
			return false
		}
		for _, f := range t.Fields {
			if at, field := of.Field(f.Name.Text); at >= 0 && !c.fits(f.Value, field) {
				return false
			}
		}
		return true
	}
	kind, elems := literalElements(t)
	if kind == 0 {
		return true
	}
	if kind != of.Kind() && !(kind == types.KindSet && len(elems) == 0 && of.Kind() == types.KindMap) {
		return false
	}
	for i, e := range elems {
		if !c.fits(e, of.Elems()[i%len(of.Elems())]) {
			return false
		}
	}
	return true
}
