package mutation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
)

func bigint(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

func batchTable(law Law) *Table {
	return &Table{Name: "k.t", Law: law,
		Clustering: clustering.Layout{{Type: types.Timestamp, Desc: true}, {Type: types.Text}},
		Columns: []Column{{ID: 1, Physical: PhysicalInt, Width: 4}, {ID: 2, Physical: PhysicalBytes},
			{ID: 4, Physical: PhysicalInt, Width: 8, Static: true}, {ID: 5, Physical: PhysicalDouble, Width: 8}}}
}

func batchKey(t testing.TB, table *Table, at int64, name string) []byte {
	key, err := table.Clustering.Encode([][]byte{bigint(at), []byte(name)})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestBatchBuilder(t *testing.T) {
	table := batchTable(ByTimestamp)
	b := NewBatchBuilder(table, &ReadRequest{Columns: []ColumnID{5, 1}, Metadata: true})
	key := batchKey(t, table, -5, "a")
	rows := []Row{
		{Clustering: key, Live: Liveness{1, 0, Forever}, Cells: []Cell{{Column: 1, Timestamp: 3, TTL: 2, ExpiresAt: 9, Value: []byte{0xff, 0xff, 0xff, 0xfe}}}},
		{Clustering: key, Deletion: Deletion{1, 1}},
		{Clustering: key, Cells: []Cell{{Column: 1, Timestamp: 1, ExpiresAt: 7}}},
		{Clustering: key, Cells: []Cell{{Column: 3, ExpiresAt: Forever}, {Column: 4, ExpiresAt: Forever}, {Column: 6, ExpiresAt: Forever}}},
		{Clustering: key, Cells: []Cell{{Column: 2, TTL: 1, ExpiresAt: 11, Value: []byte("x")}, {Column: 5, Timestamp: 4, TTL: 1, ExpiresAt: 12, Value: bigint(1)}}},
	}
	for range 2 { // the second time in used memory
		b.Reset()
		for i := range rows {
			if err := b.Append(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		batch := b.Batch()
		if batch == nil || batch.Rows != 2 || b.Len() != 2 {
			t.Fatalf("tombstones, statics and dropped columns make rows: %+v", batch)
		}
		if got := fmt.Sprint(batch.AliveUntil); got != fmt.Sprint([]int64{Forever, 12}) {
			t.Errorf("alive until %s", got)
		}
		double, integer := &batch.Columns[0], &batch.Columns[1]
		if double.Has(0) || !double.Has(1) || double.Words[1] != 1 || !integer.Has(0) || integer.Has(1) || integer.Int(0) != -2 {
			t.Errorf("values: %+v", batch.Columns)
		}
		if integer.Timestamps[0] != 3 || integer.TTLs[0] != 2 || integer.ExpiresAt[0] != 9 || double.Timestamps[1] != 4 {
			t.Errorf("metadata: %+v", batch.Columns)
		}
		if batch.Clustering[0].Int(1) != -5 || string(batch.Clustering[1].AppendValue(nil, 0)) != "a" {
			t.Errorf("clustering: %+v", batch.Clustering)
		}
	}
	if b.Reset(); b.Batch() != nil {
		t.Error("an empty builder lends a batch")
	}
	if err := b.Append(&Row{Clustering: key[:9], Live: Liveness{1, 0, Forever}}); err == nil {
		t.Error("half a clustering passes")
	}
	if err := b.Append(&Row{Clustering: append(key, 1), Live: Liveness{1, 0, Forever}}); err == nil {
		t.Error("more than a clustering passes")
	}
}

func TestBatchOfSequencedRows(t *testing.T) {
	table := batchTable(BySequence)
	b := NewBatchBuilder(table, &ReadRequest{Columns: []ColumnID{1}})
	cells := []Cell{{Column: 1, Timestamp: 3, ExpiresAt: Forever, Value: []byte{0, 0, 0, 1}}}
	for _, row := range []Row{
		{Clustering: batchKey(t, table, 1, "a"), Sequence: 1, Live: Liveness{0, 0, 50}, Cells: cells},
		{Clustering: batchKey(t, table, 2, "a"), Sequence: 1, Deletion: Deletion{LocalSec: 1}, Live: Liveness{0, 0, 50}, Cells: cells},
		{Clustering: batchKey(t, table, 3, "a"), Sequence: 1, Cells: cells},
	} {
		if err := b.Append(&row); err != nil {
			t.Fatal(err)
		}
	}
	batch := b.Batch()
	if batch.Rows != 1 || batch.AliveUntil[0] != 50 {
		t.Fatalf("%+v", batch)
	}
	if v := batch.Columns[0]; v.Timestamps != nil || v.TTLs != nil || v.ExpiresAt != nil || v.Present != nil {
		t.Errorf("a vector has what nobody needs: %+v", v)
	}
}

func TestVectorGivesBackWhatItGot(t *testing.T) {
	var v Vector
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]keyKind{{PhysicalInt, 1}, {PhysicalInt, 2}, {PhysicalInt, 4}, {PhysicalInt, 8},
			{PhysicalFloat, 4}, {PhysicalDouble, 8}, {PhysicalBytes, 0}}).Draw(t, "kind")
		v.Reset(kind.physical, kind.width)
		odd := rapid.Bool().Draw(t, "some values of other widths")
		var want [][]byte
		for range rapid.IntRange(0, 200).Draw(t, "rows") {
			if rapid.IntRange(0, 9).Draw(t, "absent") == 0 {
				want = append(want, nil)
				v.AppendAbsent()
				continue
			}
			low, high := kind.width, kind.width
			if odd || kind.width == 0 {
				low, high = 0, 9
			}
			value := rapid.SliceOfN(rapid.Byte(), low, high).Draw(t, "value")
			want = append(want, value)
			v.Append(value)
		}
		count := 0
		for i, value := range want {
			if v.Has(i) != (value != nil) {
				t.Fatalf("row %d of %d: present %t", i, len(want), v.Has(i))
			}
			if value == nil {
				continue
			}
			count++
			if got := v.AppendValue(nil, i); !bytes.Equal(got, value) {
				t.Fatalf("row %d: %x, want %x", i, got, value)
			}
		}
		if v.Count(len(want)) != count {
			t.Fatalf("%d values counted, %d are there", v.Count(len(want)), count)
		}
	})
}

