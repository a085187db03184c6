package database

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/partition"
)

const (
	rollupPrograms     = 40
	rollupProgramsSoak = 5000
	rollupProgramSteps = 80
)

// refusedText begins what is wrong when a statement is refused. Without the steps before it many would be, so that is no
// shorter history of another fault.
const refusedText = "refused: "

// rollupTally counts what random histories did and compared.
type rollupTally struct{ programs, steps, writes, changes, restarts, windows, sealed, final, answers, checks int }

func (a *rollupTally) add(b rollupTally) {
	a.programs += b.programs
	a.steps += b.steps
	a.writes += b.writes
	a.changes += b.changes
	a.restarts += b.restarts
	a.windows += b.windows
	a.sealed += b.sealed
	a.final += b.final
	a.answers += b.answers
	a.checks += b.checks
}

// rollupRun is a history under way.
type rollupRun struct {
	*world
	levels []level
	keep   time.Duration // of the rows of t; 0: for ever
	floor  int64         // rows before it had ended before the retention changed
	rows   *model.Table
	// unclearBefore: what SELECT answers of rows before it may be of sealed windows, or of rows that were written behind their sealing.
	unclearBefore int64
	tally         rollupTally

	free    bool          // the scheduler works whenever it likes
	release chan struct{} // lets the scheduler go on
	resumed chan struct{}
}

// TestRollupModel: after any history every level of rollups is the aggregate of the rows, computed the slow way, and so is
// every SELECT that groups them (R40, R41).
func TestRollupModel(t *testing.T) {
	programs := rollupPrograms
	if os.Getenv("ESKER_SOAK") != "" {
		programs = rollupProgramsSoak
	}
	first := firstRollupSeed(t)
	var total rollupTally
	for seed := first; seed < first+uint64(programs); seed++ {
		s := newShape(rand.New(rand.NewPCG(seed, 5)))
		probe, err := newRollupRun(t, s)
		if err != nil {
			t.Fatalf("ESKER_SEED=%d: %v", seed, err)
		}
		program := newWriter(rand.New(rand.NewPCG(seed, 6)), probe.db.Schema().Table("ks", "t"), s).program(rollupProgramSteps)
		probe.end()
		what, tally := playRollups(t, s, program)
		total.add(tally)
		if what == "" {
			continue
		}
		t.Logf("at first: %s", what)
		shortest := model.Shrink(program, func(p []programStep) bool {
			shorter, _ := playRollups(t, s, p)
			return shorter != "" && strings.Contains(shorter, refusedText) == strings.Contains(what, refusedText)
		})
		if again, _ := playRollups(t, s, shortest); again != "" {
			what = again // else it depends on when the scheduler worked
		}
		text := strings.Join(s.create, ";\n") + ";\n"
		for i := range shortest {
			text += shortest[i].String() + "\n"
		}
		t.Fatalf("ESKER_SEED=%d: %s\n\n%s", seed, what, text)
	}
	fmt.Fprintf(t.Output(), "sample %d/%d histories of rollups\n", programs, rollupProgramsSoak)
	t.Logf("%d steps, %d writes, %d changes of the schema, %d restarts; %d windows, %d of them sealed and %d said to be final, and %d groups of answers compared, %d times checked: no difference",
		total.steps, total.writes, total.changes, total.restarts, total.windows, total.sealed, total.final, total.answers, total.checks)
}

