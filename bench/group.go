package bench

import (
	"encoding/binary"
	"math/bits"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// group is the mutations of one atomic write, a row each. They are made once, with their slices pointing
// into one buffer; for each row only keys, timestamps and bytes change. The store copies what it keeps.
type group struct {
	work      *Workload
	keys      []partition.DecoratedKey
	mutations []mutation.Mutation // those in use
	rows      []mutation.Row
	reading   Reading
	time      [8]byte // of the reading
}

// sparseValues is how many values a row of the sparse shape has.
const sparseValues = 2

var statusBytes = func() (all [][]byte) {
	for _, s := range Statuses {
		all = append(all, []byte(s))
	}
	return all
}()

func newGroup(w *Workload, keys []partition.DecoratedKey, size int) *group {
	g := &group{work: w, keys: keys, mutations: make([]mutation.Mutation, size), rows: make([]mutation.Row, size)}
	columns := w.Columns
	if w.Shape == Sparse {
		columns = columns[:sparseValues]
	}
	cells := make([]mutation.Cell, size*len(columns))
	clustering := len(layout[0].Append(nil, g.time[:]))
	buf := make([]byte, size*(clustering+8*len(columns)))
	take := func(n int) []byte {
		taken := buf[:n:n]
		buf = buf[n:]
		return taken
	}
	for n := range g.rows {
		row := &g.rows[n]
		row.Clustering = take(clustering)
		row.Live.ExpiresAt = mutation.Forever
		row.Cells = cells[n*len(columns) : (n+1)*len(columns)]
		for i, c := range columns {
			_, width := c.Kind.physical() // 0 for text, which points elsewhere
			row.Cells[i] = mutation.Cell{Column: columnID(i), ExpiresAt: mutation.Forever, Value: take(width)}
		}
		g.mutations[n] = mutation.Mutation{Table: tableID, Rows: g.rows[n : n+1]}
	}
	g.reset()
	return g
}

func (g *group) reset() { g.mutations = g.mutations[:0] }

func (g *group) full() bool { return len(g.mutations) == cap(g.mutations) }

// add makes the next reading of a device, written at a timestamp in microseconds.
func (g *group) add(device, tick int, timestamp int64) {
	n, r := len(g.mutations), &g.reading
	g.mutations = g.mutations[:n+1]
	g.mutations[n].Key = g.keys[device]
	g.work.Next(device, tick, r)
	row := &g.rows[n]
	binary.BigEndian.PutUint64(g.time[:], uint64(r.Millis))
	layout[0].Append(row.Clustering[:0], g.time[:])
	row.Live.Timestamp = timestamp
	cell := 0
	for present := r.Present; present != 0; present &= present - 1 {
		i := bits.TrailingZeros32(present)
		c := &row.Cells[cell]
		c.Column, c.Timestamp = columnID(i), timestamp
		switch g.work.Columns[i].Kind {
		case Double:
			binary.BigEndian.PutUint64(c.Value, r.Words[i])
		case Float, Int:
			binary.BigEndian.PutUint32(c.Value, uint32(r.Words[i]))
		case Bool:
			c.Value[0] = byte(r.Words[i])
		case Text:
			c.Value = statusBytes[r.Words[i]]
		}
		cell++
	}
}

// decorate is the partition keys of the workload's devices.
func decorate(w *Workload) []partition.DecoratedKey {
	keys := make([]partition.DecoratedKey, len(w.Names))
	for i, name := range w.Names {
		keys[i] = partition.Decorate([]byte(name))
	}
	return keys
}
