package cql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

func readName(lex *lexer.PeekingLexer) (Name, error) {
	t := lex.Peek()
	if !isName(t) {
		return Name{}, mismatch(t, "name")
	}
	lex.Next()
	n := Name{Pos: position(t.Pos), Text: nameText(t)}
	if n.Text == "" {
		return n, participle.Errorf(t.Pos, `no viable alternative at input '""': a name cannot be empty`)
	}
	return n, nil
}

// readType reads the written form of a type.
func readType(lex *lexer.PeekingLexer, depth int) (DataType, error) {
	t := lex.Peek()
	d := DataType{Pos: position(t.Pos)}
	if depth > NestingDepthMax {
		return d, participle.Errorf(t.Pos, "type nests deeper than %d", NestingDepthMax)
	}
	switch {
	case t.Type == tokenString:
		d.Name, d.Custom = stringText(t), true
		lex.Next()
		return d, nil
	case t.Type == tokenInteger && depth > 0: // the dimension of a vector
		d.Name = lex.Next().Value
		return d, nil
	case isName(t) || t.Value == "SET":
		d.Name = nameText(lex.Next())
		if d.Name == "" || isDigit(d.Name[0]) { // would read as the dimension of a vector
			return d, participle.Errorf(t.Pos, "%s cannot name a type", t.Value)
		}
	default:
		return d, mismatch(t, "type")
	}
	if accept(lex, ".") {
		name, err := readName(lex)
		d.Keyspace, d.Name = d.Name, name.Text
		return d, err
	}
	if !accept(lex, "<") {
		return d, nil
	}
	for {
		arg, err := readType(lex, depth+1)
		if err != nil {
			return d, err
		}
		d.Args = append(d.Args, arg)
		if accept(lex, ">") {
			return d, nil
		}
		if err := expect(lex, ","); err != nil {
			return d, err
		}
	}
}
