package database

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eskerdb/esker/planner"
)

// begin begins statements and awaits none of them. It returns the ticket of the last.
func (w *world) begin(texts ...string) (last Ticket) {
	w.t.Helper()
	for _, text := range texts {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		_, ticket, err := w.db.Begin(st, Request{})
		if err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		last = last.Later(ticket)
	}
	return last
}

// countedWaits is a store that counts waits for the log, and lets none succeed if told so.
type countedWaits struct {
	Local
	waits    int
	failing  error
	released int // holds of HoldEnds
}

func (s *countedWaits) WaitDurable(sequence uint64) error {
	s.waits++
	if s.failing != nil {
		return s.failing
	}
	return s.Local.WaitDurable(sequence)
}

func (s *countedWaits) HoldEnds(now time.Time) (time.Time, func()) {
	at, release := s.Local.HoldEnds(now)
	return at, func() { s.released++; release() }
}

// TestTheNewestTicketIsOfAll: what was begun shows once the last of it is awaited, which is one wait, and a crash keeps it.
func TestTheNewestTicketIsOfAll(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c))")
	store := &countedWaits{Local: Local{w.store}}
	w.db.store = store
	var want []string
	var last Ticket
	for i := range 50 {
		last = w.begin(fmt.Sprintf("INSERT INTO t (k, c) VALUES (1, %d)", i))
		want = append(want, fmt.Sprint(i))
	}
	w.expect("SELECT c FROM t WHERE k = 1")
	if store.waits != 0 {
		t.Fatalf("Begin waited %d times", store.waits)
	}
	if err := w.db.Await(last); err != nil || store.waits != 1 {
		t.Fatalf("%d waits, %v", store.waits, err)
	}
	w.expect("SELECT c FROM t WHERE k = 1", want...)
	w.crash(rand.New(rand.NewPCG(1, 1)))
	w.expect("SELECT c FROM t WHERE k = 1", want...)
}

// TestStatementsThatWaitForNothing: tickets of reads, schema changes and writes of nothing are zero, and awaiting them is nothing.
func TestStatementsThatWaitForNothing(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	store := &countedWaits{Local: Local{w.store}}
	w.db.store = store
	if last := w.begin("SELECT * FROM t"); last.Waits() {
		t.Error("a SELECT waits")
	}
	if _, ticket, err := w.db.BeginBatch(nil, Request{}); err != nil || ticket.Waits() {
		t.Errorf("an empty batch: %v, waits %t", err, ticket.Waits())
	}
	if err := w.db.Await(Ticket{}); err != nil || store.waits != 0 {
		t.Errorf("%d waits, %v", store.waits, err)
	}
	st, err := w.db.Prepare("ks", "INSERT INTO t (k, v) VALUES (1, 2)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Batch([]BatchEntry{{Statement: st}}, Request{}); err != nil || store.waits != 1 {
		t.Errorf("a batch: %d waits, %v", store.waits, err)
	}
}

// TestHoldsEndOnce: while a static that a retention looks at is not durable the ends of rows are held, and once a later write is, or has failed,
// they are let go of, each once.
func TestHoldsEndOnce(t *testing.T) {
	for _, failing := range []error{nil, errors.New("the disk is gone")} {
		w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '24h', 'by': 'ts'}",
			"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 17520h")
		store := &countedWaits{Local: Local{w.store}, failing: failing}
		w.db.store = store
		first := w.begin("UPDATE t SET tier = 'gold' WHERE d = 'a'")
		w.begin("UPDATE t SET tier = 'gold' WHERE d = 'b'")
		last := w.begin(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', 1)", iso(w.clock.Now())))
		if n := w.db.unsynced.count.Load(); n != 2 || store.released != 0 {
			t.Fatalf("%d holds, %d released", n, store.released)
		}
		if failing == nil {
			if err := w.db.Await(first); err != nil || store.released != 1 {
				t.Fatalf("%d released behind the first, %v", store.released, err)
			}
		}
		if err := w.db.Await(last); !errors.Is(err, failing) {
			t.Fatalf("awaited: %v", err)
		}
		_ = w.db.Await(last)
		_ = w.db.Await(first)
		if n := w.db.unsynced.count.Load(); n != 0 || store.released != 2 {
			t.Errorf("%d holds, %d released", n, store.released)
		}
	}
}

// TestPinsSeeWhatWasBegun: a write that leaves out its mark because one stands, and that nobody has awaited, is in the View of the
// recomputation that clears this mark, whoever pins it.
func TestPinsSeeWhatWasBegun(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k int, ts timestamp, v int, PRIMARY KEY (k, ts))",
		"CREATE ROLLUP h ON t AS SELECT k, floor(ts, 1h), count(v), sum(v) GROUP BY k, floor(ts, 1h)")
	w.caughtUp("h")
	hour := w.clock.Now().Truncate(time.Hour)
	for round := range 20 {
		insert := func(minute int) string {
			return fmt.Sprintf("INSERT INTO t (k, ts, v) VALUES (1, '%s', %d)", iso(hour.Add(time.Duration(minute)*time.Minute)), minute)
		}
		w.clock.Advance(time.Hour)
		w.run(insert(1)) // it marks, and the mark is durable
		w.begin(insert(2), insert(3))
		w.clock.Advance(2 * time.Hour)
		w.settle()
		if left := w.marked(0); len(left) > 0 {
			t.Fatalf("round %d: marks are left: %q", round, left)
		}
		w.expect(fmt.Sprintf("SELECT count_v, sum_v FROM h WHERE k = 1 AND ts = '%s'", iso(hour)), "3 6")
		hour = w.clock.Now().Truncate(time.Hour)
	}
}

// TestSchemaChangesSeeWhatWasBegun: a copy of a table whose rows nobody has awaited is built from them, and later ones follow.
func TestSchemaChangesSeeWhatWasBegun(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k int, c int, v int, PRIMARY KEY (k, c))")
	w.begin("INSERT INTO t (k, c, v) VALUES (1, 1, 5)")
	w.begin("CREATE QUERY TABLE byv ON t (k, c) PRIMARY KEY ((v), k, c)")
	last := w.begin("INSERT INTO t (k, c, v) VALUES (1, 2, 5)")
	w.built()
	if err := w.db.Await(last); err != nil {
		t.Fatal(err)
	}
	w.expect("SELECT c FROM byv WHERE v = 5", "1", "2")
}

// TestRefusedWritesHaveNoTicket: a batch that is refused begins nothing.
func TestRefusedWritesHaveNoTicket(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	st, err := w.db.Prepare("ks", "INSERT INTO t (k, v) VALUES (?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	one := []planner.Value{{Bytes: []byte{0, 0, 0, 1}}, {Bytes: []byte{0, 0, 0, 1}}}
	r, ticket, err := w.db.BeginBatch([]BatchEntry{{st, one}, {st, []planner.Value{{}, {}}}}, Request{})
	if err == nil || r != nil || ticket.Waits() {
		t.Errorf("got %v, %v, %v", r, ticket, err)
	}
	w.expect("SELECT * FROM t")
}
