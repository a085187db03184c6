package database

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// stitched is a world with a table whose answers may come from rollups.
type stitched struct {
	*world
	rng    *rand.Rand
	kind   string // of the time column: timestamp, timeuuid or date
	unit   int64  // milliseconds that times lie apart by, about
	wide   bool   // there is a second clustering column
	states bool   // rollups hold all that there is
	steps  []string
	past   int64 // writes are of so many units before now
	twin   bool  // table twin has the same rows for ever
	ragged bool  // in spite of it, ranges cut windows
	served int   // pages that a rollup had a part in
	parts  int   // of them, that a rollup with group columns had
}

// newStitched makes a table with rows of the last 48 units before now, of which some windows are final.
func newStitched(t *testing.T, seed uint64) *stitched {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &stitched{world: newWorld(t), rng: rng, kind: [...]string{"timestamp", "timestamp", "timeuuid", "date"}[seed%4], unit: 3_600_000, past: 48}
	order, rest, key := [...]string{"ASC", "DESC"}[rng.IntN(2)], "", "ts"
	w.steps = []string{"floor(ts, 1h)", "floor(ts, 2h)", "floor(ts, 6h)", "floor(ts, 1d)", "floor(ts, 1mo)", "floor(ts, 1h30m)", "floor(ts, 30m)",
		"time_bucket(ts, 3h)", "time_bucket(ts, 1d, 'Europe/Berlin')", "time_bucket(ts, 2h, '2001-01-01T01:00:00Z')", "floor(ts, 3h, '2001-01-01T02:00:00Z')"}
	levels := [][2]string{{"floor(ts, 1h)", "m"}, {"floor(ts, 6h)", "r0"}, {"floor(ts, 15m)", "m"}, {"time_bucket(ts, 1h, 'Europe/Berlin')", "m"}}
	if w.kind == "date" {
		w.unit = 86_400_000
		w.steps = []string{"floor(ts, 1d)", "floor(ts, 2d)", "floor(ts, 6d)", "floor(ts, 1mo)", "time_bucket(ts, 2d, '2001-01-02')"}
		levels = [][2]string{{"floor(ts, 1d)", "m"}, {"floor(ts, 6d)", "r0"}, {"floor(ts, 1mo)", "r0"}}
	}
	if w.wide = w.kind != "timestamp" || rng.IntN(3) == 0; w.wide {
		key, rest = "ts, c", ", c "+[...]string{"ASC", "DESC"}[rng.IntN(2)]
	}
	create := "CREATE TABLE m (d int, ts " + w.kind + ", c int, v double, n int, f float, b bigint, s text static, PRIMARY KEY (d, " + key + ")) WITH CLUSTERING ORDER BY (ts " + order + rest + ")"
	if rng.IntN(2) == 0 {
		create += " AND time_bucket = {'column': 'ts', 'size': '1d'}"
	}
	if w.states = w.kind != "timestamp" || rng.IntN(2) == 0; !w.states {
		w.run(create + " AND rollups = {'1h': 'forever', '1d': 'forever'}")
		return w
	}
	w.run(create)
	for i, level := range levels {
		if i > 0 && rng.IntN(3) == 0 {
			continue
		}
		w.run(fmt.Sprintf("CREATE ROLLUP r%d ON %s AS SELECT d, %s AS ts, count(*) AS rows, count(n) AS cn, count(f) AS cf, sum(n) AS sn, sum(v) AS sv, sum(b) AS sb, min(v) AS nv, max(f) AS xf, "+
			"max(n) AS xn, first(v) AS fv, last(n) AS ln, min(b) AS nb, first(b) AS fb, last(f) AS lf, avg(v) AS av, avg(n) AS an, avg(b) AS ab, stddev(n) AS dn, percentile(n, 0.9) AS pn, distinct(n) AS un GROUP BY d, %s%s",
			i, level[1], level[0], level[0], [...]string{"", "", " WITH retention = {'duration': '" + map[bool]string{true: "40d", false: "1d"}[w.kind == "date"] + "'}"}[rng.IntN(3)]))
	}
	if w.wide && rng.IntN(2) == 0 { // its rows are of parts of groups
		w.run(fmt.Sprintf("CREATE ROLLUP parts ON m AS SELECT d, %s AS ts, c, count(*), count(n), sum(n), avg(v), min(b), max(n), max(f), stddev(n), percentile(n, 0.5), distinct(n) GROUP BY d, %s, c", w.steps[1], w.steps[1]))
	}
	w.settle()
	return w
}

