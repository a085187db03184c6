package mutation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
)

// Small numbers everywhere, so that ties and overlaps are common.

func keyOf(n int) []byte { return []byte{2, byte(n)} }

const keysMax = 6

func genDeletion(t *rapid.T, name string) Deletion {
	if rapid.IntRange(0, 2).Draw(t, name+" any") == 0 {
		return Deletion{}
	}
	return Deletion{rapid.Int64Range(-1, 5).Draw(t, name+" at"), rapid.Int64Range(1, 4).Draw(t, name+" local")}
}

func genLiveness(t *rapid.T) Liveness {
	l := Liveness{Timestamp: rapid.Int64Range(-1, 5).Draw(t, "live ts")}
	switch rapid.IntRange(0, 2).Draw(t, "live kind") {
	case 0:
		return Liveness{}
	case 1:
		l.ExpiresAt = Forever
	case 2:
		l.TTL, l.ExpiresAt = rapid.Int32Range(1, 3).Draw(t, "live ttl"), rapid.Int64Range(1, 8).Draw(t, "live end")
	}
	return l
}

func genCell(t *rapid.T, column ColumnID) Cell {
	c := Cell{Column: column, Timestamp: rapid.Int64Range(-1, 5).Draw(t, "ts"), ExpiresAt: Forever}
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	if kind > 0 {
		c.ExpiresAt = rapid.Int64Range(1, 8).Draw(t, "end")
	}
	if kind == 1 {
		c.TTL = rapid.Int32Range(1, 3).Draw(t, "ttl")
	}
	if kind < 2 {
		c.Value = rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "value")
	}
	return c
}

// complexColumn is multi-cell in what genCells draws.
const complexColumn ColumnID = 3

func genCells(t *rapid.T) []Cell {
	var cells []Cell
	for column := ColumnID(1); column <= 3; column++ {
		if !rapid.Bool().Draw(t, "has cell") {
			continue
		}
		if column == complexColumn {
			if c := drawComplex(t, "complex"); !c.IsEmpty() {
				cells = append(cells, c.Cell(column, nil))
			}
		} else {
			cells = append(cells, genCell(t, column))
		}
	}
	return cells
}

func genRow(t *rapid.T, law Law, key int) Row {
	if law == ByTimestamp {
		return Row{Clustering: keyOf(key), Live: genLiveness(t), Deletion: genDeletion(t, "row"), Cells: genCells(t)}
	}
	// A sequence names one content, but for the deletion.
	row := Row{Clustering: keyOf(key), Sequence: rapid.Uint64Range(1, 4).Draw(t, "sequence")}
	if rapid.IntRange(0, 3).Draw(t, "deleted") == 0 {
		row.Deletion = Deletion{LocalSec: int64(row.Sequence)}
		return row
	}
	row.Live = Liveness{Timestamp: int64(row.Sequence), ExpiresAt: Forever}
	row.Cells = []Cell{{Column: 1, Timestamp: 7, ExpiresAt: Forever, Value: []byte{byte(row.Sequence)}}}
	return row
}

func genBound(t *rapid.T, name string) clustering.Bound {
	prefix := keyOf(rapid.IntRange(0, keysMax).Draw(t, name))
	if rapid.IntRange(0, 9).Draw(t, name+" whole") == 0 {
		prefix = nil
	}
	if rapid.Bool().Draw(t, name+" after") {
		return clustering.After(prefix)
	}
	return clustering.Before(prefix)
}

func genRanges(t *rapid.T) []RangeTombstone {
	var ranges []RangeTombstone
	for range rapid.IntRange(0, 5).Draw(t, "ranges") {
		d := genDeletion(t, "range")
		if d.IsNone() {
			continue
		}
		ranges = append(ranges, RangeTombstone{clustering.Slice{Start: genBound(t, "start"), End: genBound(t, "end")}, d})
	}
	return ranges
}

func genSide(t *rapid.T, law Law) *Side {
	s := Side{Deletion: genDeletion(t, "partition")}
	if rapid.Bool().Draw(t, "static") {
		s.Static = &Row{Cells: genCells(t)}
		if law == BySequence {
			s.Static.Sequence = rapid.Uint64Range(1, 4).Draw(t, "sequence")
			s.Static.Cells = []Cell{{Column: 9, ExpiresAt: Forever, Value: []byte{byte(s.Static.Sequence)}}}
		}
	}
	s.Ranges = genRanges(t)
	out := MergeSides(law, &s)
	return &out
}

func genLaw(t *rapid.T) Law { return rapid.SampledFrom([]Law{ByTimestamp, BySequence}).Draw(t, "law") }

// String forms to compare by; nil and empty values are one.

func cellString(c Cell) string {
	s := fmt.Sprintf("%d:%x@%d ttl %d end %d", c.Column, c.Value, c.Timestamp, c.TTL, c.ExpiresAt)
	if c.Complex {
		s += " complex"
	}
	return s
}

func rowString(r *Row) string {
	if r == nil {
		return "none"
	}
	s := fmt.Sprintf("%x seq %d live %v del %v", r.Clustering, r.Sequence, r.Live, r.Deletion)
	for _, c := range r.Cells {
		s += " " + cellString(c)
	}
	return s
}

func sideString(s *Side) string {
	out := fmt.Sprintf("%v static %s", s.Deletion, rowString(s.Static))
	for _, r := range s.Ranges {
		out += fmt.Sprintf(" %v %v", r.Slice, r.Deletion)
	}
	return out
}

// sliceSource yields the rows of a slice. It overwrites what it lent, as a source may.
type sliceSource struct {
	rows []Row
	lent Row
}

func (s *sliceSource) Next() (*Row, error) {
	for i := range s.lent.Cells {
		s.lent.Cells[i] = Cell{Column: 99}
	}
	if len(s.rows) == 0 {
		return nil, nil
	}
	s.lent = s.rows[0]
	s.lent.Cells = slices.Clone(s.lent.Cells)
	s.rows = s.rows[1:]
	return &s.lent, nil
}

func drain(source RowSource) string {
	var out []string
	for {
		row, err := source.Next()
		if err != nil {
			return err.Error()
		}
		if row == nil {
			return strings.Join(out, "\n")
		}
		out = append(out, rowString(row))
	}
}

func reversed(rows []Row) []Row {
	out := slices.Clone(rows)
	slices.Reverse(out)
	return out
}

// naiveWins is R1 to R5 as one comparison, independent of Supersedes.
func naiveWins(a, b Cell) bool {
	rank := func(c Cell) int {
		if c.TTL > 0 {
			return 1
		}
		if c.ExpiresAt < Forever {
			return 2
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ExpiresAt, b.ExpiresAt),
		strings.Compare(string(a.Value), string(b.Value)), cmp.Compare(b.TTL, a.TTL)) > 0
}
