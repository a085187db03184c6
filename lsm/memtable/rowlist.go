package memtable

import "bytes"

// chunkRowsMax is how many rows a chunk of a row list holds. An insert out of order moves
// at most so many references.
const chunkRowsMax = 512

// rowList keeps references to the rows of one partition, the newest version of each, in
// clustering order: a list of sorted chunks. Rows that arrive in order are appended.
type rowList struct {
	chunks [][]ref // none is empty
	rows   int
}

// place is a position in a row list, or behind its end.
type place struct{ chunk, index int }

func (l *rowList) at(p place) ref { return l.chunks[p.chunk][p.index] }

func (l *rowList) isEnd(p place) bool { return p.chunk == len(l.chunks) }

// next returns the place behind p, which is not the end.
func (l *rowList) next(p place) place {
	if p.index++; p.index == len(l.chunks[p.chunk]) {
		return place{p.chunk + 1, 0}
	}
	return p
}

// before returns the place in front of p. It is false at the beginning.
func (l *rowList) before(p place) (place, bool) {
	if p.index > 0 {
		return place{p.chunk, p.index - 1}, true
	}
	if p.chunk == 0 {
		return p, false
	}
	return place{p.chunk - 1, len(l.chunks[p.chunk-1]) - 1}, true
}

// search returns the first place for whose clustering isAfter is true.
func (l *rowList) search(slabs [][]byte, isAfter func(clustering []byte) bool) place {
	low, high := 0, len(l.chunks) // the first chunk whose last row is after
	for low < high {
		mid := (low + high) / 2
		chunk := l.chunks[mid]
		if isAfter(clusteringOf(slabs, chunk[len(chunk)-1])) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == len(l.chunks) {
		return place{low, 0}
	}
	chunk := l.chunks[low]
	from, to := 0, len(chunk)-1
	for from < to {
		mid := (from + to) / 2
		if isAfter(clusteringOf(slabs, chunk[mid])) {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return place{low, from}
}

// find returns the place of clustering or, if it is not there, where it belongs.
func (l *rowList) find(slabs [][]byte, clustering []byte) (place, bool) {
	if last := len(l.chunks) - 1; last >= 0 {
		// Time series append: look at the last row first.
		chunk := l.chunks[last]
		if bytes.Compare(clustering, clusteringOf(slabs, chunk[len(chunk)-1])) > 0 {
			return place{len(l.chunks), 0}, false
		}
	}
	p := l.search(slabs, func(c []byte) bool { return bytes.Compare(c, clustering) >= 0 })
	return p, !l.isEnd(p) && bytes.Equal(clusteringOf(slabs, l.at(p)), clustering)
}

// insert puts r at place p.
func (l *rowList) insert(p place, r ref) {
	l.rows++
	if l.isEnd(p) {
		last := len(l.chunks) - 1
		if last < 0 || len(l.chunks[last]) == chunkRowsMax {
			l.chunks = append(l.chunks, nil)
			last++
		}
		l.chunks[last] = append(l.chunks[last], r)
		return
	}
	chunk := l.chunks[p.chunk]
	if len(chunk) == chunkRowsMax {
		half := chunkRowsMax / 2
		second := append(make([]ref, 0, chunkRowsMax), chunk[half:]...)
		l.chunks = append(l.chunks, nil)
		copy(l.chunks[p.chunk+2:], l.chunks[p.chunk+1:])
		l.chunks[p.chunk], l.chunks[p.chunk+1] = chunk[:half], second
		if p.index > half {
			p = place{p.chunk + 1, p.index - half}
		}
		chunk = l.chunks[p.chunk]
	}
	chunk = append(chunk, 0)
	copy(chunk[p.index+1:], chunk[p.index:])
	chunk[p.index] = r
	l.chunks[p.chunk] = chunk
}
