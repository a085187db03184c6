package bench

import (
	"encoding/binary"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// clusteringBytes is how long a timestamp is in sortable bytes: a marker and eight bytes.
const clusteringBytes = 9

// group is the mutations of one atomic write, a row each. Its memory is used again for the next one:
// the store copies what it keeps.
type group struct {
	work      *Workload
	keys      []partition.DecoratedKey
	mutations []mutation.Mutation
	rows      []mutation.Row
	cells     []mutation.Cell // the columns of the workload for each row
	buf       []byte          // the clusterings and values of all rows
	reading   Reading
	time      [8]byte // of the reading
}

// rowBytesMax is how many bytes of buf a row needs at most: its clustering and eight bytes a column.
const rowBytesMax = clusteringBytes + 8*ColumnsMax

var statusBytes = func() (all [][]byte) {
	for _, s := range Statuses {
		all = append(all, []byte(s))
	}
	return all
}()

func newGroup(w *Workload, keys []partition.DecoratedKey, size int) *group {
	return &group{
		work: w, keys: keys, mutations: make([]mutation.Mutation, 0, size), rows: make([]mutation.Row, size),
		cells: make([]mutation.Cell, size*len(w.Columns)), buf: make([]byte, 0, size*rowBytesMax),
	}
}

func (g *group) reset() { g.mutations, g.buf = g.mutations[:0], g.buf[:0] }

func (g *group) full() bool { return len(g.mutations) == cap(g.mutations) }

// add makes the next reading of a device, written at a timestamp in microseconds.
func (g *group) add(device, tick int, timestamp int64) {
	n, r := len(g.mutations), &g.reading
	g.work.Next(device, tick, r)
	at := len(g.buf)
	binary.BigEndian.PutUint64(g.time[:], uint64(r.Millis))
	g.buf = layout[0].Append(g.buf, g.time[:])
	row := &g.rows[n]
	row.Clustering = g.buf[at:len(g.buf):len(g.buf)]
	row.Live = mutation.Liveness{Timestamp: timestamp, ExpiresAt: mutation.Forever}
	columns := g.work.Columns
	cells := g.cells[n*len(columns) : n*len(columns) : (n+1)*len(columns)]
	for i := range columns {
		if !r.Has(i) {
			continue
		}
		value := []byte(nil)
		if kind := columns[i].Kind; kind == Text {
			value = statusBytes[r.Words[i]]
		} else {
			at := len(g.buf)
			g.buf = appendValue(g.buf, kind, r.Words[i])
			value = g.buf[at:len(g.buf):len(g.buf)]
		}
		cells = append(cells, mutation.Cell{Column: columnID(i), Timestamp: timestamp, ExpiresAt: mutation.Forever, Value: value})
	}
	row.Cells = cells
	g.mutations = append(g.mutations, mutation.Mutation{Table: tableID, Key: g.keys[device], Rows: g.rows[n : n+1 : n+1]})
}

// decorate is the partition keys of the workload's devices.
func decorate(w *Workload) []partition.DecoratedKey {
	keys := make([]partition.DecoratedKey, len(w.Names))
	for i, name := range w.Names {
		keys[i] = partition.Decorate([]byte(name))
	}
	return keys
}
