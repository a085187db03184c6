package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

const hour = int64(3_600_000)

// tables are readings(k | ts | v) and its rollup by the hour, count, sum, first and last of v.
func tables(desc bool) Rollup {
	base := &schema.Table{ID: mutation.TableID{1}, Keyspace: "ks", Name: "readings", Kind: schema.Base}
	rolled := &schema.Table{ID: mutation.TableID{2}, Keyspace: "ks", Name: "readings_1h", Kind: schema.Rollup}
	for _, t := range []*schema.Table{base, rolled} {
		t.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
		t.Clustering = []*schema.Column{{Name: "ts", Kind: schema.ClusteringKey, Type: types.Timestamp, Desc: desc}}
	}
	base.AddColumn(&schema.Column{Name: "v", Kind: schema.Regular, Type: types.Int})
	rolled.Rollup = &downsample.Definition{Source: "readings", TimeColumn: "ts", StepMillis: hour}
	for _, function := range []string{"count", "sum", "first", "last"} {
		of, err := downsample.ResultType(function, types.Int)
		if err != nil {
			panic(err)
		}
		rolled.AddColumn(&schema.Column{Name: function + "_v", Kind: schema.Regular, Type: of})
		rolled.Rollup.Aggregates = append(rolled.Rollup.Aggregates, downsample.Aggregate{Function: function, Source: "v", Target: function + "_v"})
	}
	return Rollup{Table: rolled, Source: base, Base: base}
}

// rows are the merged rows of one partition by clustering.
type rows map[string]mutation.Row

// fake is a Store in memory whose Pin and Apply can be watched and fail.
type fake struct {
	rollup Rollup
	others []Rollup
	gone   bool // the rollup was dropped

	mu       sync.Mutex
	sequence uint64
	data     map[mutation.TableID]map[string]rows
	marks    map[name]uint64 // uncleared marks by the sequence that wrote them last
	base     map[string]partition.DecoratedKey

	states      map[mutation.TableID]State
	marksAtOnce int // how many a step of a walk gives; 0: all

	afterPin func()       // runs between the pin and the first read
	failing  func() error // asked before each Apply
	applied  []int        // rows of each record
	bytesMax int          // of a record, keys and clusterings alone; 0: any
}

func newFake(desc bool) *fake {
	return &fake{rollup: tables(desc), data: map[mutation.TableID]map[string]rows{}, marks: map[name]uint64{}, base: map[string]partition.DecoratedKey{}, states: map[mutation.TableID]State{}}
}

func (f *fake) Rollups() []Rollup {
	if f.gone {
		return nil
	}
	return append([]Rollup{f.rollup}, f.others...)
}

func (f *fake) Pin(pinned func()) View {
	f.mu.Lock()
	pinned()
	v := &fakeView{rollup: f.rollup, sequence: f.sequence, data: map[mutation.TableID]map[string]rows{}}
	for id, partitions := range f.data {
		v.data[id] = map[string]rows{}
		for key, rs := range partitions {
			v.data[id][key] = maps.Clone(rs)
		}
	}
	f.mu.Unlock()
	if f.afterPin != nil {
		f.afterPin()
	}
	return v
}

