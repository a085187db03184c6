package lsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

func verifyBackupIn(fs vfs.FS, dir string) (*BackupInfo, []Damage, error) {
	var found []Damage
	b, _, err := VerifyBackup(CheckOptions{FS: fs, Dir: dir, Report: func(d Damage) { found = append(found, d) }})
	return b, found, err
}

// TestBackupHoldsWhatWasAcknowledged makes a backup, writes on, and restores it: the model as it was.
func TestBackupHoldsWhatWasAcknowledged(t *testing.T) {
	mem := vfs.NewMem()
	s := newScript(mem, 5)
	s.run(90)
	s.open()
	for range 12 {
		s.write()
	}
	b, err := s.store.Backup("backups/monday")
	mustNot(t, err)
	if b.Sequence != s.acked || len(b.Files) < 5 || b.Rows == 0 {
		t.Errorf("records up to %d were acknowledged; the backup: %+v", s.acked, b)
	}
	kept := *s.model
	kept.groups = kept.groups[:len(kept.groups):len(kept.groups)]
	for range 30 {
		s.write()
	}
	mustNot(t, s.store.Compact(testTable(1).ID))
	if _, err := s.store.Backup("backups/monday"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a second one over it: %v", err)
	}
	mustNot(t, s.store.Close())
	for _, dir := range []string{"restored", "again/and again"} {
		if _, err := RestoreBackup(mem, "backups/monday", dir); err != nil {
			t.Fatal(err)
		}
		opts := testOptions(mem, s.clock)
		opts.Dir = dir
		store := mustOpen(t, opts)
		v := store.View()
		if v.Sequence() < b.Sequence || string(store.Schema()) != "schema" {
			t.Errorf("restored up to %d, schema %q", v.Sequence(), store.Schema())
		}
		mustNot(t, kept.check(v, s.rng, s.clock.Now().Unix()))
		v.Close()
		// It goes on as a store of its own, and the backup stays what it was.
		mustApply(t, store, s.gen.group()...)
		mustNot(t, store.FlushAll())
		mustNot(t, store.Compact(testTable(1).ID))
		mustNot(t, store.Close())
		if _, found, err := verifyBackupIn(mem, "backups/monday"); err != nil || len(found) > 0 {
			t.Errorf("after the restored store has been in use: %v, %v", err, found)
		}
	}
	if _, err := RestoreBackup(mem, "backups/monday", "data"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("restored over a store: %v", err)
	}
	whole, broken, err := ListBackups(mem, "backups")
	if err != nil || len(broken) > 0 || len(whole) != 1 || whole[0].Bytes() != b.Bytes() || !whole[0].Time.Equal(s.clock.Now()) {
		t.Errorf("the list: %v, %v, %v", whole, broken, err)
	}
	if _, err := Open(Options{FS: mem, Dir: "backups/monday", Clock: s.clock}); !errors.Is(err, ErrVersion) {
		t.Errorf("a backup was opened as a store: %v", err)
	}
}

// TestBackupWhileWritten makes backups while records of two tables are written: each backup has every
// record before it, and no half of any.
func TestBackupWhileWritten(t *testing.T) {
	mem := vfs.NewMem()
	s := openWith(t, testOptions(mem, clock.NewManual(start)))
	one, four := testTable(1), testTable(4)
	var acked atomic.Int64
	var stop atomic.Bool
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := int64(1); !stop.Load(); i++ {
			if _, err := s.Apply([]mutation.Mutation{rowMutation(&one, 1, i, i), rowMutation(&four, 2, i, i)}); err != nil {
				t.Error(err)
				return
			}
			acked.Store(i)
		}
	})
	writers.Go(func() {
		for !stop.Load() && !t.Failed() {
			if err := errors.Join(s.Flush(one.ID), s.Compact(one.ID), s.Compact(four.ID)); err != nil {
				t.Error(err)
			}
		}
	})
	for n := range 5 {
		for acked.Load() < int64(n*20) && !t.Failed() {
			mustNot(t, s.Flush(four.ID))
		}
		before := acked.Load()
		dir, restored := fmt.Sprintf("b%d", n), fmt.Sprintf("r%d", n)
		_, err := s.Backup(dir)
		mustNot(t, err)
		_, err = RestoreBackup(mem, dir, restored)
		mustNot(t, err)
		opts := testOptions(mem, clock.NewManual(start))
		opts.Dir = restored
		store := mustOpen(t, opts)
		v := store.View()
		a, b := countRows(t, v, &one, keyOf(1)), countRows(t, v, &four, keyOf(2))
		if a != b || a < before {
			t.Errorf("%d rows were acknowledged; the backup has %d of one table and %d of the other", before, a, b)
		}
		v.Close()
		mustNot(t, store.Close())
	}
	stop.Store(true)
	writers.Wait()
	mustNot(t, s.Close())
}