// time is one of few times within the last 48 units, often the edge of one.
func (w *stitched) time() int64 {
	now := w.clock.Now().UnixMilli()
	return (now/w.unit-w.rng.Int64N(w.past))*w.unit + [...]int64{0, 1, w.unit - 1, w.unit / 2, w.rng.Int64N(w.unit)}[w.rng.IntN(5)]
}

// at is a time as a literal.
func (w *stitched) at(ms int64) string {
	switch w.kind {
	case "timeuuid":
		b := types.MinTimeUUID(ms)
		if w.rng.IntN(3) == 0 {
			b = types.MaxTimeUUID(ms)
		}
		return string(types.UUID.AppendText(nil, b, types.TextOptions{}))
	case "date":
		return time.UnixMilli(ms).UTC().Format("'2006-01-02'")
	}
	return fmt.Sprint(ms)
}

// where names one row.
func (w *stitched) where(ms int64, c int) string {
	if w.wide {
		return fmt.Sprintf("ts = %s AND c = %d", w.at(ms), c)
	}
	return "ts = " + w.at(ms)
}

// key is a random clustering.
func (w *stitched) key() (columns, values string) {
	if w.wide {
		return "ts, c", fmt.Sprintf("%s, %d", w.at(w.time()), w.rng.IntN(3))
	}
	return "ts", w.at(w.time())
}

// change writes, deletes, or moves what is final.
func (w *stitched) change() {
	d := w.rng.IntN(3)
	switch w.rng.IntN(14) {
	case 0:
		w.write(fmt.Sprintf("DELETE FROM %%s WHERE d = %d AND %s", d, w.where(w.time(), w.rng.IntN(3))))
	case 1:
		from := w.time()
		w.write(fmt.Sprintf("DELETE FROM %%s WHERE d = %d AND ts >= %s AND ts < %s", d, w.at(from), w.at(from+w.rng.Int64N(3*w.unit))))
	case 2:
		w.write(fmt.Sprintf("INSERT INTO %%s (d, s) VALUES (%d, 'x')", w.rng.IntN(5)))
	case 3:
		w.write(fmt.Sprintf("DELETE n, f FROM %%s WHERE d = %d AND %s", d, w.where(w.time(), w.rng.IntN(3))))
	case 4:
		w.settle()
	case 5:
		w.clock.Advance(time.Duration(w.rng.Int64N(w.unit)) * time.Millisecond)
	case 6:
		if err := w.store.Flush(w.db.Schema().Table("ks", "m").ID); err != nil {
			w.t.Fatal(err)
		}
	default:
		for range 1 + w.rng.IntN(8) {
			value := w.rng.IntN(100)
			columns, values := w.key()
			w.write([...]string{
				fmt.Sprintf("INSERT INTO %%s (d, %s, v, n, f, b) VALUES (%d, %s, %d.5, %d, %d.25, %d)", columns, d, values, value, 2_000_000_000-value, value, value),
				fmt.Sprintf("INSERT INTO %%s (d, %s, n) VALUES (%d, %s, %d)", columns, d, values, value),
				fmt.Sprintf("INSERT INTO %%s (d, %s) VALUES (%d, %s)", columns, d, values),
			}[w.rng.IntN(3)])
		}
	}
	w.clock.Advance(time.Millisecond)
}

// write changes a row, in the twin too. Here an INSERT may end.
func (w *stitched) write(text string) {
	w.t.Helper()
	if !w.twin {
		w.run(fmt.Sprintf(text, "m"))
		return
	}
	w.run(fmt.Sprintf(text, "twin"))
	text = fmt.Sprintf(text, "m")
	if strings.Contains(text, "ts") && strings.HasPrefix(text, "INSERT") && w.rng.IntN(3) == 0 {
		text += fmt.Sprintf(" USING TTL %d", 1+w.rng.IntN(20_000))
	}
	w.run(text)
}

