package database

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a database on files in memory.
type world struct {
	t     testing.TB
	fs    *vfs.Mem
	clock *clock.Manual
	store *lsm.Store
	db    *Database
	judge func(vfs.Op) error // sees every file operation; nil: nobody does

	mode lsm.LogMode

	recordBytesMax  int         // of lsm.Options
	buildRowsMax    int         // of Options
	backfillRowsMax int         // of Options
	rollupLimits    jobs.Limits // of Options

	auth bool // of Options

	// quiet worlds flush and compact only when told to. What is written at or below a deletion that a compaction under way is
	// about to purge is hidden before and shows behind it (R36, R45): such histories need it.
	quiet bool
}

const createKeyspace = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

// newWorld is an open database with keyspace ks and what the statements make.
func newWorld(t testing.TB, texts ...string) *world {
	t.Helper()
	w := &world{t: t, fs: vfs.NewMem(), clock: clock.NewManual(time.UnixMilli(1_000_000_000_000))}
	w.open()
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil && !errors.Is(err, lsm.ErrClosed) {
			t.Error(err)
		}
	})
	w.run(append([]string{createKeyspace}, texts...)...)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var fs vfs.FS = w.fs
	if w.judge != nil {
		fs = vfs.NewFaulty(fs, w.judge)
	}
	var err error
	if w.store, err = lsm.Open(lsm.Options{FS: fs, Dir: "data", Clock: w.clock, LogMode: w.mode, LogPeriod: time.Hour, MemtableBytes: 1 << 20, RecordBytesMax: w.recordBytesMax, Tuning: lsm.Tuning{LogSegmentBytes: 1 << 20, NoBackground: w.quiet}}); err != nil {
		w.t.Fatal(err)
	}
	if w.db, err = Open(Options{Store: Local{w.store}, Clock: w.clock, BuildRowsMax: w.buildRowsMax, BackfillRowsMax: w.backfillRowsMax, Rollups: w.rollupLimits, Auth: w.auth}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) reopen() {
	w.t.Helper()
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.clock.Advance(time.Millisecond) // a restart takes longer than that
	w.open()
}

// crash goes on with what a crash now would leave.
func (w *world) crash(rng *rand.Rand) {
	w.t.Helper()
	clone := w.fs.CrashClone(rng, rng.IntN(101))
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.fs = clone
	w.clock.Advance(time.Millisecond)
	w.open()
}

func (w *world) try(text string, values ...planner.Value) (*Result, error) {
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		return nil, err
	}
	return w.db.Execute(st, Request{Values: values})
}

func (w *world) run(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if _, err := w.try(text); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
}

// refused checks that a statement fails with a text.
func (w *world) refused(text, want string) {
	w.t.Helper()
	if _, err := w.try(text); err == nil || !strings.Contains(err.Error(), want) {
		w.t.Errorf("%s\n got %v\nwant %s", text, err, want)
	}
}

// rows are the lines of an answer: cells as literals, null as null.
func (w *world) rows(text string) []string {
	w.t.Helper()
	r, err := w.try(text)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return decodeRows(w.t, r)
}

func decodeRows(t testing.TB, r *Result) []string {
	t.Helper()
	rest := r.Rows.Rows
	var out []string
	for range r.Rows.RowCount {
		var line []string
		for _, c := range r.Rows.Columns {
			length := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			var cell []byte
			if length >= 0 {
				cell, rest = rest[:length:length], rest[length:]
			}
			switch {
			case cell == nil:
				line = append(line, "null")
			case c.Type.Equal(types.Text):
				line = append(line, string(cell))
			default:
				line = append(line, fmt.Sprint(types.DecodeInt64(cell)))
			}
		}
		out = append(out, strings.Join(line, " "))
	}
	return out
}

func (w *world) expect(text string, want ...string) {
	w.t.Helper()
	if got := w.rows(text); !slices.Equal(got, want) {
		w.t.Errorf("%s\n got %q\nwant %q", text, got, want)
	}
}

// sorted are the rows of an answer whose order does not matter.
func (w *world) sorted(text string) []string {
	w.t.Helper()
	out := w.rows(text)
	slices.Sort(out)
	return out
}

func (w *world) settle() {
	w.t.Helper()
	if err := w.db.rollups.Settle(); err != nil {
		w.t.Fatal(err)
	}
}
