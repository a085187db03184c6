package jobs

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Limits of what is held of one window.
const (
	groupsMax      = 1 << 16   // groups of a window
	windowBytesMax = 256 << 20 // of what percentiles and counts of different values take
	spareBytesMax  = 64 << 10  // of one of these, to be used for the next window
)

// output is what a row of a rollup consists of.
type output struct {
	table   *schema.Table
	base    *schema.Table
	bounds  bool
	clock   rowClock
	layout  clustering.Layout
	slots   []slot              // ascending by target
	targets []mutation.ColumnID // of the slots
}

// slot is a column that is computed.
type slot struct {
	of     *types.Type // of the source column; nil: rows are counted
	what   downsample.Aggregate
	target mutation.ColumnID
	from   int // the slot that it is derived from; itself where it is not
}

func newOutput(r *Recompute) (*output, error) {
	t := r.Rollup.Table
	out := &output{table: t, base: r.Rollup.Base, bounds: r.Bounds, clock: newClock(t), layout: t.ClusteringLayout()}
	for _, a := range t.Rollup.Aggregates {
		s := slot{what: a}
		to := valueColumn(t, a.Target)
		if a.Source != "" {
			from := out.base.Column(a.Source)
			if from == nil || to == nil {
				return nil, fmt.Errorf("rollup %s: %s(%s) has no column", t.QualifiedName(), a.Function, a.Source)
			}
			s.of = from.Type
		}
		if to == nil {
			return nil, fmt.Errorf("rollup %s: %s(*) has no column", t.QualifiedName(), a.Function)
		}
		s.target = to.ID
		out.slots = append(out.slots, s)
	}
	slices.SortFunc(out.slots, func(a, b slot) int { return int(a.target) - int(b.target) })
	for i := range out.slots {
		out.targets = append(out.targets, out.slots[i].target)
		out.slots[i].from = i
		for j := range out.slots {
			if out.slots[j].what.Source == out.slots[i].what.Source && out.slots[j].what.Function == downsample.MostKnowing(out.slots[i].what.Function, out.slots[i].of) {
				out.slots[i].from = j
				break
			}
		}
	}
	return out, nil
}

// valueColumn is the column of a rollup with a name: of an aggregate or of a state.
func valueColumn(t *schema.Table, name string) *schema.Column {
	if c := t.State(name); c != nil {
		return c
	}
	return t.Column(name)
}

// group is what is known of a group of the window under way.
type group struct {
	key     []byte // encoded: the clustering behind the window
	accs    []downsample.Stateful
	derived []bool              // of accs: it is a part of another one
	bounds  []*downsample.Bound // as accs, nil where there is none; empty unless asked for
}

// windows computes rows window by window.
type windows struct {
	rollup *schema.Table
	read   source
	merges bool // the rows read are of a rollup
	out    *output
	to     *stored

	inputs [][]int              // the vectors that each slot takes; none: it counts rows
	states [][]*mutation.Vector // of the batch under way, as inputs
	splits []splitter

	at     downsample.Window // the window under way; empty: none
	groups []*group          // of the window
	byKey  map[string]*group // the same, where there are columns that split windows
	last   *group            // the one of the row before
	spare  []*group
	key    []byte
	sized  bool

	unweighed int // rows since withinLimits looked
	bytesMax  int // windowBytesMax
}

// splitter is a column that splits windows.
type splitter struct {
	column  clustering.Column
	at      int  // among the clustering columns, or the vectors
	key     bool // among the clustering columns
	scratch []byte
}

// newWindows reads a segment.
func newWindows(r *Recompute, s segment, out *output) (*windows, error) {
	w := &windows{rollup: r.Rollup.Table, read: source{table: s.from}, merges: s.from.Rollup != nil, out: out, byKey: map[string]*group{}, bytesMax: windowBytesMax}
	for i := range out.slots {
		input, err := w.input(&out.slots[i])
		if err != nil {
			return nil, fmt.Errorf("rollup %s: %w", w.rollup.QualifiedName(), err)
		}
		w.inputs = append(w.inputs, input)
		w.states = append(w.states, make([]*mutation.Vector, len(input)))
	}
	for i, name := range w.rollup.Rollup.Group {
		c := s.from.Column(name)
		if c == nil {
			return nil, fmt.Errorf("rollup %s: %s has no column %s", w.rollup.QualifiedName(), s.from.QualifiedName(), name)
		}
		split := splitter{column: out.layout[i+1], key: c.Kind == schema.ClusteringKey, at: c.Position}
		if !split.key {
			split.at = w.read.column(c)
		}
		w.splits = append(w.splits, split)
	}
	return w, nil
}

// start begins another segment. What an earlier one left that did not come to its end is forgotten.
func (w *windows) start(to *stored) {
	w.to = to
	w.reuse()
	w.at, w.unweighed = downsample.Window{}, 0
}

