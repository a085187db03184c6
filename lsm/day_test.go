package lsm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// newDay is a script over tables with windows of an hour.
func newDay(seed uint64) *script {
	s := newScript(vfs.NewMem(), seed)
	for i := range s.gen.tables {
		if s.gen.tables[i].Law == mutation.ByTimestamp {
			s.gen.tables[i].Bucket = partition.Bucketing{SizeMillis: 3_600_000}
		}
	}
	s.model = newModel(s.gen.tables)
	return s
}

func (s *script) openDay(t *testing.T) {
	opts := testOptions(s.fs, s.clock)
	opts.Tuning.ShareRows = 30
	s.store = mustOpen(t, opts)
	if len(s.store.Tables()) == 0 {
		mustNot(t, s.store.PutSchema([]byte("schema"), s.gen.tables))
	}
}

func (s *script) look(t *testing.T) {
	t.Helper()
	v := s.store.View()
	defer v.Close()
	mustNot(t, s.model.check(v, s.rng, s.clock.Now().Unix()))
}

// background does what the store does by itself between two writes.
func (s *script) background(t *testing.T) {
	table := s.gen.tables[s.rng.IntN(len(s.gen.tables))].ID
	switch s.rng.IntN(12) {
	case 0, 1:
		mustNot(t, s.store.Flush(table))
	case 2:
		mustNot(t, s.store.compactAsNeeded())
	}
}

// TestADay is a day of a store, minute by minute, with flush, compaction, expiry and restarts, compared
// with the model every hour.
func TestADay(t *testing.T) {
	s := newDay(43)
	s.openDay(t)
	for minute := range 24 * 60 {
		s.clock.Advance(time.Minute)
		s.write()
		s.background(t)
		if minute%60 == 59 {
			s.look(t)
		}
		if minute%360 == 200 {
			mustNot(t, s.store.Close())
			s.openDay(t)
		}
	}
	for _, err := range s.errs {
		t.Fatal(err)
	}
	mustNot(t, s.store.Close())
}

// TestClockJumps sets the clock back and forward while the store works. What lives under every clock
// that compaction has seen is there; an hour further everything is as the model says.
func TestClockJumps(t *testing.T) {
	s := newDay(47)
	s.openDay(t)
	furthest := s.clock.Now()
	for range 12 {
		jump := time.Duration(s.rng.Int64N(int64(4*time.Hour))) - 2*time.Hour
		s.clock.Advance(jump)
		if now := s.clock.Now(); now.After(furthest) {
			furthest = now
		}
		for range 20 {
			s.write()
			s.background(t)
			s.clock.Advance(time.Second)
		}
		mustNot(t, s.store.Close())
		s.openDay(t)
		// Who asks at a time that some compaction took for past is told what that one left.
		if now := s.clock.Now(); now.Before(furthest) {
			s.clock.Advance(furthest.Sub(now))
		}
		furthest = s.clock.Now()
		s.look(t)
	}
	for _, err := range s.errs {
		t.Fatal(err)
	}
	mustNot(t, s.store.Close())
}

// What has ended leaves the disk without anybody asking, and takes no compaction of what lives.
func TestEndedRowsLeaveTheDisk(t *testing.T) {
	clk := clock.NewManual(start)
	rng := rand.New(rand.NewPCG(53, 1))
	store := mustOpen(t, testOptions(vfs.NewMem(), clk))
	table := testTable(1)
	mustNot(t, store.PutSchema(nil, []mutation.Table{table}))
	for round := range 48 {
		for n := range 20 {
			end := clk.Now().Unix() + 3600
			at := clk.Now().UnixMicro() + int64(n)
			_, err := store.Apply([]mutation.Mutation{{Table: table.ID, Key: keyOf(rng.IntN(5)), Rows: []mutation.Row{{
				Clustering: rowKey(&table, clk.Now().UnixMilli()+int64(n)),
				Live:       mutation.Liveness{Timestamp: at, TTL: 3600, ExpiresAt: end},
				Cells:      []mutation.Cell{{Column: columnText, Timestamp: at, TTL: 3600, ExpiresAt: end, Value: []byte("v")}},
			}}}})
			mustNot(t, err)
		}
		mustNot(t, store.Flush(table.ID))
		mustNot(t, store.compactAsNeeded())
		clk.Advance(30 * time.Minute)
		rows := store.Statistics().Tables[0].FileRows
		if round > 8 && rows > 8*20 {
			t.Fatalf("round %d: %d rows are on disk, 40 live", round, rows)
		}
	}
	clk.Advance(2 * time.Hour)
	mustNot(t, store.compactAsNeeded())
	if got := store.Statistics().Tables[0]; got.Files != 0 {
		t.Errorf("when everything has ended %d files with %d rows are left", got.Files, got.FileRows)
	}
	mustNot(t, store.Close())
}
