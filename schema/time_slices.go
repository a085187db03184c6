package schema

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
)

// TimeSlices are the rows whose time, in the first clustering column, lies from from on and before to, milliseconds since 1970, and
// those without a time. The ends of the integers are no bounds. Where the column's type cannot tell a bound there is none.
func TimeSlices(first *Column, unitNanos, from, to int64) clustering.Slices {
	column := clustering.Column{Type: first.Type, Desc: first.Desc}
	timed := clustering.Whole()
	low, hasLow := types.FirstAt(first.Type, from, unitNanos)
	high, hasHigh := types.FirstAt(first.Type, to, unitNanos)
	hasLow, hasHigh = hasLow && from != math.MinInt64, hasHigh && to != math.MaxInt64
	switch {
	case !hasLow && !hasHigh:
		return clustering.All()
	case first.Desc:
		if hasLow {
			timed.End = clustering.After(column.Append(nil, low))
		}
		if hasHigh {
			timed.Start = clustering.After(column.Append(nil, high))
		}
	default:
		if hasLow {
			timed.Start = clustering.Before(column.Append(nil, low))
		}
		if hasHigh {
			timed.End = clustering.Before(column.Append(nil, high))
		}
	}
	return clustering.MakeSlices([]clustering.Slice{timed, clustering.RowSlice(column.Append(nil, []byte{}))})
}
