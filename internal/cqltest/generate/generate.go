// Package generate makes random CQL: tables of any shape, and sequences of statements over them, most of them right and some wrong.
//
// A seed always makes the same program. Nothing in a program depends on when it runs: what expires does so long after, and timestamps are
// either all given or all the server's. It does not know what the statements answer; who runs them on two servers compares.
package generate

import (
	"fmt"
	"math/rand/v2"
)

// Step is one thing to do.
type Step struct {
	// Text is a statement; empty for weather.
	Text string
	// PageSize of its answer in rows. 0 is everything at once.
	PageSize int
	// Weather is flush, compact, restart or crash; empty for a statement.
	Weather string
}

// Features are the parts of the language that a program may use beyond the plain ones.
type Features struct {
	Multicell  bool // collections that are not frozen
	Types      bool // user-defined types
	Counters   bool // tables of counters
	Arithmetic bool // + - * / % and the functions of numbers
	JSON       bool // INSERT JSON, SELECT JSON, to_json and from_json
	Conditions bool // IF
	Vectors    bool // vector<float, n>
}

// All is every feature.
func All() Features {
	return Features{Multicell: true, Types: true, Counters: true, Arithmetic: true, JSON: true, Conditions: true, Vectors: true}
}

// Length is how many steps follow the schema of a program.
const Length = 250

// generator makes one program.
type generator struct {
	rng      *rand.Rand
	features Features
	tables   []*table
	udts     []*typ
	// clocked programs give every timestamp, from few, so that equal ones are frequent; the others leave them to the server and may use IF.
	clocked bool
	ttl     int64 // the last TTL given: each is another, so that no two cells end in the same second
	added   int   // columns by ALTER
}

// Program makes the steps of a seed: first the schema, which may be refused in parts, then statements with weather between them.
func Program(seed uint64, features Features) []Step {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 46)), features: features, ttl: 200_000}
	g.clocked = !features.Conditions || g.chance(70)
	var out []Step
	add := func(text string) { out = append(out, Step{Text: text}) }
	if features.Types {
		for range g.rng.IntN(3) {
			add(g.createType())
		}
	}
	for range 1 + g.rng.IntN(2) {
		add(g.createTable())
	}
	for range Length {
		out = append(out, g.step())
	}
	return out
}

// step is a statement or weather.
func (g *generator) step() Step {
	t := pick(g, g.tables)
	switch n := g.rng.IntN(100); {
	case n < 6:
		return Step{Weather: pick(g, []string{"flush", "flush", "compact", "restart", "crash"})}
	case n < 8:
		return Step{Text: g.wrong(g.alter(t))}
	case n < 13:
		return Step{Text: g.wrong(g.batch(t))}
	case n < 50:
		return Step{Text: g.wrong(g.write(t))}
	}
	s := Step{Text: g.wrong(g.selection(t))}
	if g.chance(40) {
		s.PageSize = 1 + g.rng.IntN(4)
	}
	return s
}

// chance is true in that many of a hundred cases.
func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

// pick is any of a list, which must not be empty.
func pick[T any](g *generator, of []T) T { return of[g.rng.IntN(len(of))] }

// some are any of a list, in its order; at least one if the list has any.
func some[T any](g *generator, of []T, percent int) []T {
	var out []T
	for _, v := range of {
		if g.chance(percent) {
			out = append(out, v)
		}
	}
	if out == nil && len(of) > 0 {
		out = append(out, pick(g, of))
	}
	return out
}

// shuffled is a list in any order.
func shuffled[T any](g *generator, of []T) []T {
	out := append([]T(nil), of...)
	g.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// using is the clause of a write: a timestamp in clocked programs, and a TTL now and then.
func (g *generator) using(ttl bool) string {
	stamp := ""
	if g.clocked {
		stamp = fmt.Sprintf("TIMESTAMP %d", 1+g.rng.IntN(8))
	}
	if !ttl || !g.chance(15) {
		if stamp == "" {
			return ""
		}
		return " USING " + stamp
	}
	g.ttl += 1000
	life := fmt.Sprintf("TTL %d", g.ttl)
	switch {
	case stamp == "":
		return " USING " + life
	case g.chance(50):
		return " USING " + stamp + " AND " + life
	}
	return " USING " + life + " AND " + stamp
}