// edge is an end of a range. Where an answer is compared with that of the twin it lies between windows.
func (w *stitched) edge() int64 {
	if !w.twin || w.ragged {
		return w.time()
	}
	now := w.clock.Now().UnixMilli()
	return (now/w.unit - w.rng.Int64N(48)) * w.unit
}

func (w *stitched) lower() []string {
	if w.twin && !w.ragged {
		return []string{">="}
	}
	return []string{">", ">="}
}

func (w *stitched) upper() []string {
	if w.twin && !w.ragged {
		return []string{"<"}
	}
	return []string{"<", "<="}
}

// query is a random SELECT that a rollup may serve.
func (w *stitched) query() string {
	pick := func(of ...string) string { return of[w.rng.IntN(len(of))] }
	step := pick(w.steps...)
	selectors := []string{"d", step}
	if w.rng.IntN(4) == 0 {
		selectors = []string{"s", "d", step, "count(n)"}
	}
	functions := []string{"count(n)", "sum(n)", "min(v)", "max(f)", "first(v)", "last(n)", "min(b)", "sum(b)", "count(f)", "first(b)", "last(f)"}
	if w.twin {
		functions = append(functions, "count(*)", "sum(v)", "avg(v)", "avg(n)", "stddev(n)", "median(n)")
	} else if w.states {
		functions = append(functions, "count(*)", "sum(v)", "avg(v)", "avg(n)", "avg(b)", "stddev(n)", "percentile(n, 0.25)", "median(n)", "distinct(n)")
	}
	for _, f := range functions {
		if w.rng.IntN(3) == 0 {
			selectors = append(selectors, f)
		}
	}
	if len(selectors) == 2 {
		selectors = append(selectors, "max(n)")
	}
	var where []string
	order, named := "", true
	switch w.rng.IntN(5) {
	case 0:
		named = false
	case 1:
		where = append(where, "d IN (0, 1, 4)")
	case 2:
		where, named = append(where, "token(d) >= token(1)"), false
	default:
		where = append(where, fmt.Sprintf("d = %d", w.rng.IntN(4)))
		order = pick("", " ORDER BY ts ASC", " ORDER BY ts DESC")
	}
	bounded := w.rng.IntN(3) > 0
	if bounded || w.rng.IntN(2) == 0 {
		where = append(where, fmt.Sprintf("ts %s %s", pick(w.lower()...), w.at(w.edge())))
	}
	if bounded || w.rng.IntN(2) == 0 {
		where = append(where, fmt.Sprintf("ts %s %s", pick(w.upper()...), w.at(w.edge())))
	}
	text := "SELECT " + strings.Join(selectors, ", ") + " FROM m"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	text += " GROUP BY d, " + step
	if w.rng.IntN(3) == 0 && step != "floor(ts, 1mo)" {
		text += pick(" FILL(null)", " FILL(prev)", " FILL(linear)", " FILL(0)")
	}
	text += order
	for _, limit := range []string{" PER PARTITION LIMIT", " LIMIT"} {
		if w.rng.IntN(4) == 0 {
			text += fmt.Sprintf("%s %d", limit, 1+w.rng.IntN(8))
		}
	}
	if !named && strings.Contains(text, " ts ") {
		text += " ALLOW FILTERING"
	}
	return text
}

// pages reads an answer page by page; between is called after each.
func (w *stitched) pages(text string, pageSize int, between func()) []string {
	w.t.Helper()
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	var out []string
	for state := []byte(nil); ; {
		r, err := w.db.Execute(st, Request{PageSize: pageSize, PagingState: state})
		if err != nil {
			if _, ok := err.(*planner.InvalidError); ok {
				return []string{err.Error()}
			}
			w.t.Fatalf("%s: %v", text, err)
		}
		if slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.HasPrefix(s, "rollup ks.") }) {
			w.served++
		}
		if slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.HasPrefix(s, "rollup ks.parts ") }) {
			w.parts++
		}
		out = append(out, hexRows(r)...)
		if state = r.PagingState; state == nil {
			return out
		}
		between()
	}
}

