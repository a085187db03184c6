package database

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/mutation"
)

// steered lets a test do something at the two moments of a step of a build that matter.
type steered struct {
	buildStore
	read  func() // the View is pinned, and what happens now is not in it
	apply func() // everything is read, and not yet written
}

func (s *steered) View() jobs.BuildView {
	v := s.buildStore.View()
	if s.read != nil {
		s.read()
	}
	return v
}

func (s *steered) Apply(moment uint64, id mutation.TableID, rows []mutation.Mutation, p jobs.Progress) (bool, error) {
	if s.apply != nil {
		s.apply()
	}
	return s.buildStore.Apply(moment, id, rows, p)
}

// steer replaces the builder of a world by one that takes so many rows a step and does what the test says.
func (w *world) steer(rowsMax int, read, apply func()) {
	w.t.Helper()
	w.db.builds.Close()
	var err error
	if w.db.builds, err = jobs.StartBuilds(&steered{buildStore{w.db}, read, apply}, w.clock, rowsMax); err != nil {
		w.t.Fatal(err)
	}
}

// building are the copies that are not live.
func (w *world) building() []string {
	var out []string
	for _, b := range (buildStore{w.db}).Builds() {
		out = append(out, b.Copy.Name)
	}
	return out
}

// built waits until no copy is being built.
func (w *world) built() {
	w.t.Helper()
	for _, b := range (buildStore{w.db}).Builds() {
		if err := w.db.builds.Await(b.Copy.ID, func() bool { return !slices.Contains(w.building(), b.Copy.Name) }); err != nil {
			w.t.Fatal(err)
		}
	}
}

// load is t((k), c) with so many partitions of so many rows, and a query table byv that is not there yet.
func load(w *world, partitions, rows int) {
	w.run("CREATE TABLE t (k int, c int, v int, x text, PRIMARY KEY (k, c))")
	for k := range partitions {
		for c := range rows {
			w.run(fmt.Sprintf("INSERT INTO t (k, c, v, x) VALUES (%d, %d, %d, 'x%d') USING TIMESTAMP %d", k, c, (k+c)%5, c, 100*k+c+1))
		}
	}
}

const byv = "CREATE QUERY TABLE byv ON t (x) PRIMARY KEY ((v), k, c)"

