package cql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

var comparisons = map[string]Operator{
	"=": OpEqual, "!=": OpNotEqual, "<": OpLess, "<=": OpLessOrEqual, ">": OpGreater, ">=": OpGreaterOrEqual,
}

// relation reads one condition of WHERE or IF.
func (r *termReader) relation() (Relation, error) {
	t := r.lex.Peek()
	switch {
	case t.Value == "(":
		return r.bracketedRelation()
	case t.Value == "TOKEN":
		return r.tokenRelation()
	}
	column, err := readName(r.lex)
	if err != nil {
		return nil, err
	}
	switch next := r.lex.Peek(); next.Value {
	case "IS":
		return r.nullRelation(column)
	case "IN", "NOT":
		return r.inRelation(column)
	case "[":
		return r.elementRelation(column)
	case ".":
		return r.fieldRelation(column)
	}
	op, value, err := r.comparison(true)
	return &ColumnRelation{Pos: column.Pos, Column: column, Op: op, Value: value}, err
}

// comparison reads an operator and its right side.
func (r *termReader) comparison(words bool) (Operator, Term, error) {
	t := r.lex.Peek()
	op, ok := comparisons[t.Value]
	switch {
	case ok:
		r.lex.Next()
	case words && accept(r.lex, "LIKE"):
		op = OpLike
	case words && accept(r.lex, "CONTAINS"):
		op = OpContains
		if r.lex.Peek().Value == "KEY" && second(r.lex).Value != "(" {
			r.lex.Next()
			op = OpContainsKey
		}
	default:
		return 0, nil, mismatch(t, "")
	}
	value, err := r.term()
	return op, value, err
}

func (r *termReader) nullRelation(column Name) (Relation, error) {
	r.lex.Next()
	rel := &NullRelation{Pos: column.Pos, Column: column, Negated: accept(r.lex, "NOT")}
	return rel, expect(r.lex, "NULL")
}

func (r *termReader) inRelation(column Name) (Relation, error) {
	rel := &InRelation{Pos: column.Pos, Column: column, Negated: accept(r.lex, "NOT")}
	var err error
	rel.Values, rel.Marker, err = r.inValues()
	return rel, err
}

// inValues reads `IN (…)` or `IN ?`.
func (r *termReader) inValues() ([]Term, *Marker, error) {
	if err := expect(r.lex, "IN"); err != nil {
		return nil, nil, err
	}
	switch t := r.lex.Peek(); t.Value {
	case "?", ":":
		m, err := r.marker()
		return nil, m, err
	case "(":
		r.lex.Next()
		values, err := r.list(")")
		return values, nil, err
	default:
		return nil, nil, mismatch(t, `"("`)
	}
}

func (r *termReader) elementRelation(column Name) (Relation, error) {
	r.lex.Next()
	key, err := r.index()
	if err != nil {
		return nil, err
	}
	if in, err := r.partInRelation(&PartInRelation{Pos: column.Pos, Column: column, Key: key}); in != nil || err != nil {
		return in, err
	}
	op, value, err := r.comparison(false)
	return &ElementRelation{Pos: column.Pos, Column: column, Key: key, Op: op, Value: value}, err
}

func (r *termReader) fieldRelation(column Name) (Relation, error) {
	r.lex.Next()
	field, err := readName(r.lex)
	if err != nil {
		return nil, err
	}
	if in, err := r.partInRelation(&PartInRelation{Pos: column.Pos, Column: column, Field: &field}); in != nil || err != nil {
		return in, err
	}
	op, value, err := r.comparison(false)
	return &FieldRelation{Pos: column.Pos, Column: column, Field: field, Op: op, Value: value}, err
}

// partInRelation reads the IN of an element or a field; nil: there is none.
func (r *termReader) partInRelation(rel *PartInRelation) (Relation, error) {
	negated := r.lex.Peek().Value == "NOT" && second(r.lex).Value == "IN"
	if negated {
		r.lex.Next()
	} else if r.lex.Peek().Value != "IN" {
		return nil, nil
	}
	rel.Negated = negated
	var err error
	rel.Values, rel.Marker, err = r.inValues()
	return rel, err
}

func (r *termReader) tokenRelation() (Relation, error) {
	pos := position(r.lex.Next().Pos)
	if r.lex.Peek().Value != "(" {
		return nil, mismatch(r.lex.Peek(), `"("`)
	}
	columns, err := r.columnTuple()
	if err != nil {
		return nil, err
	}
	op, value, err := r.comparison(false)
	return &TokenRelation{Pos: pos, Columns: columns, Op: op, Value: value}, err
}

// columnTuple reads `(a, b)`.
func (r *termReader) columnTuple() ([]Name, error) {
	r.lex.Next()
	var columns []Name
	for {
		name, err := readName(r.lex)
		if err != nil {
			return nil, err
		}
		columns = append(columns, name)
		if accept(r.lex, ")") {
			return columns, nil
		}
		if !accept(r.lex, ",") {
			return nil, mismatch(r.lex.Peek(), `")"`)
		}
	}
}

