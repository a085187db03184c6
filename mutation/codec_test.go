package mutation

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/partition"
)

var testTable = TableID{1, 2, 3}

func mutationString(m *Mutation) string {
	s := fmt.Sprintf("%x %v %v static %s", m.Table, m.Key, m.Deletion, rowString(m.Static))
	for i := range m.Rows {
		s += "\n" + rowString(&m.Rows[i])
	}
	for _, r := range m.Ranges {
		s += fmt.Sprintf("\n%v %v", r.Slice, r.Deletion)
	}
	return s
}

func genMutation(t *rapid.T) Mutation {
	m := Mutation{Table: testTable, Key: partition.Decorate(rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "key"))}
	m.Deletion = genDeletion(t, "partition")
	if rapid.Bool().Draw(t, "static") {
		m.Static = &Row{Cells: genCells(t)}
	}
	for range rapid.IntRange(0, 4).Draw(t, "rows") {
		law := genLaw(t)
		row := genRow(t, law, rapid.IntRange(0, keysMax).Draw(t, "key"))
		if rapid.Bool().Draw(t, "same columns") && len(m.Rows) > 0 && law == ByTimestamp {
			row.Cells = append([]Cell(nil), m.Rows[len(m.Rows)-1].Cells...)
		}
		m.Rows = append(m.Rows, row)
	}
	m.Ranges = genRanges(t)
	return m
}

func TestMutationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMutation(t)
		encoded := AppendMutation([]byte("before"), &m)
		got, rest, err := DecodeMutation(append(encoded[6:], "after"...), testTable)
		if err != nil || string(rest) != "after" {
			t.Fatalf("%v, rest %q", err, rest)
		}
		same(t, "round trip", mutationString(&got), mutationString(&m))
		for n := range len(encoded) - 6 {
			if _, _, err := DecodeMutation(encoded[6:6+n], testTable); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("the first %d of %d bytes: %v", n, len(encoded)-6, err)
			}
		}
	})
}

func TestRowRoundTrip(t *testing.T) {
	var reused Row
	rapid.Check(t, func(t *rapid.T) {
		row := genRow(t, genLaw(t), 3)
		rest, err := DecodeRow(append(AppendRow(nil, &row), 7), &reused)
		if err != nil || len(rest) != 1 {
			t.Fatalf("%v, %d bytes left", err, len(rest))
		}
		same(t, "round trip", rowString(&reused), rowString(&row))
	})
}

func TestCodecExtremes(t *testing.T) {
	cell := func(column ColumnID, ts int64) Cell { return Cell{Column: column, Timestamp: ts, ExpiresAt: Forever} }
	m := Mutation{Table: testTable, Key: partition.Decorate([]byte{0}), Deletion: Deletion{math.MaxInt64, math.MaxInt64},
		Rows: []Row{{Sequence: math.MaxUint64, Live: Liveness{math.MinInt64, math.MaxInt32, math.MaxInt64 - 1},
			Cells: []Cell{cell(0, math.MaxInt64), cell(1, math.MinInt64), cell(math.MaxUint32, 0)}}}}
	got, _, err := DecodeMutation(AppendMutation(nil, &m), testTable)
	if err != nil || mutationString(&got) != mutationString(&m) {
		t.Errorf("%v:\n%s\n%s", err, mutationString(&got), mutationString(&m))
	}
}

// The bytes of the example in docs/formats/commitlog-record.md.
func TestMutationFormat(t *testing.T) {
	m := Mutation{Table: testTable, Key: partition.Decorate([]byte("s1")), Rows: []Row{
		{Clustering: []byte{2, 7}, Live: Liveness{1000, 0, Forever}, Cells: []Cell{
			{Column: 1, Timestamp: 1000, ExpiresAt: Forever, Value: []byte{42}},
			{Column: 3, Timestamp: 1000, ExpiresAt: 60}}},
		{Clustering: []byte{2, 8}, Live: Liveness{1000, 0, Forever}, Cells: []Cell{
			{Column: 1, Timestamp: 1000, ExpiresAt: Forever, Value: []byte{43}},
			{Column: 3, Timestamp: 1001, TTL: 5, ExpiresAt: 65, Value: []byte{}}}},
	}}
	const want = "0100027331d00f00000202020701020101012a0103003c0202082101012b0202054100"
	if got := hex.EncodeToString(AppendMutation(nil, &m)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := AppendMutation(nil, &Mutation{Key: partition.Decorate([]byte("k"))})
	for name, b := range map[string][]byte{
		"nothing":                         nil,
		"other version":                   append([]byte{2}, good[1:]...),
		"unknown flag":                    append([]byte{1, 0x80}, good[2:]...),
		"claimed length":                  {1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"claimed rows":                    {1, 0, 1, 'k', 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"claimed cells":                   {1, 0, 1, 'k', 0, 0, 0, 1, 0, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"a value that ends without a TTL": {1, 0, 1, 'k', 0, 0, 9, 1, 0, 0x10, 1, 0, 0},
		"a tombstone of second 0":         {1, 0, 1, 'k', 0, 0, 0, 1, 0, 0, 1, 0, 3, 0, 0},
		"columns of no row":               {1, 0, 1, 'k', 0, 0, 0, 1, 0, 0x20},
	} {
		if m, _, err := DecodeMutation(b, testTable); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %s", name, err, mutationString(&m))
		}
	}
}

func FuzzDecodeMutation(f *testing.F) {
	f.Add(AppendMutation(nil, &Mutation{Key: partition.Decorate([]byte("k")), Deletion: Deletion{1, 1}, Rows: []Row{
		{Clustering: keyOf(1), Live: Liveness{1, 2, 3}, Cells: []Cell{value(1, "v"), {Column: 2, ExpiresAt: 9}}}},
		Ranges: []RangeTombstone{{sliceOf(1, 2), Deletion{2, 2}}}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		m, rest, err := DecodeMutation(src, testTable)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(src, rest) {
			t.Fatal("the rest is not the end of the source")
		}
		again, rest, err := DecodeMutation(AppendMutation(nil, &m), testTable)
		if err != nil || len(rest) != 0 || mutationString(&again) != mutationString(&m) {
			t.Fatalf("%v, %d left:\n%s\n%s", err, len(rest), mutationString(&again), mutationString(&m))
		}
	})
}

func FuzzDecodeRow(f *testing.F) {
	f.Add(AppendRow(nil, &Row{Clustering: keyOf(1), Cells: []Cell{value(1, "v")}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		var row, again Row
		if _, err := DecodeRow(src, &row); err != nil {
			return
		}
		if _, err := DecodeRow(AppendRow(nil, &row), &again); err != nil || rowString(&row) != rowString(&again) {
			t.Fatalf("%v:\n%s\n%s", err, rowString(&row), rowString(&again))
		}
	})
}
