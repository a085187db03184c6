package sstable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

func store(t testing.TB, data []byte) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	f, err := fs.Create(testPath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return fs
}

// variedFile has every kind of section and chunk.
func variedFile(t testing.TB) (*mutation.Table, []byte) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(t, table.Clustering, 20)
	rows := parts[3].rows
	rows[0].Deletion = mutation.Deletion{MarkedAt: 5, LocalSec: 5}
	rows[0].Live = mutation.Liveness{Timestamp: 9, TTL: 60, ExpiresAt: 1000}
	rows[0].Cells = append(slices.Clone(rows[0].Cells), mutation.Cell{Column: 9, Timestamp: 8, ExpiresAt: 77}, colours.Cell(11, nil))
	parts[5].side = mutation.Side{
		Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 2},
		Static:   &mutation.Row{Cells: []mutation.Cell{{Column: 4, Timestamp: 7, ExpiresAt: mutation.Forever, Value: []byte("attic")}, colours.Cell(12, nil)}},
		Ranges: []mutation.RangeTombstone{{
			Slice: clustering.RowSlice(parts[5].rows[0].Clustering), Deletion: mutation.Deletion{MarkedAt: 3, LocalSec: 4},
		}},
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
	return table, bytesOf(t, fs)
}

// plainFile has partitions that can be moved as blocks, one of them as it is encoded.
func plainFile(t testing.TB) (*mutation.Table, []byte) {
	table := testTable(mutation.BySequence, layouts["time"])
	large, small := plainBlock(t, table, copyRowsMin), plainBlock(t, table, 5)
	large.Sequences, small.ExpiresAt = make([]uint64, large.Rows), make([]int64, small.Rows)
	for i := range large.Sequences {
		large.Sequences[i] = uint64(i * i)
	}
	for i := range small.ExpiresAt {
		small.ExpiresAt[i] = int64(899 + i)
	}
	small.TTLs, small.Live = []int32{7, 7, 8, 8, 8}, []uint64{23}
	_, file := blockFile(t, table, large, small)
	return table, file.data
}

// answer is all that a file says.
type answer struct {
	info  Info
	sizes *Profile
	keys  []string
	sides []mutation.Side
	rows  [][]mutation.Row
	shown [][]shownRow
	moved int64 // rows in the blocks
}

// ask reads everything by both lanes.
func ask(t testing.TB, fs vfs.FS, table *mutation.Table) (a answer, err error) {
	r, err := Open(fs, testPath, table, NewCache(1<<20))
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a.info = *r.Info()
	if a.sizes, err = r.Profile(); err != nil {
		return a, err
	}
	keys := r.Keys(partition.Range{})
	for {
		k, err := keys.Next()
		if err != nil || k == nil {
			return a, err
		}
		p, err := r.Partition(*k)
		if err != nil {
			return a, err
		}
		if p == nil {
			return a, errLost
		}
		a.keys = append(a.keys, k.String())
		a.sides = append(a.sides, *p.Side())
		var rows []mutation.Row
		for source := p.rows(clustering.All(), false); ; {
			row, err := source.Next()
			if err != nil {
				return a, err
			}
			if row == nil {
				break
			}
			rows = append(rows, cloneRow(row))
		}
		a.rows = append(a.rows, rows)
		for _, req := range []mutation.ReadRequest{
			{Slices: clustering.All(), Columns: []mutation.ColumnID{1, 2, 3, 9}},
			{Slices: clustering.All(), Columns: []mutation.ColumnID{1, 2, 3, 9}, Metadata: true, Reverse: true, RowsMax: 1, NowSec: 900},
		} {
			source := p.batches(&req)
			for {
				b, err := source.Next()
				if err != nil {
					return a, err
				}
				if b == nil {
					break
				}
				a.shown = append(a.shown, shown(t, b, req.Metadata))
			}
		}
		moved, err := move(table, p)
		if err != nil {
			return a, err
		}
		a.moved += moved
	}
}

