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
	next    int  // chunk, as many newer than it as this says
}

// newestFirst reports whether the walk begins with the newest rows.
func (w *walk) newestFirst() bool { return w.reverse == w.run.upward }

// rows returns the next rows, of w.piece; from == to is the end. In reverse they are to be taken from the last on.
func (w *walk) rows() (from, to int) {
	for w.done < len(w.slices) {
		slice := w.slices[w.done]
		if w.reverse {
			slice = w.slices[len(w.slices)-1-w.done]
		}
		if !w.inside {
			w.inside = true
			w.enter(slice)
		}
		v, ok := w.chunk()
		if !ok || w.isBehind(v, slice) {
			w.inside = false
			w.done++
			continue
		}
		if w.loaded != v.chunk {
			w.piece.load(w.run.partition, v)
			w.loaded = v.chunk
		}
		w.advance()
		if from, to = w.piece.find(w.run.partition.shape, slice); from < to {
			return from, to
		}
	}
	return 0, 0
}

// chunk returns the next chunk, if there is one.
func (w *walk) chunk() (visible, bool) {
	if w.next < 0 {
		return visible{}, false
	}
	return w.run.chunk(w.next)
}

func (w *walk) advance() {
	if w.newestFirst() {
		w.next++
	} else {
		w.next--
	}
}

// enter makes the first chunk that may have rows of a slice the next one. Slices come in the order of the walk.
func (w *walk) enter(slice clustering.Slice) {
	if !w.newestFirst() {
		n := w.run.count()
		w.next = n - 1 - sort.Search(n, func(i int) bool { return !w.isBefore(w.run.chunks[n-1-i], slice) })
		return
	}
	// Most who begin with the newest want no more: older chunks are not looked up.
	w.next = max(w.next-1, 0)
	for v, ok := w.chunk(); ok && w.isBefore(v, slice); v, ok = w.chunk() {
		w.next++
	}
}

// isBefore reports whether the walk comes to all rows of a chunk before it comes to a slice.
func (w *walk) isBefore(v visible, slice clustering.Slice) bool {
	s := w.run.partition.shape
	if w.reverse {
		return s.compareBound(v.first(), slice.End) > 0
	}
	return s.compareBound(v.last(), slice.Start) < 0
}

// isBehind reports whether the walk comes to all rows of a chunk after those of a slice.
func (w *walk) isBehind(v visible, slice clustering.Slice) bool {
	s := w.run.partition.shape
	if w.reverse {
		return s.compareBound(v.last(), slice.Start) < 0
	}
	return s.compareBound(v.first(), slice.End) > 0
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
		if r.from, r.to = r.walk.rows(); r.from == r.to {
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
