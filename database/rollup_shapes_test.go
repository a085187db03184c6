package database

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
)

// columnTypes are the columns that random tables have.
var columnTypes = map[string]*types.Type{"a": types.Int, "b": types.Bigint, "f": types.Double, "s": types.Text, "d": types.Int}

// level is a rollup of table t and what the model knows of it.
type level struct {
	name, source string
	create       string // its CREATE ROLLUP; empty: it comes with the table
	of           model.Rollup
	grace        time.Duration
	keep         time.Duration // 0: for ever
	paused       bool
	building     bool // it was made when there were rows, and nobody has waited for it yet

	sealed      map[string]*model.Window // as they were when they were sealed
	sealedUntil int64
	wholeFrom   int64 // of windows before it rows may have been removed when the rollup was made
	// takenFrom: windows that begin before it, and were not left out, were made of sealed ones, or of what was left of expired rows.
	takenFrom int64
	// unfollowedBefore: rows of windows that begin before it came when they were sealed in a level below.
	unfollowedBefore int64
}

// shape is a table with its rollups.
type shape struct {
	create []string
	levels []level
	later  []level       // made when there are rows already
	keep   time.Duration // of the rows; 0: for ever
	seals  bool          // windows are sealed
	free   bool          // the scheduler works between the steps
}

// levelStep is a step of rollups.
type levelStep struct {
	word string
	step model.Step
}

// chains are steps of which each is made of the ones before it.
var chains = [][]levelStep{
	{
		{"10m", model.Step{Size: 10 * time.Minute}}, {"1h", model.Step{Size: time.Hour}}, {"6h", model.Step{Size: 6 * time.Hour}},
		{"1d", model.Step{Days: 1}}, {"1w", model.Step{Days: 7}},
	},
	{{"1m", model.Step{Size: time.Minute}}, {"1h", model.Step{Size: time.Hour}}, {"1d", model.Step{Days: 1}}, {"1mo", model.Step{Months: 1}}},
}

// rollupZones are "" for UTC, and zones whose clocks are moved within the histories.
var rollupZones = []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"}

// rollupFunctions are aggregates of rollups by the columns they are declared of.
var rollupFunctions = map[string][]string{
	"":  {"count"},
	"a": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "stddev_pop", "median", "percentile", "distinct"},
	"b": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "percentile", "distinct"},
	"f": {"count", "sum", "avg", "min", "max", "first", "last", "stddev", "median", "distinct"},
	"s": {"count", "min", "max", "first", "last", "distinct"},
}

// shapeBuilder makes random tables with rollups.
type shapeBuilder struct {
	rng *rand.Rand
	out *shape
	// wide tables have a second clustering column d.
	wide bool
}

// levelsMax is how many levels a rollup may have.
const levelsMax = 3

func newShape(rng *rand.Rand) *shape {
	b := &shapeBuilder{rng: rng, out: &shape{}, wide: rng.IntN(4) == 0}
	key, columns := "k, ts", ""
	order := "ts " + b.pick("ASC", "DESC")
	if b.wide {
		key, columns, order = key+", d", "d int, ", order+", d "+b.pick("ASC", "DESC")
	}
	options := fmt.Sprintf("CLUSTERING ORDER BY (%s)", order)
	if b.chance(50) {
		options += " AND gc_grace_seconds = 0"
	}
	if b.chance(30) {
		options += " AND time_bucket = {'column': 'ts', 'size': '1d'}"
	}
	if b.chance(40) {
		days := []int{3, 10, 40}[b.rng.IntN(3)]
		b.out.keep, b.out.seals = time.Duration(days)*24*time.Hour, true
		options += fmt.Sprintf(" AND retention = {'duration': '%dd', 'by': 'ts'}", days)
	}
	oneLine := !b.wide && b.chance(60)
	if oneLine {
		options += " AND rollups = {" + b.oneLine() + "}"
	}
	b.out.create = append([]string{
		fmt.Sprintf("CREATE TABLE t (k int, ts timestamp, %sa int, b bigint, f double, s text, g text STATIC, PRIMARY KEY (%s)) WITH %s", columns, key, options),
	}, b.out.create...)
	if !oneLine || b.chance(30) {
		b.out.levels = append(b.out.levels, b.declared("r")...)
	}
	for _, l := range b.out.levels {
		if l.create != "" {
			b.out.create = append(b.out.create, l.create)
		}
	}
	if b.chance(50) {
		b.out.later = b.declared("late")
	}
	// Without anything to seal it does not matter to the model when the scheduler works.
	b.out.free = !b.out.seals && b.chance(50)
	return b.out
}

func (b *shapeBuilder) pick(of ...string) string { return of[b.rng.IntN(len(of))] }

func (b *shapeBuilder) chance(percent int) bool { return b.rng.IntN(100) < percent }

// steps are 1 to levelsMax steps of a chain, ascending.
func (b *shapeBuilder) steps() []levelStep {
	chain := chains[b.rng.IntN(len(chains))]
	var out []levelStep
	for _, at := range b.rng.Perm(len(chain))[:1+b.rng.IntN(levelsMax)] {
		out = append(out, chain[at])
	}
	slices.SortFunc(out, func(x, y levelStep) int {
		return slices.IndexFunc(chain, func(s levelStep) bool { return s.word == x.word }) - slices.IndexFunc(chain, func(s levelStep) bool { return s.word == y.word })
	})
	return out
}

