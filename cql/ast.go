// Package cql turns the text of CQL into a syntax tree with positions, and a tree back into its canonical text.
// It knows the words and the grammar, esker's own statements included; it does not know any schema, so it
// cannot tell whether a table, a column or a function exists, nor whether a literal fits a type.
package cql

// Pos is a place in the text of a statement.
type Pos struct {
	Offset int // bytes from the beginning of the text, from 0
	Line   int // from 1
	Column int // characters from the beginning of the line, from 0, as Cassandra counts
}

// Position answers the place itself; every node embeds a Pos and so is a Node.
func (p Pos) Position() Pos { return p }

// Node is anything in the tree that has a place in the text.
type Node interface {
	// Position is where the node begins.
	Position() Pos
}

// Statement is one statement: a pointer to one of the structs of ast_ddl.go, ast_dml.go, ast_select.go,
// ast_derived.go, ast_index.go, ast_retention.go, ast_type.go and ast_roles.go, *Admin or *Unsupported.
type Statement interface {
	Node
	statement()
}

// Name is an identifier, in lower case unless it was quoted.
type Name struct {
	Pos
	Text string
}

// QualifiedName is the name of a table, view, query table, rollup or index, with its keyspace if the text has one.
type QualifiedName struct {
	Pos
	Keyspace string // empty if the text names none
	Name     string
}

// Option is one `name = value` after WITH.
type Option struct {
	Pos
	Name  string // in lower case unless quoted
	Value Term   // *Literal or *MapLiteral
}

// Unsupported is a statement that is known by its first words but not parsed further.
type Unsupported struct {
	Pos
	What string // the words, in upper case: "CREATE TRIGGER", "ADD IDENTITY"
}

func (*Unsupported) statement() {}
