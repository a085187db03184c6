package cql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// Terms, types and relations are read by hand inside the grammar: they are most of the text of a statement, and
// where brackets nest a grammar that looks one token ahead cannot choose.

// termReader reads terms from a token stream and collects the bind markers in them.
type termReader struct {
	lex     *lexer.PeekingLexer
	markers []*Marker
	columns bool // a bare name is a column: selectors, not values
	depth   int
}

// mismatch is the error of a token that is not what the grammar wants there.
func mismatch(t *lexer.Token, expected string) error {
	return &participle.UnexpectedTokenError{Unexpected: *t, Expect: expected}
}

// accept passes the next token if it is the sign or the keyword, and tells whether it was.
func accept(lex *lexer.PeekingLexer, value string) bool {
	if lex.Peek().Value != value {
		return false
	}
	lex.Next()
	return true
}

func expect(lex *lexer.PeekingLexer, value string) error {
	if !accept(lex, value) {
		return mismatch(lex.Peek(), `"`+value+`"`)
	}
	return nil
}

// second is the token after the next.
func second(lex *lexer.PeekingLexer) lexer.Token {
	mark := lex.MakeCheckpoint()
	lex.Next()
	t := *lex.Peek()
	lex.LoadCheckpoint(mark)
	return t
}

// deeper counts a level of nesting; every call is undone by the caller with r.depth--, but for errors.
func (r *termReader) deeper() error {
	if r.depth++; r.depth > NestingDepthMax {
		return participle.Errorf(r.lex.Peek().Pos, "term nests deeper than %d", NestingDepthMax)
	}
	return nil
}

// term reads `a + b - c`.
func (r *termReader) term() (Term, error) {
	left, err := r.product()
	if err != nil {
		return nil, err
	}
	depth := r.depth
	for {
		t := r.lex.Peek()
		if t.Value != "+" && t.Value != "-" || !r.columns && r.columnFollows() {
			r.depth = depth
			return left, nil
		}
		if left, err = r.binary(left, r.product); err != nil {
			return nil, err
		}
	}
}

// columnFollows tells whether a name that cannot be a value follows the operator: of `c = [1] + c` the end is the assignment's.
func (r *termReader) columnFollows() bool {
	mark := r.lex.MakeCheckpoint()
	defer r.lex.LoadCheckpoint(mark)
	r.lex.Next()
	if !isName(r.lex.Peek()) {
		return false
	}
	r.lex.Next()
	next := r.lex.Peek().Value
	return next != "(" && next != "."
}

func (r *termReader) product() (Term, error) {
	left, err := r.unary()
	if err != nil {
		return nil, err
	}
	depth := r.depth
	for {
		switch r.lex.Peek().Value {
		case "*", "/", "%":
			if left, err = r.binary(left, r.unary); err != nil {
				return nil, err
			}
		default:
			r.depth = depth
			return left, nil
		}
	}
}

// binary reads an operator and its right side. The tree of a chain is as deep as the chain is long, so it counts as nesting.
func (r *termReader) binary(left Term, operand func() (Term, error)) (Term, error) {
	if err := r.deeper(); err != nil {
		return nil, err
	}
	op := r.lex.Next()
	right, err := operand()
	if err != nil {
		return nil, err
	}
	return &Binary{Pos: position(op.Pos), Op: op.Value[0], Left: left, Right: right}, nil
}

func (r *termReader) unary() (Term, error) {
	minus := r.lex.Peek()
	if minus.Value != "-" {
		return r.postfix()
	}
	pos := position(minus.Pos)
	r.lex.Next()
	if err := r.deeper(); err != nil {
		return nil, err
	}
	defer func() { r.depth-- }()
	if l := numberLiteral(r.lex.Peek()); l != nil {
		r.lex.Next()
		if l.Text != "NaN" {
			l.Text = "-" + l.Text
		}
		l.Pos = pos
		return l, nil
	}
	operand, err := r.unary()
	if err != nil {
		return nil, err
	}
	if l, ok := operand.(*Literal); ok && l.Text == "NaN" && l.Class == LiteralFloat {
		return l, nil // NaN has no sign
	}
	return &Negation{Pos: pos, Operand: operand}, nil
}

// numberLiteral is the literal of a token to which a minus can be joined, else nil.
func numberLiteral(t *lexer.Token) *Literal {
	switch t.Type {
	case tokenInteger, tokenFloat, tokenDuration:
		return literalOf(t)
	case tokenReserved:
		if t.Value == "NAN" || t.Value == "INFINITY" {
			return literalOf(t)
		}
	}
	return nil
}

