package sstable

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// manyParts are n partitions of a few rows each.
func manyParts(t testing.TB, layout clustering.Layout, n int) []stored {
	all := sensorRows(t, layout, n+300)
	parts := make([]stored, n)
	for i := range parts {
		parts[i] = stored{key: key(i), rows: all[i : i+1+i%3]}
	}
	sortParts(parts)
	return parts
}

func TestSmallPartitionsShareRowGroups(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(t, table.Clustering, 1500)
	parts[700].rows = sensorRows(t, table.Clustering, 3000)
	fs := vfs.NewMem()
	info := write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
	r := open(t, fs, table)
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	if most := 3 + int(info.Rows)/groupRowsMax; r.groupCount() > most {
		t.Errorf("%d row groups for %d rows, want at most %d", r.groupCount(), info.Rows, most)
	}
	for i := range parts {
		p, err := r.Partition(parts[i].key)
		if err != nil || p == nil {
			t.Fatal(i, err)
		}
		if got := collect(t, p.rows(clustering.All(), false)); len(got) != len(parts[i].rows) {
			t.Fatalf("partition %d: %d rows, want %d", i, len(got), len(parts[i].rows))
		}
		first, last, ok := p.Bounds()
		if !ok || string(first) != string(parts[i].rows[0].Clustering) || string(last) != string(parts[i].rows[len(parts[i].rows)-1].Clustering) {
			t.Fatalf("partition %d: bounds %x %x", i, first, last)
		}
		if ts, ok, err := r.MinTimestampOf(parts[i].key); err != nil || !ok || ts > parts[i].rows[0].Live.Timestamp {
			t.Fatalf("partition %d: min timestamp %d %t %v", i, ts, ok, err)
		}
	}
	if p, err := r.Partition(key(99999)); p != nil || err != nil {
		t.Fatalf("absent partition: %v, %v", p, err)
	}
	if _, ok, err := r.MinTimestampOf(key(99999)); ok || err != nil {
		t.Fatalf("absent partition has a timestamp: %v", err)
	}
}

func TestKeysOfARange(t *testing.T) {
	for _, size := range blockSizes {
		keysOfARange(t, size)
	}
}

