package bench

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/partition"
)

// small are options of a run that takes a moment.
func small(t *testing.T) Options {
	return Options{Dir: t.TempDir(), Shapes: Shapes, Devices: 20, Ticks: 500, Reads: 20, Clock: clock.System{}}
}

// A small run of each shape loads, compacts and reads back right, whatever the write timestamps.
func TestRunReadsBackWhatItLoaded(t *testing.T) {
	for _, rowTimestamps := range []bool{false, true} {
		o := small(t)
		o.RowTimestamps = rowTimestamps
		report, err := Run(o)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Sections) != len(Shapes) {
			t.Fatalf("%d sections", len(report.Sections))
		}
		for _, s := range report.Sections {
			if n := valueOf(t, &s, "rows read back and compared"); n != 20*500 {
				t.Errorf("%s: %v rows were compared, want all", s.Name, n)
			}
			for _, name := range []string{NameIngest, NameDisk, nameRecovery, nameLogBytes, NameHour, NameRollup} {
				if valueOf(t, &s, name) <= 0 {
					t.Errorf("%s: no %s", s.Name, name)
				}
			}
		}
	}
	if _, err := Run(Options{Shapes: []Shape{"square"}, Clock: clock.System{}}); err == nil {
		t.Error("an unknown shape was accepted")
	}
}

// Query tables have every row after a small run, in whatever way it wrote, and a read of many buckets finds the newest row.
func TestRunTablesLoadsEveryCopy(t *testing.T) {
	o := small(t)
	o.Ticks, o.BucketsMax, o.Days = 100, 100, 20
	report, err := RunTables(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"3 query tables, rows overwritten", "ORDER BY ts DESC LIMIT 1, 100 buckets, p50", "24 h, two columns, p50"} {
		if valueOf(t, &report.Sections[i], name) <= 0 {
			t.Errorf("no %s", name)
		}
	}
}

// Levels hold every reading after a small run, with the ones before and behind a backfill.
func TestRunRollupsChecksEveryLevel(t *testing.T) {
	o := small(t)
	o.Ticks, o.Rounds = 400, 1
	report, err := RunRollups(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"3 levels", "24 h → 24 from the rollup, p50"} {
		if valueOf(t, &report.Sections[i], name) <= 0 {
			t.Errorf("no %s", name)
		}
	}
}

