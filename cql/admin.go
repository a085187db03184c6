package cql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// AdminVerb says what an ADMIN statement does.
type AdminVerb uint8

// The verbs of ADMIN.
const (
	AdminFlush      AdminVerb = 1
	AdminCompact    AdminVerb = 2
	AdminTableStats AdminVerb = 3
	AdminBackup     AdminVerb = 4
)

// AdminDetail says what the rows of ADMIN TABLESTATS are.
type AdminDetail uint8

// The details of ADMIN TABLESTATS.
const (
	AdminByTable  AdminDetail = 0
	AdminByColumn AdminDetail = 1
	AdminByFile   AdminDetail = 2
)

// Admin is `ADMIN FLUSH | COMPACT | TABLESTATS [keyspace [. table]]`, TABLESTATS with `WITH COLUMNS` or
// `WITH FILES`, or `ADMIN BACKUP 'directory'`.
type Admin struct {
	Pos
	Verb      AdminVerb
	Keyspace  string // empty: all of them
	Table     string // empty: all of the keyspace
	Detail    AdminDetail
	Directory string // of BACKUP
}

func (*Admin) statement() {}

var adminVerbs = []struct {
	word string
	verb AdminVerb
}{{"FLUSH", AdminFlush}, {"COMPACT", AdminCompact}, {"TABLESTATS", AdminTableStats}, {"BACKUP", AdminBackup}}

type adminGrammar struct {
	Pos   lexer.Position
	Order adminNode `parser:"'ADMIN' @@"`
}

// adminNode is what follows ADMIN.
type adminNode struct{ Admin }

func (n *adminNode) Parse(lex *lexer.PeekingLexer) error {
	for _, v := range adminVerbs {
		if accept(lex, v.word) {
			n.Verb = v.verb
			break
		}
	}
	switch n.Verb {
	case 0:
		return participle.Errorf(lex.Peek().Pos, "after ADMIN comes FLUSH, COMPACT, TABLESTATS or BACKUP")
	case AdminBackup:
		return n.directory(lex)
	}
	if err := n.scope(lex); err != nil || n.Verb != AdminTableStats || !accept(lex, "WITH") {
		return err
	}
	switch {
	case accept(lex, "COLUMNS"):
		n.Detail = AdminByColumn
	case accept(lex, "FILES"):
		n.Detail = AdminByFile
	default:
		return participle.Errorf(lex.Peek().Pos, "after WITH comes COLUMNS or FILES")
	}
	return nil
}

func (n *adminNode) directory(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type != tokenString {
		return participle.Errorf(lex.Peek().Pos, "after BACKUP comes a directory of the server in single quotes")
	}
	n.Directory = stringText(lex.Next())
	return nil
}

// scope reads a keyspace, a keyspace and a table, or nothing.
func (n *adminNode) scope(lex *lexer.PeekingLexer) error {
	if !isName(lex.Peek()) {
		return nil
	}
	first, err := readName(lex)
	n.Keyspace = first.Text
	if err != nil || !accept(lex, ".") {
		return err
	}
	second, err := readName(lex)
	n.Table = second.Text
	return err
}

func (b *builder) admin(g *adminGrammar) Statement {
	out := g.Order.Admin
	out.Pos = position(g.Pos)
	return &out
}

func (p *printer) admin(s *Admin) {
	p.WriteString("ADMIN ")
	for _, v := range adminVerbs {
		p.when(v.verb == s.Verb, v.word)
	}
	if s.Verb == AdminBackup {
		p.words(" ", QuoteString(s.Directory))
		return
	}
	if s.Keyspace != "" {
		p.words(" ", QuoteIdentifier(s.Keyspace))
	}
	if s.Table != "" {
		p.words(".", QuoteIdentifier(s.Table))
	}
	p.when(s.Detail == AdminByColumn, " WITH COLUMNS")
	p.when(s.Detail == AdminByFile, " WITH FILES")
}
