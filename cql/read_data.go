package cql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// SELECT, INSERT, UPDATE, DELETE and BATCH are read by hand: they are what is sent as text all day, and a grammar
// takes three times as long to build what is thrown away at once.

// byHand makes a reader of a function that reads a statement from its first word on.
func byHand(read func(*termReader) (Statement, error)) reader {
	return func(b *builder, lex *lexer.PeekingLexer) (Statement, error) {
		r := termReader{lex: lex}
		stmt, err := read(&r)
		if err != nil {
			return nil, err
		}
		b.markers = append(b.markers, r.markers...)
		return stmt, nil
	}
}

func (r *termReader) pos() Pos { return position(r.lex.Peek().Pos) }

func (r *termReader) accept(word string) bool { return accept(r.lex, word) }

// expectWords passes the words, all of which must come next.
func (r *termReader) expectWords(words ...string) error {
	for _, w := range words {
		if err := expect(r.lex, w); err != nil {
			return err
		}
	}
	return nil
}

// some reads one or more items with a separator between them.
func (r *termReader) some(separator string, item func() error) error {
	for {
		if err := item(); err != nil || !r.accept(separator) {
			return err
		}
	}
}

// table reads the name of a table behind a word.
func (r *termReader) table(word string) (QualifiedName, error) {
	if err := r.expectWords(word); err != nil {
		return QualifiedName{}, err
	}
	var q qualified
	err := q.Parse(r.lex)
	if err == participle.NextMatch {
		err = mismatch(r.lex.Peek(), "name")
	}
	return q.QualifiedName, err
}

// integer reads what LIMIT and USING take.
func (r *termReader) integer() (Term, error) {
	var n integerOrMarker
	err := n.Parse(r.lex)
	if err == participle.NextMatch {
		err = mismatch(r.lex.Peek(), "integerOrMarker")
	}
	r.markers = append(r.markers, n.markers...)
	return n.Term, err
}

// relations reads relations joined by AND.
func (r *termReader) relations() (out []Relation, err error) {
	err = r.some("AND", func() error {
		rel, err := r.relation()
		out = append(out, rel)
		return err
	})
	return out, err
}

// using reads USING, if it is there; of a part that comes twice the last counts, as in Cassandra.
func (r *termReader) using(ttl bool) (u Using, err error) {
	if !r.accept("USING") {
		return u, nil
	}
	return u, r.some("AND", func() (err error) {
		switch {
		case r.isTimeout():
			err = r.refuseTimeout()
		case r.accept("TIMESTAMP"):
			u.Timestamp, err = r.integer()
		case ttl && r.accept("TTL"):
			u.TTL, err = r.integer()
		case ttl:
			err = mismatch(r.lex.Peek(), "")
		default:
			err = mismatch(r.lex.Peek(), `"TIMESTAMP"`)
		}
		return err
	})
}

// isTimeout reports whether TIMEOUT comes next, which is ScyllaDB's and no keyword here.
func (r *termReader) isTimeout() bool {
	t := r.lex.Peek()
	return t.Type == tokenIdent && t.Value == "timeout"
}

// refuseTimeout is the error of USING TIMEOUT.
func (r *termReader) refuseTimeout() error {
	return participle.Errorf(r.lex.Peek().Pos, "USING TIMEOUT is not supported: set the request timeout of the driver instead")
}

// conditions reads IF EXISTS, or IF with conditions, where it is there.
func (r *termReader) conditions() (exists bool, conditions []Relation, err error) {
	if !r.accept("IF") {
		return false, nil, nil
	}
	if r.accept("EXISTS") {
		return true, nil, nil
	}
	conditions, err = r.relations()
	return false, conditions, err
}

// selecting reads with a rule of its own: bare names are columns.
func (r *termReader) selecting(read func() error) error {
	saved := r.columns
	r.columns = true
	defer func() { r.columns = saved }()
	return read()
}