func keysOfARange(t *testing.T, blockBytes int) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	parts := manyParts(t, table.Clustering, 40)
	fs := vfs.NewMem()
	writeIn(t, fs, WriterOptions{Table: table, FileID: 7}, parts, blockBytes)
	r := open(t, fs, table)
	a, b := parts[10].key.Token, parts[20].key.Token
	for _, in := range []partition.Range{
		{}, {Start: a, HasStart: true}, {Start: a, HasStart: true, ExclStart: true}, {End: b, HasEnd: true},
		{Start: a, End: b, HasStart: true, HasEnd: true, ExclEnd: true}, {Start: b, End: a, HasStart: true, HasEnd: true},
		{Start: math.MaxInt64, HasStart: true, ExclStart: true},
	} {
		var want, got []string
		for i := range parts {
			if in.Contains(parts[i].key.Token) {
				want = append(want, string(parts[i].key.Key))
			}
		}
		keys := r.Keys(in)
		for {
			k, err := keys.Next()
			if err != nil {
				t.Fatal(err)
			}
			if k == nil {
				break
			}
			got = append(got, string(k.Key))
		}
		keys.Close()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

// TestOutlinesReadNoRows asks for outlines of partitions of their own and of shared row groups, the file being gone.
func TestOutlinesReadNoRows(t *testing.T) {
	for _, layout := range []string{"time", "none"} {
		table := testTable(mutation.ByTimestamp, layouts[layout])
		parts := manyParts(t, layouts["time"], 1500)
		if layout == "time" {
			parts[700].rows = sensorRows(t, table.Clustering, 3000)
		}
		for i := range parts {
			if layout == "none" {
				parts[i].rows = parts[i].rows[:1]
				parts[i].rows[0].Clustering = nil
			}
		}
		parts[9].rows = nil
		fs := vfs.NewMem()
		write(t, fs, WriterOptions{Table: table, FileID: 7}, parts)
		r := open(t, fs, table)
		if err := r.Verify(); err != nil {
			t.Fatal(err)
		}
		for _, file := range []vfs.File{r.file, &brokenFile{File: r.file, err: errDisk}} {
			r.file = file
			for i := range parts {
				o, found, err := r.Outline(parts[i].key)
				if err != nil || !found || o.HasRows != (len(parts[i].rows) > 0) || o.Side == nil {
					t.Fatalf("partition %d: %+v %t %v", i, o, found, err)
				}
				if n := len(parts[i].rows); n > 0 && (bytes.Compare(o.First, parts[i].rows[0].Clustering) > 0 || bytes.Compare(o.Last, parts[i].rows[n-1].Clustering) < 0) {
					t.Fatalf("partition %d: rows beyond %x and %x", i, o.First, o.Last)
				}
			}
		}
		if _, found, err := r.Outline(key(99999)); found || err != nil {
			t.Fatalf("absent partition: %t %v", found, err)
		}
		r.file = r.file.(*brokenFile).File
	}
}

func statisticsOf(t testing.TB, p *Partition, column mutation.ColumnID) []GroupStatistics {
	t.Helper()
	out, err := p.Statistics(clustering.All(), column)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStatisticsOfRowGroups(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 2*groupRowsMax+10)
	for i := range rows {
		if i%2 == 1 {
			rows[i].Cells = slices.Delete(slices.Clone(rows[i].Cells), 1, 2)
		}
	}
	rows[0].Cells[1].Value = be(-1<<31, 4)
	rows[groupRowsMax].Cells[0].Value = be(0x7FF8000000000001, 8) // NaN
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	p, err := r.Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	groups := statisticsOf(t, p, 2)
	if len(groups) != 3 {
		t.Fatalf("%d row groups", len(groups))
	}
	for n, g := range groups {
		var sum, low, high int64
		count := 0
		for i := n * groupRowsMax; i < min(len(rows), (n+1)*groupRowsMax); i++ {
			if i%2 == 1 {
				continue
			}
			v := int64(mutation.WordOf(mutation.PhysicalInt, rows[i].Cells[1].Value))
			if count++; count == 1 {
				low, high = v, v
			}
			sum, low, high = sum+v, min(low, v), max(high, v)
		}
		c := g.Column
		if !g.Known || !g.Whole || g.Hidden || g.MinExpiresAt != mutation.Forever || c.Count != count || !c.HasRange ||
			int64(c.Min) != low || int64(c.Max) != high || int64(c.SumLow) != sum || c.SumHigh != sum>>63 {
			t.Errorf("row group %d: %+v, want %d values from %d to %d, sum %d", n, g, count, low, high, sum)
		}
	}
	doubles := statisticsOf(t, p, 1)
	if !doubles[0].Column.HasRange || doubles[1].Column.HasRange || doubles[1].Column.Count != groupRowsMax {
		t.Errorf("statistics of doubles with a NaN: %+v", doubles[1])
	}
	if got := math.Float64frombits(doubles[0].Column.Max); got != 29.9 {
		t.Errorf("largest double %v", got)
	}
	if s := statisticsOf(t, p, 3); s[0].Known {
		t.Errorf("statistics of text: %+v", s[0])
	}
}

func TestFloatsOrder(t *testing.T) {
	ascending := []float64{math.Inf(-1), -2, -1, math.Copysign(0, -1), 0, 1e-300, 1, math.Inf(1)}
	for i := 1; i < len(ascending); i++ {
		a, b := math.Float64bits(ascending[i-1]), math.Float64bits(ascending[i])
		if compareWords(a, b, mutation.PhysicalDouble) >= 0 {
			t.Errorf("%v is not below %v", ascending[i-1], ascending[i])
		}
		a, b = uint64(math.Float32bits(float32(ascending[i-1]))), uint64(math.Float32bits(float32(ascending[i])))
		if ascending[i] != 1e-300 && ascending[i-1] != 1e-300 && compareWords(a, b, mutation.PhysicalFloat) >= 0 {
			t.Errorf("float %v is not below %v", ascending[i-1], ascending[i])
		}
	}
}

func TestDroppedColumnsAreNotWritten(t *testing.T) {
	table := testTable(mutation.ByTimestamp, nil)
	row := mutation.Row{Cells: []mutation.Cell{
		{Column: 2, Timestamp: 1, ExpiresAt: mutation.Forever, Value: be(5, 4)},
		{Column: 5, Timestamp: 1, ExpiresAt: mutation.Forever, Value: []byte("dropped")},
		{Column: 9, Timestamp: 1, ExpiresAt: mutation.Forever, Value: be(1, 1)},
		{Column: 9000, Timestamp: 1, ExpiresAt: mutation.Forever, Value: []byte("dropped")},
	}}
	fs := vfs.NewMem()
	info := write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: []mutation.Row{row}}})
	if info.Cells != 2 || len(row.Cells) != 4 {
		t.Fatalf("%d cells written, %d left in the row", info.Cells, len(row.Cells))
	}
	p, err := open(t, fs, table).Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, p.rows(clustering.All(), false)); len(got) != 1 || len(got[0].Cells) != 2 || got[0].Cells[1].Column != 9 {
		t.Fatalf("rows %+v", got)
	}
}

