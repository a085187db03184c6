package cql

// FieldDefinition is `name type`, a field of a user type.
type FieldDefinition struct {
	Name Name
	Type DataType
}

// CreateType is CREATE TYPE.
type CreateType struct {
	Pos
	Name        QualifiedName
	IfNotExists bool
	Fields      []FieldDefinition // never empty
}

// AlterType is ALTER TYPE.
type AlterType struct {
	Pos
	Name     QualifiedName
	IfExists bool
	Action   TypeAction
}

// TypeAction is what ALTER TYPE does: a pointer to one of the structs below.
type TypeAction interface {
	Node
	typeAction()
}

// AddField is `ADD [IF NOT EXISTS] name type`.
type AddField struct {
	Pos
	IfNotExists bool
	Field       FieldDefinition
}

// RenameFields is `RENAME [IF EXISTS] a TO b AND …`.
type RenameFields struct {
	Pos
	IfExists bool
	Renames  []Rename
}

// AlterFieldType is `ALTER name TYPE type`.
type AlterFieldType struct {
	Pos
	Field FieldDefinition
}

func (*AddField) typeAction()       {}
func (*RenameFields) typeAction()   {}
func (*AlterFieldType) typeAction() {}

// DropType is DROP TYPE.
type DropType struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

func (*CreateType) statement() {}
func (*AlterType) statement()  {}
func (*DropType) statement()   {}
