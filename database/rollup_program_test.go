package database

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/schema"
)

// programStep is one step of a random history of a table with rollups: what is set is done.
type programStep struct {
	text    string // a statement
	ops     []model.Op
	clears  bool             // TRUNCATE
	change  func(*rollupRun) // what a change of the schema means for the model
	retain  func(*keeping)   // what a change of a retention means
	keep    *time.Duration   // of the rows, from now on; 0: for ever
	weather string
	advance time.Duration
	seed    uint64 // of a crash
}

func (s *programStep) String() string {
	switch {
	case s.text != "":
		return s.text + ";"
	case s.advance > 0:
		return fmt.Sprintf("-- advance %v", s.advance)
	}
	return "-- " + s.weather
}

// writer makes random histories.
type writer struct {
	rng    *rand.Rand
	table  *schema.Table
	shape  *shape
	made   int       // of shape.later
	now    time.Time // of the clock when the step runs
	stamp  int64     // write timestamps are not below it: purged deletions are (R36, R45)
	last   int64
	values map[string][]string // literals by column
}

var programStart = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

func newWriter(rng *rand.Rand, t *schema.Table, s *shape) *writer {
	return &writer{rng: rng, table: t, shape: s, now: programStart, stamp: 1, values: map[string][]string{
		"a": {"-3", "0", "1", "2", "7", "2147483647"},
		"b": {"-5", "0", "40", "9223372036854775807"},
		"f": {"0.1", "-2.5", "NaN", "1e15", "0.3", "-0.0", "7"},
		"s": {"'x'", "'y'", "'ü'", "''"},
		"g": {"'one'", "'two'"},
		"d": {"1", "2"},
	}}
}

func (g *writer) chance(percent int) bool { return g.rng.IntN(100) < percent }

func (g *writer) pick(of []string) string { return of[g.rng.IntN(len(of))] }

// program is a history of so many steps.
func (g *writer) program(length int) []programStep {
	out := make([]programStep, 0, length)
	for range length {
		out = append(out, g.step())
	}
	return out
}

func (g *writer) step() programStep {
	switch n := g.rng.IntN(100); {
	case n < 14:
		return g.advance()
	case n < 24:
		return programStep{weather: g.pick([]string{"flush", "flush", "compact", "reopen", "crash"}), seed: g.rng.Uint64()}
	case n < 38:
		return programStep{weather: "settle"}
	case n < 44:
		return programStep{weather: "select", seed: g.rng.Uint64()}
	case n < 50:
		return programStep{weather: "final"}
	case n < 51:
		g.last++
		return programStep{text: "TRUNCATE t", clears: true}
	case n < 59:
		return g.batch()
	case n < 63:
		return g.change()
	}
	at := g.timestamp()
	text, op := g.write(fmt.Sprintf(" USING TIMESTAMP %d", at))
	op.Timestamp = at
	return programStep{text: text, ops: []model.Op{op}}
}

// change is a random change of the schema.
func (g *writer) change() programStep {
	levels := slices.Concat(g.shape.levels, g.shape.later[:g.made])
	if g.shape.keep > 0 && g.chance(30) {
		days := []int{0, 4, 10, 25, 60}[g.rng.IntN(5)] // not below the lateness of a rollup
		keep := time.Duration(days) * 24 * time.Hour
		if days == 0 {
			return programStep{text: "ALTER TABLE t WITH retention = 'forever'", keep: &keep}
		}
		return programStep{text: fmt.Sprintf("ALTER TABLE t WITH retention = {'duration': '%dd', 'by': 'ts'}", days), keep: &keep}
	}
	if g.made < len(g.shape.later) && g.chance(60) {
		made := g.shape.later[g.made]
		g.made++
		return programStep{text: made.create, change: func(r *rollupRun) {
			made := made
			made.wholeFrom, made.building = math.MaxInt64, true
			for _, l := range r.levels {
				made.wholeFrom = min(made.wholeFrom, l.sealedUntil)
			}
			made.takenFrom = made.wholeFrom
			r.unclearBefore = max(r.unclearBefore, made.wholeFrom)
			r.levels = append(r.levels, made)
		}}
	}
	name := levels[g.rng.IntN(len(levels))].name
	paused := g.chance(50)
	return programStep{
		text:   map[bool]string{true: "PAUSE", false: "RESUME"}[paused] + " ROLLUP " + name,
		change: func(r *rollupRun) { r.level(name).paused = paused },
	}
}

