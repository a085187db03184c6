package cql

import (
	"testing"

	"pgregory.net/rapid"
)

// Trees are drawn only in the shapes that Parse makes: see the comments of the syntax tree.

func drawName(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"a", "key", "json", "distinct", "as", "exists", "table", "token", "cast", "Upper", `q"uote`, "é", "count"}),
		rapid.StringMatching(`[a-z][a-z0-9_]{0,6}`),
	).Filter(func(s string) bool { return s != "" }).Draw(t, "name")
}

func drawLiteral(t *rapid.T) *Literal {
	return rapid.SampledFrom([]*Literal{
		{Class: LiteralNull, Text: "null"}, {Class: LiteralString, Text: "it's $$;"}, {Class: LiteralString}, {Class: LiteralInteger, Text: "5"},
		{Class: LiteralInteger, Text: "-5"}, {Class: LiteralFloat, Text: "1.5e-3"}, {Class: LiteralFloat, Text: "NaN"}, {Class: LiteralFloat, Text: "-Infinity"},
		{Class: LiteralBoolean, Text: "true"}, {Class: LiteralUUID, Text: "550e8400-e29b-41d4-a716-446655440000"}, {Class: LiteralBlob, Text: "0x"},
		{Class: LiteralDuration, Text: "1h30m"}, {Class: LiteralDuration, Text: "-P1Y2M"},
	}).Draw(t, "literal")
}

func drawType(t *rapid.T, depth int) DataType {
	switch n := rapid.IntRange(0, 3).Draw(t, "type"); {
	case n == 0 && depth > 0:
		return DataType{Name: "map", Args: []DataType{drawType(t, depth-1), drawType(t, depth-1)}}
	case n == 1:
		return DataType{Keyspace: drawName(t), Name: drawName(t)}
	case n == 2:
		return DataType{Name: "vector", Args: []DataType{{Name: "float"}, {Name: "3"}}}
	}
	return DataType{Name: "int"}
}

func drawTerms(t *rapid.T, depth, atLeast int) []Term {
	var terms []Term
	for range rapid.IntRange(atLeast, atLeast+2).Draw(t, "count") {
		terms = append(terms, drawSelected(t, depth))
	}
	return terms
}

// drawOperand draws a term as it may stand beside an operator: Parse keeps the parentheses around what needs them.
func drawOperand(t *rapid.T, depth int, plain func(Term) bool) Term {
	operand := drawSelected(t, depth)
	if plain(operand) {
		return operand
	}
	return &TupleLiteral{Elems: []Term{operand}}
}

// drawSelected draws a term as it may stand among selectors.
func drawSelected(t *rapid.T, depth int) Term {
	if depth == 0 {
		if rapid.Bool().Draw(t, "column") {
			return &ColumnRef{Name: drawName(t)}
		}
		return drawLiteral(t)
	}
	depth--
	switch rapid.IntRange(0, 10).Draw(t, "term") {
	case 0:
		return &FunctionCall{Name: drawName(t), Args: drawTerms(t, depth, 0)}
	case 1:
		return &Cast{Operand: drawSelected(t, depth), Type: drawType(t, 2)}
	case 2:
		return &Binary{Op: rapid.SampledFrom([]byte("+-*/%")).Draw(t, "op"), Left: drawOperand(t, depth, isPrimary), Right: drawOperand(t, depth, isPrimary)}
	case 3:
		operand := drawOperand(t, depth, func(t Term) bool {
			l, ok := t.(*Literal)
			return isPrimary(t) && (!ok || l.Text == "NaN" || l.Class != LiteralInteger && l.Class != LiteralFloat && l.Class != LiteralDuration)
		})
		if l, ok := operand.(*Literal); ok && l.Text == "NaN" {
			return l // Parse knows no negative NaN
		}
		return &Negation{Operand: operand}
	case 4:
		return &Element{Of: drawOperand(t, depth, takesSuffix), Key: drawLiteral(t)}
	case 9:
		out := &Range{Of: drawOperand(t, depth, takesSuffix), From: drawLiteral(t), To: drawLiteral(t)}
		switch rapid.IntRange(0, 2).Draw(t, "open") {
		case 0:
			out.From = nil
		case 1:
			out.To = nil
		}
		return out
	case 5:
		return &Field{Of: drawOperand(t, depth, takesSuffix), Name: Name{Text: drawName(t)}}
	case 6:
		return &TupleLiteral{Elems: drawTerms(t, depth, 2)}
	case 7:
		return &ListLiteral{Elems: drawTerms(t, depth, 0)}
	case 8:
		return &UserTypeLiteral{Fields: []FieldValue{{Name: Name{Text: drawName(t)}, Value: drawSelected(t, depth)}}}
	}
	return &TypeHint{Type: drawType(t, 1), Operand: drawOperand(t, depth, isPrimary)}
}

func TestSelectorsReadBackAsTheyWereDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := &Select{From: QualifiedName{Keyspace: drawName(t), Name: drawName(t)}}
		for range rapid.IntRange(1, 3).Draw(t, "selectors") {
			drawn.Selectors = append(drawn.Selectors, Selector{Term: drawSelected(t, 4), Alias: drawName(t)})
		}
		drawn.JSON = rapid.Bool().Draw(t, "json")
		text := Format(drawn)
		read, err := Parse(text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if got, want := dump(read), dump(drawn); got != want {
			t.Fatalf("%s\nread  %s\ndrawn %s", text, got, want)
		}
	})
}

func TestIndexesReadBackAsTheyWereDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := &CreateIndex{
			Custom: rapid.Bool().Draw(t, "custom"), IfNotExists: rapid.Bool().Draw(t, "absent"),
			Table: QualifiedName{Keyspace: drawName(t), Name: drawName(t)},
		}
		if rapid.Bool().Draw(t, "named") {
			drawn.Name = Name{Text: drawName(t)}
		}
		for range rapid.IntRange(0, 2).Draw(t, "targets") {
			column := rapid.SampledFrom([]string{"keys", "values", "entries", "full", drawName(t)}).Draw(t, "column")
			drawn.Targets = append(drawn.Targets, IndexTarget{Column: Name{Text: column}, Kind: IndexTargetKind(rapid.IntRange(0, 4).Draw(t, "kind"))})
		}
		if rapid.Bool().Draw(t, "using") {
			drawn.Class = &Literal{Class: LiteralString, Text: rapid.SampledFrom([]string{"", "sai", "it's"}).Draw(t, "class")}
		}
		if rapid.Bool().Draw(t, "with") {
			drawn.Options = []Option{{Name: "options", Value: &MapLiteral{Entries: []MapEntry{{Key: drawLiteral(t), Value: drawLiteral(t)}}}}}
		}
		text := Format(drawn)
		read, err := Parse(text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if got, want := dump(read), dump(drawn); got != want {
			t.Fatalf("%s\nread  %s\ndrawn %s", text, got, want)
		}
	})
}
