package cqltest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/schema"
)

// shapes are the tables that random programs write to.
var shapes = []string{
	"CREATE TABLE t (k int PRIMARY KEY, a int, b text)",
	"CREATE TABLE t (k int, c int, s int static, a int, b text, PRIMARY KEY (k, c))",
	"CREATE TABLE t (k int, c int, d text, s text static, a int, b text, PRIMARY KEY (k, c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)",
	"CREATE TABLE t (j int, k text, c timestamp, d int, a double, b bigint, PRIMARY KEY ((j, k), c, d)) WITH CLUSTERING ORDER BY (c ASC, d DESC)",
	"CREATE TABLE t (k int, c int, s set<text> static, m map<int, text>, e set<int>, a int, PRIMARY KEY (k, c))",
	"CREATE TABLE t (k int, c timestamp, s int static, a int, b text, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC)" +
		" AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': '1'}",
}

// action is one step of a random program.
type action struct {
	weather *Step
	text    string
	ops     []model.Op // what a write does; Now is set when it runs
	query   *question
}

// question is a SELECT and what the model has to be asked for it.
type question struct {
	ask     model.Query
	keys    [][][]byte // the partitions in order of the answer
	limited int        // LIMIT over all of them
}

// generator makes random programs over one table.
type generator struct {
	rng     *rand.Rand
	table   *schema.Table
	judge   bool  // for a server whose clock is its own
	lasting bool  // nothing expires
	base    int64 // the earliest timestamp that may still be written: purged deletions are below it (R36, R45)
	last    int64 // the latest timestamp written
	count   int64
	words   map[types.Kind][]string
}

func newGenerator(seed uint64, table *schema.Table, judge bool) *generator {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 3)), table: table, judge: judge, base: 1}
	g.words = map[types.Kind][]string{
		types.KindInt:    {"-1", "0", "1", "2", "3"},
		types.KindBigint: {"-5", "0", "7", "9223372036854775807"},
		types.KindText:   {"''", "'a'", "'ab'", "'b'", "'ü'"},
		types.KindDouble: {"0.1", "-2.5", "NaN", "1e300", "0.0"},
	}
	// Some in one hour, some days apart, all over by the Epoch.
	for _, before := range []time.Duration{65 * time.Hour, 52 * time.Hour, 52*time.Hour - time.Second, 51*time.Hour + time.Millisecond, 26 * time.Hour} {
		at := Epoch.Add(-before)
		g.words[types.KindTimestamp] = append(g.words[types.KindTimestamp], strconv.FormatInt(at.UnixMilli(), 10))
	}
	return g
}

// value is a random value of a column, as a literal and as bytes.
func (g *generator) value(c *schema.Column) (word string, bytes []byte) {
	words := g.words[c.Type.Kind()]
	word = words[g.rng.IntN(len(words))]
	v, err := parseValue(c.Type, word)
	if err != nil {
		panic(err) // the words are ours
	}
	return word, v.Bytes
}

// chance is true in that many of a hundred cases.
func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func (g *generator) timestamp() int64 {
	at := g.base + g.rng.Int64N(8)
	g.last = max(g.last, at)
	return at
}

// program is a list of random actions.
func (g *generator) program(length int) []action {
	out := make([]action, 0, length)
	for range length {
		out = append(out, g.action())
	}
	return out
}

func (g *generator) action() action {
	switch n := g.rng.IntN(100); {
	case n < 35:
		return g.selection()
	case n < 40:
		return g.batch()
	case n < 42 && !g.judge && g.table.Bucket != nil:
		return g.rebucket()
	case n < 55 && !g.judge:
		return action{weather: g.weather()}
	}
	ts := g.timestamp()
	text, op := g.write(fmt.Sprintf(" USING TIMESTAMP %d", ts))
	op.Timestamp = ts
	return action{text: text, ops: []model.Op{op}}
}