func (g *writer) advance() programStep {
	waits := []time.Duration{
		time.Second, 7 * time.Minute, 20 * time.Minute, time.Hour, 5 * time.Hour, 26 * time.Hour, 8 * 24 * time.Hour, 33 * 24 * time.Hour,
	}
	by := waits[g.rng.IntN(len(waits))]
	g.now = g.now.Add(by)
	g.stamp = max(g.stamp, g.last+1)
	return programStep{advance: by}
}

func (g *writer) timestamp() int64 {
	at := g.stamp + g.rng.Int64N(6)
	g.last = max(g.last, at)
	return at
}

func (g *writer) batch() programStep {
	at := g.timestamp()
	out := programStep{text: fmt.Sprintf("BEGIN BATCH USING TIMESTAMP %d\n", at)}
	for range 2 + g.rng.IntN(4) {
		text, op := g.write("")
		op.Timestamp = at
		out.text += "  " + text + ";\n"
		out.ops = append(out.ops, op)
	}
	out.text += "APPLY BATCH"
	return out
}

// time is that of a row: mostly of now, sometimes late by up to months, seldom ahead. Few times are far from few others,
// so that windows have several rows, and rows are written over and deleted.
func (g *writer) time() time.Time {
	grains := []time.Duration{30 * time.Second, 5 * time.Minute, 17 * time.Minute, 6 * time.Hour}
	grain := grains[g.rng.IntN(len(grains))]
	at := g.now
	switch n := g.rng.IntN(20); {
	case n < 11:
		at = at.Add(-time.Duration(g.rng.IntN(4)) * grain)
	case n < 16:
		at = at.Add(-time.Duration(g.rng.IntN(30)) * time.Hour)
	case n < 18:
		at = at.Add(-time.Duration(g.rng.IntN(40)) * 24 * time.Hour)
	case n < 19:
		at = at.Add(time.Duration(g.rng.IntN(3)) * grain)
	default:
		at = programStart
	}
	return at.Truncate(grain)
}

func (g *writer) key(op *model.Op) string {
	k := g.rng.IntN(2)
	op.Key = [][]byte{types.AppendInt(nil, int32(k))}
	return fmt.Sprintf("k = %d", k)
}

func (g *writer) row(op *model.Op) string {
	where := g.key(op)
	at := g.time()
	op.Clustering = [][]byte{types.AppendTimestampMillis(nil, at.UnixMilli())}
	where += fmt.Sprintf(" AND ts = %d", at.UnixMilli())
	for _, c := range g.table.Clustering[1:] {
		word := g.pick(g.values[c.Name])
		op.Clustering = append(op.Clustering, valueOf(c.Type, word))
		where += fmt.Sprintf(" AND %s = %s", c.Name, word)
	}
	return where
}

// valueOf is a literal's bytes.
func valueOf(t *types.Type, word string) []byte {
	l := types.Literal{Class: types.LitInteger, Text: word}
	switch {
	case strings.HasPrefix(word, "'"):
		l = types.Literal{Class: types.LitString, Text: strings.Trim(word, "'")}
	case strings.ContainsAny(word, ".eN"):
		l.Class = types.LitFloat
	}
	v, err := t.ParseLiteral(l)
	if err != nil {
		panic(err) // the words are ours
	}
	return v
}

