package sstable

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
)

// ColumnStatistics is what is known of a fixed-width column in the rows of one row group that show, if
// nothing in it has expired.
type ColumnStatistics struct {
	Column   mutation.ColumnID
	Count    int    // values
	HasRange bool   // Min, Max and the sum are known; false if there is no value, or a NaN among floats
	Min, Max uint64 // words, as in a vector, in the order of the type
	SumHigh  int64  // of integers: the upper 64 bits of the sum, two's complement
	SumLow   uint64 // the lower
	First    uint64 // word of the first value in row order
	Last     uint64
}

// Flags of the statistics of a column; on disk: never reuse.
const (
	statisticsHasRange   = 1
	statisticsRaw        = 2 // words take eight bytes each
	statisticsLongSum    = 4 // the sum takes sixteen
	statisticsDoubles    = 8 // words are those of doubles, stored as decimals; there is no sum
	statisticsFloats     = 16
	statisticsFlagsKnown = 31
)

// add counts a value; values come in row order.
func (s *ColumnStatistics) add(word uint64, physical mutation.Physical) {
	if s.Count == 0 {
		s.First, s.Min, s.Max, s.HasRange = word, word, word, true
	}
	s.Count++
	s.Last = word
	if physical == mutation.PhysicalInt {
		var carry uint64
		s.SumLow, carry = bits.Add64(s.SumLow, word, 0)
		s.SumHigh += int64(word)>>63 + int64(carry)
	}
	switch {
	case isNaN(word, physical):
		s.HasRange = false
	case !s.HasRange:
	case compareWords(word, s.Min, physical) < 0:
		s.Min = word
	case compareWords(word, s.Max, physical) > 0:
		s.Max = word
	}
}

// addAll counts values, in row order, of rows that show.
func (s *ColumnStatistics) addAll(words []uint64, physical mutation.Physical) {
	if len(words) == 0 {
		return
	}
	s.add(words[0], physical) // and what there was is compared with
	words = words[1:]
	if len(words) == 0 {
		return
	}
	s.Count += len(words)
	s.Last = words[len(words)-1]
	low, high := mutation.Rank(physical, s.Min), mutation.Rank(physical, s.Max)
	for _, w := range words {
		v := mutation.Rank(physical, w)
		low, high = min(low, v), max(high, v)
	}
	if physical == mutation.PhysicalInt {
		for _, w := range words {
			var carry uint64
			s.SumLow, carry = bits.Add64(s.SumLow, w, 0)
			s.SumHigh += int64(w)>>63 + int64(carry)
		}
	}
	s.Min, s.Max = mutation.Unrank(physical, low), mutation.Unrank(physical, high)
	// A NaN lies above or below all numbers.
	s.HasRange = s.HasRange && !isNaN(s.Min, physical) && !isNaN(s.Max, physical)
}

func isNaN(word uint64, physical mutation.Physical) bool {
	switch physical {
	case mutation.PhysicalDouble:
		return math.IsNaN(math.Float64frombits(word))
	case mutation.PhysicalFloat:
		return math.IsNaN(float64(math.Float32frombits(uint32(word))))
	}
	return false
}

// compareWords compares values of a fixed-width type; -0 is below 0.
func compareWords(a, b uint64, physical mutation.Physical) int {
	return cmp.Compare(mutation.Rank(physical, a), mutation.Rank(physical, b))
}

// appendStatistics appends what is known of columns, which have the kinds.
func appendStatistics(dst []byte, columns []ColumnStatistics, kinds []mutation.Physical) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(columns)))
	for i := range columns {
		s := &columns[i]
		dst = binary.AppendUvarint(dst, uint64(s.Column))
		dst = binary.AppendUvarint(dst, uint64(s.Count))
		if s.Count > 0 {
			dst = s.appendTo(dst, kinds[i])
		}
	}
	return dst
}

func (s *ColumnStatistics) appendTo(dst []byte, physical mutation.Physical) []byte {
	var flags byte
	words := append(make([]uint64, 0, 4), s.First, s.Last)
	if s.HasRange {
		flags |= statisticsHasRange
		words = append(words, s.Min, s.Max)
	}
	if short, ok := appendDecimals(dst, flags, words, physical); ok {
		return short
	}
	if s.HasRange {
		if s.SumHigh != int64(s.SumLow)>>63 {
			flags |= statisticsLongSum
		}
	}
	for _, w := range words {
		if v := int64(w); v != v<<8>>8 { // its varint is longer than a word
			flags |= statisticsRaw
		}
	}
	dst = append(dst, flags)
	for _, w := range words {
		if flags&statisticsRaw != 0 {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		} else {
			dst = binary.AppendVarint(dst, int64(w))
		}
	}
	switch {
	case flags&statisticsLongSum != 0:
		dst = binary.LittleEndian.AppendUint64(dst, s.SumLow)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.SumHigh))
	case s.HasRange:
		dst = binary.AppendVarint(dst, int64(s.SumLow))
	}
	return dst
}