// rebucket begins a new epoch of time buckets, or ends them: no answer may show it (R38).
func (g *generator) rebucket() action {
	options := []string{
		"time_bucket = {}",
		"compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 7}",
		"time_bucket = {'column': 'c', 'size': '1h', 'max_future': 'none'}",
		"time_bucket = {'column': 'c', 'size': '1d', 'timezone': 'America/Santiago'}",
		"time_bucket = {'column': 'c', 'size': '1w', 'origin': '2026-01-05T06:00:00Z'}",
		"time_bucket = {'column': 'c', 'size': '1mo'}",
		"time_bucket = {'column': 'c', 'size': 'auto'}",
	}
	return action{text: "ALTER TABLE t WITH " + options[g.rng.IntN(len(options))]}
}

func (g *generator) weather() *Step {
	switch n := g.rng.IntN(10); {
	case n < 4:
		return &Step{Verb: VerbFlush}
	case n < 6:
		return &Step{Verb: VerbCompact}
	case n < 7:
		return &Step{Verb: VerbRestart}
	case n < 8:
		return &Step{Verb: VerbCrash}
	}
	g.base = max(g.base, g.last+1)
	waits := []time.Duration{time.Second, 10 * time.Second, time.Hour, 30 * time.Hour, 11 * 24 * time.Hour}
	return &Step{Verb: VerbAdvance, Advance: waits[g.rng.IntN(len(waits))]}
}

func (g *generator) batch() action {
	ts := g.timestamp()
	out := action{text: fmt.Sprintf("BEGIN BATCH USING TIMESTAMP %d\n", ts)}
	for range 2 + g.rng.IntN(3) {
		text, op := g.write("")
		op.Timestamp = ts
		out.text += text + ";\n"
		out.ops = append(out.ops, op)
	}
	out.text += "APPLY BATCH"
	return out
}

// write is a random INSERT, UPDATE or DELETE, with the clause that gives its timestamp.
func (g *generator) write(using string) (string, model.Op) {
	switch n := g.rng.IntN(100); {
	case n < 45:
		return g.insert(using)
	case n < 72:
		return g.update(using)
	}
	return g.deletion(using)
}

// ttl adds a TTL now and then.
func (g *generator) ttl(using string, op *model.Op) string {
	if g.lasting || !g.chance(25) {
		return using
	}
	g.count++
	if op.TTL = []int64{1, 60, 5000, 100_000}[g.rng.IntN(4)]; g.judge {
		op.TTL = 100_000 + 1000*g.count // never a tie that depends on the server's second
	}
	if using == "" {
		return fmt.Sprintf(" USING TTL %d", op.TTL)
	}
	return fmt.Sprintf("%s AND TTL %d", using, op.TTL)
}

func (g *generator) insert(using string) (string, model.Op) {
	var op model.Op
	var names, words []string
	add := func(columns []*schema.Column) (values [][]byte) {
		values = [][]byte{}
		for _, c := range columns {
			word, v := g.value(c)
			names, words, values = append(names, c.Name), append(words, word), append(values, v)
		}
		return values
	}
	op.Key = add(g.table.PartitionKey)
	op.Clustering = add(g.table.Clustering)
	op.Insert = true
	for _, c := range append(append([]*schema.Column(nil), g.table.Statics...), g.table.Regulars...) {
		switch {
		case g.table.Multicell(c) && g.chance(75):
			word, cells := g.whole(c)
			names, words, op.Cells = append(names, c.Name), append(words, word), append(op.Cells, cells...)
		case g.table.Multicell(c):
		case g.chance(15):
			names, words = append(names, c.Name), append(words, "null")
			op.Cells = append(op.Cells, model.Cell{Column: c.Name})
		case g.chance(60):
			word, v := g.value(c)
			names, words = append(names, c.Name), append(words, word)
			op.Cells = append(op.Cells, model.Cell{Column: c.Name, Value: v})
		}
	}
	using = g.ttl(using, &op)
	return fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)%s", strings.Join(names, ", "), strings.Join(words, ", "), using), op
}

// where is the equalities of some key columns.
func (g *generator) where(columns []*schema.Column) (relations []string, values [][]byte) {
	values = [][]byte{}
	for _, c := range columns {
		word, v := g.value(c)
		relations, values = append(relations, c.Name+" = "+word), append(values, v)
	}
	return relations, values
}

