package database

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/database/traffic"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// RateError is a write to a partition that takes more rows than its table allows. Nothing was written, and it may be tried again.
type RateError struct{ Message string }

func (e *RateError) Error() string { return e.Message }

// writeLimits are the rates of tables with partition_write_rate_max, and what they refused since the start.
type writeLimits struct {
	rates *traffic.Rates

	mu      sync.Mutex
	refusal map[mutation.TableID]catalog.WriteLimit // guarded by mu
}

func newWriteLimits() *writeLimits {
	return &writeLimits{rates: traffic.NewRates(rand.Uint64(), rand.Uint64()), refusal: map[mutation.TableID]catalog.WriteLimit{}}
}

// keep forgets refusals of tables that are gone.
func (w *writeLimits) keep(s *schema.Snapshot) {
	there := map[mutation.TableID]bool{}
	for _, k := range s.Keyspaces {
		for _, t := range k.Tables {
			there[t.ID] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.refusal {
		if !there[id] {
			delete(w.refusal, id)
		}
	}
}

func (w *writeLimits) refused(t *schema.Table) catalog.WriteLimit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusal[t.ID]
}

// admitted applies a write of a client, if its partitions may take it, and counts it among the hot ones.
func (d *Database) admitted(w *writing) (*Result, Ticket, error) {
	d.marksMu.RLock()
	defer d.marksMu.RUnlock()
	return d.admittedHeld(w)
}

// admittedHeld is admitted for who holds marksMu shared.
func (d *Database) admittedHeld(w *writing) (*Result, Ticket, error) {
	plan := w.Write()
	demands, err := d.limitWrites(plan)
	if err != nil {
		return nil, Ticket{}, err
	}
	d.noteWrites(plan)
	done, ticket, err := d.write(w)
	if err != nil && demands != nil {
		d.limits.rates.Return(demands)
	}
	return done, ticket, err
}

// limitWrites takes the rows of a write from what its partitions may still take, or refuses all of it.
func (d *Database) limitWrites(plan *planner.Write) (demands []traffic.Demand, err error) {
	var of []int // the mutation of each
	for i := range plan.Mutations {
		m := &plan.Mutations[i]
		if most := m.Table.Options.PartitionWriteRateMax; most > 0 {
			demands = append(demands, traffic.Demand{Table: m.Table.ID, Key: m.Key.Key, Rows: rowsWritten(&m.Mutation), PerSecond: most})
			of = append(of, i)
		}
	}
	if demands == nil {
		return nil, nil
	}
	now := d.clock.Now()
	at, wait := d.limits.rates.Take(now.UnixNano(), demands)
	if at < 0 {
		return demands, nil
	}
	m := &plan.Mutations[of[at]]
	rows := int64(0)
	for i := range demands {
		if demands[i].Table == m.Table.ID && bytes.Equal(demands[i].Key, m.Key.Key) {
			rows += demands[i].Rows
		}
	}
	d.limits.count(m.Table, m.Key, rows, now.UnixMilli())
	return nil, rateError(m, rows, wait)
}

// rateError says why rows are refused, and after how many nanoseconds they would not be; below 0: never.
func rateError(m *planner.Mutation, rows, wait int64) error {
	who := fmt.Sprintf("partition %s of table %s", m.Table.PartitionText(m.Key.Key), m.Table.QualifiedName())
	most := m.Table.Options.PartitionWriteRateMax
	if wait < 0 {
		return &planner.InvalidError{Message: fmt.Sprintf(
			"this statement writes %d rows of %s at once, more than a second's: partition_write_rate_max is %d. Nothing was written; write fewer rows at a time", rows, who, most)}
	}
	return &RateError{Message: fmt.Sprintf(
		"%s takes %d rows a second at most, its partition_write_rate_max. Nothing was written; try again in %d ms", who, most, (wait+999_999)/1_000_000)}
}

func (w *writeLimits) count(t *schema.Table, key partition.DecoratedKey, rows, nowMillis int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	have := w.refusal[t.ID]
	have.Statements++
	have.Rows += rows
	have.LastMillis = nowMillis
	have.Last = partition.DecoratedKey{Token: key.Token, Key: bytes.Clone(key.Key)}
	w.refusal[t.ID] = have
}

// rowsWritten is how many rows a mutation counts as: a static row, a deleted range and a deleted partition are one each.
func rowsWritten(m *mutation.Mutation) int64 {
	n := int64(len(m.Rows) + len(m.Ranges))
	if m.Static != nil {
		n++
	}
	if !m.Deletion.IsNone() {
		n++
	}
	return max(n, 1)
}
