package database

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
)

// readFirst carries out a write that reads before: one with IF, of a counter table, or of items of lists. Those of one partition
// exclude one another from the first read until the memtables have the write, but not while it is synced, and each reads what was
// applied last (R44). Writes that read nothing do not wait for them, as in Cassandra. The answer, also that nothing was written,
// waits until what was read is durable. Without conditions w holds the write.
func (d *Database) readFirst(w *writing, conditions *planner.Conditional, req *Request) (*Result, Ticket, error) {
	unlock := d.firstReads.lock(latchNames(w, conditions))
	defer unlock()
	// From the read on: a TRUNCATE in between would leave what was read, and what is written would bring it back.
	d.marksMu.RLock()
	defer d.marksMu.RUnlock()
	now := d.store.Newest()
	source := viewSource{d, now, d.Schema()}
	defer source.Close()
	seen := Ticket{now.Sequence()}
	if conditions != nil {
		refused, err := d.allow(source, conditions, req)
		if err != nil {
			return nil, Ticket{}, err
		}
		if refused != nil {
			return refused, seen, nil
		}
		w.Reset()
		w.Add(conditions.Write)
	}
	if err := settle(now, w.Write()); err != nil {
		return nil, Ticket{}, err
	}
	done, ticket, err := d.admittedHeld(w)
	if err != nil {
		return nil, Ticket{}, err
	}
	if conditions != nil {
		done = &Result{Kind: ResultRows, Rows: granted(conditions), Warnings: done.Warnings}
	}
	return done, seen.Later(ticket), nil
}

// latchNames are those of the partitions of a write.
func latchNames(w *writing, conditions *planner.Conditional) []string {
	if conditions != nil {
		return []string{latchName(conditions.Table.ID, conditions.Key)}
	}
	return partitionNames(w.Write().Mutations)
}

// settle reads the rows that the changes of a write are of, each once, and puts what the changes come to into the write.
func settle(view View, w *planner.Write) error {
	if len(w.Changes) == 0 {
		return nil
	}
	parts := make([]*storedPartition, len(w.Mutations))
	byName := make(map[string]*storedPartition, 1)
	for _, c := range w.Changes {
		m := &w.Mutations[c.Mutation]
		p := parts[c.Mutation]
		if p == nil {
			name := partitionName(m)
			if p = byName[name]; p == nil {
				p = &storedPartition{mutation: m}
				byName[name] = p
			}
			parts[c.Mutation] = p
		}
		if c.Row != planner.InStatic {
			p.wanted = append(p.wanted, clustering.RowSlice(m.Rows[c.Row].Clustering))
		}
	}
	for _, p := range byName {
		if err := p.read(view); err != nil {
			return err
		}
	}
	return w.Settle(func(m *planner.Mutation, row int) *mutation.Row {
		p := byName[partitionName(m)]
		if row == planner.InStatic {
			return &p.static
		}
		return p.row(m.Rows[row].Clustering)
	})
}

// storedPartition is what is stored of rows of one partition.
type storedPartition struct {
	mutation *planner.Mutation // one that is of it
	wanted   []clustering.Slice
	static   mutation.Row
	rows     map[string]*mutation.Row
}

// read reads the static row and the wanted ones, each less what deletions of more than the row hide.
func (p *storedPartition) read(view View) error {
	side, rows, err := rowsAt(view, p.mutation.Table.ID, p.mutation.Key, p.wanted)
	if err != nil {
		return err
	}
	p.rows = rows
	if side == nil {
		return nil
	}
	law := p.mutation.Table.Law()
	if side.Static != nil {
		p.static = *side.Static.Clone()
		mutation.ApplyDeletion(law, &p.static, side.Deletion)
	}
	for at, row := range rows {
		mutation.ApplyDeletion(law, row, side.Covering([]byte(at)))
	}
	return nil
}

func (p *storedPartition) row(at []byte) *mutation.Row {
	row := p.rows[string(at)]
	if row == nil {
		row = &mutation.Row{Clustering: at}
		p.rows[string(at)] = row
	}
	return row
}
