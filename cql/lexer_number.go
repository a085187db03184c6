package cql

import "strings"

// number cuts a literal that begins with a digit: an integer, a float, a blob, a UUID or a duration.
func (s *scanner) number() (tokenKind, string, error) {
	rest := s.text[s.at:]
	kind, n := numberLen(rest)
	if n < len(rest) && isWord(rest[n]) {
		end := n
		for end < len(rest) && isWord(rest[end]) {
			end++
		}
		return 0, "", errorAt(s.text, position(s.pos()), "no viable alternative at input '%s'", excerpt(rest[:end]))
	}
	return kind, s.take(n), nil
}

// numberLen tells the class and the length of the literal at the beginning of text, which is a digit.
func numberLen(text string) (tokenKind, int) {
	if n := uuidLen(text); n > 0 {
		return tokenUUID, n
	}
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		n := 2
		for n < len(text) && isHex(text[n]) {
			n++
		}
		return tokenBlob, n
	}
	if n := durationLen(text); n > 0 {
		return tokenDuration, n
	}
	kind, n := tokenInteger, digitsLen(text)
	if n < len(text) && text[n] == '.' && !strings.HasPrefix(text[n:], "..") {
		kind = tokenFloat
		n += 1 + digitsLen(text[n+1:])
	}
	if e := exponentLen(text[n:]); e > 0 {
		kind = tokenFloat
		n += e
	}
	return kind, n
}

func digitsLen(text string) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

// exponentLen is the length of `e+10` at the beginning of text, 0 if there is none.
func exponentLen(text string) int {
	if text == "" || text[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if n < len(text) && (text[n] == '+' || text[n] == '-') {
		n++
	}
	digits := digitsLen(text[n:])
	if digits == 0 {
		return 0
	}
	return n + digits
}

// uuidLen is 36 if text begins with a UUID, else 0.
func uuidLen(text string) int {
	const size = 36
	if len(text) < size || text[8] != '-' {
		return 0
	}
	for i := range size {
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return 0
			}
		default:
			if !isHex(text[i]) {
				return 0
			}
		}
	}
	if len(text) > size && isWord(text[size]) {
		return 0
	}
	return size
}

// durationUnits are tried in this order, so that no unit hides a longer one. Both signs for micro are met in the wild.
var durationUnits = []string{"mo", "ms", "us", "µs", "μs", "ns", "y", "w", "d", "h", "m", "s"}

// durationLen is the length of `1h30m` at the beginning of text, 0 if there is none.
func durationLen(text string) int {
	n := 0
	for {
		digits := digitsLen(text[n:])
		if digits == 0 {
			break
		}
		unit := unitLen(text[n+digits:])
		if unit == 0 {
			return 0
		}
		n += digits + unit
	}
	if n < len(text) && isWord(text[n]) {
		return 0
	}
	return n
}

func unitLen(text string) int {
	for _, unit := range durationUnits {
		if len(text) >= len(unit) && strings.EqualFold(text[:len(unit)], unit) {
			return len(unit)
		}
	}
	return 0
}

// isoDurationLen is the length of an ISO 8601 duration at the beginning of text, whose first word has n bytes and
// begins with P; 0 if it is none. The letters must be capitals: `p1d` is a name.
func isoDurationLen(text string, n int) int {
	const alternative = "P0000-00-00T00:00:00"
	if len(text) >= len(alternative) && hasShape(text[:len(alternative)], alternative) {
		return len(alternative)
	}
	date, time, hasTime := strings.Cut(text[1:n], "T")
	if hasTime && !hasDesignators(time, "HMS") {
		return 0
	}
	if date == "" {
		if hasTime {
			return n
		}
		return 0
	}
	if hasDesignators(date, "YMD") || !hasTime && hasDesignators(date, "W") {
		return n
	}
	return 0
}

// hasShape tells whether text equals shape where every 0 stands for a digit.
func hasShape(text, shape string) bool {
	for i := range len(shape) {
		if shape[i] == '0' && !isDigit(text[i]) || shape[i] != '0' && text[i] != shape[i] {
			return false
		}
	}
	return true
}

// hasDesignators tells whether text is made of numbers each followed by a letter, in the order of letters, at least one.
func hasDesignators(text, letters string) bool {
	if text == "" {
		return false
	}
	for text != "" {
		digits := digitsLen(text)
		if digits == 0 || digits == len(text) {
			return false
		}
		at := strings.IndexByte(letters, text[digits])
		if at < 0 {
			return false
		}
		letters = letters[at+1:]
		text = text[digits+1:]
	}
	return true
}
