package planner

import (
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// RefreshRollup computes windows of a rollup anew, marked or not.
type RefreshRollup struct {
	Table *schema.Table
	Key   *partition.DecoratedKey // nil: every partition
	Over  downsample.Window       // whole windows
}

// CheckRollup compares rows of a rollup with the aggregates over the rows of their windows, and mends them if asked to.
type CheckRollup struct {
	Table  *schema.Table
	Sample int // how many windows are compared; 0: all
	Repair bool
}

func (*RefreshRollup) plan() {}
func (*CheckRollup) plan()   {}
