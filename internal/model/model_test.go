package model

import (
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

func table() *Table {
	return New(&schema.Table{
		PartitionKey: []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}},
		Clustering:   []*schema.Column{{Name: "c", Kind: schema.ClusteringKey, Type: types.Int}},
		Statics:      []*schema.Column{{Name: "s", Kind: schema.Static, Type: types.Int}},
		Regulars:     []*schema.Column{{Name: "v", Kind: schema.Regular, Type: types.Int}},
	})
}

func number(n int32) []byte { return types.AppendInt(nil, n) }

func write(ts int64, v []byte) Op {
	return Op{Key: [][]byte{number(1)}, Clustering: [][]byte{number(1)}, Timestamp: ts, Cells: []Cell{{Column: "v", Value: v}}}
}

// Each rule of reconciliation, whichever version was written first.
func TestVersions(t *testing.T) {
	expiring := func(v int32, ttl int64) Op {
		op := write(10, number(v))
		op.TTL = ttl
		return op
	}
	for name, c := range map[string]struct {
		a, b Op
		want int64 // the value; -1 for none
	}{
		"later wins":                     {write(10, number(9)), write(11, number(1)), 1},
		"larger value":                   {write(10, number(1)), write(10, number(9)), 9},
		"deletion beats value":           {write(10, number(1)), write(10, nil), -1},
		"expiring beats plain":           {write(10, number(9)), expiring(1, 100), 1},
		"deletion beats expiring":        {write(10, nil), expiring(1, 100), -1},
		"the longer lasting":             {expiring(9, 100), expiring(1, 200), 1},
		"expired still beats equal time": {write(10, number(9)), expiring(1, 5), -1},
	} {
		for _, ops := range [][]Op{{c.a, c.b}, {c.b, c.a}} {
			m := table()
			for _, op := range ops {
				if err := m.Apply(op); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := m.Read(Query{Key: ops[0].Key, Slice: clustering.Whole(), Now: 50})
			if err != nil {
				t.Fatal(err)
			}
			got := int64(-1)
			if len(rows) == 1 {
				got = types.DecodeInt64(rows[0].Columns["v"].Bytes)
			}
			if got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		}
	}
}

// An INSERT lives by itself, an UPDATE does not; deletions take equal timestamps; statics outlive rows.
func TestRows(t *testing.T) {
	m := table()
	key := [][]byte{number(1)}
	all := clustering.Whole()
	for _, step := range []struct {
		op   Op
		rows int
	}{
		{write(10, number(1)), 1},
		{write(11, nil), 0},
		{Op{Key: key, Clustering: [][]byte{number(1)}, Timestamp: 12, Insert: true}, 1},
		{Op{Key: key, Clustering: [][]byte{number(1)}, Timestamp: 12, DeleteRow: true}, 0},
		{Op{Key: key, Clustering: [][]byte{number(2)}, Timestamp: 13, Insert: true}, 1},
		{Op{Key: key, Timestamp: 13, DeleteRange: &all}, 0},
		{Op{Key: key, Timestamp: 13, Cells: []Cell{{Column: "s", Value: number(5)}}}, 1},
		{Op{Key: key, Timestamp: 13, DeletePartition: true}, 0},
	} {
		if err := m.Apply(step.op); err != nil {
			t.Fatal(err)
		}
		rows, err := m.Read(Query{Key: key, Slice: all, Whole: true, Now: 50})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != step.rows {
			t.Errorf("after %+v: %d rows, want %d", step.op, len(rows), step.rows)
		}
	}
}
