package cql

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/eskerdb/esker/cql/types"
)

type createTypeGrammar struct {
	Pos    lexer.Position
	Absent bool           `parser:"'CREATE' 'TYPE' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name   qualified      `parser:"@@"`
	Fields []fieldGrammar `parser:"'(' @@ ( ',' @@? )* ')'"`
}

type fieldGrammar struct {
	Name name     `parser:"@@"`
	Type typeNode `parser:"@@"`
}

type alterTypeGrammar struct {
	Pos    lexer.Position
	Exists bool             `parser:"'ALTER' 'TYPE' ( 'IF' @'EXISTS' )?"`
	Name   qualified        `parser:"@@"`
	Add    *addFieldGrammar `parser:"( @@"`
	Rename *renameGrammar   `parser:"| @@"`
	Retype *retypeGrammar   `parser:"| @@ )"`
}

type addFieldGrammar struct {
	Pos    lexer.Position
	Absent bool         `parser:"'ADD' ( 'IF' 'NOT' @'EXISTS' )?"`
	Field  fieldGrammar `parser:"@@"`
}

type dropTypeGrammar struct {
	Pos    lexer.Position
	Exists bool      `parser:"'DROP' 'TYPE' ( 'IF' @'EXISTS' )?"`
	Name   qualified `parser:"@@"`
}

func field(g *fieldGrammar) FieldDefinition {
	return FieldDefinition{Name: g.Name.Name, Type: g.Type.Type}
}

func (b *builder) createType(g *createTypeGrammar) Statement {
	t := &CreateType{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfNotExists: g.Absent}
	for i := range g.Fields {
		t.Fields = append(t.Fields, field(&g.Fields[i]))
	}
	b.checkTypeName(t.Name)
	return t
}

func (b *builder) alterType(g *alterTypeGrammar) Statement {
	t := &AlterType{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfExists: g.Exists}
	b.checkTypeName(t.Name)
	switch {
	case g.Add != nil:
		t.Action = &AddField{Pos: position(g.Add.Pos), IfNotExists: g.Add.Absent, Field: field(&g.Add.Field)}
	case g.Rename != nil:
		t.Action = &RenameFields{Pos: position(g.Rename.Pos), IfExists: g.Rename.Exists, Renames: renames(g.Rename)}
	default:
		retype := fieldGrammar{Name: g.Retype.Column, Type: g.Retype.Type}
		t.Action = &AlterFieldType{Pos: position(g.Retype.Pos), Field: field(&retype)}
	}
	return t
}

func renames(g *renameGrammar) []Rename {
	var out []Rename
	for _, item := range g.Items {
		out = append(out, Rename{From: item.From.Name, To: item.To.Name})
	}
	return out
}

func (b *builder) dropType(g *dropTypeGrammar) Statement {
	b.checkTypeName(g.Name.QualifiedName)
	return &DropType{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfExists: g.Exists}
}

// checkTypeName refuses a name that, where a type stands, is not read as that of a user type.
func (b *builder) checkTypeName(n QualifiedName) {
	if types.BuiltIn(n.Name) {
		b.fail(n.Pos, "Invalid (reserved) user type name %s", n.Name)
	}
}
