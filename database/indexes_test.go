package database

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// twins are two tables that get the same writes; the first has indexes.
type twins struct {
	*world
	rng       *rand.Rand
	timestamp int64
	indexed   map[string]int // SELECTs by how they were served
}

const twinColumns = " (a int, b int, c int, d int, v int, site text, w int, dec decimal, s int STATIC, tags frozen<set<int>>, m frozen<map<int, int>>, l frozen<list<decimal>>, " +
	"PRIMARY KEY ((a, b), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)"

var twinIndexes = []string{"(v)", "(w) USING 'sai'", "(site) USING 'sai'", "(a)", "(b)", "(c) USING 'sai'", "(d)", "(s)", "(dec)", "(values(tags))", "(values(m))", "(keys(m))",
	"(entries(m))", "(full(m))", "(values(l))", "(full(tags)) USING 'sai'"}

// value is a literal of a column, from few so that they meet.
func (w *twins) value(column string) string {
	n := w.rng.IntN(3)
	switch column {
	case "site":
		return []string{"'x'", "''", "'y'"}[n]
	case "tags":
		return []string{"{1, 2}", "{2}", "{}"}[n]
	case "m":
		return []string{"{1: 1, 2: 1}", "{1: 2}", "{2: 2, 1: 2}"}[n]
	case "l":
		return []string{"[1, 2, 1.0]", "[2.00]", "[]"}[n]
	case "dec":
		return []string{"1.0", "1.00", "-3E+1"}[n]
	}
	return fmt.Sprint(n)
}

// where is a key: of the partition, and of a row or a part of it.
func (w *twins) where(columns ...string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c + " = " + w.value(c)
	}
	return strings.Join(out, " AND ")
}

// write is a random statement, with TABLE where the table's name goes.
func (w *twins) write() string {
	w.timestamp += int64(w.rng.IntN(2)) // equal ones happen
	using := fmt.Sprintf(" USING TIMESTAMP %d", w.timestamp)
	if w.rng.IntN(4) == 0 {
		using += fmt.Sprintf(" AND TTL %d", 1+w.rng.IntN(3))
	}
	regular := []string{"v", "site", "w", "dec", "tags", "m", "l"}
	column := regular[w.rng.IntN(len(regular))]
	deleted := fmt.Sprintf(" FROM TABLE USING TIMESTAMP %d WHERE ", w.timestamp)
	switch w.rng.IntN(13) {
	case 0, 1, 2, 3:
		names, values := []string{"a", "b", "c", "d"}, []string{}
		for _, c := range regular {
			if w.rng.IntN(2) == 0 {
				names = append(names, c)
			}
		}
		for _, c := range names {
			values = append(values, w.value(c))
		}
		return "INSERT INTO TABLE (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")" + using
	case 4, 5, 6:
		return "UPDATE TABLE" + using + " SET " + column + " = " + w.value(column) + " WHERE " + w.where("a", "b", "c", "d")
	case 7, 8:
		return "UPDATE TABLE" + using + " SET s = " + w.value("s") + " WHERE " + w.where("a", "b")
	case 9:
		return "DELETE " + column + deleted + w.where("a", "b", "c", "d")
	case 10:
		return "DELETE" + deleted + w.where("a", "b", "c", "d")
	case 11:
		return "DELETE" + deleted + w.where("a", "b") + " AND c >= " + w.value("c")
	}
	return []string{"DELETE" + deleted + w.where("a", "b"), "DELETE s" + deleted + w.where("a", "b"), "DELETE" + deleted + w.where("a", "b", "c")}[w.rng.IntN(3)]
}

// query is a random SELECT.
func (w *twins) query() string {
	conditions := []string{
		"v = " + w.value("v"), "w = " + w.value("w"), "site = " + w.value("site"), "a = " + w.value("a"), "b = " + w.value("b"), "c = " + w.value("c"), "d = " + w.value("d"),
		"s = " + w.value("s"), "tags CONTAINS 2", "m CONTAINS 1", "m CONTAINS KEY 2", "m[1] = 2", "m = " + w.value("m"), "l CONTAINS 1.00", "l CONTAINS 2", "dec = " + w.value("dec"), "dec = 1", "tags = " + w.value("tags"),
		w.where("a", "b"), w.where("a", "b") + " AND c > 0", "w > 0", "token(a, b) > 0", "token(a, b) <= token(1, 1)", "v IN (0, 1)", "c >= 1", "c < 2", "site > 'x'",
		w.where("a", "b", "c") + " AND d <= 1", "a IN (0, 2) AND b = 1",
	}
	var where []string
	for range 1 + w.rng.IntN(3) {
		where = append(where, conditions[w.rng.IntN(len(conditions))])
	}
	what := []string{"*", "a, b, c, d, v, w", "a, b, c, d, writetime(w), ttl(w)", "count(*), max(w)", "DISTINCT a, b, s", "v, site", "a, c, tags, m, l", "a, b, token(a, b)"}[w.rng.IntN(8)]
	out := "SELECT " + what + " FROM TABLE WHERE " + strings.Join(where, " AND ")
	switch w.rng.IntN(8) {
	case 0:
		out = strings.Replace(out, what, "a, b, count(*)", 1) + " GROUP BY a, b"
	case 1:
		out += " PER PARTITION LIMIT 1"
	case 2:
		out += " LIMIT 2"
	case 3:
		out += " ORDER BY c ASC"
	}
	return out + " ALLOW FILTERING"
}

