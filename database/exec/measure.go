package exec

import (
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/planner"
)

// Times says where the time of a page went.
type Times struct {
	Read      time.Duration // finding partitions, reading and decoding
	Filter    time.Duration // hiding what has expired, and conditions
	Aggregate time.Duration
	Sort      time.Duration
	Answer    time.Duration // making rows of the answer that are not aggregated
}

// stopwatch measures the time between laps, a few for each batch; without a clock it does nothing.
type stopwatch struct {
	clock clock.Clock
	last  time.Time
}

func newStopwatch(c clock.Clock) stopwatch {
	w := stopwatch{clock: c}
	if c != nil {
		w.last = c.Now()
	}
	return w
}

// lap adds the time since the last lap.
func (w *stopwatch) lap(to *time.Duration) {
	if w.clock == nil {
		return
	}
	now := w.clock.Now()
	*to += now.Sub(w.last)
	w.last = now
}

// lapRows is lap behind the rows of a batch.
func (r *run) lapRows() {
	if r.groups != nil {
		r.watch.lap(&r.result.Stats.Times.Aggregate)
	} else {
		r.watch.lap(&r.result.Stats.Times.Answer)
	}
}

// Shortcuts tells what statistics of row groups may do for a plan: exclude row groups by its filters, and be the
// answer instead of rows.
func Shortcuts(plan *planner.Read) (excludes, summaries bool, err error) {
	r, err := newRun(nil, plan, Options{})
	if err != nil {
		return false, false, err
	}
	return len(r.request.Where) > 0, r.request.Summaries, nil
}
