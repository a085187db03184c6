package jobs

import (
	"math"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// columnar is a View of a reading every second in batches, and of a rollup that has nothing yet.
type columnar struct {
	base    mutation.TableID
	batches int
}

func (c *columnar) Sequence() uint64 { return 1 }
func (c *columnar) Close()           {}

func (c *columnar) Read(table mutation.TableID, _ mutation.ReadRequest) (mutation.PartitionReader, error) {
	if table != c.base {
		return &columnarReader{}, nil
	}
	words := func() []uint64 { return make([]uint64, mutation.BatchRowsMax) }
	r := &columnarReader{left: c.batches}
	r.batch = mutation.Batch{
		Rows:       mutation.BatchRowsMax,
		Clustering: []mutation.Vector{{Physical: mutation.PhysicalInt, Width: 8, Words: words()}},
		Columns:    []mutation.Vector{{Physical: mutation.PhysicalDouble, Width: 8, Words: words()}},
	}
	for i := range mutation.BatchRowsMax {
		r.batch.Columns[0].Words[i] = math.Float64bits(20 + math.Sin(float64(i)))
	}
	return r, nil
}

type columnarReader struct {
	batch mutation.Batch
	left  int
	at    uint64
}

func (r *columnarReader) Side() *mutation.Side { return &mutation.Side{} }
func (r *columnarReader) Close()               {}

func (r *columnarReader) Next() (*mutation.Batch, error) {
	if r.left == 0 {
		return nil, nil
	}
	r.left--
	for i := range r.batch.Rows {
		r.batch.Clustering[0].Words[i] = r.at
		r.at += 1000
	}
	return &r.batch, nil
}

// BenchmarkRecompute rolls a million readings up by the hour: time for each reading.
func BenchmarkRecompute(b *testing.B) {
	double := func(functions ...string) (out []downsample.Aggregate) {
		for _, f := range functions {
			out = append(out, downsample.Aggregate{Function: f, Source: "d", Target: f + "_d"})
		}
		return out
	}
	for name, aggregates := range map[string][]downsample.Aggregate{
		"avg, min, max": double("avg", "min", "max"),
		"the one line":  double("count", "sum", "avg", "min", "max", "first", "last"),
		"stddev":        double("stddev"),
		"percentiles":   double("median", "percentile"),
		"distinct":      double("distinct"),
	} {
		b.Run(name, func(b *testing.B) {
			s := newShape(&schema.Column{Name: "ts", Type: types.Timestamp}, 0, nil, []*schema.Column{{Name: "d", Type: types.Double}})
			s.level(b, partition.Bucketing{SizeMillis: hour}, nil, aggregates...)
			view := &columnar{base: s.base.ID, batches: b.N/mutation.BatchRowsMax + 1}
			r := Recompute{View: view, Base: keyOf(1), Rollup: s.rollup(0), Over: always, ClosedUntil: math.MaxInt64}
			b.ReportAllocs()
			rows := 0
			if err := r.Differences(func(*Difference) error { rows++; return nil }); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkRecomputeOneWindow rolls up a window of a minute with sixty readings: time for each window.
func BenchmarkRecomputeOneWindow(b *testing.B) {
	var aggregates []downsample.Aggregate
	for _, f := range []string{"count", "sum", "avg", "min", "max", "first", "last"} {
		aggregates = append(aggregates, downsample.Aggregate{Function: f, Source: "d", Target: f + "_d"})
	}
	s := newShape(&schema.Column{Name: "ts", Type: types.Timestamp}, 0, nil, []*schema.Column{{Name: "d", Type: types.Double}})
	s.level(b, partition.Bucketing{SizeMillis: 60_000}, nil, aggregates...)
	view := &columnar{base: s.base.ID, batches: 1}
	reader, _ := view.Read(s.base.ID, mutation.ReadRequest{})
	batch := &reader.(*columnarReader).batch
	batch.Rows = 60
	one := &oneBatch{base: s.base.ID, batch: batch}
	r := Recompute{View: one, Base: keyOf(1), Rollup: s.rollup(0), Over: downsample.Window{Start: 0, End: 60_000}, ClosedUntil: math.MaxInt64, Reuse: &Reuse{}}
	b.ReportAllocs()
	for range b.N {
		one.given = false
		if err := r.Differences(func(*Difference) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// oneBatch is a View of one batch.
type oneBatch struct {
	base  mutation.TableID
	batch *mutation.Batch
	given bool
}

func (o *oneBatch) Sequence() uint64     { return 1 }
func (o *oneBatch) Close()               {}
func (o *oneBatch) Side() *mutation.Side { return &mutation.Side{} }

func (o *oneBatch) Read(table mutation.TableID, _ mutation.ReadRequest) (mutation.PartitionReader, error) {
	if table != o.base {
		return &columnarReader{}, nil
	}
	return o, nil
}

func (o *oneBatch) Next() (*mutation.Batch, error) {
	if o.given {
		return nil, nil
	}
	o.given = true
	return o.batch, nil
}
