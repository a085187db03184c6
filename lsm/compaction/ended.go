package compaction

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/ttl"
)

// fate is what a merge does to a row because of its time.
type fate uint8

const (
	free fate = iota // it goes where Purge says so
	stay             // it stays whole although it has ended (R41)
	gone             // it goes whatever it holds (R42)
)

// fateAt returns the fate of a row of that time, and the times from low to high, both included, that share it.
func (m *merger) fateAt(ms int64, timed bool) (f fate, low, high int64) {
	if !timed {
		return free, math.MinInt64, math.MaxInt64
	}
	kept := m.options.Ends.KeptFrom
	switch {
	case ms < m.cut:
		return gone, math.MinInt64, m.cut - 1
	case ms >= kept:
		return stay, kept, math.MaxInt64
	}
	return free, m.cut, kept - 1
}

// groupFate finds out what becomes of the rows from first to last: m.fate, if all share it, else m.byTime says to look at each.
func (m *merger) groupFate(first, last []byte) {
	m.fate, m.byTime = free, false
	e := m.options.Ends
	if e == nil || m.cut == math.MinInt64 && (e.KeptFrom == math.MaxInt64 || e.KeptFrom == math.MinInt64) {
		return // of a table that keeps all, Purge says so
	}
	a, timedA := m.table.EventTime(first)
	b, timedB := m.table.EventTime(last)
	if timedA != timedB {
		m.byTime = true
		return
	}
	var low, high int64
	m.fate, low, high = m.fateAt(a, timedA)
	m.byTime = timedB && (b < low || b > high)
}

// leave counts the rows of runs that all go, without reading them where they can be counted otherwise.
func (m *merger) leave(runs []placedRun) error {
	for i := range runs {
		rows, err := countRows(runs[i].Run)
		if err != nil {
			return err
		}
		m.removed(rows)
	}
	return nil
}

// removed counts rows that have ended by retention.
func (m *merger) removed(rows int64) {
	if m.options.Removed != nil {
		*m.options.Removed += rows
	}
}

// countRows counts the rows of a run.
func countRows(run mutation.Run) (rows int64, err error) {
	if counted, ok := run.(interface{ CountRows() (int64, error) }); ok {
		return counted.CountRows()
	}
	if blocks := run.Blocks(); blocks != nil {
		for {
			b, err := blocks.Next()
			if b == nil || err != nil {
				return rows, err
			}
			rows += int64(b.Rows)
		}
	}
	for source := run.Rows(clustering.All(), false); ; rows++ {
		if row, err := source.Next(); row == nil || err != nil {
			return rows, err
		}
	}
}

// blockByTime hands on rows of a block, each as its time says.
func (m *merger) blockByTime(b *mutation.Block, from, to int) error {
	m.times.Reset(m.table, b)
	for from < to {
		ms, timed := m.times.At(from)
		f, low, high := m.fateAt(ms, timed)
		end := m.times.Same(from, to, low, high, timed)
		m.fate = f
		if f == gone {
			m.removed(int64(end - from))
		} else if err := m.blockOf(b, from, end); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// endedByOther reports whether a row goes for a time in its key that is not of the first column.
func (m *merger) endedByOther(row *mutation.Row) bool {
	if m.fate == stay || m.other == math.MinInt64 {
		return false
	}
	values, err := m.table.Clustering.Decode(row.Clustering)
	if at := m.options.Ends.Position; err == nil && at < len(values) {
		ms, timed := types.TimeMillis(m.table.Clustering[at].Type, values[at], 0)
		return timed && ms < m.other
	}
	return false
}

// blockByOther hands on rows of a block but those that go for such a time.
func (m *merger) blockByOther(b *mutation.Block, from, to int) error {
	at := m.options.Ends.Position
	of, v := m.table.Clustering[at].Type, &b.Clustering[at]
	var value []byte
	goes := func(i int) bool {
		value = v.AppendValue(value[:0], i)
		ms, timed := types.TimeMillis(of, value, 0)
		return timed && ms < m.other
	}
	for from < to {
		end := from
		for end < to && !goes(end) {
			end++
		}
		if from < end {
			if err := m.blockByEnd(b, from, end); err != nil {
				return err
			}
		}
		for from = end; from < to && goes(from); from++ {
			m.removed(1)
		}
	}
	return nil
}

// hasColumns reports whether rows may have ended by a column with their end, and may go for it.
func (m *merger) hasColumns() bool {
	e := m.options.Ends
	return e != nil && len(e.Columns) > 0 && m.options.Alone != nil && m.fate == free && m.purge.Expires()
}

// endedByColumn reports whether a merged row is past an end that a column says, for good, and nothing elsewhere could say otherwise.
func (m *merger) endedByColumn(row *mutation.Row) bool {
	return slices.ContainsFunc(m.options.Ends.Columns, func(e ttl.EndColumn) bool { return m.pastColumn(row, e) }) && m.options.Alone(m.key, row.Clustering)
}

func (m *merger) pastColumn(row *mutation.Row, e ttl.EndColumn) bool {
	i := slices.IndexFunc(row.Cells, func(c mutation.Cell) bool { return c.Column == e.Column })
	if i < 0 {
		return false
	}
	c := &row.Cells[i]
	if c.IsTombstone() || len(c.Value) != 8 || !ttl.Live(m.purge.NowSec, c.ExpiresAt) || int64(binary.BigEndian.Uint64(c.Value)) > e.Until {
		return false
	}
	// What outlives the column by its TTL would show again.
	return (row.Live.IsNone() || row.Live.ExpiresAt <= c.ExpiresAt) &&
		!slices.ContainsFunc(row.Cells, func(o mutation.Cell) bool { return !o.IsTombstone() && o.ExpiresAt > c.ExpiresAt })
}

// endRow takes from a row all that is not a deletion.
func endRow(row *mutation.Row) {
	row.Live = mutation.Liveness{}
	var left []mutation.Cell
	for i := range row.Cells {
		if c, any := row.Cells[i].Deletions(); any {
			left = append(left, c)
		}
	}
	row.Cells = left
}

// blockByColumns hands on rows of a block, of which some may have ended by a column.
func (m *merger) blockByColumns(b *mutation.Block, from, to int) error {
	for at := from; at < to; {
		end := at
		for end < to && !m.endsByColumn(b, end) && !(b.ExpiresAt != nil && m.purge.Ended(b.ExpiresAt[end])) {
			end++
		}
		if err := m.rowsOf(b, at, end); err != nil {
			return err
		}
		if at = end; at < to {
			m.rows.key = appendKey(m.rows.key[:0], m.table.Clustering, b.Clustering, at)
			if err := m.row(m.rows.of(m.table, b, at, m.rows.key)); err != nil {
				return err
			}
			at++
		}
	}
	return nil
}

// endsByColumn reports whether a column says that row i of a block has ended.
func (m *merger) endsByColumn(b *mutation.Block, i int) bool {
	column := 0
	for _, c := range m.table.Columns {
		if c.Static {
			continue
		}
		for _, e := range m.options.Ends.Columns {
			if v := &b.Columns[column]; e.Column == c.ID && v.Has(i) && v.Int(i) <= e.Until {
				return true
			}
		}
		column++
	}
	return false
}
