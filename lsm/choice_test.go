package lsm

import (
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// hookClock calls a function when it is looked at.
type hookClock struct {
	*clock.Manual
	hook func() // nil: none
}

// Now implements clock.Clock.
func (c *hookClock) Now() time.Time {
	if hook := c.hook; hook != nil {
		c.hook = nil
		hook()
	}
	return c.Manual.Now()
}

// A flush while a compaction is being chosen moves rows from memory to a file. They are seen in one of both, so that a file
// of deletions which still hide them is not dropped.
func TestAFlushDuringTheChoiceHidesNothing(t *testing.T) {
	clk := &hookClock{Manual: clock.NewManual(start)}
	opts := testOptions(vfs.NewMem(), clk.Manual)
	opts.Clock = clk
	s := openWith(t, opts)
	table := testTable(4)
	mustApply(t, s, mutation.Mutation{Table: table.ID, Key: keyOf(1), Deletion: mutation.Deletion{MarkedAt: 500, LocalSec: clk.Now().Unix()}})
	mustNot(t, s.Flush(table.ID))
	mustApply(t, s, rowMutation(&table, 1, 1, 100))
	clk.Advance(time.Hour)
	clk.hook = func() { mustNot(t, s.Flush(table.ID)) }
	_, err := s.compactNext(table.ID)
	mustNot(t, err)
	v := s.View()
	text, err := readText(v, &table, allOf(&table, keyOf(1)), 0)
	if err != nil || text != "" {
		t.Errorf("a deleted row shows: %v\n%s", err, text)
	}
	v.Close()
	mustNot(t, s.Close())
}
