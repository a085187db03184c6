package cql

import "strings"

// Unreserved words that would be read as keywords where a column or a function stands.
var (
	clauseWords  = []string{"as", "distinct", "fill", "json", "per"}
	operandWords = []string{"as", "cast", "fill", "json", "per"}
)

func (p *printer) term(t Term) {
	switch t := t.(type) {
	case *Literal:
		p.literal(t)
	case *Marker:
		if t.Name == "" {
			p.WriteByte('?')
			return
		}
		p.WriteByte(':')
		p.name(t.Name)
	case *FunctionCall:
		p.call(t)
	case *Cast:
		p.WriteString("CAST(")
		p.term(t.Operand)
		p.words(" AS ", t.Type.String(), ")")
	case *TypeHint:
		p.words("(", t.Type.String(), ")")
		l, number := t.Operand.(*Literal)
		number = number && isNumberType(t.Type) && (l.Class == LiteralInteger || l.Class == LiteralFloat || l.Class == LiteralDuration)
		p.operand(t.Operand, !number && !isPrimary(t.Operand))
	case *ColumnRef:
		p.WriteString(quoteAlso(t.Name, clauseWords...))
	case *Element:
		p.operand(t.Of, !takesSuffix(t.Of))
		p.words("[", FormatTerm(t.Key), "]")
	case *Range:
		p.operand(t.Of, !takesSuffix(t.Of))
		p.WriteByte('[')
		p.bound(t.From)
		p.WriteString("..")
		p.bound(t.To)
		p.WriteByte(']')
	case *Field:
		p.operand(t.Of, !takesSuffix(t.Of))
		p.WriteByte('.')
		p.name(t.Name.Text)
	case *Star:
		p.WriteByte('*')
	case *Binary:
		p.binary(t)
	case *Negation:
		p.negation(t)
	default:
		p.collection(t)
	}
}

// bound writes a side of a range, which may be open.
func (p *printer) bound(t Term) {
	if t != nil {
		p.term(t)
	}
}

func (p *printer) literal(l *Literal) {
	if l.Class == LiteralString {
		p.WriteString(QuoteString(l.Text))
		return
	}
	p.WriteString(l.Text)
}

func (p *printer) collection(t Term) {
	switch t := t.(type) {
	case *ListLiteral:
		p.list("[", t.Elems, "]")
	case *SetLiteral:
		p.list("{", t.Elems, "}")
	case *TupleLiteral:
		p.list("(", t.Elems, ")")
	case *MapLiteral:
		p.WriteByte('{')
		each(p, t.Entries, func(e MapEntry) {
			p.term(e.Key)
			p.WriteString(": ")
			p.term(e.Value)
		})
		p.WriteByte('}')
	case *UserTypeLiteral:
		p.WriteByte('{')
		each(p, t.Fields, func(f FieldValue) {
			p.name(f.Name.Text)
			p.WriteString(": ")
			p.term(f.Value)
		})
		p.WriteByte('}')
	}
}

func (p *printer) list(opening string, terms []Term, closing string) {
	p.WriteString(opening)
	each(p, terms, p.term)
	p.WriteString(closing)
}

func (p *printer) call(c *FunctionCall) {
	switch {
	case c.Keyspace != "":
		p.qualified(QualifiedName{Keyspace: c.Keyspace, Name: c.Name})
	case c.Name == "token":
		p.WriteString("token") // reserved as a name, yet a function
	default:
		p.WriteString(quoteAlso(c.Name, operandWords...))
	}
	p.list("(", c.Args, ")")
}

// operand writes a term, in parentheses if need be.
func (p *printer) operand(t Term, parentheses bool) {
	if !parentheses {
		p.term(t)
		return
	}
	p.WriteByte('(')
	p.term(t)
	p.WriteByte(')')
}

// isPrimary tells whether a term reads as one operand wherever it stands.
func isPrimary(t Term) bool {
	switch t := t.(type) {
	case *Binary, *Negation, *Element, *Range, *Field:
		return false
	case *Literal:
		return t.Class == LiteralString || !strings.HasPrefix(t.Text, "-")
	}
	return true
}

// takesSuffix tells whether `[key]` or `.field` after the text of a term belongs to all of it.
func takesSuffix(t Term) bool {
	switch t := t.(type) {
	case *ColumnRef, *FunctionCall, *Element, *Range, *Field:
		return true
	case *Literal:
		return t.Class == LiteralString // in parentheses it could read as a custom type
	case *TupleLiteral:
		return len(t.Elems) > 1 || !readsAsType(t.Elems[0])
	}
	return false
}

// readsAsType tells whether a term between parentheses reads as a type hint of what follows.
func readsAsType(t Term) bool {
	switch t := t.(type) {
	case *ColumnRef, *Field:
		return true
	case *Literal:
		return t.Class == LiteralString
	}
	return false
}

func rank(op byte) int {
	if op == '+' || op == '-' {
		return 1
	}
	return 2
}

func (p *printer) binary(b *Binary) {
	left, isBinary := b.Left.(*Binary)
	p.operand(b.Left, isBinary && rank(left.Op) < rank(b.Op))
	p.words(" ", string(b.Op), " ")
	right, isBinary := b.Right.(*Binary)
	p.operand(b.Right, isBinary && rank(right.Op) <= rank(b.Op))
}

func (p *printer) negation(n *Negation) {
	p.WriteByte('-')
	switch operand := n.Operand.(type) {
	case *Negation:
		p.WriteByte(' ') // two signs without a space begin a comment
		p.term(operand)
	case *Binary:
		p.operand(operand, true)
	case *Literal:
		switch operand.Class {
		case LiteralInteger, LiteralFloat, LiteralDuration:
			negative := strings.HasPrefix(operand.Text, "-")
			p.when(negative, " ")
			p.operand(operand, !negative)
		default:
			p.literal(operand)
		}
	default:
		p.term(operand)
	}
}