// move writes the blocks of a partition to another file, and returns how many rows it has.
func move(table *mutation.Table, p *Partition) (int64, error) {
	run := p.Run()
	if run == nil {
		return 0, nil
	}
	if run.Blocks() == nil {
		return 0, nil
	}
	f, err := vfs.NewMem().Create(testPath)
	if err != nil {
		return 0, err
	}
	w := NewWriter(f, WriterOptions{Table: table, FileID: 8})
	if err := w.StartPartition(key(1), nil); err != nil {
		return 0, err
	}
	if _, err := copyInto(w, p); err != nil {
		return 0, err
	}
	info, err := w.Finish()
	return info.Rows, err
}

// errLost is a key that Keys yields and Partition does not find: only a lie under a right checksum leads there.
var errLost = errors.New("key is lost")

func isExpected(err error) bool {
	var c *CorruptError
	return errors.As(err, &c) && c.File == testPath && c.What != "" || errors.Is(err, ErrVersion)
}

func TestFlippedBitsNeverGiveWrongData(t *testing.T) {
	for name, file := range map[string]func(testing.TB) (*mutation.Table, []byte){"varied": variedFile, "plain": plainFile} {
		t.Run(name, func(t *testing.T) {
			table, data := file(t)
			flipBits(t, table, data)
		})
	}
}

