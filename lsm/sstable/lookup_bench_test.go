package sstable

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// manyPartitions is a file of n partitions of one row to ten, and their keys.
func manyPartitions(b testing.TB, n int) (*Reader, []partition.DecoratedKey) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(b, table.Clustering, 2000)
	keys := make([]partition.DecoratedKey, n)
	for i := range keys {
		keys[i] = partition.Decorate(fmt.Appendf(nil, "device-%07d", i))
	}
	slices.SortFunc(keys, partition.DecoratedKey.Compare)
	fs := vfs.NewMem()
	parts := make([]stored, n)
	for i, k := range keys {
		parts[i] = stored{key: k, rows: rows[i%1900 : i%1900+1+i%10]}
	}
	write(b, fs, WriterOptions{Table: table, FileID: 7}, parts)
	r, err := Open(fs, testPath, table, NewCache(64<<20))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	return r, keys
}

// BenchmarkFind finds partitions in the index, where all of it is in the cache.
func BenchmarkFind(b *testing.B) {
	r, keys := manyPartitions(b, 100_000)
	absent := make([]partition.DecoratedKey, len(keys))
	for i := range absent {
		absent[i] = partition.Decorate(fmt.Appendf(nil, "device-%07d", len(keys)+i))
	}
	for name, keys := range map[string][]partition.DecoratedKey{"hit": keys, "miss": absent} {
		b.Run(name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				if _, found, err := r.find(keys[rng.IntN(len(keys))]); err != nil || found != (name == "hit") {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// BenchmarkPartition opens a partition of many row groups, and one among others in a row group.
func BenchmarkPartition(b *testing.B) {
	large := benchPartition(b, "time")
	b.Run("large", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p, err := large.r.Partition(key(1)); p == nil || err != nil {
				b.Fatal(p, err)
			}
		}
	})
	r, keys := manyPartitions(b, 100_000)
	b.Run("small", func(b *testing.B) {
		rng := rand.New(rand.NewPCG(1, 1))
		b.ReportAllocs()
		for b.Loop() {
			if p, err := r.Partition(keys[rng.IntN(len(keys))]); p == nil || err != nil {
				b.Fatal(p, err)
			}
		}
	})
}
