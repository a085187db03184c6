package mutation

import (
	"encoding/binary"
	"math"
)

// BatchRowsMax is how many rows a Batch holds at most.
const BatchRowsMax = 1024

// Physical says how the values of a vector lie in memory. It is stored in files.
type Physical uint8

const (
	// PhysicalBytes holds serialized values of any length, always possible for any type.
	PhysicalBytes Physical = 1 // on disk: never reuse
	// PhysicalInt holds integers of 1, 2, 4 or 8 bytes: tinyint to bigint, boolean, date,
	// time, timestamp. The low Width bytes, big endian, are the serialized value.
	PhysicalInt Physical = 2 // on disk: never reuse
	// PhysicalFloat holds 4-byte floats as their bits.
	PhysicalFloat Physical = 3 // on disk: never reuse
	// PhysicalDouble holds 8-byte floats as their bits.
	PhysicalDouble Physical = 4 // on disk: never reuse
)

// Vector is one column of a Batch. A column whose type is fixed-width travels as
// PhysicalBytes in a batch where some value does not have that width (the empty value).
type Vector struct {
	Physical Physical
	Width    int      // bytes a value for PhysicalInt; 4 and 8 for floats; 0 for bytes
	Words    []uint64 // one a row for fixed-width values: sign-extended integer or bits of the float; undefined where absent
	Offsets  []uint32 // len rows+1 for PhysicalBytes: Data[Offsets[i]:Offsets[i+1]]
	Data     []byte

	Present    []uint64 // bit i%64 of word i/64 is set where row i has a value; nil: every row has
	Timestamps []int64  // write timestamps of the cells; nil unless asked for
	TTLs       []int32  // seconds; nil: none, or not asked for
	ExpiresAt  []int64  // seconds since 1970; nil: no cell of the vector ends; 0 of a multi-cell column of which nothing lives
}

// Has reports whether row i has a value (expired ones included: the vector knows no clock).
func (v *Vector) Has(i int) bool {
	return v.Present == nil || v.Present[i/64]&(1<<(i%64)) != 0
}

// Int returns the value of row i of a PhysicalInt vector.
func (v *Vector) Int(i int) int64 { return int64(v.Words[i]) }

// Double returns the value of row i of a PhysicalDouble vector.
func (v *Vector) Double(i int) float64 { return math.Float64frombits(v.Words[i]) }

// Float returns the value of row i of a PhysicalFloat vector.
func (v *Vector) Float(i int) float32 { return math.Float32frombits(uint32(v.Words[i])) }

// AppendValue appends the serialized value of row i, which must have one.
func (v *Vector) AppendValue(dst []byte, i int) []byte {
	if v.Physical == PhysicalBytes {
		return append(dst, v.Data[v.Offsets[i]:v.Offsets[i+1]]...)
	}
	w := v.Words[i]
	switch v.Width {
	case 8:
		return binary.BigEndian.AppendUint64(dst, w)
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(w))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(w))
	default:
		return append(dst, byte(w))
	}
}

// Batch is up to BatchRowsMax merged rows of one partition, in the order they were asked for.
// Deleted rows and cells are not in it; expired ones may be: whoever has the clock hides them.
type Batch struct {
	Rows       int
	AliveUntil []int64  // a row shows while now < AliveUntil (seconds): the largest end of its liveness and of all its regular cells, read or not; nil: all Forever
	Clustering []Vector // a vector a clustering column
	Columns    []Vector // a vector a column asked for, in that order
	// Summary stands for the rows where they were not read, nil where they were: there are no Columns, and
	// Clustering holds two rows, the first and the last.
	Summary *Summary
}