// hexRows are the rows of an answer, cells in hex, null as −.
func hexRows(r *Result) []string {
	rest := r.Rows.Rows
	var out []string
	for range r.Rows.RowCount {
		var line []string
		for range r.Rows.Columns {
			length := int32(binary.BigEndian.Uint32(rest))
			if rest = rest[4:]; length < 0 {
				line = append(line, "-")
				continue
			}
			line = append(line, hex.EncodeToString(rest[:length]))
			rest = rest[length:]
		}
		out = append(out, strings.Join(line, " "))
	}
	return out
}

// check compares an answer with that of raw rows.
func (w *stitched) check(text string) {
	w.t.Helper()
	want := w.pages(text+" USING RESOLUTION 'raw'", 0, func() {})
	if got := w.pages(text, 0, func() {}); !slices.Equal(got, want) {
		w.t.Fatalf("%s\n got %q\nwant %q", text, got, want)
	}
	named := text + " USING RESOLUTION '" + [...]string{"auto", "15m", "1h", "6h", "1d"}[w.rng.IntN(5)] + "'"
	if _, err := w.try(named); err == nil { // else no such rollup serves it
		if got := w.pages(named, 2, func() {}); !slices.Equal(got, want) {
			w.t.Fatalf("%s\n got %q\nwant %q", named, got, want)
		}
	}
	between := func() { // final windows come and go between pages; rows stay
		switch w.rng.IntN(4) {
		case 0:
			w.settle()
		case 1: // a mark without a change
			w.run(fmt.Sprintf("DELETE FROM m WHERE d = %d AND %s", w.rng.IntN(3), w.where(w.time()/w.unit*w.unit+7, 99)))
		}
	}
	for _, size := range []int{1 + w.rng.IntN(3), 10} {
		if got := w.pages(text, size, between); !slices.Equal(got, want) {
			w.t.Fatalf("%s by pages of %d\n got %q\nwant %q", text, size, got, want)
		}
	}
}

// TestStitchedAnswersEqualRawOnes: whatever is final, open or dirty, an answer of groups by steps of time is that of raw
// rows, where none has expired (R41).
func TestStitchedAnswersEqualRawOnes(t *testing.T) {
	runs := uint64(6)
	if os.Getenv("ESKER_SOAK") != "" {
		runs = 200
	}
	served, parts, asked := 0, 0, 0
	for seed := range runs {
		w := newStitched(t, seed)
		for range 12 {
			for range 1 + w.rng.IntN(12) {
				w.change()
			}
			for range 10 {
				asked++
				w.check(w.query())
			}
		}
		served, parts = served+w.served, parts+w.parts
	}
	t.Logf("%d of 200 worlds, %d queries, a rollup served %d pages, one with group columns %d", runs, asked, served, parts)
	if served == 0 || parts == 0 {
		t.Error("no rollup served anything")
	}
}

// TestAnswersOutliveTheirRows: what rollups have been made of stays in the answers of the base table after its rows have ended by
// TTL and retention and were removed, and so does what has ended in windows that are not computed yet (R40, R41).
func TestAnswersOutliveTheirRows(t *testing.T) {
	runs := uint64(4)
	if os.Getenv("ESKER_SOAK") != "" {
		runs = 100
	}
	compared, cuts := 0, 0
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := &stitched{world: newWorld(t), rng: rng, kind: "timestamp", unit: 3_600_000, past: 3, twin: true, states: true}
		w.steps = []string{"floor(ts, 1h)", "floor(ts, 2h)", "floor(ts, 6h)", "floor(ts, 1d)"}
		order := " WITH CLUSTERING ORDER BY (ts " + [...]string{"ASC", "DESC"}[rng.IntN(2)] + ")"
		columns := " (d int, ts timestamp, v double, n int, f float, b bigint, s text static, PRIMARY KEY (d, ts))" + order
		w.run("CREATE TABLE twin"+columns, "CREATE TABLE m"+columns+" AND retention = {'duration': '6h', 'by': 'ts'} AND rollups = {'1h': 'forever', '1d': 'forever'}"+
			[...]string{"", " AND time_bucket = {'column': 'ts', 'size': '1h'}"}[rng.IntN(2)]+" AND gc_grace_seconds = 0")
		for range 40 {
			for range 1 + w.rng.IntN(12) {
				w.change()
			}
			if rng.IntN(2) == 0 {
				if err := w.store.Compact(w.db.Schema().Table("ks", "m").ID); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				text := w.query()
				st, err := w.db.Prepare("ks", text)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := w.db.bind(st, &Request{})
				if err != nil {
					t.Fatal(err)
				}
				if plan.(*planner.Read).Levels == nil {
					continue
				}
				compared++
				want := w.pages(strings.Replace(text, " FROM m", " FROM twin", 1), 0, func() {})
				if got := w.pages(text, 1+rng.IntN(4), func() {}); !slices.Equal(got, want) {
					t.Fatalf("seed %d: %s\n got %q\nwant %q", seed, text, got, want)
				}
			}
		}
		cuts += w.compareCuts(30)
		if left := len(w.rows("SELECT ts FROM m")); left >= len(w.rows("SELECT ts FROM twin")) {
			t.Errorf("no row of %d has ended", left)
		}
	}
	t.Logf("%d of 100 worlds, %d answers compared, %d that cut windows", runs, compared, cuts)
	if cuts == 0 {
		t.Error("no answer was compared with what it was before rows were removed")
	}
}

