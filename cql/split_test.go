package cql

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for script, want := range map[string][]Fragment{
		"":                                      nil,
		" ;; -- nothing; here\n ; /* ; */ ":     nil,
		"USE a;\nUSE b":                         {{Pos{0, 1, 0}, "USE a", true}, {Pos{7, 2, 0}, "USE b", false}},
		"SELECT ';';":                           {{Pos{0, 1, 0}, "SELECT ';'", true}},
		`SELECT "a;b", $$c;d$$ -- ;` + "\n;":    {{Pos{0, 1, 0}, `SELECT "a;b", $$c;d$$ -- ;` + "\n", true}},
		"BEGIN BATCH a; b; APPLY BATCH; USE c;": {{Pos{0, 1, 0}, "BEGIN BATCH a; b; APPLY BATCH", true}, {Pos{31, 1, 31}, "USE c", true}},
		"begin unlogged batch a;":               {{Pos{0, 1, 0}, "begin unlogged batch a;", false}},
		"SELECT 'a; b":                          {{Pos{0, 1, 0}, "SELECT 'a; b", false}},
		"USE a; /* b":                           {{Pos{0, 1, 0}, "USE a", true}, {Pos{7, 1, 7}, "/* b", false}},
		"SELECT # 1x; USE a;":                   {{Pos{0, 1, 0}, "SELECT # 1x", true}, {Pos{13, 1, 13}, "USE a", true}},
	} {
		if got := Split(script); !slices.Equal(got, want) {
			t.Errorf("%q\ngot  %+v\nwant %+v", script, got, want)
		}
	}
}

// Law: statements joined by semicolons are cut at those.
func TestSplitUndoesJoining(t *testing.T) {
	var script strings.Builder
	var want []string
	for _, c := range statements {
		stmt, err := Parse(c.text)
		if err != nil {
			continue
		}
		want = append(want, Format(stmt))
		script.WriteString(Format(stmt) + ";\n")
	}
	var got []string
	for _, f := range Split(script.String()) {
		if !f.Complete {
			t.Errorf("not complete: %s", f.Text)
		}
		got = append(got, f.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d fragments, want %d", len(got), len(want))
	}
}

// FuzzSplit: fragments are the script's own text, in order, apart from each other.
func FuzzSplit(f *testing.F) {
	f.Add("USE a; BEGIN BATCH x; APPLY BATCH; SELECT 'y")
	f.Add("SELECT # $ \x80; '")
	f.Fuzz(func(t *testing.T, script string) {
		at := 0
		fragments := Split(script)
		for i, fragment := range fragments {
			end := fragment.Offset + len(fragment.Text)
			if fragment.Text == "" || fragment.Offset < at || end > len(script) || script[fragment.Offset:end] != fragment.Text {
				t.Fatalf("fragment %+v after %d", fragment, at)
			}
			if !fragment.Complete && i < len(fragments)-1 {
				t.Fatalf("fragment %+v is not complete and not the last", fragment)
			}
			at = end
		}
	})
}
