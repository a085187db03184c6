package memtable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/mutationtest"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

func tableOf(law mutation.Law) *mutation.Table {
	return &mutation.Table{Name: "k.t", Law: law, Columns: []mutation.Column{{ID: 1, Physical: mutation.PhysicalBytes}, {ID: 2, Physical: mutation.PhysicalBytes, Complex: true}}}
}

func keyOf(n int) partition.DecoratedKey { return partition.Decorate(fmt.Appendf(nil, "key %d", n)) }

func clusteringOfInt(n int) []byte { return binary.BigEndian.AppendUint16([]byte{2}, uint16(n)) }

func insert(n int, ts int64, value string) mutation.Row {
	return mutation.Row{Clustering: clusteringOfInt(n), Live: mutation.Liveness{Timestamp: ts, ExpiresAt: mutation.Forever},
		Cells: []mutation.Cell{{Column: 1, Timestamp: ts, ExpiresAt: mutation.Forever, Value: []byte(value)}}}
}

func sliceOf(from, to int) clustering.Slice {
	return clustering.Slice{Start: clustering.Before(clusteringOfInt(from)), End: clustering.After(clusteringOfInt(to))}
}

func rowString(r *mutation.Row) string {
	s := fmt.Sprintf("%x seq %d live %v del %v", r.Clustering, r.Sequence, r.Live, r.Deletion)
	for _, c := range r.Cells {
		s += fmt.Sprintf(" %d:%x@%d ttl %d end %d", c.Column, c.Value, c.Timestamp, c.TTL, c.ExpiresAt)
	}
	return s
}

func sideString(s *mutation.Side) string {
	out := fmt.Sprint(s.Deletion)
	if s.Static != nil {
		out += " static " + rowString(s.Static)
	}
	for _, r := range s.Ranges {
		out += fmt.Sprintf(" %v %v", r.Slice, r.Deletion)
	}
	return out
}

func drain(t interface{ Fatal(...any) }, rows mutation.RowSource) []string {
	var out []string
	for {
		row, err := rows.Next()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return out
		}
		out = append(out, rowString(row))
	}
}

// rowsOf yields the rows of all runs of a partition, merged.
func rowsOf(p *Partition, within clustering.Slices, reverse bool) mutation.RowSource {
	var rows []mutation.RowSource
	for _, run := range p.Runs() {
		rows = append(rows, mutation.Validate(run.Rows(within, reverse), reverse))
	}
	return mutation.MergeRows(p.table.Law, rows, nil, reverse)
}

type record struct {
	sequence uint64
	mutation mutation.Mutation
}

func drawComplex(t *rapid.T, id mutation.ColumnID, ts int64) mutation.Cell {
	intn := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "complex") }
	return mutationtest.Complex(intn, ts, 9).Cell(id, nil)
}

func genRow(t *rapid.T, law mutation.Law) mutation.Row {
	row := insert(rapid.IntRange(0, 12).Draw(t, "clustering"), rapid.Int64Range(1, 4).Draw(t, "ts"), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "value"))
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		row.Live = mutation.Liveness{}
	case 1:
		row.Deletion = mutation.Deletion{MarkedAt: rapid.Int64Range(1, 4).Draw(t, "at"), LocalSec: 5}
	case 2:
		row.Cells[0].ExpiresAt, row.Cells[0].Value = 7, nil
	case 3:
		row.Cells = append(row.Cells, drawComplex(t, 2, 1))
	}
	if law == mutation.BySequence && rapid.Bool().Draw(t, "explicit") {
		row.Sequence = rapid.Uint64Range(1, 9).Draw(t, "sequence")
	}
	return row
}

func genRecords(t *rapid.T, law mutation.Law) []record {
	var out []record
	for i := range rapid.IntRange(1, 25).Draw(t, "records") {
		r := record{sequence: uint64(i + 1)}
		r.mutation.Key = keyOf(rapid.IntRange(0, 2).Draw(t, "key"))
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			r.mutation.Rows = append(r.mutation.Rows, genRow(t, law))
		}
		d := mutation.Deletion{MarkedAt: rapid.Int64Range(1, 4).Draw(t, "at"), LocalSec: 3}
		switch rapid.IntRange(0, 5).Draw(t, "more") {
		case 0:
			r.mutation.Deletion = d
		case 1:
			from := rapid.IntRange(0, 12).Draw(t, "from")
			r.mutation.Ranges = []mutation.RangeTombstone{{Slice: sliceOf(from, from+2), Deletion: d}}
		case 2:
			r.mutation.Static = &mutation.Row{Cells: append(insert(0, 2, "s").Cells, drawComplex(t, 2, 2))}
		}
		out = append(out, r)
	}
	return out
}

