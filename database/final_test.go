package database

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// finalHours are the final parts of a rollup by the hour, in hours behind the start.
func (w *world) finalHours(r *schema.Table, k int32, over downsample.Window, start int64) string {
	w.t.Helper()
	view := w.db.store.View()
	defer view.Close()
	parts, err := w.db.finalParts(view, r, partition.Decorate(types.AppendInt(nil, k)), over, w.clock.Now().UnixMilli())
	if err != nil {
		w.t.Fatal(err)
	}
	const hour = int64(time.Hour / time.Millisecond)
	out := ""
	for _, p := range parts {
		out += fmt.Sprintf("[%d %d)", (p.Start-start)/hour, (p.End-start)/hour)
	}
	return out
}

func TestFinalPartsAreClosedComputedAndClean(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
	const hour = int64(time.Hour / time.Millisecond)
	r := w.db.Schema().Table("ks", "t_1h")
	now := w.clock.Now().UnixMilli()
	start := now - now%hour - 10*hour // the window under way is the tenth
	over := downsample.Window{Start: start, End: start + 20*hour}
	if got := w.finalHours(r, 1, over, start); got != "[0 10)" {
		t.Errorf("empty: %s", got)
	}
	w.still(func() {
		w.run(fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (1, %d, 5)", start+3*hour+7),
			fmt.Sprintf("INSERT INTO ks.t (k, ts, v) VALUES (1, %d, 5)", start+10*hour+7))
		if got := w.finalHours(r, 1, over, start); got != "[0 3)[4 10)" {
			t.Errorf("dirty: %s", got)
		}
		if got := w.finalHours(r, 2, over, start); got != "[0 10)" {
			t.Errorf("another partition: %s", got)
		}
		if got := w.finalHours(r, 1, downsample.Window{Start: start + 1, End: start + 6*hour - 1}, start); got != "[1 3)[4 5)" {
			t.Errorf("a range that cuts windows: %s", got)
		}
	})
	w.settle()
	w.still(func() {
		w.clock.Advance(time.Hour)
		if got := w.finalHours(r, 1, over, start); got != "[0 10)" {
			t.Errorf("closed and not yet computed: %s", got)
		}
	})
	w.settle()
	if got := w.finalHours(r, 1, over, start); got != "[0 11)" {
		t.Errorf("computed: %s", got)
	}
	if err := w.db.rollups.Advance(r, func(s *jobs.State) { s.BuiltFrom = start + 2*hour }, jobs.Answer{}); err != nil {
		t.Fatal(err)
	}
	if got := w.finalHours(r, 1, downsample.Window{Start: math.MinInt64, End: math.MaxInt64}, start); got != "[2 11)" {
		t.Errorf("not built before: %s", got)
	}
	w.reopen()
	if state, err := w.db.rollups.State(r); err != nil || state != (jobs.State{SealedUntil: math.MinInt64, BuiltFrom: start + 2*hour, CompleteFrom: math.MinInt64}) {
		t.Errorf("behind a restart: %+v, %v", state, err)
	}
}

func TestRollupsWithABackfillBeginUnbuilt(t *testing.T) {
	if got := jobs.NewState(&downsample.Definition{Backfill: true}).BuiltFrom; got != math.MaxInt64 {
		t.Errorf("built from %d", got)
	}
	if got := jobs.NewState(&downsample.Definition{}); got != (jobs.State{SealedUntil: math.MinInt64, BuiltFrom: math.MinInt64, CompleteFrom: math.MinInt64}) {
		t.Errorf("state %+v", got)
	}
}
