package sstable

import (
	"sort"

	"github.com/eskerdb/esker/mutation"
)

// BatchSource yields the rows of one partition as vectors, decoding no more columns than it was asked for.
type BatchSource struct {
	walk    walk
	law     mutation.Law
	meta    bool
	wanted  []int // of ReadRequest.Columns: place in Reader.columns; -1: the file does not have it
	kinds   []mutation.Column
	rowsMax int // of the next batch
	rows    []int
	batch   mutation.Batch
	alive   []int64
	bits    []bitmap // presence of the columns
}

// Batches yields the rows of the request's slices that are not deleted, in batches. It is right only
// where no other source has rows or deletions in between: the caller knows. The side data of the partition is
// taken to have been applied when the file was written. The first batch has at most RowsMax rows, if that is set.
func (p *Partition) Batches(req *mutation.ReadRequest) *BatchSource {
	r := p.r
	b := &BatchSource{walk: newWalk(p, req.Slices, req.Reverse), law: r.table.Law, meta: req.Metadata, rowsMax: mutation.BatchRowsMax}
	if req.RowsMax > 0 {
		b.rowsMax = min(req.RowsMax, mutation.BatchRowsMax)
	}
	for _, id := range req.Columns {
		at := sort.Search(len(r.columns), func(i int) bool { return r.columns[i].ID >= id })
		if at == len(r.columns) || r.columns[at].ID != id {
			at = -1
		}
		b.wanted = append(b.wanted, at)
		b.kinds = append(b.kinds, r.columnOf(id))
	}
	b.batch.Clustering = make([]mutation.Vector, len(r.keys.columns))
	b.batch.Columns = make([]mutation.Vector, len(req.Columns))
	b.bits = make([]bitmap, len(req.Columns))
	return b
}

// columnOf returns the column of the table with that number, or one of bytes.
func (r *Reader) columnOf(id mutation.ColumnID) mutation.Column {
	i := sort.Search(len(r.table.Columns), func(i int) bool { return r.table.Columns[i].ID >= id })
	if i < len(r.table.Columns) && r.table.Columns[i].ID == id {
		return r.table.Columns[i]
	}
	return mutation.Column{ID: id, Physical: mutation.PhysicalBytes}
}

// Next returns the next batch, valid until the next call; the end is nil, nil.
func (b *BatchSource) Next() (*mutation.Batch, error) {
	for {
		for len(b.walk.ranges) == 0 {
			more, err := b.walk.nextGroup(false)
			if err == nil && more && len(b.walk.ranges) > 0 {
				err = b.loadRows()
				b.walk.failed = err
			}
			if err != nil || !more {
				return nil, err
			}
		}
		if b.pick(); len(b.rows) == 0 {
			continue // only deleted rows
		}
		if err := b.fill(); err != nil {
			b.walk.failed = err
			return nil, err
		}
		b.rowsMax = min(4*b.rowsMax, mutation.BatchRowsMax)
		return &b.batch, nil
	}
}

// Close gives back the memory of a source that is not read to its end. It may be called at any time; the last
// batch is no longer valid.
func (b *BatchSource) Close() { b.walk.close() }

// everyRowShows reports whether all rows of the open group show for ever.
func (b *BatchSource) everyRowShows() bool {
	return b.walk.d.group.flags&(groupAllLive|groupEnds|groupRowDeletions) == groupAllLive
}

// loadRows decodes what decides which rows of the open group show.
func (b *BatchSource) loadRows() error {
	if b.everyRowShows() {
		return nil
	}
	d := b.walk.d
	if err := d.loadSystem(roleEnd, roleAlive); err != nil {
		return err
	}
	if b.law == mutation.BySequence || !d.hasDropped() {
		return nil
	}
	// The stored ends count cells of columns that have been dropped since.
	if err := d.loadSystem(roleLiveness); err != nil {
		return err
	}
	for i := range d.columns {
		if err := d.loadColumn(i, roleValue, roleCellEnd); err != nil {
			return err
		}
	}
	return nil
}

// hasDropped reports whether the open group has values of columns that the table does not have.
func (d *decoder) hasDropped() bool {
	next := 0
	for i := range d.group.chunks {
		c := &d.group.chunks[i]
		if c.role != roleValue {
			continue
		}
		for next < len(d.r.columns) && uint32(d.r.columns[next].ID) < c.number {
			next++
		}
		if next == len(d.r.columns) || uint32(d.r.columns[next].ID) != c.number {
			return true
		}
	}
	return false
}

// aliveUntil returns when row i ends, 0 if it does not show. loadRows has been called.
func (d *decoder) aliveUntil(i int, byCells bool) int64 {
	end := d.system[roleEnd].word(i, mutation.Forever)
	if !byCells {
		return d.system[roleAlive].word(i, end)
	}
	until := int64(0)
	if d.system[roleLiveness].has(i) {
		until = end
	}
	for k := range d.columns {
		if d.columns[k].values.has(i) {
			until = max(until, d.columns[k].ends.word(i, end))
		}
	}
	return until
}

