package database

import (
	"fmt"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// write applies an INSERT, UPDATE, DELETE or batch: the rows, the rows of their copies and the
// dirty marks of their rollups are one record (law 6).
func (d *Database) write(plan *planner.Write) (*Result, Ticket, error) {
	done := &Result{Kind: ResultVoid, Warnings: plan.Warnings}
	if len(plan.Mutations) == 0 {
		return done, Ticket{}, nil
	}
	d.marksMu.RLock()
	defer d.marksMu.RUnlock()
	if err := d.checkTables(plan); err != nil {
		return nil, Ticket{}, err
	}
	warnings, err := d.guardWrite(plan)
	if err != nil {
		return nil, Ticket{}, err
	}
	done.Warnings = slices.Concat(plan.Warnings, warnings)
	if kept := d.late.leaveOut(plan.Mutations, d.clock.Now().UnixMilli()); len(kept) != len(plan.Mutations) || len(kept) > 0 && &kept[0] != &plan.Mutations[0] {
		if len(kept) == 0 {
			return done, Ticket{}, nil
		}
		left := *plan
		left.Mutations, plan = kept, &left
	}
	read, followed := d.dependents(plan)
	if !followed {
		sequence, err := d.store.ApplyUnsynced(plainRecord(plan, nil))
		if err != nil {
			return nil, Ticket{}, err
		}
		return done, Ticket{sequence}, nil
	}
	write := d.writeMarked
	if read {
		write = d.writeFollowed
	}
	marks, sequence, err := write(plan)
	if err != nil {
		return nil, Ticket{}, err
	}
	if marks.floors.holds() {
		d.unsynced.add(sequence, marks.floors.release) // until it is durable merges read what the statics were
	}
	marks.written(sequence)
	done.Warnings = append(done.Warnings, marks.warnings()...)
	return done, Ticket{sequence}, nil
}

// writeMarked applies a write that rollups follow and nothing else does: nothing is read before it.
func (d *Database) writeMarked(plan *planner.Write) (*marks, uint64, error) {
	marks, err := d.markMutations(plan.Mutations)
	if err != nil {
		return nil, 0, err
	}
	sequence, err := d.store.ApplyUnsynced(plainRecord(plan, marks.mutations))
	return marks, sequence, err
}

// writeFollowed applies a write whose tables have copies, and perhaps rollups, holding the latches of its
// partitions from the first read until the memtables have it, but not while it is synced (R44).
func (d *Database) writeFollowed(plan *planner.Write) (*marks, uint64, error) {
	record := merged(plan)
	unlock := d.latches.lock(partitionNames(record))
	defer unlock()
	lease := d.copyMemory.Lease(0)
	defer lease.Free()
	copies, err := d.copyMutations(record, lease)
	if err != nil {
		return nil, 0, err
	}
	marks, err := d.markMutations(record)
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
	for i := range record {
		ms = append(ms, record[i].Mutation)
	}
	ms = append(append(append(ms, copies...), marks.mutations...), floors.mutations...)
	sequence, err := d.store.ApplyUnsynced(ms)
	if err != nil {
		floors.free()
	}
	return marks, sequence, tooLarge(err, record, copies)
}

// checkTables refuses a write whose tables were dropped or changed their dependents since it was planned.
func (d *Database) checkTables(plan *planner.Write) error {
	s := d.Schema()
	var last *schema.Table
	for i := range plan.Mutations {
		t := plan.Mutations[i].Table
		if t == last {
			continue
		}
		last = t
		now := s.Table(t.Keyspace, t.Name)
		if now == nil || now.ID != t.ID {
			return &planner.InvalidError{Message: fmt.Sprintf("table %s does not exist", t.QualifiedName())}
		}
	}
	return nil
}

// dependents reports whether something is read before the write, for copies or for a static column that a retention looks at, and
// whether anything follows it, rollups among them.
func (d *Database) dependents(plan *planner.Write) (read, followed bool) {
	s := d.Schema()
	for _, t := range plan.Tables() {
		f := d.projectors.of(s, t)
		read = read || len(f.copies) > 0 || f.err != nil
		followed = followed || f.any()
	}
	if slices.ContainsFunc(plan.Mutations, func(m planner.Mutation) bool { return d.floored(s, &m) }) {
		return true, true
	}
	return read, followed
}

// plainRecord is the record of a write without copies: its mutations, and marks.
func plainRecord(plan *planner.Write, marks []mutation.Mutation) []mutation.Mutation {
	out := make([]mutation.Mutation, 0, len(plan.Mutations)+len(marks))
	for i := range plan.Mutations {
		out = append(out, plan.Mutations[i].Mutation)
	}
	return append(out, marks...)
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
		return nil, &planner.InvalidError{Message: fmt.Sprintf("table %s does not exist", plan.Table.QualifiedName())}
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
