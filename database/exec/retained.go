package exec

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Retained says when rows end beside their TTL (R37), at one moment.
type Retained struct {
	Table     *schema.Table // that is read, as it is now
	Base      *schema.Table // whose retention it is: Table, or the table that it is a copy of
	NowMillis int64
	// Floor is a time below which rows of a partition of Base have ended by what its static columns were before, and the number of
	// changes of its retention since when they are what they are; nil: math.MinInt64 and 0 of any.
	Floor func(base partition.DecoratedKey) (floor int64, changes int, err error)
}

// retained hides rows that have ended.
type retained struct {
	*Retained
	time    *planner.ColumnExpr // the time of a row; nil: none ends by it
	ends    []endColumn
	base    []*planner.ColumnExpr                  // of a copy: the partition key of the base
	reads   map[*schema.Column]*planner.ColumnExpr // of a copy: what policies look at
	fixed   bool                                   // all rows of a partition show from one time on
	from    int64                                  // rows of the partition under way show from then on, or those of the base partition at hand
	statics []*planner.ColumnExpr                  // of those the static columns of the base
	asked   int64                                  // rows from then on were asked for, of the partition under way
	seen    []byte                                 // of a copy: the base partition at hand, and its statics
	layout  partition.Layout                       // of the base
	spans   []span
}

// endColumn is a column with the end of its row.
type endColumn struct {
	expr  *planner.ColumnExpr
	until int64 // ends at or before it count
}

// newRetained finds what a retention needs in the rows that are read, and has it fetched. nil: no row ends by it.
func newRetained(r *run, of *Retained) *retained {
	if of == nil || of.Base.Retention.IsNone() {
		return nil
	}
	h := &retained{Retained: of, from: math.MinInt64, layout: of.Base.PartitionLayout()}
	if by := of.Base.Column(of.Base.Retention.By); by != nil {
		h.time = h.find(r, by)
	}
	for _, e := range of.Base.EndColumns(of.NowMillis) {
		if x := h.find(r, of.Base.Column(e.Name)); x != nil {
			h.ends = append(h.ends, endColumn{x, e.UntilMillis})
		}
	}
	reads := of.Base.RetentionReads()
	h.fixed = of.Table == of.Base || len(reads) == 0 && of.Floor == nil
	if !h.fixed {
		h.reads = map[*schema.Column]*planner.ColumnExpr{}
		for _, c := range reads {
			h.reads[c] = h.find(r, c)
			if e := h.reads[c]; e != nil && c.Kind == schema.Static {
				h.statics = append(h.statics, e)
			}
		}
		for _, c := range of.Base.PartitionKey {
			h.base = append(h.base, h.find(r, c))
		}
	}
	return h
}

// find is where a column of the base lies in the rows that are read; nil: nowhere.
func (h *retained) find(r *run, c *schema.Column) *planner.ColumnExpr {
	if h.Table != h.Base {
		c = schema.Copied(h.Table, c)
	}
	if c == nil || c.Kind != schema.Regular {
		return columnAt(c)
	}
	slot := slices.Index(r.request.Columns, c.ID)
	if slot < 0 {
		slot = len(r.request.Columns)
		r.request.Columns = append(r.request.Columns, c.ID)
	}
	return &planner.ColumnExpr{Column: c, Slot: slot}
}

func columnAt(c *schema.Column) *planner.ColumnExpr {
	if c == nil || c.Kind == schema.Static {
		return nil
	}
	return &planner.ColumnExpr{Column: c, Slot: c.Position}
}

// open makes the request for a partition leave out rows that have ended, as far as is known before it is read.
func (h *retained) open(r *row, req *mutation.ReadRequest) {
	if h == nil {
		return
	}
	if !h.fixed || len(h.ends) > 0 || h.time == nil || h.time.Column.Kind != schema.ClusteringKey || h.time.Slot != 0 {
		req.RowsMax = 0 // rows are hidden one by one
	}
	h.asked = math.MinInt64
	if h.time == nil || h.time.Column.Kind != schema.ClusteringKey || h.time.Slot != 0 {
		return
	}
	from := h.Base.LeastVisibleFrom(h.NowMillis)
	if h.Table == h.Base {
		from = h.Base.VisibleFrom(schema.ValuesKnown(r.key, nil, nil), h.NowMillis)
		if len(h.Base.RetentionStatics()) > 0 || h.Floor != nil {
			req.RowsMax = 0
		}
	}
	if _, exact := types.FirstAt(h.time.Column.Type, from, h.Base.UnitNanos()); exact {
		h.asked = from
	}
	req.Slices = req.Slices.Intersect(schema.TimeSlices(h.time.Column, h.Base.UnitNanos(), from, math.MaxInt64))
}