// cells draws values for some columns, one at least.
func (g *writer) cells(op *model.Op, of []*schema.Column) (names, words []string) {
	first := g.rng.IntN(len(of))
	for i, c := range of {
		if i != first && g.chance(40) {
			continue
		}
		word, v := g.pick(g.values[c.Name]), []byte(nil)
		if g.chance(15) {
			word = "null"
		} else {
			v = valueOf(c.Type, word)
		}
		names, words = append(names, c.Name), append(words, word)
		op.Cells = append(op.Cells, model.Cell{Column: c.Name, Value: v})
	}
	return names, words
}

// ttl ends what is written now and then, before or behind the end of its windows.
func (g *writer) ttl(using string, op *model.Op) string {
	if !g.chance(25) {
		return using
	}
	op.TTL = []int64{1, 300, 4000, 100_000, 3_000_000}[g.rng.IntN(5)]
	if using == "" {
		return fmt.Sprintf(" USING TTL %d", op.TTL)
	}
	return fmt.Sprintf("%s AND TTL %d", using, op.TTL)
}

// write is a random INSERT, UPDATE or DELETE.
func (g *writer) write(using string) (string, model.Op) {
	var op model.Op
	switch n := g.rng.IntN(100); {
	case n < 60:
		where := g.row(&op)
		op.Insert = true
		names, words := g.cells(&op, slices.Concat(g.table.Statics, g.table.Regulars))
		for _, relation := range strings.Split(where, " AND ") {
			name, word, _ := strings.Cut(relation, " = ")
			names, words = append(names, name), append(words, word)
		}
		return fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)%s", strings.Join(names, ", "), strings.Join(words, ", "), g.ttl(using, &op)), op
	case n < 76:
		where := g.row(&op)
		names, words := g.cells(&op, g.table.Regulars)
		for i := range names {
			names[i] += " = " + words[i]
		}
		return fmt.Sprintf("UPDATE t%s SET %s WHERE %s", g.ttl(using, &op), strings.Join(names, ", "), where), op
	}
	return g.deletion(using)
}

func (g *writer) deletion(using string) (string, model.Op) {
	var op model.Op
	switch n := g.rng.IntN(100); {
	case n < 30:
		where := g.row(&op)
		c := g.table.Regulars[g.rng.IntN(len(g.table.Regulars))]
		op.Cells = []model.Cell{{Column: c.Name}}
		return fmt.Sprintf("DELETE %s FROM t%s WHERE %s", c.Name, using, where), op
	case n < 60:
		where := g.row(&op)
		op.DeleteRow = true
		return fmt.Sprintf("DELETE FROM t%s WHERE %s", using, where), op
	case n < 95:
		return g.rangeDeletion(using)
	}
	op.DeletePartition = true
	return fmt.Sprintf("DELETE FROM t%s WHERE %s", using, g.key(&op)), op
}

// rangeDeletion deletes from a time on, up to one, or between two.
func (g *writer) rangeDeletion(using string) (string, model.Op) {
	var op model.Op
	where := g.key(&op)
	slice := clustering.Whole()
	layout, desc := g.table.ClusteringLayout(), g.table.Clustering[0].Desc
	bound := func(operator string, at time.Time) {
		where += fmt.Sprintf(" AND ts %s %d", operator, at.UnixMilli())
		enc, err := layout.Encode([][]byte{types.AppendTimestampMillis(nil, at.UnixMilli())})
		if err != nil {
			panic(err)
		}
		lower, inclusive := operator[0] == '>', len(operator) == 2
		if lower != desc { // the bound begins the slice
			if slice.Start = clustering.After(enc); inclusive {
				slice.Start = clustering.Before(enc)
			}
			return
		}
		if slice.End = clustering.Before(enc); inclusive {
			slice.End = clustering.After(enc)
		}
	}
	from, to := g.time(), g.time()
	if to.Before(from) {
		from, to = to, from
	}
	kind := g.rng.IntN(8)
	if kind != 0 {
		bound(g.pick([]string{">", ">="}), from)
	}
	if kind != 1 {
		bound(g.pick([]string{"<", "<="}), to)
	}
	op.DeleteRange = &slice
	return fmt.Sprintf("DELETE FROM t%s WHERE %s", using, where), op
}
