package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// soak reports whether tests try every case instead of a sample.
func soak() bool { return os.Getenv("ESKER_SOAK") == "1" }

// script is a fixed sequence of things done to a store whose files may fail. It keeps a model of
// what was acknowledged, and of the one group that may be there or not.
type script struct {
	fs        vfs.FS
	rng       *rand.Rand
	clock     *clock.Manual
	mode      LogMode
	gen       *generator
	model     *model // acknowledged groups, and those whose fate is not known
	acked     uint64 // sequence of the last acknowledged group
	pending   []mutation.Mutation
	emptied   *mutation.TableID // being truncated
	truncates bool
	store     *Store // nil while it cannot be opened
	errs      []error
}

func newScript(fs vfs.FS, seed uint64) *script {
	s := &script{fs: fs, rng: rand.New(rand.NewPCG(seed, 2)), clock: clock.NewManual(start), model: newModel(testTables())}
	s.gen = &generator{rng: s.rng, clock: s.clock, tables: testTables()}
	return s
}

func (s *script) failed(err error) bool {
	if err != nil {
		s.errs = append(s.errs, err)
	}
	return err != nil
}

// options are those of the script's store. Nothing is synced because of the time: only a flush or a close does.
func (s *script) options(fs vfs.FS) Options {
	opts := testOptions(fs, s.clock)
	opts.LogMode, opts.LogPeriod = s.mode, time.Hour
	return opts
}

func (s *script) open() {
	var err error
	if s.store, err = Open(s.options(s.fs)); s.failed(err) {
		s.store = nil
		return
	}
	if s.unknown() > max(s.acked, s.store.assigned()) {
		s.model.groups = s.model.groups[:len(s.model.groups)-1] // now it is known: its record was never whole
	}
	if len(s.store.Tables()) == 0 {
		s.failed(s.store.PutSchema([]byte("schema"), testTables()))
	}
}

// run does n steps.
func (s *script) run(n int) {
	s.open()
	for i := range n {
		if s.store == nil {
			s.open()
			continue
		}
		table := s.gen.tables[s.rng.IntN(len(s.gen.tables))].ID
		switch {
		case i%13 == 12:
			s.failed(s.store.Compact(table))
		case i%7 == 6:
			s.failed(s.store.Flush(table))
		case s.truncates && i%17 == 16:
			s.emptied = &table
			s.failed(s.store.Truncate([]mutation.TableID{table}))
			s.model.truncate(table)
			s.emptied = nil
		case i%29 == 28:
			s.failed(s.store.Close())
			s.open()
		default:
			s.write()
		}
	}
	if s.store != nil {
		s.failed(s.store.Close())
	}
}

func (s *script) write() {
	s.pending = s.gen.group()
	sequence, err := s.store.Apply(s.pending)
	switch {
	case err == nil:
		s.acked = sequence
		s.model.add(sequence, s.pending)
	case errors.Is(err, ErrUncertain):
		s.errs = append(s.errs, err)
		s.model.add(s.store.assigned(), s.pending) // it will be there, if the store is not closed before
	case s.failed(err) && errors.Is(err, ErrReadOnly) && s.store.assigned() > s.acked && s.unknown() <= s.acked:
		s.model.add(s.store.assigned(), s.pending)
	}
	s.pending = nil
}

// unknown returns the sequence of the last group in the model.
func (s *script) unknown() uint64 {
	if n := len(s.model.groups); n > 0 {
		return s.model.groups[n-1].sequence
	}
	return 0
}

// verify opens what is on fs and compares it with the model.
func (s *script) verify(fs vfs.FS) error {
	store, err := Open(s.options(fs))
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer store.Close()
	if len(store.Tables()) == 0 {
		if s.acked > 0 {
			return errors.New("the schema is gone")
		}
		return nil
	}
	v := store.View()
	defer v.Close()
	if v.Sequence() < s.acked && s.mode != LogPeriodic {
		return fmt.Errorf("record %d was acknowledged, the last one found is %d", s.acked, v.Sequence())
	}
	return s.model.check(v, rand.New(rand.NewPCG(1, 1)), s.clock.Now().Unix())
}

// TestCrashAfterEveryFileOperation stops the machine before an operation on files, with some
// of what was not synced lost: what was acknowledged is found (in mode periodic: all of it up to some record), and
// every record is whole.
func TestCrashAfterEveryFileOperation(t *testing.T) {
	for mode, every := range map[LogMode]int{LogGroup: 23, LogBatch: 53, LogPeriodic: 31} {
		if soak() {
			every = 1
		}
		t.Run(mode.String(), func(t *testing.T) { crashAfterFileOperations(t, mode, every) })
	}
}

