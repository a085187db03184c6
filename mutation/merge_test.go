package mutation

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func value(ts int64, v string) Cell {
	return Cell{Column: 1, Timestamp: ts, ExpiresAt: Forever, Value: []byte(v)}
}

func expiring(ts, end int64, v string) Cell {
	return Cell{Column: 1, Timestamp: ts, TTL: 1, ExpiresAt: end, Value: []byte(v)}
}

func tombstone(ts, local int64) Cell { return Cell{Column: 1, Timestamp: ts, ExpiresAt: local} }

func TestCellRules(t *testing.T) {
	for _, c := range []struct {
		rule       string
		wins, over Cell
	}{
		{"R1 later value", value(2, "a"), value(1, "b")},
		{"R1 later value over tombstone", value(2, "a"), tombstone(1, 9)},
		{"R1 negative timestamps", value(-1, "a"), value(-2, "b")},
		{"R2 tombstone over value", tombstone(1, 1), value(1, "z")},
		{"R2 expiring over value", expiring(1, 5, "a"), value(1, "z")},
		{"R3 tombstone over expiring", tombstone(1, 1), expiring(1, 9, "z")},
		{"R4 later end", expiring(1, 9, "a"), expiring(1, 8, "z")},
		{"R4 later tombstone", tombstone(1, 9), tombstone(1, 8)},
		{"R5 larger bytes, unsigned", value(1, "\xff"), value(1, "\x01")},
		{"R5 longer", value(1, "ab"), value(1, "a")},
		{"R5 expiring with one end", expiring(1, 9, "b"), expiring(1, 9, "a")},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if !Supersedes(&c.wins, &c.over) || Supersedes(&c.over, &c.wins) {
				t.Errorf("%s does not win over %s alone", cellString(c.wins), cellString(c.over))
			}
			if got := MergeCell(c.over, c.wins); cellString(got) != cellString(c.wins) {
				t.Errorf("merged to %s", cellString(got))
			}
		})
	}
}

func TestLivenessAndDeletionRules(t *testing.T) {
	for _, c := range []struct {
		rule       string
		wins, over Liveness
	}{
		{"R8 later", Liveness{2, 0, Forever}, Liveness{1, 5, 9}},
		{"R8 expiring", Liveness{1, 5, 3}, Liveness{1, 0, Forever}},
		{"R8 later end", Liveness{1, 5, 9}, Liveness{1, 5, 8}},
		{"R8 any over none", Liveness{-9, 0, Forever}, Liveness{}},
	} {
		if !c.wins.Supersedes(c.over) || c.over.Supersedes(c.wins) {
			t.Errorf("%s: %v does not win over %v alone", c.rule, c.wins, c.over)
		}
	}
	for _, c := range []struct {
		rule       string
		wins, over Deletion
	}{
		{"R12 later mark", Deletion{2, 1}, Deletion{1, 9}},
		{"R12 later local", Deletion{1, 9}, Deletion{1, 8}},
		{"R12 any over none", Deletion{-5, 1}, Deletion{}},
	} {
		if !c.wins.Supersedes(c.over) || c.over.Supersedes(c.wins) {
			t.Errorf("%s: %v does not win over %v alone", c.rule, c.wins, c.over)
		}
	}
}

func TestRowRules(t *testing.T) {
	live := func(ts int64) Liveness { return Liveness{Timestamp: ts, ExpiresAt: Forever} }
	for _, c := range []struct {
		rule   string
		a, b   Row
		active Deletion
		want   Row
	}{
		{rule: "R9 an update writes no marker", a: Row{Cells: []Cell{value(1, "a")}}, b: Row{Cells: []Cell{tombstone(2, 1)}},
			want: Row{Cells: []Cell{tombstone(2, 1)}}},
		{rule: "R10 the marker's end leaves cells alone", a: Row{Live: Liveness{1, 1, 2}, Cells: []Cell{value(1, "a")}},
			want: Row{Live: Liveness{1, 1, 2}, Cells: []Cell{value(1, "a")}}},
		{rule: "R11 the deletion wins ties", a: Row{Live: live(5), Cells: []Cell{value(5, "a")}}, b: Row{Deletion: Deletion{5, 1}},
			want: Row{Deletion: Deletion{5, 1}}},
		{rule: "R11 within one version", a: Row{Deletion: Deletion{5, 1}, Live: live(5), Cells: []Cell{value(6, "a")}},
			want: Row{Deletion: Deletion{5, 1}, Cells: []Cell{value(6, "a")}}},
		{rule: "R13 a covering deletion hides the older", a: Row{Live: live(3), Cells: []Cell{value(4, "a")}}, active: Deletion{3, 1},
			want: Row{Cells: []Cell{value(4, "a")}}},
		{rule: "R13 a row deletion that does not supersede goes", a: Row{Deletion: Deletion{3, 1}, Live: live(4)}, active: Deletion{3, 1},
			want: Row{Live: live(4)}},
		{rule: "R13 one that does stays", a: Row{Deletion: Deletion{3, 2}, Live: live(4)}, active: Deletion{3, 1},
			want: Row{Deletion: Deletion{3, 2}, Live: live(4)}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := Row{}
			MergeRow(ByTimestamp, &got, &c.a)
			MergeRow(ByTimestamp, &got, &c.b)
			ApplyDeletion(ByTimestamp, &got, c.active)
			if rowString(&got) != rowString(&c.want) {
				t.Errorf("got %s\nwant %s", rowString(&got), rowString(&c.want))
			}
		})
	}
}

