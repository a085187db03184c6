package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// tokenTerm is what token(…) is compared with: a number, or the token of other values.
func (c *compiler) tokenTerm(t, named *schema.Table, value cql.Term) (boundTerm, error) {
	call, ok := value.(*cql.FunctionCall)
	if !ok || call.Name != "token" || call.Keyspace != "" && call.Keyspace != "system" {
		return c.term(value, c.spec(named, "partition key token", types.Bigint))
	}
	if len(call.Args) != len(t.PartitionKey) {
		return nil, invalidf("Invalid number of arguments in call to function system.token: %d required but %d provided", len(t.PartitionKey), len(call.Args))
	}
	out := &callTerm{function: tokenFunction(t)}
	for i, a := range call.Args {
		arg, err := c.term(a, c.spec(named, fmt.Sprintf("arg%d(system.token)", i), t.PartitionKey[i].Type))
		if _, ok := a.(*cql.Literal); ok && err != nil {
			return nil, invalidf("Type error: %s cannot be passed as argument %d of function system.token of type %s", cql.FormatTerm(a), i, t.PartitionKey[i].Type)
		}
		if err != nil {
			return nil, err
		}
		out.args = append(out.args, arg)
	}
	return out, nil
}

// tokenOverload is token() over the partition key of the table that the statement is of.
func tokenOverload(g *genericCall) (*overload, error) {
	t := g.c.schema.Table(g.c.place.Keyspace, g.c.place.Table)
	if t == nil {
		return nil, invalidf("token() is of the partition key of a table, and none is read or written here")
	}
	f := tokenFunction(t)
	return &overload{args: f.Args, result: f.Result, eval: f.Eval}, nil
}

// tokenFunction is token() over the types of a table's partition key.
func tokenFunction(t *schema.Table) *Function {
	layout := t.PartitionLayout()
	f := &Function{Name: "token", Args: layout, Result: types.Bigint}
	f.Eval = func(args [][]byte) ([]byte, error) {
		for _, a := range args {
			if a == nil {
				return nil, nil
			}
		}
		key, err := layout.Encode(args)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		return types.AppendBigint(nil, int64(partition.TokenOf(key))), nil
	}
	return f
}

// tokenRange binds the bounds of token().
func (w *where) tokenRange(values []Value, ctx Context) (partition.Range, error) {
	var r partition.Range
	if w.tokenLow != nil {
		at, err := bindToken(w.tokenLow, values, ctx)
		if err != nil {
			return r, err
		}
		r.HasStart, r.Start, r.ExclStart = true, at, !w.tokenLow.inclusive
	}
	if w.tokenHigh != nil {
		at, err := bindToken(w.tokenHigh, values, ctx)
		if err != nil {
			return r, err
		}
		// As an end the least token means that of the ring: (x, min] is everything after x.
		r.HasEnd, r.End, r.ExclEnd = at != partition.TokenMin, at, !w.tokenHigh.inclusive
	}
	return r, nil
}

func bindToken(b *rangeBound, values []Value, ctx Context) (partition.Token, error) {
	v, unset, err := b.term.bind(values, ctx)
	if err != nil {
		return 0, err
	}
	if unset || len(v) != 8 {
		return 0, invalidf("Invalid null token value")
	}
	return partition.Token(types.DecodeInt64(v)), nil
}

// whereToken checks a relation on token() of the partition key.
func (c *compiler) whereToken(w *where, named *schema.Table, r *cql.TokenRelation) error {
	if r.Op == cql.OpNotEqual {
		return invalidf("Unsupported \"!=\" relation: %s", cql.FormatRelation(r))
	}
	if err := w.tokenColumns(r.Columns); err != nil {
		return err
	}
	w.tokenUsed = true
	term, err := c.tokenTerm(w.table, named, r.Value)
	if err != nil {
		return err
	}
	name := strings.Join(namesOf(w.table.PartitionKey), ", ")
	switch {
	case r.Op > cql.OpGreaterOrEqual:
		return invalidf("%s cannot be used with the token function", operatorText(r.Op))
	case w.tokenEqual:
		return invalidf("%s cannot be restricted by more than one relation if it includes an Equal", name)
	case r.Op != cql.OpEqual:
		return addBound(&w.tokenLow, &w.tokenHigh, r.Op, term, name)
	case w.tokenLow != nil || w.tokenHigh != nil:
		return invalidf("Columns \"%s\" cannot be restricted by both an equality and an inequality relation", name)
	}
	w.tokenEqual, w.tokenLow, w.tokenHigh = true, &rangeBound{term, true}, &rangeBound{term, true}
	return nil
}

// tokenColumns checks that token() is of the whole partition key, in order.
func (w *where) tokenColumns(names []cql.Name) error {
	var asked []*schema.Column
	for _, n := range names {
		col, err := w.column(n.Text)
		if err != nil {
			return err
		}
		asked = append(asked, col)
	}
	key := w.table.PartitionKey
	if slices.ContainsFunc(key, func(col *schema.Column) bool { return !slices.Contains(asked, col) }) {
		return invalidf("The token() function must be applied to all partition key components or none of them")
	}
	if slices.ContainsFunc(asked, func(col *schema.Column) bool { return col.Kind != schema.PartitionKey }) {
		return invalidf("The token() function must contains only partition key components")
	}
	if !slices.Equal(asked, key) {
		return invalidf("The token function arguments must be in the partition key order: %s", strings.Join(namesOf(key), ", "))
	}
	return nil
}
