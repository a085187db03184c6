package cql

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// Parse reads one statement; semicolons may follow it. Every error is a *SyntaxError.
func Parse(text string) (Statement, error) {
	stmt, err := parse(text)
	if err != nil {
		return nil, syntaxError(text, err).withoutSecrets(text)
	}
	return stmt, nil
}

func parse(text string) (Statement, error) {
	if len(text) > StatementBytesMax {
		return nil, errorAt(text, Pos{Line: 1}, "statement has %d bytes, more than %d", len(text), StatementBytesMax)
	}
	lex, err := lexer.Upgrade(newScanner(text))
	if err != nil {
		return nil, err
	}
	b := &builder{text: text}
	stmt, err := b.statement(lex)
	if err != nil {
		return nil, err
	}
	for accept(lex, ";") {
		continue
	}
	if _, refused := stmt.(*Unsupported); !refused && lex.Peek().Type != tokenEnd {
		return nil, unexpectedToken(text, lex.Peek(), "EOF")
	}
	if err := b.numberMarkers(); err != nil {
		return nil, err
	}
	return stmt, nil
}

// ParseTerm reads one value and nothing after it, as a table option does whose map is written in a string.
// Bare names are no values. Every error is a *SyntaxError.
func ParseTerm(text string) (Term, error) {
	if len(text) > StatementBytesMax {
		return nil, errorAt(text, Pos{Line: 1}, "term has %d bytes, more than %d", len(text), StatementBytesMax)
	}
	lex, err := lexer.Upgrade(newScanner(text))
	if err != nil {
		return nil, syntaxError(text, err)
	}
	r := termReader{lex: lex}
	term, err := r.term()
	if err != nil {
		return nil, syntaxError(text, err)
	}
	if lex.Peek().Type != tokenEnd {
		return nil, unexpectedToken(text, lex.Peek(), "EOF")
	}
	b := builder{text: text, markers: r.markers}
	return term, b.numberMarkers()
}

// builder turns what the grammar read into the tree.
type builder struct {
	text    string
	markers []*Marker
	refused *Unsupported // a part of the statement that is recognised but not supported
	failed  *SyntaxError // what the grammar admits and the language does not; the first one
}

// fail notes an error found while the tree is built.
func (b *builder) fail(pos Pos, format string, args ...any) {
	if b.failed == nil {
		b.failed = errorAt(b.text, pos, format, args...)
	}
}

// mark remembers the bind markers of a production, to be numbered at the end.
func (b *builder) mark(m marked) { b.markers = append(b.markers, m.markers...) }

// numberMarkers gives the bind markers their index in the order of the text.
func (b *builder) numberMarkers() error {
	if len(b.markers) > MarkersMax {
		return errorAt(b.text, b.markers[MarkersMax].Pos, "statement has more than %d bind markers", MarkersMax)
	}
	slices.SortFunc(b.markers, func(x, y *Marker) int { return x.Offset - y.Offset })
	for i, m := range b.markers {
		m.Index = i
	}
	return nil
}

// reader reads one kind of statement and builds its tree.
type reader func(b *builder, lex *lexer.PeekingLexer) (Statement, error)

