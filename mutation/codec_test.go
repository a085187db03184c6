package mutation

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// genMutation draws a mutation that may have much in common with the one before.
func genMutation(t *rapid.T, before *Mutation) Mutation {
	m := Mutation{Table: testTable, Key: partition.Decorate(rapid.SliceOfN(rapid.ByteRange(1, 2), 1, 4).Draw(t, "key"))}
	if rapid.IntRange(0, 3).Draw(t, "long key") == 0 {
		m.Key = partition.Decorate(append(bytes.Repeat([]byte{7}, alikeBytesMax-1), m.Key.Key...))
	}
	if before != nil && rapid.Bool().Draw(t, "same key") {
		m.Key = before.Key
	}
	m.Deletion = genDeletion(t, "partition")
	if rapid.Bool().Draw(t, "static") {
		m.Static = &Row{Cells: genCells(t)}
	}
	rows := rapid.SampledFrom([]int{0, 1, 1, 1, 2, 5}).Draw(t, "rows")
	for range rows {
		law := genLaw(t)
		row := genRow(t, law, rapid.IntRange(0, keysMax).Draw(t, "key"))
		if rapid.Bool().Draw(t, "same columns") && before != nil && len(before.Rows) > 0 && law == ByTimestamp {
			row.Cells = slices.Clone(before.Rows[len(before.Rows)-1].Cells)
			changeValues(t, row.Cells)
		}
		m.Rows = append(m.Rows, row)
		before = &m
	}
	m.Ranges = genRanges(t)
	return m
}

// changeValues changes some values, mostly so that they begin as before.
func changeValues(t *rapid.T, cells []Cell) {
	for i := range cells {
		c := &cells[i]
		if c.Complex {
			*c = drawComplex(t, "changed").Cell(c.Column, nil)
			continue
		}
		if c.IsTombstone() || rapid.Bool().Draw(t, "same value") {
			continue
		}
		c.Value = slices.Clone(c.Value)
		if n := len(c.Value); n > 0 {
			c.Value[n-1]++
		}
		if rapid.IntRange(0, 3).Draw(t, "longer") == 0 {
			c.Value = append(c.Value, bytes.Repeat([]byte{9}, rapid.SampledFrom([]int{1, 7, alikeBytesMax}).Draw(t, "by"))...)
		}
	}
}

func encodeAll(ms []Mutation) []byte {
	var e Encoder
	var out []byte
	for i := range ms {
		out = e.Append(out, &ms[i])
	}
	return out
}

// decodeAll returns the string forms, each made before the next mutation is read.
func decodeAll(d *Decoder, src []byte) (out []string, err error) {
	d.Reset(src, testTable)
	for {
		m, err := d.Next()
		if m == nil || err != nil {
			return out, err
		}
		out = append(out, mutationString(m))
	}
}

func TestMutationsRoundTrip(t *testing.T) {
	var d Decoder // reused: nothing of an earlier payload may show
	rapid.Check(t, func(t *rapid.T) {
		var ms []Mutation
		var want []string
		var before *Mutation
		for range rapid.IntRange(1, 6).Draw(t, "mutations") {
			ms = append(ms, genMutation(t, before))
			before = &ms[len(ms)-1]
			want = append(want, mutationString(before))
		}
		encoded := encodeAll(ms)
		got, err := decodeAll(&d, encoded)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "round trip", strings.Join(got, "\n\n"), strings.Join(want, "\n\n"))
		for n := range encoded {
			got, err := decodeAll(&d, encoded[:n])
			if err == nil && len(got) == len(want) || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("the first %d of %d bytes: %v, %d mutations", n, len(encoded), err, len(got))
			}
			same(t, "what lies before a cut", strings.Join(got, "\n\n"), strings.Join(want[:len(got)], "\n\n"))
		}
	})
}