func (g *generator) update(using string) (string, model.Op) {
	var op model.Op
	relations, key := g.where(g.table.PartitionKey)
	op.Key = key
	columns := g.table.Regulars
	if onlyStatics := len(g.table.Statics) > 0 && g.chance(20); onlyStatics {
		columns = g.table.Statics
	} else {
		rows, values := g.where(g.table.Clustering)
		relations, op.Clustering = append(relations, rows...), values
	}
	first := g.rng.IntN(len(columns))
	var sets []string
	for i, c := range columns {
		if i != first && g.chance(50) {
			continue
		}
		if g.table.Multicell(c) {
			set, cells := g.change(c)
			sets, op.Cells = append(sets, set), append(op.Cells, cells...)
			continue
		}
		word, v := g.value(c)
		if g.chance(15) {
			word, v = "null", nil
		}
		sets = append(sets, c.Name+" = "+word)
		op.Cells = append(op.Cells, model.Cell{Column: c.Name, Value: v})
	}
	using = g.ttl(using, &op)
	return fmt.Sprintf("UPDATE t%s SET %s WHERE %s", using, strings.Join(sets, ", "), strings.Join(relations, " AND ")), op
}

func (g *generator) deletion(using string) (string, model.Op) {
	var op model.Op
	relations, key := g.where(g.table.PartitionKey)
	op.Key = key
	what := ""
	switch n := g.rng.IntN(100); {
	case n < 30:
		rows, values := g.where(g.table.Clustering)
		relations, op.Clustering = append(relations, rows...), values
		text, cell := g.removal(g.table.Regulars[g.rng.IntN(len(g.table.Regulars))])
		what, op.Cells = " "+text, []model.Cell{cell}
	case n < 55 && len(g.table.Clustering) > 0:
		rows, values := g.where(g.table.Clustering)
		relations, op.Clustering = append(relations, rows...), values
		op.DeleteRow = true
	case n < 88 && len(g.table.Clustering) > 0:
		rows, slice := g.slice(false)
		relations = append(relations, rows...)
		op.DeleteRange = &slice
	case n < 92 && len(g.table.Statics) > 0:
		text, cell := g.removal(g.table.Statics[0])
		what, op.Cells = " "+text, []model.Cell{cell}
	default:
		op.DeletePartition = true
	}
	return fmt.Sprintf("DELETE%s FROM t%s WHERE %s", what, using, strings.Join(relations, " AND ")), op
}

// slice is a random range of a partition: equalities on some clustering columns and a range of the
// next. whole allows one without any relation.
func (g *generator) slice(whole bool) (relations []string, s clustering.Slice) {
	columns := g.table.Clustering
	equal := g.rng.IntN(len(columns))
	relations, values := g.where(columns[:equal])
	layout := g.table.ClusteringLayout()
	prefix, err := layout.Encode(values)
	if err != nil {
		panic(err) // the values are ours
	}
	s = clustering.RowSlice(prefix)
	next := columns[equal]
	from, to := g.chance(60), g.chance(60)
	if !from && !to && equal == 0 && !whole {
		from = true
	}
	bound := func(lower bool) {
		word, v := g.value(next)
		enc, err := layout.Encode(append(append([][]byte(nil), values...), v))
		if err != nil {
			panic(err)
		}
		inclusive := g.chance(50)
		operator := map[[2]bool]string{{true, true}: ">=", {true, false}: ">", {false, true}: "<=", {false, false}: "<"}[[2]bool{lower, inclusive}]
		relations = append(relations, next.Name+" "+operator+" "+word)
		// In descending order the lower bound ends the slice.
		if lower != next.Desc {
			if s.Start = clustering.After(enc); inclusive {
				s.Start = clustering.Before(enc)
			}
			return
		}
		if s.End = clustering.Before(enc); inclusive {
			s.End = clustering.After(enc)
		}
	}
	if from {
		bound(true)
	}
	if to {
		bound(false)
	}
	return relations, s
}
