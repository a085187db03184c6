package bench

// Names of measurements that have goals.
const (
	NameIngest       = "ingest"
	NameDisk         = "disk, after compaction"
	nameDiskOpen     = "disk, window still open"
	nameWriteFactor  = "write amplification"
	nameSpaceFactor  = "space amplification"
	nameLogBytes     = "log"
	NameHour         = "1 h, all columns, p50"
	nameDay          = "24 h, one column, p50"
	NameHourly       = "24 h → 24 hourly values, p50"
	NameLast         = "last row, p50"
	NameRollup       = "hourly rollup of everything"
	nameRecovery     = "recovery"
	nameStartEmpty   = "start, empty"
	nameMemory       = "memory, peak while loading"
	tcpBatches       = "batches of 100 rows"
	tcpBatchesCPU    = "batches of 100 rows, server cpu"
	tcpSingles       = "single rows"
	tcpSinglesCPU    = "single rows, server cpu"
	tcpLiterals      = "batches of 100 literal texts"
	tcpHour          = "over TCP: 1 h, all columns, p50"
	tcpHourParallel  = "over TCP: 1 h, all columns, 16 connections"
	tcpDay           = "over TCP: 24 h, one column, p50"
	tcpHourly        = "over TCP: 24 h → 24 hourly values, p50"
	tcpLast          = "over TCP: last row, p50"
	tcpMemoryIdle    = "memory of an idle server"
	nameGrowthIngest = "ingest, time of the last quarter ÷ the first"
)

// goals are what the project wants of the shapes regular and jitter on a machine with two cores.
var goals = map[string]float64{
	NameIngest: 1_500_000, nameWriteFactor: 4, nameSpaceFactor: 1.3, nameLogBytes: 40,
	NameHour: 15, nameDay: 100, NameHourly: 60, NameLast: 5, NameRollup: 0.12,
	nameRecovery: 1_000_000, nameStartEmpty: 100, nameMemory: 288, nameGrowthIngest: 1.1,
	tcpBatches: 1_000_000, tcpBatchesCPU: 1, tcpSingles: 500_000, tcpSinglesCPU: 2, tcpLiterals: 250_000,
	tcpHour: 80, tcpHourParallel: 25_000, tcpDay: 400, tcpHourly: 120, tcpLast: 60, tcpMemoryIdle: 40,
}

// diskGoals are bytes a row after compaction.
var diskGoals = map[Shape]float64{Regular: 1, Jitter: 1.7, Sparse: 4, Wide: 2.8}

// rowTimestampBytes is what a write timestamp of its own may add to each row.
const rowTimestampBytes = 1.5

// wideOpenBytes is the goal of bytes a row while the window is open, which only the wide shape has.
const wideOpenBytes = 5

// goal is what is wanted of a measurement; 0: nothing in particular.
func goal(name string, shape Shape) float64 {
	switch {
	case name == NameDisk:
		return diskGoals[shape]
	case name == nameDiskOpen && shape == Wide:
		return wideOpenBytes
	case shape == Regular || shape == Jitter || shape == "":
		return goals[name]
	}
	return 0
}
