package jobs

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// plain is readings(k | ts | n int, g text).
func plain(desc bool) *shape {
	return newShape(&schema.Column{Name: "ts", Type: types.Timestamp, Desc: desc}, 0, nil,
		[]*schema.Column{{Name: "n", Type: types.Int}, {Name: "g", Type: types.Text}})
}

var counts = []downsample.Aggregate{{Function: "count", Target: "rows"}, {Function: "avg", Source: "n", Target: "avg_n"}}

// rowAt writes n at a time.
func rowAt(w *world, s *shape, ms int64, n int32, g string) {
	w.put(s.base, [][]byte{types.AppendBigint(nil, ms)}, map[string][]byte{"n": types.AppendInt(nil, n), "g": []byte(g)})
}

// lines are the rows of a level in order: start, further key, count of rows.
func (w *world) lines(t *testing.T, r *schema.Table) (out []string) {
	for at, row := range w.data[r.ID] {
		key, err := r.ClusteringLayout().Decode([]byte(at))
		if err != nil {
			t.Fatal(err)
		}
		line := time.UnixMilli(types.DecodeInt64(key[0])).UTC().Format("2006-01-02T15:04")
		for _, v := range key[1:] {
			line += " " + string(v)
		}
		out = append(out, fmt.Sprintf("%s %d", line, types.DecodeInt64(valueOf(r, nil, row, "rows"))))
	}
	slices.Sort(out)
	return out
}

// Days and hours around the changes of clocks: a reading every ten minutes of UTC.
func TestWindowsWhereClocksAreMoved(t *testing.T) {
	for _, test := range []struct {
		zone, from string
		readings   int
		days       []string // of readings a local day
	}{
		{"Europe/Berlin", "2025-03-29T23:00", 282, []string{"2025-03-29T23:00 138", "2025-03-30T22:00 144"}},
		{"Europe/Berlin", "2025-10-25T22:00", 294, []string{"2025-10-25T22:00 150", "2025-10-26T23:00 144"}},
		{"America/New_York", "2025-03-09T05:00", 282, []string{"2025-03-09T05:00 138", "2025-03-10T04:00 144"}},
		{"America/New_York", "2025-11-02T04:00", 294, []string{"2025-11-02T04:00 150", "2025-11-03T05:00 144"}},
		{"Australia/Lord_Howe", "2025-04-05T13:00", 288, []string{"2025-04-05T13:00 147", "2025-04-06T13:30 141"}}, // by half an hour
		{"Australia/Lord_Howe", "2025-10-04T13:30", 285, []string{"2025-10-04T13:30 141", "2025-10-05T13:00 144"}},
	} {
		s := plain(false)
		s.level(t, partition.Bucketing{SizeMillis: 1_800_000, Zone: test.zone}, nil, counts...)
		s.level(t, partition.Bucketing{Days: 1, Zone: test.zone}, nil, counts...)
		s.level(t, partition.Bucketing{Months: 1, Zone: test.zone}, nil, counts...)
		w := s.world()
		from, err := time.Parse("2006-01-02T15:04", test.from)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(test.readings) {
			rowAt(w, s, from.UnixMilli()+i*600_000, int32(i), "")
		}
		before := 0 // reads, of the last level
		for level := range s.levels {
			before = len(w.reads)
			w.settle(t, &Recompute{Rollup: s.rollup(level), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64})
			w.check(t, s.base, s.levels[level])
		}
		if got := w.lines(t, s.levels[0]); len(got) != test.readings/3 {
			t.Errorf("%s from %s: %d half hours of %d readings", test.zone, test.from, len(got), test.readings)
		}
		if got := w.lines(t, s.levels[1]); !slices.Equal(got, test.days) {
			t.Errorf("%s from %s: days %v, want %v", test.zone, test.from, got, test.days)
		}
		if !slices.Contains(w.reads[before:], s.levels[1].ID) {
			t.Error("months were not made of days")
		}
	}
}