// compareCuts checks that answers of ranges that cut windows do not change when the rows that have ended leave the disk.
func (w *stitched) compareCuts(queries int) (compared int) {
	w.t.Helper()
	for range 40 {
		w.change()
	}
	w.clock.Advance(time.Duration(20+w.rng.IntN(16)) * time.Hour) // rows end that no compaction has seen since, and days are sealed
	w.settle()                                                    // now nothing is sealed before the clock goes on
	w.ragged, w.past = true, 48
	defer func() { w.ragged, w.past = false, 3 }()
	var texts []string
	var want [][]string
	for range queries {
		text := w.query()
		texts, want = append(texts, text), append(want, w.pages(text, 0, func() {}))
	}
	before := w.onDisk("m")
	w.compact("m")
	if w.onDisk("m") == before {
		return 0
	}
	for i, text := range texts {
		if got := w.pages(text, 0, func() {}); !slices.Equal(got, want[i]) {
			w.t.Fatalf("%s\n got %q\nwant %q", text, got, want[i])
		}
	}
	return queries
}

// TestPagesOutliveARollup: a paging state is a place in the base table, also where a rollup served the page: the next one may be
// served by raw rows, or the other way round, in both directions and with FILL.
func TestPagesOutliveARollup(t *testing.T) {
	const rollup = "CREATE ROLLUP r ON m AS SELECT d, floor(ts, 1h) AS hour, count(*), sum(n) GROUP BY d, floor(ts, 1h)"
	for _, key := range []string{"PRIMARY KEY (d, ts)", "PRIMARY KEY (d, ts, c)"} {
		for _, end := range []string{" ORDER BY ts ASC", " ORDER BY ts DESC", " FILL(prev) ORDER BY ts ASC", " FILL(linear) ORDER BY ts DESC"} {
			w := &stitched{world: newWorld(t, "CREATE TABLE m (d int, ts timestamp, c int, n int, "+key+")", rollup)}
			now := w.clock.Now().UnixMilli()
			for i := range int64(40) {
				w.run(fmt.Sprintf("INSERT INTO m (d, ts, c, n) VALUES (1, %d, 7, %d)", now-3_600_000*(i/2*2)-i, i))
			}
			text := "SELECT d, floor(ts, 2h), count(*), sum(n) FROM m WHERE d = 1 AND ts >= " + fmt.Sprint(now-86_400_000) + " GROUP BY d, floor(ts, 2h)" + end
			want := w.pages(text, 0, func() {})
			w.settle()
			w.served = 0
			there := true
			got := w.pages(text, 2, func() {
				if there = !there; there {
					w.run(rollup)
					w.settle()
				} else {
					w.run("DROP ROLLUP r")
				}
			})
			if !slices.Equal(got, want) {
				t.Errorf("%s %s\n got %q\nwant %q", key, end, got, want)
			}
			if w.served == 0 {
				t.Errorf("%s %s: no rollup served a page", key, end)
			}
		}
	}
}
