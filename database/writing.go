package database

import (
	"sync"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// writing is a write on its way from its values to the store, in memory that is used again. Nobody keeps any of it: the store copies
// what it is given, and so do the marks, the limits and the counts of hot partitions.
type writing struct {
	planner.WriteBuffer
	context planner.Context
	targets []*writeTarget      // of the mutations, while marksMu is held
	record  []mutation.Mutation // what the store is given
	marks   marks
}

var writings = sync.Pool{New: func() any { return new(writing) }}

func (d *Database) newWriting() *writing {
	w := writings.Get().(*writing)
	w.Reset()
	return w
}

// recordKept is how many mutations a record may have room for and be kept.
const recordKept = 8 << 10

// done gives the memory back. What refers to the request is overwritten by the next one.
func (w *writing) done() {
	if cap(w.record) > recordKept {
		w.record, w.targets = nil, nil
	}
	writings.Put(w)
}

// writeTarget is what a write must know of a table, as of one schema.
type writeTarget struct {
	followers *followers
	sizes     *tableSizes
	retained  bool // rows may have ended before they are written
	floors    bool // a retention looks at static columns
}

// writeTargets are those of the tables of a schema that were written to.
type writeTargets struct {
	schema  *schema.Snapshot
	byTable map[*schema.Table]*writeTarget
}

// target is what a write must know of a table, that of the schema its statement was planned against. It refuses a table that was dropped
// since. The caller holds marksMu.
func (d *Database) target(t *schema.Table) (*writeTarget, error) {
	known, s := d.targets.Load(), d.Schema()
	if known != nil && known.schema == s {
		if of := known.byTable[t]; of != nil {
			return of, nil
		}
	}
	now := s.Table(t.Keyspace, t.Name)
	if now == nil || now.ID != t.ID {
		return nil, notThere(t)
	}
	of := &writeTarget{followers: d.projectors.of(s, now), sizes: d.sizes.of(t.ID), retained: now.Retention != nil}
	of.floors = of.retained && len(now.RetentionStatics()) > 0
	if now == t { // a statement that was planned against an older schema does not come again
		d.keepTarget(s, t, of)
	}
	return of, nil
}

// keepTarget adds a target to those known of a schema.
func (d *Database) keepTarget(s *schema.Snapshot, t *schema.Table, of *writeTarget) {
	d.targetsMu.Lock()
	defer d.targetsMu.Unlock()
	next := &writeTargets{schema: s, byTable: map[*schema.Table]*writeTarget{t: of}}
	if known := d.targets.Load(); known != nil && known.schema == s {
		for t, of := range known.byTable {
			next.byTable[t] = of
		}
	}
	d.targets.Store(next)
}

// aim finds the targets of all mutations, and says what they have in common.
func (d *Database) aim(w *writing) (all writeTraits, err error) {
	w.targets = w.targets[:0]
	ms := w.Write().Mutations
	for i := range ms {
		if i > 0 && ms[i].Table == ms[i-1].Table {
			w.targets = append(w.targets, w.targets[i-1])
			continue
		}
		of, err := d.target(ms[i].Table)
		if err != nil {
			return all, err
		}
		w.targets = append(w.targets, of)
		all.read = all.read || len(of.followers.copies) > 0 || of.followers.err != nil
		all.followed = all.followed || of.followers.any()
		all.retained = all.retained || of.retained
		all.floors = all.floors || of.floors
	}
	return all, nil
}

// writeTraits say what some table of a write has.
type writeTraits struct {
	read     bool // copies: something is read before the write
	followed bool // copies or rollups
	retained bool
	floors   bool
}
