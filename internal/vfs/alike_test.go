package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestMissingNamesAreErrNotExist(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		nowhere, inNowhere := Join(dir, "no"), Join(dir, "no", "file")
		write(t, fsys, Join(dir, "a"), "1", false)
		for name, call := range map[string]func() error{
			"Create":        func() error { _, err := fsys.Create(inNowhere); return err },
			"Open":          func() error { _, err := fsys.Open(nowhere); return err },
			"OpenReadWrite": func() error { _, err := fsys.OpenReadWrite(nowhere); return err },
			"Remove":        func() error { return fsys.Remove(nowhere) },
			"Rename":        func() error { return fsys.Rename(nowhere, Join(dir, "b")) },
			"Rename into":   func() error { return fsys.Rename(Join(dir, "a"), inNowhere) },
			"Link":          func() error { return fsys.Link(nowhere, Join(dir, "b")) },
			"Link into":     func() error { return fsys.Link(Join(dir, "a"), inNowhere) },
			"List":          func() error { _, err := fsys.List(nowhere); return err },
			"Stat":          func() error { _, err := fsys.Stat(nowhere); return err },
			"SyncDir":       func() error { return fsys.SyncDir(nowhere) },
		} {
			if err := call(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no") {
				t.Errorf("%s: %v, want ErrNotExist with the name", name, err)
			}
		}
		if err := fsys.Link(Join(dir, "a"), Join(dir, "a")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Link to a name that is there: %v", err)
		}
	})
}

func TestReadWriteTruncateAlike(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := Join(dir, "f")
		write(t, fsys, name, "0123456789", false)
		f, err := fsys.OpenReadWrite(name)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 4)
		if n, err := f.ReadAt(p, 8); n != 2 || err != io.EOF {
			t.Errorf("ReadAt across the end: %d, %v", n, err)
		}
		if n, err := f.ReadAt(p, 10); n != 0 || err != io.EOF {
			t.Errorf("ReadAt at the end: %d, %v", n, err)
		}
		if _, err := f.ReadAt(p, -1); err == nil {
			t.Error("ReadAt before the start gave no error")
		}
		if _, err := f.WriteAt(p, -1); err == nil {
			t.Error("WriteAt before the start gave no error")
		}
		if err := f.Truncate(-1); err == nil {
			t.Error("Truncate to less than nothing gave no error")
		}
		if err := errors.Join(f.Truncate(3), f.Truncate(5)); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(f); err != nil || string(text) != "012\x00\x00" {
			t.Errorf("cut and grown: %q, %v", text, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Sync of a closed file: %v", err)
		}
		r, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.Write(p); err == nil {
			t.Error("a file opened for reading was written")
		}
		if free, err := fsys.Free(dir); err != nil || free == 0 {
			t.Errorf("Free: %d, %v", free, err)
		}
	})
}

func TestLockNamesItsHolder(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := Join(dir, "LOCK")
		for range 2 { // free again after Close
			lock, err := fsys.Lock(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = fsys.Lock(name)
			var held *LockedError
			if pid := strconv.Itoa(os.Getpid()); !errors.As(err, &held) || held.PID != pid || !strings.Contains(err.Error(), pid) {
				t.Errorf("a second lock: %v", err)
			}
			if err := lock.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Every kind of operation can be failed, with the name it was about, and an FS that fails nothing
// changes nothing.
func TestFaultySeesEveryKind(t *testing.T) {
	run := func(fail OpKind) (kinds map[OpKind]bool, err error) {
		kinds = map[OpKind]bool{}
		f := NewFaulty(NewMem(), func(op Op) error {
			kinds[op.Kind] = true
			if op.Name == "" {
				t.Errorf("operation %d (%s) has no name", op.Index, op.Kind)
			}
			if op.Kind == fail {
				return syscall.ENOSPC
			}
			return nil
		})
		return kinds, everyOperation(f)
	}
	kinds, err := run("")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []OpKind{OpCreate, OpOpen, OpRemove, OpRename, OpLink, OpMkdir, OpList, OpStat, OpSyncDir, OpRead, OpWrite, OpSync, OpPreallocate, OpTruncate} {
		if !kinds[kind] {
			t.Errorf("%s was not reported", kind)
		}
		if _, err := run(kind); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a failing %s: %v", kind, err)
		}
	}
}

func everyOperation(f *Faulty) error {
	file, err := f.Create("/a")
	if err != nil {
		return err
	}
	_, written := file.WriteAt([]byte("x"), 0)
	_, got := file.ReadAt(make([]byte, 1), 0)
	err = errors.Join(written, got, file.Preallocate(0, 9), file.Truncate(5), file.SyncData(), file.Close())
	if opened, openErr := f.Open("/a"); openErr != nil {
		err = errors.Join(err, openErr)
	} else {
		err = errors.Join(err, opened.Close())
	}
	_, listed := f.List("/")
	_, stated := f.Stat("/a")
	return errors.Join(err, listed, stated, f.Link("/a", "/b"), f.Rename("/b", "/c"), f.MkdirAll("/d"), f.SyncDir("/"), f.Remove("/c"))
}
