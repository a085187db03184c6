package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// Part says what is selected of a collection or a user type. The arguments of the function are the value and, of an
// element its key, of a range its two ends, of which one that is open is null.
type Part struct {
	Kind             PartKind
	Field            int // of PartField
	OpenFrom, OpenTo bool
}

// PartKind is which part is selected.
type PartKind uint8

const (
	PartElement PartKind = iota + 1 // c[key]: of a map the value, of a set the member
	PartRange                       // c[from..to], ends included
	PartField                       // c.field
)

// Meta is what is told of a value beside it.
type Meta uint8

const (
	WriteTime    Meta = iota + 1 // microseconds
	MaxWriteTime                 // the largest of several
	TimeToLive                   // seconds left
)

var metas = map[string]Meta{"writetime": WriteTime, "maxwritetime": MaxWriteTime, "ttl": TimeToLive}

// MetaExpr is WRITETIME, MAXWRITETIME or TTL of a column, or of a part of one. Where several cells are asked, the first
// and the last are lists of what each has, of a user type with null for a field that it does not have.
type MetaExpr struct {
	Of      Expr // a ColumnExpr, or calls of functions with Part over one
	What    Meta
	Several bool // of a multi-cell column, or of a range of one
}

// Type implements Expr.
func (e *MetaExpr) Type() *types.Type {
	of := types.Bigint
	if e.What == TimeToLive {
		of = types.Int
	}
	if e.What != MaxWriteTime && e.Several {
		return types.ListOf(of)
	}
	return of
}

// column is the column that e tells of.
func (e *MetaExpr) column() *ColumnExpr {
	of := e.Of
	for {
		if c, ok := of.(*ColumnExpr); ok {
			return c
		}
		of = of.(*CallExpr).Args[0]
	}
}

// severalCells reports whether an expression is of a multi-cell column, or of a range of one.
func (s *selectors) severalCells(e Expr) bool {
	if c, ok := e.(*CallExpr); ok {
		return c.Function.Part.Kind == PartRange && s.severalCells(c.Args[0])
	}
	return s.table.Multicell(e.(*ColumnExpr).Column)
}

// meta is a call of WRITETIME, MAXWRITETIME or TTL.
func (s *selectors) meta(name string, call *cql.FunctionCall) (Expr, error) {
	if len(call.Args) != 1 {
		return nil, syntaxf("%s takes one column", name)
	}
	for of := call.Args[0]; ; {
		switch t := of.(type) {
		case *cql.ColumnRef:
			e, err := s.expr(call.Args[0])
			if err != nil {
				return nil, err
			}
			out := &MetaExpr{Of: e, What: metas[name], Several: s.severalCells(e)}
			if col := out.column().Column; col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey {
				return nil, invalidf("Cannot use selection function %s on PRIMARY KEY part %s", name, col.Name)
			}
			s.metadata = true
			return out, nil
		case *cql.Element:
			of = t.Of
		case *cql.Range:
			of = t.Of
		case *cql.Field:
			of = t.Of
		default:
			return nil, syntaxf("%s takes a column or a part of one, not %s", name, selectorText(call.Args[0]))
		}
	}
}

// part checks `c[key]`, `c[from..to]` and `c.field`.
func (s *selectors) part(t cql.Term) (Expr, error) {
	defer s.slots.inCall()() // what is selected has its text for a name
	switch t := t.(type) {
	case *cql.Element:
		of, spec, err := s.keyed(t.Of, "Element")
		if err != nil {
			return nil, err
		}
		key, err := s.term(t.Key, spec)
		if err != nil {
			return nil, err
		}
		elems := of.Type().Elems()
		return partCall(Part{Kind: PartElement}, elems[len(elems)-1], of, &boundExpr{of: spec.Type, term: key}), nil
	case *cql.Range:
		return s.slice(t)
	case *cql.Field:
		of, err := s.expr(withoutParentheses(t.Of))
		if err != nil {
			return nil, err
		}
		if of.Type().Kind() != types.KindUDT {
			return nil, invalidf("Invalid field selection: %s of type %s is not a user type", selectorText(t.Of), of.Type())
		}
		i := slices.Index(of.Type().Fields(), t.Name.Text)
		if i < 0 {
			return nil, invalidf("%s of type %s has no field %s", selectorText(t.Of), of.Type(), t.Name.Text)
		}
		return partCall(Part{Kind: PartField, Field: i}, of.Type().Elems()[i], of), nil
	}
	return nil, invalidf("%s cannot be selected", selectorText(t))
}

