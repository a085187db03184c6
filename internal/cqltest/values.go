package cqltest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// Value is bound to a marker.
type Value struct {
	Bytes []byte // nil is null
	Unset bool
}

// classes of literals by their look, the first that fits.
var classes = []struct {
	look  *regexp.Regexp
	class types.LiteralClass
}{
	{regexp.MustCompile(`(?i)^(true|false)$`), types.LitBoolean},
	{regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`), types.LitUUID},
	{regexp.MustCompile(`(?i)^0x[0-9a-f]*$`), types.LitHex},
	{regexp.MustCompile(`^-?[0-9]+$`), types.LitInteger},
	{regexp.MustCompile(`(?i)^-?([0-9]*\.[0-9]+|[0-9]+\.|[0-9.]+e[-+]?[0-9]+|nan|infinity)$`), types.LitFloat},
	{regexp.MustCompile(`(?i)^-?([0-9]+[a-zµ]+)+$`), types.LitDuration},
}

// parseValues reads a line of values for markers of these types: literals, collections of them, null or unset, with commas between.
func parseValues(line string, markers []*types.Type) ([]Value, error) {
	words := splitValues(line)
	if len(words) != len(markers) {
		return nil, fmt.Errorf("%d values for %d markers: %s", len(words), len(markers), line)
	}
	out := make([]Value, len(words))
	for i, w := range words {
		v, err := parseValue(markers[i], w)
		if err != nil {
			return nil, fmt.Errorf("value %s: %w", w, err)
		}
		out[i] = v
	}
	return out, nil
}

func parseValue(t *types.Type, word string) (Value, error) {
	switch {
	case strings.EqualFold(word, "unset"):
		return Value{Unset: true}, nil
	case strings.EqualFold(word, "null"):
		return Value{}, nil
	case strings.EqualFold(word, "empty"):
		return Value{Bytes: []byte{}}, nil
	case strings.HasPrefix(word, "'"):
		text := strings.ReplaceAll(strings.TrimSuffix(word[1:], "'"), "''", "'")
		b, err := t.ParseLiteral(types.Literal{Class: types.LitString, Text: text})
		return Value{Bytes: b}, err
	case word != "" && strings.IndexByte("[{(", word[0]) >= 0 && len(t.Elems()) > 0:
		return parseElems(t, word[1:len(word)-1])
	}
	for _, c := range classes {
		if c.look.MatchString(word) {
			b, err := t.ParseLiteral(types.Literal{Class: c.class, Text: word})
			return Value{Bytes: b}, err
		}
	}
	return Value{}, fmt.Errorf("no literal")
}

// parseElems reads what is inside the brackets of a collection, a tuple or a user type, whose fields have no names: `(1, 'a')`.
func parseElems(t *types.Type, inside string) (Value, error) {
	var words []string
	if inside = strings.TrimSpace(inside); inside != "" {
		words = splitOutside(inside, ",")
		if t.Kind() == types.KindMap {
			words = splitOutside(inside, ",:")
		}
	}
	elems := make([][]byte, len(words))
	for i, w := range words {
		v, err := parseValue(t.Elems()[i%len(t.Elems())], w)
		if err != nil {
			return v, err
		}
		elems[i] = v.Bytes
	}
	return Value{Bytes: t.AppendCollection(nil, t.InOrder(elems))}, nil
}

// splitValues cuts a line at the commas outside strings and brackets.
func splitValues(line string) []string { return splitOutside(line, ",") }

// splitOutside cuts a line at signs outside strings and brackets.
func splitOutside(line, signs string) []string {
	var out []string
	quoted, depth, from := false, 0, 0
	for i, r := range line {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("[{(", r):
			depth++
		case strings.ContainsRune("]})", r):
			depth--
		case strings.ContainsRune(signs, r) && depth == 0:
			out = append(out, strings.TrimSpace(line[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(line[from:]))
}
