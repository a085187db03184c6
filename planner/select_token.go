package planner

import (
	"fmt"

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