func countRows(t *testing.T, v *View, table *mutation.Table, key partition.DecoratedKey) (n int64) {
	_, rows, err := v.Rows(table.ID, key, everything)
	mustNot(t, err)
	for {
		row, err := rows.Next()
		mustNot(t, err)
		if row == nil {
			return n
		}
		n++
	}
}

// TestBackupCutShort stops the machine at each file operation of a backup and of a restore: what verify accepts
// is whole, and what opens as a store has everything.
func TestBackupCutShort(t *testing.T) {
	every := 5
	if soak() {
		every = 1
	}
	crash := rand.New(rand.NewPCG(3, 3))
	mem := vfs.NewMem()
	var s *script
	backing, restoring, cuts := false, false, 0
	judge := func(op vfs.Op) error {
		if !backing && !restoring || op.Index%every != 0 {
			return nil
		}
		cuts++
		fs := mem.CrashClone(crash, crash.IntN(101))
		if backing {
			if _, found, err := verifyBackupIn(fs, "b"); err == nil {
				if _, err := RestoreBackup(fs, "b", "restored"); err != nil || len(found) > 0 {
					t.Errorf("before operation %d: verified, but %v, %v", op.Index, found, err)
				}
			}
			return nil
		}
		opts := testOptions(fs, s.clock)
		opts.Dir = "restored"
		names, _ := fs.List("restored")
		store, err := Open(opts)
		if err != nil {
			return nil
		}
		v := store.View()
		if len(names) > 1 && v.Sequence() < s.acked {
			t.Errorf("before operation %d: half a restore opens: %v", op.Index, names)
		}
		v.Close()
		mustNot(t, store.Close())
		return nil
	}
	faulty := vfs.NewFaulty(mem, judge)
	s = newScript(faulty, 9)
	s.run(60)
	s.open()
	s.write()
	backing = true
	_, err := s.store.Backup("b")
	mustNot(t, err)
	backing = false
	mustNot(t, s.store.Close())
	restoring = true
	_, err = RestoreBackup(faulty, "b", "restored")
	mustNot(t, err)
	restoring = false
	if cuts == 0 {
		t.Error("nothing was cut")
	}
}

// TestBackupThatFailsLeavesNothing makes each file operation of a backup fail.
func TestBackupThatFailsLeavesNothing(t *testing.T) {
	every := 7
	if soak() {
		every = 1
	}
	for n := 0; ; n += every {
		mem := vfs.NewMem()
		var count int
		armed := false
		s := newScript(vfs.NewFaulty(mem, func(op vfs.Op) error {
			if !armed || op.Kind == vfs.OpRemove {
				return nil
			}
			if count++; count == n+1 {
				return errors.New("no luck")
			}
			return nil
		}), 9)
		s.run(40)
		s.open()
		s.write()
		armed = true
		_, err := s.store.Backup("b")
		armed = false
		_ = s.store.Close() // may have become read-only
		if err == nil {
			if _, found, err := verifyBackupIn(mem, "b"); err != nil || len(found) > 0 {
				t.Errorf("without a failure: %v, %v", err, found)
			}
			if count <= n {
				return
			}
			continue // a link that failed is a copy
		}
		if names, err := mem.List("b"); err == nil && len(names) > 0 {
			t.Errorf("failed at operation %d, and left %v", n, names)
		}
	}
}

// TestVerifyFindsDamagedBackup flips bytes of every file of a backup, and removes it.
func TestVerifyFindsDamagedBackup(t *testing.T) {
	mem, s := checkedStore(t)
	s.open()
	b, err := s.store.Backup("b")
	mustNot(t, err)
	mustNot(t, s.store.Close())
	rng := rand.New(rand.NewPCG(1, 1))
	for _, f := range append(b.Files, BackupFile{Name: backupName, Bytes: 100}) {
		for _, damage := range []string{"flip", "remove"} {
			fs := mem.CrashClone(rng, 100)
			if path := vfs.Join("..", "b", f.Name); damage == "flip" {
				flip(t, fs, path, rng.Int64N(f.Bytes), 1<<rng.IntN(8))
			} else {
				mustNot(t, fs.Remove(vfs.Join("b", f.Name)))
			}
			_, found, err := verifyBackupIn(fs, "b")
			if f.Name == backupName && !errors.Is(err, ErrNoBackup) {
				t.Errorf("%s of %s: %v", damage, f.Name, err)
			} else if f.Name != backupName && (err != nil || len(found) != 1 || found[0].File != f.Name) {
				t.Errorf("%s of %s: %v, %v", damage, f.Name, found, err)
			}
			if _, err := RestoreBackup(fs, "b", "restored"); err == nil {
				t.Errorf("%s of %s: it was restored", damage, f.Name)
			}
		}
	}
}

func FuzzDecodeBackup(f *testing.F) {
	text, err := appendBackup(nil, &BackupInfo{Sequence: 7, Files: []BackupFile{{"sstable-0000000000000001.sst", 10, 0xfe}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("crc32c 00000000\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := decodeBackup(src)
		if err != nil {
			return
		}
		again, err := appendBackup(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeBackup(again); err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}