// naive is what a partition holds at a sequence: all versions, merged one by one.
func naive(law mutation.Law, records []record, key partition.DecoratedKey, upTo uint64) (rows map[string]*mutation.Row, side mutation.Side, any bool) {
	rows = map[string]*mutation.Row{}
	stamp := func(r mutation.Row, sequence uint64) *mutation.Row {
		if law == mutation.BySequence && r.Sequence == 0 {
			r.Sequence = sequence
		}
		return &r
	}
	for _, r := range records {
		if r.sequence > upTo || !bytes.Equal(r.mutation.Key.Key, key.Key) {
			continue
		}
		any = true
		part := mutation.Side{Deletion: r.mutation.Deletion, Ranges: r.mutation.Ranges}
		if r.mutation.Static != nil {
			part.Static = stamp(*r.mutation.Static, r.sequence)
		}
		side = mutation.MergeSides(law, &side, &part)
		for _, row := range r.mutation.Rows {
			c := string(row.Clustering)
			if rows[c] == nil {
				rows[c] = &mutation.Row{Clustering: row.Clustering}
			}
			mutation.MergeRow(law, rows[c], stamp(row, r.sequence))
		}
	}
	return rows, side, any
}

func TestEqualsTheNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := rapid.SampledFrom([]mutation.Law{mutation.ByTimestamp, mutation.BySequence}).Draw(t, "law")
		records := genRecords(t, law)
		m := New(tableOf(law), 7)
		order := rapid.Permutation(records).Draw(t, "order of arrival")
		for i := range order {
			m.Apply(&order[i].mutation, order[i].sequence)
		}
		if m.MinSequence() != 1 || m.MaxSequence() != uint64(len(records)) || m.Epoch() != 7 {
			t.Fatalf("sequences %d to %d of %d", m.MinSequence(), m.MaxSequence(), len(records))
		}
		for n := range 9 {
			checkPartition(t, m, records, keyOf(n%3), law)
		}
	})
}

func checkPartition(t *rapid.T, m *Memtable, records []record, key partition.DecoratedKey, law mutation.Law) {
	upTo := rapid.Uint64Range(0, uint64(len(records))).Draw(t, "up to")
	from := rapid.IntRange(0, 12).Draw(t, "from")
	within := clustering.MakeSlices([]clustering.Slice{sliceOf(from, from+3), sliceOf(8, 9)})
	if rapid.Bool().Draw(t, "all") {
		within = clustering.All()
	}
	rows, side, any := naive(law, records, key, upTo)
	p := m.Partition(key, upTo)
	if (p != nil) != any {
		t.Fatalf("partition there: %t, want %t", p != nil, any)
	}
	if p == nil {
		return
	}
	var want []string
	for n := range 13 {
		if row := rows[string(clusteringOfInt(n))]; row != nil && within.Contains(row.Clustering) {
			want = append(want, rowString(row))
		}
	}
	if got := drain(t, rowsOf(p, within, false)); !slices.Equal(got, want) {
		t.Fatalf("rows at %d:\n%s\nwant\n%s", upTo, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	slices.Reverse(want)
	if got := drain(t, rowsOf(p, within, true)); !slices.Equal(got, want) {
		t.Fatalf("reversed rows at %d:\n%s\nwant\n%s", upTo, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range 2 { // the second time it may be kept
		if got := sideString(p.Side()); got != sideString(&side) {
			t.Fatalf("side at %d:\n%s\nwant\n%s", upTo, got, sideString(&side))
		}
	}
}

func TestOrderOfArrival(t *testing.T) {
	const rows = 5000
	for name, at := range map[string]func(i int) int{
		"ascending":  func(i int) int { return i },
		"descending": func(i int) int { return rows - 1 - i },
		"scattered":  func(i int) int { return i * 1999 % rows },
	} {
		t.Run(name, func(t *testing.T) {
			m := New(tableOf(mutation.ByTimestamp), 1)
			for i := range rows {
				m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{insert(at(i), 1, "v")}}, uint64(i+1))
			}
			p := m.Partition(keyOf(1), math.MaxUint64)
			got := drain(t, mutation.Validate(rowsOf(p, clustering.All(), false), false))
			back := drain(t, mutation.Validate(rowsOf(p, clustering.All(), true), true))
			slices.Reverse(back)
			if len(got) != rows || m.Rows() != rows || !slices.Equal(got, back) {
				t.Errorf("%d rows forward, %d backward, %d counted", len(got), len(back), m.Rows())
			}
			f, _ := m.Frontier(keyOf(1))
			if !bytes.Equal(f.First, clusteringOfInt(0)) || !bytes.Equal(f.Last, clusteringOfInt(rows-1)) {
				t.Errorf("bounds %x, %x", f.First, f.Last)
			}
			if got := drain(t, rowsOf(p, clustering.Slices{sliceOf(777, 778)}, false)); len(got) != 2 {
				t.Errorf("a slice of two rows has %d", len(got))
			}
		})
	}
}

func TestKeysAreInOrder(t *testing.T) {
	m := New(tableOf(mutation.ByTimestamp), 1)
	var all []partition.DecoratedKey
	check := func(inside partition.Range, upTo uint64) {
		t.Helper()
		var want, got []string
		sorted := slices.Clone(all[:min(int(upTo), len(all))])
		slices.SortFunc(sorted, partition.DecoratedKey.Compare)
		for _, k := range sorted {
			if !inside.Before(k.Token) && !inside.After(k.Token) {
				want = append(want, string(k.Key))
			}
		}
		keys := m.Keys(inside, upTo)
		defer keys.Close()
		for key, err := keys.Next(); key != nil; key, err = keys.Next() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(key.Key))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v up to %d: %d keys, want %d", inside, upTo, len(got), len(want))
		}
	}
	for i := range 1000 {
		all = append(all, keyOf(i))
		m.Apply(&mutation.Mutation{Key: keyOf(i), Rows: []mutation.Row{insert(1, 1, "")}}, uint64(i+1))
		if i%250 == 0 {
			check(partition.Range{}, uint64(i+1))
		}
	}
	check(partition.Range{}, 500)
	check(partition.Range{HasStart: true, Start: all[3].Token, ExclStart: true}, 1000)
	check(partition.Range{HasStart: true, Start: all[3].Token, HasEnd: true, End: all[3].Token}, 1000)
	check(partition.Range{HasEnd: true, End: all[7].Token, ExclEnd: true}, 1000)
	check(partition.Range{HasStart: true, Start: 5, HasEnd: true, End: 4}, 1000)
	m.Free()
	if m.Bytes() != 0 || m.Partition(keyOf(1), math.MaxUint64) != nil {
		t.Error("something is left after Free")
	}
}

