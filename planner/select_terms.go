package planner

import (
	"strings"

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

// expr checks a selector, or a part of one.
func (s *selectors) expr(t cql.Term) (Expr, error) {
	switch t := t.(type) {
	case *cql.ColumnRef:
		return s.column(t.Name)
	case *cql.FunctionCall:
		return s.call(t)
	case *cql.Cast:
		return s.cast(t)
	case *cql.TypeHint:
		of, err := s.dataType(s.named.Keyspace, t.Type)
		if err != nil {
			return nil, err
		}
		return s.given(t.Operand, of)
	case *cql.Element, *cql.Range, *cql.Field:
		return s.part(t)
	case *cql.Literal, *cql.Marker, *cql.UserTypeLiteral:
		return nil, invalidf("Cannot infer type for term %s in selection clause (try using a cast to force a type)", selectorText(t))
	case *cql.Binary, *cql.Negation:
		return nil, invalidf("%s: arithmetic is not supported by this build; compute in the application", selectorText(t))
	}
	return nil, invalidf("%s cannot be selected in this build", selectorText(t))
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

func (s *selectors) call(call *cql.FunctionCall) (Expr, error) {
	if !systemFunction(call) {
		return nil, invalidf("Unknown function '%s.%s'", call.Keyspace, call.Name)
	}
	name := strings.ToLower(call.Name)
	switch {
	case metaFunction(name):
		return s.meta(name, call)
	case name == "token":
		return s.token(call)
	case aggregateFunction(name):
		return s.aggregate(name, call)
	}
	switch {
	case isToJSON(name):
		return s.toJSON(name, call.Args)
	case isFromJSON(name):
		return nil, invalidf("%s() cannot be used in the selection clause of a SELECT statement", name)
	}
	if of, eval, ok := contextFunction(call); ok {
		return &boundExpr{of: of, term: contextTerm{eval}}, nil
	}
	return s.scalar(name, call.Args)
}

// metaFunction reports whether a name is of what is stored beside a value.
func metaFunction(name string) bool {
	return metas[name] != 0
}

func (s *selectors) token(call *cql.FunctionCall) (Expr, error) {
	key := s.named.PartitionKey
	if len(call.Args) != len(key) {
		return nil, invalidf("Invalid number of arguments in call to function system.token: %d required but %d provided", len(key), len(call.Args))
	}
	out := &CallExpr{Function: tokenFunction(s.named)}
	for i, a := range call.Args {
		arg, err := s.argument(a, key[i].Type)
		if err != nil {
			return nil, err
		}
		if !assignable(arg.Type(), key[i].Type) {
			return nil, invalidf("Type error: %s cannot be passed as argument %d of function system.token of type %s", selectorText(a), i, key[i].Type)
		}
		out.Args = append(out.Args, arg)
	}
	return out, nil
}

// argument is an argument whose type is known.
func (s *selectors) argument(t cql.Term, of *types.Type) (Expr, error) {
	switch t.(type) {
	case *cql.Literal, *cql.Marker, *cql.ListLiteral, *cql.SetLiteral, *cql.MapLiteral, *cql.TupleLiteral, *cql.UserTypeLiteral:
		return s.given(t, of)
	}
	return s.expr(t)
}

// scalar is a function of the row's values.
func (s *selectors) scalar(name string, terms []cql.Term) (Expr, error) {
	args, of := make([]Expr, len(terms)), make([]*types.Type, len(terms))
	for i, t := range terms {
		switch t.(type) {
		case *cql.Literal, *cql.Marker:
			of[i] = termType(t)
			continue
		}
		arg, err := s.expr(t)
		if err != nil {
			return nil, err
		}
		args[i], of[i] = arg, arg.Type()
	}
	literalZone(name, terms, of)
	f, err := scalarFunction(name, of, nil)
	if err != nil {
		return nil, err
	}
	for i, t := range terms {
		if args[i] != nil {
			continue
		}
		if args[i], err = s.given(t, f.Args[i]); err != nil {
			return nil, err
		}
	}
	return &CallExpr{Function: f, Args: args}, nil
}

func (s *selectors) cast(t *cql.Cast) (Expr, error) {
	of, err := s.dataType(s.named.Keyspace, t.Type)
	if err != nil {
		return nil, err
	}
	operand, err := s.expr(t.Operand)
	if err != nil {
		return nil, err
	}
	if operand.Type().Equal(of) {
		return operand, nil
	}
	name := castPrefix + of.String()
	if scalars[name] == nil {
		return nil, invalidf("%s cannot be cast to %s", selectorText(t.Operand), of)
	}
	f, err := scalarFunction(name, []*types.Type{operand.Type()}, nil)
	if err != nil {
		return nil, err
	}
	return &CallExpr{Function: f, Args: []Expr{operand}}, nil
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

// selectorText names a selector in the answer as Cassandra does.
func selectorText(t cql.Term) string {
	switch t := t.(type) {
	case *cql.ColumnRef:
		return t.Name
	case *cql.Literal:
		if t.Class == cql.LiteralNull {
			return "NULL"
		}
		return literalText(t)
	case *cql.Marker:
		if t.Name != "" {
			return ":" + t.Name
		}
		return "?"
	case *cql.Cast:
		return "cast(" + selectorText(t.Operand) + " as " + strings.ToLower(t.Type.String()) + ")"
	case *cql.TypeHint:
		return "(" + t.Type.String() + ")" + selectorText(t.Operand)
	case *cql.Element, *cql.Range, *cql.Field:
		return partText(t)
	case *cql.FunctionCall:
		name := strings.ToLower(t.Name)
		args := make([]string, len(t.Args))
		for i, a := range t.Args {
			args[i] = selectorText(a)
		}
		switch {
		case name == "count" && len(t.Args) == 1 && countsRows(t.Args[0]):
			return "count"
		case !metaFunction(name):
			name = "system." + name
		}
		return name + "(" + strings.Join(args, ", ") + ")"
	}
	return cql.FormatTerm(t)
}
