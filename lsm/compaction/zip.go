package compaction

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// placedRun is a run and where its rows lie.
type placedRun struct {
	mutation.Run
	first, last []byte
}

// mergeRuns hands on the rows of the current partition: groups of runs that lie among each other, one after the other.
func (m *merger) mergeRuns() error {
	slices.SortFunc(m.runs, func(a, b placedRun) int { return bytes.Compare(a.first, b.first) })
	for runs := m.runs; len(runs) > 0; {
		n, last := 1, runs[0].last
		for n < len(runs) && bytes.Compare(runs[n].first, last) <= 0 {
			if bytes.Compare(runs[n].last, last) > 0 {
				last = runs[n].last
			}
			n++
		}
		if err := m.mergeGroup(runs[:n], runs[0].first, last); err != nil {
			return err
		}
		runs = runs[n:]
	}
	return nil
}

// mergeGroup merges runs whose rows lie from first to last.
func (m *merger) mergeGroup(runs []placedRun, first, last []byte) error {
	if m.groupFate(first, last); m.fate == gone && !m.byTime {
		return m.leave(runs)
	}
	if !m.options.NoBlocks && !m.hides(first, last) {
		if z := m.zip(runs); z != nil {
			return z.merge()
		}
	}
	sources := make([]mutation.RowSource, len(runs))
	for i := range runs {
		sources[i] = mutation.Validate(runs[i].Rows(clustering.All(), false), false)
	}
	rows := mutation.MergeRows(m.table.Law, sources, &m.side, false)
	for {
		row, err := rows.Next()
		if row == nil || err != nil {
			return err
		}
		mine := *row // the purge changes it
		if err := m.row(&mine); err != nil {
			return err
		}
	}
}

// hides reports whether something beside the rows may delete one of those from first to last.
func (m *merger) hides(first, last []byte) bool {
	if !m.side.Deletion.IsNone() {
		return true
	}
	i := sort.Search(len(m.side.Ranges), func(i int) bool { return m.side.Ranges[i].Slice.End.CompareKey(first) > 0 })
	return i < len(m.side.Ranges) && m.side.Ranges[i].Slice.Start.CompareKey(last) < 0
}

// zip returns a zipper of the runs; nil if not all have blocks.
func (m *merger) zip(runs []placedRun) *zipper {
	z := &zipper{m: m, cursors: make([]blockCursor, len(runs))}
	for i := range runs {
		c := &z.cursors[i]
		if c.source = runs[i].Blocks(); c.source == nil {
			return nil
		}
		c.layout, c.head = m.table.Clustering, []byte{} // never nil: a table without clustering has rows of no bytes
	}
	return z
}

// zipper merges runs that have blocks. As many rows of one run as lie before the next row of all others go on together.
type zipper struct {
	m       *merger
	cursors []blockCursor
	equal   []int // cursors that stand at one key
}

func (z *zipper) merge() error {
	for i := range z.cursors {
		if err := z.cursors[i].next(); err != nil {
			return err
		}
	}
	for {
		next := z.first()
		if len(z.equal) == 0 {
			return nil
		}
		if len(z.equal) > 1 {
			if err := z.mergeRow(); err != nil {
				return err
			}
			continue
		}
		c := &z.cursors[z.equal[0]]
		to := c.before(next)
		if err := z.m.block(c.block, c.at, to); err != nil {
			return err
		}
		if err := c.moveTo(to); err != nil {
			return err
		}
	}
}

// first finds the cursors at the smallest key, and the smallest key of the others; nil if there is none.
func (z *zipper) first() (next []byte) {
	z.equal = z.equal[:0]
	var least []byte
	for i := range z.cursors {
		c := &z.cursors[i]
		if c.block == nil {
			continue
		}
		order := -1
		if len(z.equal) > 0 { // least may be nil: the key of a table without clustering
			order = bytes.Compare(c.head, least)
		}
		switch {
		case order < 0:
			next, least = least, c.head
			z.equal = append(z.equal[:0], i)
		case order == 0:
			z.equal = append(z.equal, i)
		case next == nil || bytes.Compare(c.head, next) < 0:
			next = c.head
		}
	}
	return next
}

// mergeRow merges the versions of one row.
func (z *zipper) mergeRow() error {
	var row mutation.Row
	for n, i := range z.equal {
		c := &z.cursors[i]
		version := c.row.of(z.m.table, c.block, c.at, c.head)
		if n == 0 {
			row = *version
			continue
		}
		mutation.MergeRow(z.m.table.Law, &row, version)
	}
	if err := z.m.row(&row); err != nil {
		return err
	}
	for _, i := range z.equal {
		if err := z.cursors[i].moveTo(z.cursors[i].at + 1); err != nil {
			return err
		}
	}
	return nil
}

// block hands on rows of a block that nothing deletes, but those that have ended and may be forgotten.
func (m *merger) block(b *mutation.Block, from, to int) error {
	if m.byTime {
		return m.blockByTime(b, from, to)
	}
	return m.blockOf(b, from, to)
}

// blockOf is block for rows of one fate, which is not to go.
func (m *merger) blockOf(b *mutation.Block, from, to int) error {
	if m.fate == free && m.other != math.MinInt64 {
		return m.blockByOther(b, from, to)
	}
	return m.blockByEnd(b, from, to)
}

