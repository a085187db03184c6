package database

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

func bigintValue(v int64) planner.Value { return planner.Value{Bytes: types.AppendBigint(nil, v)} }

// TestCountersAddUp: many that add to the same counters, alone and in batches of several partitions, leave the sum of all, while the
// store flushes and merges.
func TestCountersAddUp(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, s counter static, q int, c counter, PRIMARY KEY (k, q))", "CREATE TABLE total (k int PRIMARY KEY, c counter)")
	add, err := w.db.Prepare("ks", "UPDATE t SET c = c + ?, s = s + ? WHERE k = ? AND q = 0")
	if err != nil {
		t.Fatal(err)
	}
	total, err := w.db.Prepare("ks", "UPDATE total SET c = c + 1 WHERE k IN (1, 2)")
	if err != nil {
		t.Fatal(err)
	}
	const partitions, writers, each = 3, 8, 40
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range each {
				values := []planner.Value{bigintValue(2), bigintValue(-1), intValue(int32((i + n) % partitions))}
				var err error
				if n%2 == 0 {
					_, err = w.db.Execute(add, Request{Values: values})
					if err == nil {
						_, err = w.db.Execute(total, Request{})
					}
				} else {
					_, err = w.db.Batch([]BatchEntry{{total, nil}, {add, values}}, Request{Batch: cql.BatchCounter})
				}
				if err == nil && n%16 == i {
					err = w.store.FlushAll()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	const sum = writers * each
	w.expect("SELECT sum(c) FROM t", fmt.Sprint(2*sum))
	w.expect("SELECT k, c FROM total", fmt.Sprintf("1 %d", sum), fmt.Sprintf("2 %d", sum))
	w.compact("t")
	w.expect("SELECT sum(c) FROM t", fmt.Sprint(2*sum))
	w.expect("SELECT sum(s) FROM t", fmt.Sprint(-sum)) // one row each
}

// TestCountersAcrossCrashes: what was acknowledged before the power failed is there, what was not begun is not, and replay adds
// nothing, whatever the file system kept of what was not synced.
func TestCountersAcrossCrashes(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, c counter)")
	rng := rand.New(rand.NewPCG(4, 3))
	const partitions, writers, rounds = 2, 4, 6
	var begun, done [partitions]atomic.Int64
	for round := range rounds {
		st, err := w.db.Prepare("ks", "UPDATE t SET c = c + 1 WHERE k = ?")
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		enough := make(chan struct{})
		var stop atomic.Bool
		var count atomic.Int64
		for i := range writers {
			all.Go(func() {
				for n := 0; !stop.Load(); n++ {
					k := (i + n) % partitions
					begun[k].Add(1)
					if _, err := w.db.Execute(st, Request{Values: []planner.Value{intValue(int32(k))}}); err != nil {
						t.Error(err)
						return
					}
					done[k].Add(1)
					if count.Add(1) == int64(40+30*round) {
						close(enough)
					}
				}
			})
		}
		<-enough
		if round%2 == 0 {
			if err := w.store.FlushAll(); err != nil {
				t.Error(err)
			}
		}
		var least, most [partitions]int64
		for k := range partitions {
			least[k] = done[k].Load()
		}
		fs := w.fs.CrashClone(rng, rng.IntN(101))
		for k := range partitions {
			most[k] = begun[k].Load()
		}
		stop.Store(true)
		all.Wait()
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
		w.fs = fs
		w.open()
		for k := range partitions {
			got := countOf(t, w, k)
			if got < least[k] || got > most[k] {
				t.Errorf("round %d: counter %d is %d: %d were acknowledged and %d begun", round, k, got, least[k], most[k])
			}
			begun[k].Store(got)
			done[k].Store(got)
		}
	}
}

