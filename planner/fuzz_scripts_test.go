package planner

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// script is a file of testdata/cql: its statements, and the schema that they make.
type script struct {
	name       string
	schema     *schema.Snapshot
	statements []string
}

// scripts reads the scripts without what stands around their statements.
func scripts(t testing.TB) []script {
	t.Helper()
	files, err := filepath.Glob("../testdata/cql/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	var out []script
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s := script{name: filepath.Base(f), schema: writeSchema(t)}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			verb, rest, _ := strings.Cut(strings.TrimLeft(paragraph, "\n"), "\n")
			if !slices.Contains([]string{"cql", "prepare", "plan"}, verb) {
				continue
			}
			rest, _, _ = strings.Cut(rest, "\n----")
			for _, piece := range cql.Split(rest) {
				s.add(piece.Text)
			}
		}
		out = append(out, s)
	}
	return out
}

// add keeps a statement, and what it changes.
func (s *script) add(text string) {
	s.statements = append(s.statements, text)
	tree, err := cql.Parse(text)
	if err != nil {
		return
	}
	p, err := Prepare(s.schema, "ks", tree, nil)
	if err != nil {
		return
	}
	if strings.HasPrefix(cql.Format(tree), "DROP") {
		return // what is there is of more use
	}
	if plan, err := p.Bind(nil, scriptMoment()); err == nil {
		if alter, ok := plan.(*Alter); ok && alter.Next != nil {
			s.schema = alter.Next
		}
	}
}

// try parses, writes, prepares and binds a text; nothing that it says may do more than be refused.
func (s *script) try(t testing.TB, text string, value []byte) {
	tree, err := cql.Parse(text)
	if err != nil {
		return
	}
	if _, unknown := tree.(*cql.Unsupported); !unknown {
		if again, err := cql.Parse(cql.Format(tree)); err != nil {
			t.Fatalf("%s\nis written %s\nand read: %v", text, cql.Format(tree), err)
		} else if cql.Format(again) != cql.Format(tree) {
			t.Fatalf("%s\nis written %s\nand then %s", text, cql.Format(tree), cql.Format(again))
		}
	}
	p, err := Prepare(s.schema, "ks", tree, nil)
	if err != nil {
		return
	}
	for _, v := range []Value{null, unset, {Bytes: value}, given(1)} {
		values := make([]Value, len(p.Markers))
		for i := range values {
			values[i] = v
			if p.Markers[i].Type == nil {
				t.Fatalf("%s: marker %d has no type", text, i)
			}
		}
		if plan, err := p.Bind(values, writeContext); err == nil && plan == nil {
			t.Fatalf("%s: neither plan nor error", text)
		}
	}
}

// FuzzScripts begins with every statement of every script, on the schema of that script.
func FuzzScripts(f *testing.F) {
	all := scripts(f)
	for i, s := range all {
		for _, text := range s.statements {
			f.Add(uint8(i), text, []byte("{\"k\": 1}"))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, text string, value []byte) { all[int(i)%len(all)].try(t, text, value) })
}

// Statements of the scripts whose words were exchanged, left out, doubled or taken from others are carried out or refused.
func TestStatementsNearlyRight(t *testing.T) {
	rounds := 2
	if os.Getenv("ESKER_SOAK") != "" {
		rounds = 200
	}
	r := rand.New(rand.NewPCG(8, 45))
	total := 0
	for range rounds {
		for _, s := range scripts(t) {
			for range s.statements {
				s.try(t, mutated(r, s.statements), []byte{0, 0, 0, 1})
				total++
			}
		}
	}
	t.Logf("%d statements of %d", total, total/rounds*200)
}

// mutated is a statement with one to three of its words changed.
func mutated(r *rand.Rand, from []string) string {
	words := strings.Fields(from[r.IntN(len(from))])
	other := strings.Fields(from[r.IntN(len(from))])
	for range 1 + r.IntN(3) {
		if len(words) == 0 || len(other) == 0 {
			break
		}
		i, j := r.IntN(len(words)), r.IntN(len(other))
		switch r.IntN(5) {
		case 0:
			words = slices.Delete(words, i, i+1)
		case 1:
			words = slices.Insert(words, i, words[i])
		case 2:
			words[i] = other[j]
		case 3:
			words = slices.Insert(words, i, other[j])
		case 4:
			k := r.IntN(len(words))
			words[i], words[k] = words[k], words[i]
		}
	}
	return strings.Join(words, " ")
}

// scriptMoment is a moment for statements whose values do not matter.
func scriptMoment() Context {
	return Context{NowSec: 1000, NowMillis: 1_000_000, NowTicks: func() int64 { return 10_000_000_000 }, Random: func() [16]byte { return [16]byte{1, 2, 3} }}
}