// pages are all rows of an answer, serialized, a page after the other.
func (w *twins) pages(text string, size int) (rows []byte, count int, err error) {
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		return nil, 0, err
	}
	w.note(st)
	var state []byte
	for {
		r, err := w.db.Execute(st, Request{PageSize: size, PagingState: state})
		if err != nil {
			return nil, 0, err
		}
		rows, count = append(rows, r.Rows.Rows...), count+r.Rows.RowCount
		if state = r.PagingState; state == nil {
			return rows, count, nil
		}
	}
}

// note counts how a SELECT is served.
func (w *twins) note(st *Statement) {
	plan, err := st.Plan.Bind(nil, planner.Context{})
	if err != nil {
		return
	}
	switch read := plan.(*planner.Read); {
	case read.Table.Kind == schema.Index:
		w.indexed["directly"]++
	case read.Through != nil:
		w.indexed["through"]++
	default:
		w.indexed["base"]++
	}
}

// compare asks both tables.
func (w *twins) compare() {
	w.t.Helper()
	text := w.query()
	size := []int{0, 1, 3}[w.rng.IntN(3)]
	if strings.Contains(text, "ORDER BY") {
		size = 0 // several partitions are sorted as a whole
	}
	want, n, wantErr := w.pages(strings.ReplaceAll(text, "TABLE", "plain"), 0)
	got, m, err := w.pages(strings.ReplaceAll(text, "TABLE", "t"), size)
	if (err != nil) != (wantErr != nil) || n != m || !bytes.Equal(got, want) {
		w.t.Fatalf("%s\nin pages of %d has %d rows (%v)\nwithout indexes %d rows (%v)\n%x\n%x", text, size, m, err, n, wantErr, got, want)
	}
}

