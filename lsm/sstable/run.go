package sstable

import (
	"bytes"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// run is the rows of a partition in a file. It implements mutation.Run.
type run struct {
	p           *Partition
	first, last []byte
}

// Run returns the rows of the partition in this file; nil if it has none.
func (p *Partition) Run() mutation.Run {
	first, last, ok := p.Bounds()
	if !ok {
		return nil
	}
	return &run{p, first, last}
}

// Bounds implements mutation.Run.
func (r *run) Bounds() (first, last []byte) { return r.first, r.last }

// Rows implements mutation.Run.
func (r *run) Rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return r.p.rows(slices, reverse)
}

// Batches implements mutation.Run.
func (r *run) Batches(req *mutation.ReadRequest) mutation.BatchSource { return r.p.batches(req) }

// Blocks implements mutation.Run. There are blocks if all row groups are plain.
func (r *run) Blocks() mutation.BlockSource {
	b := &blockSource{walk: newWalk(r.p, clustering.All(), false, everyRow)}
	spans := b.walk.spans
	var g group
	for {
		s, err := spans.next()
		if err == nil && s == nil {
			return b
		}
		if err == nil {
			err = r.p.r.group(s.group, &g)
		}
		if err != nil {
			b.walk.failed = err
			return b
		}
		if g.flags&groupPlain == 0 || g.flags&groupAllLive == 0 && r.p.r.hasDropped(&g) {
			return nil // a row may have had nothing but what was dropped
		}
	}
}

// blockSource yields the rows of a partition in blocks, one a row group.
type blockSource struct {
	walk  walk
	span  span // of block
	picks picks
	block mutation.Block
	last  []byte // clustering of the last row of the block before
}

// Next implements mutation.BlockSource.
func (b *blockSource) Next() (*mutation.Block, error) {
	s, err := b.walk.nextGroup()
	if s == nil || err != nil {
		b.block = mutation.Block{}
		return nil, err
	}
	b.span = *s
	d := b.walk.d
	b.picks.reset(false)
	b.picks.add(rowRange{s.from, s.to})
	if err = d.loadAll(); err == nil {
		b.fillRows()
		err = b.fillColumns()
	}
	if err == nil {
		err = b.checkOrder()
	}
	if err != nil {
		return nil, b.walk.fail(err)
	}
	return &b.block, nil
}

// checkOrder checks that the rows lie behind those of the block before, and in order.
func (b *blockSource) checkOrder() error {
	d := b.walk.d
	if bad := d.r.keys.disorder(b.block.Clustering, 0, b.block.Rows); bad >= 0 {
		return d.corrupt("row %d is not above the one before", bad)
	}
	d.sortable = d.r.keys.appendRow(d.sortable[:0], b.block.Clustering, 0)
	if b.last != nil && bytes.Compare(b.last, d.sortable) >= 0 {
		return d.corrupt("its rows are not above those before")
	}
	b.last = d.r.keys.appendRow(b.last[:0], b.block.Clustering, b.block.Rows-1)
	return nil
}

// fillRows fills what rows have beside clustering and values.
func (b *blockSource) fillRows() {
	d, x, r := b.walk.d, &b.walk.d.lent.rows, b.picks.ranges[0]
	b.block = mutation.Block{Rows: b.picks.count, Origin: b}
	x.timestamps = d.system[roleTimestamp].appendInts(x.timestamps[:0], r, 0)
	b.block.Timestamps = x.timestamps
	if c := d.system[roleTTL]; c != nil {
		x.ttls = c.appendInts(x.ttls[:0], r, 0)
		x.narrow()
		b.block.TTLs = x.ttls32
	}
	if c := d.system[roleEnd]; c != nil {
		x.ends = c.appendInts(x.ends[:0], r, mutation.Forever)
		b.block.ExpiresAt = x.ends
	}
	if c := d.system[roleSequence]; c != nil {
		d.lent.sequences = c.appendWords(d.lent.sequences[:0], r)
		b.block.Sequences = d.lent.sequences
	}
	b.block.Live = d.system[roleLiveness].presence(&d.lent.live, &b.picks)
}

// fillColumns fills clustering and values.
func (b *blockSource) fillColumns() error {
	d := b.walk.d
	columns := 0
	for _, c := range d.r.table.Columns {
		if !c.Static {
			columns++
		}
	}
	d.lent.resize(len(d.key), columns)
	b.block.Clustering, b.block.Columns = d.lent.clustering, d.lent.columns
	if err := d.gatherKey(b.block.Clustering, &b.picks); err != nil {
		return err
	}
	k := 0
	for _, c := range d.r.table.Columns {
		if c.Static {
			continue
		}
		var values *chunk
		if place := d.r.place(c.ID); place >= 0 {
			values = d.columns[place].values
		}
		v := &b.block.Columns[k]
		if err := d.gather(v, &d.lent.words[len(d.key)+k], values, c.Physical, c.Width, &b.picks); err != nil {
			return err
		}
		v.Present = values.presence(&d.lent.bits[k], &b.picks)
		k++
	}
	return nil
}
