package memtable

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// batches yields rows of columns as vectors, a range of one chunk at a time.
type batches struct {
	walk     walk
	req      *mutation.ReadRequest
	wanted   []wantedColumn
	rowsMax  int // of the next batch
	from, to int // what is left of the range
	batch    mutation.Batch
	made     *made // nil: closed
}

// wantedColumn is a column of a request.
type wantedColumn struct {
	mutation.Column
	place int // in the columns of a chunk; -1: not there
}

// extras are what a column may need beside values.
type extras struct {
	present    []uint64
	timestamps []int64
	ends       []int64
	ttls       []int32
}

func newBatches(run *columnRun, req *mutation.ReadRequest) *batches {
	s := run.partition.shape
	b := &batches{req: req, rowsMax: mutation.BatchRowsMax, made: newMade(len(s.clustering), len(req.Columns))}
	b.walk = walk{run: run, piece: &b.made.piece, slices: req.Slices, reverse: req.Reverse}
	if req.RowsMax > 0 {
		b.rowsMax = min(req.RowsMax, mutation.BatchRowsMax)
	}
	b.wanted = make([]wantedColumn, len(req.Columns))
	for i, id := range req.Columns {
		b.wanted[i] = wantedColumn{mutation.Column{ID: id, Physical: mutation.PhysicalBytes}, -1}
		k := slices.IndexFunc(s.columns, func(c mutation.Column) bool { return c.ID == id })
		if k >= 0 {
			b.wanted[i] = wantedColumn{s.columns[k], k}
		}
	}
	return b
}

// Close implements mutation.BatchSource.
func (b *batches) Close() {
	if b.made != nil {
		b.made.free()
		b.made = nil
	}
}

// Next implements mutation.BatchSource.
func (b *batches) Next() (*mutation.Batch, error) {
	for b.made != nil {
		if b.from == b.to {
			if b.from, b.to = b.walk.rows(); b.from == b.to {
				return nil, nil
			}
		}
		left := b.to - b.from
		from, to := b.take()
		passed := left - (b.to - b.from)
		deleted := 0
		if b.walk.run.partition.shape.law == mutation.BySequence {
			deleted = passed - (to - from) // the others have expired, which costs next to nothing
		}
		b.req.Statistics.Pass(passed, deleted)
		if from == to {
			continue
		}
		b.rowsMax = min(4*b.rowsMax, mutation.BatchRowsMax)
		if err := b.fill(from, to); err != nil {
			return nil, fmt.Errorf("memtable of %s: %w", b.walk.run.partition.table.Name, err)
		}
		return &b.batch, nil
	}
	return nil, nil
}

// take takes the next rows of the range that show and lie side by side; none if there are no more.
func (b *batches) take() (from, to int) {
	if b.walk.piece.allForever() && b.walk.run.partition.shape.law != mutation.BySequence { // all of them show
		rows := min(b.to-b.from, b.rowsMax)
		if b.req.Reverse {
			b.to -= rows
			return b.to, b.to + rows
		}
		b.from += rows
		return b.from - rows, b.from
	}
	if b.req.Reverse {
		for b.from < b.to && !b.shows(b.to-1) {
			b.to--
		}
		to = b.to
		for b.from < b.to && to-b.to < b.rowsMax && b.shows(b.to-1) {
			b.to--
		}
		return b.to, to
	}
	for b.from < b.to && !b.shows(b.from) {
		b.from++
	}
	from = b.from
	for b.from < b.to && b.from-from < b.rowsMax && b.shows(b.from) {
		b.from++
	}
	return from, b.from
}

// shows reports whether row i is to be in a batch.
func (b *batches) shows(i int) bool {
	p := b.walk.piece
	if p.end(i) <= b.req.NowSec && b.req.NowSec > 0 {
		return false
	}
	return b.walk.run.partition.shape.law != mutation.BySequence || p.isLive(i)
}

// fill makes b.batch of rows [from, to) of the piece.
func (b *batches) fill(from, to int) error {
	s, p := b.walk.run.partition.shape, b.walk.piece
	b.batch = mutation.Batch{Rows: to - from, Clustering: b.made.keys, Columns: b.made.columns}
	mortal := false
	if !p.allForever() {
		b.made.ends = b.made.ends[:0]
		for i := from; i < to; i++ {
			b.made.ends = append(b.made.ends, p.end(i))
			mortal = mortal || p.end(i) != mutation.Forever
		}
		if b.req.Reverse {
			slices.Reverse(b.made.ends)
		}
		if mortal {
			b.batch.AliveUntil = b.made.ends
		}
	}
	if err := b.fillKeys(s, p, from, to); err != nil {
		return err
	}
	for k := range b.wanted {
		b.fillColumn(k, from, to, mortal)
	}
	return nil
}