// slice checks `c[from..to]`.
func (s *selectors) slice(t *cql.Range) (Expr, error) {
	of, spec, err := s.keyed(t.Of, "Slice")
	if err != nil {
		return nil, err
	}
	args := []Expr{of, &ConstExpr{Of: spec.Type}, &ConstExpr{Of: spec.Type}}
	for i, side := range []cql.Term{t.From, t.To} {
		if side == nil {
			continue
		}
		term, err := s.term(side, spec)
		if err != nil {
			return nil, err
		}
		args[i+1] = &boundExpr{of: spec.Type, term: term}
	}
	return partCall(Part{Kind: PartRange, OpenFrom: t.From == nil, OpenTo: t.To == nil}, of.Type(), args...), nil
}

// keyed is what elements are selected of, which is a set or a map, and the receiver of their keys.
func (s *selectors) keyed(t cql.Term, what string) (Expr, ColumnSpec, error) {
	of, err := s.expr(withoutParentheses(t))
	if err != nil {
		return nil, ColumnSpec{}, err
	}
	text := selectorText(t)
	switch of.Type().Kind() {
	case types.KindMap:
		return of, s.spec(s.named, "key("+text+")", of.Type().Elems()[0]), nil
	case types.KindSet:
		return of, s.spec(s.named, "value("+text+")", of.Type().Elems()[0]), nil
	case types.KindList:
		return nil, ColumnSpec{}, invalidf("%s selection is only allowed on sets and maps, but %s is a list", what, text)
	}
	return nil, ColumnSpec{}, invalidf("Invalid element selection: %s is of type %s is not a collection", text, of.Type())
}

// partCall is the call that selects a part.
func partCall(p Part, result *types.Type, args ...Expr) *CallExpr {
	f := &Function{Result: result, Part: &p}
	of := args[0].Type()
	for _, a := range args {
		f.Args = append(f.Args, a.Type())
	}
	switch p.Kind {
	case PartElement:
		f.Name = "element"
	case PartRange:
		f.Name = "slice"
	default:
		f.Name = "." + of.Fields()[p.Field]
	}
	f.Eval = func(args [][]byte) ([]byte, error) { return p.of(of, args) }
	return &CallExpr{Function: f, Args: args}
}

// of selects the part of a value.
func (p *Part) of(of *types.Type, args [][]byte) ([]byte, error) {
	parts, from, to, err := p.Find(of, args)
	switch {
	case err != nil || args[0] == nil:
		return nil, err
	case p.Kind != PartRange && from == to:
		return nil, nil
	case p.Kind == PartField:
		return parts[from], nil
	}
	width := len(of.Elems())
	switch {
	case p.Kind == PartElement:
		return parts[to*width-1], nil
	case from == to && !of.Frozen():
		return nil, nil // a multi-cell column without elements is null
	}
	return of.AppendCollection(nil, parts[from*width:to*width]), nil
}

// Find splits a value, and tells which of its elements or fields are selected: those from one to before the other. args
// are the function's. Of a null nothing is.
func (p *Part) Find(of *types.Type, args [][]byte) (parts [][]byte, from, to int, err error) {
	for i, open := range []bool{p.OpenFrom, p.OpenTo} {
		if i+1 < len(args) && args[i+1] == nil && !open {
			return nil, 0, 0, invalidf("Invalid null value for element selection")
		}
	}
	if args[0] == nil {
		return nil, 0, 0, nil
	}
	if parts, err = of.SplitCollection(args[0]); err != nil {
		return nil, 0, 0, invalidf("%v", err)
	}
	if p.Kind == PartField {
		if p.Field >= len(parts) || parts[p.Field] == nil {
			return parts, 0, 0, nil
		}
		return parts, p.Field, p.Field + 1, nil
	}
	from, to = p.between(of, parts, args[1:])
	return parts, from, to, nil
}

// between finds elements by their keys.
func (p *Part) between(of *types.Type, parts, keys [][]byte) (from, to int) {
	low, high := keys[0], keys[len(keys)-1]
	width, key := len(of.Elems()), of.Elems()[0]
	for to = 0; to*width < len(parts); to++ {
		at := parts[to*width]
		if !p.OpenFrom && key.Compare(at, low) < 0 {
			from = to + 1
		} else if !p.OpenTo && key.Compare(at, high) > 0 {
			break
		}
	}
	return from, max(from, to)
}

// partText names a part in the answer.
func partText(t cql.Term) string {
	side := func(t cql.Term) string {
		switch t.(type) {
		case nil:
			return ""
		case *cql.Marker:
			return "?"
		}
		return selectorText(t)
	}
	switch t := t.(type) {
	case *cql.Element:
		return selectorText(t.Of) + "[" + side(t.Key) + "]"
	case *cql.Range:
		return selectorText(t.Of) + "[" + side(t.From) + ".." + side(t.To) + "]"
	case *cql.Field:
		return selectorText(t.Of) + "." + t.Name.Text
	}
	return ""
}