// bracketedRelation reads `(a, b) > …`, `(a, b) IN …`, or one relation in parentheses.
func (r *termReader) bracketedRelation() (Relation, error) {
	open := r.lex.Peek()
	mark := r.lex.MakeCheckpoint()
	columns, err := r.columnTuple()
	if err != nil {
		r.lex.LoadCheckpoint(mark)
		r.lex.Next()
		inner, err := r.relation()
		if err != nil {
			return nil, err
		}
		return inner, expect(r.lex, ")")
	}
	pos := position(open.Pos)
	if next := r.lex.Peek(); next.Value == "IN" || next.Value == "NOT" {
		rel := &TupleInRelation{Pos: pos, Columns: columns, Negated: accept(r.lex, "NOT")}
		rel.Values, rel.Marker, err = r.inValues()
		return rel, err
	}
	at := r.lex.Peek().Pos
	op, value, err := r.comparison(false)
	if err != nil {
		return nil, err
	}
	switch value.(type) {
	case *TupleLiteral, *Marker:
		return &TupleRelation{Pos: pos, Columns: columns, Op: op, Value: value}, nil
	}
	return nil, participle.Errorf(at, "a tuple of columns is compared with a tuple or a bind marker")
}

// selectors reads `*` or a list of selectors.
func (r *termReader) selectors() ([]Selector, error) {
	if t := r.lex.Peek(); t.Value == "*" {
		r.lex.Next()
		pos := position(t.Pos)
		return []Selector{{Pos: pos, Term: &Star{Pos: pos}}}, nil
	}
	var selectors []Selector
	for {
		s, err := r.selector()
		if err != nil {
			return nil, err
		}
		selectors = append(selectors, s)
		if !accept(r.lex, ",") {
			return selectors, nil
		}
	}
}

func (r *termReader) selector() (Selector, error) {
	s := Selector{Pos: position(r.lex.Peek().Pos)}
	var err error
	if s.Term, err = r.term(); err != nil || !accept(r.lex, "AS") {
		return s, err
	}
	alias, err := readName(r.lex)
	s.Alias = alias.Text
	return s, err
}

// assignment reads one item of SET.
func (r *termReader) assignment() (Assignment, error) {
	column, err := readName(r.lex)
	if err != nil {
		return nil, err
	}
	switch t := r.lex.Next(); t.Value {
	case "=":
		return r.plainAssignment(column)
	case "+=", "-=":
		value, err := r.term()
		return &AddToColumn{Pos: column.Pos, Column: column, Kind: addKind(t), Value: value}, err
	case "[":
		key, err := r.index()
		if err != nil {
			return nil, err
		}
		value, err := r.assigned()
		return &SetElement{Pos: column.Pos, Column: column, Key: key, Value: value}, err
	case ".":
		field, err := readName(r.lex)
		if err != nil {
			return nil, err
		}
		value, err := r.assigned()
		return &SetField{Pos: column.Pos, Column: column, Field: field, Value: value}, err
	default:
		return nil, mismatch(t, `"="`)
	}
}

func addKind(t *lexer.Token) AddKind {
	if t.Value[0] == '-' {
		return AddSubtract
	}
	return AddAppend
}

func (r *termReader) assigned() (Term, error) {
	if err := expect(r.lex, "="); err != nil {
		return nil, err
	}
	return r.term()
}

// plainAssignment reads what follows `column =`: a value, `column + value`, `column - value` or `value + column`.
func (r *termReader) plainAssignment(column Name) (Assignment, error) {
	if next := second(r.lex).Value; isName(r.lex.Peek()) && (next == "+" || next == "-") {
		if err := r.sameColumn(column, "X = X "+next+"<value>"); err != nil {
			return nil, err
		}
		kind := addKind(r.lex.Next())
		value, err := r.term()
		return &AddToColumn{Pos: column.Pos, Column: column, Kind: kind, Value: value}, err
	}
	value, err := r.term()
	if err != nil {
		return nil, err
	}
	if !accept(r.lex, "+") {
		return &SetColumn{Pos: column.Pos, Column: column, Value: value}, nil
	}
	if err := r.sameColumn(column, "X = <value> + X"); err != nil {
		return nil, err
	}
	return &AddToColumn{Pos: column.Pos, Column: column, Kind: AddPrepend, Value: value}, nil
}

func (r *termReader) sameColumn(column Name, form string) error {
	at := r.lex.Peek().Pos
	name, err := readName(r.lex)
	if err == nil && name.Text != column.Text {
		err = participle.Errorf(at, "Only expressions of the form %s are supported.", form)
	}
	return err
}
