package memtable

import (
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// walk goes through the rows of slices in columns, a range of one chunk at a time.
type walk struct {
	run     *columnRun
	slices  clustering.Slices
	reverse bool
	piece   *piece // that of the range returned last
	loaded  *chunk
	done    int  // slices
	inside  bool // a slice
	chunk   int  // the next of that slice
}

// next returns the next rows of w.piece; from == to is the end. In reverse they are to be taken from the last on.
func (w *walk) next() (from, to int) {
	for w.done < len(w.slices) {
		slice := w.slices[w.done]
		if w.reverse {
			slice = w.slices[len(w.slices)-1-w.done]
		}
		if !w.inside {
			w.inside, w.chunk = true, w.start(slice)
		}
		if w.isBehind(slice) {
			w.inside = false
			w.done++
			continue
		}
		v := w.run.chunks[w.chunk]
		if w.loaded != v.chunk {
			w.piece.load(w.run.partition, v)
			w.loaded = v.chunk
		}
		if w.chunk++; w.reverse {
			w.chunk -= 2
		}
		if from, to = w.piece.find(w.run.partition.shape, slice); from < to {
			return from, to
		}
	}
	return 0, 0
}

// start returns the first chunk, in the order of the walk, that may have rows of a slice.
func (w *walk) start(slice clustering.Slice) int {
	s, chunks := w.run.partition.shape, w.run.chunks
	if w.reverse {
		return sort.Search(len(chunks), func(i int) bool { return s.compareBound(chunks[i].first(), slice.End) > 0 }) - 1
	}
	return sort.Search(len(chunks), func(i int) bool { return s.compareBound(chunks[i].last(), slice.Start) > 0 })
}

// isBehind reports whether no further chunk has rows of a slice.
func (w *walk) isBehind(slice clustering.Slice) bool {
	s, chunks := w.run.partition.shape, w.run.chunks
	if w.reverse {
		return w.chunk < 0 || s.compareBound(chunks[w.chunk].last(), slice.Start) < 0
	}
	return w.chunk == len(chunks) || s.compareBound(chunks[w.chunk].first(), slice.End) > 0
}

// first returns the clustering word of the first row.
func (v visible) first() uint64 {
	from, _ := v.chunk.span(v.rows)
	return v.chunk.keys()[from]
}

// last returns the clustering word of the last row.
func (v visible) last() uint64 {
	_, to := v.chunk.span(v.rows)
	return v.chunk.keys()[to-1]
}

// columnRows yields rows of columns one by one.
type columnRows struct {
	walk     walk
	from, to int // what is left of the range
	row      mutation.Row
	key      []byte
	values   [][8]byte
}

// Next implements mutation.RowSource.
func (r *columnRows) Next() (*mutation.Row, error) {
	if r.from == r.to {
		if r.from, r.to = r.walk.next(); r.from == r.to {
			return nil, nil
		}
	}
	i := r.from
	if r.walk.reverse {
		r.to--
		i = r.to
	} else {
		r.from++
	}
	r.fill(i)
	return &r.row, nil
}

// fill makes r.row row i of the piece.
func (r *columnRows) fill(i int) {
	p, s := r.walk.piece, r.walk.run.partition.shape
	r.key = s.appendKey(r.key[:0], p.keys[i])
	st := stamp{int64(p.timestamps.at(i)), int32(p.ttls.at(i)), p.end(i)}
	r.row = mutation.Row{Clustering: r.key, Sequence: p.own.at(i), Cells: r.row.Cells[:0]}
	if p.isLive(i) {
		r.row.Live = mutation.Liveness{Timestamp: st.timestamp, TTL: st.ttl, ExpiresAt: st.expiresAt}
	}
	if r.values == nil {
		r.values = make([][8]byte, len(s.columns))
	}
	for k := range p.columns {
		column := &p.columns[k]
		if !column.has(i) {
			continue
		}
		c := mutation.Cell{Column: s.columns[k].ID, Timestamp: st.timestamp, TTL: st.ttl, ExpiresAt: st.expiresAt}
		if s.columns[k].Physical == mutation.PhysicalBytes {
			c.Value = bytesOf(column.words[i], &r.values[k])
		} else {
			c.Value = putWord(&r.values[k], s.columns[k].Width, column.words[i])
		}
		r.row.Cells = append(r.row.Cells, c)
	}
}
