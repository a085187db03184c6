package sstable

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"pgregory.net/rapid"
)

// shownCell is a value of a batch.
type shownCell struct {
	has       bool
	value     string
	timestamp int64
	ttl       int32
	end       int64
}

// shownRow is a row of a batch, without regard to how its vectors lie in memory.
type shownRow struct {
	alive int64
	key   string
	cells []shownCell
}

func shown(t testing.TB, b *mutation.Batch, meta bool) []shownRow {
	t.Helper()
	out := make([]shownRow, b.Rows)
	for i := range out {
		out[i].alive = mutation.Forever
		if b.AliveUntil != nil {
			out[i].alive = b.AliveUntil[i]
		}
		for k := range b.Clustering {
			if !b.Clustering[k].Has(i) {
				t.Fatalf("row %d has no clustering", i)
			}
			out[i].key += string(b.Clustering[k].AppendValue(nil, i)) + "|"
		}
		for k := range b.Columns {
			v := &b.Columns[k]
			if meta != (v.Timestamps != nil) {
				t.Fatalf("timestamps %v, asked for: %t", v.Timestamps, meta)
			}
			c := shownCell{has: v.Has(i)}
			if c.has {
				c.value, c.end = string(v.AppendValue(nil, i)), mutation.Forever
				if v.ExpiresAt != nil {
					c.end = v.ExpiresAt[i]
				}
				if meta {
					c.timestamp = v.Timestamps[i]
				}
				if v.TTLs != nil {
					c.ttl = v.TTLs[i]
				}
			}
			out[i].cells = append(out[i].cells, c)
		}
	}
	return out
}

// TestBothLanesAgree compares vectors with what rows become by mutation.BatchBuilder, also after columns were
// dropped and added.
func TestBothLanesAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		parts := drawParts(rt, table)
		fs := vfs.NewMem()
		write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
		now := *table
		now.Columns = nil
		for _, c := range table.Columns {
			if rapid.IntRange(0, 4).Draw(rt, "dropped") > 0 {
				now.Columns = append(now.Columns, c)
			}
		}
		now.Columns = append(now.Columns, mutation.Column{ID: 301, Physical: mutation.PhysicalDouble, Width: 8})
		r := open(t, fs, &now)
		if rapid.Bool().Draw(rt, "altered while open") {
			was, err := open(t, fs, table).As(&now)
			if err != nil {
				rt.Fatal(err)
			}
			r = was
		}
		// Reads after one another share memory, and what is decoded.
		for range rapid.IntRange(1, 8).Draw(rt, "reads") {
			if len(parts) == 0 {
				break
			}
			i := rapid.IntRange(0, len(parts)-1).Draw(rt, "partition")
			req := &mutation.ReadRequest{
				Key: parts[i].key, Slices: drawSlices(rt, &parts[i]), Reverse: rapid.Bool().Draw(rt, "reverse"),
				Metadata: rapid.Bool().Draw(rt, "metadata"), RowsMax: rapid.IntRange(0, 3).Draw(rt, "rows max"),
				NowSec: rapid.SampledFrom([]int64{0, 0, 2001, 2003, 1 << 40}).Draw(rt, "now"),
				Columns: rapid.SliceOfDistinct(rapid.SampledFrom([]mutation.ColumnID{1, 2, 3, 7, 9, 300, 301, 5000}),
					rapid.ID[mutation.ColumnID]).Draw(rt, "columns"),
			}
			if rapid.IntRange(0, 3).Draw(rt, "summaries") == 0 {
				summed := *req
				summed.Summaries = true
				drainSummaries(rt, r, &summed)
			}
			checkLanes(t, rt, r, &now, req)
		}
	})
}

// drainSummaries reads batches or summaries of them.
func drainSummaries(t *rapid.T, r *Reader, req *mutation.ReadRequest) {
	p, err := r.Partition(req.Key)
	if err != nil {
		t.Fatal(err)
	}
	for source := p.batches(req); ; {
		if b, err := source.Next(); err != nil {
			t.Fatal(err)
		} else if b == nil {
			return
		}
	}
}

