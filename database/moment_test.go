package database

import (
	"testing"
	"time"

	"github.com/eskerdb/esker/planner"
)

// The moment that a request names decides which TTLs have ended for it, and when those end that it writes.
func TestMomentOfARequest(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	now := w.clock.Now().Unix()
	ask := func(at int64, text string) *Result {
		t.Helper()
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.db.Execute(st, Request{NowSeconds: &at})
		if err != nil {
			t.Fatalf("%s at %d: %v", text, at, err)
		}
		return r
	}
	rows := func(at int64) int { return ask(at, "SELECT v FROM t").Rows.RowCount }
	w.run("INSERT INTO t (k, v) VALUES (1, 1) USING TTL 10")
	for at, want := range map[int64]int{0: 1, now: 1, now + 9: 1, now + 10: 0, 1<<32 - 1: 0} {
		if got := rows(at); got != want {
			t.Errorf("%d s after the write: %d rows, want %d", at-now, got, want)
		}
	}
	ask(now+1000, "INSERT INTO t (k, v) VALUES (2, 2) USING TTL 10")
	for at, want := range map[int64]int{now + 1009: 1, now + 1010: 0} {
		if got := rows(at); got != want {
			t.Errorf("written later: %d s after now: %d rows, want %d", at-now, got, want)
		}
	}
	w.clock.Advance(500 * time.Second)
	if got := w.rows("SELECT k FROM t"); len(got) != 1 {
		t.Errorf("by the server's clock: %v", got)
	}
	st, err := w.db.Prepare("ks", "INSERT INTO t (k, v) VALUES (?, 1) USING TTL 20")
	if err != nil {
		t.Fatal(err)
	}
	later := now + 5000
	entry := BatchEntry{Statement: st, Values: []planner.Value{{Bytes: []byte{0, 0, 0, 3}}}}
	if _, err := w.db.Batch([]BatchEntry{entry}, Request{NowSeconds: &later}); err != nil {
		t.Fatal(err)
	}
	if got := rows(later + 19); got != 1 {
		t.Errorf("of a batch: %d rows", got)
	}
	if _, err := w.db.Batch([]BatchEntry{entry}, Request{NowSeconds: new(int64)}); err != nil {
		t.Errorf("a moment long ago: %v", err)
	}
}
