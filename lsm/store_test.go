package lsm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// walk does random things to a store and to the model.
type walk struct {
	t     *testing.T
	rng   *rand.Rand
	fs    *vfs.Mem
	clock *clock.Manual
	gen   *generator
	model *model
	store *Store
	held  []*View
	log   []string
	opts  Options

	backups int // restored
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 1)), fs: vfs.NewMem(), clock: clock.NewManual(start)}
	w.gen = &generator{rng: w.rng, clock: w.clock, tables: testTables()}
	w.model = newModel(testTables())
	w.opts = testOptions(w.fs, w.clock)
	if seed%2 == 1 { // an absurd size: many segments
		w.opts.Tuning.LogSegmentBytes = 600
	}
	w.opts.Tuning.ShareRows = int64(seed % 4 * seed % 7) // 0: the default
	if seed%3 == 1 {
		w.opts.Tuning.FileBytes, w.opts.Tuning.Settle = 400, -1
	}
	w.open()
	mustNot(t, w.store.PutSchema([]byte("schema"), testTables()))
	return w
}

func (w *walk) open() {
	w.opts.FS = w.fs
	if w.store != nil { // what a close or a crash leaves is no damage
		_, err := Check(CheckOptions{FS: w.fs, Dir: w.opts.Dir, Report: func(d Damage) { w.t.Errorf("after %v: %v", w.log, d) }})
		mustNot(w.t, err)
	}
	w.store = mustOpen(w.t, w.opts)
}

func (w *walk) did(what string) { w.log = append(w.log, what) }

func (w *walk) step() {
	table := w.gen.tables[w.rng.IntN(len(w.gen.tables))].ID
	switch n := w.rng.IntN(100); {
	case n < 60:
		ms := w.gen.group()
		sequence, err := w.store.Apply(ms)
		mustNot(w.t, err)
		w.model.add(sequence, ms)
	case n < 70:
		w.did("flush")
		mustNot(w.t, w.store.Flush(table))
	case n < 78:
		w.did("compact")
		mustNot(w.t, w.store.Compact(table))
	case n < 82:
		w.did("compact as needed")
		mustNot(w.t, w.store.compactAsNeeded())
	case n < 83:
		w.alter()
	case n < 84:
		w.did("truncate")
		w.dropViews()
		mustNot(w.t, w.store.Truncate([]mutation.TableID{table}))
		w.model.truncate(table)
	case n < 85:
		w.restore()
	case n < 90:
		w.did("advance")
		w.clock.Advance(time.Duration(w.rng.IntN(20)) * time.Second)
	case n < 94:
		w.did("view")
		w.held = append(w.held, w.store.View())
	case n < 97:
		w.did("reopen")
		w.dropViews()
		mustNot(w.t, w.store.Close())
		w.open()
	default:
		w.did("crash")
		clone := w.fs.CrashClone(w.rng, w.rng.IntN(101))
		w.dropViews()
		mustNot(w.t, w.store.Close())
		w.fs = clone
		w.open()
	}
}

// restore goes on with what is restored from a backup.
func (w *walk) restore() {
	w.did("restore")
	w.backups++
	backup, dir := fmt.Sprintf("backup%d", w.backups), fmt.Sprintf("data%d", w.backups)
	_, err := w.store.Backup(backup)
	mustNot(w.t, err)
	w.dropViews()
	mustNot(w.t, w.store.Close())
	_, err = RestoreBackup(w.fs, backup, dir)
	mustNot(w.t, err)
	mustNot(w.t, w.fs.RemoveAll(w.opts.Dir))
	w.opts.Dir = dir
	w.open()
}

// alter drops a column that no cell is in, or adds it again: readers are opened anew, memtables sealed.
func (w *walk) alter() {
	w.did("alter")
	tables := testTables()
	if w.rng.IntN(2) == 0 {
		for i := range tables {
			tables[i].Columns = append(tables[i].Columns, mutation.Column{ID: 50, Physical: mutation.PhysicalBytes})
		}
	}
	w.dropViews()
	mustNot(w.t, w.store.PutSchema([]byte("altered"), tables))
}

func (w *walk) dropViews() {
	for _, v := range w.held {
		w.check(v)
		v.Close()
	}
	w.held = nil
}

func (w *walk) check(v *View) {
	w.t.Helper()
	if err := w.model.check(v, w.rng, w.clock.Now().Unix()); err != nil {
		w.t.Fatalf("after %v: %v", w.log, err)
	}
}

func TestStoreAnswersAsTheModel(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		w := newWalk(t, seed)
		for i := range 150 {
			w.step()
			if i%10 == 9 {
				v := w.store.View()
				w.check(v)
				v.Close()
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		w.dropViews()
		mustNot(t, w.store.Close())
	}
}
