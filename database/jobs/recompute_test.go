package jobs

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"gopkg.in/inf.v0"
	"pgregory.net/rapid"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// world is a View in memory of tables of any shape.
type world struct {
	tables map[mutation.TableID]*schema.Table
	data   map[mutation.TableID]rows // of the one partition
	reads  []mutation.TableID
}

func newWorld(tables ...*schema.Table) *world {
	w := &world{tables: map[mutation.TableID]*schema.Table{}, data: map[mutation.TableID]rows{}}
	for _, t := range tables {
		w.tables[t.ID], w.data[t.ID] = t, rows{}
	}
	return w
}

func (w *world) Sequence() uint64 { return 1 }
func (w *world) Close()           {}

func (w *world) Read(table mutation.TableID, req mutation.ReadRequest) (mutation.PartitionReader, error) {
	w.reads = append(w.reads, table)
	stored := w.tables[table].Stored()
	r := &fakeReader{builder: mutation.NewBatchBuilder(&stored, &req)}
	for at, row := range w.data[table] {
		if req.Slices.Contains([]byte(at)) {
			r.rows = append(r.rows, row)
		}
	}
	slices.SortFunc(r.rows, func(a, b mutation.Row) int { return bytes.Compare(a.Clustering, b.Clustering) })
	if req.Reverse {
		slices.Reverse(r.rows)
	}
	return r, nil
}

// put writes a row of values; nil is null.
func (w *world) put(t *schema.Table, clustering [][]byte, values map[string][]byte) {
	at, err := t.ClusteringLayout().Encode(clustering)
	if err != nil {
		panic(err)
	}
	row := mutation.Row{Clustering: at, Live: mutation.Liveness{ExpiresAt: 10}} // long ended: R40
	for _, c := range t.Regulars {
		if v := values[c.Name]; v != nil {
			row.Cells = append(row.Cells, mutation.Cell{Column: c.ID, ExpiresAt: mutation.Forever, Value: v})
		}
	}
	slices.SortFunc(row.Cells, func(a, b mutation.Cell) int { return int(a.Column) - int(b.Column) })
	w.data[t.ID][string(at)] = row
}