// equal checks that byv is what t says.
func (w *world) equal() {
	w.t.Helper()
	want := slices.DeleteFunc(w.sorted("SELECT v, k, c, x, writetime(x), ttl(x) FROM t"), func(line string) bool { return strings.HasPrefix(line, "null") })
	if got := w.sorted("SELECT v, k, c, x, writetime(x), ttl(x) FROM byv"); !slices.Equal(got, want) {
		w.t.Errorf("the copy has\n\t%s\nits base says\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestACopyIsBuiltOfRowsThatWereThere: of memtables, files, deletions and statics.
func TestACopyIsBuiltOfRowsThatWereThere(t *testing.T) {
	for _, rowsMax := range []int{1, 3, 0} {
		w := newWorld(t)
		load(w, 7, 6)
		w.run("DELETE FROM t WHERE k = 1 AND c > 2", "DELETE FROM t WHERE k = 2", "DELETE v FROM t WHERE k = 3 AND c = 0", "UPDATE t SET x = 'new' WHERE k = 4 AND c = 4")
		if err := w.store.FlushAll(); err != nil {
			t.Fatal(err)
		}
		w.run("INSERT INTO t (k, c, v, x) VALUES (2, 9, 1, 'late')", "UPDATE t SET x = 'newer' WHERE k = 4 AND c = 5")
		w.steer(rowsMax, nil, nil)
		w.run(byv)
		w.built()
		w.equal()
		if n := len(w.rows("SELECT * FROM byv")); n == 0 {
			t.Error("the copy is empty")
		}
		w.expect("SELECT kind, state, rows_written FROM system_views.query_tables WHERE keyspace_name = 'ks'", fmt.Sprintf("query table live %d", len(w.rows("SELECT * FROM byv"))))
	}
}

// TestACopyOfAnEmptyTableIsLiveAtOnce: nothing has to be waited for.
func TestACopyOfAnEmptyTableIsLiveAtOnce(t *testing.T) {
	w := newWorld(t)
	load(w, 0, 0)
	w.run(byv)
	if got := w.building(); got != nil {
		t.Errorf("building %v", got)
	}
}

// TestWritersWinOverABuild: whatever is written between the reading of a step and its record stays, whether the row was built or not.
func TestWritersWinOverABuild(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for range 20 {
		w := newWorld(t)
		load(w, 4, 5)
		write := func() {
			for range rng.IntN(4) {
				w.run(anyWrite(rng, 5, 6))
			}
			switch rng.IntN(8) {
			case 0:
				if err := w.store.FlushAll(); err != nil {
					t.Error(err)
				}
			case 1:
				if id := w.db.Schema().Table("ks", "byv").ID; true {
					if err := w.store.FlushAll(); err != nil {
						t.Error(err)
					}
					if err := w.store.Compact(id); err != nil {
						t.Error(err)
					}
				}
			}
		}
		w.steer(1+rng.IntN(6), write, write)
		w.run(byv)
		w.built()
		w.equal()
		w.run("INSERT INTO t (k, c, v, x) VALUES (0, 0, 1, 'after')")
		w.equal()
		if t.Failed() {
			return
		}
	}
}

// TestWhatHidesABuiltRowIsKept: the build brings a version that is older than a deletion, or than a version that has ended. Neither
// may be forgotten before, whatever is compacted.
func TestWhatHidesABuiltRowIsKept(t *testing.T) {
	for _, write := range []string{"DELETE FROM t WHERE k = 0 AND c = 0", "UPDATE t SET v = 9 WHERE k = 0 AND c = 0", "DELETE FROM t WHERE k = 0", "INSERT INTO t (k, c, v, x) VALUES (0, 0, 0, 'ends') USING TTL 2"} {
		w := newWorld(t)
		load(w, 1, 2)
		compact := func() {
			if err := errors.Join(w.store.FlushAll(), w.store.Compact(w.db.Schema().Table("ks", "byv").ID)); err != nil {
				t.Error(err)
			}
		}
		first := true
		w.steer(1, nil, func() {
			if !first {
				return
			}
			first = false
			w.run(write)
			compact()
			w.clock.Advance(10 * time.Second)
			compact()
		})
		w.run(byv)
		w.built()
		w.equal()
		compact()
		w.equal()
		files, err := w.store.FileStatistics(w.db.Schema().Table("ks", "byv").ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Info.HasTombstones() {
				t.Errorf("%s: deletions are kept when the copy is live", write)
			}
		}
	}
}

// anyWrite is a statement on t: rows appear, move, end and go.
func anyWrite(rng *rand.Rand, partitions, rows int) string {
	k, c, v := rng.IntN(partitions), rng.IntN(rows), rng.IntN(4)
	switch rng.IntN(9) {
	case 0:
		return fmt.Sprintf("DELETE FROM t WHERE k = %d AND c = %d", k, c)
	case 1:
		return fmt.Sprintf("DELETE FROM t WHERE k = %d AND c >= %d", k, c)
	case 2:
		return fmt.Sprintf("DELETE FROM t WHERE k = %d", k)
	case 3:
		return fmt.Sprintf("DELETE v FROM t WHERE k = %d AND c = %d", k, c)
	case 4:
		return fmt.Sprintf("UPDATE t USING TTL %d SET v = %d WHERE k = %d AND c = %d", 1000+v, v, k, c)
	case 5:
		return fmt.Sprintf("UPDATE t SET v = %d WHERE k = %d AND c = %d", v, k, c)
	case 6:
		return fmt.Sprintf("BEGIN BATCH UPDATE t SET v = %d WHERE k = %d AND c = %d; UPDATE t SET v = %d WHERE k = %d AND c = %d; APPLY BATCH", v, k, c, v+1, k, c+1)
	case 7:
		return fmt.Sprintf("UPDATE t SET x = 'u%d' WHERE k = %d AND c = %d", v, k, c)
	}
	return fmt.Sprintf("INSERT INTO t (k, c, v, x) VALUES (%d, %d, %d, 'i%d')", k, c, v, v)
}

// TestTruncateDuringABuildLeavesAnEmptyCopy: what a step had read goes nowhere.
func TestTruncateDuringABuildLeavesAnEmptyCopy(t *testing.T) {
	for _, read := range []bool{false, true} {
		w := newWorld(t)
		load(w, 3, 4)
		n := 0
		truncate := func() {
			if n++; n == 2 {
				w.run("TRUNCATE t")
			}
		}
		if read {
			w.steer(5, truncate, nil)
		} else {
			w.steer(5, nil, truncate)
		}
		w.run(byv)
		w.built()
		w.expect("SELECT * FROM byv")
		w.run("INSERT INTO t (k, c, v, x) VALUES (0, 0, 1, 'after')")
		w.equal()
	}
}

// TestDropDuringABuild: the builder goes on with others, and forgets how far it was.
func TestDropDuringABuild(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 4)
	n := 0
	w.steer(5, nil, func() {
		if n++; n == 2 {
			w.run("DROP QUERY TABLE gone")
		}
	})
	w.run("CREATE QUERY TABLE gone ON t (x) PRIMARY KEY ((v), k, c)", byv)
	w.built()
	w.equal()
	w.run("INSERT INTO t (k, c, v, x) VALUES (0, 0, 1, 'after')", byvAgain)
	w.built()
	left := 0
	if err := (buildStore{w.db}).Progress(func(mutation.TableID, jobs.Progress) { left++ }); err != nil || left != 2 {
		t.Errorf("the progress of %d builds is kept: %v", left, err)
	}
}

const byvAgain = "CREATE QUERY TABLE again ON t (x) PRIMARY KEY ((v), k, c)"

// TestABuildGoesOnAfterARestart: it does not begin again, and reads what it said it would.
func TestABuildGoesOnAfterARestart(t *testing.T) {
	w := newWorld(t)
	load(w, 5, 6)
	n := 0
	reached := make(chan struct{})
	var once sync.Once
	w.steer(4, nil, func() {
		if n++; n > 3 {
			once.Do(func() { close(reached) })
		}
	})
	w.run(byv)
	<-reached
	w.reopen()
	w.built()
	w.equal()
	w.expect("SELECT rows_written FROM system_views.query_tables WHERE keyspace_name = 'ks'", "30")
}

// TestReadingACopyThatIsBuiltWarns: it says how far the build is, and that no more when it is live.
func TestReadingACopyThatIsBuiltWarns(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 4)
	var warnings []string
	w.steer(5, nil, func() {
		r, err := w.try("SELECT * FROM byv")
		if err != nil {
			t.Error(err)
			return
		}
		warnings = append(warnings, r.Warnings...)
	})
	w.run(byv)
	w.built()
	if len(warnings) < 2 || !strings.HasPrefix(warnings[0], "query table ks.byv is being built: it has the rows of about 0 %") {
		t.Errorf("warnings %q", warnings)
	}
	if r, err := w.try("SELECT * FROM byv"); err != nil || len(r.Warnings) > 0 {
		t.Errorf("warnings of a live copy: %v %q", err, r.Warnings)
	}
}

// TestRebuild: it returns when the copy is what its base says, whatever it was.
func TestRebuild(t *testing.T) {
	w := newWorld(t)
	load(w, 3, 4)
	w.run(byv)
	w.built()
	w.steer(2, nil, func() { w.run("UPDATE t SET v = 3 WHERE k = 1 AND c = 1") })
	id := w.db.Schema().Table("ks", "byv").ID
	w.run("REBUILD QUERY TABLE byv")
	w.equal()
	if w.db.Schema().Table("ks", "byv").ID == id {
		t.Error("the copy was not built again")
	}
	w.refused("REBUILD QUERY TABLE t", "ks.t is not a query table, view or index")
	w.refused("REBUILD QUERY TABLE nope", "query table ks.nope does not exist")
}

// TestAlteringWhenRowsEndBuildsAgain: rows that had ended come back, others end earlier than they did.
func TestAlteringWhenRowsEndBuildsAgain(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))")
	w.run("CREATE QUERY TABLE q ON t (v) PRIMARY KEY ((ts), k) WITH retention = {'duration': '1h', 'by': 'ts'}")
	for i := range 5 {
		w.run(fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (%d, %d, 7)", i, 1_000_000_000_000+i*3_600_000))
	}
	w.clock.Advance(150 * time.Minute)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"ALTER QUERY TABLE q WITH comment = 'the same'", []string{"2", "3", "4"}},
		{"ALTER QUERY TABLE q WITH retention = {'duration': '2h', 'by': 'ts'}", []string{"1", "2", "3", "4"}},
		{"ALTER QUERY TABLE q WITH retention = {'duration': '1m', 'by': 'ts'}", []string{"3", "4"}},
		{"ALTER QUERY TABLE q WITH default_time_to_live = 60", nil},
		{"ALTER QUERY TABLE q WITH default_time_to_live = 0 AND retention = {'duration': '10h', 'by': 'ts'}", []string{"0", "1", "2", "3", "4"}},
	} {
		w.run(c.text)
		w.built()
		if got := w.sorted("SELECT k FROM q"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.text, got)
		}
		w.expect("CHECK QUERY TABLE q")
	}
}

// What a build reads before a TRUNCATE is not written behind it, whenever the build looks.
func TestTruncateWhileABuildBegins(t *testing.T) {
	w := newWorld(t, "CREATE TABLE truncated (k int PRIMARY KEY, v int)")
	for run := range 60 {
		for k := range 20 {
			w.run(fmt.Sprintf("INSERT INTO truncated (k, v) VALUES (%d, 1)", k))
		}
		w.run("CREATE QUERY TABLE of_truncated ON truncated PRIMARY KEY ((v), k)", "TRUNCATE truncated")
		built := func() bool { return w.db.Schema().Table("ks", "of_truncated").Live() }
		if err := w.db.builds.Await(w.db.Schema().Table("ks", "of_truncated").ID, built); err != nil {
			t.Fatal(err)
		}
		if left := w.rows("SELECT * FROM of_truncated"); len(left) > 0 {
			t.Fatalf("run %d: %d rows of before are in the copy", run, len(left))
		}
		w.run("DROP QUERY TABLE of_truncated")
	}
}
