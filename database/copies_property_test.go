package database

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// copiedTables are a base table with every kind of copy.
var copiedTables = []string{
	`CREATE TABLE t (k int, c timestamp, s text static, g int static, a int, tags frozen<set<text>>, v int, PRIMARY KEY (k, c))
		WITH CLUSTERING ORDER BY (c DESC) AND gc_grace_seconds = 0`,
	"CREATE QUERY TABLE plain ON t (v) PRIMARY KEY ((a), k, c)",
	"CREATE QUERY TABLE by_static ON t * PRIMARY KEY ((s), c, k)",
	"CREATE QUERY TABLE by_tag ON t (v, g) PRIMARY KEY ((UNNEST(tags)), k, c)",
	"CREATE QUERY TABLE filtered ON t (s, a) WHERE v >= 2 AND g IN (0, 1) AND tags IS NOT NULL PRIMARY KEY ((k), c)",
	"CREATE QUERY TABLE by_hour ON t (v) PRIMARY KEY ((k, time_bucket(c, 1h) AS hour), a, c)",
	"CREATE QUERY TABLE short ON t (v) PRIMARY KEY ((k), a, c) WITH default_time_to_live = 100",
	"CREATE QUERY TABLE recent ON t (v, s) PRIMARY KEY ((k), c) WITH retention = {'duration': '2h', 'by': 'c'}",
	"CREATE MATERIALIZED VIEW viewed AS SELECT k, c, a, v FROM t WHERE k > 0 AND c IS NOT NULL AND a IS NOT NULL PRIMARY KEY (a, c, k)",
}

// copiedRow is a row of the base, or of a copy: literals by column.
type copiedRow map[string]string