func TestOutOfOrderPanics(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 2)
	parts := manyParts(t, table.Clustering, 2)
	for name, do := range map[string]func(w *Writer){
		"partitions": func(w *Writer) {
			_ = w.StartPartition(parts[1].key, nil)
			_ = w.StartPartition(parts[0].key, nil)
		},
		"rows": func(w *Writer) {
			_ = w.StartPartition(parts[0].key, nil)
			_ = w.AppendRow(&rows[1])
			_ = w.AppendRow(&rows[1])
		},
		"no partition": func(w *Writer) { _ = w.AppendRow(&rows[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := vfs.NewMem().Create(testPath)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			do(NewWriter(f, WriterOptions{Table: table}))
		})
	}
}

func TestWriterRefusesWhatIsNoClustering(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["two"])
	whole := encodeKey(t, table.Clustering, []byte("a"), be(1, 4))
	prefix := encodeKey(t, table.Clustering, []byte("a"))
	for name, c := range map[string][]byte{"prefix": prefix, "too long": append(slices.Clone(whole), 2), "nothing": nil} {
		f, err := vfs.NewMem().Create(testPath)
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(f, WriterOptions{Table: table})
		if err := w.StartPartition(key(1), nil); err != nil {
			t.Fatal(err)
		}
		if w.AppendRow(&mutation.Row{Clustering: c}) == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := w.Finish(); err == nil {
			t.Errorf("%s: the file is finished", name)
		}
	}
}

// failingFile fails every write or sync after some.
type failingFile struct {
	vfs.File
	left int
}

var errDisk = errors.New("disk is gone")

func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errDisk
	}
	return f.File.WriteAt(p, off)
}

func (f *failingFile) Sync() error {
	if f.left--; f.left < 0 {
		return errDisk
	}
	return f.File.Sync()
}

func TestWriterReportsFailedWrites(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 10)
	for left := range 3 {
		f, err := vfs.NewMem().Create(testPath)
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(&failingFile{f, left}, WriterOptions{Table: table})
		if err := w.StartPartition(key(1), nil); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := w.AppendRow(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.Finish()
		if left < 2 != errors.Is(err, errDisk) {
			t.Errorf("after %d operations: %v", left, err)
		}
		if w.AppendRow(&rows[0]) == nil || w.StartPartition(key(2), nil) == nil {
			t.Errorf("after %d operations: the writer goes on after its end", left)
		}
	}
}

func TestRowGroupsOfLargeValuesStaySmall(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 12)
	for i := range rows {
		rows[i].Cells[2].Value = make([]byte, groupBytesMax/4+i)
		rows[i].Cells[2].Value[i] = 1
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	if r.groupCount() != 3 || groupOf(t, r, 0).rows != 4 {
		t.Fatalf("%d row groups, %d rows in the first", r.groupCount(), groupOf(t, r, 0).rows)
	}
	p, err := r.Partition(key(1))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range collect(t, p.rows(clustering.All(), false)) {
		if v := row.Cells[2].Value; len(v) != groupBytesMax/4+i || v[i] != 1 {
			t.Fatalf("row %d has another value", i)
		}
	}
}

func TestEncodingsAreCounted(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: sensorRows(t, table.Clustering, 2000)}})
	r := open(t, fs, table)
	uses, err := r.Encodings()
	if err != nil {
		t.Fatal(err)
	}
	var total uint64
	found := map[string]string{}
	for _, u := range uses {
		total += uint64(u.Bytes)
		if u.Column != 0 || u.Role != "values" {
			found[u.Role+string(rune('0'+u.Column))] = u.Encoding
		}
	}
	if total != r.rowsEnd-headerBytes {
		t.Errorf("%d bytes counted of %d", total, r.rowsEnd-headerBytes)
	}
	for what, want := range map[string]string{"clustering0": "sequence", "liveness0": "none", "values1": "decimal", "values3": "const"} {
		if found[what] != want {
			t.Errorf("%s is encoded as %q, want %q", what, found[what], want)
		}
	}
}

func TestReadersMayShareAFile(t *testing.T) {
	table := testTable(mutation.ByTimestamp, layouts["time"])
	rows := sensorRows(t, table.Clustering, 3000)
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7}, []stored{{key: key(1), rows: rows}})
	r := open(t, fs, table)
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			p, err := r.Partition(key(1))
			n := 0
			for source := p.rows(clustering.All(), true); err == nil; n++ {
				var row *mutation.Row
				if row, err = source.Next(); row == nil {
					break
				}
			}
			if err == nil && n != len(rows) {
				err = errors.New("rows are missing")
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
