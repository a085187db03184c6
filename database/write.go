package database

import (
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// void is the result of all writes without warnings.
var void = &Result{Kind: ResultVoid}

func written(warnings []string) *Result {
	if len(warnings) == 0 {
		return void
	}
	return &Result{Kind: ResultVoid, Warnings: warnings}
}

// write applies an INSERT, UPDATE, DELETE or batch: the rows, the rows of their copies and the
// dirty marks of their rollups are one record (law 6).
func (d *Database) write(w *writing) (*Result, Ticket, error) {
	plan := w.Write()
	if len(plan.Mutations) == 0 {
		return written(plan.Warnings), Ticket{}, nil
	}
	traits, err := d.aim(w)
	if err != nil {
		return nil, Ticket{}, err
	}
	warnings, err := d.guardWrite(w)
	if err != nil {
		return nil, Ticket{}, err
	}
	if traits.retained {
		if plan.Mutations = d.late.leaveOut(plan.Mutations, d.clock.Now().UnixMilli()); len(plan.Mutations) == 0 {
			return written(warnings), Ticket{}, nil
		}
	}
	if traits.floors && d.anyFloored(plan) {
		traits.read, traits.followed = true, true
	}
	if !traits.followed {
		w.record = appendRecord(w.record[:0], plan.Mutations)
		sequence, err := d.store.ApplyUnsynced(w.record)
		if err != nil {
			return nil, Ticket{}, err
		}
		return written(warnings), Ticket{sequence}, nil
	}
	return d.writeDependents(w, traits.read, warnings)
}

// writeDependents applies a write that something follows.
func (d *Database) writeDependents(w *writing, read bool, warnings []string) (*Result, Ticket, error) {
	write := d.writeMarked
	if read {
		write = d.writeFollowed
	}
	marks, sequence, err := write(w)
	if err != nil {
		return nil, Ticket{}, err
	}
	if marks.floors.holds() {
		d.unsynced.add(sequence, marks.floors.release) // until it is durable merges read what the statics were
	}
	marks.written(sequence)
	return written(slices.Concat(warnings, marks.warnings())), Ticket{sequence}, nil
}

// writeMarked applies a write that rollups follow and nothing else does: nothing is read before it.
func (d *Database) writeMarked(w *writing) (*marks, uint64, error) {
	marks, err := d.markMutations(w, w.Write().Mutations)
	if err != nil {
		return nil, 0, err
	}
	w.record = append(appendRecord(w.record[:0], w.Write().Mutations), marks.mutations...)
	sequence, err := d.store.ApplyUnsynced(w.record)
	return marks, sequence, err
}

// writeFollowed applies a write whose tables have copies, and perhaps rollups, holding the latches of its
// partitions from the first read until the memtables have it, but not while it is synced (R44).
func (d *Database) writeFollowed(w *writing) (*marks, uint64, error) {
	record := merged(w.Write())
	unlock := d.latches.lock(partitionNames(record))
	defer unlock()
	lease := d.copyMemory.Lease(0)
	defer lease.Free()
	copies, err := d.copyMutations(record, lease)
	if err != nil {
		return nil, 0, err
	}
	marks, err := d.markMutations(w, record)
	if err != nil {
		return nil, 0, err
	}
	floors, err := d.floorMutations(record)
	if err != nil {
		floors.free()
		return nil, 0, err
	}
	marks.floors = floors
	ms := make([]mutation.Mutation, 0, len(record)+len(copies)+len(marks.mutations)+len(floors.mutations))
	ms = append(append(append(appendRecord(ms, record), copies...), marks.mutations...), floors.mutations...)
	sequence, err := d.store.ApplyUnsynced(ms)
	if err != nil {
		floors.free()
	}
	return marks, sequence, tooLarge(err, record, copies)
}

func notThere(t *schema.Table) error {
	return &planner.InvalidError{Message: fmt.Sprintf("table %s does not exist", t.QualifiedName())}
}

// anyFloored reports whether a write may change what a policy says of a partition.
func (d *Database) anyFloored(plan *planner.Write) bool {
	s := d.Schema()
	return slices.ContainsFunc(plan.Mutations, func(m planner.Mutation) bool { return d.floored(s, &m) })
}

// appendRecord appends mutations without their tables.
func appendRecord(dst []mutation.Mutation, ms []planner.Mutation) []mutation.Mutation {
	for i := range ms {
		dst = append(dst, ms[i].Mutation)
	}
	return dst
}

// merged joins the mutations of each partition, so that a row changed twice in one record is
// projected once.
func merged(plan *planner.Write) []planner.Mutation {
	all := plan.Mutations
	if len(all) == 1 {
		return all
	}
	var out []planner.Mutation
	at := map[string]int{}
	for len(all) > 0 {
		// Rows of one partition mostly come one after the other.
		n, rows := 1, len(all[0].Rows)
		for n < len(all) && all[n].Mutation.Table == all[0].Mutation.Table && all[n].Key.Equal(all[0].Key) {
			rows += len(all[n].Rows)
			n++
		}
		name := partitionName(&all[0])
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			first := all[0]
			first.Rows = append(make([]mutation.Row, 0, rows), first.Rows...)
			first.Ranges = slices.Clone(first.Ranges)
			out, all = append(out, first), all[1:]
			n--
		}
		for j := range n {
			join(&out[i].Mutation, &all[j].Mutation)
		}
		all = all[n:]
	}
	return out
}

func partitionName(m *planner.Mutation) string {
	return latchName(m.Mutation.Table, m.Key)
}

func partitionNames(record []planner.Mutation) []string {
	out := make([]string, len(record))
	for i := range record {
		out[i] = partitionName(&record[i])
	}
	return out
}

// truncate empties a table with its copies and rollups.
func (d *Database) truncate(plan *planner.Truncate) (*Result, error) {
	d.schemaMu.Lock()
	defer d.schemaMu.Unlock()
	s := d.Schema()
	t := s.Table(plan.Table.Keyspace, plan.Table.Name)
	if t == nil {
		return nil, notThere(plan.Table)
	}
	ids := []mutation.TableID{t.ID}
	for _, c := range s.CopiesOf(t) {
		ids = append(ids, c.ID)
	}
	for _, r := range s.LevelsOf(t) {
		ids = append(ids, r.ID)
	}
	// No recomputation may be under way: it would write what it read before. Marks that are left lead to empty ones.
	err := d.rollups.Exclude(func() error {
		defer d.excludeWrites()()
		// Afterwards, so that who sees the new moment also sees no row of before: what a build has read goes nowhere.
		defer d.moment.Add(1)
		if err := d.store.Truncate(ids); err != nil {
			return err
		}
		if r := t.Retention; r == nil || len(r.Former) == 0 && !r.Floored {
			return nil
		}
		// Before anybody writes: rows that had ended by what held before would show again.
		empty := t.Clone()
		empty.Retention = t.Retention.Afresh()
		return d.installLocked(s.WithTable(empty), func() error { return nil })
	})
	return &Result{Kind: ResultVoid}, err
}

// join adds what src does to a partition to what dst does to it.
func join(dst, src *mutation.Mutation) {
	dst.Deletion = mutation.MaxDeletion(dst.Deletion, src.Deletion)
	dst.Rows = append(dst.Rows, src.Rows...)
	dst.Ranges = append(dst.Ranges, src.Ranges...)
	switch {
	case src.Static == nil:
	case dst.Static == nil:
		dst.Static = src.Static
	default:
		static := dst.Static.Clone()
		mutation.MergeRow(mutation.ByTimestamp, static, src.Static)
		dst.Static = static
	}
}