func (f *fake) Apply(a Answer) (uint64, error) {
	if f.failing != nil {
		if err := f.failing(); err != nil {
			return 0, err
		}
	}
	ms := a.Rows
	if n := keyBytes(&a); f.bytesMax > 0 && n > f.bytesMax {
		return 0, fmt.Errorf("a record of %d bytes: %w", n, errTooLarge)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequence++
	f.applied = append(f.applied, len(ms))
	for i := range ms {
		f.putLocked(&ms[i])
	}
	for i := range a.Cleared {
		if f.marks[a.Cleared[i].name()] <= a.UpTo {
			delete(f.marks, a.Cleared[i].name())
		}
	}
	for i := range a.Marked {
		f.base[string(a.Marked[i].Base.Key)] = a.Marked[i].Base
		f.marks[a.Marked[i].name()] = f.sequence
	}
	maps.Copy(f.states, a.States)
	return f.sequence, nil
}

var errTooLarge = errors.New("too large")

// keyBytes are those of the keys and clusterings of a record.
func keyBytes(a *Answer) (n int) {
	for i := range a.Rows {
		n += len(a.Rows[i].Key.Key) + len(a.Rows[i].Rows[0].Clustering)
	}
	for _, m := range append(slices.Clone(a.Marked), a.Cleared...) {
		n += len(m.Base.Key) + 16
	}
	return n
}

// State implements Store.
func (f *fake) State(r *schema.Table) (State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, found := f.states[r.ID]; found {
		return s, nil
	}
	return NewState(r.Rollup), nil
}

func (f *fake) putLocked(m *mutation.Mutation) {
	if f.data[m.Table] == nil {
		f.data[m.Table] = map[string]rows{}
	}
	if f.data[m.Table][string(m.Key.Key)] == nil {
		f.data[m.Table][string(m.Key.Key)] = rows{}
	}
	for _, row := range m.Rows {
		f.data[m.Table][string(m.Key.Key)][string(row.Clustering)] = row
	}
}

// Marks walks in the order of names, a few at a time. The place is that of the last name, as a key.
func (f *fake) Marks(from Place, each func(Mark, uint64) bool) (Place, bool, error) {
	f.mu.Lock()
	var names []name
	sequences := maps.Clone(f.marks)
	for n := range f.marks {
		if from.Key.Key == nil || placeOf(&n) > string(from.Key.Key) {
			names = append(names, n)
		}
	}
	f.mu.Unlock()
	slices.SortFunc(names, func(a, b name) int { return strings.Compare(placeOf(&a), placeOf(&b)) })
	for i := range names {
		if i == f.marksAtOnce && i > 0 {
			return from, false, nil
		}
		from.Key.Key = []byte(placeOf(&names[i]))
		if !each(names[i].mark(), sequences[names[i]]) {
			return from, i == len(names)-1, nil
		}
	}
	return from, true, nil
}

func placeOf(n *name) string { return fmt.Sprintf("%x %x %x", n.rollup, n.base, n.window) }

// Decide implements Store.
func (f *fake) Decide(decide func() (Answer, bool), undo func()) error {
	a, ok := decide()
	if !ok {
		return nil
	}
	_, err := f.Apply(a)
	if err != nil {
		undo()
	}
	return err
}

func keyOf(k int32) partition.DecoratedKey { return partition.Decorate(types.AppendInt(nil, k)) }

func (f *fake) place(millis int64) []byte {
	at, err := f.rollup.Source.ClusteringLayout().Encode([][]byte{types.AppendBigint(nil, millis)})
	if err != nil {
		panic(err)
	}
	return at
}

// write does what the database does: a mark unless it is covered, one record, then the scheduler is told. nil deletes.
func (f *fake) write(r *Rollups, k int32, millis int64, value *int32, window downsample.Window) {
	m := Mark{Rollup: f.rollup.Table.ID, Base: keyOf(k), Window: window}
	row := mutation.Row{Clustering: f.place(millis), Live: mutation.Liveness{ExpiresAt: 10}} // long ended: R40
	if value == nil {
		row = mutation.Row{Clustering: row.Clustering, Deletion: mutation.Deletion{LocalSec: 1}}
	} else {
		row.Cells = []mutation.Cell{{Column: 1, TTL: 1, ExpiresAt: 10, Value: types.AppendInt(nil, *value)}}
	}
	covered := r.Cover.Has(m.Rollup, m.Base.Key, window.Start, window.End-1)
	f.mu.Lock()
	f.sequence++
	sequence := f.sequence
	f.putLocked(&mutation.Mutation{Table: f.rollup.Source.ID, Key: m.Base, Rows: []mutation.Row{row}})
	if !covered {
		f.marks[m.name()] = sequence
		f.base[string(m.Base.Key)] = m.Base
	}
	f.mu.Unlock()
	if !covered {
		r.Marked(m, sequence)
	}
	r.Wrote()
	r.Poke()
}

func (f *fake) put(r *Rollups, k int32, millis int64, value int32) {
	f.write(r, k, millis, &value, downsample.WindowOf(millis, hour))
}

// rolledUp is the content of the rollup: a line a window.
func (f *fake) rolledUp() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for key, rs := range f.data[f.rollup.Table.ID] {
		for at, row := range rs {
			if !row.Deletion.IsNone() {
				continue
			}
			start, err := f.rollup.Table.ClusteringLayout().Decode([]byte(at))
			if err != nil {
				panic(err)
			}
			line := fmt.Sprintf("%x %d", key, types.DecodeInt64(start[0])/hour)
			for _, c := range row.Cells {
				line += fmt.Sprintf(" %s=%d", f.rollup.Table.ColumnByID(c.Column).Name, types.DecodeInt64(c.Value))
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// expected is the same computed from the rows, without expiry.
func (f *fake) expected() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for key, rs := range f.data[f.rollup.Source.ID] {
		byWindow := map[int64]map[int64]int64{}
		for at, row := range rs {
			if !row.Deletion.IsNone() {
				continue
			}
			values, err := f.rollup.Source.ClusteringLayout().Decode([]byte(at))
			if err != nil {
				panic(err)
			}
			ts := types.DecodeInt64(values[0])
			start := downsample.WindowOf(ts, hour).Start
			if byWindow[start] == nil {
				byWindow[start] = map[int64]int64{}
			}
			byWindow[start][ts] = types.DecodeInt64(row.Cells[0].Value)
		}
		for start, values := range byWindow {
			times := slices.Sorted(maps.Keys(values))
			sum := int64(0)
			for _, v := range values {
				sum += v
			}
			out = append(out, fmt.Sprintf("%x %d count_v=%d sum_v=%d first_v=%d last_v=%d", key, start/hour,
				len(values), sum, values[times[0]], values[times[len(times)-1]]))
		}
	}
	slices.Sort(out)
	return out
}

// fakeView is a fake as it was when it was pinned.
type fakeView struct {
	rollup   Rollup
	sequence uint64
	data     map[mutation.TableID]map[string]rows
}

func (v *fakeView) Sequence() uint64 { return v.sequence }
func (v *fakeView) Close()           {}

func (v *fakeView) Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	of := v.rollup.Source
	if table == v.rollup.Table.ID {
		of = v.rollup.Table
	}
	stored := of.Stored()
	r := &fakeReader{builder: mutation.NewBatchBuilder(&stored, &req)}
	for at, row := range v.data[table][string(req.Key.Key)] {
		if req.Slices.Contains([]byte(at)) && row.Deletion.IsNone() {
			r.rows = append(r.rows, row)
		}
	}
	slices.SortFunc(r.rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
	if req.Reverse {
		slices.Reverse(r.rows)
	}
	return r, nil
}

type fakeReader struct {
	rows    []mutation.Row
	builder *mutation.BatchBuilder
}

func (r *fakeReader) Side() *mutation.Side { return &mutation.Side{} }
func (r *fakeReader) Close()               {}

// Next gives batches of three rows, so that windows are cut by them.
func (r *fakeReader) Next() (*mutation.Batch, error) {
	r.builder.Reset()
	n := min(3, len(r.rows))
	for i := range n {
		if err := r.builder.Append(&r.rows[i]); err != nil {
			return nil, err
		}
	}
	r.rows = r.rows[n:]
	return r.builder.Batch(), nil
}

var errDisk = errors.New("disk is on fire")

// start is a scheduler at hour 100 that works only when it is told to.
func start(t testing.TB, f *fake) (*Rollups, *clock.Manual) {
	t.Helper()
	clk := clock.NewManual(time.UnixMilli(100 * hour))
	r, err := newRollups(f, clk, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r, clk
}

func (f *fake) status(t testing.TB, r *Rollups) Status {
	t.Helper()
	s, err := r.Status(&f.rollup)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
