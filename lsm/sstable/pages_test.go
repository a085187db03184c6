package sstable

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"pgregory.net/rapid"
)

func TestColumnsGiveBackTheirNumbers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(1<<40, 1<<40+300)), 1, 40).Draw(rt, "values")
		dst := appendColumn(nil, values)
		size := len(dst)
		dst = append(dst, make([]byte, rapid.IntRange(0, 9).Draw(rt, "behind"))...)
		c := cursor{src: dst}
		col := c.column(dst, len(values))
		if c.bad || len(c.src) != len(dst)-size {
			rt.Fatalf("%d bytes are left of %d", len(c.src), len(dst))
		}
		for i, want := range values {
			if got := col.at(dst, i); got != want {
				rt.Fatalf("number %d is %d, want %d", i, got, want)
			}
		}
	})
}

// sameToken returns n keys of 32 bytes with one token: the second half of each brings the hash to where it is for all.
func sameToken(n int) []partition.DecoratedKey {
	var c1, c2, d1, d2, end1, end2 uint64 = 0x87c37b91114253d5, 0x4cf5ad432745937f, 0x52dce729, 0x38495ab5, 12345, 67890
	inverse := func(odd uint64) uint64 {
		x := odd
		for range 6 { // each round doubles the bits that are right
			x *= 2 - odd*x
		}
		return x
	}
	out := make([]partition.DecoratedKey, n)
	for i := range out {
		first := uint64(i)
		h1 := bits.RotateLeft64(bits.RotateLeft64(first*c1, 31)*c2, 27)*5 + d1
		h2 := (bits.RotateLeft64(0, 31)+h1)*5 + d2
		m1 := h1 ^ bits.RotateLeft64((end1-d1)*inverse(5)-h2, -27)
		m2 := h2 ^ bits.RotateLeft64((end2-d2)*inverse(5)-end1, -31)
		key := binary.LittleEndian.AppendUint64(nil, first)
		key = binary.LittleEndian.AppendUint64(key, 0)
		key = binary.LittleEndian.AppendUint64(key, bits.RotateLeft64(m1*inverse(c2), -31)*inverse(c1))
		key = binary.LittleEndian.AppendUint64(key, bits.RotateLeft64(m2*inverse(c1), -33)*inverse(c2))
		out[i] = partition.Decorate(key)
	}
	slices.SortFunc(out, partition.DecoratedKey.Compare)
	return out
}

// TestKeysOfOneToken are all found, wherever blocks of the index end.
func TestKeysOfOneToken(t *testing.T) {
	same := sameToken(20)
	if same[0].Token != same[19].Token {
		t.Fatalf("tokens %d and %d", same[0].Token, same[19].Token)
	}
	table := testTable(mutation.ByTimestamp, layouts["time"])
	all := sensorRows(t, table.Clustering, 60)
	var parts []stored
	for i := range 20 {
		parts = append(parts, stored{key: same[i], rows: all[i : i+1]}, stored{key: key(i), rows: all[20+i : 22+i]})
	}
	sortParts(parts)
	for _, size := range []int{1, 100, 200, blockBytes} {
		fs := vfs.NewMem()
		writeIn(t, fs, WriterOptions{Table: table, FileID: 7}, parts, size)
		r := open(t, fs, table)
		if err := r.Verify(); err != nil {
			t.Fatal(err)
		}
		for i := range parts {
			p, err := r.Partition(parts[i].key)
			if err != nil || p == nil {
				t.Fatalf("blocks of %d bytes: partition %d: %v %v", size, i, p, err)
			}
			if got := collect(t, p.rows(clustering.All(), false)); len(got) != len(parts[i].rows) || string(got[0].Clustering) != string(parts[i].rows[0].Clustering) {
				t.Fatalf("blocks of %d bytes: partition %d has %d rows", size, i, len(got))
			}
		}
		absent := partition.DecoratedKey{Token: same[0].Token, Key: []byte("absent")}
		if p, err := r.Partition(absent); p != nil || err != nil {
			t.Fatalf("absent key of that token: %v %v", p, err)
		}
		keys := r.Keys(partition.Range{Start: same[0].Token, HasStart: true, End: same[0].Token, HasEnd: true})
		n := 0
		for k, err := keys.Next(); k != nil || err != nil; k, err = keys.Next() {
			if err != nil || !k.Equal(same[n]) {
				t.Fatalf("key %d of the token: %v %v", n, k, err)
			}
			n++
		}
		if n != len(same) {
			t.Fatalf("blocks of %d bytes: %d keys of the token", size, n)
		}
	}
}

