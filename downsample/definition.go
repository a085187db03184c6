// Package downsample knows rollups: what a rollup computes, the accumulators that compute
// it (SELECT's aggregates use the same ones), and windows of time.
//
// It does not know tables, stores or the clock.
package downsample

// Definition says what a rollup computes from its source table.
type Definition struct {
	Source     string // table name in the same keyspace
	TimeColumn string // the clustering column that windows are cut on
	StepMillis int64  // width of a window; windows start at multiples of it since 1970 UTC
	Keep       string // retention as written: "forever" or a duration; only "forever" so far
	Aggregates []Aggregate
}

// Aggregate is one value column of a rollup.
type Aggregate struct {
	Function string // count, sum, avg, min, max, first, last
	Source   string // column of the source table
	Target   string // column of the rollup, e.g. avg_temperature
}

// Window is the half-open range of time [Start, End), milliseconds since 1970 UTC.
type Window struct{ Start, End int64 }
