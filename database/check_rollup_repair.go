package database

import (
	"bytes"
	"errors"
	"slices"

	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// mend writes what is right in the record style of a recomputation, window by window, and marks the windows of the rollups
// above. What the check has read is compared once more in a View that no writer's mark can have missed.
func (c *rollupCheck) mend(key partition.DecoratedKey, found []windowDivergence) error {
	return c.d.rollups.Exclude(func() error {
		moment := c.d.moment.Load()
		if err := c.define(); err != nil {
			return err
		}
		view := rollupStore{c.d}.Pin(func() {})
		defer view.Close()
		for len(found) > 0 {
			n := 1
			for n < len(found) && found[n].window == found[0].window {
				n++
			}
			if err := c.mendWindow(view.(View), moment, key, found[:n]); err != nil {
				return err
			}
			found = found[n:]
		}
		return nil
	})
}

// mendWindow mends the rows of one window.
func (c *rollupCheck) mendWindow(view View, moment uint64, key partition.DecoratedKey, found []windowDivergence) error {
	over := found[0].window
	still := []windowDivergence{}
	var record []mutation.Mutation
	parts, err := c.final(view, key, over)
	if err != nil {
		return err
	}
	if slices.Contains(parts, over) {
		if still, _, err = c.compare(view, key, over); err != nil {
			return err
		}
		for i := range still {
			record = append(record, still[i].mended)
		}
	}
	marks, err := c.childMarks(key, over)
	if err != nil {
		return err
	}
	ok, err := c.d.applyRepair(moment, record, marks)
	if err != nil {
		return err
	}
	for i := range found {
		f := &found[i]
		again := slices.ContainsFunc(still, func(s windowDivergence) bool { return bytes.Equal(s.clustering, f.clustering) })
		if !ok || !again {
			f.detail += wasChanged
			continue
		}
		f.detail += wasMended
		c.mended++
	}
	return nil
}

// childMarks are the marks of rollups on the rollup when windows of it changed, as far as those are not sealed there. The caller keeps
// recomputations away: they seal.
func (c *rollupCheck) childMarks(key partition.DecoratedKey, over downsample.Window) ([]jobs.Mark, error) {
	var out []jobs.Mark
	for _, child := range c.levels.children {
		state, err := c.d.rollups.State(child)
		if err != nil {
			return nil, err
		}
		w := widened(child.Rollup, over)
		if w.Start = max(w.Start, state.SealedUntil); w.Start < w.End {
			out = append(out, jobs.Mark{Rollup: child.ID, Base: key, Window: w})
		}
	}
	return out, nil
}

// applyRepair writes rows of a rollup with the marks of the rollups above, as one record, unless the moment has passed: then what was
// read may have been dropped or truncated, and ok is false. No recomputation may be under way.
func (d *Database) applyRepair(moment uint64, record []mutation.Mutation, marked []jobs.Mark) (ok bool, err error) {
	if len(record) == 0 {
		return true, nil
	}
	for _, m := range marked {
		mark, err := markMutation(m)
		if err != nil {
			return false, err
		}
		record = append(record, mark)
	}
	d.marksMu.RLock()
	defer d.marksMu.RUnlock()
	if d.moment.Load() != moment {
		return false, nil
	}
	sequence, err := d.store.Apply(record)
	if errors.Is(err, lsm.ErrUnknownTable) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, m := range marked {
		d.rollups.Marked(m, sequence)
	}
	return true, nil
}