// keeps is how long the rows of a rollup show, as an option says it; 0 is for ever.
func (b *shapeBuilder) keeps(of model.Step) (text string, keep time.Duration) {
	if b.chance(70) {
		return "forever", 0
	}
	days := []int{3, 20, 60}[b.rng.IntN(3)]
	if of.Months > 0 || of.Days > 1 {
		days = 60 // a window must not end before its time is over
	}
	return fmt.Sprintf("%dd", days), time.Duration(days) * 24 * time.Hour
}

// oneLine are rollups in the option of the table.
func (b *shapeBuilder) oneLine() string {
	var words []string
	source := "t"
	for _, s := range b.steps() {
		text, keep := b.keeps(s.step)
		words = append(words, fmt.Sprintf("'%s': '%s'", s.word, text))
		l := level{name: "t_" + s.word, source: source, keep: keep, of: model.Rollup{Step: s.step}}
		for _, c := range []string{"a", "b", "f"} {
			for _, function := range strings.Fields("count sum avg min max first last") {
				l.of.Aggregates = append(l.of.Aggregates, model.Target{
					Aggregate: model.Aggregate{Function: function, Type: columnTypes[c]}, Of: c, Column: function + "_" + c,
				})
			}
		}
		b.out.levels = append(b.out.levels, l)
		source = l.name
	}
	return strings.Join(words, ", ")
}

// declared are rollups by CREATE ROLLUP, each on the one before.
func (b *shapeBuilder) declared(name string) (out []level) {
	zone := rollupZones[b.rng.IntN(len(rollupZones))]
	var group []string
	if b.wide {
		group = [][]string{nil, {"d"}, {"s"}, {"d", "s"}}[b.rng.IntN(4)]
	} else if b.chance(20) {
		group = []string{"s"}
	}
	source := "t"
	held := b.aggregates()
	for i, s := range b.steps() {
		l := level{name: fmt.Sprintf("%s%d", name, i), source: source, of: model.Rollup{Step: s.step, Group: group}}
		l.of.Step.Zone = zone
		selectors := []string{"k"}
		if i > 0 && len(held) > 1 && b.chance(50) {
			held = held[1:] // an upper level may have less
		}
		for j, a := range held {
			a.Column = fmt.Sprintf("c%d", j)
			l.of.Aggregates = append(l.of.Aggregates, a)
			selectors = append(selectors, callOf(a)+" AS "+a.Column)
		}
		by := fmt.Sprintf("k, time_bucket(ts, %s)", s.word)
		if len(group) > 0 {
			by += ", " + strings.Join(group, ", ")
		}
		with := "comment = ''"
		if zone != "" {
			with += fmt.Sprintf(" AND time_zone = '%s'", zone)
		}
		if i > 0 {
			l.grace = out[i-1].grace // a window waits for those that it is computed from
		}
		lateness := ""
		if b.chance(30) {
			b.out.seals = true
			lateness = fmt.Sprintf(", 'max': '%dh'", []int{4, 30, 72}[b.rng.IntN(3)])
		}
		if lateness != "" || b.chance(30) {
			own := []time.Duration{2 * time.Minute, 3 * time.Hour}[b.rng.IntN(2)]
			with += fmt.Sprintf(" AND lateness = {'grace': '%dm'%s}", int(own.Minutes()), lateness)
			l.grace = max(l.grace, own)
		}
		if text, keep := b.keeps(s.step); keep > 0 {
			l.keep = keep
			with += fmt.Sprintf(" AND retention = {'duration': '%s'}", text)
		}
		l.create = fmt.Sprintf("CREATE ROLLUP %s ON %s AS SELECT %s GROUP BY %s WITH %s", l.name, source, strings.Join(selectors, ", "), by, with)
		out = append(out, l)
		source = l.name
	}
	return out
}

// aggregates are random ones, each once.
func (b *shapeBuilder) aggregates() (out []model.Target) {
	seen := map[string]bool{}
	for range 2 + b.rng.IntN(6) {
		columns := slices.Sorted(maps.Keys(rollupFunctions))
		a := model.Target{Of: columns[b.rng.IntN(len(columns))]}
		a.Function = rollupFunctions[a.Of][b.rng.IntN(len(rollupFunctions[a.Of]))]
		a.Type = columnTypes[a.Of]
		if a.Function == "percentile" {
			a.Fraction = 0.9
		}
		if call := callOf(a); !seen[call] {
			seen[call] = true
			out = append(out, a)
		}
	}
	return out
}

// callOf is an aggregate as CQL writes it.
func callOf(a model.Target) string {
	switch {
	case a.Of == "":
		return "count(*)"
	case a.Function == "percentile":
		return fmt.Sprintf("percentile(%s, %v)", a.Of, a.Fraction)
	}
	return fmt.Sprintf("%s(%s)", a.Function, a.Of)
}
