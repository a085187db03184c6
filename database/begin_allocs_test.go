//go:build !race

package database

import (
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// TestBeginAllocatesNothing: of what a prepared row, or a batch of them, passes between its values and the log nothing is made anew. What memtables and
// the log take in larger pieces does not come to one for each call. (With the race detector pools forget what they hold.)
func TestBeginAllocatesNothing(t *testing.T) {
	w := newQuietWorld(t, "CREATE TABLE t (d text, ts timestamp, v double, s text, PRIMARY KEY (d, ts))")
	st, err := w.db.Prepare("ks", "INSERT INTO t (d, ts, v, s) VALUES (?, ?, ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	at := w.clock.Now().UnixMilli()
	values := []planner.Value{{Bytes: []byte("device")}, {Bytes: make([]byte, 0, 8)}, {Bytes: types.AppendDouble(nil, 1.5)}, {Bytes: []byte("ok")}}
	var last Ticket
	single := testing.AllocsPerRun(2000, func() {
		at++
		values[1].Bytes = types.AppendTimestampMillis(values[1].Bytes[:0], at)
		if _, last, err = w.db.Begin(st, Request{Values: values}); err != nil {
			t.Fatal(err)
		}
	})
	entries, all := make([]BatchEntry, 100), make([]planner.Value, 100*len(values))
	batch := testing.AllocsPerRun(100, func() {
		for i := range entries {
			at++
			of := all[i*len(values):][:len(values):len(values)]
			stamp := types.AppendTimestampMillis(of[1].Bytes[:0], at)
			copy(of, values)
			of[1].Bytes = stamp
			entries[i] = BatchEntry{st, of}
		}
		if _, last, err = w.db.BeginBatch(entries, Request{}); err != nil {
			t.Fatal(err)
		}
	})
	if err := w.db.Await(last); err != nil {
		t.Fatal(err)
	}
	if single > 0 || batch > 2 {
		t.Errorf("a row takes %v pieces of the heap, a batch of 100 %v", single, batch)
	}
}