// A window comes from the coarsest level that has it wholly: built, not past that level's own retention, and closed.
func TestAWindowComesFromTheCoarsestLevelThatHasIt(t *testing.T) {
	const day = 24 * hour
	for _, desc := range []bool{false, true} {
		s := plain(desc)
		s.level(t, partition.Bucketing{SizeMillis: hour / 4}, nil, counts...)
		s.level(t, partition.Bucketing{SizeMillis: hour}, nil, counts...)
		s.level(t, partition.Bucketing{SizeMillis: day}, nil, counts...)
		w := s.world()
		for i := range int64(400) {
			rowAt(w, s, i*hour+5, int32(i), "")
		}
		for level := range 2 {
			w.settle(t, &Recompute{Rollup: s.rollup(level), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64})
		}
		forget := func(r *schema.Table, before int64) { // as the purge does, or the backfill has not done yet
			for at := range w.data[r.ID] {
				key, _ := r.ClusteringLayout().Decode([]byte(at))
				if types.DecodeInt64(key[0]) < before {
					delete(w.data[r.ID], at)
				}
			}
		}
		forget(s.levels[0], 3*day+1)
		forget(s.levels[1], 9*day+2*hour)
		r := Recompute{Rollup: s.rollup(2), Over: always, NowMillis: 20 * day, ClosedUntil: math.MaxInt64}
		s.levels[1].Retention = &schema.Retention{By: "ts", Millis: 20*day - (9*day + hour)}
		r.Rollup.Below[1].BuiltFrom = 3*day + 1
		segments := func(want string) {
			var got []string
			for _, part := range r.segments(always) {
				got = append(got, fmt.Sprintf("%s from %d", part.from.Name, max(part.over.Start/day, 0)))
			}
			if fmt.Sprint(got) != want {
				t.Errorf("segments %v, want %s", got, want)
			}
		}
		segments("[readings from 0 level_1 from 4 level_2 from 10 readings from 20]")
		s.levels[1].Rollup.GraceMillis = 5*day + 1 // so that it does not have the last days yet
		segments("[readings from 0 level_1 from 4 level_2 from 10 level_1 from 14 readings from 20]")
		for at := range w.data[s.levels[1].ID] {
			if key, _ := s.levels[1].ClusteringLayout().Decode([]byte(at)); types.DecodeInt64(key[0]) >= 15*day-hour {
				delete(w.data[s.levels[1].ID], at)
			}
		}
		w.settle(t, &r)
		w.check(t, s.base, s.levels[2])
	}
}

// What is past a rollup's own retention is neither computed nor touched, and the caller is told where that is.
func TestWindowsPastTheirOwnRetentionAreLeftAlone(t *testing.T) {
	s := plain(false)
	s.level(t, partition.Bucketing{SizeMillis: hour}, nil, counts...)
	w := s.world()
	for i := range int64(10) {
		rowAt(w, s, i*hour, 1, "")
	}
	r := Recompute{Rollup: s.rollup(0), Over: downsample.Window{Start: 0, End: 10 * hour}, ClosedUntil: math.MaxInt64}
	w.settle(t, &r)
	s.levels[0].Retention = &schema.Retention{By: "ts", Millis: 6*hour - 5}
	r.NowMillis = 10 * hour // from 4 hours and 6 ms on
	rowAt(w, s, 4*hour+7, 1, "")
	rowAt(w, s, 5*hour+7, 1, "")
	if got := r.Passed(); got != (downsample.Window{Start: 0, End: 5 * hour}) {
		t.Errorf("passed %v", got)
	}
	if n := w.settle(t, &r); n != 1 {
		t.Errorf("%d rows differ, want that of the fifth hour", n)
	}
}

// Windows that are not closed are told, not computed, and their stored rows stay.
func TestOpenWindowsAreTold(t *testing.T) {
	for _, desc := range []bool{false, true} {
		s := plain(desc)
		s.level(t, partition.Bucketing{SizeMillis: hour}, nil, counts...)
		w := s.world()
		for i := range int64(20) {
			rowAt(w, s, i*hour/2, 1, "")
		}
		all := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
		w.settle(t, &all)
		clear(w.data[s.base.ID])
		for _, at := range []int64{1, 7*hour + 1, 7*hour + 2, 9 * hour, 1 << 50} {
			rowAt(w, s, at, 1, "")
		}
		r := Recompute{View: w, Base: keyOf(1), Rollup: s.rollup(0), Over: always, ClosedUntil: 7 * hour}
		var open []int64
		if err := r.EachOpen(func(w downsample.Window) error { open = append(open, w.Start/hour); return nil }); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(open); !slices.Equal(open, []int64{7, 9, 1 << 50 / hour}) {
			t.Errorf("open windows %v", open)
		}
		if n := w.settle(t, &r); n != 7 {
			t.Errorf("%d rows differ, want six that are gone and one", n)
		}
		if got := len(w.lines(t, s.levels[0])); got != 1+3 {
			t.Errorf("%d rows are left", got)
		}
	}
}

