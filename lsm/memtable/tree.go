package memtable

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// leafClassMax is the block of a leaf of a tree: two words a row, and one, in 1024. An insert moves at most so many.
const (
	leafClassMin = 3
	leafClassMax = 10
)

// rankOf returns the beginning of a clustering as a number of the same order. Clusterings of one rank are
// compared in full, and that is rare: it is all but two bits of a time or a bigint.
func rankOf(clustering []byte) uint64 {
	var head [9]byte
	copy(head[:], clustering)
	// Of the first byte, which is 1 to 3 or, where it is inverted, FC to FE, two bits are enough.
	return uint64(head[0]&3)<<62 | binary.BigEndian.Uint64(head[1:])>>2
}

// tree keeps references to rows of one partition, the newest version of each, in clustering order: a list of
// sorted leaves, none of them empty. Its blocks are guarded by the lock of the shard.
type tree struct {
	rows     int
	leaves   ref    // block of references
	count    int    // of leaves
	capacity int    // class of the block
	missed   uint64 // rank of the last whole row that came
	streak   int    // how many of those came upwards, one after the other; downwards if negative
}

const treeBytes = int(unsafe.Sizeof(tree{}))

// leaf is a block: its head, references to versions, and their ranks.
type leaf struct {
	count uint32
	class uint32
}

// room is how many rows a leaf holds.
func (l *leaf) room() int { return (1<<l.class - 1) / 2 }

func (l *leaf) refs() []ref {
	return unsafe.Slice((*ref)(unsafe.Add(unsafe.Pointer(l), 8)), l.room())
}

func (l *leaf) ranks() []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(l), 8+8*l.room())), l.room())
}

func (l *leaf) last() ref { return l.refs()[l.count-1] }

// isBefore reports whether row i lies before a clustering of that rank.
func (l *leaf) isBefore(i int, clustering []byte, rank uint64) bool {
	if r := l.ranks()[i]; r != rank {
		return r < rank
	}
	return bytes.Compare(clusteringOf(l.refs()[i]), clustering) < 0
}

func (t *tree) list() []ref { return unsafe.Slice(at[ref](t.leaves), 1<<t.capacity) }

func (t *tree) leaf(i int) *leaf { return at[leaf](*at[ref](t.leaves + ref(8*i))) }

// place is a position in a tree, or behind its end.
type place struct{ leaf, index int }

func (t *tree) at(p place) ref { return t.leaf(p.leaf).refs()[p.index] }

func (t *tree) isEnd(p place) bool { return p.leaf == t.count }

// next returns the place behind p, which is not the end.
func (t *tree) next(p place) place {
	if p.index++; p.index == int(t.leaf(p.leaf).count) {
		return place{p.leaf + 1, 0}
	}
	return p
}

// before returns the place in front of p. It is false at the beginning.
func (t *tree) before(p place) (place, bool) {
	if p.index > 0 {
		return place{p.leaf, p.index - 1}, true
	}
	if p.leaf == 0 {
		return p, false
	}
	return place{p.leaf - 1, int(t.leaf(p.leaf-1).count) - 1}, true
}

// search returns the first place for whose clustering isAfter is true.
func (t *tree) search(isAfter func(clustering []byte) bool) place {
	low, high := 0, t.count // the first leaf whose last row is after
	for low < high {
		mid := (low + high) / 2
		if isAfter(clusteringOf(t.leaf(mid).last())) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == t.count {
		return place{low, 0}
	}
	leaf := t.leaf(low)
	refs := leaf.refs()
	from, to := 0, int(leaf.count)-1
	for from < to {
		mid := (from + to) / 2
		if isAfter(clusteringOf(refs[mid])) {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return place{low, from}
}

// find returns the place of clustering or, if it is not there, where it belongs.
func (t *tree) find(clustering []byte) (place, bool) {
	rank := rankOf(clustering)
	low, high := 0, t.count // the first leaf whose last row is not before
	for at := t.count - 1; low < high; at = (low + high) / 2 {
		if l := t.leaf(at); l.isBefore(int(l.count)-1, clustering, rank) {
			low = at + 1
		} else {
			high = at
		}
	}
	if low == t.count {
		return place{low, 0}, false
	}
	l := t.leaf(low)
	from, to := 0, int(l.count)-1
	for from < to {
		if mid := (from + to) / 2; l.isBefore(mid, clustering, rank) {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return place{low, from}, l.ranks()[from] == rank && bytes.Equal(clusteringOf(l.refs()[from]), clustering)
}

// set replaces the reference at p.
func (t *tree) set(p place, r ref) { t.leaf(p.leaf).refs()[p.index] = r }

// insert puts r, of a clustering with that rank, at place p.
func (t *tree) insert(a *arena, p place, r ref, rank uint64) {
	t.rows++
	if t.isEnd(p) {
		if t.count == 0 || int(t.leaf(t.count-1).count) == (1<<leafClassMax-1)/2 {
			class := leafClassMax
			if t.count == 0 {
				class = leafClassMin
			}
			t.insertLeaf(a, t.count, newLeaf(a, class))
		}
		p = place{t.count - 1, int(t.leaf(t.count - 1).count)}
	}
	l := t.leaf(p.leaf)
	if int(l.count) == l.room() {
		if l.class < leafClassMax {
			l = t.widen(a, p.leaf)
		} else {
			second := t.split(a, p.leaf)
			if half := int(l.count); p.index > half {
				l, p = second, place{p.leaf + 1, p.index - half}
			}
		}
	}
	refs, ranks := l.refs(), l.ranks()
	copy(refs[p.index+1:l.count+1], refs[p.index:l.count])
	copy(ranks[p.index+1:l.count+1], ranks[p.index:l.count])
	refs[p.index], ranks[p.index] = r, rank
	l.count++
}

func newLeaf(a *arena, class int) *leaf {
	l := at[leaf](a.block(class))
	l.class = uint32(class)
	return l
}

// insertLeaf puts a leaf at place i of the list.
func (t *tree) insertLeaf(a *arena, i int, l *leaf) {
	if t.leaves == 0 {
		t.leaves = a.block(t.capacity)
	} else if t.count == 1<<t.capacity {
		wider := a.block(t.capacity + 1)
		copy(unsafe.Slice(at[ref](wider), t.count), t.list())
		a.freeBlock(t.leaves, t.capacity)
		t.leaves = wider
		t.capacity++
	}
	list := t.list()
	copy(list[i+1:t.count+1], list[i:t.count])
	list[i] = refOf(l)
	t.count++
}

// widen replaces leaf i by one of twice the size.
func (t *tree) widen(a *arena, i int) *leaf {
	old := t.leaf(i)
	l := newLeaf(a, int(old.class)+1)
	l.count = old.count
	copy(l.refs(), old.refs()[:old.count])
	copy(l.ranks(), old.ranks()[:old.count])
	t.list()[i] = refOf(l)
	a.freeBlock(refOf(old), int(old.class))
	return l
}

// split moves half of leaf i to a new one behind it, which it returns.
func (t *tree) split(a *arena, i int) *leaf {
	first := t.leaf(i)
	half := first.count / 2
	second := newLeaf(a, leafClassMax)
	second.count = uint32(copy(second.refs(), first.refs()[half:first.count]))
	copy(second.ranks(), first.ranks()[half:first.count])
	first.count = half
	t.insertLeaf(a, i+1, second)
	return second
}
