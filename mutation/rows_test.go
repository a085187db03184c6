package mutation

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMergeRowsIsTheNaiveMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := genLaw(t)
		side := genSide(t, law)
		var sources [][]Row
		for range rapid.IntRange(0, 5).Draw(t, "sources") {
			var rows []Row
			for key := range keysMax {
				if rapid.Bool().Draw(t, "has row") {
					rows = append(rows, genRow(t, law, key))
				}
			}
			sources = append(sources, rows)
		}
		want := naiveMerge(law, sources, side)
		got := drain(Validate(MergeRows(law, opened(sources, false), side, false), false))
		same(t, "forward", got, strings.Join(want, "\n"))
		slices.Reverse(want)
		got = drain(Validate(MergeRows(law, opened(sources, true), side, true), true))
		same(t, "reverse", got, strings.Join(want, "\n"))
	})
}

func opened(sources [][]Row, reverse bool) []RowSource {
	var out []RowSource
	for _, rows := range sources {
		if reverse {
			rows = reversed(rows)
		}
		out = append(out, &sliceSource{rows: rows})
	}
	return out
}

// naiveMerge looks at each row and each column by itself.
func naiveMerge(law Law, sources [][]Row, side *Side) []string {
	var out []string
	for key := range keysMax {
		var versions []Row
		for _, rows := range sources {
			for _, row := range rows {
				if slices.Equal(row.Clustering, keyOf(key)) {
					versions = append(versions, row)
				}
			}
		}
		covering := naiveCovering(side.Ranges, side.Deletion, keyOf(key))
		row := Row{Clustering: keyOf(key)}
		if law == BySequence {
			naiveSequence(&row, versions, covering)
		} else {
			naiveTimestamp(&row, versions, covering)
		}
		if !row.Live.IsNone() || !row.Deletion.IsNone() || len(row.Cells) > 0 {
			out = append(out, rowString(&row))
		}
	}
	return out
}

func naiveSequence(row *Row, versions []Row, covering Deletion) {
	for _, v := range versions {
		if v.Sequence > row.Sequence || v.Sequence == row.Sequence && v.Deletion.LocalSec > 0 {
			*row = v
		}
	}
	if covering.LocalSec > 0 && int64(row.Sequence) <= covering.MarkedAt {
		*row = Row{}
	}
}

func naiveTimestamp(row *Row, versions []Row, covering Deletion) {
	strongest := covering
	for _, v := range versions {
		if v.Deletion.Supersedes(strongest) {
			strongest, row.Deletion = v.Deletion, v.Deletion
		}
	}
	for _, v := range versions {
		if v.Live.Supersedes(row.Live) && !strongest.Deletes(v.Live.Timestamp) {
			row.Live = v.Live
		}
	}
	for column := ColumnID(1); column < complexColumn; column++ {
		var best *Cell
		for _, v := range versions {
			for _, c := range v.Cells {
				if c.Column == column && !strongest.Deletes(c.Timestamp) && (best == nil || naiveWins(c, *best)) {
					best = &c
				}
			}
		}
		if best != nil {
			row.Cells = append(row.Cells, *best)
		}
	}
	if c := naiveComplex(versions, strongest); !c.IsEmpty() {
		row.Cells = append(row.Cells, c.Cell(complexColumn, nil))
	}
}

// naiveComplex looks at each element by itself.
func naiveComplex(versions []Row, strongest Deletion) *Complex {
	out := &Complex{}
	elements := map[string]Element{}
	for _, v := range versions {
		for _, cell := range v.Cells {
			var c Complex
			if cell.Column != complexColumn || c.Decode(cell.Value) != nil {
				continue
			}
			if c.Deletion.Supersedes(out.Deletion) && !strongest.Deletes(c.Deletion.MarkedAt) {
				out.Deletion = c.Deletion
			}
			for _, e := range c.Elements {
				if old, found := elements[string(e.Path)]; !found || naiveWins(e.cell(), old.cell()) {
					elements[string(e.Path)] = e
				}
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(elements)) {
		if e := elements[path]; !strongest.Deletes(e.Timestamp) && !out.Deletion.Deletes(e.Timestamp) {
			out.Elements = append(out.Elements, e)
		}
	}
	return out
}

var errBroken = errors.New("broken")

type brokenSource struct{ after int }

func (s *brokenSource) Next() (*Row, error) {
	if s.after == 0 {
		return nil, errBroken
	}
	s.after--
	return &Row{Clustering: keyOf(9 - s.after), Live: Liveness{1, 0, Forever}}, nil
}

func TestMergeRowsPassesErrorsOn(t *testing.T) {
	for n := 1; n <= 4; n++ {
		sources := []RowSource{&brokenSource{after: 2}}
		for range n - 1 {
			sources = append(sources, &sliceSource{rows: []Row{{Clustering: keyOf(1), Live: Liveness{1, 0, Forever}}}})
		}
		rows := MergeRows(ByTimestamp, sources, nil, false)
		var err error
		for i := 0; i < 9 && err == nil; i++ {
			_, err = rows.Next()
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("%d sources: %v", n, err)
		}
	}
}

func TestValidate(t *testing.T) {
	row := func(key int, columns ...ColumnID) Row {
		r := Row{Clustering: keyOf(key)}
		for _, id := range columns {
			r.Cells = append(r.Cells, Cell{Column: id, ExpiresAt: Forever})
		}
		return r
	}
	for _, c := range []struct {
		name    string
		rows    []Row
		reverse bool
		ok      bool
	}{
		{"ascending", []Row{row(1), row(2, 1, 2)}, false, true},
		{"descending", []Row{row(2), row(1)}, true, true},
		{"descending where ascending was promised", []Row{row(2), row(1)}, false, false},
		{"twice", []Row{row(1), row(1)}, false, false},
		{"columns", []Row{row(1, 2, 1)}, false, false},
		{"column twice", []Row{row(1, 2, 2)}, false, false},
	} {
		source := Validate(&sliceSource{rows: c.rows}, c.reverse)
		var err error
		for range c.rows {
			if _, e := source.Next(); e != nil {
				err = e
			}
		}
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
