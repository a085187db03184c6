// Package bench measures esker with the standard workload: devices that report every ten seconds.
//
// It knows how to make the readings from a seed, so that any row can be checked after the load, and
// how to time the store. A speed counts only when a sample of what was loaded reads back right.
package bench

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Shape is how the timestamps of the workload lie.
type Shape string

// The shapes.
const (
	Regular Shape = "regular" // exactly ten seconds apart
	Jitter  Shape = "jitter"  // each off by up to ±500 ms
)

// stepMillis is how far readings of a device lie apart.
const stepMillis = 10_000

// startMillis is the time of the first reading: 2026-01-01 UTC.
const startMillis = 1_767_225_600_000

// Columns of the workload's table.
const (
	columnTemperature mutation.ColumnID = 1
	columnHumidity    mutation.ColumnID = 2
	columnBattery     mutation.ColumnID = 3
	columnStatus      mutation.ColumnID = 4
)

var statuses = [][]byte{[]byte("ok"), []byte("warn"), []byte("error"), []byte("offline")}

// layout is the clustering of the workload's table: one timestamp.
var layout = clustering.Layout{{Type: types.Timestamp}}

// table is the workload's table: ((device), ts) with temperature, humidity, battery and status.
func table() mutation.Table {
	return mutation.Table{
		ID: mutation.TableID{1}, Name: "bench.readings", Law: mutation.ByTimestamp, Clustering: layout, GCGraceSec: 864000,
		Columns: []mutation.Column{
			{ID: columnTemperature, Physical: mutation.PhysicalDouble, Width: 8},
			{ID: columnHumidity, Physical: mutation.PhysicalDouble, Width: 8},
			{ID: columnBattery, Physical: mutation.PhysicalInt, Width: 4},
			{ID: columnStatus, Physical: mutation.PhysicalBytes},
		},
		Bucket: partition.Bucketing{SizeMillis: 86_400_000},
	}
}

// workload makes readings. Device and tick give the same reading in every run with one seed.
type workload struct {
	seed    uint64
	shape   Shape
	devices int
	ticks   int
	keys    []partition.DecoratedKey
	walk    []int64 // temperature of each device now, tenths of a degree
}

func newWorkload(seed uint64, shape Shape, devices, ticks int) *workload {
	w := &workload{seed: seed, shape: shape, devices: devices, ticks: ticks, walk: make([]int64, devices)}
	for d := range devices {
		w.keys = append(w.keys, partition.Decorate([]byte(fmt.Sprintf("device-%06d", d))))
		w.walk[d] = 200 + int64(w.noise(d, -1, 0)%100)
	}
	return w
}

// noise is a number that depends on nothing but the seed and where it is asked for (splitmix64).
func (w *workload) noise(device, tick, use int) uint64 {
	x := w.seed + uint64(device)*0x9e3779b97f4a7c15 + uint64(tick+2)*0xbf58476d1ce4e5b9 + uint64(use)*0x94d049bb133111eb
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// millis is the time of a reading.
func (w *workload) millis(device, tick int) int64 {
	at := startMillis + int64(tick)*stepMillis
	if w.shape == Jitter {
		at += int64(w.noise(device, tick, 1)%1001) - 500
	}
	return at
}

// reading is one row of the workload.
type reading struct {
	temperature, humidity float64
	battery               int32
	status                []byte
}

// next moves a device's walk by one tick and returns its reading. Ticks must come in order.
func (w *workload) next(device, tick int) reading {
	w.walk[device] += int64(w.noise(device, tick, 2)%5) - 2
	r := w.still(device, tick)
	r.temperature = float64(w.walk[device]) / 10
	return r
}

// still is what of a reading does not depend on those before.
func (w *workload) still(device, tick int) reading {
	status := statuses[0]
	if n := w.noise(device, tick, 4) % 100; n < 3 {
		status = statuses[1+n]
	}
	return reading{
		humidity: float64(400+w.noise(device, tick, 3)%200) / 10,
		battery:  int32(100 - tick/1000),
		status:   status,
	}
}

// row makes the mutation of one reading, written at a timestamp in microseconds.
func (w *workload) row(device, tick int, timestamp int64) mutation.Mutation {
	r := w.next(device, tick)
	// One allocation holds the row's bytes: a marker and eight bytes of time, three numbers.
	buf := make([]byte, 0, 9+8+8+4)
	buf = layout[0].Append(buf, binary.BigEndian.AppendUint64(nil, uint64(w.millis(device, tick))))
	at := len(buf)
	buf = binary.BigEndian.AppendUint64(buf, math.Float64bits(r.temperature))
	buf = binary.BigEndian.AppendUint64(buf, math.Float64bits(r.humidity))
	buf = binary.BigEndian.AppendUint32(buf, uint32(r.battery))
	cell := func(id mutation.ColumnID, value []byte) mutation.Cell {
		return mutation.Cell{Column: id, Timestamp: timestamp, ExpiresAt: mutation.Forever, Value: value}
	}
	return mutation.Mutation{Table: mutation.TableID{1}, Key: w.keys[device], Rows: []mutation.Row{{
		Clustering: buf[:at:at],
		Live:       mutation.Liveness{Timestamp: timestamp, ExpiresAt: mutation.Forever},
		Cells: []mutation.Cell{
			cell(columnTemperature, buf[at:at+8:at+8]), cell(columnHumidity, buf[at+8:at+16:at+16]),
			cell(columnBattery, buf[at+16:at+20:at+20]), cell(columnStatus, r.status),
		},
	}}}
}
