package sstable

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
	"pgregory.net/rapid"
)

// copyInto appends the blocks of a partition of a file, and returns how many rows went as they were encoded.
func copyInto(w *Writer, p *Partition) (copied int, err error) {
	blocks := p.Run().Blocks()
	for {
		b, err := blocks.Next()
		if b == nil || err != nil {
			return copied, err
		}
		if err := w.AppendBlock(b, 0, b.Rows); err != nil {
			return copied, err
		}
		if isCopied(w, b) {
			copied += b.Rows
		}
	}
}

// isCopied reports whether the last that was written is what another file has of the block.
func isCopied(w *Writer, b *mutation.Block) bool {
	return bytes.HasSuffix(w.buffer, b.Origin.(*blockSource).walk.d.raw)
}

// blockFile writes blocks of one partition each to a file, which it opens.
func blockFile(t testing.TB, table *mutation.Table, blocks ...*mutation.Block) (*Reader, written) {
	parts := make([]stored, len(blocks))
	of := map[string]*mutation.Block{}
	for i := range parts {
		parts[i].key = key(i)
		of[string(key(i).Key)] = blocks[i]
	}
	sortParts(parts)
	file := writeWith(t, table, func(w *Writer) error {
		for i := range parts {
			if err := w.StartPartition(parts[i].key, nil); err != nil {
				return err
			}
			b := of[string(parts[i].key.Key)]
			if err := w.AppendBlock(b, 0, b.Rows); err != nil {
				return err
			}
		}
		return nil
	})
	return open(t, store(t, file.data), table), file
}

func partitionOf(t testing.TB, r *Reader, i int) *Partition {
	t.Helper()
	p, err := r.Partition(key(i))
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	return p
}

// TestCopiedGroupsAreTheSame copies a file whole: what comes out is the same file.
func TestCopiedGroupsAreTheSame(t *testing.T) {
	for _, law := range []mutation.Law{mutation.ByTimestamp, mutation.BySequence} {
		table := testTable(law, layouts["time"])
		block := plainBlock(t, table, 3*groupRowsMax+copyRowsMin)
		if law == mutation.BySequence {
			for i := range block.Rows {
				block.Sequences = append(block.Sequences, uint64(i))
			}
		}
		r, file := blockFile(t, table, block)
		copied := 0
		got := writeWith(t, table, func(w *Writer) (err error) {
			if err := w.StartPartition(key(0), nil); err != nil {
				return err
			}
			copied, err = copyInto(w, partitionOf(t, r, 0))
			return err
		})
		if copied != block.Rows {
			t.Errorf("%d of %d rows copied", copied, block.Rows)
		}
		if !reflect.DeepEqual(got, file) {
			t.Errorf("info\n%+v\n%+v, or bytes differ", got.info, file.info)
		}
	}
}

// TestCopiedRunsFollowEachOther appends runs of any length of several files to one partition, one after the other.
func TestCopiedRunsFollowEachOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		if table.Clustering == nil {
			table.Clustering = layouts["time"]
		}
		var runs []*Partition
		var want []mutation.Row
		start := 0
		for range rapid.IntRange(1, 4).Draw(rt, "runs") {
			b := drawnBlock(rt, table, start, rapid.SampledFrom([]int{1, 300, 512, 1024, 1500, 3000}).Draw(rt, "rows"))
			start += b.Rows
			r, _ := blockFile(t, table, b)
			if p := partitionOf(t, r, 0); p.Run() != nil && p.Run().Blocks() != nil {
				runs = append(runs, p)
				want = append(want, collect(t, p.rows(clustering.All(), false))...)
			}
		}
		copied := 0
		write := func(appendRun func(w *Writer, p *Partition) error) written {
			return writeWith(t, table, func(w *Writer) error {
				if err := w.StartPartition(key(0), nil); err != nil {
					return err
				}
				for _, p := range runs {
					if err := appendRun(w, p); err != nil {
						return err
					}
				}
				return nil
			})
		}
		got := write(func(w *Writer, p *Partition) error {
			n, err := copyInto(w, p)
			copied += n
			return err
		})
		byRows := write(func(w *Writer, p *Partition) error {
			for _, row := range collect(t, p.rows(clustering.All(), false)) {
				if err := w.AppendRow(&row); err != nil {
					return err
				}
			}
			return nil
		})
		r := open(t, store(t, got.data), table)
		if err := r.Verify(); err != nil {
			rt.Fatal(err)
		}
		if rows := collect(t, partitionOf(t, r, 0).rows(clustering.All(), false)); !reflect.DeepEqual(rows, want) {
			rt.Fatalf("%d rows, want %d", len(rows), len(want))
		}
		got.info.Bytes, byRows.info.Bytes = 0, 0
		if !reflect.DeepEqual(got.info, byRows.info) {
			rt.Fatalf("info\n%+v, by rows\n%+v", got.info, byRows.info)
		}
		checkGroupSizes(t, rt, r, copied)
		checkSums(rt, table, partitionOf(t, r, 0), partitionOf(t, open(t, store(t, byRows.data), table), 0))
	})
}