// pick takes the next rows that show, at most rowsMax, and their ends.
func (b *BatchSource) pick() {
	d := b.walk.d
	b.rows, b.alive = b.rows[:0], b.alive[:0]
	all := b.everyRowShows()
	byCells := !all && b.law != mutation.BySequence && d.hasDropped()
	forever := true
	for len(b.rows) < b.rowsMax && len(b.walk.ranges) > 0 {
		i := b.walk.take()
		if all {
			b.rows = append(b.rows, i)
			continue
		}
		if until := d.aliveUntil(i, byCells); until > 0 {
			b.rows = append(b.rows, i)
			b.alive = append(b.alive, until)
			forever = forever && until == mutation.Forever
		}
	}
	b.batch.Rows, b.batch.AliveUntil = len(b.rows), b.alive
	if all || forever {
		b.batch.AliveUntil = nil
	}
}

// fill decodes the columns wanted and puts the picked rows into vectors.
func (b *BatchSource) fill() error {
	d := b.walk.d
	for k, c := range d.key {
		col := d.r.keys.columns[k]
		if err := d.gather(&b.batch.Clustering[k], c, col.physical, col.width, b.rows); err != nil {
			return err
		}
	}
	ends := d.group.flags&groupEnds != 0
	var err error
	if ends {
		err = d.loadSystem(roleEnd)
	}
	if err == nil && b.meta {
		err = d.loadSystem(roleTimestamp, roleTTL)
	}
	for k := 0; k < len(b.wanted) && err == nil; k++ {
		err = b.fillColumn(k, ends)
	}
	return err
}

func (b *BatchSource) fillColumn(k int, ends bool) error {
	d := b.walk.d
	v, kind, at := &b.batch.Columns[k], b.kinds[k], b.wanted[k]
	var cols columnChunks
	if at >= 0 {
		roles := []byte{roleValue}
		if ends {
			roles = append(roles, roleCellEnd)
		}
		if b.meta {
			roles = append(roles, roleCellTimestamp, roleCellTTL)
		}
		if err := d.loadColumn(at, roles...); err != nil {
			return err
		}
		cols = d.columns[at]
	}
	if err := d.gather(v, cols.values, kind.Physical, kind.Width, b.rows); err != nil {
		return err
	}
	v.Present = b.presence(k, cols.values)
	if ends {
		v.ExpiresAt = d.gatherEnds(&cols, b.rows)
	}
	if b.meta {
		d.gatherMetadata(v, &cols, b.rows)
	}
	return nil
}

// presence returns which of the picked rows have a value; nil if all have.
func (b *BatchSource) presence(k int, c *chunk) []uint64 {
	if c != nil && c.present == nil {
		return nil
	}
	bits := &b.bits[k]
	*bits = bitmap{}
	count := 0
	for n, i := range b.rows {
		if c.has(i) {
			bits.set(n)
			count++
		}
	}
	if count == len(b.rows) {
		return nil
	}
	return bits.words(len(b.rows))
}

// gather puts the values of rows into v; what is absent is 0 or empty.
func (d *decoder) gather(v *mutation.Vector, c *chunk, physical mutation.Physical, width int, rows []int) error {
	if c != nil && c.isBytes || physical == mutation.PhysicalBytes {
		return d.gatherBytes(v, c, rows)
	}
	v.Reset(physical, width)
	switch {
	case c == nil:
		for range rows {
			v.Words = append(v.Words, 0)
		}
	case c.present == nil:
		for _, i := range rows {
			v.Words = append(v.Words, c.words[i])
		}
	default:
		for _, i := range rows {
			v.Words = append(v.Words, uint64(c.word(i, 0)))
		}
	}
	return nil
}

func (d *decoder) gatherBytes(v *mutation.Vector, c *chunk, rows []int) error {
	v.Reset(mutation.PhysicalBytes, 0)
	total := 0
	for _, i := range rows {
		if c.has(i) {
			p := c.place(i)
			total += int(c.offsets[p+1] - c.offsets[p])
			if total > 1<<32-1 {
				return d.corrupt("values of more than 4 GiB")
			}
			v.Data = append(v.Data, c.data[c.offsets[p]:c.offsets[p+1]]...)
		}
		v.Offsets = append(v.Offsets, uint32(total))
	}
	return nil
}

// gatherEnds returns when the values of rows end; nil if none does.
func (d *decoder) gatherEnds(cols *columnChunks, rows []int) []int64 {
	out := make([]int64, len(rows))
	some := false
	for n, i := range rows {
		out[n] = mutation.Forever
		if cols.values.has(i) {
			out[n] = cols.ends.word(i, d.system[roleEnd].word(i, mutation.Forever))
			some = some || out[n] != mutation.Forever
		}
	}
	if !some {
		return nil
	}
	return out
}

// gatherMetadata fills write timestamps and TTLs.
func (d *decoder) gatherMetadata(v *mutation.Vector, cols *columnChunks, rows []int) {
	v.Timestamps = make([]int64, len(rows))
	ttls := make([]int32, len(rows))
	some := false
	for n, i := range rows {
		if !cols.values.has(i) {
			continue
		}
		v.Timestamps[n] = cols.timestamps.word(i, d.system[roleTimestamp].word(i, 0))
		ttls[n] = int32(cols.ttls.word(i, d.system[roleTTL].word(i, 0)))
		some = some || ttls[n] != 0
	}
	if some {
		v.TTLs = ttls
	}
}
