package cql

import (
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The productions below are read by hand (see grammar_term.go). A production that does not begin at the next token
// answers participle.NextMatch, so that the grammar may try another one; past its first token its errors are final.

type name struct{ Name }

func (n *name) Parse(lex *lexer.PeekingLexer) (err error) {
	if !isName(lex.Peek()) {
		return participle.NextMatch
	}
	n.Name, err = readName(lex)
	return err
}

type qualified struct{ QualifiedName }

func (q *qualified) Parse(lex *lexer.PeekingLexer) error {
	if !isName(lex.Peek()) {
		return participle.NextMatch
	}
	first, err := readName(lex)
	q.QualifiedName = QualifiedName{Pos: first.Pos, Name: first.Text}
	if err != nil || !accept(lex, ".") {
		return err
	}
	second, err := readName(lex)
	q.Keyspace, q.Name = first.Text, second.Text
	return err
}

type typeNode struct{ Type DataType }

func (t *typeNode) Parse(lex *lexer.PeekingLexer) (err error) {
	t.Type, err = readType(lex, 0)
	return err
}

// marked is what a hand-read production leaves to the builder: the bind markers it met.
type marked struct{ markers []*Marker }

type selectorNode struct {
	marked
	Selector Selector
}

func (n *selectorNode) Parse(lex *lexer.PeekingLexer) (err error) {
	r := termReader{lex: lex, columns: true}
	n.Selector, err = r.selector()
	n.markers = r.markers
	return err
}

type relationNode struct {
	marked
	Relation Relation
}

func (n *relationNode) Parse(lex *lexer.PeekingLexer) (err error) {
	r := termReader{lex: lex}
	n.Relation, err = r.relation()
	n.markers = r.markers
	return err
}

// integerOrMarker is what LIMIT and USING take.
type integerOrMarker struct {
	marked
	Term Term
}

func (n *integerOrMarker) Parse(lex *lexer.PeekingLexer) (err error) {
	first := lex.Peek()
	r := termReader{lex: lex}
	switch {
	case first.Value == "?" || first.Value == ":":
		n.Term, err = r.marker()
		n.markers = r.markers
		return err
	case first.Type == tokenInteger || first.Value == "-" && second(lex).Type == tokenInteger:
		n.Term, err = r.unary()
		return err
	}
	return participle.NextMatch
}

// selection is what follows SELECT: the words JSON and DISTINCT, which may also be names of columns, and the selectors.
type selection struct {
	marked
	JSON      bool
	Distinct  bool
	Selectors []Selector
}

func (n *selection) Parse(lex *lexer.PeekingLexer) (err error) {
	n.JSON = acceptModifier(lex, "JSON", "*", "-", "{", "(", "[", "TOKEN")
	n.Distinct = acceptModifier(lex, "DISTINCT", "*", "-", "{", "TOKEN") // distinct(c) is an aggregate
	r := termReader{lex: lex, columns: true}
	n.Selectors, err = r.selectors()
	n.markers = r.markers
	return err
}

// acceptModifier passes the word if a name, a literal or one of the signs that can begin a selector follows it;
// otherwise the word is itself a selector.
func acceptModifier(lex *lexer.PeekingLexer, word string, signs ...string) bool {
	if lex.Peek().Value != word {
		return false
	}
	next := second(lex)
	if next.Value == "AS" || !isName(&next) && literalOf(&next) == nil && !slices.Contains(signs, next.Value) {
		return false
	}
	lex.Next()
	return true
}

// optionValue is the right side of `name = value` after WITH.
type optionValue struct{ Term Term }

func (n *optionValue) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if isName(t) && second(lex).Value != "(" {
		lex.Next()
		n.Term = &Literal{Pos: position(t.Pos), Class: LiteralString, Text: nameText(t)}
		return nil
	}
	at := t.Pos
	r := termReader{lex: lex}
	term, err := r.term()
	if err != nil {
		return err
	}
	if len(r.markers) > 0 {
		return participle.Errorf(at, "bind variables are not supported in the definition of tables and keyspaces")
	}
	switch v := term.(type) {
	case *Literal:
		n.Term = v
		return nil
	case *SetLiteral:
		if len(v.Elems) == 0 { // {} cannot be told from an empty map
			n.Term = &MapLiteral{Pos: v.Pos}
			return nil
		}
	case *MapLiteral:
		n.Term = v
		return checkOptionMap(at, v)
	}
	return participle.Errorf(at, "the value of an option is a literal or a map of literals")
}

func checkOptionMap(at lexer.Position, m *MapLiteral) error {
	for _, e := range m.Entries {
		_, key := e.Key.(*Literal)
		_, value := e.Value.(*Literal)
		if !key || !value {
			return participle.Errorf(at, "the keys and values of an option's map are literals")
		}
	}
	return nil
}

// describeForms are the words of DESCRIBE, and whether a name follows them.
var describeForms = []struct {
	first, second string
	kind          DescribeKind
	named         bool
}{
	{"CLUSTER", "", DescribeCluster, false},
	{"FULL", "SCHEMA", DescribeFullSchema, false},
	{"SCHEMA", "", DescribeSchema, false},
	{"KEYSPACES", "", DescribeKeyspaces, false},
	{"TABLES", "", DescribeTables, false},
	{"COLUMNFAMILIES", "", DescribeTables, false},
	{"TABLE", "", DescribeTable, true},
	{"INDEX", "", DescribeIndex, true},
	{"MATERIALIZED", "VIEW", DescribeMaterializedView, true},
	{"QUERY", "TABLE", DescribeQueryTable, true},
	{"ROLLUP", "", DescribeRollup, true},
	{"TYPES", "", DescribeTypes, false},
	{"TYPE", "", DescribeType, true},
	{"FUNCTIONS", "", DescribeFunctions, false},
	{"FUNCTION", "", DescribeFunction, true},
	{"AGGREGATES", "", DescribeAggregates, false},
	{"AGGREGATE", "", DescribeAggregate, true},
}

// description is what follows DESCRIBE.
type description struct {
	Kind DescribeKind
	Name QualifiedName
	Only bool
}

func (d *description) Parse(lex *lexer.PeekingLexer) error {
	first, next := *lex.Peek(), second(lex)
	d.Only = first.Value == "ONLY" && next.Value == "KEYSPACE"
	if d.Only {
		lex.Next()
	}
	if accept(lex, "KEYSPACE") {
		d.Kind = DescribeKeyspace
		return d.keyspace(lex)
	}
	d.Kind = DescribeName
	for _, f := range describeForms {
		if first.Value != f.first || next.Value == "." || f.second != "" && next.Value != f.second {
			continue
		}
		if f.named && first.Type == tokenUnreserved && f.second == "" && !isName(&next) {
			continue // a table named type, rollup or the like
		}
		d.Kind = f.kind
		lex.Next()
		if f.second != "" {
			lex.Next()
		}
		if !f.named {
			return nil
		}
		break
	}
	var q qualified
	if err := q.Parse(lex); err != nil {
		if err == participle.NextMatch {
			return mismatch(lex.Peek(), "name")
		}
		return err
	}
	d.Name = q.QualifiedName
	return nil
}

// keyspace reads the name after KEYSPACE, if there is one.
func (d *description) keyspace(lex *lexer.PeekingLexer) error {
	if !isName(lex.Peek()) {
		return nil
	}
	n, err := readName(lex)
	d.Name = QualifiedName{Pos: n.Pos, Name: n.Text}
	return err
}
