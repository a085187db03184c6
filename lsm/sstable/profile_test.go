package sstable

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// sizedFile writes partitions with so many rows each.
func sizedFile(t *testing.T, rows []int) (*Reader, map[string]int) {
	t.Helper()
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rng := rand.New(rand.NewPCG(3, 4)) // of timestamps, which do not become smaller: bytes are as rows
	var parts []stored
	want := map[string]int{}
	for i, n := range rows {
		p := stored{key: partition.Decorate(fmt.Appendf(nil, "sensor-%05d", i))}
		for c := range n {
			p.rows = append(p.rows, mutation.Row{
				Clustering: encodeKey(t, table.Clustering, be(int64(c), 8)), Live: mutation.Liveness{Timestamp: rng.Int64N(1 << 50), ExpiresAt: mutation.Forever},
			})
		}
		parts = append(parts, p)
		want[string(p.key.Key)] = n
	}
	sortParts(parts)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
	return open(t, fs, table), want
}

// The largest partitions of a file are named, by the bytes of their row groups: all bytes belong to somebody.
func TestProfileNamesTheLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	few := []int{0, 1, 3000, 255, 256, 1024, 1025, 2, 700}
	many := make([]int, 300)
	for i := range many {
		many[i] = 1 + rng.IntN(40)
		if i%3 == 0 {
			many[i] = 300 + rng.IntN(900)
		}
	}
	for _, rows := range [][]int{few, many, {}, {5}} {
		r, want := sizedFile(t, rows)
		p, err := r.Profile()
		if err != nil || len(p.Largest) != min(len(rows), LargestMax) {
			t.Fatalf("%d partitions: %d named: %v", len(rows), len(p.Largest), err)
		}
		sum, least := int64(0), int64(1)<<62
		for i, s := range p.Largest {
			if int(s.Rows) != want[string(s.Key)] || i > 0 && s.Bytes > p.Largest[i-1].Bytes {
				t.Errorf("%s: %d rows, %d bytes; want %d rows", s.Key, s.Rows, s.Bytes, want[string(s.Key)])
			}
			if rows, size, err := r.SizeOf(partition.Decorate(s.Key)); err != nil || rows != s.Rows || size == 0 && s.Bytes > int64(len(s.Key)) {
				t.Errorf("%s: by the index %d rows, %d bytes, by the profile %d and %d: %v", s.Key, rows, size, s.Rows, s.Bytes, err)
			}
			sum, least = sum+s.Bytes, min(least, s.Rows)
			delete(want, string(s.Key))
		}
		for key, n := range want {
			if len(rows) > LargestMax && n > 250 || int64(n) > 2*least {
				t.Errorf("%s with %d rows is not named; the least named has %d", key, n, least)
			}
		}
		groups := int64(0)
		var g group
		for n := range r.groupCount() {
			if err := r.group(n, &g); err != nil {
				t.Fatal(err)
			}
			groups += int64(g.length)
		}
		if sum > groups || len(rows) <= LargestMax && sum < groups-int64(len(rows)) { // a share of a row group is rounded down
			t.Errorf("%d bytes named of %d in row groups", sum, groups)
		}
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
	}
}

// Deletions of every kind are counted where they are written.
func TestProfileCountsTombstones(t *testing.T) {
	table, data := variedFile(t)
	r := open(t, store(t, data), table)
	p, err := r.Profile()
	if err != nil || p.Tombstones.Partitions != 1 || p.Tombstones.Ranges != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	var exact Tombstones
	keys := r.Keys(partition.Range{})
	defer keys.Close()
	for {
		key, err := keys.Next()
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			break
		}
		found, err := r.Partition(*key)
		if err != nil {
			t.Fatal(err)
		}
		exact.addSide(found.Side())
		source := found.rows(clustering.All(), false)
		for row, err := source.Next(); row != nil || err != nil; row, err = source.Next() {
			if err != nil {
				t.Fatal(err)
			}
			exact.addRow(row)
			held, _ := row.ComplexReach()
			exact.Cells += int64(held.Tombstones)
		}
	}
	if exact != p.Tombstones || exact.Sum() < 4 {
		t.Errorf("%+v are counted, %+v are there", p.Tombstones, exact)
	}
}

// What a profile says of partitions is checked with the rest of the file.
func TestVerifyFindsALyingProfile(t *testing.T) {
	table, data := variedFile(t)
	for name, lie := range map[string]func(p *Profile){
		"rows":      func(p *Profile) { p.Largest[2].Rows++ },
		"partition": func(p *Profile) { p.Largest[2].Key[0] ^= 1 },
		"order":     func(p *Profile) { p.Largest[1].Bytes = p.Largest[0].Bytes + 1 },
	} {
		end := len(data) - footerBytes
		broken := resealed(data, func(f *footer, list []section, body []byte) []section {
			s := list[5]
			p, err := decodeProfile(body[s.offset : s.offset+s.length])
			if err != nil {
				t.Fatal(err)
			}
			lie(p)
			if got := appendProfile(nil, p); len(got) == int(s.length) {
				copy(body[s.offset:], got)
			} else {
				t.Fatalf("%s: %d bytes instead of %d", name, len(got), s.length)
			}
			return list
		})
		if len(broken) != end+footerBytes {
			t.Fatal("another length")
		}
		if err := open(t, store(t, broken), table).Verify(); err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

// Long keys of partitions that share a row group do not pile up: the row group ends before.
func TestProfileOfLongKeys(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	var parts []stored
	for i := range 60 {
		parts = append(parts, stored{
			key:  partition.Decorate(fmt.Appendf(make([]byte, partition.KeyBytesMax-10), "%d", i)),
			rows: []mutation.Row{{Clustering: encodeKey(t, table.Clustering, be(int64(i), 8)), Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}},
		})
	}
	sortParts(parts)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
	r := open(t, fs, table)
	p, err := r.Profile()
	if err != nil || len(p.Largest) != 60 || r.RowGroups() < 3 {
		t.Fatalf("%d of 60 named in %d row groups: %v", len(p.Largest), r.RowGroups(), err)
	}
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
}