func (w *twins) weather() {
	w.t.Helper()
	var err error
	switch w.rng.IntN(13) {
	case 0:
		err = w.store.FlushAll()
	case 1:
		for _, t := range w.db.Schema().Keyspaces["ks"].SortedTables() {
			if err = w.store.Compact(t.ID); err != nil {
				break
			}
		}
	case 2:
		w.reopen()
	case 3:
		w.clock.Advance(time.Second)
	case 4:
		on := twinIndexes[w.rng.IntN(len(twinIndexes))]
		w.run("CREATE INDEX IF NOT EXISTS ON t " + on)
		if w.rng.IntN(2) == 0 {
			w.built() // else it is used once it is
		}
	case 5:
		w.crash(w.rng)
	case 6:
		if indexes := w.db.Schema().IndexesOf(w.db.Schema().Table("ks", "t")); len(indexes) > 8 {
			w.run("DROP INDEX " + `"` + indexes[w.rng.IntN(len(indexes))].Copy.Index.Name + `"`)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestIndexesAnswerAsTheirTable: a SELECT by way of an index gives the rows, in the order, that filtering gives.
func TestIndexesAnswerAsTheirTable(t *testing.T) {
	programs, steps := 4, 150
	if os.Getenv("ESKER_SOAK") != "" {
		programs, steps = 300, 400
	}
	served := map[string]int{}
	for seed := range programs {
		w := &twins{world: newWorld(t, "CREATE TABLE t"+twinColumns, "CREATE TABLE plain"+twinColumns), rng: rand.New(rand.NewPCG(uint64(seed), 5)), timestamp: 1, indexed: served}
		for _, on := range twinIndexes {
			if w.rng.IntN(3) > 0 {
				w.run("CREATE INDEX ON t " + on)
			}
		}
		for range steps {
			text := w.write()
			w.run(strings.ReplaceAll(text, "TABLE", "t"), strings.ReplaceAll(text, "TABLE", "plain"))
			w.weather()
			for range 4 {
				w.compare()
			}
		}
	}
	t.Logf("%d programs of %d steps: SELECTs were served by %v", programs, steps, served)
	for _, how := range []string{"directly", "through", "base"} {
		if served[how] == 0 {
			t.Errorf("no SELECT was served by %s", how)
		}
	}
}

// TestAnIndexIsUsedOnceItIsBuilt: until then a SELECT that needs it is refused.
func TestAnIndexIsUsedOnceItIsBuilt(t *testing.T) {
	w := newWorld(t)
	load(w, 4, 4)
	hold, held := make(chan struct{}), make(chan struct{}, 100)
	w.steer(3, func() { held <- struct{}{}; <-hold }, nil)
	w.run("CREATE INDEX ON t (v)")
	<-held
	w.refused("SELECT * FROM t WHERE v = 1", "The secondary index 't_v_idx' is not yet available as it is building")
	want := w.rows("SELECT * FROM t WHERE v = 1 ALLOW FILTERING")
	close(hold)
	w.built()
	w.expect("SELECT * FROM t WHERE v = 1", want...)
	w.expect("SELECT kind, table_name, state FROM system_views.query_tables WHERE keyspace_name = 'ks'", "index t.t_v_idx live")
	if len(want) != 3 {
		t.Errorf("the table has %q", want)
	}
}

// An index is told as a change of its table, as Cassandra does.
func TestIndexesAreToldAsChangesOfTheirTable(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int, x int)")
	var heard []Change
	stop := w.db.Listen(func(c Change) { heard = append(heard, c) })
	defer stop()
	w.run("CREATE INDEX ON t (v)", "CREATE INDEX IF NOT EXISTS ON t (v)", "CREATE INDEX i ON t (x)", "DROP INDEX i", "DROP INDEX IF EXISTS i", "DROP TABLE t")
	updated := Change{"UPDATED", "TABLE", "ks", "t"}
	if want := []Change{updated, updated, updated, {"DROPPED", "TABLE", "ks", "t"}}; !slices.Equal(heard, want) {
		t.Errorf("heard %v", heard)
	}
}

// A value that is too long for a key is refused where it is indexed, and found nowhere.
func TestIndexedValuesHaveALimit(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v text)", "CREATE INDEX ON t (v)")
	long := strings.Repeat("x", 70_000)
	w.refused("INSERT INTO t (k, v) VALUES (1, '"+long+"')", "index ks.t_v_idx of v: partition key: Key length of 70007 is longer than maximum of 65535")
	w.refused("SELECT * FROM t WHERE v = '"+long+"'", "longer than maximum of 65535")
	w.expect("SELECT k FROM t")
}

// Rows may have lived by a dropped column alone: an index of the key, which cannot tell, is built again.
func TestIndexesFollowDroppedColumns(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, c int, v int, x int, PRIMARY KEY (k, c))", "CREATE INDEX ON t (c)", "CREATE INDEX ON t (v)",
		"UPDATE t SET x = 1 WHERE k = 1 AND c = 1", "UPDATE t SET v = 1 WHERE k = 2 AND c = 1", "INSERT INTO t (k, c, x) VALUES (3, 1, 1)")
	id := func(index string) [16]byte { return w.db.Schema().Table("ks", "t."+index).ID }
	ofKey, ofValue := id("t_c_idx"), id("t_v_idx")
	w.run("ALTER TABLE t DROP x")
	w.built()
	if err := w.store.FlushAll(); err != nil { // the cells of x are gone
		t.Fatal(err)
	}
	if id("t_c_idx") == ofKey || id("t_v_idx") != ofValue {
		t.Error("the index of the key is the old one, or that of a regular column is new")
	}
	w.expect("SELECT k FROM t", "2", "3")
	w.expect("SELECT k FROM t WHERE c = 1", "2", "3")
	w.expect("SELECT k FROM t WHERE v = 1", "2")
	w.run("ALTER TABLE t ADD x int", "UPDATE t SET x = 2 WHERE k = 4 AND c = 1")
	w.expect("SELECT k, x FROM t WHERE c = 1", w.rows("SELECT k, x FROM t")...)
	w.expect("SELECT x FROM t WHERE c = 1 AND k = 4", "2")
	w.expect("CHECK QUERY TABLE t_c_idx")
	w.expect("CHECK QUERY TABLE t_v_idx")
}

// A page goes on in the table that it began in: what another one says of its place means nothing there.
func TestPagesEndWithTheirIndex(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k text PRIMARY KEY, v text)", "CREATE INDEX ON t (v)")
	for k := range 5 {
		w.run(fmt.Sprintf("INSERT INTO t (k, v) VALUES ('%d', 'x')", k))
	}
	page := func(state []byte) (*Result, error) {
		st, err := w.db.Prepare("ks", "SELECT k FROM t WHERE v = 'x' ALLOW FILTERING")
		if err != nil {
			t.Fatal(err)
		}
		return w.db.Execute(st, Request{PageSize: 2, PagingState: state})
	}
	first, err := page(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := page(first.PagingState); err != nil {
		t.Errorf("the second page: %v", err)
	}
	w.run("DROP INDEX t_v_idx")
	if _, err := page(first.PagingState); err == nil || !strings.Contains(err.Error(), "Invalid value for the paging state") {
		t.Errorf("the second page without its index: %v", err)
	}
}
