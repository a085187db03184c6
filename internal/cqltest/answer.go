package cqltest

import (
	"fmt"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// Column of an answer.
type Column struct {
	Name string
	Type *types.Type
}

// Answer is what a statement answered: rows, or merely that it was carried out.
type Answer struct {
	HasRows  bool
	Columns  []Column
	Rows     [][][]byte // serialized values, nil for null
	Pages    []int      // how many of the rows each page had; one at least, the last of which said that no more follow
	Warnings []string
}

// Refusal is an error that a client is told of, with the code of the protocol.
type Refusal struct {
	Code    int
	Message string
}

// Error is the code and the message as scripts write them.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s%04x %s", errorText, r.Code, strings.Join(strings.Fields(r.Message), " "))
}

// Lines are the answer as scripts write it: the names of the columns, then a line for each row.
func (a *Answer) Lines() []string {
	if !a.HasRows {
		return []string{okText}
	}
	names := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		names[i] = c.Name
	}
	out := []string{strings.Join(names, " | ")}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = valueText(a.Columns[i].Type, v)
		}
		out = append(out, strings.Join(cells, " | "))
	}
	return out
}

// hideTimes replaces the numbers of a column called micros.
func (a *Answer) hideTimes() {
	for i := range a.Columns {
		if a.Columns[i].Name != "micros" {
			continue
		}
		a.Columns[i].Type = types.Text
		for _, row := range a.Rows {
			if row[i] != nil {
				row[i] = []byte("some")
			}
		}
	}
}

// cut leaves the first columns only.
func (a *Answer) cut(columns int) {
	a.Columns = a.Columns[:min(columns, len(a.Columns))]
	for i, row := range a.Rows {
		a.Rows[i] = row[:min(columns, len(row))]
	}
}

// firstColumns are the lines of an answer with its first columns only.
func firstColumns(lines []string, columns int) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		cells := strings.SplitN(line, " | ", columns+1)
		out[i] = strings.Join(cells[:min(columns, len(cells))], " | ")
	}
	return out
}

// valueText is a value as cqlsh shows it, but that the empty value can be seen.
func valueText(t *types.Type, v []byte) string {
	switch {
	case v == nil:
		return "null"
	case len(v) == 0 && t.Kind() != types.KindBlob:
		return "''"
	}
	return strings.ReplaceAll(string(t.AppendText(nil, v, types.TextOptions{})), "\n", `\n`)
}

// Match compares the answer of a statement with what a script wants, and says what differs; "" if
// nothing does. An error matches if its code is the one wanted and its message holds the words.
// Warnings are compared only where the script names some.
func Match(want []string, got *Answer, err error) string {
	warnings, rest := split(want)
	if err != nil {
		return matchError(rest, err)
	}
	for _, w := range warnings {
		if !strings.Contains(strings.Join(got.Warnings, "\n"), strings.TrimPrefix(w, warningText)) {
			return fmt.Sprintf("want %s\n got warnings %q", w, got.Warnings)
		}
	}
	lines := got.Lines()
	if strings.Join(lines, "\n") == strings.Join(rest, "\n") {
		return ""
	}
	return "want\n\t" + strings.Join(rest, "\n\t") + "\ngot\n\t" + strings.Join(lines, "\n\t")
}

// split takes the warnings from the end of a wanted answer.
func split(want []string) (warnings, rest []string) {
	end := len(want)
	for end > 0 && strings.HasPrefix(want[end-1], warningText) {
		end--
	}
	warnings, rest = want[end:], want[:end]
	if len(rest) == 0 {
		rest = []string{okText}
	}
	return warnings, rest
}

func matchError(want []string, err error) string {
	if len(want) == 1 && strings.HasPrefix(want[0], errorText) {
		code, words, _ := strings.Cut(strings.TrimPrefix(want[0], errorText), " ")
		got := err.Error()
		if strings.HasPrefix(got, errorText+code) && strings.Contains(got, strings.TrimSpace(words)) {
			return ""
		}
	}
	return "want\n\t" + strings.Join(want, "\n\t") + "\ngot\n\t" + err.Error()
}
