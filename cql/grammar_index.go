package cql

import (
	"github.com/alecthomas/participle/v2/lexer"
)

type createIndexGrammar struct {
	Pos     lexer.Position
	Custom  bool              `parser:"'CREATE' @'CUSTOM'?"`
	Absent  bool              `parser:"'INDEX' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name    *name             `parser:"@@?"`
	Table   qualified         `parser:"'ON' @@"`
	Targets []indexTargetNode `parser:"'(' ( @@ ( ',' @@ )* )? ')'"`
	Class   lexer.Token       `parser:"( 'USING' @String )?"`
	Options *optionsGrammar   `parser:"@@?"`
}

// indexTargetNode is read by hand: KEYS and VALUES also name columns.
type indexTargetNode struct{ Target IndexTarget }

func (n *indexTargetNode) Parse(lex *lexer.PeekingLexer) error {
	first := *lex.Peek()
	for kind, word := range indexTargetWords {
		if next := second(lex); word == "" || first.Value != word || next.Value != "(" {
			continue
		}
		lex.Next()
		lex.Next()
		column, err := readName(lex)
		n.Target = IndexTarget{Pos: position(first.Pos), Column: column, Kind: IndexTargetKind(kind)}
		if err != nil {
			return err
		}
		return expect(lex, ")")
	}
	var column name
	err := column.Parse(lex)
	n.Target = IndexTarget{Pos: position(first.Pos), Column: column.Name}
	return err
}

func (b *builder) createIndex(g *createIndexGrammar) Statement {
	out := &CreateIndex{
		Pos: position(g.Pos), Custom: g.Custom, IfNotExists: g.Absent, Table: g.Table.QualifiedName, Options: options(g.Options),
	}
	if g.Name != nil {
		out.Name = g.Name.Name
	}
	for _, n := range g.Targets {
		out.Targets = append(out.Targets, n.Target)
	}
	if g.Class.Type == tokenString {
		out.Class = literalOf(&g.Class)
	}
	return out
}

func (p *printer) createIndex(s *CreateIndex) {
	p.WriteString("CREATE ")
	p.when(s.Custom, "CUSTOM ")
	p.WriteString("INDEX ")
	p.when(s.IfNotExists, "IF NOT EXISTS ")
	if s.Name.Text != "" {
		p.words(QuoteIdentifier(s.Name.Text), " ")
	}
	p.words("ON ", s.Table.String(), " (")
	each(p, s.Targets, func(t IndexTarget) {
		if t.Kind == IndexColumn {
			p.name(t.Column.Text)
			return
		}
		p.words(indexTargetWords[t.Kind], "(", QuoteIdentifier(t.Column.Text), ")")
	})
	p.WriteByte(')')
	if s.Class != nil {
		p.words(" USING ", FormatTerm(s.Class))
	}
	p.options(s.Options)
}