func checkLanes(t *testing.T, rt *rapid.T, r *Reader, table *mutation.Table, req *mutation.ReadRequest) {
	p, err := r.Partition(req.Key)
	if err != nil {
		rt.Fatal(err)
	}
	want := mutation.NewBatchBuilder(table, req)
	for _, row := range collect(t, p.rows(req.Slices, req.Reverse)) {
		if err := want.Append(&row); err != nil {
			rt.Fatal(err)
		}
	}
	var expected, got []shownRow
	if b := want.Batch(); b != nil {
		expected = slices.DeleteFunc(shown(t, b, req.Metadata), func(row shownRow) bool { return row.alive <= req.NowSec })
	}
	if len(expected) == 0 {
		expected = nil
	}
	source := p.batches(req)
	for first := true; ; first = false {
		b, err := source.Next()
		if err != nil {
			rt.Fatal(err)
		}
		if b == nil {
			break
		}
		if b.Rows == 0 || first && req.RowsMax > 0 && b.Rows > req.RowsMax {
			rt.Fatalf("batch of %d rows, at most %d asked for", b.Rows, req.RowsMax)
		}
		got = append(got, shown(t, b, req.Metadata)...)
	}
	if !reflect.DeepEqual(got, expected) {
		rt.Fatalf("%d rows by vectors\n%v, by rows %d\n%v", len(got), got, len(expected), expected)
	}
}

func TestBatchesOfALargePartition(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 5000)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	p, err := r.Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, reverse := range []bool{false, true} {
		source := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Reverse: reverse, Columns: []mutation.ColumnID{2}})
		n := 0
		for {
			b, err := source.Next()
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			for i := range b.Rows {
				want := n
				if reverse {
					want = len(rows) - 1 - n
				}
				if got := b.Columns[0].Int(i); got != int64(want%7) {
					t.Fatalf("row %d: %d, want %d", n, got, want%7)
				}
				n++
			}
			if b.AliveUntil != nil || b.Columns[0].Present != nil || b.Columns[0].ExpiresAt != nil || b.Columns[0].Timestamps != nil {
				t.Fatalf("batch of plain rows has more than values: %+v", b)
			}
		}
		if n != len(rows) {
			t.Fatalf("%d rows, want %d", n, len(rows))
		}
	}
}

// countingFile counts what is read.
type countingFile struct {
	vfs.File
	bytes, reads int
}

func (f *countingFile) ReadAt(p []byte, off int64) (int, error) {
	f.bytes += len(p)
	f.reads++
	return f.File.ReadAt(p, off)
}

func TestOnlyWhatIsWantedIsRead(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 10*groupRowsMax)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		rows[i].Cells[2].Value = fmt.Appendf(nil, "%x", rng.Uint64()) // groups are too large to be read whole
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	p, err := r.Partition(key(1)) // now the cache has what it needs
	if err != nil {
		t.Fatal(err)
	}
	file := &countingFile{File: r.file}
	r.file = file
	source := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Reverse: true, Columns: []mutation.ColumnID{2}, RowsMax: 1})
	b, err := source.Next()
	if err != nil || b.Rows != 1 {
		t.Fatalf("latest row: %v, %v", b, err)
	}
	g := groupOf(t, r, r.groupCount()-1)
	want := g.find(roleClustering, 0).length + g.find(roleValue, 2).length
	if file.bytes < want || file.bytes > want+gapBytesMax {
		t.Errorf("%d bytes read for one column of the latest row, want %d and a gap", file.bytes, want)
	}
	file.bytes = 0
	at := rows[5*groupRowsMax+7].Clustering
	source = p.batches(&mutation.ReadRequest{Slices: clustering.Slices{clustering.RowSlice(at)}})
	if b, err = source.Next(); err != nil || b.Rows != 1 || !bytes.Equal(b.Clustering[0].AppendValue(nil, 0), be(1700000000000+(5*groupRowsMax+7)*10000, 8)) {
		t.Fatalf("row by key: %+v, %v", b, err)
	}
	if want := groupOf(t, r, 5).find(roleClustering, 0).length; file.bytes != want {
		t.Errorf("%d bytes read for the key of a row, want %d", file.bytes, want)
	}
}

func TestClosedSourcesEnd(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 3*groupRowsMax)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	p, err := open(t, fs, table).Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	// Sources that share memory one after the other, never at the same time.
	for i := range 3 {
		closed := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{2}})
		other := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{2}})
		if _, err := closed.Next(); err != nil {
			t.Fatal(err)
		}
		closed.Close()
		closed.Close()
		if b, err := closed.Next(); b != nil || err != nil {
			t.Fatalf("closed source: %v, %v", b, err)
		}
		source := p.rows(clustering.All(), false)
		n := 0
		for {
			b, err := other.Next()
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			for k := range b.Rows {
				row, err := source.Next()
				if err != nil || string(row.Cells[1].Value) != string(be(int64(n%7), 4)) || b.Columns[0].Int(k) != int64(n%7) {
					t.Fatalf("round %d, row %d: %v, %v", i, n, row, err)
				}
				n++
			}
		}
		source.(*rowSource).Close()
		if n != len(rows) {
			t.Fatalf("%d rows, want %d", n, len(rows))
		}
	}
}

