package database

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

const (
	checkWindowsMax    = 256 // windows of a partition compared at a time, those without rows included
	checkPartitionsMax = 256 // partitions whose keys are read at a time
)

// rollupCheck compares a rollup with what the rows of its base table give.
type rollupCheck struct {
	checkView
	id       mutation.TableID // of the rollup
	keyspace string
	name     string
	repair   bool
	levels   rollupLevels
	// windowsMax is how many windows are compared at a time: fewer where much diverges, one of a sample.
	windowsMax int64

	windows, sealed int64 // compared; skipped
	found, mended   int64
	answer          exec.Result
}

// rollupLevels is a rollup with the tables it comes from.
type rollupLevels struct {
	rollup, base             *schema.Table
	rollupStored, baseStored mutation.Table
	children                 []*schema.Table
}

// checkRollup carries out CHECK ROLLUP. The final windows of a partition are recomputed from raw rows and compared in one View; a long
// check takes a new one from time to time.
func (d *Database) checkRollup(st *Statement, plan *planner.CheckRollup) (*Result, error) {
	c := &rollupCheck{checkView: checkView{d: d}, id: plan.Table.ID, keyspace: plan.Table.Keyspace, name: plan.Table.Name, repair: plan.Repair, windowsMax: checkWindowsMax}
	c.answer.Columns = st.Plan.Result
	if err := c.run(plan.Sample); err != nil {
		return nil, err
	}
	return &Result{Kind: ResultRows, Rows: &c.answer, Warnings: []string{c.summary()}}, nil
}

// run compares all windows, or a sample of about so many.
func (c *rollupCheck) run(sample int) error {
	c.d.reads <- struct{}{}
	defer func() { <-c.d.reads }()
	defer c.close()
	if err := c.renew(); err != nil {
		return err
	}
	if sample > 0 {
		return c.checkSample(sample)
	}
	return c.eachPartition(func(key partition.DecoratedKey) error { return c.checkRange(key, jobs.AllTime) })
}

// renew looks at the schema and takes a View, unless the last one is young enough.
func (c *rollupCheck) renew() error {
	_, err := c.checkView.renew(c.define)
	return err
}

// define finds the rollup and its base in the schema.
func (c *rollupCheck) define() error {
	levels, ok := levelsOf(c.d.Schema(), c.keyspace, c.name, c.id)
	if !ok {
		return &planner.InvalidError{Message: fmt.Sprintf("rollup %s.%s was dropped while it was checked", c.keyspace, c.name)}
	}
	c.levels = levels
	return nil
}

// levelsOf finds a rollup and the tables around it; false: it is not there any more.
func levelsOf(s *schema.Snapshot, keyspace, name string, id mutation.TableID) (rollupLevels, bool) {
	r := s.Table(keyspace, name)
	if r == nil || r.ID != id || r.Rollup == nil {
		return rollupLevels{}, false
	}
	base := s.Table(keyspace, r.Rollup.BaseTable())
	if base == nil {
		return rollupLevels{}, false
	}
	return rollupLevels{rollup: r, base: base, rollupStored: r.Stored(), baseStored: base.Stored(), children: s.RollupsOf(r)}, true
}

// edge is the earliest time in a range that the base or the rollup has a row of a partition at, or the latest; false: there is none.
func (l *rollupLevels) edge(view View, key partition.DecoratedKey, over downsample.Window, last bool) (ms int64, ok bool, err error) {
	for _, t := range []*mutation.Table{&l.baseStored, &l.rollupStored} {
		at, has, err := jobs.EdgeTime(view, t, key, over, last)
		if err != nil {
			return 0, false, err
		}
		if has && (!ok || (at < ms) != last) {
			ms, ok = at, true
		}
	}
	return ms, ok, nil
}

// computed is the rollup with what it is computed from, if that is the base alone.
func (l *rollupLevels) computed() jobs.Rollup {
	return jobs.Rollup{Table: l.rollup, Source: l.base, Base: l.base}
}

// eachPartition calls do for the partitions that the base or the rollup has.
func (c *rollupCheck) eachPartition(do func(key partition.DecoratedKey) error) error {
	var last partition.DecoratedKey
	for {
		if err := c.renew(); err != nil {
			return err
		}
		keys, err := jobs.Partitions(c.view, []mutation.TableID{c.levels.base.ID, c.id}, last, checkPartitionsMax)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := do(key); err != nil {
				return err
			}
		}
		last = keys[len(keys)-1]
	}
}

// checkRange compares the final windows of a partition in a range of time.
func (c *rollupCheck) checkRange(key partition.DecoratedKey, over downsample.Window) error {
	if err := c.countSealed(key, over); err != nil {
		return err
	}
	for {
		end, ok, err := c.checkNext(key, over)
		if err != nil || !ok {
			return err
		}
		over.Start = end
	}
}

