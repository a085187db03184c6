package memtable

import (
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// The range of times is that of all rows of all partitions; one row without a time makes it unknown.
func TestTimes(t *testing.T) {
	table := &mutation.Table{Law: mutation.ByTimestamp, Clustering: clustering.Layout{{Type: types.Timestamp, Desc: true}}}
	m := New(table, 1)
	defer m.Free()
	write := func(key byte, value []byte, sequence uint64) {
		at, err := table.Clustering.Encode([][]byte{value})
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(&mutation.Mutation{Key: partition.Decorate([]byte{key}), Rows: []mutation.Row{{Clustering: at, Live: mutation.Liveness{Timestamp: 1, ExpiresAt: mutation.Forever}}}}, sequence)
	}
	if low, high, known := m.Times(); !known || low <= high {
		t.Errorf("empty: %d to %d, %t", low, high, known)
	}
	for i, ms := range []int64{50, -7, 50, 1000, 3} {
		write(byte(i), types.AppendTimestampMillis(nil, ms), uint64(i+1))
	}
	if low, high, known := m.Times(); low != -7 || high != 1000 || !known {
		t.Errorf("%d to %d, %t", low, high, known)
	}
	write(9, []byte{}, 9)
	if _, _, known := m.Times(); known {
		t.Error("a row without a time is of some time")
	}
}