func TestFrontier(t *testing.T) {
	m := New(tableOf(mutation.ByTimestamp), 1)
	if _, ok := m.Frontier(keyOf(1)); ok || m.MinTimestampOf(keyOf(1)) != math.MaxInt64 {
		t.Error("a partition that is not there has a frontier")
	}
	m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{insert(5, 9, ""), insert(3, 8, "")}}, 1)
	f, ok := m.Frontier(keyOf(1))
	if !ok || !bytes.Equal(f.First, clusteringOfInt(3)) || !bytes.Equal(f.Last, clusteringOfInt(5)) || f.HasRanges || m.MinTimestampOf(keyOf(1)) != 8 {
		t.Errorf("%+v", f)
	}
	m.Apply(&mutation.Mutation{Key: keyOf(1), Deletion: mutation.Deletion{MarkedAt: 4, LocalSec: 1}, Ranges: []mutation.RangeTombstone{
		{Slice: sliceOf(7, 8), Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 1}},
		{Slice: sliceOf(1, 2), Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 1}}}}, 2)
	f, _ = m.Frontier(keyOf(1))
	if f.Deletion.MarkedAt != 4 || !f.HasRanges || f.Ranges.End.Compare(sliceOf(7, 8).End) != 0 || f.Ranges.Start.Compare(sliceOf(1, 2).Start) != 0 {
		t.Errorf("%+v", f)
	}
	for n, beyond := range map[int]bool{0: true, 1: false, 3: false, 4: false, 5: false, 6: false, 8: false, 9: true} {
		if got := f.Beyond(clusteringOfInt(n)); got != beyond {
			t.Errorf("Beyond(%d) = %v", n, got)
		}
	}
}

// TestReadersAmongWriters holds a reader at sequence S to exactly the records up to S while
// writers go on.
func TestReadersAmongWriters(t *testing.T) {
	m := New(tableOf(mutation.ByTimestamp), 1)
	var applied atomic.Uint64 // every record up to here is in
	var writers, readers sync.WaitGroup
	const records = 3000
	var next atomic.Uint64
	var order sync.Mutex
	done := map[uint64]bool{}
	for range 3 {
		writers.Go(func() {
			for s := next.Add(1); s <= records; s = next.Add(1) {
				// Record s writes its number into row s%50 and, alone, into row 100+s.
				m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{
					insert(int(s%50), int64(s), fmt.Sprint(s)), insert(100+int(s*7%records), int64(s), "x")}}, s)
				order.Lock()
				done[s] = true
				for done[applied.Load()+1] {
					applied.Add(1)
				}
				order.Unlock()
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for applied.Load() < records {
				readAt(t, m, applied.Load())
			}
		})
	}
	writers.Wait()
	readers.Wait()
	readAt(t, m, records)
}