func crashAfterFileOperations(t *testing.T, mode LogMode, every int) {
	mem := vfs.NewMem()
	var s *script
	crash := rand.New(rand.NewPCG(3, 3))
	crashes, operations := 0, 0
	judge := func(op vfs.Op) error {
		operations++
		if op.Index%every != 0 && op.Kind != vfs.OpSyncDir {
			return nil
		}
		crashes++
		inFlight := *s
		m := *s.model
		if s.pending != nil && s.unknown() == s.acked {
			m.groups = append(m.groups[:len(m.groups):len(m.groups)], modelGroup{s.acked + 1, s.pending})
		}
		inFlight.model = &m
		clone := mem.CrashClone(crash, []int{0, 50, 100}[crash.IntN(3)])
		// What a crash leaves is no damage. Before the first marker there is no store to check.
		if _, found, err := checkIn(clone); len(found) > 0 || err != nil && !errors.Is(err, ErrVersion) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("crash before operation %d, %s %s: check says %v, %v", op.Index, op.Kind, op.Name, err, found)
		}
		err := inFlight.verify(clone)
		if err != nil && s.emptied != nil {
			m.groups = slices.Clone(m.groups)
			m.truncate(*s.emptied)
			err = inFlight.verify(clone)
		}
		if err != nil {
			t.Errorf("crash before operation %d, %s %s: %v", op.Index, op.Kind, op.Name, err)
		}
		return nil
	}
	s = newScript(vfs.NewFaulty(mem, judge), 7)
	s.truncates, s.mode = true, mode
	s.run(120)
	for _, err := range s.errs {
		t.Error(err)
	}
	fmt.Fprintf(t.Output(), "sample %d/%d crashes before file operations\n", crashes, operations)
}

// TestEveryFileOperationFailsOnce makes one operation fail. What was acknowledged is found when the
// store is opened again, and no record is there in half.
func TestEveryFileOperationFailsOnce(t *testing.T) {
	probe := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
	newScript(probe, 11).run(80)
	step := max(probe.Count()/150, 1)
	if soak() {
		step = 1
	}
	boom := errors.New("injected")
	fmt.Fprintf(t.Output(), "sample %d/%d file operations fail\n", (probe.Count()+step-1)/step, probe.Count())
	for n := 0; n < probe.Count(); n += step {
		mem := vfs.NewMem()
		var failed vfs.Op
		s := newScript(vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Index != n {
				return nil
			}
			failed = op
			return fmt.Errorf("%s %s: %w", op.Kind, op.Name, boom)
		}), 11)
		s.run(80)
		for _, err := range s.errs {
			if !errors.Is(err, boom) {
				t.Errorf("operation %d, %s %s: an error does not say why: %v", n, failed.Kind, failed.Name, err)
			}
		}
		clone := mem.CrashClone(rand.New(rand.NewPCG(uint64(n), 5)), 50)
		for _, fs := range []vfs.FS{clone, mem} {
			if err := s.verify(fs); err != nil {
				t.Errorf("operation %d, %s %s: %v", n, failed.Kind, failed.Name, err)
			}
		}
	}
}

// TestLogCutAtEveryByte cuts the tail of the log: exactly the records before the cut are there.
func TestLogCutAtEveryByte(t *testing.T) {
	mem := vfs.NewMem()
	s := newScript(mem, 13)
	s.open()
	var ends []int64
	for range 12 {
		s.write()
		ends = append(ends, s.store.log.End().Offset)
	}
	name := vfs.Join("data", fmt.Sprintf("commitlog-%016d.log", s.store.log.End().Segment))
	whole := mem.CrashClone(s.rng, 100)
	mustNot(t, s.store.Close())
	step := int64(11)
	if soak() {
		step = 1
	}
	for cut := ends[0] - 40; cut <= ends[len(ends)-1]; cut += step {
		fs := whole.CrashClone(s.rng, 100)
		f, err := fs.OpenReadWrite(name)
		mustNot(t, err)
		mustNot(t, f.Truncate(cut))
		mustNot(t, f.Close())
		s.acked = 0
		for i, end := range ends {
			if end <= cut {
				s.acked = uint64(i + 1)
			}
		}
		store := mustOpen(t, testOptions(fs, s.clock))
		v := store.View()
		if v.Sequence() != s.acked {
			t.Errorf("cut at %d: records up to %d are there, want %d", cut, v.Sequence(), s.acked)
		}
		if err := s.model.check(v, s.rng, s.clock.Now().Unix()); err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
		v.Close()
		mustNot(t, store.Close())
	}
}