func countOf(t *testing.T, w *world, k int) int64 {
	t.Helper()
	rows := w.rows(fmt.Sprintf("SELECT c FROM t WHERE k = %d", k))
	if len(rows) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(rows[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCounterTimestamps: what the clients' clocks say neither loses an increment nor brings a deleted counter back.
func TestCounterTimestamps(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, c counter, d counter)")
	at := func(micros int64, text string) {
		t.Helper()
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.Execute(st, Request{Timestamp: &micros}); err != nil {
			t.Fatal(err)
		}
	}
	for _, micros := range []int64{1 << 50, 5, -7, 1<<63 - 1, 6, -1 << 62} {
		at(micros, "UPDATE t SET c = c + 1, d = d + 1 WHERE k = 1")
	}
	w.expect("SELECT c, d FROM t", "6 6")
	at(1, "DELETE d FROM t WHERE k = 1")
	at(1<<62, "UPDATE t SET c = c + 1, d = d + 1 WHERE k = 1")
	w.expect("SELECT c, d FROM t", "7 null")
	w.compact("t")
	w.expect("SELECT c, d FROM t", "7 null")
}

// TestCounterBatchKinds: a BATCH of the protocol obeys the rules of one in text.
func TestCounterBatchKinds(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, c counter)", "CREATE TABLE p (k int PRIMARY KEY, v int)")
	entry := func(text string) BatchEntry {
		t.Helper()
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		return BatchEntry{Statement: st}
	}
	counter, plain := entry("UPDATE t SET c = c + 1 WHERE k = 1"), entry("UPDATE p SET v = 1 WHERE k = 1")
	for _, c := range []struct {
		kind    cql.BatchKind
		entries []BatchEntry
		want    string // empty: it is carried out
	}{
		{cql.BatchCounter, []BatchEntry{counter, counter}, ""},
		{cql.BatchUnlogged, []BatchEntry{counter}, ""},
		{cql.BatchCounter, nil, ""},
		{cql.BatchLogged, []BatchEntry{counter}, "Cannot include a counter statement in a logged batch"},
		{cql.BatchCounter, []BatchEntry{counter, plain}, "Cannot include non-counter statement in a counter batch"},
		{cql.BatchCounter, []BatchEntry{plain}, "Cannot include non-counter statement in a counter batch"},
		{cql.BatchUnlogged, []BatchEntry{plain, counter}, "Counter and non-counter mutations cannot exist in the same batch"},
	} {
		_, err := w.db.Batch(c.entries, Request{Batch: c.kind})
		var invalid *planner.InvalidError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &invalid) || invalid.Message != c.want) {
			t.Errorf("kind %d, %d statements: %v, want %q", c.kind, len(c.entries), err, c.want)
		}
	}
	w.expect("SELECT c FROM t", "3")
	w.expect("SELECT v FROM p")
}

// TestEachTakesAnItem: those who take the first item of one list at the same time take different ones, by name, by batch and by IF.
func TestEachTakesAnItem(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, l list<int>)")
	const takers, each = 6, 20
	items := make([]string, takers*each)
	for i := range items {
		items[i] = strconv.Itoa(i)
	}
	w.run("UPDATE t SET l = [" + strings.Join(items, ", ") + "] WHERE k = 1")
	var texts = []string{"DELETE l[0] FROM t WHERE k = 1", "DELETE l[0] FROM t WHERE k = 1 IF EXISTS", "BEGIN BATCH DELETE l[0] FROM t WHERE k = 1; APPLY BATCH"}
	var all sync.WaitGroup
	for i := range takers {
		all.Go(func() {
			for n := range each {
				if _, err := w.try(texts[(i+n)%len(texts)]); err != nil {
					t.Error(err)
				}
				if n == i {
					if err := w.store.FlushAll(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	w.expect("SELECT l FROM t")
	w.refused("DELETE l[0] FROM t WHERE k = 1", "Attempted to delete an element from a list which is null")
}

// What a TRUNCATE took away is not counted on: it comes before or after the read and the write of an increment, never in between.
func TestCountersBeginAnewAfterTruncate(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, c counter)")
	add, err := w.db.Prepare("ks", "UPDATE t SET c = c + 1 WHERE k = 1")
	if err != nil {
		t.Fatal(err)
	}
	const each, truncates = 60, 12
	for range truncates {
		var done atomic.Int64
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range each {
					if _, err := w.db.Execute(add, Request{}); err != nil {
						t.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		for done.Load() < each/2 {
			runtime.Gosched()
		}
		before := done.Load()
		w.run("TRUNCATE t")
		all.Wait()
		row := w.rows("SELECT c FROM t WHERE k = 1")
		var left int64
		if len(row) == 1 {
			if _, err := fmt.Sscan(row[0], &left); err != nil {
				t.Fatal(err)
			}
		}
		if left > 2*each-before {
			t.Errorf("%d are left of %d increments, though %d were done before the TRUNCATE", left, 2*each, before)
		}
		w.run("TRUNCATE t")
	}
}
