package exec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// series is ks.t(k int | c int, ts timestamp | v int), ts DESC if asked for.
func series(descending bool) *schema.Table {
	t := &schema.Table{Keyspace: "ks", Name: "t", Kind: schema.Base, Options: schema.DefaultOptions()}
	t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	t.Clustering = []*schema.Column{{Name: "c", Kind: schema.ClusteringKey, Type: types.Int},
		{Name: "ts", Kind: schema.ClusteringKey, Position: 1, Type: types.Timestamp, Desc: descending}}
	t.AddColumn(&schema.Column{Name: "v", Kind: schema.Regular, Type: types.Int})
	return t
}

// point is a row of series.
type point struct {
	k, c int32
	ts   int64
	v    any // int32; nil: null
}

func sourceOf(t *schema.Table, points []point, batchRows int) *memorySource {
	m := &memorySource{batchRows: batchRows}
	for k := int32(1); k <= 3; k++ {
		p := memoryPartition{key: keyOf(k)}
		for _, r := range points {
			if r.k != k {
				continue
			}
			at, err := t.ClusteringLayout().Encode([][]byte{encode(r.c), encode(r.ts)})
			if err != nil {
				panic(err)
			}
			row := mutation.Row{Clustering: at, Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}
			if r.v != nil {
				row.Cells = []mutation.Cell{live(t.Column("v"), cell{r.v, mutation.Forever})}
			}
			p.rows = append(p.rows, row)
		}
		m.partitions = append(m.partitions, p)
	}
	m.sort()
	return m
}

// stepper cuts time, by code of its own.
type stepper struct {
	text  string
	base  int64 // times of a test are some units behind it
	unit  int64
	start func(ms int64) int64   // of the step that holds a time
	next  func(from int64) int64 // the step behind
}

const minute = 60_000

func fixedStep(text string, size int64) stepper {
	return stepper{
		text: text, unit: 10 * minute, start: func(ms int64) int64 { return ms - ((ms%size)+size)%size },
		next: func(from int64) int64 { return from + size },
	}
}

// calendarStep is by days or months on the wall clock of a zone.
func calendarStep(text string, unit int64, zone *time.Location, months, days int) stepper {
	return stepper{
		text: text, unit: unit,
		start: func(ms int64) int64 {
			at := time.UnixMilli(ms).In(zone)
			day := at.Day()
			if months > 0 {
				day = 1
			}
			return time.Date(at.Year(), at.Month(), day, 0, 0, 0, 0, zone).UnixMilli()
		},
		next: func(from int64) int64 { return time.UnixMilli(from).In(zone).AddDate(0, months, days).UnixMilli() },
	}
}

// question is a statement with FILL, as the test understands it.
type question struct {
	step        stepper
	mode        string
	low, high   *int64 // ts >= low, ts < high
	one         bool   // of partition 1 alone, so that there may be an ORDER BY
	sensor      int32  // of this c alone; 0: any
	reverse     bool
	limit, most int // LIMIT, PER PARTITION LIMIT; 0: none
	descending  bool
}

func (q *question) text() string {
	var where []string
	if q.one {
		where = append(where, "k = 1")
	}
	if q.sensor > 0 {
		where = append(where, fmt.Sprint("c = ", q.sensor))
	}
	if q.low != nil {
		where = append(where, fmt.Sprint("ts >= ", *q.low))
	}
	if q.high != nil {
		where = append(where, fmt.Sprint("ts < ", *q.high))
	}
	out := "SELECT k, c, " + q.step.text + ", sum(v), count(*), max(ts), cast(last(v) as bigint) FROM t"
	if len(where) > 0 {
		out += " WHERE " + strings.Join(where, " AND ")
	}
	out += " GROUP BY k, c, " + q.step.text + " FILL(" + q.mode + ")"
	if q.one && q.reverse {
		out += " ORDER BY c DESC"
	}
	if q.most > 0 {
		out += fmt.Sprint(" PER PARTITION LIMIT ", q.most)
	}
	if q.limit > 0 {
		out += fmt.Sprint(" LIMIT ", q.limit)
	}
	return out + " ALLOW FILTERING"
}