func (r *termReader) selectStatement() (Statement, error) {
	s := &Select{Pos: position(r.lex.Next().Pos)}
	s.JSON = acceptModifier(r.lex, "JSON", "*", "-", "{", "(", "[", "TOKEN")
	s.Distinct = acceptModifier(r.lex, "DISTINCT", "*", "-", "{", "TOKEN") // distinct(c) is an aggregate
	err := r.selecting(func() (err error) {
		s.Selectors, err = r.selectors()
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.From, err = r.table("FROM"); err != nil {
		return nil, err
	}
	if r.accept("WHERE") {
		if s.Where, err = r.relations(); err != nil {
			return nil, err
		}
	}
	if s.GroupBy, err = r.groupBy(); err != nil {
		return nil, err
	}
	if s.OrderBy, err = r.orderBy(); err != nil {
		return nil, err
	}
	return s, r.selectEnd(s)
}

// selectEnd reads what follows ORDER BY.
func (r *termReader) selectEnd(s *Select) (err error) {
	if r.accept("PER") {
		if err = r.expectWords("PARTITION", "LIMIT"); err != nil {
			return err
		}
		if s.PerPartitionLimit, err = r.integer(); err != nil {
			return err
		}
	}
	if r.accept("LIMIT") {
		if s.Limit, err = r.integer(); err != nil {
			return err
		}
	}
	if r.accept("ALLOW") {
		s.AllowFiltering = true
		if err = r.expectWords("FILTERING"); err != nil {
			return err
		}
	}
	if r.accept("USING") {
		if r.isTimeout() {
			return r.refuseTimeout()
		}
		if err = r.expectWords("RESOLUTION"); err != nil {
			return err
		}
		t := r.lex.Peek()
		if t.Type != tokenString {
			return mismatch(t, "<string>")
		}
		s.Resolution = literalOf(r.lex.Next())
	}
	return nil
}

func (r *termReader) groupBy() (by GroupBy, err error) {
	if !r.accept("GROUP") {
		return by, nil
	}
	if err := r.expectWords("BY"); err != nil {
		return by, err
	}
	return by, r.selecting(func() error {
		err := r.some(",", func() error {
			t, err := r.unnamed("GROUP BY")
			by.Terms = append(by.Terms, t)
			return err
		})
		if err != nil || !r.accept("FILL") {
			return err
		}
		if err = r.expectWords("("); err != nil {
			return err
		}
		if by.Fill, err = r.unnamed("FILL"); err != nil {
			return err
		}
		return r.expectWords(")")
	})
}

// unnamed reads a selector without an alias.
func (r *termReader) unnamed(clause string) (Term, error) {
	s, err := r.selector()
	if err == nil && s.Alias != "" {
		err = participle.Errorf(lexer.Position{Offset: s.Offset, Line: s.Line, Column: s.Column}, "%s takes no AS", clause)
	}
	return s.Term, err
}

func (r *termReader) orderBy() (out []Ordering, err error) {
	if !r.accept("ORDER") {
		return nil, nil
	}
	if err := r.expectWords("BY"); err != nil {
		return nil, err
	}
	err = r.some(",", func() error {
		n, err := readName(r.lex)
		if err != nil {
			return err
		}
		o := Ordering{Pos: n.Pos, Column: n.Text}
		if !r.accept("ASC") {
			o.Descending = r.accept("DESC")
		}
		out = append(out, o)
		return nil
	})
	return out, err
}

func (r *termReader) insertStatement() (Statement, error) {
	s := &Insert{Pos: position(r.lex.Next().Pos)}
	var err error
	if s.Into, err = r.table("INTO"); err != nil {
		return nil, err
	}
	if r.accept("JSON") {
		err = r.insertJSON(s)
	} else {
		err = r.insertValues(s)
	}
	if err != nil {
		return nil, err
	}
	if r.accept("IF") {
		s.IfNotExists = true
		if err = r.expectWords("NOT", "EXISTS"); err != nil {
			return nil, err
		}
	}
	s.Using, err = r.using(true)
	return s, err
}

func (r *termReader) insertValues(s *Insert) (err error) {
	if r.lex.Peek().Value != "(" {
		return mismatch(r.lex.Peek(), `"("`)
	}
	if s.Columns, err = r.columnTuple(); err != nil {
		return err
	}
	if err = r.expectWords("VALUES", "("); err != nil {
		return err
	}
	if r.lex.Peek().Value == ")" {
		return mismatch(r.lex.Peek(), "")
	}
	s.Values, err = r.list(")")
	return err
}

// insertJSON reads what follows JSON.
func (r *termReader) insertJSON(s *Insert) (err error) {
	switch first := *r.lex.Peek(); {
	case first.Type == tokenString:
		s.JSON = literalOf(&first)
		r.lex.Next()
	case first.Value == "?" || first.Value == ":":
		s.JSON, err = r.marker()
	default:
		err = mismatch(&first, "")
	}
	if err != nil || !r.accept("DEFAULT") {
		return err
	}
	if s.Unset = r.accept("UNSET"); s.Unset {
		return nil
	}
	return r.expectWords("NULL")
}

func (r *termReader) updateStatement() (Statement, error) {
	s := &Update{Pos: r.pos()}
	var err error
	if s.Table, err = r.table("UPDATE"); err != nil {
		return nil, err
	}
	if s.Using, err = r.using(true); err != nil {
		return nil, err
	}
	if err = r.expectWords("SET"); err != nil {
		return nil, err
	}
	err = r.some(",", func() error {
		a, err := r.assignment()
		s.Set = append(s.Set, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err = r.expectWords("WHERE"); err != nil {
		return nil, err
	}
	if s.Where, err = r.relations(); err != nil {
		return nil, err
	}
	s.IfExists, s.If, err = r.conditions()
	return s, err
}

func (r *termReader) deleteStatement() (Statement, error) {
	s := &Delete{Pos: position(r.lex.Next().Pos)}
	if r.lex.Peek().Value != "FROM" {
		err := r.some(",", func() error {
			target, err := r.target()
			s.Targets = append(s.Targets, target)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var err error
	if s.From, err = r.table("FROM"); err != nil {
		return nil, err
	}
	if s.Using, err = r.using(false); err != nil {
		return nil, err
	}
	if err = r.expectWords("WHERE"); err != nil {
		return nil, err
	}
	if s.Where, err = r.relations(); err != nil {
		return nil, err
	}
	s.IfExists, s.If, err = r.conditions()
	return s, err
}

// target reads what a DELETE takes away: a column, an element or a field.
func (r *termReader) target() (DeleteTarget, error) {
	column, err := readName(r.lex)
	out := DeleteTarget{Pos: column.Pos, Column: column}
	switch {
	case err != nil:
	case r.accept("["):
		out.Key, err = r.index()
	case r.accept("."):
		var field Name
		field, err = readName(r.lex)
		out.Field = &field
	}
	return out, err
}

func (r *termReader) batchStatement() (Statement, error) {
	s := &Batch{Pos: position(r.lex.Next().Pos), Kind: BatchLogged}
	switch {
	case r.accept("UNLOGGED"):
		s.Kind = BatchUnlogged
	case r.accept("COUNTER"):
		s.Kind = BatchCounter
	}
	if err := r.expectWords("BATCH"); err != nil {
		return nil, err
	}
	var err error
	if s.Using, err = r.using(false); err != nil {
		return nil, err
	}
	for !r.accept("APPLY") {
		var child Statement
		switch t := r.lex.Peek(); t.Value {
		case "INSERT":
			child, err = r.insertStatement()
		case "UPDATE":
			child, err = r.updateStatement()
		case "DELETE":
			child, err = r.deleteStatement()
		default:
			err = mismatch(t, `"APPLY"`)
		}
		if err != nil {
			return nil, err
		}
		s.Statements = append(s.Statements, child)
		r.accept(";")
	}
	return s, r.expectWords("BATCH")
}
