package cql

// Using is USING TIMESTAMP and USING TTL; a term is nil where the text has none.
type Using struct {
	Timestamp Term // microseconds; *Literal of an integer or *Marker
	TTL       Term // seconds; *Literal of an integer or *Marker
}

// Insert is `INSERT INTO table (columns) VALUES (values)`, or `INSERT INTO table JSON object [DEFAULT NULL | UNSET]`.
type Insert struct {
	Pos
	Into        QualifiedName
	Columns     []Name
	Values      []Term
	JSON        Term // the object, *Literal of a string or *Marker; nil where there are columns and values
	Unset       bool // DEFAULT UNSET: columns that the object does not name stay as they are
	IfNotExists bool
	Using       Using
}

// Update is `UPDATE table SET … WHERE …`.
type Update struct {
	Pos
	Table    QualifiedName
	Using    Using
	Set      []Assignment
	Where    []Relation
	IfExists bool
	If       []Relation // empty without conditions
}

// Assignment is one item after SET: a pointer to one of the structs below.
type Assignment interface {
	Node
	assignment()
}

// SetColumn is `column = value`.
type SetColumn struct {
	Pos
	Column Name
	Value  Term
}

// SetElement is `column[key] = value`.
type SetElement struct {
	Pos
	Column Name
	Key    Term
	Value  Term
}

// SetField is `column.field = value`.
type SetField struct {
	Pos
	Column Name
	Field  Name
	Value  Term
}

// AddKind is the direction of an AddToColumn.
type AddKind uint8

// The kinds of AddToColumn.
const (
	AddAppend   AddKind = 1 // c = c + value, c += value
	AddPrepend  AddKind = 2 // c = value + c
	AddSubtract AddKind = 3 // c = c - value, c -= value
)

// AddToColumn changes a counter or a collection by a value.
type AddToColumn struct {
	Pos
	Column Name
	Kind   AddKind
	Value  Term
}

func (*SetColumn) assignment()   {}
func (*SetElement) assignment()  {}
func (*SetField) assignment()    {}
func (*AddToColumn) assignment() {}

// DeleteTarget is a column, `column[key]` or `column.field` after DELETE.
type DeleteTarget struct {
	Pos
	Column Name
	Key    Term  // nil unless an element
	Field  *Name // nil unless a field
}

// Delete is `DELETE [targets] FROM table … WHERE …`.
type Delete struct {
	Pos
	Targets  []DeleteTarget // empty: whole rows
	From     QualifiedName
	Using    Using // never a TTL
	Where    []Relation
	IfExists bool
	If       []Relation // empty without conditions
}

// BatchKind says what a batch promises.
type BatchKind uint8

// The kinds of batches; the numbers are not those of the protocol.
const (
	BatchLogged   BatchKind = 1
	BatchUnlogged BatchKind = 2
	BatchCounter  BatchKind = 3
)

// Batch is `BEGIN BATCH … APPLY BATCH`.
type Batch struct {
	Pos
	Kind       BatchKind
	Using      Using       // never a TTL
	Statements []Statement // each *Insert, *Update or *Delete
}

// Truncate is `TRUNCATE [TABLE] table`.
type Truncate struct {
	Pos
	Table QualifiedName
}

func (*Insert) statement()   {}
func (*Update) statement()   {}
func (*Delete) statement()   {}
func (*Batch) statement()    {}
func (*Truncate) statement() {}