// firstRollupSeed is where random histories begin: ESKER_SEED, or a new seed.
func firstRollupSeed(t *testing.T) uint64 {
	text := os.Getenv("ESKER_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func newRollupRun(t testing.TB, s *shape) (*rollupRun, error) {
	r := &rollupRun{
		world:  &world{t: t, fs: vfs.NewMem(), clock: clock.NewManual(programStart), quiet: true},
		levels: slices.Clone(s.levels), keep: s.keep, free: s.free,
	}
	if len(s.levels)%2 == 0 {
		r.rollupLimits = crashLimits // memory for a few marks
	}
	r.open()
	for _, text := range append([]string{createKeyspace}, s.create...) {
		if _, err := r.try(text); err != nil {
			r.end()
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	r.rows = model.New(r.db.Schema().Table("ks", "t"))
	r.hold()
	return r, nil
}

// hold keeps the scheduler from rounds of its own until letGo: histories say when one happens.
func (r *rollupRun) hold() {
	defer r.freeze() // what was sealed meanwhile
	if r.free {
		return
	}
	r.release, r.resumed = make(chan struct{}), make(chan struct{})
	held, release, resumed, db := make(chan struct{}), r.release, r.resumed, r.db
	go func() {
		defer close(resumed)
		_ = db.rollups.Exclude(func() error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
}

func (r *rollupRun) letGo() {
	if r.release != nil {
		close(r.release)
		<-r.resumed
		r.release = nil
	}
}

func (r *rollupRun) end() {
	r.letGo()
	must(r.world, r.db.Close())
}

// playRollups runs a history and says what is wrong; "" if nothing is.
func playRollups(t testing.TB, s *shape, program []programStep) (string, rollupTally) {
	r, err := newRollupRun(t, s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.end()
	r.tally.programs = 1
	for i := range program {
		r.tally.steps++
		if what := r.step(&program[i]); what != "" {
			return fmt.Sprintf("step %d, %s\n%s", i, &program[i], what), r.tally
		}
	}
	for range 2 { // the second time with every window over
		if what := r.settled(); what != "" {
			return "at the end: " + what, r.tally
		}
		r.clock.Advance(70 * 24 * time.Hour)
	}
	return "", r.tally
}

func (r *rollupRun) step(s *programStep) string {
	switch {
	case s.advance > 0:
		r.clock.Advance(s.advance)
		return ""
	case s.text == "":
		return r.happen(s)
	case s.clears || s.change != nil:
		r.letGo() // what changes the schema may wait for the scheduler
		defer r.hold()
	}
	empty, err := r.emptied()
	if err != nil {
		return err.Error()
	}
	answer, err := r.try(s.text)
	if err != nil && s.keep != nil && strings.Contains(err.Error(), "lateness.max") {
		return "" // rows must be kept as long as some rollup waits for them
	}
	if err != nil {
		return refusedText + err.Error()
	}
	if s.keep != nil {
		r.tally.changes++
		r.floor, r.keep = r.shownFrom(), *s.keep
		if empty {
			r.floor = 0 // nothing had ended
		}
	}
	if s.clears {
		r.rows.Clear()
		for i := range r.levels {
			clear(r.levels[i].sealed)
		}
		r.floor = 0 // nothing is left that had ended
	}
	if s.change != nil {
		r.tally.changes++
		s.change(r)
	}
	r.tally.writes += len(s.ops)
	for _, op := range s.ops {
		if r.tooLate(&op) {
			continue
		}
		op.Now = r.clock.Now().Unix()
		if err := r.rows.Apply(op); err != nil {
			return err.Error()
		}
		for i := range r.levels {
			if op.Clustering == nil || types.DecodeInt64(op.Clustering[0]) < r.levels[i].sealedUntil {
				r.unclearBefore = max(r.unclearBefore, r.levels[i].sealedUntil)
				if op.Clustering != nil && types.DecodeInt64(op.Clustering[0]) >= r.shownFrom() && !slices.ContainsFunc(answer.Warnings, func(w string) bool { return strings.Contains(w, r.levels[i].name) }) {
					return fmt.Sprintf("%s is sealed until %d, and no warning says so: %q", r.levels[i].name, r.levels[i].sealedUntil, answer.Warnings)
				}
				r.leaveAbove(&r.levels[i])
			}
		}
	}
	return ""
}

// emptied reports whether the table has no partition left, in memory or on the disk.
func (r *rollupRun) emptied() (bool, error) {
	view := r.db.store.Newest()
	defer view.Close()
	return tableEmpty(view, r.db.Schema().Table("ks", "t").ID)
}

// leaveAbove notes that a write which came too late for a level does not reach those above it, although they may not be sealed: a
// rollup can be declared on one whose windows are sealed.
func (r *rollupRun) leaveAbove(sealed *level) {
	s := r.db.Schema()
	for i := range r.levels {
		l := &r.levels[i]
		for below := s.Table("ks", l.name); below != nil && below.Rollup != nil; below = s.Table("ks", below.Rollup.Source) {
			if below.Name == sealed.name && l != sealed {
				l.unfollowedBefore = max(l.unfollowedBefore, sealed.sealedUntil)
			}
		}
	}
}

// tooLate reports whether a row has ended when it is written: it never shows, and no window counts it (R41).
func (r *rollupRun) tooLate(op *model.Op) bool {
	writes := op.Insert || slices.ContainsFunc(op.Cells, func(c model.Cell) bool { return c.Value != nil })
	return writes && op.Clustering != nil && types.DecodeInt64(op.Clustering[0]) < r.shownFrom()
}

// shownFrom is the time from which on rows show, in milliseconds: by the retention, and by those before it when they ended (R37).
func (r *rollupRun) shownFrom() int64 {
	if r.keep == 0 {
		return r.floor
	}
	return max(r.floor, r.clock.Now().Add(-r.keep+time.Millisecond).UnixMilli())
}

// begin knows of a rollup that was just made. What is sealed in the one that it is computed from by then, it takes as it is.
func (r *rollupRun) begin(l *level) {
	source := r.level(l.source)
	if source == nil {
		return
	}
	l.wholeFrom = max(l.wholeFrom, l.windowFrom(max(source.sealedUntil, source.wholeFrom)))
	l.takenFrom = max(l.takenFrom, l.windowFrom(max(source.sealedUntil, source.takenFrom)))
	r.unclearBefore = max(r.unclearBefore, l.wholeFrom)
}

// windowFrom is where the first window begins that lies behind a time; one before all rows stays.
func (l *level) windowFrom(from int64) int64 {
	if from <= 0 {
		return from
	}
	if start, end := l.of.Step.Around(time.UnixMilli(from)); start.UnixMilli() != from {
		return end.UnixMilli()
	}
	return from
}

// built knows that a rollup has been filled. Windows of nothing but rows that had ended before were not made.
func (r *rollupRun) built(l *level) {
	from := r.shownFrom()
	if !l.building || from <= 0 {
		l.building = false
		return
	}
	l.building = false
	_, end := l.of.Step.Around(time.UnixMilli(from))
	l.wholeFrom = max(l.wholeFrom, end.UnixMilli())
	r.unclearBefore = max(r.unclearBefore, l.wholeFrom)
	for i := range r.levels {
		if r.levels[i].source == l.name {
			r.begin(&r.levels[i])
		}
	}
}

// fills reports whether a rollup is being filled, so that it depends on when that happens which windows it has.
func (r *rollupRun) fills() bool {
	return slices.ContainsFunc(r.levels, func(l level) bool { return l.building })
}

// freeze keeps what the windows are that have been sealed: nothing changes them any more.
func (r *rollupRun) freeze() {
	view := r.db.store.View()
	defer view.Close()
	for i := range r.levels {
		l := &r.levels[i]
		state, err := rollupState(view, r.db.Schema().Table("ks", l.name))
		must(r.world, err)
		if l.sealed == nil {
			l.sealed, l.sealedUntil, l.unfollowedBefore = map[string]*model.Window{}, math.MinInt64, math.MinInt64
			r.begin(l)
		}
		if state.SealedUntil == l.sealedUntil {
			continue
		}
		windows, err := r.rows.Windows(&l.of, model.Of{Expired: true})
		must(r.world, err)
		for name, w := range windows {
			if end := w.End.UnixMilli(); end <= state.SealedUntil && end > l.sealedUntil {
				l.sealed[name] = w
			}
		}
		l.sealedUntil = state.SealedUntil
	}
}

// happen does what is no statement.
func (r *rollupRun) happen(s *programStep) string {
	switch s.weather {
	case "flush":
		must(r.world, r.store.FlushAll())
	case "compact":
		for _, t := range r.store.Tables() {
			must(r.world, r.store.Compact(t.ID))
		}
	case "reopen", "crash":
		r.tally.restarts++
		r.letGo()
		if s.weather == "reopen" {
			r.reopen()
		} else {
			r.crash(rand.New(rand.NewPCG(s.seed, 1)))
		}
		r.hold()
	case "settle":
		return r.settled()
	case "final":
		if r.free || r.fills() {
			return "" // what is read may be newer than what was said
		}
		return r.finalDiffers()
	case "select":
		if r.fills() && r.shownFrom() > 0 {
			return ""
		}
		return r.selected(rand.New(rand.NewPCG(s.seed, 2)))
	}
	return ""
}

// settled lets the scheduler do all that is due, and compares every level.
func (r *rollupRun) settled() string {
	r.letGo()
	var err error
	// It gives way to statements for as long as its last step took, and the clock leaps.
	r.db.backfill.Close()
	r.db.backfill = jobs.StartBackfill(r.db.rollups, backfillStore{r.db}, r.clock, 0)
	for i := range r.levels {
		if l := &r.levels[i]; !r.waits(l) {
			err = errors.Join(err, r.db.backfill.Await(r.db.Schema().Table("ks", l.name), math.MinInt64))
			r.built(l)
		}
	}
	for range levelsMax {
		err = errors.Join(err, r.db.rollups.Settle())
	}
	r.hold()
	if err != nil {
		return err.Error()
	}
	for i := range r.levels {
		l := &r.levels[i]
		if r.waits(l) {
			continue
		}
		what, err := r.levelDiffers(l)
		if err == nil && what == "" {
			what, err = r.checked(l)
		}
		if err != nil {
			return err.Error()
		}
		if what != "" {
			return l.name + ": " + what
		}
	}
	return ""
}

// level finds a rollup by its name; nil: there is none.
func (r *rollupRun) level(name string) *level {
	if i := slices.IndexFunc(r.levels, func(l level) bool { return l.name == name }); i >= 0 {
		return &r.levels[i]
	}
	return nil
}

// waits reports whether a rollup, or one that it is computed from, is paused.
func (r *rollupRun) waits(l *level) bool {
	for ; l != nil; l = r.level(l.source) {
		if l.paused {
			return true
		}
	}
	return false
}

// checked runs CHECK, which finds nothing.
func (r *rollupRun) checked(l *level) (string, error) {
	found, err := r.cells("CHECK ROLLUP " + l.name)
	if err != nil && strings.Contains(err.Error(), "CheckRollup is unknown") {
		return "", nil
	}
	r.tally.checks++
	if err != nil || len(found) == 0 {
		return "", err
	}
	return fmt.Sprintf("CHECK finds %q", found), nil
}

// levelDiffers compares the rows of a rollup with what the model makes of the rows of the table: of all windows that are closed.
func (r *rollupRun) levelDiffers(l *level) (string, error) {
	return r.windowsDiffer(l, l.wholeFrom, func(w *model.Window) (bool, error) { return !r.clock.Now().Before(w.End.Add(l.grace)), nil })
}

// finalDiffers compares those windows alone that are said to be final, at any moment: nothing that a SELECT takes from a rollup
// may be stale (law 7).
func (r *rollupRun) finalDiffers() string {
	view := r.db.store.View()
	defer view.Close()
	for i := range r.levels {
		l := &r.levels[i]
		table := r.db.Schema().Table("ks", l.name)
		parts := map[string][]downsample.Window{}
		before := r.tally.windows
		what, err := r.windowsDiffer(l, l.takenFrom, func(w *model.Window) (bool, error) {
			name := string(w.Key[0])
			if parts[name] == nil {
				over := downsample.Window{Start: math.MinInt64, End: math.MaxInt64}
				final, err := r.db.finalParts(view, table, partition.Decorate(w.Key[0]), over, r.clock.Now().UnixMilli())
				if err != nil {
					return false, err
				}
				parts[name] = append(final, downsample.Window{})
			}
			start, end := w.Start.UnixMilli(), w.End.UnixMilli()
			return slices.ContainsFunc(parts[name], func(p downsample.Window) bool { return p.Start <= start && end <= p.End }), nil
		})
		r.tally.final += r.tally.windows - before
		if err != nil {
			return err.Error()
		}
		if what != "" {
			return l.name + ", said to be final: " + what
		}
	}
	return ""
}

// windowsDiffer compares those windows of a rollup from a time on that have come so far.
func (r *rollupRun) windowsDiffer(l *level, from int64, ready func(*model.Window) (bool, error)) (string, error) {
	windows, err := r.rows.Windows(&l.of, model.Of{Expired: true})
	if err != nil {
		return "", err
	}
	maps.DeleteFunc(windows, func(_ string, w *model.Window) bool { return w.End.UnixMilli() <= l.sealedUntil })
	maps.Copy(windows, l.sealed)
	rows, err := r.rowsOf(l)
	if err != nil {
		return "", err
	}
	for name, row := range rows {
		at := time.UnixMilli(types.DecodeInt64(row["ts"]))
		if windows[name] != nil || at.UnixMilli() < max(from, l.unfollowedBefore) {
			continue
		}
		start, end := l.of.Step.Around(at)
		vanished := &model.Window{Key: [][]byte{row["k"]}, Start: start, End: end}
		if due, err := ready(vanished); err != nil || due {
			return "a row of no window: " + name, err
		}
	}
	for name, w := range windows {
		due, err := ready(w)
		if err != nil {
			return "", err
		}
		if !due || l.ended(w.Start, r.clock.Now()) || w.Start.UnixMilli() < max(from, l.unfollowedBefore) {
			continue
		}
		if r.tally.windows++; w.End.UnixMilli() <= l.sealedUntil {
			r.tally.sealed++
		}
		if rows[name] == nil {
			return "no row: " + name, nil
		}
		if what := r.rows.Differs(&l.of, w, rows[name]); what != "" {
			return name + ": " + what, nil
		}
	}
	return "", nil
}

// ended reports whether the row of a window is past the retention of the rollup.
func (l *level) ended(start, now time.Time) bool { return l.keep > 0 && !now.Before(start.Add(l.keep)) }

// rowsOf are the rows of a rollup by model.WindowKey.
func (r *rollupRun) rowsOf(l *level) (map[string]map[string][]byte, error) {
	got, err := r.cells("SELECT * FROM " + l.name)
	if err != nil {
		return nil, err
	}
	rows := map[string]map[string][]byte{}
	for _, row := range got {
		var group [][]byte
		for _, c := range l.of.Group {
			group = append(group, row[c])
		}
		start := time.UnixMilli(types.DecodeInt64(row["ts"]))
		name := model.WindowKey([][]byte{row["k"]}, start, group)
		if rows[name] != nil {
			return nil, fmt.Errorf("twice: %s", name)
		}
		if l.ended(start, r.clock.Now()) {
			return nil, fmt.Errorf("past its retention: %s", name)
		}
		rows[name] = row
	}
	return rows, nil
}

// cells are the rows of an answer by column; null is nil.
func (w *world) cells(text string) ([]map[string][]byte, error) { return w.cellsByPages(text, 0) }

// cellsByPages reads an answer by pages of a size; 0: whole.
func (w *world) cellsByPages(text string, size int) (out []map[string][]byte, err error) {
	st, err := w.db.Prepare("ks", text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	var state []byte
	for {
		r, err := w.db.Execute(st, Request{PageSize: size, PagingState: state})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		rest := r.Rows.Rows
		for range r.Rows.RowCount {
			row := map[string][]byte{}
			for _, c := range r.Rows.Columns {
				length := int32(binary.BigEndian.Uint32(rest))
				if rest = rest[4:]; length >= 0 {
					row[c.Name], rest = rest[:length:length], rest[length:]
				}
			}
			out = append(out, row)
		}
		if state = r.PagingState; state == nil {
			return out, nil
		}
	}
}