// literalOf is the literal that a token is, else nil.
func literalOf(t *lexer.Token) *Literal {
	l := &Literal{Pos: position(t.Pos), Text: t.Value}
	switch t.Type {
	case tokenString:
		l.Class, l.Text = LiteralString, stringText(t)
	case tokenInteger:
		l.Class = LiteralInteger
	case tokenFloat:
		l.Class = LiteralFloat
	case tokenBoolean:
		l.Class = LiteralBoolean
	case tokenUUID:
		l.Class = LiteralUUID
	case tokenBlob:
		l.Class = LiteralBlob
	case tokenDuration:
		l.Class = LiteralDuration
	case tokenReserved:
		switch t.Value {
		case "NULL":
			l.Class, l.Text = LiteralNull, "null"
		case "NAN":
			l.Class, l.Text = LiteralFloat, "NaN"
		case "INFINITY":
			l.Class, l.Text = LiteralFloat, "Infinity"
		default:
			return nil
		}
	default:
		return nil
	}
	return l
}

func (r *termReader) primary() (Term, error) {
	if err := r.deeper(); err != nil {
		return nil, err
	}
	defer func() { r.depth-- }()
	t := r.lex.Peek()
	if l := literalOf(t); l != nil {
		r.lex.Next()
		return l, nil
	}
	switch {
	case t.Value == "?" || t.Value == ":":
		return r.marker()
	case t.Value == "(":
		return r.parenthesis()
	case t.Value == "[":
		pos := position(r.lex.Next().Pos)
		elems, err := r.list("]")
		return &ListLiteral{Pos: pos, Elems: elems}, err
	case t.Value == "{":
		return r.braces()
	case isName(t) || t.Value == "TOKEN":
		return r.named()
	}
	return nil, mismatch(t, "")
}

func (r *termReader) marker() (*Marker, error) {
	t := r.lex.Next()
	m := &Marker{Pos: position(t.Pos)}
	if t.Value == ":" {
		name, err := readName(r.lex)
		if err != nil {
			return nil, err
		}
		m.Name = name.Text
	}
	r.markers = append(r.markers, m)
	return m, nil
}

// list reads terms up to the closing bracket; the opening one is passed.
func (r *termReader) list(closing string) ([]Term, error) {
	if accept(r.lex, closing) {
		return nil, nil
	}
	var terms []Term
	for {
		t, err := r.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
		if accept(r.lex, closing) {
			return terms, nil
		}
		if !accept(r.lex, ",") {
			return nil, mismatch(r.lex.Peek(), `"`+closing+`"`)
		}
	}
}

// parenthesis reads a tuple or a type hint. Among selectors a tuple of one may be parentheses that only group: its type tells.
func (r *termReader) parenthesis() (Term, error) {
	if hint, err := r.typeHint(); hint != nil || err != nil {
		return hint, err
	}
	open := r.lex.Next()
	elems, err := r.list(")")
	if err != nil {
		return nil, err
	}
	if len(elems) == 0 {
		return nil, participle.Errorf(open.Pos, "no viable alternative at input '()'")
	}
	return &TupleLiteral{Pos: position(open.Pos), Elems: elems}, nil
}

// typeHint reads `(type)operand` if that is what follows, else it answers nil and has read nothing.
func (r *termReader) typeHint() (Term, error) {
	mark := r.lex.MakeCheckpoint()
	open := r.lex.Next()
	t, err := readType(r.lex, 0)
	if err != nil || !accept(r.lex, ")") || !startsOperand(r.lex.Peek()) && !r.signedAfter(t) {
		r.lex.LoadCheckpoint(mark)
		return nil, nil
	}
	read := r.primary
	if r.lex.Peek().Value == "-" {
		read = r.unary
	}
	operand, err := read()
	if err != nil {
		return nil, err
	}
	return &TypeHint{Pos: position(open.Pos), Type: t, Operand: operand}, nil
}

// signedAfter tells whether a number with a minus of its own follows a type hint: `(int) -5`. `(a) - 5` and `(int) - 5` are differences.
func (r *termReader) signedAfter(t DataType) bool {
	minus := r.lex.Peek()
	if minus.Value != "-" || !isNumberType(t) {
		return false
	}
	number := second(r.lex)
	return number.Pos.Offset == minus.Pos.Offset+1 && numberLiteral(&number) != nil
}

// isNumberType tells whether values of a type can begin with a minus.
func isNumberType(t DataType) bool {
	switch t.Name {
	case "tinyint", "smallint", "int", "bigint", "varint", "counter", "float", "double", "decimal", "timestamp", "date", "time", "duration":
		return t.Keyspace == "" && len(t.Args) == 0 && !t.Custom
	}
	return false
}