// input are the vectors that a slot is computed from.
func (w *windows) input(s *slot) ([]int, error) {
	if !w.merges {
		if s.of == nil {
			return nil, nil
		}
		return []int{w.read.column(w.read.table.Column(s.what.Source))}, nil
	}
	needs, ok := downsample.Needs(s.what.Function, s.of)
	if !ok {
		return nil, fmt.Errorf("%s(%s) cannot be merged", s.what.Function, s.what.Source)
	}
	out := make([]int, len(needs))
	for i, name := range needs {
		c := held(w.read.table, name, s.what.Source)
		if c == nil {
			return nil, fmt.Errorf("%s has no %s(%s)", w.read.table.QualifiedName(), name, s.what.Source)
		}
		out[i] = w.read.column(c)
	}
	return out, nil
}

// held is the column of a rollup that has a function or a state of a column of its base, or nil.
func held(t *schema.Table, function, of string) *schema.Column {
	for i := range t.Rollup.Aggregates {
		if a := &t.Rollup.Aggregates[i]; a.Function == function && a.Source == of {
			return valueColumn(t, a.Target)
		}
	}
	return nil
}

// add takes a batch of the source, cut where windows end.
func (w *windows) add(b *mutation.Batch) error {
	for i, input := range w.inputs {
		for j, at := range input {
			w.states[i][j] = &b.Columns[at]
		}
	}
	times := &b.Clustering[0]
	for from := 0; from < b.Rows; {
		ms, ok := w.read.clock.millis(times, from)
		if !ok { // the empty value is no time
			from++
			continue
		}
		if w.at.Start == w.at.End || !within(w.at, ms) {
			if err := w.finish(); err != nil {
				return err
			}
			w.at = w.rollup.Rollup.WindowOf(ms)
		}
		to := w.end(times, from, b.Rows)
		if err := w.span(b, from, to); err != nil {
			return err
		}
		from = to
	}
	if w.unweighed += b.Rows; w.sized && w.unweighed >= len(w.groups) {
		return w.withinLimits()
	}
	return nil
}

// end is the first row behind from that is not in the window under way.
func (w *windows) end(times *mutation.Vector, from, rows int) int {
	inside := func(i int) bool {
		ms, ok := w.read.clock.millis(times, i)
		return ok && within(w.at, ms)
	}
	if inside(rows - 1) {
		return rows
	}
	return from + 1 + sort.Search(rows-from-1, func(i int) bool { return !inside(from + 1 + i) })
}

// within reports whether a time that is not before a window lies in it. The last window of all time includes its end.
func within(w downsample.Window, ms int64) bool { return ms < w.End || w.End == math.MaxInt64 }

// span takes rows of the window under way.
func (w *windows) span(b *mutation.Batch, from, to int) error {
	if len(w.splits) == 0 {
		if w.last == nil {
			if err := w.begin(nil); err != nil {
				return err
			}
		}
		w.feed(w.last, from, to)
		return nil
	}
	for from < to {
		key, ok := w.keyOf(b, from)
		if !ok {
			from++
			continue
		}
		if w.last == nil || !bytes.Equal(w.last.key, key) {
			if w.last = w.byKey[string(key)]; w.last == nil {
				if err := w.begin(key); err != nil {
					return err
				}
			}
		}
		end := from + 1
		for end < to {
			next, ok := w.keyOf(b, end)
			if !ok || !bytes.Equal(next, w.last.key) {
				break
			}
			end++
		}
		w.feed(w.last, from, end)
		from = end
	}
	return nil
}

// keyOf is the encoded group of a row; false where one of its columns is null.
func (w *windows) keyOf(b *mutation.Batch, i int) ([]byte, bool) {
	w.key = w.key[:0]
	for k := range w.splits {
		s := &w.splits[k]
		from := b.Columns
		if s.key {
			from = b.Clustering
		}
		v := &from[s.at]
		if !v.Has(i) {
			return nil, false
		}
		s.scratch = v.AppendValue(s.scratch[:0], i)
		w.key = s.column.Append(w.key, s.scratch)
	}
	return w.key, true
}

// begin opens a group.
func (w *windows) begin(key []byte) error {
	if len(w.groups) == groupsMax {
		return fmt.Errorf("partition %s: the window from %s has more than %d groups of %v; group by columns of fewer values, or take shorter windows",
			w.to.partition(), time.UnixMilli(w.at.Start).UTC().Format(time.RFC3339), groupsMax, w.rollup.Rollup.Group)
	}
	var g *group
	if n := len(w.spare); n > 0 {
		g, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		var err error
		if g, err = w.newGroup(); err != nil {
			return fmt.Errorf("rollup %s: %w", w.rollup.QualifiedName(), err)
		}
	}
	g.key = append(g.key[:0], key...)
	w.groups, w.last = append(w.groups, g), g
	if len(w.splits) > 0 {
		w.byKey[string(key)] = g
	}
	return nil
}