// settle makes a rollup right in a range, and returns how many rows differed.
func (w *world) settle(t failer, r *Recompute) (n int) {
	r.View, r.Base = w, keyOf(1)
	var found []mutation.Mutation
	var before []byte
	err := r.Differences(func(d *Difference) error {
		n++
		m := d.Mutation()
		found = append(found, m)
		key := m.Rows[0].Clustering
		order := bytes.Compare(before, key)
		if before != nil && (order >= 0) != r.Rollup.Table.Clustering[0].Desc {
			t.Fatalf("%x is told behind %x", key, before)
		}
		if before = key; d.Fresh != nil && d.Stored && len(d.Columns) == 0 {
			t.Fatalf("%x differs in nothing", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		row := m.Rows[0]
		if delete(w.data[m.Table], string(row.Clustering)); row.Deletion.IsNone() {
			w.data[m.Table][string(row.Clustering)] = row
		}
	}
	return n
}

type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// farAhead is when all windows are closed at all levels.
const farAhead = math.MaxInt64 / 2

var always = downsample.Window{Start: math.MinInt64, End: math.MaxInt64}

// shape is a base table and the rollups on it, each on the one before.
type shape struct {
	base   *schema.Table
	levels []*schema.Table
}

// rollup is a level as a recomputation knows it.
func (s *shape) rollup(level int) Rollup {
	out := Rollup{Table: s.levels[level], Source: s.base, Base: s.base}
	for i := level - 1; i >= 0; i-- {
		out.Below = append(out.Below, Level{Table: s.levels[i], BuiltFrom: math.MinInt64, CompleteFrom: math.MinInt64})
	}
	if level > 0 {
		out.Source = s.levels[level-1]
	}
	return out
}

func (s *shape) world() *world { return newWorld(append([]*schema.Table{s.base}, s.levels...)...) }

// newShape is a base table (k | ts, clustering… | values…) with rollups of some steps.
func newShape(clock *schema.Column, unitNanos int64, others, values []*schema.Column) *shape {
	base := &schema.Table{ID: mutation.TableID{1}, Keyspace: "ks", Name: "readings", Kind: schema.Base}
	base.PartitionKey = []*schema.Column{{Name: "k", Kind: schema.PartitionKey, Type: types.Int}}
	for i, c := range append([]*schema.Column{clock}, others...) {
		c.Kind, c.Position = schema.ClusteringKey, i
		base.Clustering = append(base.Clustering, c)
	}
	for _, c := range values {
		c.Kind = schema.Regular
		base.AddColumn(c)
	}
	if unitNanos > 0 {
		base.Bucket = &schema.TimeBucket{Column: clock.Name, UnitNanos: unitNanos}
	}
	return &shape{base: base}
}

// level adds a rollup with aggregates and their states.
func (s *shape) level(t failer, step partition.Bucketing, group []string, aggregates ...downsample.Aggregate) {
	clock := *s.base.Clustering[0]
	if clock.Type == types.TimeUUID {
		clock.Type = types.Timestamp
	}
	r := &schema.Table{ID: mutation.TableID{byte(2 + len(s.levels))}, Keyspace: "ks", Name: fmt.Sprintf("level_%d", len(s.levels)+1), Kind: schema.Rollup}
	r.PartitionKey, r.Clustering, r.Bucket = s.base.PartitionKey, []*schema.Column{&clock}, s.base.Bucket
	r.Rollup = &downsample.Definition{Source: s.base.Name, Base: s.base.Name, TimeColumn: clock.Name, Step: step, Group: group}
	for i, name := range group {
		c := *s.base.Column(name)
		c.Kind, c.Position, c.Desc = schema.ClusteringKey, i+1, false
		r.Clustering = append(r.Clustering, &c)
	}
	have := func(function, of string) bool {
		return slices.ContainsFunc(r.Rollup.Aggregates, func(a downsample.Aggregate) bool { return a.Function == function && a.Source == of })
	}
	aggregates = append(slices.Clone(aggregates), downsample.Aggregate{Function: downsample.StateRows})
	for i := 0; i < len(aggregates); i++ {
		a := aggregates[i]
		var of *types.Type
		if a.Source != "" {
			of = s.base.Column(a.Source).Type
		}
		typ, err := downsample.StateType(a.Function, of)
		if err != nil {
			t.Fatal(err)
		}
		kind := schema.Regular
		if a.Target == "" {
			if have(a.Function, a.Source) {
				continue
			}
			kind, a.Target = schema.State, a.Function+"("+a.Source+")"
		}
		r.AddColumn(&schema.Column{Name: a.Target, Kind: kind, Type: typ})
		r.Rollup.Aggregates = append(r.Rollup.Aggregates, a)
		needs, _ := downsample.Needs(a.Function, of)
		for _, name := range needs {
			aggregates = append(aggregates, downsample.Aggregate{Function: name, Source: a.Source})
		}
	}
	s.levels = append(s.levels, r)
}

// naive computes a rollup from all rows of the base with SELECT's accumulators: by clustering, the values of its columns by name.
func (w *world) naive(t failer, base, rollup *schema.Table) map[string]map[string][]byte {
	layout := rollup.ClusteringLayout()
	groups := map[string][]mutation.Row{}
	keys := slices.Sorted(maps.Keys(w.data[base.ID]))
	if base.Clustering[0].Desc {
		slices.Reverse(keys)
	}
	for _, at := range keys {
		row := w.data[base.ID][at]
		values, err := base.ClusteringLayout().Decode([]byte(at))
		if err != nil {
			t.Fatal(err)
		}
		ms, ok := types.TimeMillis(base.Clustering[0].Type, values[0], base.UnitNanos())
		if !ok {
			continue
		}
		start, _ := rollup.Rollup.Windows().BucketOf(ms)
		value, ok := types.FirstAt(rollup.Clustering[0].Type, start, base.UnitNanos())
		if !ok {
			t.Fatalf("the window from %d has no start", start)
		}
		key := [][]byte{value}
		for _, name := range rollup.Rollup.Group {
			key = append(key, valueOf(base, values, row, name))
		}
		if slices.ContainsFunc(key, func(v []byte) bool { return v == nil }) {
			continue
		}
		encoded, err := layout.Encode(key)
		if err != nil {
			t.Fatal(err)
		}
		groups[string(encoded)] = append(groups[string(encoded)], row)
	}
	out := map[string]map[string][]byte{}
	for key, of := range groups {
		out[key] = map[string][]byte{}
		for _, a := range rollup.Rollup.Aggregates {
			if rollup.Column(a.Target) != nil {
				out[key][a.Target] = selected(t, base, a, of)
			}
		}
	}
	return out
}

// valueOf is the value of a column in a row; nil: null.
func valueOf(t *schema.Table, clustering [][]byte, row mutation.Row, name string) []byte {
	c := t.Column(name)
	if c.Kind == schema.ClusteringKey {
		return clustering[c.Position]
	}
	for _, cell := range row.Cells {
		if cell.Column == c.ID {
			return cell.Value
		}
	}
	return nil
}

// selected is an aggregate over rows as SELECT computes it.
func selected(t failer, base *schema.Table, a downsample.Aggregate, of []mutation.Row) []byte {
	var typ *types.Type
	if a.Source != "" {
		typ = base.Column(a.Source).Type
	}
	acc, err := downsample.NewAccumulator(a.Function, typ)
	if a.Function == "percentile" {
		acc, err = downsample.NewPercentile(typ, a.Fraction)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range of {
		if typ == nil {
			acc.Add(nil)
		} else {
			acc.Add(valueOf(base, nil, row, a.Source))
		}
	}
	return acc.Result()
}

// check compares what a rollup has with the naive way, and finds fault with nothing that R43 allows.
func (w *world) check(t failer, base, rollup *schema.Table) {
	want := w.naive(t, base, rollup)
	layout := rollup.ClusteringLayout()
	for key := range w.data[rollup.ID] {
		if want[key] == nil {
			t.Fatalf("%s: %s is of no row", rollup.Name, layout.Text([]byte(key)))
		}
	}
	for key, values := range want {
		row, ok := w.data[rollup.ID][key]
		if !ok {
			t.Fatalf("%s: %s is missing", rollup.Name, layout.Text([]byte(key)))
		}
		for _, a := range rollup.Rollup.Aggregates {
			if rollup.Column(a.Target) == nil || a.Target == "avg_m" { // merged, an average of decimals is another: see toleratesOtherWays
				continue
			}
			got, want := valueOf(rollup, nil, row, a.Target), values[a.Target]
			floats := a.Source != "" && base.Column(a.Source).Type == types.Double && (a.Function == "sum" || a.Function == "avg")
			if (got == nil) != (want == nil) || !bytes.Equal(got, want) && !(floats && nearly(got, want)) {
				t.Fatalf("%s: %s of %s is %x, want %x", rollup.Name, a.Target, layout.Text([]byte(key)), got, want)
			}
		}
	}
}

// nearly compares doubles of values of at most 1000.
func nearly(got, want []byte) bool {
	g, w := types.DecodeFloat64(got), types.DecodeFloat64(want)
	return math.IsNaN(g) && math.IsNaN(w) || g == w || math.Abs(g-w) < 1e-9
}

// everything is every kind of aggregate of the columns d (double), n (int), s (text) and m (decimal).
var everything = []downsample.Aggregate{
	{Function: "count", Target: "rows"}, {Function: "count", Source: "d", Target: "count_d"}, {Function: "sum", Source: "d", Target: "sum_d"},
	{Function: "avg", Source: "d", Target: "avg_d"}, {Function: "min", Source: "d", Target: "min_d"}, {Function: "max", Source: "d", Target: "max_d"},
	{Function: "stddev", Source: "d", Target: "stddev_d"}, {Function: "percentile", Source: "d", Target: "p90_d", Fraction: 0.9},
	{Function: "median", Source: "n", Target: "median_n"}, {Function: "sum", Source: "n", Target: "sum_n"}, {Function: "avg", Source: "n", Target: "avg_n"},
	{Function: "first", Source: "n", Target: "first_n"}, {Function: "last", Source: "n", Target: "last_n"}, {Function: "last", Source: "s", Target: "last_s"},
	{Function: "min", Source: "s", Target: "min_s"}, {Function: "distinct", Source: "s", Target: "distinct_s"},
	{Function: "sum", Source: "m", Target: "sum_m"}, {Function: "avg", Source: "m", Target: "avg_m"},
}

// drawShape draws a table with a time column of every kind, and up to three levels.
func drawShape(t *rapid.T) *shape {
	desc := rapid.Bool().Draw(t, "desc")
	clock, unit := &schema.Column{Name: "ts", Type: types.Timestamp, Desc: desc}, int64(0)
	switch rapid.IntRange(0, 7).Draw(t, "time") {
	case 0:
		clock.Type = types.TimeUUID
	case 1:
		clock.Type = types.Date
	case 2:
		clock.Type, unit = types.Bigint, 1
	case 3:
		clock.Type, unit = types.Bigint, 1_000
	case 4:
		clock.Type, unit = types.Int, 1_000_000_000
	case 5:
		clock.Type, unit = types.Bigint, 1_000_000
	}
	var others []*schema.Column
	for i := range rapid.IntRange(0, 2).Draw(t, "clustering") {
		of := rapid.SampledFrom([]*types.Type{types.Int, types.Text}).Draw(t, "of")
		others = append(others, &schema.Column{Name: fmt.Sprintf("c%d", i), Type: of, Desc: rapid.Bool().Draw(t, "desc")})
	}
	s := newShape(clock, unit, others, []*schema.Column{
		{Name: "d", Type: types.Double}, {Name: "n", Type: types.Int}, {Name: "s", Type: types.Text}, {Name: "g", Type: types.Text}, {Name: "m", Type: types.Decimal}})
	var group []string
	for _, name := range []string{"g", "c1", "c0"} {
		if s.base.Column(name) != nil && rapid.IntRange(0, 2).Draw(t, "group by "+name) == 0 {
			group = append(group, name)
		}
	}
	zone := rapid.SampledFrom([]string{"", "Europe/Berlin", "America/St_Johns"}).Draw(t, "zone")
	steps := []partition.Bucketing{{SizeMillis: 900_000, Zone: zone}, {SizeMillis: hour, Zone: zone}, {Days: 1, Zone: zone}, {Months: 1, Zone: zone}}
	if clock.Type == types.Date {
		steps = []partition.Bucketing{{SizeMillis: 24 * hour}, {SizeMillis: 7 * 24 * hour}, {SizeMillis: 70 * 24 * hour}}
	}
	for i := rapid.IntRange(0, len(steps)-1).Draw(t, "finest"); i < len(steps) && len(s.levels) < 3; i++ {
		s.level(t, steps[i], group, everything...)
	}
	return s
}

// drawRow writes or deletes a row of the base.
func drawRow(t *rapid.T, w *world, s *shape) {
	at := 1_743_282_000_000 + rapid.Int64Range(0, 300).Draw(t, "slot")*rapid.SampledFrom([]int64{60_000, hour, 12 * hour}).Draw(t, "spread") // around 2025-03-29T21:00Z
	var key [][]byte
	for i, c := range s.base.Clustering {
		value := types.AppendInt(nil, rapid.Int32Range(0, 2).Draw(t, "key"))
		switch {
		case i == 0:
			value, _ = types.FirstAt(c.Type, at, s.base.UnitNanos())
			if c.Type == types.TimeUUID {
				value = types.AppendTimeUUID(nil, at, uint16(rapid.IntRange(0, 2).Draw(t, "ticks")), 5)
			}
		case c.Type == types.Text:
			value = []byte(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "text key"))
		}
		key = append(key, value)
	}
	if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
		encoded, err := s.base.ClusteringLayout().Encode(key)
		if err != nil {
			t.Fatal(err)
		}
		delete(w.data[s.base.ID], string(encoded))
		return
	}
	values := map[string][]byte{}
	some := func(name string, value []byte) {
		if rapid.IntRange(0, 4).Draw(t, "null") > 0 {
			values[name] = value
		}
	}
	some("d", types.AppendDouble(nil, rapid.SampledFrom([]float64{0.1, -7.3, 999.25, math.NaN(), math.Inf(1), 0}).Draw(t, "d")))
	some("n", types.AppendInt(nil, rapid.Int32().Draw(t, "n")))
	some("s", []byte(rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "s")))
	some("m", types.AppendDecimal(nil, inf.NewDec(rapid.Int64Range(-99, 99).Draw(t, "m"), inf.Scale(rapid.IntRange(0, 2).Draw(t, "scale")))))
	some("g", []byte(rapid.SampledFrom([]string{"", "u", "v"}).Draw(t, "g")))
	w.put(s.base, key, values)
}

// toleratesOtherWays requires that computed from the raw rows nothing differs but what R43 allows, and on the first level nothing at all.
func (w *world) toleratesOtherWays(t *rapid.T, r Recompute) {
	r.FromBase, r.Bounds, r.Reuse = true, true, nil
	err := r.Differences(func(d *Difference) error {
		if !d.Tolerable || len(r.Rollup.Below) == 0 {
			t.Fatalf("%s: %+v differ from the raw rows", r.Rollup.Table.Name, d.Columns)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// After any writes every level is what SELECT computes from the raw rows, from whatever level each window was computed; and what
// is right already differs in nothing.
func TestEveryLevelIsWhatTheRawRowsGive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawShape(t)
		w := s.world()
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			for range rapid.IntRange(0, 40).Draw(t, "writes") {
				drawRow(t, w, s)
			}
			for level := range s.levels {
				r := Recompute{Rollup: s.rollup(level), Over: always, NowMillis: farAhead, ClosedUntil: math.MaxInt64, FromBase: rapid.IntRange(0, 3).Draw(t, "raw") == 0}
				for i := range r.Rollup.Below {
					if rapid.Bool().Draw(t, "partly built") {
						r.Rollup.Below[i].BuiltFrom = 1_743_282_000_000 + rapid.Int64Range(0, 300).Draw(t, "built from")*hour
					}
				}
				w.settle(t, &r)
				w.check(t, s.base, s.levels[level])
				if n := w.settle(t, &r); n > 0 {
					t.Fatalf("%d rows differ from what was written", n)
				}
				w.toleratesOtherWays(t, r)
			}
		}
	})
}
