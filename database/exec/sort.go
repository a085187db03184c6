package exec

import (
	"slices"

	"github.com/eskerdb/esker/planner"
)

// sorter brings the rows of several partitions into one order.
type sorter struct {
	keys  []planner.SortKey
	rows  []sortedRow
	bytes int // about what rows take
}

// sortedRowBytes is about what a sortedRow takes beside its values.
const sortedRowBytes = 80

// sortedRow is an encoded row: where it lies in the answer, and its values to sort by.
type sortedRow struct {
	from, to int
	values   [][]byte
}

// values are what the row under way is sorted by.
func (s *sorter) values(r *row) [][]byte {
	values := make([][]byte, len(s.keys))
	for i, k := range s.keys {
		if v := r.column(&planner.ColumnExpr{Column: k.Column, Slot: k.Column.Position}); v != nil {
			values[i] = append([]byte{}, v...)
		}
	}
	return values
}

// add records a row whose encoding begins at from.
func (s *sorter) add(from int, values [][]byte) {
	s.rows = append(s.rows, sortedRow{from: from, values: values})
	s.bytes += sortedRowBytes
	for _, v := range values {
		s.bytes += len(v) + 24
	}
}

// finish sorts the answer and keeps the first rows; limit 0 keeps all.
func (s *sorter) finish(out *Result, limit int) {
	for i := range s.rows {
		if s.rows[i].to = len(out.Rows); i+1 < len(s.rows) {
			s.rows[i].to = s.rows[i+1].from
		}
	}
	slices.SortStableFunc(s.rows, s.compare)
	if limit > 0 && len(s.rows) > limit {
		s.rows = s.rows[:limit]
	}
	sorted := make([]byte, 0, len(out.Rows))
	for _, r := range s.rows {
		sorted = append(sorted, out.Rows[r.from:r.to]...)
	}
	out.Rows, out.RowCount = sorted, len(s.rows)
}

// compare orders rows; null, of partitions without rows, comes first.
func (s *sorter) compare(a, b sortedRow) int {
	for i, k := range s.keys {
		x, y := a.values[i], b.values[i]
		order := 0
		switch {
		case x != nil && y != nil:
			order = k.Column.Type.Compare(x, y)
		case x != nil:
			order = 1
		case y != nil:
			order = -1
		}
		if k.Desc {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}