func flipBits(t *testing.T, table *mutation.Table, data []byte) {
	want, err := ask(t, store(t, data), table)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for at := range data {
		broken := slices.Clone(data)
		broken[at] ^= 1 << rng.IntN(8)
		fs := store(t, broken)
		got, err := ask(t, fs, table)
		if err != nil {
			if !isExpected(err) {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("byte %d: another answer", at)
		}
		r := open(t, fs, table)
		if err := r.Verify(); !isExpected(err) {
			t.Fatalf("byte %d of %d: flipped, and Verify says %v", at, len(data), err)
		}
	}
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	table, data := variedFile(t)
	for n := range data {
		if _, err := Open(store(t, data[:n]), testPath, table, NewCache(1<<20)); !isExpected(err) {
			t.Fatalf("cut at %d of %d: %v", n, len(data), err)
		}
	}
	if _, err := Open(store(t, append(slices.Clone(data), 0)), testPath, table, NewCache(1<<20)); !isExpected(err) {
		t.Fatalf("a byte more: %v", err)
	}
}

func TestFilesOfOthersAreRefused(t *testing.T) {
	table, data := variedFile(t)
	other := *table
	other.ID = mutation.TableID{9}
	if _, err := Open(store(t, data), testPath, &other, NewCache(1<<20)); !isExpected(err) {
		t.Errorf("another table: %v", err)
	}
	other = *table
	other.Columns = slices.Clone(table.Columns)
	other.Columns[1].Physical, other.Columns[1].Width = mutation.PhysicalBytes, 0
	if _, err := Open(store(t, data), testPath, &other, NewCache(1<<20)); !isExpected(err) {
		t.Errorf("another kind of column: %v", err)
	}
	other = *table
	other.Clustering = nil
	if _, err := Open(store(t, data), testPath, &other, NewCache(1<<20)); !isExpected(err) {
		t.Errorf("another clustering: %v", err)
	}
	if _, err := Open(vfs.NewMem(), testPath, table, NewCache(1<<20)); err == nil {
		t.Error("a file that is not there opens")
	}
}

// resealed changes the version of file or sections and makes all checksums right again.
func resealed(data []byte, change func(f *footer, sections []section, body []byte) []section) []byte {
	end := len(data) - footerBytes
	f, err := decodeFooter(data[end:], int64(len(data)))
	if err != nil {
		panic(err)
	}
	known, err := decodeTOC(data[f.tocOffset:end], f.tocOffset)
	if err != nil {
		panic(err)
	}
	var list []section
	for kind := uint16(sectionSide); kind <= sectionProfile; kind++ {
		list = append(list, known[kind])
	}
	body := slices.Clone(data[:f.tocOffset])
	list = change(&f, list, body)
	resealBlocks(body, known)
	var toc []byte
	for _, s := range list {
		s.checksum = checksum(body[s.offset : s.offset+s.length])
		toc = appendSection(toc, s)
	}
	f.tocLength, f.tocChecksum = uint64(len(toc)), checksum(toc)
	f.fileLength = uint64(len(body) + len(toc) + footerBytes)
	return appendFooter(append(body, toc...), f)
}

func TestVersionsOfSections(t *testing.T) {
	table, data := variedFile(t)
	unknown := section{kind: 900, version: 1, offset: headerBytes, length: 4}
	for name, c := range map[string]struct {
		change func(list []section) []section
		refuse bool
	}{
		"unchanged":        {func(list []section) []section { return list }, false},
		"unknown":          {func(list []section) []section { return append(list, unknown) }, true},
		"unknown optional": {func(list []section) []section { u := unknown; u.flags = sectionOptional; return append(list, u) }, false},
		"newer statistics": {func(list []section) []section { list[2].version = sectionVersion + 1; return list }, false},
		"newer directory":  {func(list []section) []section { list[1].version = sectionVersion + 1; return list }, true},
		"no statistics":    {func(list []section) []section { return slices.Delete(list, 2, 3) }, false},
		"newer profile":    {func(list []section) []section { list[5].version = sectionVersion + 1; return list }, false},
		"no profile":       {func(list []section) []section { return list[:5] }, false},
		"no directory":     {func(list []section) []section { return slices.Delete(list, 1, 2) }, true},
	} {
		broken := resealed(data, func(_ *footer, list []section, _ []byte) []section { return c.change(list) })
		_, err := ask(t, store(t, broken), table)
		if c.refuse && !isExpected(err) || !c.refuse && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewerFilesAreRefused(t *testing.T) {
	table, data := variedFile(t)
	newer := slices.Clone(data)
	newer[8] = version + 1
	binary.LittleEndian.PutUint32(newer[60:], checksum(newer[:60]))
	if _, err := Open(store(t, newer), testPath, table, NewCache(1<<20)); !errors.Is(err, ErrVersion) {
		t.Errorf("header: %v", err)
	}
	newer = slices.Clone(data)
	end := newer[len(newer)-footerBytes:]
	end[28] = version + 1
	binary.LittleEndian.PutUint32(end[52:], checksum(end[:52]))
	if _, err := Open(store(t, newer), testPath, table, NewCache(1<<20)); !errors.Is(err, ErrVersion) {
		t.Errorf("footer: %v", err)
	}
}

// resealBlocks makes the checksums of blocks right, as far as their fences can still be read.
func resealBlocks(body []byte, known map[uint16]section) {
	for kind := uint16(sectionSide); kind <= sectionIndex; kind++ {
		c := cursor{src: body[known[kind].offset : known[kind].offset+known[kind].length]}
		list := c.fences(known[sectionSide].offset, func(int) {
			if kind == sectionDirectory {
				c.varint()
				c.bytes()
			}
		})
		for i := range list.firsts {
			if c.bad {
				break
			}
			end := list.offsets[i] + uint64(list.lengths[i]) - checksumBytes
			binary.LittleEndian.PutUint32(body[end:], checksum(body[list.offsets[i]:end]))
		}
	}
}

// TestLiesUnderRightChecksums breaks bytes and repairs the checksums: what a broken program might write. Any
// answer will do, but no panic.
func TestLiesUnderRightChecksums(t *testing.T) {
	for _, file := range []func(testing.TB) (*mutation.Table, []byte){variedFile, plainFile} {
		table, data := file(t)
		lie(t, table, data)
	}
}

func lie(t *testing.T, table *mutation.Table, data []byte) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := open(t, store(t, data), table)
	last := groupOf(t, r, r.groupCount()-1)
	metadataAt := int(last.offset + last.length) // in so small a file all blocks lie behind all row groups
	for range 2000 {
		broken := resealed(data, func(f *footer, list []section, body []byte) []section {
			at := metadataAt + rng.IntN(int(f.tocOffset)-metadataAt)
			body[at] = byte(rng.Uint32())
			return list
		})
		fs := store(t, broken)
		if _, err := ask(t, fs, table); err != nil && !isExpected(err) && !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		if r, err := Open(fs, testPath, table, NewCache(1<<20)); err == nil {
			_ = r.Verify()
			_ = r.Close()
		}
	}
}

func FuzzChunk(f *testing.F) {
	table, data := variedFile(f)
	r := open(f, store(f, data), table)
	for i := range r.groupCount() {
		g := groupOf(f, r, i)
		for _, ref := range g.chunks {
			body := data[ref.offset : ref.offset+uint64(ref.length)-checksumBytes]
			f.Add(body, g.rows)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, rows int) {
		var c, part chunk
		if rows < 1 || rows > groupRowsMax || len(body) == 0 || c.openBody(body, rows) != nil || c.decode(0, rows) != nil {
			return
		}
		for i := range rows {
			if c.has(i) && len(c.words) == c.count {
				_ = c.word(i, 0)
			}
			if c.has(i) && c.kind == chunkBytes {
				_ = c.appendValue(nil, i, 0)
			}
		}
		for from := 0; from < rows; from += 37 {
			if err := part.openBody(body, rows); err != nil {
				t.Fatal(err)
			}
			to := min(rows, from+1+from%200)
			if err := part.decode(from, to); err != nil {
				t.Fatalf("rows %d to %d of what decodes whole: %v", from, to, err)
			}
			for i := from; i < to && c.kind != chunkNone; i++ {
				if c.has(i) && !bytes.Equal(part.appendValue(nil, i, 8), c.appendValue(nil, i, 8)) {
					t.Fatalf("row %d by itself is another", i)
				}
			}
		}
	})
}

func FuzzSections(f *testing.F) {
	table, data := variedFile(f)
	r := open(f, store(f, data), table)
	ft, err := decodeFooter(data[len(data)-footerBytes:], int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	toc := data[ft.tocOffset : len(data)-footerBytes]
	sections, err := decodeTOC(toc, ft.tocOffset)
	if err != nil {
		f.Fatal(err)
	}
	for kind, s := range sections {
		f.Add(byte(kind), data[s.offset:s.offset+s.length], 20)
	}
	for kind, list := range map[byte]*fences{
		fuzzIndex: &r.index.fences, fuzzDirectory: &r.directory.fences, fuzzSide: &r.contents.side.fences, fuzzStatistics: &r.statistics.fences,
	} {
		for i, at := range list.offsets {
			f.Add(kind, data[at:at+uint64(list.lengths[i])-checksumBytes], 0)
		}
	}
	f.Add(byte(0), toc, 0)
	f.Add(byte(fuzzHeader), data[:headerBytes], 0)
	f.Add(byte(fuzzFooter), data[len(data)-footerBytes:], 0)
	f.Fuzz(func(_ *testing.T, kind byte, src []byte, n int) {
		n = max(0, min(n, 1<<20))
		switch kind {
		case 0:
			_, _ = decodeTOC(src, uint64(n))
		case sectionSide, sectionDirectory, sectionStatistics, sectionIndex:
			c := contents{rowsEnd: uint64(n)}
			_ = c.decodeSection(uint16(kind), src)
		case sectionMetadata:
			_, _ = decodeMetadata(src)
		case sectionProfile:
			_, _ = decodeProfile(src)
		case fuzzHeader:
			_, _, _ = decodeHeader(src)
		case fuzzFooter:
			_, _ = decodeFooter(src, int64(n))
		case fuzzIndex:
			fuzzIndexBlock(src)
		case fuzzDirectory:
			fuzzDirectoryBlock(src)
		case fuzzSide, fuzzStatistics:
			if b, err := decodeRecords(src); err == nil {
				for i := range b.n {
					_, _ = decodeSide(b.record(i))
					_, _ = decodeStatistics(nil, b.record(i))
				}
			}
		}
	})
}

// Kinds of blocks for FuzzSections, beside those of sections.
const (
	fuzzIndex = iota + 16
	fuzzDirectory
	fuzzSide
	fuzzStatistics
	fuzzHeader
	fuzzFooter
)

func fuzzIndexBlock(src []byte) {
	x, err := decodeIndexBlock(src)
	if err != nil {
		return
	}
	for i := range x.n {
		key := partition.Decorate(x.appendKey(nil, i))
		_, _ = x.search(inverted(key.Token), key.Key)
		_ = x.seek(inverted(key.Token))
		_ = x.entry(i)
	}
}

func fuzzDirectoryBlock(src []byte) {
	b, err := decodeDirectoryBlock(src)
	if err != nil {
		return
	}
	var g group
	for i := range b.n {
		_ = b.group(i, &g, 1<<30)
		_, _ = b.bounds(i)
	}
}