// literals are the rows of a SELECT.
func (w *world) literals(text string) ([]copiedRow, error) {
	r, err := w.try(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	var out []copiedRow
	rest := r.Rows.Rows
	for range r.Rows.RowCount {
		row := copiedRow{}
		for _, c := range r.Rows.Columns {
			length := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			if row[c.Name] = "null"; length >= 0 {
				row[c.Name] = string(c.Type.AppendLiteral(nil, rest[:length]))
				rest = rest[length:]
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// timeLiteral is a timestamp as literals show it.
func timeLiteral(ms int64) string {
	return string(types.Timestamp.AppendLiteral(nil, types.AppendTimestampMillis(nil, ms)))
}

// timesOfRows are the clustering times of the histories by their literals.
var timesOfRows = func() map[string]int64 {
	out := map[string]int64{}
	for _, ms := range rowTimes {
		out[timeLiteral(ms)] = ms
	}
	return out
}()

var rowTimes = []int64{1_000_000_000_000 - 7_100_000, 1_000_000_000_000 - 1000, 1_000_000_000_000, 1_000_003_600_000}

// projections say of each copy, by a base row at a moment, which rows it has: the naive meaning of its definition.
var projections = map[string]struct {
	columns string // of the SELECT on the copy
	rows    func(r copiedRow, nowSec int64) []copiedRow
}{
	"plain": {"a, k, c, v, writetime(v), ttl(v)", when(func(r copiedRow, _ int64) bool { return r["a"] != "null" })},
	"by_static": {"s, c, k, g, a, tags, v, writetime(g), ttl(g), writetime(tags)", when(func(r copiedRow, _ int64) bool {
		return r["s"] != "null" && r["s"] != "''" // which is no partition key
	})},
	"by_tag": {"tags_element, k, c, v, g, writetime(g), ttl(v)", func(r copiedRow, _ int64) []copiedRow {
		var out []copiedRow
		for _, tag := range []string{"'x'", "'y'", "'z'"} {
			if strings.Contains(r["tags"], tag) {
				out = append(out, with(r, "tags_element", tag))
			}
		}
		return out
	}},
	"filtered": {"k, c, s, a, writetime(s), ttl(a)", when(func(r copiedRow, _ int64) bool {
		return (r["v"] == "2" || r["v"] == "3") && (r["g"] == "0" || r["g"] == "1") && r["tags"] != "null"
	})},
	"by_hour": {"k, hour, a, c, v", func(r copiedRow, _ int64) []copiedRow {
		if r["a"] == "null" {
			return nil
		}
		ms := timesOfRows[r["c"]]
		return []copiedRow{with(r, "hour", timeLiteral(ms-ms%3_600_000))}
	}},
	"recent": {"k, c, v, s, ttl(s)", when(func(r copiedRow, nowSec int64) bool { return nowSec*1000 < timesOfRows[r["c"]]+7_200_000 })},
	"viewed": {"a, c, k, v, writetime(v)", when(func(r copiedRow, _ int64) bool { return r["a"] != "null" && r["k"] == "1" })},
}

func when(holds func(r copiedRow, nowSec int64) bool) func(copiedRow, int64) []copiedRow {
	return func(r copiedRow, nowSec int64) []copiedRow {
		if !holds(r, nowSec) {
			return nil
		}
		return []copiedRow{r}
	}
}

func with(r copiedRow, column, value string) copiedRow {
	out := copiedRow{column: value}
	for name, v := range r {
		out[name] = v
	}
	return out
}

// lines shows the named columns of rows, in one order.
func lines(rows []copiedRow, columns string) []string {
	var out []string
	for _, r := range rows {
		var line []string
		for _, c := range strings.Split(columns, ", ") {
			line = append(line, r[c])
		}
		out = append(out, strings.Join(line, " | "))
	}
	slices.Sort(out)
	return out
}

// copiesDiffer says where a copy is not the projection of its base; "" if each is.
func (w *world) copiesDiffer() (string, error) {
	base, err := w.literals("SELECT k, c, s, g, a, tags, v, writetime(s), ttl(s), writetime(g), ttl(g), writetime(a), ttl(a), writetime(tags), writetime(v), ttl(v) FROM t")
	if err != nil {
		return "", err
	}
	base = slices.DeleteFunc(base, func(r copiedRow) bool { return r["c"] == "null" }) // statics alone
	now := w.clock.Now().Unix()
	for name, p := range projections {
		var want []copiedRow
		for _, r := range base {
			want = append(want, p.rows(r, now)...)
		}
		got, err := w.literals("SELECT " + p.columns + " FROM " + name)
		if err != nil {
			return "", err
		}
		if got, want := lines(got, p.columns), lines(want, p.columns); !slices.Equal(got, want) {
			return fmt.Sprintf("%s at %d\n\t%s\nits base says\n\t%s", name, now, strings.Join(got, "\n\t"), strings.Join(want, "\n\t")), nil
		}
	}
	return w.shortDiffers(base, now)
}

// shortDiffers is copiesDiffer of the copy with a TTL of its own. The end of a row marker is not to be seen, so a row
// that has no cell young enough may be there, while one that has must be.
func (w *world) shortDiffers(base []copiedRow, now int64) (string, error) {
	rows, err := w.literals("SELECT k, a, c, v FROM short")
	if err != nil {
		return "", err
	}
	got := lines(rows, "k, a, c, v")
	var may, must []copiedRow
	for _, r := range base {
		if r["a"] == "null" {
			continue
		}
		may = append(may, r)
		for _, written := range []string{"writetime(a)", "writetime(v)", "writetime(tags)"} {
			var micros int64
			if _, err := fmt.Sscan(r[written], &micros); err == nil && now < micros/1_000_000+100 {
				must = append(must, r)
				break
			}
		}
	}
	for _, line := range lines(must, "k, a, c, v") {
		if !slices.Contains(got, line) {
			return fmt.Sprintf("short at %d has no %s", now, line), nil
		}
	}
	allowed := lines(may, "k, a, c, v")
	for _, line := range got {
		if !slices.Contains(allowed, line) {
			return fmt.Sprintf("short at %d has %s", now, line), nil
		}
	}
	return "", nil
}

// drawValue draws a literal for a column.
func drawValue(r *rapid.T, column string) string {
	switch {
	case rapid.IntRange(0, 4).Draw(r, "null") == 0:
		return "null"
	case column == "s":
		return rapid.SampledFrom([]string{"'p'", "'q'", "''"}).Draw(r, "s")
	case column == "tags":
		return rapid.SampledFrom([]string{"{'x'}", "{'x', 'y'}", "{'y', 'z'}", "{}"}).Draw(r, "tags")
	}
	return fmt.Sprint(rapid.IntRange(0, 3).Draw(r, column))
}

// drawUsing draws a USING clause, without TTL for deletions.
func drawUsing(r *rapid.T, expiring bool) string {
	var parts []string
	if rapid.IntRange(0, 3).Draw(r, "timestamp") == 0 {
		parts = append(parts, fmt.Sprintf("TIMESTAMP %d", 1_000_000_000_000_000+rapid.Int64Range(-3, 3).Draw(r, "at")*50_000_000))
	}
	if expiring && rapid.IntRange(0, 2).Draw(r, "expires") == 0 {
		parts = append(parts, fmt.Sprintf("TTL %d", rapid.SampledFrom([]int{5, 60, 300}).Draw(r, "ttl")))
	}
	if len(parts) == 0 {
		return ""
	}
	return " USING " + strings.Join(parts, " AND ")
}

// drawColumns draws some of the columns.
func drawColumns(r *rapid.T, of ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID[string]).Draw(r, "columns")
}

// drawSets draws the assignments of an UPDATE.
func drawSets(r *rapid.T, of ...string) string {
	var sets []string
	for _, n := range drawColumns(r, of...) {
		sets = append(sets, n+" = "+drawValue(r, n))
	}
	return strings.Join(sets, ", ")
}

// drawWrite draws one statement.
func drawWrite(r *rapid.T) string {
	k := rapid.IntRange(0, 1).Draw(r, "k")
	c := timeLiteral(rapid.SampledFrom(rowTimes).Draw(r, "c"))
	switch rapid.IntRange(0, 12).Draw(r, "kind") {
	case 0, 1, 2, 3:
		names, values := []string{"k", "c"}, []string{fmt.Sprint(k), c}
		for _, n := range drawColumns(r, "a", "tags", "v", "s", "g") {
			names, values = append(names, n), append(values, drawValue(r, n))
		}
		return fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)%s", strings.Join(names, ", "), strings.Join(values, ", "), drawUsing(r, true))
	case 4, 5, 6:
		return fmt.Sprintf("UPDATE t%s SET %s WHERE k = %d AND c = %s", drawUsing(r, true), drawSets(r, "a", "tags", "v"), k, c)
	case 7:
		return fmt.Sprintf("UPDATE t%s SET %s WHERE k IN (0, %d)", drawUsing(r, true), drawSets(r, "s", "g"), k)
	case 8:
		return fmt.Sprintf("DELETE %s FROM t%s WHERE k = %d AND c = %s", strings.Join(drawColumns(r, "a", "tags", "v"), ", "), drawUsing(r, false), k, c)
	case 9:
		return fmt.Sprintf("DELETE FROM t%s WHERE k = %d AND c = %s", drawUsing(r, false), k, c)
	case 10:
		return fmt.Sprintf("DELETE FROM t%s WHERE k = %d AND c %s %s", drawUsing(r, false), k, rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(r, "op"), c)
	case 11:
		return fmt.Sprintf("DELETE %s FROM t%s WHERE k = %d", strings.Join(drawColumns(r, "s", "g"), ", "), drawUsing(r, false), k)
	}
	return fmt.Sprintf("DELETE FROM t%s WHERE k IN (%d, 1)", drawUsing(r, false), k)
}

// copyNames are the copies of copiedTables.
var copyNames = []string{"plain", "by_static", "by_tag", "filtered", "by_hour", "short", "recent", "viewed"}

// weathers are what happens to a store between statements.
var weathers = []string{"flush", "compact", "reopen", "crash", "advance", "rebuild", "check"}

func (w *world) weather(what string, r *rapid.T) {
	switch what {
	case "flush":
		must(w, w.store.FlushAll())
	case "compact":
		for _, t := range w.db.Schema().Keyspaces["ks"].Tables {
			must(w, w.store.Compact(t.ID))
		}
	case "reopen":
		w.reopen()
	case "crash":
		w.crash(rand.New(rand.NewPCG(1, rapid.Uint64().Draw(r, "crash"))))
	case "rebuild":
		w.run("REBUILD QUERY TABLE " + rapid.SampledFrom(copyNames).Draw(r, "copy"))
	case "check":
		if rows := w.rows("CHECK QUERY TABLE " + rapid.SampledFrom(copyNames).Draw(r, "copy")); len(rows) > 0 {
			r.Fatalf("CHECK finds %q", rows)
		}
	case "advance":
		w.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 30, 61, 250, 4000}).Draw(r, "seconds")) * time.Second)
	}
}

