package sstable

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// smallBlocks is a file with a block an entry, and its partitions.
func smallBlocks(t testing.TB, n int) (vfs.FS, *mutation.Table, []stored) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(t, table.Clustering, n)
	fs := vfs.NewMem()
	writeIn(t, fs, WriterOptions{Table: table, FileID: 7}, parts, 1)
	return fs, table, parts
}

// TestCacheKeepsItsLimit reads more blocks than there is room for.
func TestCacheKeepsItsLimit(t *testing.T) {
	fs, table, parts := smallBlocks(t, 300)
	for _, limit := range []int64{0, 1000, 60_000, 1 << 20} {
		cache := NewCache(limit)
		r := openIn(t, fs, table, cache)
		resident := cache.Statistics().Bytes
		rng := rand.New(rand.NewPCG(1, 1))
		for range 2000 {
			i := rng.IntN(len(parts))
			if p, err := r.Partition(parts[i].key); p == nil || err != nil {
				t.Fatal(p, err)
			}
			s := cache.Statistics()
			if s.Bytes > max(limit, resident) || s.LimitBytes != limit || s.Bytes < resident {
				t.Fatalf("%d bytes in a cache of %d, %d of them for the file", s.Bytes, limit, resident)
			}
		}
		s := cache.Statistics()
		if limit == 1<<20 && (s.Blocks < 250 || s.Misses > 400) {
			t.Errorf("where all fits: %+v", s)
		}
		if limit == 60_000 && (s.Blocks == 0 || s.Hits == 0 || s.Misses < 500) {
			t.Errorf("where a part fits: %+v", s)
		}
	}
}

// TestCacheForgetsClosedFiles opens two files and closes one after the other.
func TestCacheForgetsClosedFiles(t *testing.T) {
	fs, table, parts := smallBlocks(t, 50)
	cache := NewCache(1 << 20)
	var readers [2]*Reader
	for i := range readers {
		r, err := Open(fs, testPath, table, cache)
		if err != nil {
			t.Fatal(err)
		}
		readers[i] = r
		for k := range parts {
			if _, err := r.Partition(parts[k].key); err != nil {
				t.Fatal(err)
			}
		}
	}
	both := cache.Statistics()
	if err := readers[0].Close(); err != nil {
		t.Fatal(err)
	}
	one := cache.Statistics()
	if 2*one.Blocks != both.Blocks || 2*one.Bytes != both.Bytes {
		t.Errorf("after one file of two is closed: %+v, with both %+v", one, both)
	}
	before := one.Misses
	for k := range parts {
		if _, err := readers[1].Partition(parts[k].key); err != nil {
			t.Fatal(err)
		}
	}
	if now := cache.Statistics().Misses; now != before {
		t.Errorf("%d blocks of the open file were read again", now-before)
	}
	if err := readers[1].Close(); err != nil {
		t.Fatal(err)
	}
	if s := cache.Statistics(); s.Blocks != 0 || s.Bytes != 0 {
		t.Errorf("after both are closed: %+v", s)
	}
}

// TestCacheKeepsWhatIsUsed asks for one partition again and again while it goes through all others.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	fs, table, parts := smallBlocks(t, 400)
	r := openIn(t, fs, table, NewCache(0))
	cache := NewCache(r.resident + 20*(cacheOverhead+200))
	r = openIn(t, fs, table, cache)
	missed := 0
	for i := range parts {
		before := cache.Statistics().Misses
		if _, _, err := r.find(parts[0].key); err != nil {
			t.Fatal(err)
		}
		missed += int(cache.Statistics().Misses - before)
		if _, _, err := r.find(parts[i].key); err != nil {
			t.Fatal(err)
		}
	}
	if missed != 1 {
		t.Errorf("a block that is always used was read %d times", missed)
	}
}

// TestReadersShareACache lets readers of two files evict each other's blocks.
func TestReadersShareACache(t *testing.T) {
	fs, table, parts := smallBlocks(t, 200)
	cache := NewCache(60_000)
	readers := []*Reader{openIn(t, fs, table, cache), openIn(t, fs, table, cache)}
	var all sync.WaitGroup
	failed := make(chan error, 4)
	for g := range cap(failed) {
		all.Add(1)
		go func() {
			defer all.Done()
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range 500 {
				i := rng.IntN(len(parts))
				p, err := readers[g%2].Partition(parts[i].key)
				if err != nil {
					failed <- err
					return
				}
				rows := p.rows(clustering.All(), false)
				n := 0
				for row, err := rows.Next(); row != nil || err != nil; row, err = rows.Next() {
					if err != nil {
						failed <- err
						return
					}
					n++
				}
				if n != len(parts[i].rows) {
					failed <- errors.New("rows are missing")
					return
				}
			}
		}()
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if s := cache.Statistics(); s.Bytes > 60_000 {
		t.Errorf("%+v", s)
	}
}

// brokenFile fails reads as long as it is told to.
type brokenFile struct {
	vfs.File
	err error
	cut int64 // there are no bytes from there on, if it is not 0
}

func (f *brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.cut > 0 && off+int64(len(p)) > f.cut {
		n, err := f.File.ReadAt(p[:max(0, f.cut-off)], off)
		return n, errors.Join(err, io.EOF)
	}
	return f.File.ReadAt(p, off)
}

// TestFailedReadsAreToldAndForgotten lets reads of blocks fail, and then succeed.
func TestFailedReadsAreToldAndForgotten(t *testing.T) {
	fs, table, parts := smallBlocks(t, 30)
	r := open(t, fs, table)
	file := &brokenFile{File: r.file, err: errDisk}
	r.file = file
	if _, err := r.Partition(parts[9].key); !errors.Is(err, errDisk) || isExpected(err) {
		t.Errorf("a read that fails: %v", err)
	}
	if _, err := r.Keys(partition.Range{}).Next(); !errors.Is(err, errDisk) {
		t.Errorf("keys where a read fails: %v", err)
	}
	if _, _, err := r.MinTimestampOf(parts[9].key); !errors.Is(err, errDisk) {
		t.Errorf("timestamp where a read fails: %v", err)
	}
	file.err, file.cut = nil, headerBytes+1
	if _, err := r.Partition(parts[9].key); !isExpected(err) {
		t.Errorf("a file that has become shorter: %v", err)
	}
	file.cut = 0
	p, err := r.Partition(parts[9].key)
	if err != nil || p == nil {
		t.Fatalf("after the reads that failed: %v %v", p, err)
	}
	if got := collect(t, p.rows(clustering.All(), false)); len(got) != len(parts[9].rows) {
		t.Errorf("%d rows, want %d", len(got), len(parts[9].rows))
	}
}