// grammar holds all productions but those read by hand (read_data.go), so that one build of the parser checks and knows them.
type grammar struct {
	Truncate        *truncateGrammar         `parser:"@@"`
	Describe        *describeGrammar         `parser:"| @@"`
	Retention       *retentionGrammar        `parser:"| @@"`
	CreateKeyspace  *createKeyspaceGrammar   `parser:"| @@"`
	AlterKeyspace   *alterKeyspaceGrammar    `parser:"| @@"`
	DropKeyspace    *dropKeyspaceGrammar     `parser:"| @@"`
	Use             *useGrammar              `parser:"| @@"`
	CreateTable     *createTableGrammar      `parser:"| @@"`
	AlterTable      *alterTableGrammar       `parser:"| @@"`
	Drop            *dropGrammar             `parser:"| @@"`
	CreateQuery     *createQueryTableGrammar `parser:"| @@"`
	CreateView      *createViewGrammar       `parser:"| @@"`
	CreateRollup    *createRollupGrammar     `parser:"| @@"`
	AlterDerived    *alterDerivedGrammar     `parser:"| @@"`
	AlterRollup     *alterRollupGrammar      `parser:"| @@"`
	CheckQueryTable *checkQueryTableGrammar  `parser:"| @@"`
	CheckRollup     *checkRollupGrammar      `parser:"| @@"`
	Refresh         *refreshGrammar          `parser:"| @@"`
	Pause           *pauseGrammar            `parser:"| @@"`
	Rebuild         *rebuildGrammar          `parser:"| @@"`
	CreateIndex     *createIndexGrammar      `parser:"| @@"`
	Admin           *adminGrammar            `parser:"| @@"`
	CreateRetention *createRetentionGrammar  `parser:"| @@"`
	AlterRetention  *alterRetentionGrammar   `parser:"| @@"`
	DropRetention   *dropRetentionGrammar    `parser:"| @@"`
	CreateRole      *createRoleGrammar       `parser:"| @@"`
	AlterRole       *alterRoleGrammar        `parser:"| @@"`
	DropRole        *dropRoleGrammar         `parser:"| @@"`
	Grant           *grantGrammar            `parser:"| @@"`
	List            *listGrammar             `parser:"| @@"`
	CreateType      *createTypeGrammar       `parser:"| @@"`
	AlterType       *alterTypeGrammar        `parser:"| @@"`
	DropType        *dropTypeGrammar         `parser:"| @@"`
}

// root looks no token back: what a production has begun it must end, so errors point at the token that is wrong.
var root = participle.MustBuild[grammar](participle.Lexer(definition{}), participle.UseLookahead(0))

// production makes a reader of one production of the grammar and the function that builds its tree.
func production[G any](build func(*builder, *G) Statement) reader {
	parser, err := participle.ParserForProduction[G](root)
	if err != nil {
		panic(err) // a production that is missing in grammar
	}
	return func(b *builder, lex *lexer.PeekingLexer) (Statement, error) {
		g, err := parser.ParseFromLexer(lex, participle.AllowTrailing(true))
		if err != nil {
			return nil, err
		}
		stmt := build(b, g)
		if b.failed != nil {
			return nil, b.failed
		}
		if b.refused != nil {
			return b.refused, nil
		}
		return stmt, nil
	}
}

// readers finds a reader by the first words of a statement, as many as tell it from others.
var readers = map[string]reader{
	"SELECT": byHand((*termReader).selectStatement), "INSERT": byHand((*termReader).insertStatement),
	"UPDATE": byHand((*termReader).updateStatement), "DELETE": byHand((*termReader).deleteStatement),
	"BEGIN": byHand((*termReader).batchStatement), "TRUNCATE": production((*builder).truncate),
	"USE": production((*builder).use), "DESCRIBE": production((*builder).describe), "DESC": production((*builder).describe),
	"CREATE KEYSPACE": production((*builder).createKeyspace), "CREATE SCHEMA": production((*builder).createKeyspace),
	"ALTER KEYSPACE": production((*builder).alterKeyspace), "ALTER SCHEMA": production((*builder).alterKeyspace),
	"DROP KEYSPACE": production((*builder).dropKeyspace), "DROP SCHEMA": production((*builder).dropKeyspace),
	"CREATE TABLE": production((*builder).createTable), "ALTER TABLE": production((*builder).alterTable),
	"DROP TABLE": production((*builder).drop), "DROP QUERY": production((*builder).drop),
	"DROP MATERIALIZED": production((*builder).drop), "DROP ROLLUP": production((*builder).drop),
	"CREATE QUERY": production((*builder).createQueryTable), "CREATE MATERIALIZED": production((*builder).createView),
	"CREATE ROLLUP": production((*builder).createRollup), "ALTER ROLLUP": production((*builder).alterRollup),
	"ALTER QUERY": production((*builder).alterDerived), "ALTER MATERIALIZED": production((*builder).alterDerived),
	"CHECK QUERY": production((*builder).checkQueryTable), "CHECK ROLLUP": production((*builder).checkRollup),
	"PAUSE ROLLUP": production((*builder).pause), "RESUME ROLLUP": production((*builder).pause),
	"REFRESH ROLLUP": production((*builder).refresh), "REBUILD QUERY": production((*builder).rebuild),
	"CREATE INDEX": production((*builder).createIndex), "CREATE CUSTOM": production((*builder).createIndex),
	"DROP INDEX":       production((*builder).drop),
	"ADMIN":            production((*builder).admin),
	"CREATE RETENTION": production((*builder).createRetention), "ALTER RETENTION": production((*builder).alterRetention),
	"DROP RETENTION": production((*builder).dropRetention),
	"CREATE ROLE":    production((*builder).createRole), "CREATE USER": production((*builder).createRole),
	"ALTER ROLE": production((*builder).alterRole), "ALTER USER": production((*builder).alterRole),
	"DROP ROLE": production((*builder).dropRole), "DROP USER": production((*builder).dropRole),
	"CREATE TYPE": production((*builder).createType), "ALTER TYPE": production((*builder).alterType),
	"DROP TYPE": production((*builder).dropType),
	"GRANT":     production((*builder).grant), "REVOKE": production((*builder).grant), "LIST": production((*builder).list),
}

