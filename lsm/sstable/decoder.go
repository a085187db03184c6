package sstable

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

// decoder holds the decoded chunks of one row group. It is used by one goroutine and keeps its memory
// from group to group.
type decoder struct {
	r        *Reader
	group    *group // entry of the open group
	entry    group  // which lies here
	number   int    // of the open group; -1: none
	key      []*chunk
	system   [roleAlive + 1]*chunk
	columns  []columnChunks // as Reader.columns; those not loaded are empty
	memory   memory
	whole    bool   // memory.buffer holds the group
	scratch  []byte // a serialized value
	sortable []byte // a clustering
}

// columnChunks are the chunks of one column; nil where the group has none.
type columnChunks struct {
	values, tombstones, timestamps, ttls, ends *chunk
}

// memory is what a decoder decodes into.
type memory struct {
	buffer []byte
	chunks []*chunk
	used   int // of chunks, by the open group
}

// memoryBytesMax is how large buffers may be that wait for the next use.
const memoryBytesMax = 1 << 20

// newDecoder returns a decoder, maybe one that was used before and still has a row group open: whoever reads
// one small partition after the other finds them all in the group that is decoded already (BenchmarkSmallPartitions), and
// whoever asks for the last row again finds it there, too (BenchmarkLatest: 1 µs instead of 41).
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
	if cap(d.memory.buffer) > memoryBytesMax {
		return
	}
	for _, c := range d.memory.chunks {
		if cap(c.data) > memoryBytesMax {
			return
		}
	}
	d.r.decoders.Put(d)
}

// open turns to a row group and decodes its clustering, unless that is done.
func (d *decoder) open(number int, whole bool) error {
	if d.number == number {
		return nil
	}
	d.number = -1
	if err := d.openOther(number, whole); err != nil {
		return err
	}
	d.number = number
	return nil
}

func (d *decoder) openOther(number int, whole bool) error {
	d.group, d.memory.used = &d.entry, 0
	if err := d.r.group(number, d.group); err != nil {
		return err
	}
	d.system = [roleAlive + 1]*chunk{}
	clear(d.columns)
	d.whole = whole
	if whole {
		d.memory.buffer = resize(d.memory.buffer, int(d.group.length))
		if err := d.r.readInto(d.memory.buffer, int64(d.group.offset)); err != nil {
			return err
		}
	}
	for k := range d.key {
		var err error
		if d.key[k], err = d.load(roleClustering, uint32(k)); err != nil {
			return err
		}
		c := d.key[k]
		if c == nil || c.count != d.group.rows || !c.isBytes && d.r.keys.columns[k].width == 0 {
			return d.corrupt("clustering column %d is incomplete", k)
		}
	}
	return nil
}

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (d *decoder) corrupt(format string, args ...any) error {
	return d.r.corrupt(int64(d.group.offset), fmt.Sprintf("row group at %d: ", d.group.offset)+fmt.Sprintf(format, args...), nil)
}

// load decodes a chunk, or returns nil if the group has none.
func (d *decoder) load(role byte, number uint32) (*chunk, error) {
	ref := d.group.find(role, number)
	if ref == nil {
		return nil, nil
	}
	var src []byte
	if d.whole {
		at := ref.offset - d.group.offset
		src = d.memory.buffer[at : at+uint64(ref.length)]
	} else {
		d.memory.buffer = resize(d.memory.buffer, ref.length)
		src = d.memory.buffer
		if err := d.r.readInto(src, int64(ref.offset)); err != nil {
			return nil, err
		}
	}
	m := &d.memory
	if m.used == len(m.chunks) {
		m.chunks = append(m.chunks, &chunk{})
	}
	c := m.chunks[m.used]
	m.used++
	if err := c.decode(src, d.group.rows); err != nil {
		return nil, d.r.corrupt(int64(ref.offset), fmt.Sprintf("row group at %d: chunk %d of %d", d.group.offset, role, number), err)
	}
	if c.count == 0 || !c.suits(role) {
		return nil, d.r.corrupt(int64(ref.offset), fmt.Sprintf("row group at %d: chunk %d of %d has no values of its kind", d.group.offset, role, number), nil)
	}
	return c, nil
}

// suits reports whether the chunk has the kind of values that its role asks for.
func (c *chunk) suits(role byte) bool {
	switch role {
	case roleLiveness:
		return true
	case roleClustering, roleValue:
		return c.isBytes || len(c.words) == c.count
	}
	return len(c.words) == c.count
}

// loadSystem decodes chunks of rows by their roles.
func (d *decoder) loadSystem(roles ...byte) error {
	for _, role := range roles {
		if d.system[role] != nil {
			continue
		}
		c, err := d.load(role, 0)
		if err != nil {
			return err
		}
		if role == roleTimestamp && (c == nil || c.count != d.group.rows) {
			return d.corrupt("base timestamps are incomplete")
		}
		d.system[role] = c
	}
	return nil
}

// loadColumn decodes chunks of Reader.columns[i] by their roles.
func (d *decoder) loadColumn(i int, roles ...byte) error {
	cols := &d.columns[i]
	for _, role := range roles {
		to := [...]**chunk{&cols.values, &cols.tombstones, &cols.timestamps, &cols.ttls, &cols.ends}[role-roleValue]
		if *to != nil {
			continue
		}
		c, err := d.load(role, uint32(d.r.columns[i].ID))
		if err != nil {
			return err
		}
		if role == roleValue && c != nil && !c.isBytes && d.r.columns[i].Physical == mutation.PhysicalBytes {
			return d.corrupt("column %d has words", d.r.columns[i].ID)
		}
		*to = c
	}
	return nil
}

// loadAll decodes everything that rows are made of.
func (d *decoder) loadAll() error {
	if err := d.loadSystem(roleTimestamp, roleTTL, roleEnd, roleLiveness, roleSequence, roleDeletionMarked, roleDeletionLocal); err != nil {
		return err
	}
	for i := range d.columns {
		if err := d.loadColumn(i, roleValue, roleTombstone, roleCellTimestamp, roleCellTTL, roleCellEnd); err != nil {
			return err
		}
	}
	return nil
}

// clustering returns the sortable key of row i, valid until the next call.
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
	row.Cells = row.Cells[:0]
	for k := range d.columns {
		cols := &d.columns[k]
		cell := mutation.Cell{Column: d.r.columns[k].ID}
		switch {
		case cols.values.has(i):
			cell.TTL = int32(cols.ttls.word(i, int64(own.ttl)))
			cell.ExpiresAt = cols.ends.word(i, own.end)
			at := len(data)
			data = cols.values.appendValue(data, i, d.r.columns[k].Width)
			cell.Value = data[at:len(data):len(data)]
			if cell.IsTombstone() {
				return data, d.corrupt("value of column %d in row %d has an end but no TTL", cell.Column, i)
			}
		case cols.tombstones.has(i):
			cell.ExpiresAt = cols.tombstones.word(i, 0)
		default:
			continue
		}
		cell.Timestamp = cols.timestamps.word(i, own.timestamp)
		row.Cells = append(row.Cells, cell)
	}
	return data, nil
}