func readAt(t *testing.T, m *Memtable, s uint64) {
	p := m.Partition(keyOf(1), s)
	if s == 0 || p == nil {
		return
	}
	rows := rowsOf(p, clustering.All(), s%2 == 0)
	singles := uint64(0)
	for row, _ := rows.Next(); row != nil; row, _ = rows.Next() {
		n := uint64(binary.BigEndian.Uint16(row.Clustering[1:]))
		if n >= 100 {
			singles++
			continue
		}
		want := s - (s-n)%50 // the last record up to s that wrote row n
		if n > s {
			t.Errorf("row %d shows at %d", n, s)
		} else if got := string(row.Cells[0].Value); got != fmt.Sprint(want) {
			t.Errorf("row %d at %d is %s, want %d", n, s, got, want)
		}
	}
	if singles != s {
		t.Errorf("%d records show at %d", singles, s)
	}
}

// An overwritten row must stay cheap to read: its newest version holds the merge.
func TestManyVersionsOfARow(t *testing.T) {
	m := New(tableOf(mutation.ByTimestamp), 1)
	for s := range uint64(2000) {
		m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{insert(1, int64(s), fmt.Sprint(s))}}, s+1)
	}
	for _, s := range []uint64{1, 1000, 2000} {
		got := drain(t, rowsOf(m.Partition(keyOf(1), s), clustering.All(), false))
		if want := fmt.Sprintf("%x@%d", fmt.Sprint(s-1), s-1); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("at %d: %v, want %s", s, got, want)
		}
	}
	if m.Rows() != 2 { // one in columns, one in the tree
		t.Errorf("%d rows counted", m.Rows())
	}
}

func TestValuesLargerThanASlab(t *testing.T) {
	m := New(tableOf(mutation.ByTimestamp), 1)
	big := strings.Repeat("x", 3*spanBytesMax)
	for n, v := range []string{"a", big, "b"} {
		m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{insert(n, 1, v)}}, uint64(n+1))
	}
	if got := drain(t, rowsOf(m.Partition(keyOf(1), 3), clustering.All(), false)); len(got) != 3 || len(got[1]) < 2*len(big) {
		t.Errorf("%d rows", len(got))
	}
	if m.Bytes() < int64(len(big)) {
		t.Errorf("%d bytes are counted", m.Bytes())
	}
}

// A reader of columns at a sequence sees what was there then, while a writer goes on.
func TestColumnsAmongWriters(t *testing.T) {
	for _, layout := range layouts[:2] {
		table := wideTable(mutation.ByTimestamp, layout)
		m := New(table, 1)
		const rows = 4000
		var applied atomic.Uint64
		var all sync.WaitGroup
		all.Go(func() {
			for n := 1; n <= rows; n++ {
				row := mutation.Row{Clustering: keyAt(t, layout, n), Cells: []mutation.Cell{
					{Column: 2, Timestamp: int64(n), ExpiresAt: mutation.Forever, Value: binary.BigEndian.AppendUint32(nil, uint32(n))}}}
				if n%3 == 0 {
					row.Cells[0] = mutation.Cell{Column: 5, Timestamp: int64(n), ExpiresAt: mutation.Forever, Value: []byte("some longer text")}
				}
				m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{row}}, uint64(n))
				applied.Store(uint64(n))
			}
		})
		for range 2 {
			all.Go(func() {
				for s := uint64(0); s < rows; {
					if s = applied.Load(); s > 0 {
						countAt(t, m, s)
					}
				}
			})
		}
		all.Wait()
		m.Free()
	}
}

// countAt reads everything at sequence s, where record s wrote row s.
func countAt(t *testing.T, m *Memtable, s uint64) {
	run := m.Partition(keyOf(1), s).Runs()[0]
	seen, values := 0, 0
	source := run.Blocks()
	for b, err := source.Next(); b != nil; b, err = source.Next() {
		if err != nil {
			t.Error(err)
		}
		seen += b.Rows
		for i := range b.Rows {
			if b.Columns[1].Has(i) && b.Columns[1].Int(i) != b.Timestamps[i] || !b.Columns[1].Has(i) && b.Timestamps[i]%3 != 0 {
				t.Errorf("row %d of %d has another value", b.Timestamps[i], s)
			}
		}
	}
	batches := run.Batches(&mutation.ReadRequest{Slices: clustering.All(), Columns: []mutation.ColumnID{2, 5}})
	defer batches.Close()
	for b, _ := batches.Next(); b != nil; b, _ = batches.Next() {
		values += b.Columns[0].Count(b.Rows) + b.Columns[1].Count(b.Rows)
	}
	if seen != int(s) || values != int(s) {
		t.Errorf("at %d: %d rows and %d values", s, seen, values)
	}
}