// A simulation of a few days ends with all levels in one answer, and a chart with a line for its first day.
func TestRunRollingAsksAllLevels(t *testing.T) {
	o := small(t)
	o.Devices, o.Days = 2, 3
	report, err := RunRolling(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &report.Sections[0]
	at := slices.IndexFunc(s.Measurements, func(m Measurement) bool { return strings.HasPrefix(m.Name, "3 days of one device") })
	if at < 0 {
		t.Fatalf("no SELECT over all days: %+v", s.Measurements)
	}
	for _, level := range rollingLevels[1:] {
		if !strings.Contains(s.Measurements[at].Detail, level+" served") {
			t.Errorf("%s served nothing: %s", level, s.Measurements[at].Detail)
		}
	}
	if !strings.Contains(s.Chart, "\n    1 ") {
		t.Errorf("the chart is %q", s.Chart)
	}
}

func valueOf(t *testing.T, s *Section, name string) float64 {
	t.Helper()
	i := slices.IndexFunc(s.Measurements, func(m Measurement) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("%s: %q was not measured", s.Name, name)
	}
	return s.Measurements[i].Value
}

// A wrong value, a missing one and a wrong time are found by the comparison.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	for name, spoil := range map[string]func(w *Workload){
		"seed":  func(w *Workload) { w.Seed++ },
		"start": func(w *Workload) { w.Start += 1 },
	} {
		o := small(t).withDefaults()
		work, err := New(o.Seed, Wide, o.Devices, o.Ticks)
		if err != nil {
			t.Fatal(err)
		}
		r := newRun(&o, work, o.Dir)
		if r.store, err = r.open(o.Dir+"/data", lsm.Tuning{}); err != nil {
			t.Fatal(err)
		}
		if err := r.load(); err != nil {
			t.Fatal(err)
		}
		if err := r.verify(); err != nil {
			t.Errorf("%s, nothing spoilt: %v", name, err)
		}
		if spoil(work); r.verify() == nil {
			t.Errorf("%s: not found", name)
		}
		if err := r.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Device and tick alone decide a reading: other devices, and whether the walk began anew, do not.
func TestReadingsDependOnNothingElse(t *testing.T) {
	for _, shape := range Shapes {
		all, err := New(7, shape, 5, 300)
		if err != nil {
			t.Fatal(err)
		}
		again, err := New(7, shape, 5, 300)
		if err != nil {
			t.Fatal(err)
		}
		var history [5][]Reading
		for tick := range 300 {
			for d := range 5 {
				var r Reading
				all.Next(d, tick, &r)
				history[d] = append(history[d], r)
			}
		}
		for range 2 {
			for tick, want := range history[3] {
				var got Reading
				if again.Next(3, tick, &got); got != want {
					t.Fatalf("%s: tick %d: %+v, want %+v", shape, tick, got, want)
				}
				if got.Millis != again.Millis(3, tick) {
					t.Fatalf("%s: tick %d: Millis differs", shape, tick)
				}
			}
			again.Rewind(3)
		}
	}
}

// The readings are what decision 012 says of them.
func TestReadingsWalk(t *testing.T) {
	w, err := New(1, Jitter, 1, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	var before Reading
	w.Next(0, 0, &before)
	other := 0
	for tick := 1; tick < w.Ticks; tick++ {
		var r Reading
		w.Next(0, tick, &r)
		for i, most := range []float64{0.2, 0.1} {
			if step := math.Abs(r.Double(i) - before.Double(i)); step > most+1e-9 {
				t.Fatalf("tick %d: column %d went by %v", tick, i, step)
			}
			if tenths := r.Double(i) * 10; math.Abs(tenths-math.Round(tenths)) > 1e-9 {
				t.Fatalf("tick %d: %v has more than one decimal", tick, r.Double(i))
			}
		}
		if off := r.Millis - (w.Start + int64(tick)*StepMillis); off < -500 || off > 500 {
			t.Fatalf("tick %d is off by %d ms", tick, off)
		}
		if r.Text(3) != "ok" {
			other++
		}
		before = r
	}
	if share := float64(other) / float64(w.Ticks); share < 0.02 || share > 0.04 {
		t.Errorf("%.3f of the readings are not ok, want 0.03", share)
	}
	sparse, err := New(1, Sparse, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for tick := range 1000 {
		var r Reading
		sparse.Next(0, tick, &r)
		n := 0
		for i := range ColumnsMax {
			if r.Has(i) {
				n++
			}
		}
		if n != 2 {
			t.Fatalf("tick %d has %d values", tick, n)
		}
	}
}

// Making readings for an atomic write allocates nothing.
func TestGroupsAreUsedAgain(t *testing.T) {
	for _, shape := range Shapes {
		w, err := New(1, shape, 10, 100)
		if err != nil {
			t.Fatal(err)
		}
		g, tick := newGroup(w, decorate(w), 10), 0
		if n := testing.AllocsPerRun(50, func() {
			for d := range 10 {
				g.add(d, tick, 1)
			}
			tick++
			g.reset()
		}); n > 0 {
			t.Errorf("%s: %v allocations a group", shape, n)
		}
	}
}

// The parts of the ring cover it once.
func TestRingParts(t *testing.T) {
	for of := 1; of < 5; of++ {
		for _, token := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64/2 + 1, math.MaxInt64} {
			in := 0
			for part := range of {
				if r := ringPart(part, of); r.Contains(partition.Token(token)) {
					in++
				}
			}
			if in != 1 {
				t.Errorf("token %d is in %d of %d parts", token, in, of)
			}
		}
	}
}

func TestReportForms(t *testing.T) {
	r := &Report{Machine: ThisMachine("v1"), Seed: 3, Started: "2026-01-01T00:00:00Z", Sections: []Section{
		{Name: "s", Shape: Regular, Devices: 2, Readings: 3, Measurements: []Measurement{{Name: NameIngest, Value: 1234567.8, Unit: "rows/s", Goal: 1_500_000}}},
	}}
	for format, want := range map[string]string{
		"table": "1,234,568  rows/s  ≥ 1,500,000", "markdown": "| ingest | 1,234,568 | rows/s | ≥ 1,500,000 |  |", "json": `"value": 1234567.8`,
	} {
		var out bytes.Buffer
		if err := r.Write(&out, format); err != nil || !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("%s: %v\n%s", format, err, out.Bytes())
		}
		if format == "json" {
			back, err := Read(&out)
			if err != nil || back.Sections[0].Measurements[0] != r.Sections[0].Measurements[0] || back.Machine != r.Machine {
				t.Errorf("read back: %v, %+v", err, back)
			}
		}
	}
	if err := r.Write(&bytes.Buffer{}, "xml"); err == nil {
		t.Error("a form nobody knows was written")
	}
}

// Ratios are of what both reports have; a tenth is noise, and more is better only of what comes in a second.
func TestCompare(t *testing.T) {
	report := func(name string, devices int, values ...float64) *Report {
		s := Section{Name: name, Shape: Regular, Devices: devices, Readings: 1}
		for i, v := range values {
			s.Note([]string{NameIngest, NameDisk, "refused", NameHour}[i], v, []string{"rows/s", "bytes/row", "writes", "µs"}[i], "")
		}
		return &Report{Sections: []Section{s}}
	}
	verdicts := func(before, after *Report) (all []string) {
		for _, c := range Compare(before, after) {
			all = append(all, c.Verdict)
		}
		return all
	}
	before := report("a", 5, 1000, 1, 0, 50)
	for _, c := range []struct {
		after *Report
		want  []string
	}{
		{report("a", 5, 1000, 1, 0, 50), []string{"", "", "", ""}},
		{report("a", 5, 1089, 1.09, 0, 46), []string{"", "", "", ""}},
		{report("a", 5, 1111, 1.11, 9, 44), []string{"better", "worse", "", "better"}},
		{report("a", 5, 889, 0.89, 9, 56), []string{"worse", "better", "", "worse"}},
		{report("a", 5, 2000), []string{"better"}},
		{report("a", 6, 2000), nil},
		{report("b", 5, 2000), nil},
	} {
		if got := verdicts(before, c.after); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.after.Sections[0], got, c.want)
		}
	}
	var out bytes.Buffer
	if err := WriteChanges(&out, Compare(before, report("a", 5, 2000))); err != nil || !bytes.Contains(out.Bytes(), []byte("2.00   better")) {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
}

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("a\n<!-- begin run -->\nold\n<!-- end run -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again and again
		if err := Replace(file, "run", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "a\n<!-- begin run -->\n\nnew\n\n<!-- end run -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
	if err := Replace(file, "peers", "new"); err == nil {
		t.Error("a place that is not there was replaced")
	}
}

// hurrying is a clock that moves with every look: what lasts until a time has passed is over at once.
type hurrying struct{ *clock.Manual }

// Now is a second later each time.
func (h hurrying) Now() time.Time {
	h.Advance(time.Second)
	return h.Manual.Now()
}

// Encodings give back what they got, and everything is measured.
func TestRunStore(t *testing.T) {
	report, err := RunStore(Options{Dir: t.TempDir(), Clock: hurrying{clock.NewManual(time.Unix(1, 0))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"decode, temperature, final", "status, light", "memtable, insert a row", "merge, two sources with the same rows", "log, sync p99"} {
		if valueOf(t, &report.Sections[0], name) <= 0 {
			t.Errorf("no %s", name)
		}
	}
}
