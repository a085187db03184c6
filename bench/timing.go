package bench

import (
	"slices"
	"time"

	"github.com/eskerdb/esker/internal/clock"
)

// times are how long something took, again and again.
type Times []time.Duration

// measure calls f n times.
func Measure(c clock.Clock, n int, f func(i int) error) (Times, error) {
	took := make(Times, n)
	for i := range n {
		started := c.Now()
		if err := f(i); err != nil {
			return nil, err
		}
		took[i] = c.Now().Sub(started)
	}
	return took, nil
}

// percentile is the time that p of a hundred do not exceed. It sorts.
func (t Times) Percentile(p int) time.Duration {
	if len(t) == 0 {
		return 0
	}
	slices.Sort(t)
	return t[min(len(t)*p/100, len(t)-1)]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// note puts the median under name, which ends in "p50", and behind it the 99th percentile.
func (s *Section) Latency(name string, t Times, detail string) {
	s.Note(name, micros(t.Percentile(50)), "µs", detail)
	s.Note(name[:len(name)-len("50")]+"99", micros(t.Percentile(99)), "µs", "")
}
