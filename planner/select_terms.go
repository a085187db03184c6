package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// boundExpr is a part of a selector that binding turns into a ConstExpr.
type boundExpr struct {
	of   *types.Type
	term boundTerm
}

// Type implements Expr.
func (e *boundExpr) Type() *types.Type { return e.of }

// selectors turns the terms of SELECT and GROUP BY into expressions over a table.
type selectors struct {
	*compiler
	table    *schema.Table
	named    *schema.Table // the table the statement names, for markers
	fetch    []*schema.Column
	metadata bool
	grouped  bool                // an aggregate occurs
	inside   bool                // an aggregate's argument is being read
	series   []*cql.FunctionCall // aggregates of one series
	// plainCasts are casts of a term to the type it has.
	plainCasts namer
}

// column is the value of a column; regular ones are fetched.
func (s *selectors) column(name string) (*ColumnExpr, error) {
	col := s.table.Column(name)
	if col == nil {
		return nil, undefinedColumn(s.named, name)
	}
	return &ColumnExpr{Column: col, Slot: s.slot(col)}, nil
}

func (s *selectors) slot(col *schema.Column) int {
	switch col.Kind {
	case schema.PartitionKey, schema.ClusteringKey:
		return col.Position
	case schema.Static:
		for i, c := range s.table.Statics {
			if c == col {
				return i
			}
		}
	}
	for i, c := range s.fetch {
		if c == col {
			return i
		}
	}
	s.fetch = append(s.fetch, col)
	return len(s.fetch) - 1
}

// expr checks a selector, or a part of one, that must have a type by itself.
func (s *selectors) expr(t cql.Term) (Expr, error) {
	o, err := s.operand(t)
	if err != nil {
		return nil, err
	}
	return s.finish(o, nil)
}

// exprOf is expr where a type is expected, which what has none by itself takes.
func (s *selectors) exprOf(t cql.Term, of *types.Type) (Expr, error) {
	o, err := s.operand(t)
	if err != nil {
		return nil, err
	}
	return s.finish(o, of)
}

// operand reads a selector, or a part of one, as far as it goes without knowing what type is expected.
func (s *selectors) operand(t cql.Term) (*operand, error) {
	o := &operand{c: s.compiler, term: t, selected: true}
	var err error
	switch t := t.(type) {
	case *cql.Literal, *cql.Marker:
	case *cql.ColumnRef:
		o.expr, err = s.column(t.Name)
	case *cql.FunctionCall:
		o.expr, err = s.call(t)
	case *cql.Binary, *cql.Negation:
		name, terms, _ := callOf(t)
		o.expr, err = s.scalar(name, terms)
	case *cql.Cast:
		o.expr, err = s.cast(t)
	case *cql.Element, *cql.Range, *cql.Field:
		o.expr, err = s.part(t)
	case *cql.TypeHint:
		o.expr, err = s.hint(t)
	case *cql.ListLiteral, *cql.SetLiteral, *cql.MapLiteral, *cql.TupleLiteral:
		_, terms := literalElements(t)
		o.elems, err = s.operands(terms)
	case *cql.UserTypeLiteral:
		o.elems, err = s.operands(fieldValues(t))
	default:
		err = invalidf("%s cannot be selected in this build", selectorText(t))
	}
	return o, err
}