// appendDecimals appends words of floats that are decimals, with the flags in front. It is false for all else.
func appendDecimals(dst []byte, flags byte, words []uint64, physical mutation.Physical) ([]byte, bool) {
	switch physical {
	case mutation.PhysicalDouble:
		flags |= statisticsDoubles
	case mutation.PhysicalFloat:
		flags |= statisticsFloats
	default:
		return dst, false
	}
	out, ok := encoding.AppendDecimals(append(dst, flags), words, physical)
	return out, ok
}

// decodeStatistics appends what is known of one row group to dst, column by column.
func decodeStatistics(dst []ColumnStatistics, src []byte) ([]ColumnStatistics, error) {
	c := cursor{src: src}
	last := -1
	for range c.count(2) {
		s := ColumnStatistics{Column: mutation.ColumnID(c.upTo(1<<32 - 1)), Count: c.upTo(groupRowsMax)}
		if int(s.Column) <= last {
			c.fail()
		}
		last = int(s.Column)
		if s.Count > 0 {
			c.columnStatistics(&s)
		}
		dst = append(dst, s)
	}
	if c.bad || len(c.src) != 0 {
		return nil, fmt.Errorf("statistics do not decode")
	}
	return dst, nil
}

func (c *cursor) columnStatistics(s *ColumnStatistics) {
	flags := c.byte()
	if s.HasRange = flags&statisticsHasRange != 0; flags&(statisticsDoubles|statisticsFloats) != 0 {
		c.decimals(s, flags)
		return
	}
	word := func() uint64 { return uint64(c.varint()) }
	if flags&statisticsRaw != 0 {
		word = c.word
	}
	s.First, s.Last = word(), word()
	if s.HasRange {
		s.Min, s.Max = word(), word()
		if flags&statisticsLongSum != 0 {
			s.SumLow, s.SumHigh = c.word(), int64(c.word())
		} else {
			sum := c.varint()
			s.SumLow, s.SumHigh = uint64(sum), sum>>63
		}
	}
	if flags&^byte(statisticsFlagsKnown) != 0 || flags&statisticsLongSum != 0 && !s.HasRange {
		c.fail()
	}
}

// decimals reads the words of floats that are decimals.
func (c *cursor) decimals(s *ColumnStatistics, flags byte) {
	physical := mutation.PhysicalDouble
	if flags&statisticsFloats != 0 {
		physical = mutation.PhysicalFloat
	}
	var words [4]uint64
	n := 2
	if s.HasRange {
		n = 4
	}
	rest, err := encoding.DecodeDecimals(words[:n], c.src, physical)
	if err != nil || flags&^(statisticsDoubles|statisticsFloats|statisticsHasRange) != 0 || flags&statisticsDoubles != 0 && flags&statisticsFloats != 0 {
		c.fail()
		return
	}
	c.src = rest
	s.First, s.Last, s.Min, s.Max = words[0], words[1], words[2], words[3]
}

// word reads eight bytes.
func (c *cursor) word() uint64 {
	b := c.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// statisticsOf appends what is known of the columns of a row group to dst; nothing if the file has no statistics.
func (f *contents) statisticsOf(dst []ColumnStatistics, group int) ([]ColumnStatistics, error) {
	if f.statistics == nil {
		return dst, nil
	}
	src, err := f.record(f.statistics, uint64(group))
	if err != nil {
		return nil, err
	}
	list, err := decodeStatistics(dst, src)
	if err != nil {
		b := f.statistics.find(uint64(group))
		return nil, f.corrupt(int64(f.statistics.offsets[b]), fmt.Sprintf("%s: row group %d", f.statistics.what(b), group), err)
	}
	return list, nil
}

// statistics returns what is known of the columns of a row group, valid until the next call.
func (d *decoder) statistics(group int) ([]ColumnStatistics, error) {
	known, err := d.r.statisticsOf(d.lent.known[:0], group)
	d.lent.known = known
	return known, err
}
