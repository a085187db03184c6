package catalog

import (
	"fmt"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// slice reads the slices of keyspace ks of a virtual table, and returns the serialized values of one column.
func slice(t *testing.T, s *Source, name, column string, slices clustering.Slices, reverse bool) [][]byte {
	t.Helper()
	of := s.schema.Table("system_views", name)
	req := mutation.ReadRequest{Key: partition.Decorate([]byte("ks")), Slices: slices, Reverse: reverse, Columns: []mutation.ColumnID{of.Column(column).ID}}
	r, err := s.Read(of, req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out [][]byte
	for {
		b, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return out
		}
		for i := range b.Rows {
			out = append(out, b.Columns[0].AppendValue(nil, i))
		}
	}
}

// bucketSlice is the buckets of base from one start to before another.
func bucketSlice(s *Source, from, to int64) clustering.Slices {
	layout := s.schema.Table("system_views", "buckets").ClusteringLayout()
	at := func(ms int64) []byte {
		key, err := layout.Encode([][]byte{[]byte("base"), types.AppendTimestampMillis(nil, ms)})
		if err != nil {
			panic(err)
		}
		return key
	}
	return clustering.Slices{{Start: clustering.Before(at(from)), End: clustering.Before(at(to))}}
}

// Thousands of buckets come in order, forwards and backwards, and slices of them are those that a table would have.
func TestBucketsAreStreamed(t *testing.T) {
	s := testSource()
	rows := slice(t, s, "buckets", "rows", clustering.All(), false)
	back := slice(t, s, "buckets", "rows", clustering.All(), true)
	if len(rows) != 10_001 || len(back) != len(rows) || types.DecodeInt64(rows[0]) != 9 {
		t.Fatalf("%d rows, %d backwards", len(rows), len(back))
	}
	for i := range rows {
		if i > 0 && types.DecodeInt64(rows[i]) != int64(i-1) || string(back[len(back)-1-i]) != string(rows[i]) {
			t.Fatalf("row %d: %x, backwards %x", i, rows[i], back[len(back)-1-i])
		}
	}
	middle := slice(t, s, "buckets", "rows", bucketSlice(s, 5_000_000, 5_003_000), true)
	if got := fmt.Sprint(types.DecodeInt64(middle[0]), types.DecodeInt64(middle[1]), types.DecodeInt64(middle[2]), len(middle)); got != "5002 5001 5000 3" {
		t.Errorf("a slice backwards: %s", got)
	}
	other := s.schema.Table("system_views", "buckets").ClusteringLayout()[0].Append(nil, []byte("View"))
	if got := slice(t, s, "buckets", "rows", clustering.Slices{clustering.RowSlice(other)}, false); len(got) != 0 {
		t.Errorf("a table without buckets has %d", len(got))
	}
}

// A bucket without range begins where no bucket does, and has no end and no epoch.
func TestMixedBucket(t *testing.T) {
	s := testSource()
	base := s.schema.Table("ks", "base")
	base.Bucket = &schema.TimeBucket{Column: "c", SizeMillis: 500, Epoch: 3}
	n, row, err := s.buckets(base, nil)
	if n != 10_001 || err != nil {
		t.Fatal(n, err)
	}
	if mixed := row(0); mixed["bucket_end"] != nil || mixed["epoch"] != nil || types.DecodeInt64(mixed["bucket_start"]) != mixedStartMillis {
		t.Errorf("mixed: %v", mixed)
	}
	if first := row(1); types.DecodeInt64(first["bucket_end"]) != 1000 || types.DecodeInt64(first["epoch"]) != 3 {
		t.Errorf("first: %v", first)
	}
}

// Partition keys read as CQL.
func TestPartitionText(t *testing.T) {
	s := testSource()
	if got := s.schema.Table("ks", "base").PartitionText(keyOf(s.schema.Table("ks", "base")).Key); got != "(7, 'it''s')" {
		t.Error(got)
	}
	if got := s.schema.Table("ks", "q").PartitionText(keyOf(s.schema.Table("ks", "q")).Key); got != "7" {
		t.Error(got)
	}
	if got := s.schema.Table("ks", "base").PartitionText([]byte{1}); got != "0x01" {
		t.Error(got)
	}
	for name, want := range map[string]int{"large_partitions": 4, "top_partitions": 4, "write_limits": 1} {
		column := "partition"
		if name == "write_limits" {
			column = "last_partition"
		}
		if got := slice(t, s, name, column, clustering.All(), false); len(got) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Of the windows of a rollup those are computed whose start a statement asks for; two partitions of one start are two rows.
func TestRollupWindowsAreStreamed(t *testing.T) {
	s := testSource()
	if rows := slice(t, s, "rollup_windows", "state", clustering.All(), false); len(rows) != 20_000 || string(rows[1]) != "dirty" {
		t.Fatalf("%d rows", len(rows))
	}
	layout := s.schema.Table("system_views", "rollup_windows").ClusteringLayout()
	at := func(ms int64) []byte {
		return layout[1].Append(layout[0].Append(nil, []byte("base_1h")), types.AppendTimestampMillis(nil, ms))
	}
	part := clustering.Slices{{Start: clustering.Before(at(5)), End: clustering.Before(at(8))}}
	if from, to := timesWanted(part, layout, "base_1h"); from != 5 || to != 9 {
		t.Errorf("from %d to %d", from, to)
	}
	if rows := slice(t, s, "rollup_windows", "state", part, true); len(rows) != 6 || string(rows[0]) != "dirty" {
		t.Errorf("%d rows of a slice", len(rows))
	}
}
