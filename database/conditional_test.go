package database

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// applied reports whether a write with IF took place; else it gives the row that it tells.
func applied(t testing.TB, r *Result) (bool, []byte) {
	t.Helper()
	if r.Kind != ResultRows || r.Rows.RowCount == 0 || r.Rows.Columns[0].Name != "[applied]" || len(r.Rows.Rows) < 5 {
		t.Fatalf("%+v", r)
	}
	return r.Rows.Rows[4] == 1, r.Rows.Rows[5:]
}

// increment adds one to v by IF alone, as often as it takes; it counts those that were refused.
func (w *world) increment(st *Statement, k int32, refused *atomic.Int64) error {
	for last := int32(0); ; {
		r, err := w.db.Execute(st, Request{Values: []planner.Value{intValue(last + 1), intValue(k), intValue(last)}})
		if err != nil {
			return err
		}
		ok, row := applied(w.t, r)
		if ok {
			return nil
		}
		refused.Add(1)
		last = int32(binary.BigEndian.Uint32(row[4:]))
	}
}

func intValue(v int32) planner.Value { return planner.Value{Bytes: types.AppendInt(nil, v)} }

// TestNoIncrementIsLost: many that read and write by IF leave as many increments as they were told of, while the store flushes, in the
// base and in a copy by the value.
func TestNoIncrementIsLost(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)",
		"CREATE MATERIALIZED VIEW by_v AS SELECT k, v FROM t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)")
	const partitions, writers, each = 3, 8, 40
	for k := range partitions {
		w.run(fmt.Sprintf("INSERT INTO t (k, v) VALUES (%d, 0) IF NOT EXISTS", k))
	}
	st, err := w.db.Prepare("ks", "UPDATE t SET v = ? WHERE k = ? IF v = ?")
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int64
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range each {
				if err := w.increment(st, int32((i+n)%partitions), &refused); err != nil {
					t.Error(err)
				}
				if n%16 == i {
					if err := w.store.FlushAll(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	w.expect("SELECT sum(v) FROM t", fmt.Sprint(writers*each))
	w.expect("CHECK QUERY TABLE by_v")
	w.expect("SELECT sum(v) FROM by_v", fmt.Sprint(writers*each))
	if refused.Load() == 0 {
		t.Log("nobody came in another's way")
	}
}

// TestConditionsSeeWhatShows: what has expired or is past the retention is not there.
func TestConditionsSeeWhatShows(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)",
		"CREATE TABLE r (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH retention = {'duration': '1h', 'by': 'ts'}")
	at := w.clock.Now().UnixMilli()
	insert := fmt.Sprintf("INSERT INTO r (k, ts, v) VALUES (1, %d, 1)", at)
	told := func(text string, want bool) {
		t.Helper()
		r, err := w.try(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := applied(t, r); got != want {
			t.Errorf("%s: applied %t", text, got)
		}
	}
	told("INSERT INTO t (k, v) VALUES (1, 1) IF NOT EXISTS USING TTL 60", true)
	told(insert+" IF NOT EXISTS", true)
	told("INSERT INTO t (k, v) VALUES (1, 1) IF NOT EXISTS", false)
	told(insert+" IF NOT EXISTS", false)
	w.clock.Advance(59 * time.Second)
	told("UPDATE t SET v = 2 WHERE k = 1 IF v = 3", false)
	w.clock.Advance(2 * time.Second)
	told("UPDATE t SET v = 2 WHERE k = 1 IF EXISTS", false)
	told("UPDATE t SET v = 2 WHERE k = 1 IF v = null", true)
	w.clock.Advance(2 * time.Hour)
	told(fmt.Sprintf("UPDATE r SET v = 2 WHERE k = 1 AND ts = %d IF EXISTS", at), false)
	told("DELETE FROM t WHERE k = 1 IF v IN (1, 2)", true)
	w.expect("SELECT * FROM t")
}

// TestConditionalTimestamps: the server's at the moment of the write, whatever the client says, so that the later one wins.
func TestConditionalTimestamps(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	early := int64(5)
	for _, text := range []string{"INSERT INTO t (k, v) VALUES (1, 1) IF NOT EXISTS", "UPDATE t SET v = 2 WHERE k = 1 IF v = 1"} {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.db.Execute(st, Request{Timestamp: &early})
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := applied(t, r); !ok {
			t.Errorf("%s is refused", text)
		}
		r, err = w.db.Batch([]BatchEntry{{Statement: st}}, Request{Timestamp: &early})
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := applied(t, r); ok {
			t.Errorf("%s in a batch is not refused", text)
		}
	}
	w.run("INSERT INTO t (k, v) VALUES (1, 3) USING TIMESTAMP 6") // lost: the others are of now
	w.expect("SELECT v FROM t", "2")
}

// TestConditionsSurviveCrashes: what was told to be applied is there, and what was refused for it was refused for good.
func TestConditionsSurviveCrashes(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		r, err := w.try(fmt.Sprintf("INSERT INTO t (k, v) VALUES (%d, %d) IF NOT EXISTS", i%7, i))
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := applied(t, r); ok != (i < 7) {
			t.Errorf("%d: applied %t", i, ok)
		}
		w.crash(rng)
	}
	w.expect("SELECT sum(v) FROM t", "21")
}