// enter makes a partition the one under way, once its statics are known.
func (h *retained) enter(r *row) (err error) {
	if h == nil || !h.fixed {
		return nil
	}
	known := func(c *schema.Column) ([]byte, bool) {
		switch c.Kind {
		case schema.PartitionKey:
			return r.key[c.Position], true
		default:
			return r.static(c.ID), true
		}
	}
	return h.floor(r.decorated, known)
}

// floor makes from the time from which on rows of a base partition show.
func (h *retained) floor(base partition.DecoratedKey, known schema.Known) (err error) {
	floor, changes := int64(math.MinInt64), 0
	if h.Floor != nil {
		if floor, changes, err = h.Floor(base); err != nil {
			return err
		}
	}
	h.from = max(floor, h.Base.VisibleSince(known, changes, h.NowMillis))
	return nil
}

// static is the living value of a static column; nil is null.
func (r *row) static(id mutation.ColumnID) []byte {
	for _, c := range r.statics {
		if c != nil && c.Column == id {
			return notNil(c.Value)
		}
	}
	return nil
}

// apply takes rows that have ended out of spans.
func (h *retained) apply(r *row, in []span) ([]span, error) {
	if h == nil || h.allAsked() && len(h.ends) == 0 {
		return in, nil
	}
	h.spans = h.spans[:0]
	for _, s := range in {
		for i := s.from; i < s.to; i++ {
			r.i = i
			shows, err := h.shows(r)
			if err != nil {
				return nil, err
			}
			if shows {
				h.spans = appendRow(h.spans, i)
			}
		}
	}
	return h.spans, nil
}

// allAsked reports whether only rows were asked for whose time has not ended.
func (h *retained) allAsked() bool { return h.fixed && h.from <= h.asked }

// shows reports whether the row under way has not ended.
func (h *retained) shows(r *row) (bool, error) {
	r.scratch = r.scratch[:0]
	for i := range h.ends {
		e := &h.ends[i]
		if end, ok := types.TimeMillis(e.expr.Column.Type, r.column(e.expr), 0); ok && end <= e.until {
			return false, nil
		}
	}
	if h.time == nil {
		return true, nil
	}
	if !h.fixed {
		if err := h.baseOf(r); err != nil {
			return false, err
		}
	}
	ms, ok := types.TimeMillis(h.time.Column.Type, r.column(h.time), h.Base.UnitNanos())
	return !ok || ms >= h.from, nil
}

// baseOf makes the base partition of a row of a copy the one at hand. A row whose base row has left the disk may hold static values of
// before.
func (h *retained) baseOf(r *row) error {
	values := make([][]byte, len(h.base))
	for i, e := range h.base {
		values[i] = r.column(e)
	}
	key, err := h.layout.Encode(values)
	if err != nil {
		return err
	}
	seen := types.AppendElem(nil, key)
	for _, e := range h.statics {
		seen = types.AppendElem(seen, r.column(e))
	}
	if string(seen) == string(h.seen) {
		return nil
	}
	h.seen = seen
	return h.floor(partition.Decorate(slices.Clone(key)), func(c *schema.Column) ([]byte, bool) {
		if e := h.reads[c]; e != nil {
			return r.column(e), true
		}
		return nil, true
	})
}

// whole reports whether none of the rows that a summary stands for has ended.
func (h *retained) whole(r *row, b *mutation.Batch) bool {
	if h == nil {
		return true
	}
	for _, e := range h.ends {
		if e.expr.Column.Kind != schema.Regular {
			return false
		}
		if s := &b.Summary.Columns[e.expr.Slot]; s.Count > 0 && (!s.HasRange || int64(s.Min) <= e.until) {
			return false
		}
	}
	switch {
	case h.time == nil || h.allAsked():
		return true
	case !h.fixed || h.time.Column.Kind != schema.ClusteringKey || h.time.Slot != 0:
		return false
	}
	was := r.batch
	r.batch = b
	defer func() { r.batch = was }()
	for r.i = range 2 {
		r.scratch = r.scratch[:0]
		if ms, ok := types.TimeMillis(h.time.Column.Type, r.column(h.time), h.Base.UnitNanos()); !ok || ms < h.from {
			return false
		}
	}
	return true
}