// TestDecoderForgetsWhatIsNotNeeded reads so many values put together from parts that the decoder
// begins to overwrite them.
func TestDecoderForgetsWhatIsNotNeeded(t *testing.T) {
	var ms []Mutation
	var want []string
	cell := func(id ColumnID, v []byte) Cell { return Cell{Column: id, Timestamp: 5, ExpiresAt: Forever, Value: v} }
	for i := range 3 * joinedBytesMax / 50 {
		word := fmt.Appendf(nil, "%050d", i)
		row := Row{Clustering: word[5:], Live: Liveness{5, 0, Forever}, Cells: []Cell{
			cell(1, word[10:]), cell(2, []byte("never changes")), cell(3, fmt.Appendf(nil, "%040d", i/1000)),
		}}
		ms = append(ms, Mutation{Table: testTable, Key: partition.Decorate(word), Rows: []Row{row}})
		want = append(want, mutationString(&ms[i]))
	}
	var d Decoder
	for range 2 {
		got, err := decodeAll(&d, encodeAll(ms))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v, %d mutations of %d, or they differ", err, len(got), len(want))
		}
		if n := cap(d.joined) + cap(d.spare); n > 8*joinedBytesMax {
			t.Errorf("%d bytes are kept", n)
		}
	}
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
	ms := []Mutation{m, m}
	ms[1].Rows = []Row{{Live: Liveness{math.MaxInt64, 0, Forever}, Cells: []Cell{cell(0, math.MinInt64)}}}
	got, err := decodeAll(new(Decoder), encodeAll(ms))
	if err != nil || len(got) != 2 || got[0] != mutationString(&ms[0]) || got[1] != mutationString(&ms[1]) {
		t.Errorf("%v:\n%s\n%s", err, got, mutationString(&m))
	}
}