var readRetention = production((*builder).explainRetention)

// severalWords are the first words that need the second one to tell what a statement is.
var severalWords = map[string]bool{"CREATE": true, "ALTER": true, "DROP": true, "CHECK": true, "REFRESH": true, "REBUILD": true, "PAUSE": true, "RESUME": true}

// unsupported are the first words of statements that are known and refused.
var unsupported = []string{
	"CREATE FUNCTION", "CREATE AGGREGATE", "CREATE OR REPLACE FUNCTION", "CREATE OR REPLACE AGGREGATE",
	"CREATE TRIGGER",
	"DROP FUNCTION", "DROP AGGREGATE", "DROP TRIGGER", "DROP IDENTITY",
	"ADD IDENTITY",
}

// statement reads the statement at the beginning of the stream.
func (b *builder) statement(lex *lexer.PeekingLexer) (Statement, error) {
	first := lex.Peek()
	if first.Value == "EXPLAIN" {
		return b.explain(lex)
	}
	words := first.Value
	wrong := *first
	if severalWords[words] {
		wrong = second(lex)
		words += " " + wrong.Value
	}
	if read, ok := readers[words]; ok {
		return read(b, lex)
	}
	for _, what := range unsupported {
		if acceptWords(lex, what) {
			return &Unsupported{Pos: position(first.Pos), What: what}, nil
		}
	}
	return nil, unexpectedToken(b.text, &wrong, "")
}

// acceptWords passes the words if all of them come next.
func acceptWords(lex *lexer.PeekingLexer, words string) bool {
	mark := lex.MakeCheckpoint()
	for word := range strings.SplitSeq(words, " ") {
		if !accept(lex, word) {
			lex.LoadCheckpoint(mark)
			return false
		}
	}
	return true
}

// explain reads EXPLAIN [ANALYZE] and the statement that follows, or EXPLAIN RETENTION.
func (b *builder) explain(lex *lexer.PeekingLexer) (Statement, error) {
	pos := position(lex.Next().Pos)
	if lex.Peek().Value == "RETENTION" {
		stmt, err := readRetention(b, lex)
		if e, ok := stmt.(*ExplainRetention); ok {
			e.Pos = pos
		}
		return stmt, err
	}
	analyze := accept(lex, "ANALYZE")
	if lex.Peek().Value == "EXPLAIN" {
		return nil, unexpectedToken(b.text, lex.Peek(), "")
	}
	stmt, err := b.statement(lex)
	if err != nil {
		return nil, err
	}
	if refused, ok := stmt.(*Unsupported); ok {
		return refused, nil
	}
	return &Explain{Pos: pos, Analyze: analyze, Statement: stmt}, nil
}
