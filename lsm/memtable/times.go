package memtable

import (
	"math"

	"github.com/eskerdb/esker/mutation"
)

// timeRange is the range of the event times of rows, in milliseconds since 1970, both included. Low is above high while
// there are none.
type timeRange struct {
	low, high int64
	unknown   bool // some row has no time
}

var noTimes = timeRange{low: math.MaxInt64, high: math.MinInt64}

// note adds the times of the rows of a mutation of t.
func (r *timeRange) note(t *mutation.Table, mu *mutation.Mutation) {
	if len(t.Clustering) == 0 {
		r.unknown = r.unknown || len(mu.Rows) > 0
		return
	}
	for i := range mu.Rows {
		ms, ok := t.EventTime(mu.Rows[i].Clustering)
		if !ok {
			r.unknown = true
			return // nor will any other row have one
		}
		r.low, r.high = min(r.low, ms), max(r.high, ms)
	}
}

// Times returns the range of the event times of the rows, in milliseconds since 1970, both included; low is above
// high where there are no rows. It is not known where a row has no time, as those of tables whose first clustering column is none.
func (m *Memtable) Times() (low, high int64, known bool) {
	all := noTimes
	m.each(func(s *shard) {
		all.low, all.high = min(all.low, s.times.low), max(all.high, s.times.high)
		all.unknown = all.unknown || s.times.unknown
	})
	return all.low, all.high, !all.unknown
}
