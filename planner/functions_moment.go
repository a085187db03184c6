package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql/types"
)

// addMomentFunctions adds what depends on the moment alone.
func addMomentFunctions(into functionTable) {
	for _, f := range []struct {
		names  []string
		of     *types.Type
		moment func(ctx Context) []byte
	}{
		{[]string{"now", "currenttimeuuid", "current_timeuuid"}, types.TimeUUID, newTimeUUID},
		{[]string{"uuid"}, types.UUID, newUUID},
		{[]string{"currenttimestamp", "current_timestamp"}, types.Timestamp, currentTimestamp},
		{[]string{"currentdate", "current_date"}, types.Date, currentDate},
		{[]string{"currenttime", "current_time"}, types.Time, currentTime},
	} {
		into.add(overload{result: f.of, moment: f.moment}, f.names...)
	}
}

// ticksPerMilli are the units of 100 ns in a millisecond.
const ticksPerMilli = 10_000

func newTimeUUID(ctx Context) []byte { return ticksUUID(ctx.NowTicks(), uuidNode(&ctx)) }

// uuidNode is the word of clock sequence and node of a timeuuid.
func uuidNode(ctx *Context) uint64 {
	r := ctx.Random()
	return uint64(types.DecodeInt64(r[:8])) | 1<<40 // the multicast bit: no real network card has this node
}

// ticksUUID is the timeuuid of a time in ticks since 1970.
func ticksUUID(ticks int64, node uint64) []byte {
	return types.AppendTimeUUID(nil, floorDiv(ticks, ticksPerMilli), uint16(floorMod(ticks, ticksPerMilli)), node)
}

// newUUID is a UUID of version 4.
func newUUID(ctx Context) []byte {
	r := ctx.Random()
	r[6], r[8] = r[6]&0x0F|0x40, r[8]&0x3F|0x80
	return slices.Clone(r[:])
}

func currentTimestamp(ctx Context) []byte { return types.AppendTimestampMillis(nil, ctx.NowMillis) }

func currentDate(ctx Context) []byte {
	return types.AppendDate(nil, int32(floorDiv(ctx.NowMillis, dayMillis)))
}

func currentTime(ctx Context) []byte {
	return types.AppendBigint(nil, floorMod(ctx.NowMillis, dayMillis)*nanosPerMilli)
}
