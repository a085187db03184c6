package planner

import (
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// typesLiteral is a literal of the tree as package types reads it; the classes have the same numbers.
func typesLiteral(l *cql.Literal) types.Literal {
	return types.Literal{Class: types.LiteralClass(l.Class), Text: l.Text}
}

// literalClasses are the classes of literals of collections and tuples.
var literalClasses = map[types.Kind]types.LiteralClass{
	types.KindList: types.LitList, types.KindSet: types.LitSet, types.KindMap: types.LitMap, types.KindTuple: types.LitTuple,
}

// nestedLiteral is a constant, or a collection or tuple of constants, as package types reads it.
func nestedLiteral(t cql.Term) types.Literal {
	if l, ok := t.(*cql.Literal); ok {
		return typesLiteral(l)
	}
	kind, elems := literalElements(t)
	out := types.Literal{Class: literalClasses[kind]}
	for _, e := range elems {
		out.Elems = append(out.Elems, nestedLiteral(e))
	}
	return out
}

// className is the class of a literal in Cassandra's words.
func className(c cql.LiteralClass) string {
	switch c {
	case cql.LiteralString:
		return "STRING"
	case cql.LiteralInteger:
		return "INTEGER"
	case cql.LiteralFloat:
		return "FLOAT"
	case cql.LiteralBoolean:
		return "BOOLEAN"
	case cql.LiteralUUID:
		return "UUID"
	case cql.LiteralBlob:
		return "HEX"
	case cql.LiteralDuration:
		return "DURATION"
	}
	return "NULL"
}

// literalText is the literal as it is written in a statement.
func literalText(l *cql.Literal) string {
	if l.Class == cql.LiteralString {
		return "'" + l.Text + "'"
	}
	return l.Text
}

// inSpec is the receiver of `IN ?`: a list of the column's type, named as Cassandra names it.
func inSpec(s ColumnSpec) ColumnSpec {
	s.Name = "in(" + s.Name + ")"
	s.Type = types.ListOf(s.Type)
	return s
}