// TestDamagedLogDoesNotOpen flips a bit of what was promised to be synced.
func TestDamagedLogDoesNotOpen(t *testing.T) {
	mem := vfs.NewMem()
	s := newScript(mem, 17)
	s.open()
	for range 5 {
		s.write()
	}
	name := vfs.Join("data", fmt.Sprintf("commitlog-%016d.log", s.store.log.End().Segment))
	mustNot(t, s.store.Close())
	f, err := mem.OpenReadWrite(name)
	mustNot(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], 150)
	mustNot(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b[:], 150)
	mustNot(t, err)
	mustNot(t, f.Close())
	if _, err := Open(testOptions(mem, s.clock)); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a damaged log opens: %v", err)
	}
}

// TestDiskFullRefusesAndRecovers: while the disk is full writes are refused, but for the first: it has its place in the log, and is there once
// there is space.
func TestDiskFullRefusesAndRecovers(t *testing.T) {
	full, uncertain := false, 0
	mem := vfs.NewMem()
	s := newScript(vfs.NewFaulty(mem, func(op vfs.Op) error {
		if full && (op.Kind == vfs.OpWrite || op.Kind == vfs.OpPreallocate || op.Kind == vfs.OpCreate) {
			return &os.PathError{Op: string(op.Kind), Path: op.Name, Err: syscall.ENOSPC}
		}
		return nil
	}), 19)
	s.open()
	refused := 0
	for i := range 300 {
		full = i%10 > 6
		before := s.acked
		s.write()
		if full != (s.acked == before) {
			t.Fatalf("write %d, disk full %v: sequence went from %d to %d; %v", i, full, before, s.acked, s.errs)
		}
		if i%10 == 9 || i%10 == 2 {
			if err := s.store.Flush(s.gen.tables[i/10%4].ID); err != nil && !(full && errors.Is(err, ErrDiskFull)) {
				t.Fatalf("flush, disk full %v: %v", full, err)
			}
		}
		for _, err := range s.errs {
			if refused++; !errors.Is(err, ErrDiskFull) {
				t.Fatal(err)
			}
			if errors.Is(err, ErrUncertain) {
				uncertain++
			}
		}
		s.errs = nil
	}
	if refused != 90 || uncertain > 30 {
		t.Errorf("%d writes were refused, not 90; of %d it was not known, one for each time that the disk was full", refused, uncertain)
	}
	full = false
	mustNot(t, s.store.Close())
	mustNot(t, s.verify(mem))
}

func TestFailedSyncMakesReadOnly(t *testing.T) {
	broken := false
	mem := vfs.NewMem()
	s := newScript(vfs.NewFaulty(mem, func(op vfs.Op) error {
		if broken && op.Kind == vfs.OpSync {
			broken = false // the next one would succeed, and must not be tried
			return errors.New("injected")
		}
		return nil
	}), 23)
	var reported []error
	opts := testOptions(s.fs, s.clock)
	opts.Events.Failed = func(err error) { reported = append(reported, err) }
	s.store = mustOpen(t, opts)
	mustNot(t, s.store.PutSchema(nil, testTables()))
	s.write()
	broken = true
	visible := s.store.View()
	s.write()
	for range 3 {
		if _, err := s.store.Apply(s.gen.group()); !errors.Is(err, ErrReadOnly) {
			t.Fatalf("a write after a failed sync: %v", err)
		}
	}
	if err := s.store.FlushAll(); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("a flush after a failed sync: %v", err)
	}
	v := s.store.View()
	if v.Sequence() != visible.Sequence() {
		t.Errorf("what was not synced became visible: %d, before %d", v.Sequence(), visible.Sequence())
	}
	mustNot(t, s.model.check(v, s.rng, s.clock.Now().Unix()))
	v.Close()
	visible.Close()
	if len(reported) != 1 || s.store.Statistics().ReadOnly == nil {
		t.Errorf("reported %v", reported)
	}
	mustNot(t, s.store.Close())
	mustNot(t, s.verify(mem))
	s.clock.Advance(time.Second)
}
