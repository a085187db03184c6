package cqltest

import (
	"slices"
	"testing"
	"time"
)

const sample = `# a comment
only esker: the reason

cql
CREATE TABLE t (k int PRIMARY KEY);

advance 2d

only esker: another
cql
SELECT *
FROM t;
----
k
1

prepare
INSERT INTO t (k) VALUES (?);
2
----
error 2200 words
`

// A script is read as its page says.
func TestParse(t *testing.T) {
	s, err := Parse("sample", sample)
	if err != nil {
		t.Fatal(err)
	}
	if s.OnlyEsker != "the reason" || len(s.Steps) != 4 {
		t.Fatalf("read %q and %d steps", s.OnlyEsker, len(s.Steps))
	}
	create, advance, query, insert := s.Steps[0], s.Steps[1], s.Steps[2], s.Steps[3]
	if create.Verb != VerbCQL || create.Line != 4 || !slices.Equal(create.Want, []string{"ok"}) {
		t.Errorf("create: %+v", create)
	}
	if advance.Advance != 48*time.Hour {
		t.Errorf("advance: %+v", advance)
	}
	if query.OnlyEsker != "another" || !slices.Equal(query.Body, []string{"SELECT *", "FROM t;"}) || !slices.Equal(query.Want, []string{"k", "1"}) {
		t.Errorf("query: %+v", query)
	}
	if text, lines, ok := prepared(insert.Body); !ok || text != "INSERT INTO t (k) VALUES (?);" || !slices.Equal(lines, []string{"2"}) {
		t.Errorf("prepared: %q %q %v", text, lines, ok)
	}
}

// Rewriting changes the answers named and nothing else.
func TestRewrite(t *testing.T) {
	s, err := Parse("sample", sample)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Rewrite(make([][]string, 4)); got != sample {
		t.Errorf("without answers it became\n%s", got)
	}
	changed, err := Parse("sample", s.Rewrite([][]string{{"error 2000 no"}, nil, {"k", "5"}, {"ok"}}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"error 2000 no"}, {"ok"}, {"k", "5"}, {"ok"}} {
		if !slices.Equal(changed.Steps[i].Want, want) {
			t.Errorf("step %d wants %q, not %q", i, changed.Steps[i].Want, want)
		}
	}
}

// What is no script is refused with its line.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"sing\n":                   `x:1: no verb "sing"`,
		"\nflush now\n":            "x:2: flush takes no argument",
		"cql\n----\nok\n":          "x:1: cql without a statement",
		"only esker:\ncql\nUSE x;": `x:1: a reason is missing after "only esker:"`,
		"advance soon\n":           `x:1: time: invalid duration "soon"`,
		"cql\nUSE x;\n\n\nflash\n": `x:5: no verb "flash"`,
	} {
		if _, err := Parse("x", text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