// newGroup makes the accumulators of a group. What another one knows as well is derived from it.
func (w *windows) newGroup() (*group, error) {
	g := &group{accs: make([]downsample.Stateful, len(w.out.slots)), derived: make([]bool, len(w.out.slots))}
	for i := range w.out.slots {
		s := &w.out.slots[i]
		if w.out.bounds {
			g.bounds = append(g.bounds, downsample.NewBound(s.what.Function, s.of))
		}
		if s.from != i {
			continue
		}
		acc, err := downsample.NewStateful(s.what.Function, s.of, s.what.Fraction)
		if err != nil {
			return nil, err
		}
		if _, ok := acc.(downsample.Sized); ok {
			w.sized = true
		}
		g.accs[i] = acc
	}
	for i := range w.out.slots {
		s := &w.out.slots[i]
		if s.from == i {
			continue
		}
		acc, ok := downsample.Derive(g.accs[s.from], s.what.Function, s.of, s.what.Fraction)
		invariants.Check(ok, "%s is not derived from %s", s.what.Function, w.out.slots[s.from].what.Function)
		g.accs[i], g.derived[i] = acc, true
	}
	return g, nil
}

// feed adds rows of the batch under way to a group.
func (w *windows) feed(g *group, from, to int) {
	for i, acc := range g.accs {
		switch states := w.states[i]; {
		case g.derived[i]:
		case w.merges:
			acc.MergeVectors(states, from, to)
		case len(states) == 0:
			acc.AddVector(nil, from, to)
		default:
			acc.AddVector(states[0], from, to)
		}
	}
	for i, b := range g.bounds {
		switch states := w.states[i]; {
		case b == nil:
		case w.merges:
			b.MergeVectors(states, from, to)
		default:
			b.AddVector(states[0], from, to)
		}
	}
}

// withinLimits refuses a window that takes too much memory. It looks at all groups, so it is asked once for as many rows as there are groups.
func (w *windows) withinLimits() error {
	w.unweighed = 0
	total := 0
	for _, g := range w.groups {
		bytes, _ := g.bytes()
		total += bytes
	}
	if total <= w.bytesMax {
		return nil
	}
	return fmt.Errorf("partition %s: the %d groups of the window from %s take more than %d MiB; group by columns of fewer values, or take shorter windows",
		w.to.partition(), len(w.groups), time.UnixMilli(w.at.Start).UTC().Format(time.RFC3339), w.bytesMax>>20)
}

// bytes is what the accumulators take whose memory grows with the values, in all and at most.
func (g *group) bytes() (total, most int) {
	for _, acc := range g.accs {
		if s, ok := acc.(downsample.Sized); ok {
			total, most = total+s.Bytes(), max(most, s.Bytes())
		}
	}
	return total, most
}

// reuse empties the groups of a window and keeps them for the next one, but for those that have become large: what they hold is of values that
// may not come again.
func (w *windows) reuse() {
	for _, g := range w.groups {
		if _, most := g.bytes(); most > spareBytesMax {
			continue
		}
		for i, acc := range g.accs {
			if !g.derived[i] {
				acc.Reset()
			}
		}
		for _, b := range g.bounds {
			if b != nil {
				b.Reset()
			}
		}
		w.spare = append(w.spare, g)
	}
	w.groups, w.last = w.groups[:0], nil
	clear(w.byKey)
}

// finish hands on the groups of the window under way, in the order in which the rollup is read.
func (w *windows) finish() error {
	slices.SortFunc(w.groups, func(a, b *group) int { return w.to.order(a.key, b.key) })
	for _, g := range w.groups {
		if err := w.emit(g); err != nil {
			return err
		}
	}
	w.reuse()
	w.at = downsample.Window{}
	return nil
}

// emit hands on a row.
func (w *windows) emit(g *group) error {
	row := mutation.Row{Live: mutation.Liveness{ExpiresAt: mutation.Forever}}
	row.Cells = make([]mutation.Cell, 0, len(g.accs))
	for i, acc := range g.accs {
		v := acc.Result()
		if err := acc.Err(); err != nil {
			return fmt.Errorf("partition %s: the window from %s of %s: %w",
				w.to.partition(), time.UnixMilli(w.at.Start).UTC().Format(time.RFC3339), w.read.table.QualifiedName(), err)
		}
		if v != nil {
			row.Cells = append(row.Cells, mutation.Cell{Column: w.out.targets[i], ExpiresAt: mutation.Forever, Value: v})
		}
	}
	row.Clustering = append(w.out.layout[0].Append(nil, w.out.clock.start(w.at)), g.key...)
	if len(row.Clustering) > clustering.KeyBytesMax {
		return fmt.Errorf("partition %s: a group of the window from %s has a key of more than %d bytes",
			w.to.partition(), time.UnixMilli(w.at.Start).UTC().Format(time.RFC3339), clustering.KeyBytesMax)
	}
	return w.to.compare(w.at, &row, g.bounds)
}