func TestWalkOverSmallPartitionsReadsEachGroupOnce(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(t, table.Clustering, 3000)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
	r := open(t, fs, table)
	file := &countingFile{File: r.file}
	r.file = file
	for i := range parts {
		p, err := r.Partition(parts[i].key)
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, p.rows(clustering.All(), false)); len(got) != len(parts[i].rows) {
			t.Fatalf("partition %d: %d rows, want %d", i, len(got), len(parts[i].rows))
		}
	}
	// Once each would be rowsEnd; the memory kept for reuse may be dropped at any time, but not each time.
	if limit := 500 * int(r.rowsEnd); file.bytes > limit {
		t.Errorf("%d bytes read from %d of rows, want at most %d", file.bytes, r.rowsEnd, limit)
	}
}

// TestEndedGroupsAreNotRead reads the living among many that have expired.
func TestEndedGroupsAreNotRead(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 10*groupRowsMax)
	for i := range rows {
		end := int64(1000)
		if i >= 9*groupRowsMax {
			end = 3000
		}
		rows[i].Live.TTL, rows[i].Live.ExpiresAt = 60, end
		for k := range rows[i].Cells {
			rows[i].Cells[k].TTL, rows[i].Cells[k].ExpiresAt = 60, end
		}
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	p, err := r.Partition(key(1)) // now the cache has what it needs
	if err != nil {
		t.Fatal(err)
	}
	file := &countingFile{File: r.file}
	r.file = file
	source := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{2}, NowSec: 1000})
	b, err := source.Next()
	if err != nil || b.Rows != groupRowsMax || b.AliveUntil[0] != 3000 || b.Columns[0].ExpiresAt[5] != 3000 {
		t.Fatal(b, err)
	}
	if b, err = source.Next(); b != nil || err != nil {
		t.Fatal(b, err)
	}
	if want := int(groupOf(t, r, 9).length); file.bytes != want {
		t.Errorf("%d bytes read, want the %d of the last group", file.bytes, want)
	}
}

// TestLentWordsStayAsTheyAre reads the same row group again after a batch of its own words was used for a summary.
func TestLentWordsStayAsTheyAre(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, groupRowsMax)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	p, err := open(t, fs, table).Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	var want []shownRow
	for i, req := range []mutation.ReadRequest{
		{}, {Summaries: true}, {}, {Reverse: true, Summaries: true}, {}, {Reverse: true, RowsMax: 3}, {},
	} {
		req.Slices, req.Columns = clustering.All(), []mutation.ColumnID{1, 2}
		source := p.batches(&req)
		b, err := source.Next()
		if err != nil || req.Summaries != (b.Summary != nil) {
			t.Fatal(b, err)
		}
		if !req.Summaries && !req.Reverse {
			got := shown(t, b, false)
			if want == nil {
				want = got
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("read %d gives other rows", i)
			}
		}
		source.Close()
	}
}

// TestLargeMemoryDoesNotWait reads a row group that is large when it is decoded: nothing of it is kept for the next reader.
func TestLargeMemoryDoesNotWait(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 300)
	for i := range rows {
		rows[i].Cells[2].Value = bytes.Repeat([]byte{byte(i)}, 2*memoryBytesMax/len(rows))
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	p, err := r.Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, p.rows(clustering.All(), false)); len(got) != len(rows) {
		t.Fatalf("%d rows", len(got))
	}
	if d := r.decoders.Get(); d != nil {
		t.Errorf("%d bytes wait for the next reader", d.(*decoder).memory.bytes())
	}
}

// TestScansReadAhead reads partitions to their end in few reads, and no more than there is.
func TestScansReadAhead(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 100*groupRowsMax)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	file := &countingFile{File: r.file}
	p, err := r.Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	r.file = file
	size := 0
	for n := range r.groupCount() {
		size += int(groupOf(t, r, n).length)
	}
	file.bytes, file.reads = 0, 0
	source := p.batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{2}})
	got := 0
	for {
		b, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		got += b.Rows
	}
	// A block of the directory is read now and then; what doubles overlaps a little.
	if most := 10 + 2*size/aheadBytesMax; got != len(rows) || file.reads > most || file.bytes > 2*size {
		t.Errorf("%d rows in %d reads of %d bytes; at most %d, of twice %d bytes", got, file.reads, file.bytes, most, size)
	}
}
