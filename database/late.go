package database

import (
	"math"
	"sync"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// lateRows counts rows that were past the retention of their table when they were written (R41): they never show.
type lateRows struct {
	mu   sync.Mutex
	rows map[mutation.TableID]int64
}

// of is how many rows of a table came too late, since the start.
func (l *lateRows) of(id mutation.TableID) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows[id]
}

// keep forgets tables that are not in a schema.
func (l *lateRows) keep(s *schema.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.rows {
		if storedTable(s, id) == nil {
			delete(l.rows, id)
		}
	}
}

// written counts those of a write.
func (l *lateRows) written(ms []planner.Mutation, c clock.Clock) {
	for i := range ms {
		m := &ms[i]
		if m.Table.Retention == nil {
			continue
		}
		n := lateExpired(m.Table, &m.Mutation, c.Now().UnixMilli())
		if n == 0 {
			continue
		}
		l.mu.Lock()
		if l.rows == nil {
			l.rows = map[mutation.TableID]int64{}
		}
		l.rows[m.Table.ID] += int64(n)
		l.mu.Unlock()
	}
}

// lateExpired counts the rows of a mutation that have ended by their time before they are written. Where that depends on static
// columns only those count that have ended whatever these are.
func lateExpired(t *schema.Table, m *mutation.Mutation, nowMillis int64) (n int) {
	if t.Retention == nil || len(m.Rows) == 0 || len(t.Clustering) == 0 || t.Clustering[0].Name != t.Retention.By {
		return 0
	}
	known := func(*schema.Column) ([]byte, bool) { return nil, false }
	if len(t.RetentionReads()) > 0 {
		key, err := t.PartitionLayout().Decode(m.Key.Key)
		if err != nil {
			return 0
		}
		known = schema.ValuesKnown(key, nil, nil)
	}
	from := t.VisibleFrom(known, nowMillis)
	if from == math.MinInt64 {
		return 0
	}
	layout, unit := t.ClusteringLayout()[:1], t.UnitNanos()
	for i := range m.Rows {
		if ms, ok := layout.FirstTimeMillis(m.Rows[i].Clustering, unit); ok && ms < from && m.Rows[i].Deletion.IsNone() {
			n++
		}
	}
	return n
}
