// Package bench measures esker with the standard workload: devices that report every ten seconds.
//
// It knows how to make the readings from a seed, so that any row can be checked after the load, and
// how to time the store and a server. A speed counts only when a sample of what was loaded reads back right.
package bench

import (
	"fmt"
	"math"
	"math/bits"
)

// Shape is what the readings of the workload look like.
type Shape string

// The shapes.
const (
	Regular Shape = "regular" // two floats, an int, a word; exactly ten seconds apart
	Jitter  Shape = "jitter"  // the same, each reading off by up to ±500 ms
	Sparse  Shape = "sparse"  // twenty columns, of which a reading has two
	Wide    Shape = "wide"    // eight columns: three floats, three ints, a word, a bool
)

// Shapes are all of them.
var Shapes = []Shape{Regular, Jitter, Sparse, Wide}

// StepMillis is how far readings of a device lie apart.
const StepMillis = 10_000

// StartMillis is the time of the first reading, if nobody asks for another: 2026-01-01 UTC.
const StartMillis = 1_767_225_600_000

// DayTicks is how many readings a device makes in a day.
const DayTicks = 86_400_000 / StepMillis

// ColumnsMax is how many columns a shape has at most.
const ColumnsMax = 20

// Kind is the type of a column's values.
type Kind uint8

// The kinds, with what a word of Reading.Words holds.
const (
	Double Kind = 1 // the bits of a float64
	Float  Kind = 2 // the bits of a float32
	Int    Kind = 3 // a sign-extended int32
	Text   Kind = 4 // an index of Statuses
	Bool   Kind = 5 // 0 or 1
)

// Column is a column of the workload's table beside its key, (device text, ts timestamp).
type Column struct {
	Name string
	Kind Kind
}

// Statuses are the words of text columns.
var Statuses = []string{"ok", "warn", "error", "offline"}

// Reading is one row. Words of columns that Present does not have are undefined.
type Reading struct {
	Millis  int64  // its time
	Present uint32 // bit i is set where column i has a value
	Words   [ColumnsMax]uint64
}

// Has says whether the reading has a value in a column.
func (r *Reading) Has(column int) bool { return r.Present&(1<<column) != 0 }

// Double is the value of a column of kind Double.
func (r *Reading) Double(column int) float64 { return math.Float64frombits(r.Words[column]) }

// Float is the value of a column of kind Float.
func (r *Reading) Float(column int) float32 { return math.Float32frombits(uint32(r.Words[column])) }

// Int is the value of a column of kind Int.
func (r *Reading) Int(column int) int32 { return int32(r.Words[column]) }

// Text is the value of a column of kind Text.
func (r *Reading) Text(column int) string { return Statuses[r.Words[column]] }

// Bool is the value of a column of kind Bool.
func (r *Reading) Bool(column int) bool { return r.Words[column] != 0 }

// Workload makes readings. Device and tick give the same reading in every workload of one seed.
// Several goroutines may use it at once, each for devices of its own.
type Workload struct {
	Seed    uint64
	Shape   Shape
	Devices int
	Ticks   int
	Start   int64    // milliseconds since 1970: the time of tick 0
	Names   []string // of the devices
	Columns []Column

	names  [][]byte // Names as bytes
	walks  []int32  // of each device its walks, as of the last reading made
	stride int
}

// New returns a workload before its first tick.
func New(seed uint64, shape Shape, devices, ticks int) (*Workload, error) {
	w := &Workload{Seed: seed, Shape: shape, Devices: devices, Ticks: ticks, Start: StartMillis, Names: make([]string, devices)}
	switch shape {
	case Regular, Jitter:
		w.Columns = []Column{{"temperature", Double}, {"humidity", Double}, {"battery", Int}, {"status", Text}}
		w.stride = 2
	case Sparse:
		for i := range ColumnsMax {
			w.Columns = append(w.Columns, Column{fmt.Sprintf("c%02d", i), Double})
		}
		w.stride = ColumnsMax
	case Wide:
		w.Columns = []Column{
			{"temperature", Double}, {"humidity", Double}, {"pressure", Float}, {"battery", Int}, {"signal", Int}, {"packets", Int},
			{"status", Text}, {"charging", Bool},
		}
		w.stride = 4
	default:
		return nil, fmt.Errorf("bench: shape %q is none of %v", shape, Shapes)
	}
	w.walks = make([]int32, devices*w.stride)
	for d := range devices {
		w.Names[d] = fmt.Sprintf("device-%06d", d)
		w.names = append(w.names, []byte(w.Names[d]))
		w.Rewind(d)
	}
	return w, nil
}

