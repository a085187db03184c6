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

	"github.com/eskerdb/esker/planner"
)

// stitched is a world with a table whose answers may come from rollups.
type stitched struct {
	*world
	rng    *rand.Rand
	desc   bool
	served int // answers that a rollup had a part in
}

const stitchHour = int64(3_600_000)

// newStitched makes a table with rows of the last days before now, of which some windows are final.
func newStitched(t *testing.T, seed uint64) *stitched {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &stitched{world: newWorld(t), rng: rng, desc: rng.IntN(2) == 0}
	order := "ASC"
	if w.desc {
		order = "DESC"
	}
	bucket := ""
	if rng.IntN(2) == 0 {
		bucket = " AND time_bucket = {'column': 'ts', 'size': '1d'}"
	}
	w.run(
		"CREATE TABLE m (d int, ts timestamp, v double, n int, f float, b bigint, s text static, PRIMARY KEY (d, ts)) WITH CLUSTERING ORDER BY (ts "+order+") AND rollups = {'1h': 'forever'}"+bucket,
	)
	return w
}

// time is one of few times within the last two days, often the edge of a window.
func (w *stitched) time() int64 {
	now := w.clock.Now().UnixMilli()
	hour := now/stitchHour - w.rng.Int64N(48)
	return hour*stitchHour + [...]int64{0, 1, stitchHour - 1, stitchHour / 2, w.rng.Int64N(stitchHour)}[w.rng.IntN(5)]
}

// change writes, deletes, or moves what is final.
func (w *stitched) change() {
	d := w.rng.IntN(3)
	switch w.rng.IntN(14) {
	case 0:
		w.run(fmt.Sprintf("DELETE FROM m WHERE d = %d AND ts = %d", d, w.time()))
	case 1:
		from := w.time()
		w.run(fmt.Sprintf("DELETE FROM m WHERE d = %d AND ts >= %d AND ts < %d", d, from, from+w.rng.Int64N(3*stitchHour)))
	case 2:
		w.run(fmt.Sprintf("INSERT INTO m (d, s) VALUES (%d, 'x')", w.rng.IntN(5)))
	case 3:
		w.run(fmt.Sprintf("DELETE n, f FROM m WHERE d = %d AND ts = %d", d, w.time()))
	case 4:
		w.settle()
	case 5:
		w.clock.Advance(time.Duration(w.rng.Int64N(stitchHour)) * time.Millisecond)
	case 6:
		if err := w.store.Flush(w.db.Schema().Table("ks", "m").ID); err != nil {
			w.t.Fatal(err)
		}
	default:
		for range 1 + w.rng.IntN(8) {
			value := w.rng.IntN(100)
			w.run([...]string{
				fmt.Sprintf("INSERT INTO m (d, ts, v, n, f, b) VALUES (%d, %d, %d.5, %d, %d.25, %d)", d, w.time(), value, 2_000_000_000-value, value, value),
				fmt.Sprintf("INSERT INTO m (d, ts, n) VALUES (%d, %d, %d)", d, w.time(), value),
				fmt.Sprintf("INSERT INTO m (d, ts) VALUES (%d, %d)", d, w.time()),
			}[w.rng.IntN(3)])
		}
	}
	w.clock.Advance(time.Millisecond)
}

// query is a random SELECT that a rollup may serve.
func (w *stitched) query() string {
	pick := func(of ...string) string { return of[w.rng.IntN(len(of))] }
	step := pick("floor(ts, 1h)", "floor(ts, 2h)", "floor(ts, 6h)", "floor(ts, 1d)", "floor(ts, 1mo)", "floor(ts, 1h30m)", "floor(ts, 30m)",
		"time_bucket(ts, 3h)", "time_bucket(ts, 1d, 'Europe/Berlin')", "time_bucket(ts, 2h, '2001-01-01T01:00:00Z')", "floor(ts, 3h, '2001-01-01T02:00:00Z')")
	selectors := []string{"d", step}
	for _, f := range []string{"count(*)", "count(n)", "sum(n)", "min(v)", "max(f)", "first(v)", "last(n)", "min(b)", "sum(b)", "count(f)", "first(b)", "last(f)"} {
		if w.rng.IntN(2) == 0 && f != "count(*)" {
			selectors = append(selectors, f)
		}
	}
	if len(selectors) == 2 {
		selectors = append(selectors, "max(n)")
	}
	var where []string
	order, one := "", false // one partition is asked for, or several by their keys
	switch w.rng.IntN(5) {
	case 0:
	case 1:
		one = true
		where = append(where, "d IN (0, 1, 4)")
	case 2:
		where = append(where, "token(d) >= token(1)")
	default:
		one = true
		where = append(where, fmt.Sprintf("d = %d", w.rng.IntN(4)))
		order = pick("", " ORDER BY ts ASC", " ORDER BY ts DESC")
	}
	bounded := w.rng.IntN(3) > 0
	if bounded || w.rng.IntN(2) == 0 {
		where = append(where, fmt.Sprintf("ts %s %d", pick(">", ">="), w.time()))
	}
	if bounded || w.rng.IntN(2) == 0 {
		where = append(where, fmt.Sprintf("ts %s %d", pick("<", "<="), w.time()))
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
	if w.rng.IntN(4) == 0 {
		text += fmt.Sprintf(" PER PARTITION LIMIT %d", 1+w.rng.IntN(5))
	}
	if w.rng.IntN(4) == 0 {
		text += fmt.Sprintf(" LIMIT %d", 1+w.rng.IntN(8))
	}
	if !one && strings.Contains(text, " ts ") {
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
	between := func() { // final windows come and go between pages; rows stay
		switch w.rng.IntN(4) {
		case 0:
			w.settle()
		case 1: // a mark without a change
			w.run(fmt.Sprintf("DELETE FROM m WHERE d = %d AND ts = %d", w.rng.IntN(3), w.clock.Now().UnixMilli()-w.rng.Int64N(48)*stitchHour-7))
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
	served, asked := 0, 0
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
		served += w.served
	}
	t.Logf("%d of 200 worlds, %d queries, a rollup served %d pages", runs, asked, served)
	if served == 0 {
		t.Error("no rollup served anything")
	}
}
