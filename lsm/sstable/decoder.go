package sstable

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// decoder holds the chunks of one row group, decoded as far as they were asked for. It is used by one goroutine and
// keeps its memory from group to group.
type decoder struct {
	r        *Reader
	entry    group // of the directory, what group points to
	group    *group
	number   int // of the open group; -1: none
	key      []*chunk
	system   [roleAlive + 1]*chunk
	columns  []columnChunks // as Reader.columns; those not loaded are empty
	wanted   []wantedChunk
	memory   memory
	ahead    readAhead
	raw      []byte // the whole group as it lies in the file, part of what was read ahead; nil: not read whole
	scratch  []byte // a serialized value
	sortable []byte // a clustering
	lent     lent
}

// columnChunks are the chunks of one column; nil where the group has none.
type columnChunks struct {
	values, tombstones, timestamps, ttls, ends *chunk
}

// wantedChunk is a chunk to be read, and where it belongs.
type wantedChunk struct {
	ref *chunkRef
	to  **chunk
}

// memory is what a decoder reads into.
type memory struct {
	buffer []byte // the newest; chunks may lie in older ones
	chunks []*chunk
	used   int // of chunks, by the open group
}

const (
	memoryBytesMax = 1 << 20  // how much memory of a decoder may wait for the next use
	wholeBytesMax  = 16 << 10 // a group up to this size is read whole, whatever is wanted of it
	gapBytesMax    = 4 << 10  // what is not wanted is read, too, where it is so small
)

// newDecoder returns a decoder, maybe one that was used before and still has a row group open: whoever reads
// one small partition after the other finds them all in the group that is decoded already (BenchmarkSmallPartitions), and
// whoever asks for the last row again finds it there, too (it is decoded).
func (r *Reader) newDecoder() *decoder {
	if d, ok := r.decoders.Get().(*decoder); ok {
		return d
	}
	return &decoder{
		r: r, number: -1, key: make([]*chunk, len(r.keys.columns)), columns: make([]columnChunks, len(r.columns)),
		scratch: make([]byte, 0, 64),
	}
}

// release keeps the decoder for the next one who needs one of this reader.
func (d *decoder) release() {
	if d.memory.bytes()+cap(d.ahead.bytes)+d.lent.bytes() <= memoryBytesMax {
		d.r.decoders.Put(d)
	}
}

// open turns to a row group. Nothing of it is read yet but its entry in the directory.
func (d *decoder) open(number int) error {
	if d.number == number {
		return nil
	}
	d.number, d.group, d.raw = -1, &d.entry, nil
	d.memory.used, d.memory.buffer = 0, d.memory.buffer[:0]
	d.system = [roleAlive + 1]*chunk{}
	clear(d.key)
	clear(d.columns)
	if err := d.r.group(number, d.group); err != nil {
		return err
	}
	d.number = number
	return nil
}

func (d *decoder) corrupt(format string, args ...any) error {
	return d.r.corrupt(int64(d.group.offset), fmt.Sprintf("row group at %d: ", d.group.offset)+fmt.Sprintf(format, args...), nil)
}

// want notes a chunk to be read by the next fetch, unless the group has none or it was read before.
func (d *decoder) want(role byte, number uint32, to **chunk) {
	if *to != nil {
		return
	}
	if ref := d.group.find(role, number); ref != nil {
		d.wanted = append(d.wanted, wantedChunk{ref, to})
	}
}

// wantSystem notes chunks of rows by their roles.
func (d *decoder) wantSystem(roles ...byte) {
	for _, role := range roles {
		d.want(role, 0, &d.system[role])
	}
}

// wantColumn notes chunks of Reader.columns[i] by their roles.
func (d *decoder) wantColumn(i int, roles ...byte) {
	cols, id := &d.columns[i], uint32(d.r.columns[i].ID)
	for _, role := range roles {
		switch role {
		case roleValue:
			d.want(role, id, &cols.values)
		case roleTombstone:
			d.want(role, id, &cols.tombstones)
		case roleCellTimestamp:
			d.want(role, id, &cols.timestamps)
		case roleCellTTL:
			d.want(role, id, &cols.ttls)
		case roleCellEnd:
			d.want(role, id, &cols.ends)
		}
	}
}

// fetch reads what is wanted, and the clustering, which always is.
func (d *decoder) fetch() error {
	for k := range d.key {
		d.want(roleClustering, uint32(k), &d.key[k])
	}
	wanted := d.wanted
	d.wanted = d.wanted[:0]
	if len(wanted) == 0 {
		return d.complete()
	}
	if d.raw == nil && d.group.length <= wholeBytesMax {
		if err := d.readWhole(); err != nil {
			return err
		}
	}
	slices.SortFunc(wanted, func(a, b wantedChunk) int { return cmp.Compare(a.ref.offset, b.ref.offset) })
	for len(wanted) > 0 {
		n := 1
		for n < len(wanted) && wanted[n].ref.offset <= wanted[n-1].ref.end()+gapBytesMax {
			n++
		}
		if err := d.fetchTogether(wanted[:n]); err != nil {
			d.number = -1
			return err
		}
		wanted = wanted[n:]
	}
	return d.complete()
}