// A window may have groupsMax groups; with one more nothing is written, and the error says what to do.
func TestGroupsOfAWindowAreLimited(t *testing.T) {
	s := plain(false)
	s.level(t, partition.Bucketing{SizeMillis: hour}, []string{"g"}, downsample.Aggregate{Function: "count", Target: "rows"})
	w := s.world()
	for i := range groupsMax {
		rowAt(w, s, int64(i), 1, fmt.Sprint(i))
	}
	r := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	if n := w.settle(t, &r); n != groupsMax {
		t.Fatalf("%d rows", n)
	}
	rowAt(w, s, groupsMax, 1, "more")
	err := r.Differences(func(*Difference) error { return errors.New("a row was written") })
	if err == nil || !strings.Contains(err.Error(), "the window from 1970-01-01T00:00:00Z has more than 65536 groups of [g]; group by columns of fewer values") {
		t.Errorf("%v", err)
	}
}

// Rows in which a column of the group is null, and rows with the empty time, are of no window; a group whose rows are gone is deleted.
func TestRowsOfNoGroup(t *testing.T) {
	s := plain(true)
	s.level(t, partition.Bucketing{SizeMillis: hour}, []string{"g"}, counts...)
	w := s.world()
	rowAt(w, s, 1, 1, "a")
	rowAt(w, s, 2, 1, "b")
	rowAt(w, s, 3, 1, "")
	w.put(s.base, [][]byte{types.AppendBigint(nil, 4)}, map[string][]byte{"n": types.AppendInt(nil, 1)})
	w.put(s.base, [][]byte{{}}, map[string][]byte{"n": types.AppendInt(nil, 1), "g": []byte("a")})
	r := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	w.settle(t, &r)
	if got := w.lines(t, s.levels[0]); !slices.Equal(got, []string{"1970-01-01T00:00  1", "1970-01-01T00:00 a 1", "1970-01-01T00:00 b 1"}) {
		t.Errorf("%q", got)
	}
	rowAt(w, s, 2, 1, "a")
	w.settle(t, &r)
	if got := w.lines(t, s.levels[0]); !slices.Equal(got, []string{"1970-01-01T00:00  1", "1970-01-01T00:00 a 2"}) {
		t.Errorf("%q", got)
	}
}