func (s *selectors) operands(terms []cql.Term) ([]*operand, error) {
	out := make([]*operand, len(terms))
	for i, t := range terms {
		var err error
		if out[i], err = s.operand(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// finish is the expression of an operand where a type is expected; nil: none is.
func (s *selectors) finish(o *operand, of *types.Type) (Expr, error) {
	if o.expr != nil {
		return o.expr, nil
	}
	if of == nil {
		if of = o.exact(); of == nil {
			return nil, invalidf("Cannot infer type for term %s in selection clause (try using a cast to force a type)", o)
		}
	} else if _, literal := o.term.(*cql.Literal); !literal && o.fits(of) == notAssignable { // of a literal that does not fit given says why
		return nil, invalidf("%s is not of the expected type: %s", o, of)
	}
	if len(o.elems) == 0 {
		return s.given(o.term, of)
	}
	if t, ok := o.term.(*cql.UserTypeLiteral); ok {
		return s.fieldsOf(t, o.elems, of)
	}
	return s.collection(o, of)
}

// given is a term that is known once values are bound, of a known type.
func (s *selectors) given(t cql.Term, of *types.Type) (Expr, error) {
	defer s.slots.inCall()() // what is selected has its text for a name
	term, err := s.term(t, s.spec(s.named, "[selection]", of))
	if err != nil {
		return nil, err
	}
	return &boundExpr{of: of, term: term}, nil
}

// collection is a collection or tuple of selectors, or one between parentheses.
func (s *selectors) collection(o *operand, of *types.Type) (Expr, error) {
	if _, ok := o.term.(*cql.TupleLiteral); ok && of.Kind() != types.KindTuple {
		return s.finish(o.elems[0], of)
	}
	f := &Function{Name: "", Result: of, Eval: func(args [][]byte) ([]byte, error) {
		return of.AppendCollection(nil, of.InOrder(args)), nil
	}}
	call := &CallExpr{Function: f}
	for i, e := range o.elems {
		f.Args = append(f.Args, of.Elems()[i%len(of.Elems())])
		arg, err := s.finish(e, f.Args[i])
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, arg)
	}
	return call, nil
}

// hint checks `(type)term`.
func (s *selectors) hint(t *cql.TypeHint) (Expr, error) {
	of, err := s.dataType(s.named.Keyspace, t.Type)
	if err != nil {
		return nil, err
	}
	of = types.Frozen(of)
	o, err := s.operand(t.Operand)
	if err != nil {
		return nil, err
	}
	if o.fits(of) == notAssignable {
		return nil, invalidf("Cannot assign value %s to %s of type %s", selectorText(t), selectorText(t), of)
	}
	e, err := s.finish(o, of)
	if err != nil || e.Type().Equal(of) {
		return e, err
	}
	same := func(args [][]byte) ([]byte, error) { return args[0], nil }
	return &CallExpr{Function: &Function{Name: of.String(), Args: []*types.Type{e.Type()}, Result: of, Eval: same}, Args: []Expr{e}}, nil
}

func (s *selectors) call(call *cql.FunctionCall) (Expr, error) {
	name := functionName{keyspace: call.Keyspace, name: call.Name}
	if name.builtin() {
		switch {
		case metaFunction(name.name):
			return s.meta(name.name, call)
		case aggregateFunction(name.name):
			return s.aggregate(name.name, call)
		}
	}
	return s.scalar(name, call.Args)
}

// metaFunction reports whether a name is of what is stored beside a value.
func metaFunction(name string) bool {
	return metas[name] != 0
}

// scalar is a function of the row's values.
func (s *selectors) scalar(name functionName, terms []cql.Term) (Expr, error) {
	args, err := s.operands(terms)
	if err != nil {
		return nil, err
	}
	literalZone(name, args)
	f, err := s.function(name, args, nil)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return nil, invalidf("Unknown function '%s'", name)
	case f.moment != nil:
		return &boundExpr{of: f.Result, term: contextTerm{f.moment}}, nil
	}
	return s.callOf(f, args)
}

// callOf is a call of a function that its arguments fit.
func (s *selectors) callOf(f *Function, args []*operand) (Expr, error) {
	call := &CallExpr{Function: f, Args: make([]Expr, len(args))}
	for i, o := range args {
		o.as = nil // the type is decided
		var err error
		if call.Args[i], err = s.finish(o, f.Args[i]); err != nil {
			return nil, err
		}
	}
	return call, nil
}

func (s *selectors) cast(t *cql.Cast) (Expr, error) {
	of, err := s.dataType(s.named.Keyspace, t.Type)
	if err != nil {
		return nil, err
	}
	o, err := s.operand(t.Operand)
	if err != nil {
		return nil, err
	}
	if o.expr, err = s.finish(o, nil); err != nil {
		return nil, err
	}
	if o.expr.Type().Equal(of) {
		if s.plainCasts == nil {
			s.plainCasts = namer{}
		}
		s.plainCasts[t] = true
		return o.expr, nil
	}
	args := []*operand{o}
	f, err := s.function(system(castPrefix+of.String()), args, nil)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, invalidf("%s cannot be cast to %s", o, of)
	}
	return s.callOf(f, args)
}

// bindExpr puts values into an expression. What has none is shared.
func bindExpr(e Expr, values []Value, ctx Context) (Expr, error) {
	switch e := e.(type) {
	case *boundExpr:
		v, unset, err := e.term.bind(values, ctx)
		if err != nil {
			return nil, err
		}
		if unset {
			return nil, invalidf("Invalid unset value in the selection clause")
		}
		return &ConstExpr{Of: e.of, Value: v}, nil
	case *CallExpr:
		args, changed, err := bindExprs(e.Args, values, ctx)
		if err != nil || !changed {
			return e, err
		}
		call, err := withStep(&CallExpr{Function: e.Function, Args: args})
		if err != nil {
			return nil, err
		}
		return foldCall(call)
	case *AggregateExpr:
		return e.bind(values, ctx)
	case *MetaExpr:
		of, err := bindExpr(e.Of, values, ctx)
		if err != nil || of == e.Of {
			return e, err
		}
		return &MetaExpr{Of: of, What: e.What, Several: e.Several}, nil
	}
	return e, nil
}

func bindExprs(in []Expr, values []Value, ctx Context) (out []Expr, changed bool, err error) {
	out = make([]Expr, len(in))
	for i, e := range in {
		if out[i], err = bindExpr(e, values, ctx); err != nil {
			return nil, false, err
		}
		changed = changed || out[i] != e
	}
	return out, changed, nil
}

// foldCall computes a call whose arguments are all known.
func foldCall(call *CallExpr) (Expr, error) {
	args := make([][]byte, len(call.Args))
	for i, a := range call.Args {
		c, ok := a.(*ConstExpr)
		if !ok {
			return call, nil
		}
		args[i] = c.Value
	}
	v, err := call.Function.Eval(args)
	if err != nil {
		return nil, err
	}
	return &ConstExpr{Of: call.Function.Result, Value: v}, nil
}
