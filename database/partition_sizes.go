package database

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// measureEvery is how often the partitions of a table are measured at most; only if its files are others than then.
const measureEvery = time.Minute

// partitionSizes knows the partitions of which files hold more than the guardrails allow. Nobody waits for it: a statement
// that finds it out of date has the table measured beside it, and goes on with what was known.
type partitionSizes struct {
	byTable   sync.Map       // mutation.TableID to *tableSizes
	measuring sync.WaitGroup // what must end before the store is closed
}

// tableSizes are the large partitions of one table.
type tableSizes struct {
	large atomic.Pointer[map[string]int64] // bytes by partition key; nil: none

	measured atomic.Int64 // Unix milliseconds at which it was begun last; 0: never
	mu       sync.Mutex   // held while the table is measured
	rows     int64        // in files then; guarded by mu
	bytes    int64        // likewise
}

// largePartitions are the partitions of a table that are beyond a threshold, with their bytes in files.
func (d *Database) largePartitions(t *schema.Table) map[string]int64 {
	if t.Kind == schema.Virtual || d.guardrails.PartitionSize == (Threshold{Off, Off}) {
		return nil
	}
	return d.largeOf(t, d.sizes.of(t.ID), d.clock.Now().UnixMilli())
}

// of is what is known of a table.
func (p *partitionSizes) of(id mutation.TableID) *tableSizes {
	found, ok := p.byTable.Load(id)
	if !ok {
		found, _ = p.byTable.LoadOrStore(id, new(tableSizes))
	}
	return found.(*tableSizes)
}

// largeOf are the large partitions of a table, which is measured beside it if that is due.
func (d *Database) largeOf(t *schema.Table, sizes *tableSizes, nowMillis int64) map[string]int64 {
	if measureDue(sizes, nowMillis) {
		m := sizing{d.store, d.guardrails.PartitionSize, d.largePartition}
		d.sizes.measuring.Go(func() { m.measure(t, sizes) })
	}
	if large := sizes.large.Load(); large != nil {
		return *large
	}
	return nil
}

// measureDue reports, to one caller, that a table has to be measured.
func measureDue(sizes *tableSizes, now int64) bool {
	before := sizes.measured.Load()
	if before != 0 && now-before < measureEvery.Milliseconds() {
		return false
	}
	return sizes.measured.CompareAndSwap(before, now)
}

// sizing is what it takes to measure a table, as of the statement that found it due.
type sizing struct {
	store Store
	limit Threshold
	tell  func(table, partition string, bytes int64) // Options.LargePartition
}

// measure looks for the large partitions of a table, if there may be others than before.
func (m *sizing) measure(t *schema.Table, sizes *tableSizes) {
	sizes.mu.Lock()
	defer sizes.mu.Unlock()
	store, ok := m.store.(interface {
		Estimated
		Sighted
	})
	if !ok {
		return
	}
	files, found := store.FilesEstimate(t.ID)
	if !found || files.Rows == sizes.rows && files.Bytes == sizes.bytes {
		return
	}
	sizes.rows, sizes.bytes = files.Rows, files.Bytes
	largest, err := store.LargestPartitions(t.ID)
	if err != nil {
		return // it was dropped a moment ago, or a file is damaged: who reads its rows is told
	}
	before := sizes.large.Load()
	large := map[string]int64{}
	for _, p := range largest {
		if !m.limit.warns(p.Bytes) && !m.limit.fails(p.Bytes) {
			continue
		}
		large[string(p.Key)] = p.Bytes
		if known := before != nil && (*before)[string(p.Key)] > 0; !known && m.tell != nil {
			m.tell(t.QualifiedName(), keyText(t, p.Key), p.Bytes)
		}
	}
	if len(large) == 0 {
		sizes.large.Store(nil)
		return
	}
	sizes.large.Store(&large)
}

// keep forgets tables that are gone.
func (p *partitionSizes) keep(s *schema.Snapshot) { keepTables(&p.byTable, s) }

// keyText is a partition key as conditions of CQL.
func keyText(t *schema.Table, key []byte) string {
	values, err := t.PartitionLayout().Decode(key)
	if err != nil {
		return fmt.Sprintf("0x%x", key)
	}
	return planner.PartitionText(t, values)
}

// guardWrite refuses a write that adds to a partition which is too large, or warns of it: once for each table. The warnings are
// behind those of the plan.
func (d *Database) guardWrite(w *writing) (warnings []string, err error) {
	plan, limit := w.Write(), d.guardrails.PartitionSize
	warnings = plan.Warnings
	var table *schema.Table
	var large map[string]int64 // of table
	warned := false            // of table
	for i := range plan.Mutations {
		m := &plan.Mutations[i]
		if m.Table != table {
			table, large, warned = m.Table, nil, false
			if limit != (Threshold{Off, Off}) {
				large = d.largeOf(table, w.targets[i].sizes, w.context.NowMillis)
			}
		}
		if len(large) == 0 {
			continue
		}
		size := large[string(m.Key.Key)]
		switch {
		case limit.fails(size) && adds(&m.Mutation):
			return nil, &planner.InvalidError{Message: sizeText(table, m.Key.Key, size, limit.Fail, "partition_size_fail_threshold")}
		case limit.warns(size) && !warned:
			warned = true
			warnings = append(slices.Clip(warnings), sizeText(table, m.Key.Key, size, limit.Warn, "partition_size_warn_threshold"))
		}
	}
	return warnings, nil
}

// warnOfSizes warns of the first partition too large of those that a read names.
func (d *Database) warnOfSizes(plan *planner.Read) []string {
	if len(plan.Keys) == 0 {
		return nil
	}
	limit, large := d.guardrails.PartitionSize, d.largePartitions(plan.Table)
	if len(large) == 0 {
		return nil
	}
	for i := range plan.Keys {
		if size := large[string(plan.Keys[i].Key)]; limit.warns(size) {
			return []string{sizeText(plan.Table, plan.Keys[i].Key, size, limit.Warn, "partition_size_warn_threshold")}
		}
	}
	return nil
}

// adds reports whether a mutation does anything but delete.
func adds(m *mutation.Mutation) bool {
	alive := func(row *mutation.Row) bool {
		for i := range row.Cells {
			if !row.Cells[i].IsTombstone() {
				return true
			}
		}
		return !row.Live.IsNone()
	}
	for i := range m.Rows {
		if alive(&m.Rows[i]) {
			return true
		}
	}
	return m.Static != nil && alive(m.Static)
}

func sizeText(t *schema.Table, key []byte, size, threshold int64, name string) string {
	return fmt.Sprintf("%s %s: partition %s has %s in files, above %s %s: put another column into its partition key, let rows end by TTL, or delete some",
		planner.KindText(t), t.QualifiedName(), keyText(t, key), sizeOfBytes(size), name, sizeOfBytes(threshold))
}

// sizeOfBytes is a size for people.
func sizeOfBytes(n int64) string {
	switch {
	case n >= 10<<30:
		return strconv.FormatInt(n>>30, 10) + " GiB"
	case n >= 10<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 10<<10:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
