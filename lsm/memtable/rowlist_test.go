package memtable

import (
	"slices"
	"testing"
)

// A full chunk takes a row at every place.
func TestInsertIntoAFullChunk(t *testing.T) {
	for at := range chunkRowsMax + 1 {
		var l rowList
		var want []ref
		for i := range chunkRowsMax {
			l.insert(place{len(l.chunks), 0}, ref(i+1))
			want = append(want, ref(i+1))
		}
		where := place{0, at}
		if at == chunkRowsMax {
			where = place{1, 0}
		}
		l.insert(where, 9999)
		want = slices.Insert(want, at, 9999)
		var got []ref
		for p := (place{}); !l.isEnd(p); p = l.next(p) {
			got = append(got, l.at(p))
		}
		if !slices.Equal(got, want) || l.rows != len(want) {
			t.Fatalf("at %d: %v", at, got)
		}
		var back []ref
		for p, ok := l.before(place{len(l.chunks), 0}); ok; p, ok = l.before(p) {
			back = append(back, l.at(p))
		}
		if slices.Reverse(back); !slices.Equal(back, want) {
			t.Fatalf("at %d, backward: %v", at, back)
		}
	}
}