// checkNext compares the first windows of a range that have rows, and returns where they end; false: there are none.
func (c *rollupCheck) checkNext(key partition.DecoratedKey, over downsample.Window) (end int64, ok bool, err error) {
	for {
		if err := c.renew(); err != nil {
			return 0, false, err
		}
		part, ok, err := c.nextPart(c.view, key, over)
		if err != nil || !ok {
			return 0, false, err
		}
		found, windows, err := c.compare(c.view, key, part)
		if errors.Is(err, errManyDivergences) {
			c.windowsMax = max(1, c.windowsMax/2)
			continue
		}
		if err != nil {
			return 0, false, err
		}
		if c.outdated() {
			continue // compared by a definition that may not have been that of the View
		}
		if c.repair && len(found) > 0 {
			if err := c.mend(key, found); err != nil {
				return 0, false, err
			}
		}
		c.windows += windows
		c.report(found)
		return part.End, true, nil
	}
}

// nextPart is the next range of final windows to compare, of which the first has rows; false: there are none left.
func (c *rollupCheck) nextPart(view View, key partition.DecoratedKey, over downsample.Window) (downsample.Window, bool, error) {
	parts, err := c.final(view, key, over)
	if err != nil {
		return over, false, err
	}
	for _, part := range parts {
		first, ok, err := c.levels.edge(view, key, part, false)
		if err != nil {
			return over, false, err
		}
		if ok {
			at := jobs.WindowsFrom(c.levels.rollup.Rollup, max(first, part.Start), c.windowsMax, part.End)
			at.Start = max(at.Start, part.Start)
			return at, true, nil
		}
	}
	return over, false, nil
}

// final are the parts of a range that can be compared: final, and comparable with the rows of the base.
func (c *rollupCheck) final(view View, key partition.DecoratedKey, over downsample.Window) ([]downsample.Window, error) {
	from, err := c.d.comparableFrom(view, c.levels.rollup)
	if err != nil {
		return nil, err
	}
	over.Start = max(over.Start, from)
	if over.Start >= over.End {
		return nil, nil
	}
	return c.d.finalParts(view, c.levels.rollup, key, over, c.d.clock.Now().UnixMilli())
}

// countSealed counts the windows of a range that are sealed: they stay as they are.
func (c *rollupCheck) countSealed(key partition.DecoratedKey, over downsample.Window) error {
	until, err := c.d.followedFrom(c.view, c.levels.rollup)
	if err != nil {
		return err
	}
	over.End = min(over.End, until)
	if over.Start >= over.End {
		return nil
	}
	n, err := countWindows(c.view, &c.levels.rollupStored, key, over)
	c.sealed += n
	return err
}

// errManyDivergences means that a range of windows has more divergences than are kept in memory.
var errManyDivergences = errors.New("more divergences than are looked at together")

// compare recomputes the windows of a range from raw rows and looks for rows that differ. windows is how many have rows.
func (c *rollupCheck) compare(view View, key partition.DecoratedKey, over downsample.Window) (found []windowDivergence, windows int64, err error) {
	if windows, err = countWindows(view, &c.levels.rollupStored, key, over); err != nil {
		return nil, 0, err
	}
	last := downsample.Window{}
	job := jobs.Recompute{
		View: view, Rollup: c.levels.computed(), Base: key, Over: over, NowMillis: c.d.clock.Now().UnixMilli(), ClosedUntil: over.End, FromBase: true, Bounds: true,
	}
	err = job.Differences(func(d *jobs.Difference) error {
		if d.Tolerable {
			return nil
		}
		if len(found) >= CheckRowsMax && over != d.Window {
			return errManyDivergences
		}
		found = append(found, *newWindowDivergence(c.levels.rollup, key, d))
		if !d.Stored && d.Window != last {
			last = d.Window
			if _, has, err := jobs.EdgeTime(view, &c.levels.rollupStored, key, d.Window, false); err != nil {
				return err
			} else if !has {
				windows++
			}
		}
		return nil
	})
	return found, windows, err
}

// report answers with what was found.
func (c *rollupCheck) report(found []windowDivergence) {
	r := c.levels.rollup
	for i := range found {
		f := &found[i]
		if c.found++; c.answer.RowCount >= CheckRowsMax {
			continue
		}
		for _, cell := range []string{r.QualifiedName(), f.kind, r.PartitionText(f.key.Key), r.ClusteringText(f.clustering), f.detail} {
			c.answer.Rows = exec.AppendCell(c.answer.Rows, []byte(cell))
		}
		c.answer.RowCount++
	}
}

// summary is the warning that says how much was compared.
func (c *rollupCheck) summary() string {
	out := fmt.Sprintf("rollup %s: %d windows compared with the rows of %s, %d divergences", c.levels.rollup.QualifiedName(), c.windows, c.levels.base.QualifiedName(), c.found)
	if c.repair {
		out += fmt.Sprintf(", %d mended", c.mended)
	}
	if c.sealed > 0 {
		out += fmt.Sprintf("; %d sealed windows skipped", c.sealed)
	}
	if c.found > int64(c.answer.RowCount) {
		out += fmt.Sprintf("; the first %d are told", c.answer.RowCount)
	}
	return out
}
