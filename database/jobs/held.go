package jobs

import (
	"bytes"
	"container/heap"
	"math"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// heldBytesMax bounds the memory of marks that are held. Others are found again in their table.
const heldBytesMax = 16 << 20

// heldEntryBytes is what a held mark takes beside the key of its partition.
const heldEntryBytes = 160

// name identifies a mark.
type name struct {
	rollup mutation.TableID
	base   string
	window downsample.Window
}

func (m *Mark) name() name { return name{m.Rollup, string(m.Base.Key), m.Window} }

func (n *name) mark() Mark {
	return Mark{Rollup: n.rollup, Base: partition.Decorate([]byte(n.base)), Window: n.window}
}

func (n *name) bytes() int64 { return heldEntryBytes + int64(len(n.base)) }

// missed is what is known of marks of one rollup that stand in their table and are not held.
type missed struct {
	from  int64 // none of them begins before
	count int64 // about
}

// heldMarks are marks in memory: all of them, or those that were met first.
type heldMarks struct {
	bytesMax, bytes int64
	marks           map[name]uint64 // by the sequence of the last record that wrote them, as far as is known

	missed map[mutation.TableID]missed
	// again is what missed becomes when the walk under way has come to its end; nil: there is no walk.
	again map[mutation.TableID]missed
	// unknown: no walk has come to its end since the start, so that any mark may stand.
	unknown bool
	// since is where the earliest mark begins that was added since a moment; nil: nobody asks.
	since map[mutation.TableID]int64
}

func newHeld(bytesMax int64) heldMarks {
	return heldMarks{bytesMax: bytesMax, marks: map[name]uint64{}, missed: map[mutation.TableID]missed{}, unknown: true}
}

// add knows of a mark with the sequence of a record that wrote it.
func (h *heldMarks) add(m *Mark, sequence uint64) {
	n := name{m.Rollup, "", m.Window}
	if from, asked := h.since[m.Rollup]; h.since != nil && (!asked || m.Window.Start < from) {
		h.since[m.Rollup] = m.Window.Start
	}
	n.base = string(m.Base.Key)
	was, there := h.marks[n]
	switch {
	case there:
		h.marks[n] = max(was, sequence)
	case !h.hasRoom():
		h.miss(m.Rollup, m.Window.Start)
	default:
		h.marks[n] = sequence
		h.bytes += n.bytes()
	}
}

// hasRoom reports whether another mark may be held.
func (h *heldMarks) hasRoom() bool { return h.bytes < h.bytesMax }

// miss knows that a mark stands which is not held.
func (h *heldMarks) miss(rollup mutation.TableID, from int64) {
	noteMissed(h.missed, rollup, from)
	if h.again != nil {
		noteMissed(h.again, rollup, from)
	}
}

func noteMissed(in map[mutation.TableID]missed, rollup mutation.TableID, from int64) {
	of, any := in[rollup]
	if !any {
		of.from = from
	}
	in[rollup] = missed{min(of.from, from), of.count + 1}
}

func (h *heldMarks) remove(n name) {
	if _, there := h.marks[n]; there {
		delete(h.marks, n)
		h.bytes -= n.bytes()
	}
}

// oldest is where the earliest mark of a rollup begins, or some time before that; math.MaxInt64: none stands.
func (h *heldMarks) oldest(rollup mutation.TableID) int64 {
	if h.unknown {
		return math.MinInt64
	}
	out := int64(math.MaxInt64)
	if of, any := h.missed[rollup]; any {
		out = of.from
	}
	for n := range h.marks {
		if n.rollup == rollup {
			out = min(out, n.window.Start)
		}
	}
	return out
}

// makeRoom lets go of marks that wait until half of the memory is free, if little is.
func (h *heldMarks) makeRoom(waits func(*name) bool) {
	if h.bytes <= h.bytesMax/2 {
		return
	}
	for n := range h.marks {
		if h.bytes <= h.bytesMax/2 {
			return
		}
		if waits(&n) {
			h.miss(n.rollup, n.window.Start)
			h.remove(n)
		}
	}
}

// pick are at most so many of the held marks that are due, the newest ones or the oldest.
func (h *heldMarks) pick(most int, oldest bool, due func(*name) bool) []Mark {
	top := ranking{oldest: oldest}
	for n := range h.marks {
		if !due(&n) {
			continue
		}
		if len(top.names) < most {
			heap.Push(&top, n)
			continue
		}
		if top.before(&n, &top.names[0]) {
			top.names[0] = n
			heap.Fix(&top, 0)
		}
	}
	out := make([]Mark, len(top.names))
	for i := range top.names {
		out[i] = top.names[i].mark()
	}
	return out
}

// ranking is a heap whose root is the mark that gives way to others first.
type ranking struct {
	names  []name
	oldest bool // first; else the newest
}

// before reports whether a mark comes before another.
func (r *ranking) before(a, b *name) bool {
	if a.window.Start != b.window.Start {
		return (a.window.Start < b.window.Start) == r.oldest
	}
	return a.base < b.base
}

func (r *ranking) Len() int           { return len(r.names) }
func (r *ranking) Less(i, j int) bool { return r.before(&r.names[j], &r.names[i]) }
func (r *ranking) Swap(i, j int)      { r.names[i], r.names[j] = r.names[j], r.names[i] }
func (r *ranking) Push(x any)         { r.names = append(r.names, x.(name)) }

// Pop implements heap.Interface; the ranking only grows.
func (r *ranking) Pop() any {
	last := len(r.names) - 1
	out := r.names[last]
	r.names = r.names[:last]
	return out
}

// compareMarks orders marks by rollup, partition and time.
func compareMarks(a, b Mark) int {
	switch {
	case a.Rollup != b.Rollup:
		return bytes.Compare(a.Rollup[:], b.Rollup[:])
	case !a.Base.Equal(b.Base):
		return a.Base.Compare(b.Base)
	case a.Window.Start < b.Window.Start:
		return -1
	case a.Window.Start > b.Window.Start:
		return 1
	}
	return 0
}
