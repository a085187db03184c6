package sstable

import (
	"sort"

	"github.com/eskerdb/esker/mutation"
)

// batchSource yields the rows of one partition as vectors, decoding no more than it was asked for.
type batchSource struct {
	walk    walk
	req     *mutation.ReadRequest
	columns []wantedColumn
	rowsMax int // of the next batch
	showing showing
	picks   picks
	batch   mutation.Batch

	summary    mutation.Summary
	summarized *span // the row group that the last batch stands for; nil: the batch has rows
	again      *span // to be read after all
}

// wantedColumn is a column of the request.
type wantedColumn struct {
	mutation.Column
	place int // in Reader.columns; -1: the file does not have it
}

// showing says how to tell which rows of the open group show.
type showing byte

const (
	allShow   showing = iota // for ever
	byRows                   // by their stored ends
	byCells                  // by their cells: the stored ends count cells of columns that have been dropped since
	aliveRows = 64           // how many rows are looked at together
)

// batches yields the rows of the request's slices that are not deleted, in batches. It is right only
// where no other source has rows or deletions in between: the caller knows. The side data of the partition is
// taken to have been applied when the file was written. The first batch has at most RowsMax rows, if that is set.
// Rows that have ended by NowSec are left out. The request must stay as it is.
func (p *Partition) batches(req *mutation.ReadRequest) *batchSource {
	b := &batchSource{walk: newWalk(p, req.Slices, req.Reverse, max(req.NowSec, 0)), req: req, rowsMax: mutation.BatchRowsMax}
	if req.RowsMax > 0 {
		b.rowsMax = min(req.RowsMax, mutation.BatchRowsMax)
	}
	b.columns = make([]wantedColumn, len(req.Columns))
	for i, id := range req.Columns {
		if place := p.r.place(id); place >= 0 {
			b.columns[i] = wantedColumn{p.r.columns[place], place}
		} else {
			b.columns[i] = wantedColumn{p.r.columnOf(id), place}
		}
	}
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
func (b *batchSource) Next() (*mutation.Batch, error) {
	for {
		for len(b.walk.ranges) == 0 {
			s, err := b.nextGroup()
			if s == nil || err != nil {
				return nil, err
			}
			if b.summarized == s {
				return &b.batch, nil
			}
			if err = b.load(); err == nil {
				err = b.walk.find(s)
			}
			if err != nil {
				return nil, b.walk.fail(err)
			}
			b.walk.spans.p.countDecoded(s.group)
		}
		b.picks.reset(b.req.Reverse)
		err := b.pick()
		if err == nil {
			err = b.walk.count.TooMany()
		}
		if err == nil && b.picks.count > 0 {
			err = b.fill()
		}
		if err != nil {
			return nil, b.walk.fail(err)
		}
		if b.picks.count > 0 {
			b.rowsMax = min(4*b.rowsMax, mutation.BatchRowsMax)
			return &b.batch, nil
		}
	}
}

// nextGroup opens the next row group that has rows which show; the end is nil. If its statistics are enough the
// batch is made of them, and summarized is the group.
func (b *batchSource) nextGroup() (*span, error) {
	s := b.again
	b.again, b.summarized, b.batch.Summary = nil, nil, nil
	if s != nil {
		return s, nil // it is still open
	}
	for {
		s, err := b.walk.nextGroup()
		if s == nil || err != nil {
			return nil, err
		}
		if len(b.req.Where) > 0 {
			none, err := b.noneWanted(s)
			if err != nil {
				return nil, b.walk.fail(err)
			}
			if none {
				b.walk.spans.p.countExcluded(s.group)
				continue
			}
		}
		if b.req.Summaries {
			enough, err := b.summarize(s)
			if err != nil {
				return nil, b.walk.fail(err)
			}
			if enough {
				b.summarized = s
				b.walk.count.Summarize(1)
			}
		}
		return s, nil
	}
}

// Close gives back the memory of a source that is not read to its end. It may be called at any time; the last
// batch is no longer valid.
func (b *batchSource) Close() { b.walk.close() }

// load reads the chunks of the open group that the request needs.
func (b *batchSource) load() error {
	d := b.walk.d
	flags := d.group.flags
	b.showing = byRows
	switch {
	case flags&(groupAllLive|groupEnds|groupRowDeletions) == groupAllLive:
		b.showing = allShow
	case d.r.table.Law != mutation.BySequence && d.r.hasDropped(d.group):
		b.showing = byCells
		d.wantSystem(roleEnd, roleLiveness)
		for i := range d.columns {
			d.wantColumn(i, roleValue, roleCellEnd)
		}
	default:
		d.wantSystem(roleEnd, roleAlive)
	}
	if b.req.Metadata {
		d.wantSystem(roleTimestamp, roleTTL)
	}
	for _, c := range b.columns {
		if c.place < 0 {
			continue
		}
		d.wantColumn(c.place, roleValue)
		if flags&groupEnds != 0 {
			d.wantColumn(c.place, roleCellEnd)
		}
		if b.req.Metadata {
			d.wantColumn(c.place, roleCellTimestamp, roleCellTTL)
		}
	}
	return d.fetch()
}

// hasDropped reports whether a group has values of columns that the table does not have.
func (r *Reader) hasDropped(g *group) bool {
	for i := range g.chunks {
		c := &g.chunks[i]
		if c.role == roleValue && r.place(mutation.ColumnID(c.number)) < 0 {
			return true
		}
	}
	return false
}

// pick takes the next rows that show, at most rowsMax.
func (b *batchSource) pick() error {
	l := &b.walk.d.lent
	l.alive = l.alive[:0]
	for b.picks.count < b.rowsMax && len(b.walk.ranges) > 0 {
		most := b.rowsMax - b.picks.count
		if b.showing == allShow {
			r := b.walk.peek(most)
			b.walk.skip(r.to - r.from)
			b.walk.count.Pass(r.to-r.from, 0)
			b.picks.add(r)
			continue
		}
		r := b.walk.peek(max(most, aliveRows))
		if err := b.pickShowing(r, most); err != nil {
			return err
		}
	}
	b.batch.Rows, b.batch.AliveUntil = b.picks.count, nil
	for _, until := range l.alive {
		if until != mutation.Forever {
			b.batch.AliveUntil = l.alive
			break
		}
	}
	return nil
}

// pickShowing takes those rows of r that show, at most so many, and their ends.
func (b *batchSource) pickShowing(r rowRange, most int) error {
	d := b.walk.d
	l := &d.lent
	if err := d.loadEnds(r, b.showing); err != nil {
		return err
	}
	now := max(b.req.NowSec, 0)
	seen, deleted := 0, 0
	for ; seen < r.to-r.from && most > 0; seen++ {
		i := r.from + seen
		if b.req.Reverse {
			i = r.to - 1 - seen
		}
		until := l.ends[i-r.from]
		if until <= now {
			if until == 0 {
				deleted++
			}
			continue
		}
		b.picks.add(rowRange{i, i + 1})
		l.alive = append(l.alive, until)
		most--
	}
	b.walk.skip(seen)
	b.walk.count.Pass(seen, deleted)
	return nil
}

// loadEnds puts into lent.ends when rows end, 0 if they do not show.
func (d *decoder) loadEnds(r rowRange, how showing) error {
	end, alive := d.system[roleEnd], d.system[roleAlive]
	l := &d.lent
	if how == byRows {
		if err := d.decode(end, r.from, r.to); err != nil {
			return err
		}
		if err := d.decode(alive, r.from, r.to); err != nil {
			return err
		}
		l.ends = end.appendInts(l.ends[:0], r, mutation.Forever)
		alive.override(l.ends, r)
		return nil
	}
	if err := d.decodeAll(r.from, r.to); err != nil {
		return err
	}
	l.ends = l.ends[:0]
	for i := r.from; i < r.to; i++ {
		own, until := end.word(i, mutation.Forever), int64(0)
		if d.system[roleLiveness].has(i) {
			until = own
		}
		for k := range d.columns {
			if d.columns[k].values.has(i) {
				until = max(until, d.columns[k].ends.word(i, own))
			}
		}
		l.ends = append(l.ends, until)
	}
	return nil
}

// fill puts the picked rows into vectors.
func (b *batchSource) fill() error {
	d := b.walk.d
	d.lent.resize(len(d.key), len(b.columns))
	b.batch.Clustering, b.batch.Columns = d.lent.clustering, d.lent.columns
	if err := d.gatherKey(b.batch.Clustering, &b.picks); err != nil {
		return err
	}
	for k := range b.columns {
		if err := b.fillColumn(k); err != nil {
			return err
		}
	}
	return nil
}

func (b *batchSource) fillColumn(k int) error {
	d, c := b.walk.d, &b.columns[k]
	v := &b.batch.Columns[k]
	var cols columnChunks
	if c.place >= 0 {
		cols = d.columns[c.place]
	}
	if err := d.gather(v, &d.lent.words[len(d.key)+k], cols.values, c.Physical, c.Width, &b.picks); err != nil {
		return err
	}
	v.Present = cols.values.presence(&d.lent.bits[k], &b.picks)
	if d.group.flags&groupEnds != 0 && cols.values != nil {
		if err := b.fillEnds(k, &cols); err != nil {
			return err
		}
	}
	if b.req.Metadata {
		return b.fillMetadata(k, &cols)
	}
	return nil
}

// fillEnds says when the values of a column end, if one does.
func (b *batchSource) fillEnds(k int, cols *columnChunks) (err error) {
	d, x := b.walk.d, &b.walk.d.lent.extras[k]
	x.ends, err = d.gatherInts(x.ends[:0], cellInts{d.system[roleEnd], cols.ends, cols.values, mutation.Forever, mutation.Forever}, &b.picks)
	for _, end := range x.ends {
		if end != mutation.Forever {
			b.batch.Columns[k].ExpiresAt = x.ends
			break
		}
	}
	return err
}

// fillMetadata fills write timestamps and, if there is one, TTLs.
func (b *batchSource) fillMetadata(k int, cols *columnChunks) (err error) {
	d, x, v := b.walk.d, &b.walk.d.lent.extras[k], &b.batch.Columns[k]
	if cols.values == nil {
		x.timestamps = longer(x.timestamps, b.picks.count)
		clear(x.timestamps)
		v.Timestamps = x.timestamps
		return nil
	}
	x.timestamps, err = d.gatherInts(x.timestamps[:0], cellInts{base: d.system[roleTimestamp], exceptions: cols.timestamps, values: cols.values}, &b.picks)
	if err != nil {
		return err
	}
	v.Timestamps = x.timestamps
	if d.system[roleTTL] == nil && cols.ttls == nil {
		return nil
	}
	x.ttls, err = d.gatherInts(x.ttls[:0], cellInts{base: d.system[roleTTL], exceptions: cols.ttls, values: cols.values}, &b.picks)
	if x.narrow() {
		v.TTLs = x.ttls32
	}
	return err
}