// A state that is none is an error which names the table and the window, and nothing is written of it.
func TestACorruptStateIsAnError(t *testing.T) {
	s := plain(false)
	for _, step := range []int64{hour, 24 * hour} {
		s.level(t, partition.Bucketing{SizeMillis: step}, nil, downsample.Aggregate{Function: "median", Source: "n", Target: "median_n"})
	}
	w := s.world()
	rowAt(w, s, 1, 1, "a")
	r := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	w.settle(t, &r)
	sketch := s.levels[0].State("sketch(n)")
	for _, row := range w.data[s.levels[0].ID] {
		for i := range row.Cells {
			if row.Cells[i].Column == sketch.ID {
				row.Cells[i].Value = []byte("not a sketch")
			}
		}
	}
	r = Recompute{View: w, Base: keyOf(1), Rollup: s.rollup(1), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	err := r.Differences(func(*Difference) error { return errors.New("a row was written") })
	if !errors.Is(err, downsample.ErrState) || !strings.Contains(err.Error(), "the window from 1970-01-01T00:00:00Z of ks.level_1: sketch: ") {
		t.Errorf("%v", err)
	}
}

// What a difference says of stored values, and of values that are null on one side.
func TestDifferencesNameTheirColumns(t *testing.T) {
	s := plain(false)
	s.level(t, partition.Bucketing{SizeMillis: hour}, nil, downsample.Aggregate{Function: "min", Source: "n", Target: "min_n"}, downsample.Aggregate{Function: "count", Target: "rows"})
	w := s.world()
	rowAt(w, s, 1, 7, "")
	r := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	w.settle(t, &r)
	w.put(s.base, [][]byte{types.AppendBigint(nil, 1)}, nil)
	var got []ColumnDifference
	if err := r.Differences(func(d *Difference) error { got = append(got, d.Columns...); return nil }); err != nil {
		t.Fatal(err)
	}
	column := s.levels[0].Column("min_n").ID
	if len(got) != 1 || got[0].Column != column || got[0].Fresh != nil || types.DecodeInt64(got[0].Stored) != 7 {
		t.Errorf("%+v", got)
	}
}

// A recomputation that was given up, in the middle of a window or by an error, leaves nothing to the next one but memory.
func TestAnAbandonedRecomputationLeavesNothing(t *testing.T) {
	s := plain(false)
	s.level(t, partition.Bucketing{SizeMillis: hour}, []string{"g"}, counts...)
	w := s.world()
	for i := range int64(60) {
		rowAt(w, s, i*hour/6, int32(i), fmt.Sprint(i%5))
	}
	r := Recompute{View: w, Base: keyOf(1), Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
	enough := errors.New("enough")
	for after := range 12 {
		n := 0
		err := r.Differences(func(*Difference) error {
			if n++; n > after {
				return enough
			}
			return nil
		})
		if err != enough || n != after+1 {
			t.Fatalf("%v after %d differences", err, n)
		}
	}
	w.settle(t, &r)
	w.check(t, s.base, s.levels[0])
}

// What the percentiles of a window take is limited: with some number of bytes it is computed, with one less it is not.
func TestBytesOfAWindowAreLimited(t *testing.T) {
	s := plain(false)
	s.level(t, partition.Bucketing{SizeMillis: hour}, []string{"g"}, downsample.Aggregate{Function: "median", Source: "n", Target: "median_n"})
	w := s.world()
	for i := range int64(9000) { // of other sizes in each hour
		rowAt(w, s, i%3*hour+i, int32(1+i)<<(i%3*10), fmt.Sprint(i%2))
	}
	attempt := func(bytesMax int) error {
		r := Recompute{View: w, Base: keyOf(1), Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64, Reuse: &Reuse{}}
		out, err := r.output()
		if err != nil {
			t.Fatal(err)
		}
		windows, err := r.windowsOf(segment{s.base, always}, out)
		if err != nil {
			t.Fatal(err)
		}
		windows.bytesMax = bytesMax
		return r.Differences(func(*Difference) error { return nil })
	}
	least := sort.Search(1<<20, func(n int) bool { return attempt(n) == nil })
	if least < 2*32<<10 || least > 2*64<<10 {
		t.Errorf("two groups at a time take %d bytes", least)
	}
	if err := attempt(least - 1); err == nil || !strings.Contains(err.Error(), "the 2 groups of the window from 1970-01-01T0") {
		t.Errorf("%v", err)
	}
}

// The memory of a group is used for the next window, unless it has become large: buckets of values that do not come again would count for ever.
func TestLargeGroupsAreNotKept(t *testing.T) {
	for step, kept := range map[int]int{0: 1, 1: 0} {
		s := newShape(&schema.Column{Name: "ts", Type: types.Timestamp}, 0, nil, []*schema.Column{{Name: "d", Type: types.Double}})
		s.level(t, partition.Bucketing{SizeMillis: hour}, nil, downsample.Aggregate{Function: "median", Source: "d", Target: "median_d"})
		w := s.world()
		for i := range 1500 {
			w.put(s.base, [][]byte{types.AppendBigint(nil, int64(i))}, map[string][]byte{"d": types.AppendDouble(nil, math.Ldexp(1, i*step-700))})
		}
		r := Recompute{Rollup: s.rollup(0), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64}
		w.settle(t, &r)
		if got := len(r.Reuse.windows[0].spare); got != kept {
			t.Errorf("%d groups are kept, want %d", got, kept)
		}
		w.check(t, s.base, s.levels[0])
	}
}