// The bytes of the example in docs/formats/commitlog-record.md.
func TestMutationsFormat(t *testing.T) {
	ms := []Mutation{
		{Table: testTable, Key: partition.Decorate([]byte("s1")), Rows: []Row{
			{Clustering: []byte{2, 7}, Live: Liveness{1000, 0, Forever}, Cells: []Cell{
				{Column: 1, Timestamp: 1000, ExpiresAt: Forever, Value: []byte{42}},
				{Column: 3, Timestamp: 1000, ExpiresAt: 60}}}}},
		{Table: testTable, Key: partition.Decorate([]byte("s2")), Rows: []Row{
			{Clustering: []byte{2, 7}, Live: Liveness{1000, 0, Forever}, Cells: []Cell{
				{Column: 1, Timestamp: 1000, ExpiresAt: Forever, Value: []byte{43}},
				{Column: 3, Timestamp: 1001, TTL: 5, ExpiresAt: 65, Value: []byte{}}}}}},
	}
	const want = "0220047331d00f010402070201" + "01012a0103003c" + "30033261020102" + "2b02020541"
	if got := hex.EncodeToString(encodeAll(ms)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	head := []byte{mutationsVersion, mutationSameTimestamp | mutationSameLife, 2, 'k'}
	rows := []byte{mutationsVersion, mutationSameTimestamp | mutationSameLife | mutationHasCount, 2, 'k'}
	one := []byte{mutationsVersion, mutationSameTimestamp | mutationSameLife, 2, 'k', 0x50, 1, 0, 1, 'v'} // column 0 has one byte
	again := byte(mutationSameTimestamp | mutationSameLife | mutationSameKey)
	with := func(b []byte, more ...byte) []byte { return append(slices.Clone(b), more...) }
	for name, b := range map[string][]byte{
		"other version":                     {1},
		"no mutation":                       {mutationsVersion},
		"unknown flag":                      {mutationsVersion, 0x80},
		"claimed length":                    {mutationsVersion, 0x30, 0xfe, 0xff, 0xff, 0xff, 0x0f},
		"the same part of no key":           {mutationsVersion, 0x30, 1, 'k'},
		"more than all of the key before":   with(one, 0x30, 5),
		"claimed rows":                      with(rows, 0xff, 0xff, 0xff, 0xff, 0x0f),
		"claimed cells":                     with(head, 0x50, 0xff, 0xff, 0xff, 0xff, 0x0f),
		"claimed ranges":                    {mutationsVersion, 0x34, 2, 'k', 0x40, 0, 0xff, 0xff, 0x0f},
		"a value that ends without a TTL":   {mutationsVersion, 0x10, 2, 'k', 0, 9, 0x50, 1, 0, 0},
		"a tombstone of second 0":           with(head, 0x40, 1, 0, 3, 0, 0),
		"a tombstone as before":             with(one, again, 0x60, 1, 3, 0, 5),
		"a value behind the last as before": with(one, again, 0x70, 2, 2, 'x'),
		"a static row against another":      {mutationsVersion, 0x32, 2, 'k', 0x20},
		"a marker of its own, and none":     with(head, 0x42, 0, 0, 0, 0),
	} {
		if got, err := decodeAll(new(Decoder), b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %s", name, err, got)
		}
	}
	if got, err := decodeAll(new(Decoder), with(one, again, 0x70, 1)); err != nil || len(got) != 2 {
		t.Errorf("what the refused ones vary is refused: %v, %s", err, got)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(encodeAll([]Mutation{{Key: partition.Decorate([]byte("k1")), Deletion: Deletion{1, 1}, Rows: []Row{
		{Clustering: keyOf(1), Live: Liveness{1, 2, 3}, Cells: []Cell{value(1, "v"), {Column: 2, ExpiresAt: 9}}}},
		Ranges: []RangeTombstone{{sliceOf(1, 2), Deletion{2, 2}}}}, {Key: partition.Decorate([]byte("k2")), Rows: []Row{
		{Clustering: keyOf(2), Live: Liveness{1, 2, 3}, Cells: []Cell{value(1, "v"), {Column: 2, ExpiresAt: 9}}}}}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		var d, again Decoder
		var e Encoder
		var want []string
		var encoded []byte
		d.Reset(src, testTable)
		for {
			m, err := d.Next()
			if err != nil {
				return
			}
			if m == nil {
				break
			}
			want = append(want, mutationString(m))
			encoded = e.Append(encoded, cloneMutation(m))
		}
		got, err := decodeAll(&again, encoded)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v:\n%s\n%s", err, got, want)
		}
	})
}

// cloneMutation copies m as far as an Encoder remembers it.
func cloneMutation(m *Mutation) *Mutation {
	out := *m
	out.Key.Key = bytes.Clone(m.Key.Key)
	out.Rows = slices.Clone(m.Rows)
	for i := range out.Rows {
		out.Rows[i].Clustering = bytes.Clone(out.Rows[i].Clustering)
		out.Rows[i].Cells = slices.Clone(out.Rows[i].Cells)
		for j := range out.Rows[i].Cells {
			out.Rows[i].Cells[j].Value = bytes.Clone(out.Rows[i].Cells[j].Value)
		}
	}
	return &out
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

// workload is a batch of one tick: many devices, one row each.
func workload(rows int) []Mutation {
	rng := rand.New(rand.NewPCG(1, 2))
	ms := make([]Mutation, rows)
	double := func(v float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)) }
	for i := range ms {
		ts := int64(1_700_000_000_000_000)
		cell := func(id ColumnID, b []byte) Cell {
			return Cell{Column: id, Timestamp: ts, ExpiresAt: Forever, Value: b}
		}
		status := "ok"
		if rng.IntN(20) == 0 {
			status = "low battery"
		}
		ms[i] = Mutation{Table: testTable, Key: partition.Decorate(fmt.Appendf(nil, "device-%06d", i*4)), Rows: []Row{{
			Clustering: []byte{2, 0x80, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0},
			Live:       Liveness{ts, 0, Forever},
			Cells: []Cell{
				cell(1, double(float64(200+rng.IntN(100))/10)), cell(2, double(float64(400+rng.IntN(200))/10)),
				cell(3, binary.BigEndian.AppendUint32(nil, uint32(80+rng.IntN(20)))), cell(4, []byte(status)),
			},
		}}}
	}
	return ms
}

func TestBatchTakesFewBytes(t *testing.T) {
	const rows, bytesMax = 500, 32
	if n := len(encodeAll(workload(rows))); n > rows*bytesMax {
		t.Errorf("%.1f bytes a row, more than %d", float64(n)/rows, bytesMax)
	}
}

func BenchmarkEncoder(b *testing.B) {
	ms := workload(500)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var e Encoder
		buf = buf[:0]
		for i := range ms {
			buf = e.Append(buf, &ms[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ms)), "ns/row")
	b.ReportMetric(float64(len(buf))/float64(len(ms)), "B/row")
}

func BenchmarkDecoder(b *testing.B) {
	const rows = 500
	src := encodeAll(workload(rows))
	var d Decoder
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(src, testTable)
		for {
			m, err := d.Next()
			if err != nil {
				b.Fatal(err)
			}
			if m == nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}
