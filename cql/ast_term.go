package cql

// Term is an expression: a pointer to one of the structs of this file.
type Term interface {
	Node
	term()
}

// LiteralClass is the lexical class of a literal. Which types a class fits is not this package's knowledge.
type LiteralClass uint8

// The classes of literals.
const (
	LiteralNull     LiteralClass = 1 // null
	LiteralString   LiteralClass = 2 // 'text' or $$text$$
	LiteralInteger  LiteralClass = 3 // 42, -1
	LiteralFloat    LiteralClass = 4 // 1.5, -2e10, NaN, Infinity, -Infinity
	LiteralBoolean  LiteralClass = 5 // true, false
	LiteralUUID     LiteralClass = 6 // 550e8400-e29b-41d4-a716-446655440000
	LiteralBlob     LiteralClass = 7 // 0xcafe
	LiteralDuration LiteralClass = 8 // 1h30m, P1Y2M, -10us
)

// Literal is a constant. Text is the content of a string with its quotes undone; of the other classes it is
// the text as written with a leading minus joined to it, booleans and null in lower case, NaN and Infinity so spelled.
type Literal struct {
	Pos
	Class LiteralClass
	Text  string
}

// Marker is a place for a bound value: `?` or `:name`.
type Marker struct {
	Pos
	Name  string // empty for `?`
	Index int    // from 0, in the order of the text
}

// FunctionCall is `name(args)`. Of `count(*)` the one argument is a *Star.
type FunctionCall struct {
	Pos
	Keyspace string // empty if the text names none
	Name     string // in lower case unless quoted
	Args     []Term
}

// Cast is `CAST(operand AS type)`.
type Cast struct {
	Pos
	Operand Term
	Type    DataType
}

// TypeHint is `(type)operand`.
type TypeHint struct {
	Pos
	Type    DataType
	Operand Term
}

// ListLiteral is `[a, b]`.
type ListLiteral struct {
	Pos
	Elems []Term
}

// SetLiteral is `{a, b}`. `{}` is read as an empty set; it means an empty map where the type says so.
type SetLiteral struct {
	Pos
	Elems []Term
}

// MapEntry is one `key: value`.
type MapEntry struct {
	Key   Term
	Value Term
}

// MapLiteral is `{k: v}`, in the order of the text.
type MapLiteral struct {
	Pos
	Entries []MapEntry
}

// FieldValue is one `field: value` of a user-type literal.
type FieldValue struct {
	Name  Name
	Value Term
}

// UserTypeLiteral is `{field: value}` where the keys are identifiers.
type UserTypeLiteral struct {
	Pos
	Fields []FieldValue
}

// TupleLiteral is `(a, b)`. `(a)` is a tuple too; among selectors its type tells whether it only groups.
type TupleLiteral struct {
	Pos
	Elems []Term
}

// ColumnRef names a column.
type ColumnRef struct {
	Pos
	Name string // in lower case unless quoted
}

// Element is `of[key]`, an element of a collection.
type Element struct {
	Pos
	Of  Term
	Key Term
}

// Range is `of[from..to]`, the elements of a collection between two, which belong to it.
type Range struct {
	Pos
	Of       Term
	From, To Term // one of them may be nil: that side is open
}

// Field is `of.name`, a field of a user type.
type Field struct {
	Pos
	Of   Term
	Name Name
}

// Star is `*`: all columns as a selector, all rows as the argument of count.
type Star struct {
	Pos
}

// Binary is `left op right`.
type Binary struct {
	Pos        // of the operator
	Op    byte // '+', '-', '*', '/' or '%'
	Left  Term // evaluated first: operators of one rank group from the left
	Right Term
}

// Negation is `-operand` where the operand is not a literal.
type Negation struct {
	Pos
	Operand Term
}

func (*Literal) term()         {}
func (*Marker) term()          {}
func (*FunctionCall) term()    {}
func (*Cast) term()            {}
func (*TypeHint) term()        {}
func (*ListLiteral) term()     {}
func (*SetLiteral) term()      {}
func (*MapLiteral) term()      {}
func (*UserTypeLiteral) term() {}
func (*TupleLiteral) term()    {}
func (*ColumnRef) term()       {}
func (*Element) term()         {}
func (*Range) term()           {}
func (*Field) term()           {}
func (*Star) term()            {}
func (*Binary) term()          {}
func (*Negation) term()        {}

// DataType is the written form of a type: `int`, `frozen<map<text, int>>`, `ks.address`, 'org.example.Type', `vector<float, 3>`.
type DataType struct {
	Pos
	Keyspace string     // of a user type; empty if the text names none
	Name     string     // in lower case unless quoted; the digits of a vector's dimension; the class of a custom type
	Custom   bool       // the text was a string that names a Java class
	Args     []DataType // between < and >
}
