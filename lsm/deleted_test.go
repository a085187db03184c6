package lsm

import (
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// dayWorld is a table of so many days, a file each, in which every partition has rows of every day.
func dayWorld(t *testing.T, days int64, desc bool) (w *epochWorld, from int64) {
	w = newEpochWorld(t, clustering.Column{Type: types.Timestamp, Desc: desc}, 0, 4)
	w.table.Bucket = partition.Bucketing{SizeMillis: dayMillis}
	mustNot(t, w.store.PutSchema([]byte("schema"), []mutation.Table{w.table}))
	from = start.UnixMilli()/dayMillis*dayMillis - days*dayMillis
	for d := range days {
		for n := range int64(30) {
			w.write(t, from+d*dayMillis+n*1000)
		}
		mustNot(t, w.store.Flush(w.table.ID))
	}
	return w, from
}

// Reads do not look into files of windows whose rows are all deleted by what lies beside the rows; those that are deleted in part,
// and rows written again, they see.
func TestDeletedWindowsAreNotRead(t *testing.T) {
	for _, desc := range []bool{false, true} {
		w, from := dayWorld(t, 30, desc)
		w.delete(t, 0, from, from+9*dayMillis)               // nine whole days,
		w.delete(t, 0, from+9*dayMillis, from+20*dayMillis)  // eleven that border on them,
		w.delete(t, 0, from+25*dayMillis, from+26*dayMillis) // one,
		w.delete(t, 0, from+28*dayMillis+1, from+29*dayMillis)
		for range 2 {
			for _, reverse := range []bool{false, true} {
				var cost mutation.ReadStatistics
				req := mutation.ReadRequest{Key: keyOf(0), Slices: clustering.All(), Reverse: reverse, Columns: []mutation.ColumnID{columnInt}, Statistics: &cost}
				if got, want := w.read(t, req, 1<<30), w.want(&req); !slices.Equal(got, want) {
					t.Errorf("desc %v, reverse %v: %q, want %q", desc, reverse, got, want)
				}
				if skipped := len(filesOf(w.store, w.table.ID)) - cost.Files; skipped < 21 {
					t.Errorf("desc %v, reverse %v: %d files were looked into, all but %d", desc, reverse, cost.Files, skipped)
				}
			}
			mustNot(t, w.store.Flush(w.table.ID)) // the deletions, to a file of no window
		}
		for n := range int64(20) {
			w.write(t, from+3*dayMillis+n) // again
		}
		mustNot(t, w.store.Flush(w.table.ID))
		w.check(t, from, from+30*dayMillis, 50)
	}
}

// Files of windows whose rows are all deleted go unread; what deletes them goes when it has waited for its grace.
func TestDeletedWindowsGoUnread(t *testing.T) {
	w, from := dayWorld(t, 30, true)
	w.clock.Advance(48 * time.Hour)
	w.drain(t)
	before := w.store.Statistics().Tables[0].Work
	for n := range epochPartitions - 1 {
		w.delete(t, n, from, from+20*dayMillis)
	}
	mustNot(t, w.store.Flush(w.table.ID))
	w.drain(t)
	if after := w.store.Statistics().Tables[0].Work; after.Dropped != before.Dropped {
		t.Errorf("files were dropped that have rows of a third partition: %+v", after)
	}
	w.delete(t, epochPartitions-1, from, from+20*dayMillis)
	mustNot(t, w.store.Flush(w.table.ID))
	w.drain(t)
	after := w.store.Statistics().Tables[0].Work
	if after.Dropped == before.Dropped {
		t.Errorf("no file was dropped: %+v", after)
	}
	for _, f := range filesOf(w.store, w.table.ID) {
		if f.window() != (window{}) && f.window().end <= from+16*dayMillis {
			t.Errorf("a file of the window %v is left", f.window())
		}
	}
	w.check(t, from, from+30*dayMillis, 50)
	w.clock.Advance(11 * 24 * time.Hour)
	w.drain(t)
	for _, f := range filesOf(w.store, w.table.ID) {
		if f.info.HasTombstones() {
			t.Errorf("a file of the window %v keeps deletions that have waited for their grace", f.window())
		}
	}
	w.check(t, from, from+30*dayMillis, 50)
}
