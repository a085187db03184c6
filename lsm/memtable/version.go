package memtable

import (
	"encoding/binary"
	"unsafe"

	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
)

// version is a row as the records up to a sequence left it, among those that were not whole or not in order: the merge of
// all versions below it, so that a reader decodes one. Behind it lies the row as mutation.AppendRow writes it.
type version struct {
	before   ref    // the version before it; 0: none that anybody may ask for
	sequence uint64 // of its record
	size     uint32 // bytes of the row
	depth    uint32 // about how many versions are below
}

const versionHead = int(unsafe.Sizeof(version{}))

func (v *version) encoded() []byte { return bytesAt(refOf(v)+ref(versionHead), int(v.size)) }

// clusteringOf returns the clustering of the version at r.
func clusteringOf(r ref) []byte {
	b := at[version](r).encoded()
	n, w := uint64(b[0]), 1
	if n >= 0x80 {
		n, w = binary.Uvarint(b)
	}
	return b[w : uint64(w)+n]
}

func decode(v *version, row *mutation.Row) {
	_, err := mutation.DecodeRow(v.encoded(), row)
	invariants.Check(err == nil, "memtable: a row it wrote itself: %v", err)
}

// decodeVersion decodes the newest version up to sequence upTo of the row whose newest is
// at r. It is false when there is none.
func decodeVersion(r ref, upTo uint64, row *mutation.Row) bool {
	for r != 0 {
		v := at[version](r)
		if v.sequence <= upTo {
			decode(v, row)
			return true
		}
		r = v.before
	}
	return false
}

// version adds a version of a row whose newest version is head, and returns the newest.
func (w *writer) version(head ref, row *mutation.Row) ref {
	next := *row
	mutation.Normalize(w.memtable.table.Law, &next)
	head = w.insertVersion(head, &next)
	// Looking at powers of two alone costs little a version, however old the oldest reader is.
	if v := at[version](head); v.depth&(v.depth-1) == 0 {
		w.prune(v)
	}
	return head
}

// insertVersion puts a version into the chain that begins at head. Each version holds the merge of
// all below it, so those above take the new one in.
func (w *writer) insertVersion(head ref, row *mutation.Row) ref {
	if head == 0 {
		return w.encode(0, w.sequence, row)
	}
	v := at[version](head)
	below, sequence := v.before, v.sequence
	switch {
	case sequence > w.sequence:
		below = w.insertVersion(below, row)
	case sequence < w.sequence:
		below, sequence = head, w.sequence
	}
	old := &w.shard.row
	decode(v, old)
	merged := *old
	mutation.MergeRow(w.memtable.table.Law, &merged, row)
	return w.encode(below, sequence, &merged)
}

func (w *writer) encode(below ref, sequence uint64, row *mutation.Row) ref {
	s := w.shard
	s.encoding = mutation.AppendRow(s.encoding[:0], row)
	r := s.arena.version(versionHead + len(s.encoding))
	v := at[version](r)
	v.before, v.sequence, v.size, v.depth = below, sequence, uint32(len(s.encoding)), 0
	if below != 0 {
		v.depth = at[version](below).depth + 1
	}
	copy(v.encoded(), s.encoding)
	return r
}

// prune takes back the versions that no reader asks for any more: those below the newest up to the oldest
// sequence in use.
func (w *writer) prune(head *version) {
	oldest := w.memtable.oldest.Load()
	v, kept := head, uint32(0)
	for v.sequence > oldest {
		if v.before == 0 {
			return
		}
		v = at[version](v.before)
		kept++
	}
	head.depth = kept
	r := v.before
	v.before = 0 // readers of this version do not look beyond it
	for r != 0 {
		below := at[version](r)
		next := below.before
		w.shard.arena.freeVersion(r, versionHead+int(below.size))
		r = next
	}
}