// answer is the answer by going through all steps of each series.
func (q *question) answer(points []point) [][]any {
	byKey := map[[2]int32][]point{}
	var keys [][2]int32
	for _, p := range points {
		if q.one && p.k != 1 || q.sensor > 0 && p.c != q.sensor || q.low != nil && p.ts < *q.low || q.high != nil && p.ts >= *q.high {
			continue
		}
		key := [2]int32{p.k, p.c}
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], p)
	}
	if q.one && q.sensor > 0 && q.low != nil && q.high != nil && len(keys) == 0 && *q.low < *q.high { // it was named
		keys = [][2]int32{{1, q.sensor}}
	}
	up := !q.reverse || !q.one
	slices.SortFunc(keys, func(a, b [2]int32) int {
		order := cmp.Compare(a[1], b[1])
		if !up {
			order = -order
		}
		return cmp.Or(keyOf(a[0]).Compare(keyOf(b[0])), order)
	})
	var out [][]any
	taken := map[int32]int{}
	for _, key := range keys {
		rows := q.series(key, byKey[key])
		if q.descending == up {
			slices.Reverse(rows)
		}
		for _, r := range rows {
			if taken[key[0]]++; q.most == 0 || taken[key[0]] <= q.most {
				out = append(out, r)
			}
		}
	}
	if q.limit > 0 {
		out = out[:min(q.limit, len(out))]
	}
	return out
}

// series are the rows of one series, in the order of time.
func (q *question) series(key [2]int32, points []point) [][]any {
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.ts, b.ts) })
	from, to := int64(0), int64(0)
	if len(points) > 0 {
		from, to = q.step.start(points[0].ts), q.step.start(points[len(points)-1].ts)
	}
	if q.low != nil {
		from = q.step.start(*q.low)
	}
	if q.high != nil {
		to = q.step.start(*q.high - 1)
	}
	var out [][]any
	for at := from; at <= to; at = q.step.next(at) {
		row := []any{key[0], key[1], at, nil, int64(0), nil, nil}
		sum := int32(0)
		for _, p := range points {
			if q.step.start(p.ts) != at {
				continue
			}
			row[4], row[5] = row[4].(int64)+1, p.ts
			if v, ok := p.v.(int32); ok {
				sum += v
				row[6] = int64(v)
			}
		}
		if row[5] != nil {
			row[3] = sum
		}
		out = append(out, row)
	}
	for i, r := range out {
		if r[5] == nil {
			q.fill(out, i)
		}
	}
	return out
}

// fill gives step i what it gets of its neighbours that have rows: those whose count is not 0.
func (q *question) fill(rows [][]any, i int) {
	has := func(r []any) bool { return r[4].(int64) > 0 }
	before, behind := i, i
	for before >= 0 && !has(rows[before]) {
		before--
	}
	for behind < len(rows) && !has(rows[behind]) {
		behind++
	}
	for _, c := range []int{3, 5, 6} {
		switch {
		case q.mode == "7":
			rows[i][c] = map[int]any{3: int32(7), 5: int64(7), 6: int64(7)}[c]
		case q.mode == "prev" && before >= 0:
			rows[i][c] = rows[before][c]
		case q.mode == "linear" && before >= 0 && behind < len(rows):
			rows[i][c] = line(rows[before][c], rows[behind][c], rows[i][2].(int64)-rows[before][2].(int64), rows[behind][2].(int64)-rows[before][2].(int64))
		}
	}
	if q.mode == "linear" && before >= 0 && behind < len(rows) { // the cast is of a line between ints
		rows[i][6] = line(rows[before][6], rows[behind][6], rows[i][2].(int64)-rows[before][2].(int64), rows[behind][2].(int64)-rows[before][2].(int64))
	}
}