// Again returns the same workload before its first tick.
func (w *Workload) Again() *Workload {
	again := *w
	again.walks = make([]int32, len(w.walks))
	for d := range again.Devices {
		again.Rewind(d)
	}
	return &again
}

// Rewind takes a device back to before its first tick.
func (w *Workload) Rewind(device int) {
	walk := w.walks[device*w.stride : (device+1)*w.stride]
	for i := range walk {
		walk[i] = 200 + int32(w.noise(device, -1-i)%300) // 20.0 to 49.9
	}
}

// noise is a number that depends on nothing but the seed and where it is asked for (splitmix64).
func (w *Workload) noise(device, tick int) uint64 {
	x := w.Seed + uint64(device)*0x9e3779b97f4a7c15 + uint64(tick)*0xd1342543de82ef95
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// below takes sixteen bits of noise as a number below n.
func below(noise uint64, n uint64) int32 { return int32((noise & 0xffff) * n >> 16) }

// Millis is the time of a reading.
func (w *Workload) Millis(device, tick int) int64 {
	at := w.Start + int64(tick)*StepMillis
	if w.Shape == Jitter {
		at += int64(below(w.noise(device, tick)>>48, 1001)) - 500
	}
	return at
}

// Next moves a device by one tick and makes its reading. The ticks of a device must come in order.
func (w *Workload) Next(device, tick int, r *Reading) {
	h := w.noise(device, tick)
	r.Millis = w.Start + int64(tick)*StepMillis
	walk := w.walks[device*w.stride : (device+1)*w.stride]
	switch w.Shape {
	case Sparse:
		w.sparse(walk, h, r)
	case Wide:
		w.wide(walk, device, tick, h, r)
	default:
		if w.Shape == Jitter {
			r.Millis += int64(below(h>>48, 1001)) - 500
		}
		r.Present = 1<<4 - 1
		climate(walk, h, r)
		r.Words[2] = battery(device, tick)
		r.Words[3] = status(h >> 32)
	}
}

// climate moves temperature by up to 0.2 and humidity by up to 0.1, the first two columns.
func climate(walk []int32, h uint64, r *Reading) {
	walk[0] += below(h, 5) - 2
	walk[1] += below(h>>16, 3) - 1
	r.Words[0] = math.Float64bits(float64(walk[0]) / 10)
	r.Words[1] = math.Float64bits(float64(walk[1]) / 10)
}

// battery falls by one in a thousand readings, from 100 to 1 and again.
func battery(device, tick int) uint64 { return uint64(100 - (tick+device)/1000%100) }

// status is mostly the first word, in three of a hundred readings another.
func status(h uint64) uint64 {
	if n := below(h, 100); n < 3 {
		return 1 + uint64(n)
	}
	return 0
}

// sparse moves two different columns.
func (w *Workload) sparse(walk []int32, h uint64, r *Reading) {
	first := below(h, ColumnsMax)
	second := below(h>>16, ColumnsMax-1)
	if second >= first {
		second++
	}
	walk[first] += below(h>>32, 5) - 2
	walk[second] += below(h>>48, 5) - 2
	r.Present = 1<<first | 1<<second
	r.Words[first] = math.Float64bits(float64(walk[first]) / 10)
	r.Words[second] = math.Float64bits(float64(walk[second]) / 10)
}

// wide adds pressure that walks, a signal that flickers, a counter, and a charger that is plugged in
// now and then to what the regular shape has.
func (w *Workload) wide(walk []int32, device, tick int, h uint64, r *Reading) {
	more := bits.RotateLeft64(h, 29) * 0x9e3779b97f4a7c15
	r.Present = 1<<8 - 1
	climate(walk, h, r)
	walk[2] += below(more>>48, 3) - 1
	walk[3] += below(h>>48, 4)
	r.Words[2] = uint64(math.Float32bits(float32(10000+walk[2]) / 10))
	r.Words[3] = battery(device, tick)
	r.Words[4] = uint64(int64(-60 - below(more>>32, 8)))
	r.Words[5] = uint64(int64(walk[3]))
	r.Words[6] = status(h >> 32)
	r.Words[7] = uint64((tick + device*131) / 500 % 8 / 7)
}
