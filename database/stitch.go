package database

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// levelSource is a View with what is final of rollups at it, at one moment.
type levelSource struct {
	viewSource
	final    *finality
	retained map[mutation.TableID]int64 // of the levels of the plan, from which time on their rows show
}

// FinalParts implements exec.LevelSource.
func (s levelSource) FinalParts(level *schema.Table, key partition.DecoratedKey, over downsample.Window) ([]downsample.Window, error) {
	return s.final.parts(level, key, over)
}

// RetainedFrom implements exec.LevelSource.
func (s levelSource) RetainedFrom(level *schema.Table) int64 { return s.retained[level.ID] }

// retainedFrom finds out what RetainedFrom tells.
func (s viewSource) retainedFrom(level *schema.Table, nowMillis int64) int64 {
	now := s.schema.Table(level.Keyspace, level.Name)
	if now == nil || now.ID != level.ID {
		return math.MaxInt64 // it was dropped a moment ago
	}
	keys, err := s.view.Keys(level.ID, partition.Range{HasEnd: true, End: math.MinInt64, ExclEnd: true})
	switch {
	case errors.Is(err, lsm.ErrUnknownTable):
		return math.MaxInt64 // too, and the schema that is known is of before
	case err == nil:
		keys.Close()
	}
	return now.LeastVisibleFrom(nowMillis) // rollups have no policies of their own
}

// WholeFrom implements exec.LevelSource.
func (s levelSource) WholeFrom(level *schema.Table) (int64, error) {
	state, err := s.final.state(level)
	from := max(state.SealedUntil, state.BuiltFrom, state.CompleteFrom)
	for _, below := range sourcesOf(s.schema, level) { // what was sealed there may have gone before this one was declared
		if err != nil {
			break
		}
		if state, err = s.final.state(below); err == nil {
			from = max(from, state.SealedUntil)
		}
	}
	return from, err
}

// sourceOf is where a plan finds its rows.
func (d *Database) sourceOf(plan *planner.Read) readSource {
	source := d.source(plan.Table)
	if stored, ok := source.(viewSource); ok && plan.Levels != nil {
		out := levelSource{stored, d.finality(stored.view, d.clock.Now().UnixMilli()), map[mutation.TableID]int64{}}
		for i := range plan.Levels.Levels {
			level := plan.Levels.Levels[i].Table
			out.retained[level.ID] = stored.retainedFrom(level, out.final.nowMillis)
		}
		return out
	}
	return source
}

// levelWarnings tell which rollup served which time.
func levelWarnings(levels []exec.LevelStats) (warnings []string) {
	for i := range levels {
		if text := servedText(&levels[i]); text != "" {
			warnings = append(warnings, "rollup "+levels[i].Table.QualifiedName()+" "+text)
		}
	}
	return warnings
}

// servedText says which time a rollup served; it is empty where that is none.
func servedText(l *exec.LevelStats) string {
	if len(l.Served) == 0 {
		return ""
	}
	parts := make([]string, len(l.Served))
	for i, w := range l.Served {
		parts[i] = timeText(w.Start) + " to " + timeText(w.End)
	}
	text := "served " + strings.Join(parts, ", ")
	if l.More {
		text += fmt.Sprintf(" and more; only %d ranges are listed", exec.ServedMax)
	}
	return text
}

// levels tells what each level of the plan served.
func (m *measured) levels() []string {
	if m.plan.Levels == nil {
		return nil
	}
	out := make([]string, len(m.plan.Levels.Levels))
	for i := range out {
		out[i] = "served nothing"
		if at := m.level(m.plan.Levels.Levels[i].Table.QualifiedName()); at != nil {
			if text := servedText(at); text != "" {
				out[i] = text
			}
		}
	}
	return out
}

// level is what was counted of a rollup; nil: nothing was.
func (m *measured) level(name string) *exec.LevelStats {
	for i := range m.stats.Levels {
		if m.stats.Levels[i].Table.QualifiedName() == name {
			return &m.stats.Levels[i]
		}
	}
	return nil
}

// levelRows is how many rows of a rollup were read.
func (m *measured) levelRows(name string) int64 {
	if l := m.level(name); l != nil {
		return l.Rows
	}
	return 0
}

// timeText is a time in UTC to the minute, finer where it is not a whole one.
func timeText(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	switch {
	case ms%60_000 == 0:
		return t.Format("2006-01-02T15:04Z")
	case ms%1000 == 0:
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}