// line is the nearest integer on the way from a to b, halves up.
func line(a, b any, part, whole int64) any {
	number := func(v any) (*big.Rat, bool) {
		switch v := v.(type) {
		case int32:
			return new(big.Rat).SetInt64(int64(v)), true
		case int64:
			return new(big.Rat).SetInt64(v), true
		}
		return nil, false
	}
	x, ok := number(a)
	y, both := number(b)
	if !ok || !both {
		return nil
	}
	at := new(big.Rat).Sub(y, x)
	at.Mul(at, big.NewRat(part, whole)).Add(at, x).Add(at, big.NewRat(1, 2))
	v := new(big.Int).Div(at.Num(), at.Denom()).Int64()
	if _, narrow := a.(int32); narrow {
		return int32(v)
	}
	return v
}

func drawQuestion(t *rapid.T, steps []stepper) *question {
	q := &question{step: rapid.SampledFrom(steps).Draw(t, "step"), mode: rapid.SampledFrom([]string{"null", "prev", "linear", "7"}).Draw(t, "mode")}
	bound := func(name string, low, high int64) *int64 {
		if !rapid.Bool().Draw(t, name) {
			return nil
		}
		at := q.step.base + rapid.Int64Range(low, high).Draw(t, name)*q.step.unit + rapid.SampledFrom([]int64{0, 1, -1}).Draw(t, name)
		return &at
	}
	q.low, q.high = bound("low", -5, 20), bound("high", 10, 70)
	q.one, q.reverse = rapid.Bool().Draw(t, "one"), rapid.Bool().Draw(t, "reverse")
	if rapid.Bool().Draw(t, "one sensor") {
		q.sensor = rapid.Int32Range(1, 2).Draw(t, "sensor")
	}
	q.descending = rapid.Bool().Draw(t, "descending")
	if rapid.Bool().Draw(t, "limited") {
		q.limit, q.most = rapid.IntRange(0, 12).Draw(t, "limit"), rapid.IntRange(0, 9).Draw(t, "most")
	}
	return q
}

func drawPoints(t *rapid.T, step stepper) []point {
	var out []point
	seen := map[point]bool{}
	for range rapid.IntRange(0, 25).Draw(t, "points") {
		p := point{k: rapid.Int32Range(1, 3).Draw(t, "k"), c: rapid.Int32Range(1, 2).Draw(t, "c"), ts: step.base + rapid.Int64Range(-3, 60).Draw(t, "ts")*step.unit}
		if seen[p] {
			continue
		}
		seen[p] = true
		if rapid.IntRange(0, 4).Draw(t, "null") > 0 {
			p.v = rapid.Int32Range(-9, 99).Draw(t, "v")
		}
		out = append(out, p)
	}
	return out
}

// What FILL answers is what going through all steps answers, in both directions, whatever the pages and batches.
func TestFillEqualsGoingThroughAllSteps(t *testing.T) {
	steps := []stepper{
		fixedStep("floor(ts, 10m)", 10*minute), fixedStep("floor(ts, 1h)", 60*minute), fixedStep("time_bucket(ts, 30m)", 30*minute),
		calendarStep("floor(ts, 1mo)", 9*24*60*minute, time.UTC, 1, 0),
	}
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		at, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []stepper{
			calendarStep("time_bucket(ts, 1d, '"+zone+"')", 5*60*minute, at, 0, 1),
			calendarStep("time_bucket(ts, 1mo, '"+zone+"')", 10*24*60*minute, at, 1, 0),
		} {
			for _, day := range []string{"2026-03-01T10:00:00Z", "2026-03-25T00:00:00Z", "2026-10-20T00:00:00Z"} { // clocks change
				base, err := time.Parse(time.RFC3339, day)
				if err != nil {
					t.Fatal(err)
				}
				s.base = base.UnixMilli()
				steps = append(steps, s)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) { checkFill(t, steps) })
}