// longPartition is a partition of many row groups between two small ones.
func longPartition(t testing.TB, table *mutation.Table, groups int) []stored {
	rows := inOrder(sensorRows(t, table.Clustering, groups*groupRowsMax+100))
	parts := []stored{{key: key(1), rows: rows[:3]}, {key: key(2), rows: rows[:5]}, {key: key(3), rows: rows[:7]}}
	sortParts(parts)
	parts[1].rows = rows
	return parts
}

// TestSlicesOfManyRowGroups reads slices of a partition in both directions and compares with all its rows.
func TestSlicesOfManyRowGroups(t *testing.T) {
	for _, layout := range []string{"time", "time desc"} {
		table := testTable(mutation.ByTimestamp, layouts[layout])
		parts := longPartition(t, table, 20)
		for _, size := range []int{1, 400, blockBytes} {
			fs := vfs.NewMem()
			writeIn(t, fs, WriterOptions{Table: table, FileID: 7}, parts, size)
			r := open(t, fs, table)
			if err := r.Verify(); err != nil {
				t.Fatal(err)
			}
			p, err := r.Partition(parts[1].key)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, uint64(size)))
			for range 60 {
				in := randomSlices(rng, parts[1].rows)
				for _, reverse := range []bool{false, true} {
					compareSlices(t, p, parts[1].rows, in, reverse)
				}
			}
		}
	}
}

// randomSlices are up to four slices, some of one row, some between two.
func randomSlices(rng *rand.Rand, rows []mutation.Row) clustering.Slices {
	var in []clustering.Slice
	for range 1 + rng.IntN(4) {
		from := rng.IntN(len(rows))
		to := min(len(rows)-1, from+[]int{0, 1, 30, 3000}[rng.IntN(4)])
		a, b := rows[from].Clustering, rows[to].Clustering
		in = append(in, clustering.Slice{
			Start: []clustering.Bound{clustering.Before(a), clustering.After(a)}[rng.IntN(2)],
			End:   []clustering.Bound{clustering.Before(b), clustering.After(b)}[rng.IntN(2)],
		})
	}
	return clustering.MakeSlices(in)
}

func compareSlices(t *testing.T, p *Partition, rows []mutation.Row, in clustering.Slices, reverse bool) {
	t.Helper()
	source := p.rows(in, reverse)
	next := func() *mutation.Row {
		row, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	for i := range rows {
		if reverse {
			i = len(rows) - 1 - i
		}
		if !in.Contains(rows[i].Clustering) {
			continue
		}
		if row := next(); row == nil || string(row.Clustering) != string(rows[i].Clustering) {
			t.Fatalf("%s, reverse %t: no row %d", in, reverse, i)
		}
	}
	if row := next(); row != nil {
		t.Fatalf("%s, reverse %t: row %x too many", in, reverse, row.Clustering)
	}
}

// TestSlicesAreFoundNotListed counts the blocks of the directory that one row of a long partition takes.
func TestSlicesAreFoundNotListed(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := longPartition(t, table, 40)
	fs := vfs.NewMem()
	writeIn(t, fs, WriterOptions{Table: table, FileID: 7}, parts, 1)
	for _, reverse := range []bool{false, true} {
		for _, at := range []int{0, 17*groupRowsMax + 5, 40 * groupRowsMax} {
			cache := NewCache(1 << 20)
			r := openIn(t, fs, table, cache)
			p, err := r.Partition(parts[1].key)
			if err != nil {
				t.Fatal(err)
			}
			in := clustering.Slices{clustering.RowSlice(parts[1].rows[at].Clustering)}
			if got := collect(t, p.rows(in, reverse)); len(got) != 1 {
				t.Fatalf("%d rows", len(got))
			}
			// The index, the first and the last group for bounds, and around the row.
			if misses := cache.Statistics().Misses; misses > 6 {
				t.Errorf("row %d, reverse %t: %d blocks read", at, reverse, misses)
			}
		}
	}
}

// TestWriterKeepsFencesAlone writes many partitions and looks at what the writer holds.
func TestWriterKeepsFencesAlone(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	row := sensorRows(t, table.Clustering, 1)
	f, err := vfs.NewMem().Create(testPath)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	keys := make([]partition.DecoratedKey, n)
	for i := range keys {
		keys[i] = partition.Decorate(fmt.Appendf(nil, "device-%07d", i))
	}
	slices.SortFunc(keys, partition.DecoratedKey.Compare)
	w := NewWriter(f, WriterOptions{Table: table})
	side := &mutation.Side{Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 2}}
	most := 0
	for i := range keys {
		if err := w.StartPartition(keys[i], side); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // others have nothing but their deletion
			if err := w.AppendRow(&row[0]); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, w.index.bytes()+w.directory.bytes()+w.statistics.bytes()+w.side.bytes())
	}
	fences := 0
	for i := range w.fences {
		fences += len(w.fences[i].body)
	}
	if most > 4*blockBytes+1000 || fences > n/2 {
		t.Errorf("%d bytes of blocks and %d of fences for %d partitions", most, fences, n)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyComparesBlocksAndRows changes bytes of directory and statistics, and repairs the checksums: either Verify
// notices, or no answer is another. What else there is nothing else says: keys, and which rows are whose.
func TestVerifyComparesBlocksAndRows(t *testing.T) {
	for name, file := range map[string]func(testing.TB) (*mutation.Table, []byte){"varied": variedFile, "plain": plainFile} {
		table, data := file(t)
		want, err := ask(t, store(t, data), table)
		if err != nil {
			t.Fatal(err)
		}
		r := open(t, store(t, data), table)
		found, harmless := 0, 0
		rng := rand.New(rand.NewPCG(1, 1))
		for _, list := range []*fences{&r.directory.fences, &r.statistics.fences} {
			for at := list.offsets[0]; at < list.offsets[0]+uint64(list.lengths[0])-checksumBytes; at++ {
				fs := store(t, resealed(data, func(_ *footer, list []section, body []byte) []section {
					body[at] ^= 1 << rng.IntN(8)
					return list
				}))
				lying, err := Open(fs, testPath, table, NewCache(1<<20))
				if err == nil {
					err = lying.Verify()
					_ = lying.Close() // read only
				}
				if err != nil {
					found++
					continue
				}
				harmless++
				got, err := ask(t, fs, table)
				got.info, got.moved = want.info, want.moved // blocks may be taken row by row
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: byte %d: Verify says nothing, and answers are others: %v", name, at, err)
				}
			}
		}
		if found < 10*harmless {
			t.Errorf("%s: %d changes found, %d harmless", name, found, harmless)
		}
	}
}

