package lsm

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// fullDisk is a file system that is full at times, for some files.
type fullDisk struct {
	*vfs.Faulty
	full    atomic.Bool
	refused atomic.Int64
}

func newFullDisk(mem *vfs.Mem, concerns string) *fullDisk {
	d := &fullDisk{}
	d.Faulty = vfs.NewFaulty(mem, func(op vfs.Op) error {
		takesSpace := op.Kind == vfs.OpWrite || op.Kind == vfs.OpCreate || op.Kind == vfs.OpPreallocate
		if takesSpace && d.full.Load() && strings.Contains(op.Name, concerns) {
			d.refused.Add(1)
			return syscall.ENOSPC
		}
		return nil
	})
	return d
}

// A flush that finds the disk full is done once there is space, without anybody asking.
// Meanwhile the store reads and, as long as the log has room, writes.
func TestBackgroundWaitsForSpace(t *testing.T) {
	mem := vfs.NewMem()
	disk := newFullDisk(mem, "sstable-")
	flushed, reported := make(chan struct{}, 1000), make(chan error, 1000)
	opts := testOptions(disk, clock.NewManual(start))
	opts.MemtableBytes, opts.MemoryBytesMax, opts.Tuning.NoBackground = 16<<10, 1<<30, false
	opts.Events.Flushed = func(FlushInfo) { flushed <- struct{}{} }
	opts.Events.Failed = func(err error) { reported <- err }
	s := mustOpen(t, opts)
	mustNot(t, s.PutSchema(nil, testTables()))
	written := int64(0)
	write := func(n int) {
		for range n {
			_, err := s.Apply(pair(keyOf(int(written%7)), written))
			mustNot(t, err)
			written++
		}
	}
	disk.full.Store(true)
	write(1000) // far beyond the size of a memtable
	err := <-reported
	if !errors.Is(err, ErrDiskFull) || strings.Count(err.Error(), "disk full") != 1 {
		t.Errorf("reported: %v", err)
	}
	seen := disk.refused.Load()
	for disk.refused.Load() < seen+3 { // it is tried again
		write(1)
	}
	v := s.View()
	if v.Sequence() != uint64(written) || s.Statistics().ReadOnly != nil {
		t.Errorf("a View at %d of %d records; %v", v.Sequence(), written, s.Statistics().ReadOnly)
	}
	v.Close()
	disk.full.Store(false)
	<-flushed
	if n := len(reported); n > 2 {
		t.Errorf("it was reported %d times more", n)
	}
	mustNot(t, s.Close())
	opts.FS = mem
	s = mustOpen(t, opts)
	v = s.View()
	if v.Sequence() != uint64(written) {
		t.Errorf("after opening again: a View at %d of %d records", v.Sequence(), written)
	}
	v.Close()
	mustNot(t, s.Close())
}

// A compaction that finds the disk full changes nothing, and can be done later.
func TestCompactionOnAFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	disk := newFullDisk(mem, "sstable-")
	s := newScript(disk, 59)
	s.open()
	for range 4 {
		for range 10 {
			s.write()
		}
		mustNot(t, s.store.FlushAll())
	}
	for _, full := range []bool{true, false} {
		disk.full.Store(full)
		for _, table := range s.gen.tables {
			err := s.store.Compact(table.ID)
			if errors.Is(err, ErrDiskFull) != full || err != nil && !full {
				t.Fatalf("disk full %v: %v", full, err)
			}
			v := s.store.View()
			mustNot(t, s.model.check(v, s.rng, s.clock.Now().Unix()))
			v.Close()
		}
		before := s.acked
		if s.write(); s.acked == before {
			t.Fatalf("disk full %v: %v", full, s.errs)
		}
	}
	mustNot(t, s.store.Close())
	mustNot(t, s.verify(mem))
}

// Every way to find the disk full says so once.
func TestDiskFullIsSaidOnce(t *testing.T) {
	for _, file := range []string{"commitlog-", "sstable-", "manifest-"} {
		disk := newFullDisk(vfs.NewMem(), file)
		s := newScript(disk, 53)
		s.open()
		s.write()
		disk.full.Store(true)
		for range 20 {
			_, err := s.store.Apply(s.gen.group())
			if err == nil {
				err = s.store.FlushAll()
			}
			if err == nil {
				err = s.store.PutSchema([]byte(file), testTables())
			}
			if !errors.Is(err, ErrDiskFull) || strings.Count(err.Error(), "disk full") != 1 || !strings.Contains(err.Error(), file) {
				t.Fatalf("%s: %v", file, err)
			}
		}
		disk.full.Store(false)
		_, err := s.store.Apply(s.gen.group())
		mustNot(t, err)
		mustNot(t, s.store.FlushAll())
		mustNot(t, s.store.Close())
	}
}

// The store says that the disk is full from the write that was refused until the next one that is taken, and for no longer than a
// minute.
func TestStatisticsTellOfAFullDisk(t *testing.T) {
	disk := newFullDisk(vfs.NewMem(), "commitlog-")
	s := newScript(disk, 61)
	s.open()
	refuse := func() {
		t.Helper()
		disk.full.Store(true)
		for i := 0; ; i++ {
			if _, err := s.store.Apply(s.gen.group()); err != nil {
				if got := s.store.Statistics().DiskFull; !errors.Is(got, ErrDiskFull) {
					t.Fatalf("%v, and the statistics say %v", err, got)
				}
				return
			}
			if got := s.store.Statistics().DiskFull; got != nil || i > 10_000 {
				t.Fatalf("after %d writes: %v", i, got)
			}
		}
	}
	refuse()
	disk.full.Store(false)
	_, err := s.store.Apply(s.gen.group())
	mustNot(t, err)
	if got := s.store.Statistics().DiskFull; got != nil {
		t.Errorf("a write was taken: %v", got)
	}
	refuse()
	s.clock.Advance(fullFor + time.Second)
	if got := s.store.Statistics().DiskFull; got != nil {
		t.Errorf("a minute later: %v", got)
	}
	disk.full.Store(false) // or what has its place in the log could not be written
	mustNot(t, s.store.Close())
}
