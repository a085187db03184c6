package ingest

import "bytes"

// Why a record is malformed.
const (
	faultOpenQuote  = "a quote is not closed"
	faultAfterQuote = "text follows a closing quote"
)

// scanner walks over the records of a text: lines of fields, a field in quotes holding anything, quotes doubled. Lines
// end in LF or CRLF, the last one perhaps in nothing. Empty lines are no records. A quote that does not begin a field is
// a character like any other.
type scanner struct {
	text      []byte
	delimiter byte
	at        int
	line      int // where at stands, counted from 0

	fields     [][]byte // of the record; they refer to text, or to spare
	from       int      // where the record begins; it ends at at, its line end included
	recordLine int      // line of the record's first byte, counted from 0
	fault      string   // why the record is malformed; empty if it is not
	spare      []byte   // fields without their doubled quotes; grows until the text is done
}

// reset begins a new text. Fields of the one before are no longer valid.
func (s *scanner) reset(text []byte) {
	s.text, s.at, s.line, s.spare = text, 0, 0, s.spare[:0]
}

// next reads a record; false at the end.
func (s *scanner) next() bool {
	s.skipEmpty()
	text, i := s.text, s.at
	if i >= len(text) {
		return false
	}
	s.from, s.recordLine, s.fault = i, s.line, ""
	fields, delimiter := s.fields[:0], s.delimiter
	for {
		if i < len(text) && text[i] == '"' {
			var field []byte
			field, i = s.quoted(i)
			fields = append(fields, field)
		} else {
			start := i
			for i < len(text) && text[i] != delimiter && text[i] != '\n' {
				i++
			}
			end := i
			if end > start && text[end-1] == '\r' && (i == len(text) || text[i] == '\n') {
				end--
			}
			fields = append(fields, text[start:end])
		}
		if i == len(text) {
			break
		}
		i++
		if text[i-1] == '\n' {
			s.line++
			break
		}
	}
	s.fields, s.at = fields, i
	return true
}

func (s *scanner) skipEmpty() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case rest[0] == '\n':
			s.at++
		case rest[0] == '\r' && (len(rest) == 1 || rest[1] == '\n'):
			s.at += min(2, len(rest))
		default:
			return
		}
		s.line++
	}
}

// quoted reads the field whose opening quote stands at i, and returns where its delimiter or line end stands.
func (s *scanner) quoted(i int) (field []byte, end int) {
	text := s.text
	close, doubled := closingQuote(text, i)
	if close < 0 {
		s.fault = faultOpenQuote
		s.line += bytes.Count(text[i:], newline)
		return text[i+1:], len(text)
	}
	field = text[i+1 : close]
	s.line += bytes.Count(field, newline)
	if doubled {
		field = s.undouble(field)
	}
	end = close + 1
	for end < len(text) && text[end] != s.delimiter && text[end] != '\n' {
		if text[end] != '\r' || end+1 < len(text) && text[end+1] != '\n' {
			s.fault = faultAfterQuote
		}
		end++
	}
	return field, end
}

var newline = []byte{'\n'}

// closingQuote finds the quote that closes the one at i; -1 if there is none.
func closingQuote(text []byte, i int) (at int, doubled bool) {
	for j := i + 1; ; j += 2 {
		n := bytes.IndexByte(text[j:], '"')
		if n < 0 {
			return -1, doubled
		}
		j += n
		if j+1 == len(text) || text[j+1] != '"' {
			return j, doubled
		}
		doubled = true
	}
}

func (s *scanner) undouble(field []byte) []byte {
	start := len(s.spare)
	for {
		n := bytes.IndexByte(field, '"')
		if n < 0 {
			s.spare = append(s.spare, field...)
			return s.spare[start:len(s.spare):len(s.spare)]
		}
		s.spare = append(s.spare, field[:n+1]...)
		field = field[n+2:]
	}
}

// recordsEnd is where the last record of text ends that is complete with its line end; 0 if there is none.
func recordsEnd(text []byte, delimiter byte) int {
	if bytes.IndexByte(text, '"') < 0 {
		return bytes.LastIndexByte(text, '\n') + 1
	}
	end := 0
	fieldBegins := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && fieldBegins:
			close, _ := closingQuote(text, i)
			if close < 0 {
				return end
			}
			i, fieldBegins = close, false
		case c == '\n':
			end, fieldBegins = i+1, true
		default:
			fieldBegins = c == delimiter
		}
	}
	return end
}
