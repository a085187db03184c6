package generate

import (
	"regexp"
	"strings"
)

// token of CQL: a string, a name in quotes, a word or number, a sign of its own.
var token = regexp.MustCompile(`[<>!+-]=|\.\.|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|[\pL\pN_.:+-]*[\pL\pN_]|\s+|.`)

// Tokens are the pieces of a statement; together they are the statement.
func Tokens(text string) []string { return token.FindAllString(text, -1) }

// wrong makes a statement wrong now and then, or merely another: a token is left out, doubled or replaced by another of the statement.
func (g *generator) wrong(text string) string {
	if !g.chance(5) {
		return text
	}
	tokens := Tokens(text)
	at := g.rng.IntN(len(tokens))
	for strings.TrimSpace(tokens[at]) == "" {
		at = g.rng.IntN(len(tokens))
	}
	switch g.rng.IntN(4) {
	case 0:
		tokens[at] = ""
	case 1:
		tokens[at] += " " + tokens[at]
	case 2:
		tokens[at] = pick(g, tokens)
	default:
		tokens[at] = pick(g, []string{"1", "'a'", "null", "true", "nope", "?", "1.5", "0xff", "[1]", "{}", "(1, 2)", "-1", "''", "key", "SELECT"})
	}
	return strings.Join(tokens, "")
}

// Pieces are what may be left out of a statement to make it simpler: its tokens, or of a CREATE the definitions in it. Together, with spaces between
// them, they mean the same.
func Pieces(text string) []string {
	var out []string
	if !strings.HasPrefix(text, "CREATE ") {
		for _, t := range Tokens(text) {
			if t = strings.TrimSpace(t); t != "" {
				out = append(out, t)
			}
		}
		return out
	}
	depth, from := 0, 0
	for i, r := range text {
		switch r {
		case '(', '<':
			depth++
		case ')', '>':
			depth--
		}
		if r == ',' && depth == 1 || r == '(' && depth == 1 {
			out = append(out, strings.TrimSpace(text[from:i+1]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}