// checkFill asks one question, by pages and batches of any size.
func checkFill(t *rapid.T, steps []stepper) {
	q := drawQuestion(t, steps)
	table := series(q.descending)
	points := drawPoints(t, q.step)
	read := plan(t, table, q.text())
	want := q.answer(points)
	rows, count, err := pages(sourceOf(table, points, rapid.IntRange(1, 9).Draw(t, "batch")), read, rapid.IntRange(0, 6).Draw(t, "page"), rapid.SampledFrom([]int{0, 1, 90}).Draw(t, "bytes"))
	if err != nil {
		t.Fatalf("%s: %v", q.text(), err)
	}
	if count != len(want) || !bytes.Equal(rows, encodeRows(want)) {
		t.Fatalf("%s\n%d rows, want %d:\n%v\n got %x\nwant %x", q.text(), count, len(want), want, rows, encodeRows(want))
	}
}

// A page that begins in a gap goes on with it although the group before, or all of its series, has gone meanwhile.
func TestFillGoesOnWithoutTheGroupBefore(t *testing.T) {
	table := series(false)
	read := plan(t, table, "SELECT c, floor(ts, 10m), count(*) FROM t WHERE k = 1 GROUP BY k, c, floor(ts, 10m) FILL(prev)")
	points := []point{{k: 1, c: 1, ts: 0}, {k: 1, c: 1, ts: 40 * minute}, {k: 1, c: 2, ts: 10 * minute}, {k: 1, c: 2, ts: 20 * minute}}
	first, err := Run(sourceOf(table, points, 4), read, Options{NowSec: nowSec, PageSize: 2})
	if err != nil || first.State == nil {
		t.Fatal(err)
	}
	rowsOf := func(points []point) []byte {
		page, err := Run(sourceOf(table, points, 4), read, Options{NowSec: nowSec, State: first.State})
		if err != nil {
			t.Fatal(err)
		}
		return page.Rows
	}
	second := [][]any{{int32(2), int64(10 * minute), int64(1)}, {int32(2), int64(20 * minute), int64(1)}}
	want := append([][]any{{int32(1), int64(20 * minute), int64(0)}, {int32(1), int64(30 * minute), int64(0)}, {int32(1), int64(40 * minute), int64(1)}}, second...)
	if got := rowsOf(points); !bytes.Equal(got, encodeRows(want)) {
		t.Errorf("nothing changed: %x, want %x", got, encodeRows(want))
	}
	if got := rowsOf(points[1:]); !bytes.Equal(got, encodeRows(want)) {
		t.Errorf("the group before is gone: %x, want %x", got, encodeRows(want))
	}
	if got := rowsOf(points[2:]); !bytes.Equal(got, encodeRows(second)) {
		t.Errorf("the series is gone: %x, want %x", got, encodeRows(second))
	}
	elsewhere := []point{{k: 2, c: 1, ts: 0}}
	if got := rowsOf(elsewhere); len(got) != 0 {
		t.Errorf("the partition is gone: %x", got)
	}
}

// A paging state of FILL that no page gave leads to an answer or to an InvalidError.
func FuzzFillState(f *testing.F) {
	table := series(false)
	src := sourceOf(table, []point{{k: 1, c: 1, ts: 0}, {k: 1, c: 1, ts: 50 * minute}, {k: 2, c: 1, ts: 20 * minute}}, 2)
	read := plan(f, table, "SELECT c, floor(ts, 10m), count(*) FROM t WHERE k IN (1, 3) AND c = 1 AND ts >= 0 AND ts < 9600000 GROUP BY k, c, floor(ts, 10m) FILL(prev)")
	for size := 1; size < 20; size += 3 {
		page, err := Run(src, read, Options{NowSec: nowSec, PageSize: size})
		if err != nil || page.State == nil {
			f.Fatal(err)
		}
		f.Add(page.State)
		f.Add(page.State[:len(page.State)-1])
		f.Add(append(page.State[:len(page.State)-1:len(page.State)-1], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		if state == nil {
			return
		}
		_, err := Run(src, read, Options{NowSec: nowSec, State: state})
		var invalid *planner.InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatalf("state %x: %v", state, err)
		}
	})
}
