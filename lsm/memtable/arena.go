package memtable

import "encoding/binary"

const (
	slabBytesMin = 4 << 10
	slabBytesMax = 256 << 10
)

// ref is a place in an arena: slab number plus one in the upper half, offset in the lower. 0 is none.
type ref uint64

// arena keeps rows as bytes in slabs that the garbage collector does not look into. What
// was added never moves or changes, so a reader that has the list of slabs needs no lock.
type arena struct {
	slabs [][]byte // whole; a header in it is never written again
	used  int      // bytes of the last slab
	bytes int64    // of all slabs
}

// add copies b in and returns its place.
func (a *arena) add(b []byte) ref {
	last := len(a.slabs) - 1
	if last < 0 || len(a.slabs[last])-a.used < len(b) {
		size := slabBytesMin
		if last >= 0 {
			size = min(2*len(a.slabs[last]), slabBytesMax)
		}
		a.slabs = append(a.slabs, make([]byte, max(size, len(b))))
		a.used = 0
		last++
		a.bytes += int64(len(a.slabs[last]))
	}
	at := ref(last+1)<<32 | ref(a.used)
	a.used += copy(a.slabs[last][a.used:], b)
	return at
}

// bytesAt returns the bytes from r to the end of its slab.
func bytesAt(slabs [][]byte, r ref) []byte {
	return slabs[r>>32-1][uint32(r):]
}

// A version lies in the arena as: the version before it (8 bytes), the sequence of its
// record (8 bytes), and the row as mutation.AppendRow writes it. It holds the merge of all
// versions up to its sequence, so that a reader decodes one.
const versionHead = 16

func versionBefore(b []byte) ref      { return ref(binary.LittleEndian.Uint64(b)) }
func versionSequence(b []byte) uint64 { return binary.LittleEndian.Uint64(b[8:]) }

// clusteringOf returns the clustering of the version at r.
func clusteringOf(slabs [][]byte, r ref) []byte {
	b := bytesAt(slabs, r)[versionHead:]
	n, w := uint64(b[0]), 1
	if n >= 0x80 {
		n, w = binary.Uvarint(b)
	}
	return b[w : uint64(w)+n]
}