func must(w *world, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestCopiesOfEveryKind: after every statement of a random history every copy is the projection of its base,
// also after what happens to a store, and while time passes (R39).
func TestCopiesOfEveryKind(t *testing.T) {
	steps := 12
	if os.Getenv("ESKER_SOAK") != "" {
		steps = 60
	}
	rapid.Check(t, func(r *rapid.T) {
		w := &world{t: t, fs: vfs.NewMem(), clock: clock.NewManual(time.UnixMilli(1_000_000_000_000)), quiet: true}
		w.open()
		defer func() { must(w, w.db.Close()) }()
		w.run(createKeyspace)
		w.run(copiedTables...)
		for range rapid.IntRange(1, steps).Draw(r, "steps") {
			var done string
			switch what := rapid.IntRange(0, 9).Draw(r, "step"); {
			case what < 2:
				done = rapid.SampledFrom(weathers).Draw(r, "weather")
				w.weather(done, r)
			default:
				done = drawWrite(r)
				if what == 9 {
					done = "BEGIN BATCH " + done + "; " + drawWrite(r) + "; " + drawWrite(r) + "; APPLY BATCH"
				}
				if _, err := w.try(done); err != nil && !strings.Contains(err.Error(), "Timestamp must be set") {
					r.Fatalf("%s: %v", done, err)
				}
			}
			switch what, err := w.copiesDiffer(); {
			case err != nil:
				r.Fatal(err)
			case what != "":
				r.Fatalf("after %s: %s", done, what)
			}
		}
	})
}
