package exec

import (
	"errors"
	"fmt"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// partition reads one partition into the page.
func (r *run) partition(key partition.DecoratedKey) error {
	resumed, err := r.enter(key)
	if err != nil {
		return err
	}
	if r.groups != nil && r.groups.fill != nil && !resumed {
		r.groups.fill.resumed = nil // the partition of the page before is gone
	}
	if !r.filters.acceptKey(&r.row) {
		return nil
	}
	req := r.request
	req.Key = key
	if resumed {
		req.Slices = r.slicesFrom(r.begin.clustering)
		r.begin = position{}
	}
	req.RowsMax = r.rowsWanted()
	r.retained.open(&r.row, &req)
	reader, err := r.src.Read(r.plan.Table, req)
	if err != nil {
		return err
	}
	defer reader.Close()
	r.watch.lap(&r.result.Stats.Times.Read)
	r.result.Stats.Partitions++
	if err := r.check(nil); err != nil {
		return err
	}
	hasStatic, err := r.row.takeStatics(reader.Side())
	if err != nil {
		return err
	}
	if err := r.retained.enter(&r.row); err != nil {
		return err
	}
	if !r.filters.acceptStatic(&r.row) {
		return nil
	}
	found := false
	if _, err := r.rows(reader, &found); err != nil {
		return err
	}
	r.row.batch = nil
	if !found && !resumed && !r.done && hasStatic && r.plan.WholePartition {
		if err := r.staticRow(); err != nil {
			return err
		}
	}
	if r.groups != nil {
		return r.groups.endPartition()
	}
	return nil
}

// enter makes key the partition under way. It is resumed if the page begins in the middle of it.
func (r *run) enter(key partition.DecoratedKey) (resumed bool, err error) {
	r.row.decorated = key
	if r.row.key, err = r.layout.Decode(key.Key); err != nil {
		return false, fmt.Errorf("table %s: %w", r.plan.Table.QualifiedName(), err)
	}
	resumed = r.begin.key != nil && r.begin.key.Equal(key) && r.begin.inside
	r.inPartition = 0
	if resumed {
		r.inPartition = r.begin.inPartition
	} else {
		r.begin = position{}
	}
	return resumed, nil
}

func (r *run) slicesFrom(at []byte) clustering.Slices {
	if r.plan.Reverse {
		return r.plan.Slices.From(clustering.After(at), true)
	}
	return r.plan.Slices.From(clustering.Before(at), false)
}

// rowsWanted is the hint how many rows of a partition will be looked at: one more than the page takes.
func (r *run) rowsWanted() int {
	if r.groups != nil || r.sort != nil || len(r.plan.Filters) > 0 {
		return 0
	}
	wanted := 0
	least := func(n int) {
		if wanted == 0 || n < wanted {
			wanted = max(n, 1)
		}
	}
	if r.opts.PageSize > 0 {
		least(r.opts.PageSize - r.result.RowCount + 1)
	}
	if r.plan.Limit > 0 {
		least(r.plan.Limit - r.emitted)
	}
	if n := r.partitionMax(); n > 0 {
		least(n - r.inPartition)
	}
	return wanted
}

// rows goes through the batches of a partition. It sets found if some row of it lives; more is false when the partition is over
// though rows may be left.
func (r *run) rows(reader mutation.PartitionReader, found *bool) (more bool, err error) {
	for !r.done {
		batch, err := reader.Next()
		r.watch.lap(&r.result.Stats.Times.Read)
		if err = r.check(err); err != nil || batch == nil {
			return true, err
		}
		if batch.Summary != nil {
			if !r.retained.whole(&r.row, batch) {
				reader.(mutation.Expander).Expand()
				continue
			}
			*found = true
			ok, more, err := r.groups.addSummary(batch)
			r.lapRows()
			if err != nil || !more {
				return false, err
			}
			if ok {
				r.result.Stats.RowsSummarized += int64(batch.Rows)
			} else {
				reader.(mutation.Expander).Expand()
			}
			continue
		}
		more, err := r.batch(batch, found)
		if err != nil || !more {
			return false, err
		}
	}
	return false, nil
}

// check asks whether the read may go on. Where the source gave up because of deletions, it says why.
func (r *run) check(gaveUp error) error {
	if r.opts.Check == nil || gaveUp != nil && !errors.Is(gaveUp, mutation.ErrTombstones) {
		return gaveUp
	}
	if err := r.opts.Check(&r.result.Stats, r.row.key); err != nil {
		return err
	}
	return gaveUp
}

// batch takes the rows of a batch that show and pass the filters; more is false when the partition is over.
func (r *run) batch(batch *mutation.Batch, found *bool) (more bool, err error) {
	stats := &r.result.Stats
	stats.RowsRead += int64(batch.Rows)
	shown := r.hidden.hide(batch, r.now)
	if err := r.row.complexes.materialise(shown, r.now); err != nil {
		return false, fmt.Errorf("table %s: %w", r.plan.Table.QualifiedName(), err)
	}
	r.row.batch = shown
	live, err := r.retained.apply(&r.row, r.hidden.live(batch, r.now))
	if err != nil {
		return false, err
	}
	spans := r.filters.apply(&r.row, live)
	passed := rowsIn(spans)
	stats.RowsPassed += passed
	stats.RowsFiltered += rowsIn(live) - passed
	r.watch.lap(&stats.Times.Filter)
	defer r.lapRows()
	for _, s := range spans {
		*found = true
		more, err := r.span(s)
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

func rowsIn(spans []span) int64 {
	n := 0
	for _, s := range spans {
		n += s.to - s.from
	}
	return int64(n)
}

// span is rows from to to (excluded) of a batch.
type span struct{ from, to int }

// span takes the rows of a span into the answer; more is false when the partition is over.
func (r *run) span(s span) (more bool, err error) {
	if r.groups != nil {
		return r.groups.add(s)
	}
	if r.vectors {
		r.encoder.begin(&r.row)
	}
	for s.from < s.to {
		r.row.i = s.from
		if ok, err := r.admit(); !ok {
			return false, err
		}
		rows, err := 1, error(nil)
		if r.vectors {
			rows, err = r.emitRows(s)
		} else {
			err = r.emit()
		}
		if err != nil || r.done || r.partitionFull() {
			return false, err
		}
		s.from += rows
	}
	return true, nil
}

// emitRows appends rows of a span to the page, as many as it and the partition take; the first was admitted.
func (r *run) emitRows(s span) (rows int, err error) {
	most := s.to - s.from
	for _, limit := range [...]struct{ rows, have int }{{r.plan.Limit, r.emitted}, {r.partitionMax(), r.inPartition}, {r.opts.PageSize, r.result.RowCount}} {
		if limit.rows > 0 {
			most = min(most, limit.rows-limit.have)
		}
	}
	room := math.MaxInt
	if r.opts.RowsBytesMax > 0 {
		room = r.opts.RowsBytesMax - len(r.result.Rows)
	}
	r.result.Rows, rows = r.encoder.append(r.result.Rows, span{s.from, s.from + most}, room, r.result.RowCount == 0)
	if rows == 0 {
		return 0, r.stopHere()
	}
	return rows, r.counted(rows)
}

// staticRow takes a partition that has static content only (R27).
func (r *run) staticRow() error {
	if r.groups != nil {
		return r.groups.addStatic()
	}
	if ok, err := r.admit(); !ok {
		return err
	}
	return r.emit()
}

// emit appends the row under way to the page, unless it makes the page too long.
func (r *run) emit() error {
	before := len(r.result.Rows)
	r.row.scratch = r.row.scratch[:0]
	for i := range r.plan.Output {
		var err error
		if r.result.Rows, err = r.row.appendExpr(r.result.Rows, r.plan.Output[i].Expr); err != nil {
			return err
		}
	}
	if limit := r.opts.RowsBytesMax; limit > 0 && r.result.RowCount > 0 && len(r.result.Rows) > limit {
		r.result.Rows = r.result.Rows[:before]
		return r.stopHere()
	}
	if r.sort != nil {
		r.sort.add(before, r.sort.values(&r.row))
	}
	return r.counted(1)
}

// counted counts rows of the answer. With the last one the answer is complete.
func (r *run) counted(rows int) error {
	r.result.RowCount += rows
	r.emitted += rows
	r.inPartition += rows
	r.done = r.done || r.limitReached()
	if r.opts.Discard && r.sort == nil {
		r.result.Rows = r.result.Rows[:0]
	}
	return r.lease()
}

// lease takes memory for what the page has grown by: the rows, a copy of them when they are sorted or sent, and what
// aggregates keep.
func (r *run) lease() error {
	need := 2 * cap(r.result.Rows)
	if cap(r.result.Rows) == cap(r.opts.Buffer) {
		need = 2 * len(r.result.Rows) // it was there before
	}
	if r.sort != nil {
		need += r.sort.bytes
	}
	if r.groups != nil && r.groups.sized {
		need += r.groups.bytes()
	}
	if need <= r.leased {
		return nil
	}
	err := r.opts.Memory.Grow(int64(need - r.leased))
	r.leased = need
	return err
}

// hiding takes what has expired out of batches. It keeps memory for bitmaps between batches.
type hiding struct {
	batch   mutation.Batch
	bitmaps [][]uint64 // made where a column has ends
	spans   []span
}

// hide returns the batch without the cells that have expired. The source's batch is not changed.
func (h *hiding) hide(b *mutation.Batch, nowSec int64) *mutation.Batch {
	columns := append(h.batch.Columns[:0], b.Columns...)
	h.batch = *b
	h.batch.Columns = columns
	for c := range columns {
		v := &columns[c]
		if v.ExpiresAt == nil {
			continue
		}
		for len(h.bitmaps) <= c {
			h.bitmaps = append(h.bitmaps, make([]uint64, mutation.BatchRowsMax/64))
		}
		bits := h.bitmaps[c]
		clear(bits)
		for i := range b.Rows {
			if v.Has(i) && v.ExpiresAt[i] > nowSec {
				bits[i/64] |= 1 << (i % 64)
			}
		}
		v.Present = bits
	}
	return &h.batch
}

// live returns the spans of rows that show.
func (h *hiding) live(b *mutation.Batch, nowSec int64) []span {
	h.spans = h.spans[:0]
	if b.AliveUntil == nil {
		if b.Rows > 0 {
			h.spans = append(h.spans, span{0, b.Rows})
		}
		return h.spans
	}
	for i := 0; i < b.Rows; i++ {
		if b.AliveUntil[i] > nowSec {
			h.spans = appendRow(h.spans, i)
		}
	}
	return h.spans
}

// appendRow adds row i, which lies behind all spans.
func appendRow(spans []span, i int) []span {
	if n := len(spans); n > 0 && spans[n-1].to == i {
		spans[n-1].to++
		return spans
	}
	return append(spans, span{i, i + 1})
}

// filters are the conditions of a plan by what they need.
type filters struct {
	key    []planner.Filter
	static []planner.Filter
	row    []rowFilter
	spans  []span
}

// rowFilter is a condition on a clustering or regular column.
type rowFilter struct {
	planner.Filter
	expr *planner.ColumnExpr
	word int64 // of Values[0], where integers decide
	fast bool
}

func newFilters(plan *planner.Read) filters {
	var out filters
	for _, f := range plan.Filters {
		switch f.Column.Kind {
		case schema.PartitionKey:
			out.key = append(out.key, f)
		case schema.Static:
			out.static = append(out.static, f)
		default:
			out.row = append(out.row, newRowFilter(plan, f))
		}
	}
	return out
}
