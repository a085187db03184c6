package database

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// slowLog is a store that does something while a record is written and not yet durable.
type slowLog struct {
	Local
	meanwhile func()
	truncated func() // called once tables are empty
	full      bool   // records are refused
}

func (s *slowLog) Apply(ms []mutation.Mutation) (uint64, error) {
	if s.full {
		return 0, lsm.ErrDiskFull
	}
	return s.Local.Apply(ms)
}

func (s *slowLog) Truncate(ids []mutation.TableID) error {
	err := s.Local.Truncate(ids)
	if s.truncated != nil {
		s.truncated()
	}
	return err
}

func (s *slowLog) WaitDurable(sequence uint64) error {
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
	}
	return s.Local.WaitDurable(sequence)
}

// TestMergesWaitForStaticsToBeDurable: what a merge removes has ended by statics that a crash keeps, and none of it is kept longer by
// those that are about to be durable.
func TestMergesWaitForStaticsToBeDurable(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '24h', 'by': 'ts'}",
		"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 17520h")
	w.run("UPDATE t SET tier = 'free' WHERE d = 'a'")
	for i := range 24 {
		w.run(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', %d)", iso(w.clock.Now().Add(-time.Duration(i)*time.Hour)), i))
	}
	w.compact("t")
	table := w.db.Schema().Table("ks", "t")
	slow := &slowLog{Local: Local{w.store}}
	w.db.store = slow
	slow.meanwhile = func() {
		w.clock.Advance(12 * time.Hour)
		if err := w.store.Compact(table.ID); err != nil { // files alone: a flush would sync the log
			t.Error(err)
		}
	}
	w.run("UPDATE t SET tier = 'gold' WHERE d = 'a'")
	if slow.meanwhile != nil {
		t.Fatal("nobody waited")
	}
	w.expect("SELECT count(v) FROM t WHERE d = 'a'", "24")
	w.clock.Advance(48 * time.Hour)
	w.compact("t")
	w.expect("SELECT count(v) FROM t WHERE d = 'a'", "24")
}

// TestTruncatedTablesBeginAnewAtOnce: a row of a time that had ended, written while its table is truncated, is of before or of after: it does not
// stay away at first and show then.
func TestTruncatedTablesBeginAnewAtOnce(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '1h', 'by': 'ts'}",
		"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 20h")
	slow := &slowLog{Local: Local{w.store}}
	w.db.store = slow
	row := fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', 1)", iso(w.clock.Now().Add(-5*time.Hour)))
	done := make(chan string)
	slow.truncated = func() {
		go func() {
			if _, err := w.try(row); err != nil {
				done <- err.Error()
				return
			}
			r, err := w.try("SELECT d FROM t")
			if err != nil {
				done <- err.Error()
				return
			}
			done <- strings.Join(decodeRows(t, r), " ")
		}()
		for range 1000 {
			runtime.Gosched() // so that it waits, most likely, when the tables are let go of
		}
	}
	for n := range 20 {
		w.run(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('b', '%s', 1)", iso(w.clock.Now())), "ALTER TABLE t WITH retention = {'duration': '1h', 'by': 'ts'}",
			"ALTER TABLE t WITH retention = {'duration': '10h', 'by': 'ts'}", row)
		w.expect("SELECT d FROM t", "b")
		w.run("TRUNCATE t")
		if first, then := <-done, strings.Join(w.rows("SELECT d FROM t"), " "); first != then {
			t.Fatalf("truncated %d times: %q at first, %q then", n+1, first, then)
		}
	}
}

// TestEndedTimesDoNotDependOnMerges: what had ended in a partition when a static column made it keep its rows longer stays hidden when it is
// written again, whether the rows of then are still on disk or not.
func TestEndedTimesDoNotDependOnMerges(t *testing.T) {
	for _, static := range []string{"", "UPDATE t SET tier = 'free' WHERE d = 'a'"} {
		for _, merged := range []bool{false, true} {
			t.Run(fmt.Sprintf("static %t, merged %t", static != "", merged), func(t *testing.T) {
				w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH retention = {'duration': '24h', 'by': 'ts'}",
					"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 17520h")
				row := fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', 1)", iso(w.clock.Now()))
				w.run(row)
				w.clock.Advance(48 * time.Hour)
				if static != "" {
					w.run(static)
				} else {
					w.run(fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', 2)", iso(w.clock.Now())))
				}
				if merged {
					w.compact("t")
				}
				// A partition of which nothing is known keeps what it is told to.
				w.run("UPDATE t SET tier = 'gold' WHERE d = 'a'", "UPDATE t SET tier = 'gold' WHERE d = 'b'", row, strings.Replace(row, "'a'", "'b'", 1))
				w.expect("SELECT v FROM t WHERE d = 'a' AND v = 1 ALLOW FILTERING")
				w.expect("SELECT v FROM t WHERE d = 'b' AND v = 1 ALLOW FILTERING", "1")
			})
		}
	}
}

// kept is how many rows the internal tables of floors and states hold.
func (w *world) kept() (n int) {
	w.t.Helper()
	view := w.db.store.View()
	defer view.Close()
	for _, id := range []mutation.TableID{floorsTableID, rollupStateID} {
		must(w, eachKey(view, id, func(key *partition.DecoratedKey) error {
			_, rows, err := view.Rows(id, *key, clustering.All())
			must(w, err)
			row, err := rows.Next()
			if row != nil && !row.Live.IsNone() {
				n++
			}
			return err
		}))
	}
	return n
}

// TestDroppedTablesLeaveNothing: floors and states go with their tables, and if not with them then at the next start. A table that is made with
// the id of a dropped one has none.
func TestDroppedTablesLeaveNothing(t *testing.T) {
	for _, full := range []bool{false, true} {
		w := newQuietWorld(t)
		slow := &slowLog{Local: Local{w.store}, full: full}
		row := fmt.Sprintf("INSERT INTO t (d, ts, v) VALUES ('a', '%s', 1)", iso(w.clock.Now().Add(-36*time.Hour)))
		create := []string{"CREATE TABLE t (d text, ts timestamp, v int, tier text static, PRIMARY KEY (d, ts)) WITH id = 8ac96e2a-1c4f-4f0e-9f0e-3c5a8f7b1d22 AND retention = {'duration': '24h', 'by': 'ts'} AND rollups = {'1h': 'forever'}",
			"CREATE RETENTION POLICY gold ON t WHERE tier = 'gold' KEEP 17520h"}
		w.run(create...)
		w.run("UPDATE t SET tier = 'free' WHERE d = 'a'", "UPDATE t SET tier = 'gold' WHERE d = 'a'", row)
		w.caughtUp("t_1h")
		w.expect("SELECT v FROM t WHERE d = 'a' AND ts > 0")
		if n := w.kept(); n != 2 {
			t.Errorf("%d rows of a floor and a state", n)
		}
		w.db.store = slow
		w.run("DROP TABLE t")
		if n := w.kept(); n != 0 && !full {
			t.Errorf("%d rows of floors and states are left", n)
		}
		if full {
			w.reopen()
		}
		if n := w.kept(); n != 0 {
			t.Errorf("%d rows of floors and states are left behind a start", n)
		}
		w.run(create...)
		w.run("UPDATE t SET tier = 'gold' WHERE d = 'a'", row)
		w.expect("SELECT v FROM t WHERE d = 'a' AND ts > 0", "1")
	}
}
