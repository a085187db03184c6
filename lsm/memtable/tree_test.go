package memtable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// Ranks never go against the order of clusterings, and the words of a timed table stand for what the layout encodes.
func TestRanksKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layout := rapid.SampledFrom(layouts[:6]).Draw(t, "layout")
		draw := func(label string) []byte {
			values := make([][]byte, len(layout))
			for i, c := range layout {
				n := c.Type.FixedWidth()
				if n == 0 {
					n = rapid.IntRange(0, 12).Draw(t, "length")
				} else if rapid.IntRange(0, 5).Draw(t, "empty") == 0 {
					n = 0
				}
				values[i] = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0x7F}), n, n).Draw(t, label)
			}
			key, err := layout.Encode(values)
			if err != nil {
				t.Fatal(err)
			}
			s := newShape(&mutation.Table{Clustering: layout})
			if s.timed && len(values[0]) > 0 {
				ms, ok := s.timeOf(key)
				if !ok || uint64(ms) != binary.BigEndian.Uint64(values[0]) || !bytes.Equal(s.appendKey(nil, uint64(ms)), key) {
					t.Fatalf("%x became %d, %t", key, ms, ok)
				}
			}
			return key
		}
		a, b := draw("a"), draw("b")
		if ra, rb := rankOf(a), rankOf(b); ra < rb && bytes.Compare(a, b) >= 0 || ra > rb && bytes.Compare(a, b) <= 0 {
			t.Fatalf("%x has rank %x, %x has %x", a, ra, b, rb)
		}
	})
}

// A tree keeps any order of arrival, over many leaves.
func TestTreeKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]int{1, 7, 1999, 4999}).Draw(t, "step")
		common := rapid.SampledFrom([]int{0, 4, 10}).Draw(t, "letters that all have in common")
		const rows = 5000
		m := New(wideTable(mutation.ByTimestamp, layouts[3]), 1)
		var want []string
		for i := range rows {
			name := fmt.Appendf(bytes.Repeat([]byte{'x'}, common), "%x", i*step%rows)
			key, err := layouts[3].Encode([][]byte{name})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, string(key))
			m.Apply(&mutation.Mutation{Key: keyOf(1), Rows: []mutation.Row{{Clustering: key, Deletion: mutation.Deletion{MarkedAt: 1, LocalSec: 1}}}}, uint64(i+1))
		}
		slices.Sort(want)
		got := rowsOf(m.Partition(keyOf(1), rows), clustering.All(), false)
		for _, key := range want {
			if row, _ := got.Next(); row == nil || string(row.Clustering) != key {
				t.Fatalf("%v instead of %x", row, key)
			}
		}
		if m.Rows() != int64(len(want)) {
			t.Fatalf("%d rows, not %d", m.Rows(), len(want))
		}
		m.Free()
	})
}
