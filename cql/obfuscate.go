package cql

import (
	"slices"
	"strings"
)

// hiddenText stands for what is not shown.
const hiddenText = "******"

// Obfuscate is a text of statements as it may be shown: in a log, a trace or a table. Passwords are replaced by ******, whether they are
// plain or hashed, in text that is no CQL too. Where it is not clear what a password is, more is hidden rather than less: in statements that
// make or change a role, all that stands behind its name and is no word of the language.
func Obfuscate(text string) string {
	spans := secrets(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(hiddenText)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// span is a piece of a text, in bytes.
type span struct{ from, to int }

// shownWords may stand behind the name of a role.
var shownWords = strings.Fields(`WITH AND PASSWORD HASHED GENERATED LOGIN SUPERUSER NOSUPERUSER OPTIONS ACCESS TO FROM ALL DATACENTERS CIDRS
	true false = { } : , ;`)

// secrets finds what is to be hidden, in order.
func secrets(text string) []span {
	h := hider{scan: newScanner(text)}
	for h.next() {
		continue
	}
	return h.spans
}

// hider goes through a text token by token.
type hider struct {
	scan  *scanner
	spans []span
	last  [2]string // the values of the tokens before, the last one first
	role  roleStage
}

// roleStage is how far a statement about a role was read.
type roleStage uint8

const (
	noRole     roleStage = iota // it is another statement
	beforeName                  // of the role
	behindName
)

func (h *hider) hide(from, to int) {
	if n := len(h.spans); n > 0 && strings.TrimSpace(h.scan.text[h.spans[n-1].to:from]) == "" {
		h.spans[n-1].to = to
		return
	}
	h.spans = append(h.spans, span{from, to})
}

// next takes one token, and tells whether there may be more.
func (h *hider) next() bool {
	h.scan.depth, h.scan.tokens = 0, 0 // the limits are those of a statement, and Parse's affair
	from := h.scan.at
	err := h.scan.skip()
	if err == nil {
		if h.comment(from, h.scan.at) {
			return false
		}
		from = h.scan.at
		t, wrong := h.scan.Next()
		if wrong == nil {
			if t.Type == tokenEnd {
				return false
			}
			return h.token(t.Type, t.Value, from, h.scan.at)
		}
		err = wrong
	}
	if isUnterminated(err) {
		if h.role != noRole || mentionsPassword(h.scan.text) {
			h.hideRest(from)
		}
		return false
	}
	// A sign that is none is passed.
	if h.role == behindName || h.afterPassword() {
		h.hide(h.scan.at, h.scan.at+1)
	}
	h.scan.advance(1)
	return true
}

// hideRest hides all from a place on. It may be that a quote too many has turned what is in a string and what is not: so it is
// hidden from where a password is mentioned first, if that is before.
func (h *hider) hideRest(from int) {
	if at := strings.Index(asciiLower(h.scan.text[:from]), "passw"); at >= 0 {
		from = at
	}
	h.spans = slices.DeleteFunc(h.spans, func(s span) bool { return s.from >= from })
	if n := len(h.spans); n > 0 && h.spans[n-1].to > from {
		from = h.spans[n-1].from
		h.spans = h.spans[:n-1]
	}
	h.hide(from, len(h.scan.text))
}

func isUnterminated(err error) bool {
	syntax, ok := err.(*SyntaxError)
	return ok && syntax.unterminated
}

func mentionsPassword(text string) bool { return strings.Contains(asciiLower(text), "passw") }

// asciiLower keeps the places of bytes.
func asciiLower(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// comment looks at what stands between two tokens, and tells whether the rest of the text is hidden.
func (h *hider) comment(from, to int) bool {
	between := strings.TrimSpace(h.scan.text[from:to])
	if between == "" {
		return false
	}
	start := from + strings.Index(h.scan.text[from:to], between)
	if mentionsPassword(between) {
		h.hideRest(start)
		return true
	}
	if h.role == behindName {
		h.hide(start, start+len(between))
	}
	return false
}

// afterPassword tells whether the token at hand is where a password stands.
func (h *hider) afterPassword() bool {
	return h.last[0] == "PASSWORD" || h.last[0] == "=" && h.last[1] == "PASSWORD"
}

// token looks at a token, and tells whether the text after it is to be looked at.
func (h *hider) token(kind tokenKind, value string, from, to int) bool {
	text := kind == tokenString || kind == tokenQuoted
	if text && mentionsPassword(value) {
		h.hideRest(from)
		return false
	}
	switch {
	case value == ";":
		h.role = noRole
	case (value == "ROLE" || value == "USER") && (h.last[0] == "CREATE" || h.last[0] == "ALTER"):
		h.role = beforeName
	case h.role == beforeName:
		if !slices.Contains([]string{"IF", "NOT", "EXISTS"}, value) {
			h.role = behindName
		}
	case h.role == behindName:
		if text || !slices.Contains(shownWords, value) {
			h.hide(from, to)
		}
	case h.afterPassword() && (text || h.last[0] == "=" && value != "?" && value != ":"):
		h.hide(from, to)
	}
	h.last = [2]string{value, h.last[0]}
	return true
}