// The fast way to decode a clustering gives what Decode gives, and allocates nothing.
func TestBatchClusterings(t *testing.T) {
	for _, of := range []*types.Type{types.Timestamp, types.Bigint, types.Int, types.Date, types.Text, types.TimeUUID} {
		for _, desc := range []bool{false, true} {
			table := &Table{Name: "k.t", Law: ByTimestamp, Clustering: clustering.Layout{{Type: of, Desc: desc}, {Type: types.Bigint, Desc: !desc}}}
			b := NewBatchBuilder(table, &ReadRequest{})
			var want []byte
			for _, v := range []int64{0, 1, -1, 1 << 40, -1 << 63, 1<<63 - 1} {
				first := bigint(v)
				if _, width := PhysicalOf(of); width == 4 {
					first = first[4:]
				}
				if of == types.TimeUUID {
					first = append(append(bigint(0x1000), 0x80), first[:7]...)
				}
				key, err := table.Clustering.Encode([][]byte{first, bigint(-v)})
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Append(&Row{Clustering: key, Live: Liveness{1, 0, Forever}}); err != nil {
					t.Fatal(err)
				}
				want = append(append(want, first...), bigint(-v)...)
			}
			var got []byte
			for i := range b.Batch().Rows {
				got = b.Batch().Clustering[1].AppendValue(b.Batch().Clustering[0].AppendValue(got, i), i)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%v, desc %t:\n%x\n%x", of, desc, got, want)
			}
		}
	}
	table := &Table{Name: "k.t", Law: ByTimestamp, Clustering: clustering.Layout{{Type: types.Timestamp, Desc: true}}}
	b := NewBatchBuilder(table, &ReadRequest{})
	key, err := table.Clustering.Encode([][]byte{bigint(7)})
	if err != nil {
		t.Fatal(err)
	}
	row := Row{Clustering: key, Live: Liveness{1, 0, Forever}}
	allocations := testing.AllocsPerRun(100, func() {
		b.Reset()
		for range 100 {
			if err := b.Append(&row); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a batch", allocations)
	}
}
