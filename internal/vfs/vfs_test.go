package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
)

// each runs a test on the operating system's files and on those in memory.
func each(t *testing.T, f func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { f(t, OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := NewMem()
		if err := m.MkdirAll("/data"); err != nil {
			t.Fatal(err)
		}
		f(t, m, "/data")
	})
}

func write(t *testing.T, fsys FS, name, text string, synced bool) {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if synced {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesBehaveAlike(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		a, b := Join(dir, "a"), Join(dir, "b")
		write(t, fsys, a, "hello", true)
		if err := fsys.Rename(a, b); err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Open(a); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open of a renamed file: %v", err)
		}
		if err := fsys.Link(b, a); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.OpenReadWrite(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("HE"), 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.SyncData(), f.Preallocate(0, 8), f.Close()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, fsys, a); got != "HEllo\x00\x00\x00" {
			t.Errorf("a link reads %q", got)
		}
		names, err := fsys.List(dir)
		if err != nil || len(names) != 2 || names[0] != "a" || names[1] != "b" {
			t.Errorf("List: %q, %v", names, err)
		}
		if err := errors.Join(fsys.Remove(a), fsys.SyncDir(dir)); err != nil {
			t.Fatal(err)
		}
		if info, err := fsys.Stat(b); err != nil || info.Size != 8 {
			t.Errorf("Stat: %+v, %v", info, err)
		}
		lock, err := fsys.Lock(Join(dir, "LOCK"))
		if err != nil {
			t.Fatal(err)
		}
		var held *LockedError
		if _, err := fsys.Lock(Join(dir, "LOCK")); !errors.As(err, &held) {
			t.Errorf("a second lock: %v", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(200) {
		m := NewMem()
		write(t, m, "/synced", "durable", true)
		if err := m.SyncDir("/"); err != nil {
			t.Fatal(err)
		}
		f, err := m.OpenReadWrite("/synced")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("DURABLE"), 0); err != nil {
			t.Fatal(err)
		}
		write(t, m, "/unlisted", "x", true)
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 1)), 50)
		if got := read(t, c, "/synced"); got != "durable" && got != "DURABLE" {
			t.Fatalf("seed %d: a synced page reads %q", seed, got)
		}
		none := m.CrashClone(rand.New(rand.NewPCG(seed, 1)), 0)
		if got := read(t, none, "/synced"); got != "durable" {
			t.Fatalf("seed %d: nothing unsynced was to survive, but it reads %q", seed, got)
		}
		if _, err := none.Open("/unlisted"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("seed %d: a file whose directory was not synced survived: %v", seed, err)
		}
		all := m.CrashClone(rand.New(rand.NewPCG(seed, 1)), 100)
		if got := read(t, all, "/synced"); got != "DURABLE" {
			t.Fatalf("seed %d: everything was to survive, but it reads %q", seed, got)
		}
	}
}

func TestFaultyFailsTheChosenOperation(t *testing.T) {
	for n := range 3 {
		m := NewMem()
		f := NewFaulty(m, func(op Op) error {
			if op.Index == n {
				return syscall.ENOSPC
			}
			return nil
		})
		file, err := f.Create("/a")
		if n == 0 {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("create: %v", err)
			}
			continue
		}
		_, errWrite := file.Write(bytes.Repeat([]byte{1}, 10))
		errSync := file.Sync()
		if got := errors.Is(errWrite, syscall.ENOSPC); got != (n == 1) {
			t.Errorf("n %d: write: %v", n, errWrite)
		}
		if got := errors.Is(errSync, syscall.ENOSPC); got != (n == 2) {
			t.Errorf("n %d: sync: %v", n, errSync)
		}
		if size, _ := file.Size(); n == 1 && size != 5 {
			t.Errorf("a failed write left %d bytes, want half", size)
		}
	}
}

// What is reserved is there to be written: it counts as used before, and no more is used after.
func TestPreallocateReserves(t *testing.T) {
	const size = 1 << 20
	name := t.TempDir() + "/reserved"
	f, err := OS.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	used := func() int64 {
		var s syscall.Stat_t
		if err := syscall.Stat(name, &s); err != nil {
			t.Fatal(err)
		}
		return s.Blocks * 512
	}
	if err := f.Preallocate(0, size); err != nil {
		t.Fatal(err)
	}
	before := used()
	if before == 0 {
		t.Skip("this file system reserves nothing")
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{1}, size), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncData(); err != nil {
		t.Fatal(err)
	}
	if after := used(); before < size || after != before {
		t.Errorf("%d bytes reserved, %d in use when written", before, after)
	}
}

func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOSPC: true, syscall.EDQUOT: true, ErrDiskFull: true, syscall.EIO: false,
		&fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}: true, nil: false,
	} {
		if IsFull(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
