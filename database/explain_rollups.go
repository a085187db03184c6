package database

import (
	"fmt"
	"math"
	"time"

	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// explainRefresh tells what REFRESH ROLLUP would compute.
func (d *Database) explainRefresh(out *explanation, plan *planner.RefreshRollup) error {
	r := plan.Table
	state, err := d.rollups.State(r)
	if err != nil {
		return err
	}
	followed, from, err := d.refreshFrom(r)
	if err != nil {
		return err
	}
	over := downsample.Window{Start: max(plan.Over.Start, from), End: plan.Over.End}
	detail := fmt.Sprintf("windows %s of %s, marked or not, from rows of %s.%s", rangeText(over), d.partitionsText(r, plan), r.Keyspace, r.Rollup.Source)
	if over.Start >= over.End {
		detail = "nothing: its windows are sealed, or were left out"
		if plan.Over.Start >= plan.Over.End {
			detail = "nothing: no window begins there"
		}
	}
	out.say("refresh rollup", r.QualifiedName(), detail)
	if plan.Over.Start < followed {
		out.say("skip", r.QualifiedName(), "windows that end at or before "+millisText(followed)+", which are sealed")
	}
	sayLeftOut(out, r, plan.Over.Start, state.CompleteFrom)
	if over.Start < state.BuiltFrom && over.Start < over.End {
		out.say("wait", r.QualifiedName(), "until windows of before are computed for the first time: it is being built")
	}
	for _, child := range d.Schema().RollupsOf(r) {
		out.say("mark rollup", child.QualifiedName(), "windows that hold one that changes; they are computed too")
	}
	return nil
}

// partitionsText names the partitions of a REFRESH.
func (d *Database) partitionsText(r *schema.Table, plan *planner.RefreshRollup) string {
	if plan.Key == nil {
		return "every partition"
	}
	return "partition " + r.PartitionText(plan.Key.Key)
}

// explainCheck tells what CHECK ROLLUP would compare.
func (d *Database) explainCheck(out *explanation, plan *planner.CheckRollup) error {
	r := plan.Table
	state, err := d.rollups.State(r)
	if err != nil {
		return err
	}
	what := "all final windows"
	if plan.Sample > 0 {
		what = counted(int64(plan.Sample), "window") + " at random of those that are final"
	}
	detail := fmt.Sprintf("%s, with what the rows of %s.%s give", what, r.Keyspace, r.Rollup.BaseTable())
	if state.BuiltFrom != math.MinInt64 {
		detail += "; it is being built, and those that are not computed yet are left out"
	}
	out.say("check rollup", r.QualifiedName(), detail)
	if state.SealedUntil != math.MinInt64 {
		out.say("skip", r.QualifiedName(), "windows that end at or before "+millisText(state.SealedUntil)+", which are sealed")
	}
	sayLeftOut(out, r, math.MinInt64, state.CompleteFrom)
	if !plan.Repair {
		return nil
	}
	out.say("write rollup", r.QualifiedName(), "rows that differ, window by window")
	for _, child := range d.Schema().RollupsOf(r) {
		out.say("mark rollup", child.QualifiedName(), "windows that hold one that is mended")
	}
	return nil
}

// sayLeftOut tells of windows that were never made.
func sayLeftOut(out *explanation, r *schema.Table, start, completeFrom int64) {
	if start < completeFrom {
		out.say("skip", r.QualifiedName(), "windows that start before "+millisText(completeFrom)+", whose rows had ended when the rollup was declared")
	}
}

// rangeText is a range of time in words.
func rangeText(over downsample.Window) string {
	switch from, to := over.Start != math.MinInt64, over.End != math.MaxInt64; {
	case from && to:
		return "from " + millisText(over.Start) + " to " + millisText(over.End)
	case from:
		return "from " + millisText(over.Start) + " on"
	case to:
		return "before " + millisText(over.End)
	}
	return "of all time"
}

func millisText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z") }