// blockByEnd hands on rows of a block that do not go for their time.
func (m *merger) blockByEnd(b *mutation.Block, from, to int) error {
	if m.hasColumns() {
		return m.blockByColumns(b, from, to)
	}
	if b.ExpiresAt == nil || m.fate == stay || !m.purge.Expires() {
		return m.rowsOf(b, from, to)
	}
	for at := from; at < to; {
		end := at
		for end < to && !m.purge.Ended(b.ExpiresAt[end]) {
			end++
		}
		if err := m.rowsOf(b, at, end); err != nil {
			return err
		}
		for at = end; at < to && m.purge.Ended(b.ExpiresAt[at]); at++ {
			if m.purge.Whole(b.Timestamps[at], b.ExpiresAt[at]) {
				continue
			}
			m.rows.key = appendKey(m.rows.key[:0], m.table.Clustering, b.Clustering, at)
			if err := m.row(m.rows.of(m.table, b, at, m.rows.key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *merger) rowsOf(b *mutation.Block, from, to int) error {
	if from == to {
		return nil
	}
	if err := m.start(); err != nil {
		return err
	}
	return m.sink.Block(b, from, to)
}

// blockCursor walks the rows of a run.
type blockCursor struct {
	source mutation.BlockSource
	layout clustering.Layout
	block  *mutation.Block // nil: the end
	at     int             // row of block
	head   []byte          // its key
	last   []byte          // key of the last row of block
	row    rowBuilder
}

// next goes to the next block that has rows.
func (c *blockCursor) next() error {
	for {
		started := c.block != nil
		block, err := c.source.Next()
		if err != nil {
			return err
		}
		c.block, c.at = block, 0
		if block == nil {
			return nil
		}
		if block.Rows == 0 {
			continue
		}
		c.head = appendKey(c.head[:0], c.layout, block.Clustering, 0)
		if started && bytes.Compare(c.last, c.head) >= 0 {
			return fmt.Errorf("row %x after %x: %w", c.head, c.last, mutation.ErrOrder)
		}
		c.last = appendKey(c.last[:0], c.layout, block.Clustering, block.Rows-1)
		return nil
	}
}

// moveTo goes on to a row of the block, or behind it.
func (c *blockCursor) moveTo(row int) error {
	if row == c.block.Rows {
		return c.next()
	}
	c.at = row
	c.head = appendKey(c.head[:0], c.layout, c.block.Clustering, row)
	return nil
}

// before returns the first row of the block that does not lie before key, beyond the one at which the cursor stands.
func (c *blockCursor) before(key []byte) int {
	if key == nil || bytes.Compare(c.last, key) < 0 {
		return c.block.Rows
	}
	var buf []byte
	below := func(i int) bool {
		buf = appendKey(buf[:0], c.layout, c.block.Clustering, i)
		return bytes.Compare(buf, key) < 0
	}
	// The end is often near: rows of two runs take turns.
	step := 1
	for c.at+step < c.block.Rows && below(c.at+step) {
		step *= 2
	}
	low := c.at + step/2 + 1               // the row before it lies before key
	high := min(c.at+step, c.block.Rows-1) // not before key
	return low + sort.Search(high-low, func(i int) bool { return !below(low + i) })
}

// appendKey appends the sortable key of row i of clustering vectors.
func appendKey(dst []byte, layout clustering.Layout, vectors []mutation.Vector, i int) []byte {
	var value [8]byte
	for n := range vectors {
		v := &vectors[n]
		if v.Physical == mutation.PhysicalBytes {
			dst = layout[n].Append(dst, v.Data[v.Offsets[i]:v.Offsets[i+1]])
			continue
		}
		dst = layout[n].Append(dst, v.AppendValue(value[:0], i))
	}
	return dst
}

// rowBuilder makes rows of blocks.
type rowBuilder struct {
	row    mutation.Row
	values []byte
	key    []byte
}

// of returns row i of a block, valid until the next call. key is its clustering.
func (r *rowBuilder) of(table *mutation.Table, b *mutation.Block, i int, key []byte) *mutation.Row {
	end, ttl := mutation.Forever, int32(0)
	if b.ExpiresAt != nil {
		end = b.ExpiresAt[i]
	}
	if b.TTLs != nil {
		ttl = b.TTLs[i]
	}
	cells := r.row.Cells[:0]
	r.row = mutation.Row{Clustering: key}
	if b.Sequences != nil {
		r.row.Sequence = b.Sequences[i]
	}
	if b.Live == nil || b.Live[i/64]&(1<<(i%64)) != 0 {
		r.row.Live = mutation.Liveness{Timestamp: b.Timestamps[i], TTL: ttl, ExpiresAt: end}
	}
	r.values = r.values[:0]
	column := 0
	for _, c := range table.Columns {
		if c.Static {
			continue
		}
		v := &b.Columns[column]
		column++
		if !v.Has(i) {
			continue
		}
		from := len(r.values)
		r.values = v.AppendValue(r.values, i)
		cells = append(cells, mutation.Cell{
			Column: c.ID, Timestamp: b.Timestamps[i], TTL: ttl, ExpiresAt: end, Value: r.values[from:len(r.values):len(r.values)],
		})
	}
	r.row.Cells = cells
	return &r.row
}