// TestManyPartitions writes partitions of twenty rows, ten million of them in a soak, and reads some. What stays in memory and what
// the metadata takes on disk is a few bytes for each.
func TestManyPartitions(t *testing.T) {
	n, rowsEach, fs, dir := 20_000, 20, vfs.FS(vfs.NewMem()), ""
	if os.Getenv("ESKER_SOAK") == "1" {
		n, fs, dir = 10_000_000, vfs.OS, t.TempDir()
	}
	path := vfs.Join(dir, testPath[1:])
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	table := testTable(mutation.ByTimestamp, layouts["time"])
	block := plainBlock(t, table, 2000)
	keyOf := func(i int) []byte { return fmt.Appendf(nil, "device-%07d", i) }
	byToken := make([]int, n)
	tokens := make([]partition.Token, n)
	for i := range byToken {
		byToken[i], tokens[i] = i, partition.TokenOf(keyOf(i))
	}
	slices.SortFunc(byToken, func(a, b int) int { return cmp.Compare(tokens[a], tokens[b]) })
	w := NewWriter(f, WriterOptions{Table: table, FileID: 7})
	for _, i := range byToken {
		if err := w.StartPartition(partition.DecoratedKey{Token: tokens[i], Key: keyOf(i)}, nil); err != nil {
			t.Fatal(err)
		}
		if at := i % (block.Rows - rowsEach); w.AppendBlock(block, at, at+rowsEach) != nil {
			t.Fatal(w.err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	cache := NewCache(64 << 20)
	r, err := Open(fs, path, table, cache)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	blocks := int64(0)
	for _, list := range r.sections() {
		for _, size := range list.lengths {
			blocks += int64(size)
		}
	}
	t.Logf("%d rows in %d bytes, %d of them metadata, %d in memory", info.Rows, info.Bytes, blocks, r.resident)
	if blocks > 15*int64(n) || r.resident > int64(n)+fileOverhead {
		t.Errorf("%d bytes of metadata, %d in memory, for %d partitions", blocks, r.resident, n)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range n / 20 {
		i := rng.IntN(n)
		p, err := r.Partition(partition.Decorate(keyOf(i)))
		if err != nil || p == nil {
			t.Fatal(i, p, err)
		}
		first, _, _ := p.Bounds()
		if want := r.keys.appendRow(nil, block.Clustering, i%(block.Rows-rowsEach)); !bytes.Equal(first, want) {
			t.Fatalf("partition %d begins at %x, want %x", i, first, want)
		}
	}
	if s := cache.Statistics(); s.Bytes > s.LimitBytes {
		t.Errorf("%+v", s)
	} else {
		t.Logf("%+v", s)
	}
}
