package mutation

import (
	"math"
	"testing"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"pgregory.net/rapid"
)

// TimeBound parts rows by their event time, in both directions, for every type and unit.
func TestTimeBound(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		edge := rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1, math.MaxInt64, 0, timeUUIDMinMillis, timeUUIDMaxMillis})
		times := rapid.OneOf(rapid.Int64Range(-5000, 5000), rapid.Int64(), edge)
		v, ms := times.Draw(r, "value"), times.Draw(r, "ms")
		kind := rapid.SampledFrom([]*types.Type{types.Timestamp, types.Bigint, types.Int, types.Date, types.TimeUUID}).Draw(r, "type")
		table := &Table{
			Clustering: clustering.Layout{{Type: kind, Desc: rapid.Bool().Draw(r, "desc")}, {Type: types.Text}},
			UnitNanos:  rapid.SampledFrom([]int64{0, 1, 1e3, 1e6, 1e9, 60e9}).Draw(r, "unit"),
		}
		if kind == types.Date && rapid.Bool().Draw(r, "close") {
			ms = v*(dayNanos/1e6) + rapid.Int64Range(-1, 1).Draw(r, "off")
		}
		var value []byte
		switch kind {
		case types.Int:
			value = types.AppendInt(nil, int32(v))
		case types.Date:
			value = types.AppendDate(nil, int32(v))
		case types.TimeUUID:
			value = types.MaxTimeUUID(min(max(v, timeUUIDMinMillis), timeUUIDMaxMillis-1))
		default:
			value = types.AppendBigint(nil, v)
		}
		key, err := table.Clustering.Encode([][]byte{value, []byte("a")})
		if err != nil {
			r.Fatal(err)
		}
		at, timed := table.EventTime(key)
		bound, ok := table.TimeBound(ms)
		if timed != ok {
			r.Fatalf("time %v, bound %v", timed, ok)
		}
		if !ok {
			return
		}
		behind := bound.CompareKey(key) < 0 // the row lies behind the point
		if later := at >= ms; later != (behind != table.Clustering[0].Desc) {
			r.Fatalf("%s at %d: %s of %d, row behind %v", table.Clustering.Text(key), at, bound, ms, behind)
		}
	})
	if _, ok := (&Table{}).TimeBound(1); ok {
		t.Error("a point in a table without clustering")
	}
}
