package database

import (
	"fmt"
	"strings"

	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/querytable"
	"github.com/eskerdb/esker/schema"
)

// explainOther tells what a statement that is no SELECT would do.
func (d *Database) explainOther(out *explanation, plan planner.Plan) error {
	switch plan := plan.(type) {
	case *planner.Write:
		return d.explainWrite(out, plan)
	case *planner.Conditional:
		out.say("read before", plan.Table.QualifiedName(), counted(int64(len(plan.Checks)), "row")+" decides whether it is written; others with IF on this partition wait")
		return d.explainWrite(out, plan.Write)
	case *planner.Truncate:
		s := d.Schema()
		out.say("truncate", plan.Table.QualifiedName(), "all rows go in one step, their files as a whole")
		for _, t := range append(s.CopiesOf(plan.Table), s.RollupsOf(plan.Table)...) {
			out.say("truncate", t.QualifiedName(), "it follows "+plan.Table.QualifiedName())
		}
	case *planner.Alter:
		explainAlter(out, plan)
	case *planner.RefreshRollup:
		return d.explainRefresh(out, plan)
	case *planner.CheckRollup:
		return d.explainCheck(out, plan)
	case *planner.Use:
		out.say("use keyspace", plan.Keyspace, "of this connection alone")
	case *planner.Describe:
		out.say("describe", "schema", "answered from the schema; nothing is read")
	case *planner.Admin:
		for _, t := range plan.Tables {
			out.say("admin", t.QualifiedName(), "")
		}
		if len(plan.Tables) == 0 {
			out.say("admin", "store", "")
		}
	default:
		out.say("run", "", "")
	}
	return nil
}

func explainAlter(out *explanation, plan *planner.Alter) {
	name := plan.Keyspace
	if plan.Name != "" {
		name += "." + plan.Name
	}
	if plan.Next == nil {
		out.say("change schema", name, "nothing: it is already so")
		return
	}
	out.say("change schema", name, strings.ToLower(plan.Target+" "+plan.Change))
}

// explainWrite tells which tables a write changes, which copies follow and whether they need a read before, and which
// rollups learn of it.
func (d *Database) explainWrite(out *explanation, plan *planner.Write) error {
	if len(plan.Mutations) == 0 {
		out.say("write", "", "nothing")
		return nil
	}
	if plan.ReadsFirst {
		out.say("read before", plan.Table.QualifiedName(), counted(int64(len(plan.Changes)), "value")+" follow from what is stored; others that read before they write wait on the same partitions")
	}
	record := merged(plan)
	var order []*schema.Table
	byTable := map[*schema.Table][]planner.Mutation{}
	for _, m := range record {
		if byTable[m.Table] == nil {
			order = append(order, m.Table)
		}
		byTable[m.Table] = append(byTable[m.Table], m)
	}
	for _, t := range order {
		out.say("write table", t.QualifiedName(), writeText(byTable[t]))
		if err := d.explainFollowers(out, t, byTable[t]); err != nil {
			return err
		}
	}
	return nil
}

// writeText counts what is written to one table.
func writeText(ms []planner.Mutation) string {
	var rows, statics, ranges, partitions int64
	for i := range ms {
		rows += int64(len(ms[i].Rows))
		ranges += int64(len(ms[i].Ranges))
		if ms[i].Static != nil {
			statics++
		}
		if !ms[i].Deletion.IsNone() {
			partitions++
		}
	}
	var parts []string
	for _, c := range []struct {
		n    int64
		noun string
	}{{rows, "row"}, {statics, "static row"}, {ranges, "range deletion"}, {partitions, "partition deletion"}} {
		if c.n > 0 {
			parts = append(parts, counted(c.n, c.noun))
		}
	}
	return strings.Join(parts, ", ") + " in " + counted(int64(len(ms)), "partition") + "; all of the statement is one record of the log"
}

// explainFollowers tells what follows the writes of one table.
func (d *Database) explainFollowers(out *explanation, t *schema.Table, ms []planner.Mutation) error {
	f := d.projectors.of(d.Schema(), t)
	if f.err != nil {
		return f.err
	}
	if len(f.copies) > 0 {
		before, err := d.readBefore(f.copies, ms)
		if err != nil {
			return err
		}
		for _, c := range d.Schema().CopiesOf(t) {
			out.say("write "+planner.KindText(c), c.QualifiedName(), before)
		}
	}
	for _, r := range f.rollups {
		windows := int64(0)
		for i := range ms {
			windows += int64(len(dirtied(&ms[i], r.Rollup.Windows())))
		}
		out.say("mark rollup", r.QualifiedName(), counted(windows, "window")+" to be recomputed once over")
	}
	return nil
}

// readBefore says whether a write to a table with copies has to read first (R39c), as the table is now.
func (d *Database) readBefore(copies []*querytable.Projector, ms []planner.Mutation) (string, error) {
	w := &copyWriter{store: d.store, nowSec: d.clock.Now().Unix()}
	defer w.close()
	var read, whole int64
	for i := range ms {
		p, err := w.at(copies, &ms[i])
		if err != nil {
			return "", err
		}
		moved, err := p.statics(copies)
		if err != nil {
			return "", err
		}
		if moved {
			whole++
			continue
		}
		known, err := p.onlyNew()
		if err != nil {
			return "", err
		}
		if !known {
			read++
		}
	}
	t := ms[0].Table
	switch {
	case whole > 0:
		return fmt.Sprintf("in the same record; all rows of %s of %s are read before, because they have a static column that changes", counted(whole, "partition"), t.QualifiedName()), nil
	case read > 0:
		return fmt.Sprintf("in the same record; rows of %s of %s are read before, to see what they were", counted(read, "partition"), t.QualifiedName()), nil
	case t.AppendOnly:
		return "in the same record; nothing is read before: the table is append-only", nil
	}
	return "in the same record; nothing is read before: the rows lie beyond all others of their partitions", nil
}
