package types

import (
	"fmt"
	"strings"
)

// typeDepthMax is how deep types may nest in a type text.
const typeDepthMax = 32

// tupleElemsMax is how many parts a tuple may have.
const tupleElemsMax = 32768

// Parse reads the text of a type: `int`, `frozen<map<text, int>>`. Names are in any case or in double quotes.
// User-defined types are not known to it, but for nameless ones: `udt<text, int>`.
func Parse(s string) (*Type, error) { return ParseIn(s, nil) }

// ParseIn is Parse where names may be those of user-defined types: user finds one, or answers nil.
func ParseIn(s string, user func(name string) *Type) (*Type, error) {
	p := typeParser{text: s, user: user}
	t, err := p.typ(0)
	if err == nil && p.skip() != 0 {
		err = fmt.Errorf("type %q: text after the type at byte %d", s, p.at)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

type typeParser struct {
	text string
	at   int
	user func(name string) *Type // nil: there are none
}

// skip passes blanks and returns the byte that follows, 0 at the end.
func (p *typeParser) skip() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *typeParser) accept(c byte) bool {
	if p.skip() != c {
		return false
	}
	p.at++
	return true
}

func (p *typeParser) name() (string, error) {
	if p.skip() == '"' {
		return p.quoted()
	}
	start := p.at
	for p.at < len(p.text) && isNameByte(p.text[p.at]) {
		p.at++
	}
	if start == p.at {
		return "", fmt.Errorf("type %q: a type name is expected at byte %d", p.text, start)
	}
	return strings.ToLower(p.text[start:p.at]), nil
}

// quoted reads a name in double quotes, in which two of them are one.
func (p *typeParser) quoted() (string, error) {
	var out strings.Builder
	for at := p.at + 1; ; {
		n := strings.IndexByte(p.text[at:], '"')
		if n < 0 {
			return "", fmt.Errorf("type %q: quote at byte %d is not closed", p.text, p.at)
		}
		out.WriteString(p.text[at : at+n])
		at += n + 1
		if at == len(p.text) || p.text[at] != '"' {
			p.at = at
			return out.String(), nil
		}
		out.WriteByte('"')
		at++
	}
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (p *typeParser) typ(depth int) (*Type, error) {
	if depth > typeDepthMax {
		return nil, fmt.Errorf("type is nested deeper than %d", typeDepthMax)
	}
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	args, err := p.args(depth)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 && p.user != nil {
		if t := p.user(name); t != nil {
			return t, nil
		}
	}
	if name == kindNames[KindUDT] && len(args) > 0 {
		return &Type{kind: KindUDT, elems: args}, nil
	}
	return Build(name, args)
}

// args reads `<a, b>`; nothing is no arguments.
func (p *typeParser) args(depth int) ([]*Type, error) {
	if !p.accept('<') {
		return nil, nil
	}
	var out []*Type
	for {
		t, err := p.typ(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if p.accept('>') {
			return out, nil
		}
		if !p.accept(',') || len(out) == tupleElemsMax {
			return nil, fmt.Errorf("type %q: ',' or '>' is expected at byte %d", p.text, p.at)
		}
	}
}

// arity is how many types stand between the angle brackets of a name; of a tuple one at least.
var arity = map[string]int{"frozen": 1, "list": 1, "set": 1, "map": 2}

// Build makes the type of that name, in lower case, from the types between its angle brackets.
func Build(name string, args []*Type) (*Type, error) {
	n, known := arity[name]
	switch {
	case len(args) == 0 && scalars[name] != nil:
		return scalars[name], nil
	case name == "tuple" && len(args) > 0:
		return TupleOf(args...), nil
	case !known && name != "tuple":
		return nil, invalidf("Unknown type %s", name)
	case len(args) != n || name == "tuple":
		return nil, fmt.Errorf("type %s takes %d types between < and >, not %d", name, max(n, 1), len(args))
	}
	switch name {
	case "frozen":
		if len(args[0].elems) == 0 {
			return nil, invalidf("frozen<> is only allowed on collections, tuples, and user-defined types (got %s)", args[0])
		}
		return Frozen(args[0]), nil
	case "list":
		return ListOf(args[0]), nil
	case "set":
		return SetOf(args[0]), nil
	default:
		return MapOf(args[0], args[1]), nil
	}
}

// Check refuses what Cassandra refuses in the type of a column: non-frozen collections inside collections,
// counters inside anything, durations as map keys or set elements.
func (t *Type) Check() error {
	for i, e := range t.elems {
		if t.IsCollection() && e.Multicell() {
			what := "collections"
			if e.kind == KindUDT {
				what = "UDTs"
			}
			return invalidf("Non-frozen %s are not allowed inside collections: %s", what, t)
		}
		if e.kind == KindCounter {
			if t.kind == KindTuple {
				return invalidf("Counters are not allowed inside tuples")
			}
			return invalidf("Counters are not allowed inside collections: %s", t)
		}
		if e.kind == KindDuration && t.kind == KindSet {
			return invalidf("Durations are not allowed inside sets: %s", t)
		}
		if e.kind == KindDuration && t.kind == KindMap && i == 0 {
			return invalidf("Durations are not allowed as map keys: %s", t)
		}
		if err := e.Check(); err != nil {
			return err
		}
	}
	return nil
}