func TestSequenceLaw(t *testing.T) {
	old := Row{Sequence: 1, Live: Liveness{9, 0, Forever}, Cells: []Cell{value(9, "a"), {Column: 2, ExpiresAt: Forever}}}
	young := Row{Sequence: 2, Live: Liveness{1, 0, 7}, Cells: []Cell{value(1, "b")}}
	gone := Row{Sequence: 2, Deletion: Deletion{LocalSec: 1}}
	got := old
	MergeRow(BySequence, &got, &young)
	if rowString(&got) != rowString(&young) {
		t.Errorf("the later sequence does not win whole: %s", rowString(&got))
	}
	MergeRow(BySequence, &got, &gone)
	if rowString(&got) != rowString(&gone) {
		t.Errorf("the deletion does not win at its sequence: %s", rowString(&got))
	}
	MergeRow(BySequence, &got, &young)
	if rowString(&got) != rowString(&gone) {
		t.Errorf("a row came back at the sequence of its deletion: %s", rowString(&got))
	}
	got = young
	ApplyDeletion(BySequence, &got, Deletion{MarkedAt: 1, LocalSec: 1})
	if rowString(&got) != rowString(&young) {
		t.Errorf("an older covering deletion hid %s", rowString(&got))
	}
	ApplyDeletion(BySequence, &got, Deletion{MarkedAt: 2, LocalSec: 1})
	if !got.IsEmpty() {
		t.Errorf("a covering deletion left %s", rowString(&got))
	}
}

func TestCellLaw(t *testing.T) { // R6
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := genCell(t, 1), genCell(t, 1), genCell(t, 1)
		same(t, "idempotent", cellString(MergeCell(a, a)), cellString(a))
		same(t, "commutative", cellString(MergeCell(a, b)), cellString(MergeCell(b, a)))
		same(t, "associative", cellString(MergeCell(MergeCell(a, b), c)), cellString(MergeCell(a, MergeCell(b, c))))
		same(t, "the naive rule", cellString(MergeCell(a, b)), cellString(map[bool]Cell{true: a, false: b}[naiveWins(a, b)]))
	})
}

func same(t *rapid.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s:\n%s\n%s", what, got, want)
	}
}

func merged(law Law, rows ...Row) Row {
	out := Row{Clustering: rows[0].Clustering}
	for i := range rows {
		MergeRow(law, &out, &rows[i])
	}
	return out
}

func TestRowLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := genLaw(t)
		a, b, c := genRow(t, law, 1), genRow(t, law, 1), genRow(t, law, 1)
		inputs := []string{rowString(&a), rowString(&b), rowString(&c)}
		ab, ba, bc := merged(law, a, b), merged(law, b, a), merged(law, b, c)
		same(t, "commutative", rowString(&ab), rowString(&ba))
		left, right := merged(law, ab, c), merged(law, a, bc)
		same(t, "associative", rowString(&left), rowString(&right))
		again := merged(law, left, left, b)
		same(t, "idempotent", rowString(&again), rowString(&left))
		same(t, "inputs", strings.Join([]string{rowString(&a), rowString(&b), rowString(&c)}, "\n"), strings.Join(inputs, "\n"))
	})
}

func TestSideLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := genLaw(t)
		a, b, c := genSide(t, law), genSide(t, law), genSide(t, law)
		ab, ba, bc := MergeSides(law, a, b), MergeSides(law, b, a), MergeSides(law, b, c)
		same(t, "commutative", sideString(&ab), sideString(&ba))
		left, right, flat := MergeSides(law, &ab, c), MergeSides(law, a, &bc), MergeSides(law, a, nil, b, c)
		same(t, "associative", sideString(&left), sideString(&right))
		same(t, "at once", sideString(&left), sideString(&flat))
		again := MergeSides(law, &left, &left, b)
		same(t, "idempotent", sideString(&again), sideString(&left))
	})
}

func TestPartitionDeletionAndStatics(t *testing.T) { // R14
	s := Side{Deletion: Deletion{5, 1}, Static: &Row{Cells: []Cell{value(5, "a")}}, Ranges: []RangeTombstone{
		{Slice: sliceOf(0, 3), Deletion: Deletion{5, 1}}, {Slice: sliceOf(4, 5), Deletion: Deletion{6, 1}}}}
	got := MergeSides(ByTimestamp, &s)
	if got.Static != nil || len(got.Ranges) != 1 || got.Ranges[0].Deletion.MarkedAt != 6 {
		t.Errorf("the partition deletion left %s", sideString(&got))
	}
	s.Deletion = Deletion{}
	s.Ranges[0].Slice = sliceOf(0, keysMax)
	s.Ranges[0].Deletion.MarkedAt = 9
	if got = MergeSides(ByTimestamp, &s); got.Static == nil {
		t.Error("a range deletion touched the static row")
	}
	if len(s.Static.Cells) != 1 || !slices.Equal(s.Static.Cells[0].Value, []byte("a")) {
		t.Error("the input was changed")
	}
}
