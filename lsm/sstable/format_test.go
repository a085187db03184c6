package sstable

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// smallFile is the file of docs/formats/sstable.md.
func smallFile(t testing.TB) []byte {
	table := &mutation.Table{
		ID: mutation.TableID{0xAA, 0xBB}, Name: "ks.readings", Law: mutation.ByTimestamp, Clustering: layouts["time"],
		Columns: []mutation.Column{{ID: 1, Physical: mutation.PhysicalDouble, Width: 8}},
	}
	rows := make([]mutation.Row, 2)
	for i, v := range []float64{21.5, 21.7} {
		rows[i] = mutation.Row{
			Clustering: encodeKey(t, table.Clustering, be(int64(10*i), 8)),
			Live:       mutation.Liveness{Timestamp: 1000, ExpiresAt: mutation.Forever},
			Cells:      []mutation.Cell{{Column: 1, Timestamp: 1000, ExpiresAt: mutation.Forever, Value: be(int64(math.Float64bits(v)), 8)}},
		}
	}
	fs := vfs.NewMem()
	write(t, fs, WriterOptions{Table: table, FileID: 7, EpochLow: 1, EpochHigh: 1}, []stored{{
		key: key(1), side: mutation.Side{Deletion: mutation.Deletion{MarkedAt: 900, LocalSec: 5}}, rows: rows,
	}})
	return bytesOf(t, fs)
}

func bytesOf(t testing.TB, fs vfs.FS) []byte {
	t.Helper()
	f, err := fs.Open(testPath)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// part is a run of bytes of the small file and what it is.
type part struct {
	bytes int
	what  string
}

var smallParts = []part{
	{8, "header: magic"}, {4, "version"}, {8, "file 7"}, {16, "table"}, {24, "zero"}, {4, "checksum"},
	{1, "row group 0, chunk clustering 0: every row, words"}, {1, "SEQUENCE"}, {1, "first 0"}, {1, "step 10"}, {4, "checksum"},
	{1, "chunk base timestamps: every row, words"}, {1, "CONST"}, {2, "1000"}, {4, "checksum"},
	{1, "chunk liveness: every row, no values"}, {4, "checksum"},
	{1, "chunk values of column 1: every row, words"}, {1, "DECIMAL"}, {2, "exponent 1, no patches"}, {1, "SEQUENCE"},
	{2, "first 215"}, {1, "step 2"}, {4, "checksum"},
	{1, "side data, a block: from record 0 on"}, {1, "1 record"}, {2, "it ends at 5"}, {1, "flags: deletion"}, {2, "marked at 900"}, {1, "local time 5"}, {1, "no ranges"}, {4, "checksum"},
	{1, "directory, a block: from row group 0 on"}, {1, "1 row group"}, {2, "offset 64"}, {2, "2 rows"}, {2, "flags: every row has liveness, plain"},
	{11, "smallest timestamp 1000, sign bit inverted"}, {11, "largest timestamp"}, {11, "smallest end: forever"}, {11, "largest end"}, {11, "alive until"}, {2, "its record ends at 32"},
	{10, "first clustering"}, {10, "last clustering"}, {3, "clustering 0, 8 bytes"}, {3, "base timestamps, 8 bytes"}, {3, "liveness, 5 bytes"}, {3, "values of column 1, 12 bytes"}, {4, "checksum"},
	{1, "statistics, a block: from row group 0 on"}, {1, "1 row group"}, {2, "its record ends at 10"}, {1, "1 column"}, {1, "column 1"}, {1, "2 values"}, {1, "flags: range, doubles as decimals"},
	{1, "exponent 1"}, {2, "first 21.5"}, {1, "last 21.7: 0.2 more"}, {1, "smallest: 0.2 less"}, {1, "largest: 0.2 more"}, {4, "checksum"},
	{1, "index, a block: 1 partition"}, {8, "first token"}, {1, "shift"}, {1, "hint"}, {9, "all keys begin with device-1"}, {1, "the rest of each: 0 bytes"}, {2, "or more"},
	{6, "rows: from position 0 to 1024"}, {4, "side data: from record 0 to 1"}, {4, "checksum"},
	{2, "section 1: 1 record, 1 block"}, {3, "from record 0 on, 97 bytes behind 0, 13 bytes"},
	{2, "section 2: 1 row group, 1 block"}, {3, "where it is"}, {2, "smallest timestamp 1000"}, {10, "alive until"}, {10, "first clustering"},
	{2, "section 3: 1 row group, 1 block"}, {4, "where it is"},
	{2, "section 4: 1 partition, 1 block"}, {10, "from that token on"}, {3, "where it is"},
	{2, "metadata: min timestamp 900"}, {2, "max timestamp 1000"}, {1, "min local deletion 5"}, {1, "max local deletion 5"}, {10, "min end"}, {10, "max end"},
	{1, "1 partition"}, {1, "2 rows"}, {1, "2 cells"}, {1, "min sequence 0"}, {1, "max sequence 0"}, {10, "alive until"}, {1, "flags: partition deletion"}, {2, "no bucket"}, {2, "epochs 1 to 1"},
	{9, "first key"}, {9, "last key"}, {1, "1 clustering column"}, {1, "1 column"}, {3, "column 1: double, 8 bytes"},
	{1, "profile: 1 partition deletion"}, {3, "no range, row and cell tombstones"}, {1, "1 partition"}, {9, "its key"}, {1, "2 rows"}, {1, "38 bytes"},
	{32, "contents: side data"}, {32, "directory"}, {32, "statistics"}, {32, "index"}, {32, "metadata"}, {32, "profile"},
	{8, "footer: TOC offset"}, {8, "TOC length"}, {4, "TOC checksum"}, {8, "file length"}, {4, "version"}, {8, "file 7"}, {12, "zero"}, {4, "checksum"}, {8, "magic"},
}

// dump shows data with what each part is.
func dump(data []byte, parts []part) string {
	var out strings.Builder
	at := 0
	for _, p := range parts {
		what := "  " + p.what
		for left := p.bytes; left > 0; {
			n := min(left, 16, len(data)-at)
			if n == 0 {
				return out.String()
			}
			fmt.Fprintf(&out, "%04x  %-48s%s\n", at, fmt.Sprintf("% x", data[at:at+n]), what)
			at, left, what = at+n, left-n, ""
		}
	}
	if at < len(data) {
		fmt.Fprintf(&out, "%04x  % x\n", at, data[at:])
	}
	return strings.ReplaceAll(out.String(), " \n", "\n")
}

// TestFormatPageShowsRealBytes compares the hexdump of the format page with what is written.
func TestFormatPageShowsRealBytes(t *testing.T) {
	f, err := vfs.OS.Open("../../docs/formats/sstable.md")
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, size)
	if _, err := f.ReadAt(page, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := dump(smallFile(t), smallParts)
	var trimmed []string
	for line := range strings.SplitSeq(want, "\n") {
		trimmed = append(trimmed, strings.TrimRight(line, " "))
	}
	want = strings.Join(trimmed, "\n")
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/formats/sstable.md does not show these bytes:\n%s", want)
	}
}
