package database

import (
	"math"
	"slices"
	"sync"

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

// leaveOut are the mutations without rows that have ended by their time before they are written: they would never show, and no
// window counts them (R41). Deletions stay. What is given is not written to.
func (l *lateRows) leaveOut(ms []planner.Mutation, nowMillis int64) []planner.Mutation {
	var out []planner.Mutation // nil: as given
	for i := range ms {
		m := ms[i]
		late := endedRows(m.Table, &m.Mutation, nowMillis)
		if late == nil {
			if out != nil {
				out = append(out, m)
			}
			continue
		}
		if out == nil {
			out = append(make([]planner.Mutation, 0, len(ms)), ms[:i]...)
		}
		l.count(m.Table.ID, len(late))
		m.Rows = slices.Clone(m.Rows)
		for _, at := range late {
			m.Rows[at].Live, m.Rows[at].Cells = mutation.Liveness{}, nil
		}
		m.Rows = slices.DeleteFunc(m.Rows, func(row mutation.Row) bool { return row.IsEmpty() })
		if len(m.Rows) > 0 || len(m.Ranges) > 0 || m.Static != nil || !m.Deletion.IsNone() {
			out = append(out, m)
		}
	}
	if out == nil {
		return ms
	}
	return out
}

func (l *lateRows) count(id mutation.TableID, rows int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows = map[mutation.TableID]int64{}
	}
	l.rows[id] += int64(rows)
}

// endedRows are the places of the rows of a mutation that have ended by their time before they are written, and do more than delete.
// Where that depends on static columns only those are meant that have ended whatever these are.
func endedRows(t *schema.Table, m *mutation.Mutation, nowMillis int64) (places []int) {
	if t.Retention == nil || len(m.Rows) == 0 || len(t.Clustering) == 0 || t.Clustering[0].Name != t.Retention.By {
		return nil
	}
	known := func(*schema.Column) ([]byte, bool) { return nil, false }
	if len(t.RetentionReads()) > 0 {
		key, err := t.PartitionLayout().Decode(m.Key.Key)
		if err != nil {
			return nil
		}
		known = schema.ValuesKnown(key, nil, nil)
	}
	from := t.VisibleFrom(known, nowMillis)
	if from == math.MinInt64 {
		return nil
	}
	layout, unit := t.ClusteringLayout()[:1], t.UnitNanos()
	for i := range m.Rows {
		if ms, ok := layout.FirstTimeMillis(m.Rows[i].Clustering, unit); ok && ms < from && writes(&m.Rows[i]) {
			places = append(places, i)
		}
	}
	return places
}

// writes reports whether a row does anything but delete.
func writes(row *mutation.Row) bool {
	return !row.Live.IsNone() || slices.ContainsFunc(row.Cells, func(c mutation.Cell) bool { return !c.IsTombstone() })
}
