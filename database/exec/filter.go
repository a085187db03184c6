package exec

import (
	"cmp"
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

func newRowFilter(plan *planner.Read, f planner.Filter) rowFilter {
	out := rowFilter{Filter: f, expr: &planner.ColumnExpr{Column: f.Column, Slot: f.Column.Position}}
	if f.Column.Kind == schema.Regular {
		for i, col := range plan.Fetch {
			if col == f.Column {
				out.expr.Slot = i
			}
		}
	}
	switch f.Column.Type.Kind() {
	case types.KindTinyint, types.KindSmallint, types.KindInt, types.KindBigint, types.KindTimestamp, types.KindCounter:
		if len(f.Values) == 1 && f.Op != planner.In && len(f.Values[0]) == f.Column.Type.FixedWidth() {
			out.fast, out.word = true, types.DecodeInt64(f.Values[0])
		}
	}
	return out
}

// between is what a condition on a regular column of numbers says of their ranks; ok is false if it says nothing.
func (f *rowFilter) between() (w mutation.Between, ok bool) {
	physical, width := mutation.PhysicalOf(f.Column.Type)
	if f.Column.Kind != schema.Regular || width == 0 || len(f.Values) != 1 || len(f.Values[0]) != width {
		return w, false
	}
	switch f.Column.Type.Kind() {
	case types.KindDate, types.KindTime, types.KindBoolean:
		return w, false // their order is another, or not worth it
	}
	one := mutation.Vector{}
	one.Reset(physical, width)
	one.Append(f.Values[0])
	if physical == mutation.PhysicalDouble && math.IsNaN(one.Double(0)) || physical == mutation.PhysicalFloat && math.IsNaN(float64(one.Float(0))) {
		return w, false // a NaN may rank below all numbers
	}
	rank := mutation.Rank(physical, one.Words[0])
	w = mutation.Between{Column: f.Column.ID, Low: math.MinInt64, High: math.MaxInt64}
	switch f.Op {
	case planner.Eq:
		w.Low, w.High = rank, rank
	case planner.Lt, planner.Lte:
		w.High = rank
	case planner.Gt, planner.Gte:
		w.Low = rank
	default:
		return w, false
	}
	return w, true
}

// holds decides a condition on a value; null fulfils none.
func holds(f *planner.Filter, value []byte) bool {
	if value == nil {
		return false
	}
	switch f.Op {
	case planner.IsNotNull:
		return true
	case planner.Contains, planner.ContainsKey, planner.HasEntry:
		return holdsPart(f, value)
	}
	for _, v := range f.Values {
		if holdsOrder(f.Op, f.Column.Type.Compare(value, v)) {
			return true
		}
	}
	return false
}

// holdsPart decides a condition on a part of a collection. Parts compare by their types' order, as columns do.
func holdsPart(f *planner.Filter, value []byte) bool {
	parts, err := f.Column.Type.SplitCollection(value)
	if err != nil {
		return false // the store has checked it; it has no parts then
	}
	elems := f.Column.Type.Elems()
	same := func(of *types.Type, part, wanted []byte) bool { return part != nil && of.Compare(part, wanted) == 0 }
	step := len(elems)
	for ; len(parts) >= step; parts = parts[step:] {
		var found bool
		switch f.Op {
		case planner.Contains:
			found = same(elems[step-1], parts[step-1], f.Values[0])
		case planner.ContainsKey:
			found = same(elems[0], parts[0], f.Values[0])
		default:
			found = same(elems[0], parts[0], f.Values[0]) && same(elems[1], parts[1], f.Values[1])
		}
		if found {
			return true
		}
	}
	return false
}

// holdsOrder decides a condition by how the value compares with the condition's.
func holdsOrder(op planner.Operator, order int) bool {
	switch op {
	case planner.Eq, planner.In:
		return order == 0
	case planner.Neq:
		return order != 0
	case planner.Lt:
		return order < 0
	case planner.Lte:
		return order <= 0
	case planner.Gt:
		return order > 0
	case planner.Gte:
		return order >= 0
	}
	return false
}

// acceptKey decides the conditions on the partition key.
func (fs *filters) acceptKey(r *row) bool {
	for i := range fs.key {
		if !holds(&fs.key[i], r.key[fs.key[i].Column.Position]) {
			return false
		}
	}
	return true
}

// acceptStatic decides the conditions on static columns.
func (fs *filters) acceptStatic(r *row) bool {
	for i := range fs.static {
		f := &fs.static[i]
		var value []byte
		for j, col := range r.table.Statics {
			if col == f.Column && r.statics[j] != nil {
				value = notNil(r.statics[j].Value)
			}
		}
		if !holds(f, value) {
			return false
		}
	}
	return true
}

// apply keeps the rows that fulfil every condition.
func (fs *filters) apply(r *row, in []span) []span {
	if len(fs.row) == 0 {
		return in
	}
	fs.spans = fs.spans[:0]
	for _, s := range in {
		for i := s.from; i < s.to; i++ {
			if r.i = i; fs.accept(r) {
				fs.spans = appendRow(fs.spans, i)
			}
		}
	}
	return fs.spans
}

func (fs *filters) accept(r *row) bool {
	r.scratch = r.scratch[:0]
	for j := range fs.row {
		f := &fs.row[j]
		v := r.vector(f.Column, f.expr.Slot)
		if f.fast && v.Physical == mutation.PhysicalInt {
			if !v.Has(r.i) || !holdsOrder(f.Op, cmp.Compare(v.Int(r.i), f.word)) {
				return false
			}
			continue
		}
		if !holds(&f.Filter, r.column(f.expr)) {
			return false
		}
	}
	return true
}
