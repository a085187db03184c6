package types

import (
	"math"
	"strings"
)

// LiteralClass is the lexical class of a literal.
type LiteralClass uint8

// Classes of literals.
const (
	LitNull     LiteralClass = 1
	LitString   LiteralClass = 2
	LitInteger  LiteralClass = 3
	LitFloat    LiteralClass = 4 // NaN and Infinity too
	LitBoolean  LiteralClass = 5
	LitUUID     LiteralClass = 6
	LitHex      LiteralClass = 7 // 0xcafe
	LitDuration LiteralClass = 8
	LitList     LiteralClass = 9  // [a, b]
	LitSet      LiteralClass = 10 // {a, b}; {} is an empty map too
	LitMap      LiteralClass = 11 // {k: v}
	LitTuple    LiteralClass = 12 // (a, b)
	LitUser     LiteralClass = 13 // {field: value}
)

// Literal is a constant of a statement. Text is what was written, of strings without quotes.
type Literal struct {
	Class LiteralClass
	Text  string
	Names []string  // of LitUser: the fields, as many as Elems
	Elems []Literal // of lists, sets, tuples; of maps keys and values in turns
}

// ParseLiteral turns a literal into a value as Cassandra does; nil for null. The error is ErrWrongClass
// (wrapped, inside collections) where the class cannot be given to t at all, else an Invalid.
func (t *Type) ParseLiteral(lit Literal) ([]byte, error) {
	if lit.Class == LitNull {
		return nil, nil
	}
	if len(t.elems) > 0 {
		return t.parseElems(lit)
	}
	if !t.Takes(lit.Class) {
		return nil, ErrWrongClass
	}
	if lit.Class == LitFloat && (t.kind == KindFloat || t.kind == KindDouble) && beyondDouble(lit.Text) {
		return nil, invalidf("Unable to make %s from '%s': the largest is about 1.8e308; what is infinite is written Infinity", t.name, Shown(lit.Text))
	}
	return t.parseScalar(lit.Text)
}

// beyondDouble reports whether a number is so large that a double has no other value for it than infinity.
func beyondDouble(s string) bool {
	if len(s) < 300 && !strings.ContainsAny(s, "eE") || strings.HasSuffix(s, "y") {
		return false
	}
	v, ok := parseFloat(s, 64)
	return ok && math.IsInf(v, 0)
}
