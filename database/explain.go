package database

import (
	"fmt"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Foreseeing is a View that can tell what a read would look into, without reading rows.
type Foreseeing interface {
	Outlook(table mutation.TableID, keys []partition.DecoratedKey, in partition.Range, rows clustering.Slices) (lsm.Outlook, error)
}

// explain answers EXPLAIN; with ANALYZE a read is run as well, and measured.
func (d *Database) explain(st *Statement, plan *planner.Explain, req *Request) (*Result, error) {
	out := &explanation{result: &exec.Result{Columns: st.Plan.Result}}
	read, isRead := plan.Plan.(*planner.Read)
	switch {
	case isRead:
		warnings, err := d.explainRead(out, read, plan.Analyze, req)
		if err != nil {
			return nil, err
		}
		return &Result{Kind: ResultRows, Rows: out.result, Warnings: slices.Concat(read.Warnings, warnings)}, nil
	case plan.Analyze:
		return nil, &planner.InvalidError{Message: "EXPLAIN ANALYZE carries its statement out, so it takes a SELECT only: this one would change something. EXPLAIN without ANALYZE tells what it would do"}
	}
	if err := d.explainOther(out, plan.Plan); err != nil {
		return nil, err
	}
	return &Result{Kind: ResultRows, Rows: out.result}, nil
}

// explanation builds the answer of EXPLAIN.
type explanation struct {
	result *exec.Result
}

// step adds a step. Numbers below 0 are null.
func (e *explanation) step(row planner.ExplainRow, actual, micros int64) {
	e.result.RowCount++
	for _, c := range [][]byte{
		types.AppendInt(nil, int32(e.result.RowCount)), []byte(row.Operation), []byte(row.Object), []byte(row.Detail),
		orNull(row.Rows), orNull(actual), orNull(micros),
	} {
		e.result.Rows = exec.AppendCell(e.result.Rows, c)
	}
}

// say adds a step that nothing is measured of.
func (e *explanation) say(operation, object, detail string) {
	e.step(planner.ExplainRow{Operation: operation, Object: object, Detail: detail, Rows: planner.Unknown}, planner.Unknown, planner.Unknown)
}

func orNull(n int64) []byte {
	if n < 0 {
		return nil
	}
	return types.AppendBigint(nil, n)
}

// explainRead tells the steps of a SELECT, and what would be warned of.
func (d *Database) explainRead(out *explanation, plan *planner.Read, analyze bool, req *Request) (warnings []string, err error) {
	source := d.sourceOf(plan)
	defer source.Close()
	outlook, err := outlookOf(source, plan)
	if err != nil {
		return nil, err
	}
	var m *measured
	if analyze {
		if m, err = d.analyze(source, plan, req); err != nil {
			return nil, err
		}
		outlook.Read, outlook.Levels, warnings = m.text(), m.levels(), m.warnings
		if outlook.Index != nil {
			outlook.Index.Read = "read " + costText(plan.Through.Index, m.index)
		}
	}
	steps := plan.Explain(outlook)
	for i := range steps {
		actual, micros := m.of(&steps[i])
		out.step(steps[i], actual, micros)
	}
	return warnings, nil
}

// outlookOf is what is known of a read before it runs.
func outlookOf(source readSource, plan *planner.Read) (planner.Outlook, error) {
	out := planner.Outlook{}
	var err error
	if out.Excludes, out.Summaries, err = exec.Shortcuts(plan); err != nil {
		return out, err
	}
	view, ok := source.pinned().(Foreseeing)
	if !ok || plan.Table.Kind == schema.Virtual {
		return out, nil
	}
	if t := plan.Through; t != nil { // which partitions it names is only known when it is read
		o, err := view.Outlook(t.Index.ID, []partition.DecoratedKey{t.Key}, partition.Range{}, t.Slices)
		out.Index = new(planner.Outlook)
		know(out.Index, &o)
		return out, err
	}
	o, err := view.Outlook(plan.Table.ID, plan.Keys, plan.Range, plan.Slices)
	know(&out, &o)
	return out, err
}

func know(out *planner.Outlook, o *lsm.Outlook) {
	out.Known, out.Rows = true, o.Rows
	out.Buckets, out.AllBuckets, out.Files, out.AllFiles = o.Buckets, o.AllBuckets, o.Files, o.AllFiles
	out.RowGroups, out.AllRowGroups, out.Memtables = o.RowGroups, o.AllRowGroups, o.Memtables
}

// measured is what a run of a plan cost.
type measured struct {
	plan     *planner.Read
	rows     int
	stats    exec.Stats
	cost     *mutation.ReadStatistics
	index    *mutation.ReadStatistics
	warnings []string
}

// analyze runs a read to its end and throws its rows away.
func (d *Database) analyze(source readSource, plan *planner.Read, req *Request) (*measured, error) {
	d.reads <- struct{}{}
	defer func() { <-d.reads }()
	guard := d.guard(plan)
	now := d.clock.Now()
	rows, err := exec.Run(source, plan, exec.Options{
		NowSec: req.second(now), Retained: d.retained(source, plan.Table, now.UnixMilli()), Memory: req.Memory, Statistics: &guard.cost, IndexStatistics: &guard.index, LevelStatistics: &guard.levels,
		Check: guard.check, Clock: d.clock, Discard: true,
	})
	if err != nil {
		return nil, err
	}
	return &measured{plan: plan, rows: rows.RowCount, stats: rows.Stats, cost: &guard.cost, index: &guard.index, warnings: slices.Concat(levelWarnings(rows.Stats.Levels), guard.after(&rows.Stats))}, nil
}

// of returns rows and microseconds of a step.
func (m *measured) of(step *planner.ExplainRow) (rows, micros int64) {
	if m == nil {
		return planner.Unknown, planner.Unknown
	}
	s := &m.stats
	spent := func(t time.Duration) int64 { return t.Microseconds() }
	switch step.Kind {
	case planner.StepRead:
		return s.RowsRead + s.RowsSummarized, spent(s.Times.Read)
	case planner.StepLevel:
		return m.levelRows(step.Object), planner.Unknown // its time is part of those of the next steps
	case planner.StepIndex:
		return m.index.Rows, planner.Unknown // its time is part of the next step's
	case planner.StepFilter:
		return s.RowsPassed, spent(s.Times.Filter)
	case planner.StepAggregate:
		return s.Groups, spent(s.Times.Aggregate)
	case planner.StepSort:
		return int64(m.rows), spent(s.Times.Sort)
	case planner.StepAnswer:
		if step.Operation != "return" {
			return int64(m.rows), planner.Unknown
		}
		return int64(m.rows), spent(s.Times.Answer)
	}
	return planner.Unknown, planner.Unknown
}

// text says what was read.
func (m *measured) text() string {
	c, s := m.cost, &m.stats
	out := "read " + counted(int64(s.Partitions), "partition")
	if m.plan.Table.Kind == schema.Virtual {
		return out + ", " + counted(s.RowsRead, "row")
	}
	return out + ", " + costText(m.plan.Table, c)
}

// costText says what of a table was read.
func costText(t *schema.Table, c *mutation.ReadStatistics) string {
	out := fmt.Sprintf("%d of %s", c.Files, counted(int64(c.Files+c.FilesSkipped), "file"))
	if t.Bucket != nil {
		out += " in " + counted(int64(c.Buckets), "bucket")
	}
	out += fmt.Sprintf(", %s, %d of %s", counted(int64(c.Memtables), "memtable"), c.RowGroups, counted(c.RowGroups+c.RowGroupsSkipped, "row group"))
	if c.RowGroupsExcluded > 0 {
		out += fmt.Sprintf(" (%d ruled out by their statistics)", c.RowGroupsExcluded)
	}
	if c.RowGroupsSummarized > 0 {
		out += fmt.Sprintf(" (%d answered by their statistics)", c.RowGroupsSummarized)
	}
	return out + ", " + counted(c.Rows, "row") + " decoded, " + counted(c.Tombstones, "tombstone")
}

// counted is a number with its noun: `1 row`, `2 rows`.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