// checkGroupSizes checks that what was copied did not leave small groups but at the end.
func checkGroupSizes(t *testing.T, rt *rapid.T, r *Reader, copied int) {
	for i := range r.groupCount() - 1 {
		if g := groupOf(t, r, i); copied > 0 && g.rows < copyRowsMin {
			rt.Fatalf("row group %d of %d has %d rows", i, r.groupCount(), g.rows)
		}
	}
}

// checkSums compares what the statistics of two files of the same rows add up to.
func checkSums(t *rapid.T, table *mutation.Table, a, b *Partition) {
	for _, c := range table.Columns {
		var sums [2]struct {
			rows, values int
			low          uint64
		}
		for i, p := range []*Partition{a, b} {
			list, err := p.Statistics(clustering.All(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				sums[i].rows += s.Rows
				sums[i].values += s.Column.Count
				sums[i].low += s.Column.SumLow
			}
		}
		if sums[0] != sums[1] {
			t.Fatalf("column %d: %v, by rows %v", c.ID, sums[0], sums[1])
		}
	}
}

func TestWhatIsFinalStaysFinal(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	block := plainBlock(t, table, groupRowsMax)
	for from, wants := range map[encoding.Effort]map[encoding.Effort]int{
		encoding.Light: {0: block.Rows, encoding.Light: block.Rows, encoding.Final: 0},
		encoding.Final: {0: block.Rows, encoding.Light: block.Rows, encoding.Final: block.Rows},
	} {
		fs := vfs.NewMem()
		writeBlock := func(w *Writer) error { return w.AppendBlock(block, 0, block.Rows) }
		writeTo(t, fs, WriterOptions{Table: table, FileID: 7, Effort: from}, writeBlock)
		p := partitionOf(t, open(t, fs, table), 0)
		for to, want := range wants {
			writeTo(t, vfs.NewMem(), WriterOptions{Table: table, FileID: 7, Effort: to}, func(w *Writer) error {
				n, err := copyInto(w, p)
				if n != want {
					t.Errorf("effort %d to %d: %d rows copied, want %d", from, to, n, want)
				}
				return err
			})
		}
	}
}

// writeTo writes a file of one partition.
func writeTo(t testing.TB, fs vfs.FS, opts WriterOptions, fill func(w *Writer) error) {
	t.Helper()
	f, err := fs.Create(testPath)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, opts)
	if err := w.StartPartition(key(0), nil); err != nil {
		t.Fatal(err)
	}
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGroupsThatAreNotCopied(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	narrow := *table
	narrow.Columns = table.Columns[1:]
	for name, c := range map[string]struct {
		rows   int
		now    *mutation.Table
		from   int
		copied bool
	}{
		"whole":          {groupRowsMax, table, 0, true},
		"large enough":   {copyRowsMin, table, 0, true},
		"small":          {copyRowsMin - 1, table, 0, false},
		"a part":         {groupRowsMax, table, 1, false},
		"dropped column": {groupRowsMax, &narrow, 0, false},
	} {
		_, file := blockFile(t, table, plainBlock(t, table, c.rows))
		r := open(t, store(t, file.data), c.now)
		got := writeWith(t, c.now, func(w *Writer) error {
			if err := w.StartPartition(key(0), nil); err != nil {
				return err
			}
			b, err := partitionOf(t, r, 0).Run().Blocks().Next()
			if err != nil {
				return err
			}
			if err := w.AppendBlock(b, c.from, b.Rows); err != nil {
				return err
			}
			if got := isCopied(w, b); got != c.copied {
				t.Errorf("%s: copied %t, want %t", name, got, c.copied)
			}
			return nil
		})
		if got.info.Rows != int64(c.rows-c.from) {
			t.Errorf("%s: %d rows, want %d", name, got.info.Rows, c.rows-c.from)
		}
	}
}
