package cql

import "github.com/alecthomas/participle/v2/lexer"

type createRetentionGrammar struct {
	Pos    lexer.Position
	Absent bool           `parser:"'CREATE' 'RETENTION' 'POLICY' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name   qualified      `parser:"@@"`
	Table  qualified      `parser:"'ON' @@"`
	Where  []relationNode `parser:"'WHERE' @@ ( 'AND' @@ )*"`
	Keep   keepGrammar    `parser:"@@"`
}

type alterRetentionGrammar struct {
	Pos    lexer.Position
	Exists bool        `parser:"'ALTER' 'RETENTION' 'POLICY' ( 'IF' @'EXISTS' )?"`
	Name   qualified   `parser:"@@"`
	Keep   keepGrammar `parser:"@@"`
}

type dropRetentionGrammar struct {
	Pos    lexer.Position
	Exists bool      `parser:"'DROP' 'RETENTION' 'POLICY' ( 'IF' @'EXISTS' )?"`
	Name   qualified `parser:"@@"`
}

type keepGrammar struct {
	Span    lexer.Token `parser:"'KEEP' ( @Duration"`
	Forever bool        `parser:"| @'FOREVER' )"`
}

func keep(g *keepGrammar) *Literal {
	if g.Forever {
		return nil
	}
	return literalOf(&g.Span)
}

func (b *builder) createRetention(g *createRetentionGrammar) Statement {
	return &CreateRetentionPolicy{
		Pos: position(g.Pos), Name: g.Name.QualifiedName, IfNotExists: g.Absent, Table: g.Table.QualifiedName,
		Where: b.relations(g.Where), Keep: keep(&g.Keep),
	}
}

func (b *builder) alterRetention(g *alterRetentionGrammar) Statement {
	return &AlterRetentionPolicy{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfExists: g.Exists, Keep: keep(&g.Keep)}
}

func (b *builder) dropRetention(g *dropRetentionGrammar) Statement {
	return &DropRetentionPolicy{Pos: position(g.Pos), Name: g.Name.QualifiedName, IfExists: g.Exists}
}

func (p *printer) retention(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateRetentionPolicy:
		p.create("RETENTION POLICY", s.IfNotExists, s.Name.String())
		p.words(" ON ", s.Table.String())
		p.where(s.Where)
		p.keep(s.Keep)
	case *AlterRetentionPolicy:
		p.change("ALTER RETENTION POLICY", s.IfExists, s.Name.String())
		p.keep(s.Keep)
	case *DropRetentionPolicy:
		p.change("DROP RETENTION POLICY", s.IfExists, s.Name.String())
	}
}

func (p *printer) keep(span *Literal) {
	if span == nil {
		p.WriteString(" KEEP FOREVER")
		return
	}
	p.words(" KEEP ", FormatTerm(span))
}