// complete checks that what every row must have is there.
func (d *decoder) complete() error {
	for k, c := range d.key {
		if c == nil || c.count != d.group.rows || c.kind == chunkWords && d.r.keys.columns[k].width == 0 {
			return d.corrupt("clustering column %d is incomplete", k)
		}
	}
	return nil
}

// fetchTogether reads chunks that lie close to each other.
func (d *decoder) fetchTogether(wanted []wantedChunk) error {
	start := wanted[0].ref.offset
	var src []byte
	if d.raw == nil {
		src = d.memory.take(int(wanted[len(wanted)-1].ref.end() - start))
		if err := d.r.readInto(src, int64(start)); err != nil {
			return err
		}
	} else {
		src = d.raw[start-d.group.offset:]
	}
	for _, w := range wanted {
		at := w.ref.offset - start
		c := d.memory.chunk()
		if err := c.open(src[at:at+uint64(w.ref.length)], d.group.rows); err != nil {
			return d.brokenChunk(w.ref, err)
		}
		if c.count == 0 || !d.suits(c, w.ref) {
			return d.brokenChunk(w.ref, errWrongKind)
		}
		*w.to = c
	}
	return nil
}

func (d *decoder) brokenChunk(ref *chunkRef, cause error) error {
	return d.r.corrupt(int64(ref.offset), fmt.Sprintf("row group at %d: chunk %d of %d", d.group.offset, ref.role, ref.number), cause)
}

// bytes is about how much memory it is.
func (m *memory) bytes() int {
	size := cap(m.buffer)
	for _, c := range m.chunks {
		size += 8*cap(c.words) + 4*cap(c.offsets) + cap(c.data)
	}
	return size
}

// take returns n bytes of unknown content, which stay as they are until the next group is opened.
func (m *memory) take(n int) []byte {
	at := len(m.buffer)
	if cap(m.buffer)-at < n {
		m.buffer, at = make([]byte, 0, max(n, 2*cap(m.buffer))), 0
	}
	m.buffer = m.buffer[:at+n]
	return m.buffer[at:]
}

// chunk returns a chunk that the open group does not use yet.
func (m *memory) chunk() *chunk {
	if m.used == len(m.chunks) {
		m.chunks = append(m.chunks, &chunk{})
	}
	m.used++
	return m.chunks[m.used-1]
}

// readWhole reads the open group as it lies in the file.
func (d *decoder) readWhole() error {
	if d.raw != nil {
		return nil
	}
	raw, err := d.ahead.read(d.r, d.group.offset, d.group.length)
	if err != nil {
		d.number = -1
		return err
	}
	d.raw = raw
	return nil
}

// aheadBytesMax is how much is read at most before it is asked for.
const aheadBytesMax = 64 << 10

// readAhead is the part of the file that was read last. Who reads on from there reads twice as much each time.
type readAhead struct {
	offset uint64
	bytes  []byte
}

// read returns length bytes from offset on, valid until the next call for others. They lie among the row groups.
func (a *readAhead) read(r *Reader, offset, length uint64) ([]byte, error) {
	end := a.offset + uint64(len(a.bytes))
	if offset < a.offset || offset+length > end {
		size := length
		if len(a.bytes) > 0 && offset >= a.offset && offset <= end {
			size = max(length, min(2*uint64(len(a.bytes)), aheadBytesMax, r.rowsEnd-offset))
		}
		a.offset, a.bytes = offset, resize(a.bytes, int(size))
		if err := r.readInto(a.bytes, int64(offset)); err != nil {
			a.bytes = a.bytes[:0]
			return nil, err
		}
	}
	return a.bytes[offset-a.offset:][:length:length], nil
}

// resize returns n bytes of unknown content.
func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// bytesOf returns a chunk of a group that was read whole.
func (d *decoder) bytesOf(ref *chunkRef) []byte {
	at := ref.offset - d.group.offset
	return d.raw[at : at+uint64(ref.length)]
}

// suits reports whether the chunk has the kind of values that its role asks for.
func (d *decoder) suits(c *chunk, ref *chunkRef) bool {
	switch ref.role {
	case roleLiveness:
		return true
	case roleClustering:
		return c.kind != chunkNone
	case roleTimestamp:
		return c.kind == chunkWords && c.count == d.group.rows
	case roleValue:
		return c.kind == chunkBytes || c.kind == chunkWords && d.r.widthOf(mutation.ColumnID(ref.number)) > 0
	}
	return c.kind == chunkWords
}

