// Package downsample knows rollups: what a rollup computes, the accumulators that compute
// it (SELECT's aggregates use the same ones), the states they can be merged from, and windows of time.
//
// It does not know tables, stores or the clock.
package downsample

import (
	"cmp"
	"math"

	"github.com/eskerdb/esker/partition"
)

// Definition says what a rollup computes from its source. A row of a rollup stands for one group of one window: its
// key is the partition key of the base table, the start of the window, and the columns of Group.
type Definition struct {
	Source     string              // table, or rollup, that the windows are declared on; in the same keyspace
	Base       string              `json:",omitempty"` // the table whose rows are aggregated; empty: Source
	TimeColumn string              // of the base table: the clustering column, its first, that windows are cut on
	StepMillis int64               // width of a window in UTC since 1970, as releases before Step wrote it; else 0
	Step       partition.Bucketing // the windows, when StepMillis is 0
	Keep       string              `json:",omitempty"` // of the one-line form: retention as written there
	Group      []string            `json:",omitempty"` // columns of the base that split a window; a row in which one is null belongs to no group
	Aggregates []Aggregate
	// GraceMillis is how long a window stays open behind its end (R41).
	GraceMillis int64 `json:",omitempty"`
	// LatenessMillis seals a window so long behind its end (lateness.max). 0: the longest time that the retention of the
	// base table or a policy of it keeps rows, for ever aside, else its default_time_to_live, else never.
	LatenessMillis int64 `json:",omitempty"`
	Paused         bool  `json:",omitempty"`
	// Backfill says that windows of before the rollup was declared are computed in the background; releases up to 3 had
	// rollups from the first row on.
	Backfill bool `json:",omitempty"`
}

// BaseTable is the name of the table whose rows are aggregated.
func (d *Definition) BaseTable() string {
	if d.Base == "" {
		return d.Source
	}
	return d.Base
}

// Windows is the step of the rollup's windows.
func (d *Definition) Windows() partition.Bucketing {
	if d.StepMillis > 0 {
		return partition.Bucketing{SizeMillis: d.StepMillis}
	}
	return d.Step
}

// WindowOf is the window that holds a time in milliseconds since 1970.
func (d *Definition) WindowOf(ms int64) Window {
	start, end := d.Windows().BucketOf(ms)
	return Window{start, end}
}

// CompareSteps orders rollups by the length of their windows, shortest first.
func (d *Definition) CompareSteps(other *Definition) int {
	return cmp.Compare(stepLength(d.Windows()), stepLength(other.Windows()))
}

// stepLength is the length of the window of 1970, in milliseconds.
func stepLength(b partition.Bucketing) uint64 {
	start, end := b.BucketOf(0)
	if b.IsNone() {
		return math.MaxUint64
	}
	return uint64(end) - uint64(start)
}

// Aggregate is one value column of a rollup, or a state beside them (schema.State) that aggregates are merged from.
type Aggregate struct {
	Function string  // of Functions, or one of the states
	Source   string  // column of the base table; empty for the count of rows
	Target   string  // column of the rollup, e.g. avg_temperature
	Fraction float64 `json:",omitempty"` // of percentile
}

// Window is the half-open range of time [Start, End), milliseconds since 1970 UTC. At the ends of the integers it
// includes math.MaxInt64.
type Window struct{ Start, End int64 }