func (b *batches) fillKeys(s *shape, p *piece, from, to int) error {
	if !b.req.Reverse || s.timed {
		err := b.made.fillKeys(s, p, from, to)
		if b.req.Reverse {
			b.turnWords(&b.made.keys[0], 0)
		}
		return err
	}
	for k, c := range s.clustering {
		b.made.keys[k].Reset(mutation.PhysicalOf(c.Type))
	}
	var buf [8]byte
	for i := to - 1; i >= from; i-- {
		if err := b.made.appendKey(s.clustering, bytesOf(p.keys[i], &buf)); err != nil {
			return err
		}
	}
	return nil
}

// turnWords turns the words of a vector around, in memory of the batch.
func (b *batches) turnWords(v *mutation.Vector, buffer int) {
	words := append(b.made.reversed[buffer][:0], v.Words...)
	slices.Reverse(words)
	b.made.reversed[buffer], v.Words = words, words
}

// fillColumn fills the vector of a wanted column. mortal says that some row ends.
func (b *batches) fillColumn(k, from, to int, mortal bool) {
	w, v, p, x := &b.wanted[k], &b.made.columns[k], b.walk.piece, &b.made.extras[k]
	values := &pieceColumn{}
	if w.place >= 0 {
		values = &p.columns[w.place]
	}
	if w.Physical == mutation.PhysicalBytes && b.req.Reverse {
		fillBytesReversed(v, values, from, to)
	} else {
		b.made.fillColumn(v, w.Column, values, from, to)
		if b.req.Reverse {
			b.turnWords(v, len(b.made.keys)+k)
		}
	}
	v.Present = x.presence(values, from, to, b.req.Reverse)
	v.Timestamps, v.TTLs, v.ExpiresAt = nil, nil, nil
	if mortal {
		v.ExpiresAt = x.fillEnds(p, values, from, to, b.req.Reverse)
	}
	if b.req.Metadata {
		x.fillMetadata(v, p, values, from, to, b.req.Reverse)
	}
}

func fillBytesReversed(v *mutation.Vector, values *pieceColumn, from, to int) {
	v.Reset(mutation.PhysicalBytes, 0)
	var buf [8]byte
	for i := to - 1; i >= from; i-- {
		if values.has(i) {
			v.Data = append(v.Data, bytesOf(values.words[i], &buf)...)
		}
		v.Offsets = append(v.Offsets, uint32(len(v.Data)))
	}
}

// presence returns which of rows [from, to) have a value; nil if all have.
func (x *extras) presence(values *pieceColumn, from, to int, reverse bool) []uint64 {
	n := to - from
	if values.words == nil {
		return zeros[:(n+63)/64]
	}
	if values.present == nil {
		return nil
	}
	x.present = x.present[:0]
	count := 0
	for k := 0; k < n; k += 64 {
		size := min(64, n-k)
		var some uint64
		if reverse {
			some = bits.Reverse64(bitsAt(values.present, to-k-size, size)) >> (64 - size)
		} else {
			some = bitsAt(values.present, from+k, size)
		}
		count += bits.OnesCount64(some)
		x.present = append(x.present, some)
	}
	if count == n {
		return nil
	}
	return x.present
}

// fillEnds returns when the values of rows [from, to) end; nil if none does.
func (x *extras) fillEnds(p *piece, values *pieceColumn, from, to int, reverse bool) []int64 {
	x.ends = x.ends[:0]
	some := false
	for i := from; i < to; i++ {
		end := mutation.Forever
		if values.has(i) {
			end = p.end(i)
		}
		some = some || end != mutation.Forever
		x.ends = append(x.ends, end)
	}
	if !some {
		return nil
	}
	if reverse {
		slices.Reverse(x.ends)
	}
	return x.ends
}

// fillMetadata fills write timestamps and, if there is one, TTLs.
func (x *extras) fillMetadata(v *mutation.Vector, p *piece, values *pieceColumn, from, to int, reverse bool) {
	x.timestamps, x.ttls = x.timestamps[:0], x.ttls[:0]
	some := int32(0)
	for i := from; i < to; i++ {
		timestamp, ttl := int64(0), int32(0)
		if values.has(i) {
			timestamp, ttl = int64(p.timestamps.at(i)), int32(p.ttls.at(i))
		}
		some |= ttl
		x.timestamps, x.ttls = append(x.timestamps, timestamp), append(x.ttls, ttl)
	}
	if reverse {
		slices.Reverse(x.timestamps)
		slices.Reverse(x.ttls)
	}
	v.Timestamps = x.timestamps
	if some != 0 {
		v.TTLs = x.ttls
	}
}