// widthOf returns the width of a column that both the table and the file have.
func (r *Reader) widthOf(id mutation.ColumnID) int {
	if i := r.place(id); i >= 0 {
		return r.columns[i].Width
	}
	return 0
}

// place returns where a column is in Reader.columns; -1: it is not there.
func (r *Reader) place(id mutation.ColumnID) int {
	low, high := 0, len(r.columns)
	for low < high {
		middle := int(uint(low+high) / 2)
		switch own := r.columns[middle].ID; {
		case own == id:
			return middle
		case own < id:
			low = middle + 1
		default:
			high = middle
		}
	}
	return -1
}

// loadAll reads and decodes everything that rows are made of.
func (d *decoder) loadAll() error {
	if err := d.fetchAll(); err != nil {
		return err
	}
	return d.decodeAll(0, d.group.rows)
}

// fetchAll reads everything that rows are made of.
func (d *decoder) fetchAll() error {
	if err := d.readWhole(); err != nil {
		return err
	}
	d.wantSystem(roleTimestamp, roleTTL, roleEnd, roleLiveness, roleSequence, roleDeletionMarked, roleDeletionLocal)
	for i := range d.columns {
		d.wantColumn(i, roleValue, roleTombstone, roleCellTimestamp, roleCellTTL, roleCellEnd)
	}
	if err := d.fetch(); err != nil {
		return err
	}
	if d.system[roleTimestamp] == nil {
		return d.corrupt("there are no base timestamps")
	}
	return nil
}

// decodeAll decodes rows [from, to) of all chunks that were read.
func (d *decoder) decodeAll(from, to int) error {
	for _, c := range d.memory.chunks[:d.memory.used] {
		if err := d.decode(c, from, to); err != nil {
			return err
		}
	}
	return nil
}

// decode decodes rows [from, to) of a chunk, which may be nil.
func (d *decoder) decode(c *chunk, from, to int) error {
	if err := c.decode(from, to); err != nil {
		return d.r.corrupt(int64(d.group.offset), fmt.Sprintf("row group at %d: a chunk", d.group.offset), err)
	}
	return nil
}

// clustering returns the sortable key of row i, valid until the next call. It is decoded.
func (d *decoder) clustering(i int) []byte {
	d.sortable = d.sortable[:0]
	for k, c := range d.key {
		// Never nil: an empty value is not null.
		d.scratch = c.appendValue(d.scratch[:0], i, d.r.keys.columns[k].width)
		d.sortable = d.r.keys.append(d.sortable, k, d.scratch)
	}
	return d.sortable
}

// row puts together row i from all chunks. Values are appended to data, which is returned; they and the
// cells stay valid while data and row do.
func (d *decoder) row(i int, row *mutation.Row, data []byte) ([]byte, error) {
	s := &d.system
	row.Clustering = d.clustering(i)
	row.Sequence = uint64(s[roleSequence].word(i, 0))
	own := base{s[roleTimestamp].word(i, 0), int32(s[roleTTL].word(i, 0)), s[roleEnd].word(i, mutation.Forever)}
	row.Live = mutation.Liveness{}
	if s[roleLiveness].has(i) {
		row.Live = mutation.Liveness{Timestamp: own.timestamp, TTL: own.ttl, ExpiresAt: own.end}
	}
	row.Deletion = mutation.Deletion{MarkedAt: s[roleDeletionMarked].word(i, 0), LocalSec: s[roleDeletionLocal].word(i, 0)}
	cells := slices.Grow(row.Cells[:0], len(d.columns))[:len(d.columns)] // filled in place: a cell is large
	n := 0
	for k := range d.columns {
		cols, cell := &d.columns[k], &cells[n]
		cell.Complex = false
		switch {
		case cols.values.has(i):
			cell.Complex = d.r.columns[k].Complex
			cell.TTL = int32(cols.ttls.word(i, int64(own.ttl)))
			cell.ExpiresAt = cols.ends.word(i, own.end)
			at := len(data)
			data = cols.values.appendValue(data, i, d.r.columns[k].Width)
			cell.Value = data[at:len(data):len(data)]
			if cell.IsTombstone() {
				return data, d.corrupt("value of column %d in row %d has an end but no TTL", d.r.columns[k].ID, i)
			}
		case cols.tombstones.has(i):
			cell.TTL, cell.ExpiresAt, cell.Value = 0, cols.tombstones.word(i, 0), nil
		default:
			continue
		}
		cell.Column, cell.Timestamp = d.r.columns[k].ID, cols.timestamps.word(i, own.timestamp)
		n++
	}
	row.Cells = cells[:n]
	return data, nil
}