// startsOperand tells whether a token can begin a term other than by a sign.
func startsOperand(t *lexer.Token) bool {
	switch t.Value {
	case "?", ":", "(", "[", "{", "TOKEN":
		return true
	case "AS", "PER", "FILL": // what may follow a selector in parentheses
		return false
	}
	return isName(t) || literalOf(t) != nil
}

// braces reads a set, a map or a user-type literal.
func (r *termReader) braces() (Term, error) {
	pos := position(r.lex.Next().Pos)
	if accept(r.lex, "}") {
		return &SetLiteral{Pos: pos}, nil
	}
	if t := r.lex.Peek(); isName(t) && second(r.lex).Value == ":" {
		return r.userType(pos)
	}
	first, err := r.term()
	if err != nil {
		return nil, err
	}
	if accept(r.lex, ":") {
		return r.mapOf(pos, first)
	}
	set := &SetLiteral{Pos: pos, Elems: []Term{first}}
	if accept(r.lex, "}") {
		return set, nil
	}
	if err := expect(r.lex, ","); err != nil {
		return nil, err
	}
	rest, err := r.list("}")
	if err == nil && len(rest) == 0 {
		err = mismatch(r.lex.Peek(), "")
	}
	set.Elems = append(set.Elems, rest...)
	return set, err
}

// mapOf reads a map from its first value on.
func (r *termReader) mapOf(pos Pos, key Term) (Term, error) {
	m := &MapLiteral{Pos: pos}
	for {
		value, err := r.term()
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, MapEntry{Key: key, Value: value})
		if accept(r.lex, "}") {
			return m, nil
		}
		if err := expect(r.lex, ","); err != nil {
			return nil, err
		}
		if key, err = r.term(); err != nil {
			return nil, err
		}
		if err := expect(r.lex, ":"); err != nil {
			return nil, err
		}
	}
}

func (r *termReader) userType(pos Pos) (Term, error) {
	u := &UserTypeLiteral{Pos: pos}
	for {
		name, err := readName(r.lex)
		if err != nil {
			return nil, err
		}
		if err := expect(r.lex, ":"); err != nil {
			return nil, err
		}
		value, err := r.term()
		if err != nil {
			return nil, err
		}
		u.Fields = append(u.Fields, FieldValue{Name: name, Value: value})
		if accept(r.lex, "}") {
			return u, nil
		}
		if err := expect(r.lex, ","); err != nil {
			return nil, err
		}
	}
}

// named reads what begins with a name: a function call, a cast or a column.
func (r *termReader) named() (Term, error) {
	t := r.lex.Next()
	call := &FunctionCall{Pos: position(t.Pos), Name: nameText(t)}
	if t.Value == "CAST" && accept(r.lex, "(") {
		return r.cast(call.Pos)
	}
	if r.lex.Peek().Value == "." && r.callAfterDot() {
		r.lex.Next()
		call.Keyspace, call.Name = call.Name, nameText(r.lex.Next())
	}
	if accept(r.lex, "(") {
		return r.arguments(call)
	}
	if !r.columns || t.Value == "TOKEN" {
		return nil, mismatch(t, "")
	}
	return &ColumnRef{Pos: call.Pos, Name: call.Name}, nil
}

// callAfterDot tells whether `.name(` follows.
func (r *termReader) callAfterDot() bool {
	mark := r.lex.MakeCheckpoint()
	defer r.lex.LoadCheckpoint(mark)
	r.lex.Next()
	return isName(r.lex.Next()) && r.lex.Peek().Value == "("
}

// arguments reads the arguments of a call; its opening parenthesis is passed.
func (r *termReader) arguments(call *FunctionCall) (Term, error) {
	if star := r.lex.Peek(); star.Value == "*" && call.Name == "count" && call.Keyspace == "" {
		r.lex.Next()
		call.Args = []Term{&Star{Pos: position(star.Pos)}}
		return call, expect(r.lex, ")")
	}
	var err error
	call.Args, err = r.list(")")
	return call, err
}

// cast reads `operand AS type)`.
func (r *termReader) cast(pos Pos) (Term, error) {
	operand, err := r.term()
	if err != nil {
		return nil, err
	}
	if err := expect(r.lex, "AS"); err != nil {
		return nil, err
	}
	t, err := readType(r.lex, 0)
	if err != nil {
		return nil, err
	}
	return &Cast{Pos: pos, Operand: operand, Type: t}, expect(r.lex, ")")
}
