package encoding

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/golang/snappy"
)

const (
	dictEntriesMax   = 4096 // beyond it codes save little
	snappyBytesMin   = 64   // below it a block costs more than it saves
	snappyRatioMax   = 64   // a snappy block never grows by more: three bytes make at most 64
	snappyBytesSlack = 64
)

// AppendBytes appends byte strings in the encoding that seems smallest: its number, then its payload.
// Value i is data[offsets[i]:offsets[i+1]]; nothing is appended for no values.
func AppendBytes(dst []byte, offsets []uint32, data []byte, effort Effort) []byte {
	n := len(offsets) - 1
	if n <= 0 {
		return dst
	}
	data = data[offsets[0]:offsets[n]]
	first := offsets[0]
	value := func(i int) []byte { return data[offsets[i]-first : offsets[i+1]-first] }
	if len(data) <= ExpandedBytesMax {
		if same(n, value) {
			return append(append(dst, bytesConst), value(0)...)
		}
		if out, ok := appendDict(dst, n, len(data), value); ok {
			return out
		}
	}
	var s scratch
	lengths := make([]uint64, n)
	for i := range lengths {
		lengths[i] = uint64(len(value(i)))
	}
	if len(data) >= snappyBytesMin {
		packed := snappy.Encode(nil, data)
		if len(packed) < len(data)-len(data)/10 {
			dst = appendNested(append(dst, bytesSnappy), lengths, &s)
			return append(dst, packed...)
		}
	}
	dst = appendNested(append(dst, bytesRaw), lengths, &s)
	return append(dst, data...)
}

func same(n int, value func(int) []byte) bool {
	for i := 1; i < n; i++ {
		if !bytes.Equal(value(i), value(0)) {
			return false
		}
	}
	return true
}

// appendDict appends a dictionary and codes, if that is clearly smaller than the data.
func appendDict(dst []byte, n, size int, value func(int) []byte) ([]byte, bool) {
	entriesMax := min(n/2, dictEntriesMax)
	codes := make([]uint64, n)
	seen := make(map[string]uint64, min(entriesMax, 64))
	var entries []byte
	var lengths []uint64
	for i := range n {
		v := value(i)
		code, ok := seen[string(v)]
		if !ok {
			if len(seen) == entriesMax {
				return dst, false
			}
			code = uint64(len(seen))
			seen[string(v)] = code
			entries = append(entries, v...)
			lengths = append(lengths, uint64(len(v)))
		}
		codes[i] = code
	}
	if len(entries)+2*len(seen)+n*bitsFor(len(seen))/8 > size*3/4 {
		return dst, false
	}
	var s scratch
	dst = append(dst, bytesDict)
	dst = binary.AppendUvarint(dst, uint64(len(lengths)))
	dst = appendNested(dst, lengths, &s)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	dst = append(dst, entries...)
	return appendNested(dst, codes, &s), true
}

// DecodeBytes decodes the n values of src, which must be all of it. Offsets and data are overwritten
// and returned: value i is data[offsets[i]:offsets[i+1]].
func DecodeBytes(offsets []uint32, data []byte, src []byte, n int) ([]uint32, []byte, error) {
	offsets, data = append(offsets[:0], 0), data[:0]
	if n < 0 || n > ValuesMax {
		return offsets, data, corrupt("%d values", n)
	}
	if n == 0 {
		if len(src) != 0 {
			return offsets, data, corrupt("%d bytes for no values", len(src))
		}
		return offsets, data, nil
	}
	if len(src) == 0 {
		return offsets, data, corrupt("no bytes for %d values", n)
	}
	kind := src[0]
	src = src[1:]
	switch kind {
	case bytesConst:
		if len(src)*n > ExpandedBytesMax {
			return offsets, data, corrupt("%d values of %d bytes", n, len(src))
		}
		for range n {
			data = append(data, src...)
			offsets = append(offsets, uint32(len(data)))
		}
		return offsets, data, nil
	case bytesRaw, bytesSnappy:
		return decodePlain(offsets, data, src, n, kind == bytesSnappy)
	case bytesDict:
		return decodeDict(offsets, data, src, n)
	}
	return offsets, data, fmt.Errorf("%w %d of bytes", ErrUnknown, kind)
}

// DecodeBytesRange decodes values [from, to) of the n values of src. Offsets and data are overwritten and
// returned: value from+i is data[offsets[i]:offsets[i+1]].
func DecodeBytesRange(offsets []uint32, data []byte, src []byte, n, from, to int) ([]uint32, []byte, error) {
	if err := checkRange(n, from, to); err != nil {
		return append(offsets[:0], 0), data[:0], err
	}
	offsets, data, err := DecodeBytes(offsets, data, src, n)
	if err != nil {
		return offsets, data, err
	}
	first := offsets[from]
	data = data[first:offsets[to]]
	offsets = append(offsets[:0], offsets[from:to+1]...)
	for i := range offsets {
		offsets[i] -= first
	}
	return offsets, data, nil
}

func decodePlain(offsets []uint32, data, src []byte, n int, packed bool) ([]uint32, []byte, error) {
	lengths, src, err := decodeNested(nil, src, n)
	if err != nil {
		return offsets, data, err
	}
	if !packed {
		data = append(data, src...)
	} else {
		size, err := snappy.DecodedLen(src)
		if err != nil || size > len(src)*snappyRatioMax+snappyBytesSlack {
			return offsets, data, corrupt("length of a snappy block")
		}
		if cap(data) < size {
			data = make([]byte, size)
		}
		if data, err = snappy.Decode(data[:cap(data)], src); err != nil {
			return offsets, data, corrupt("snappy: %v", err)
		}
	}
	offsets, err = offsetsOf(offsets, lengths, len(data))
	return offsets, data, err
}

// offsetsOf adds up lengths, which must make total.
func offsetsOf(offsets []uint32, lengths []uint64, total int) ([]uint32, error) {
	if uint64(total) > math.MaxUint32 {
		return offsets, corrupt("%d bytes of data", total)
	}
	end := uint64(0)
	for _, length := range lengths {
		if length > uint64(total)-end {
			return offsets, corrupt("value of %d bytes where %d are left", length, uint64(total)-end)
		}
		end += length
		offsets = append(offsets, uint32(end))
	}
	if end != uint64(total) {
		return offsets, corrupt("%d bytes behind the values", uint64(total)-end)
	}
	return offsets, nil
}

func decodeDict(offsets []uint32, data, src []byte, n int) ([]uint32, []byte, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return offsets, data, err
	}
	if count == 0 || count > uint64(n) {
		return offsets, data, corrupt("dictionary of %d entries for %d values", count, n)
	}
	lengths, src, err := decodeNested(nil, src, int(count))
	if err != nil {
		return offsets, data, err
	}
	size, src, err := uvarint(src)
	if err != nil {
		return offsets, data, err
	}
	if size > uint64(len(src)) {
		return offsets, data, corrupt("dictionary of %d bytes in %d", size, len(src))
	}
	entries, src := src[:size], src[size:]
	starts, err := offsetsOf([]uint32{0}, lengths, len(entries))
	if err != nil {
		return offsets, data, err
	}
	codes, src, err := decodeNested(nil, src, n)
	if err != nil {
		return offsets, data, err
	}
	if len(src) != 0 {
		return offsets, data, corrupt("%d bytes behind the codes", len(src))
	}
	return expandDict(offsets, data, codes, starts, entries)
}

// expandDict replaces codes by what they stand for.
func expandDict(offsets []uint32, data []byte, codes []uint64, starts []uint32, entries []byte) ([]uint32, []byte, error) {
	total := 0
	for _, code := range codes {
		if code >= uint64(len(starts)-1) {
			return offsets, data, corrupt("code %d of %d", code, len(starts)-1)
		}
		total += int(starts[code+1] - starts[code])
		if total > ExpandedBytesMax {
			return offsets, data, corrupt("dictionary grows beyond %d bytes", ExpandedBytesMax)
		}
	}
	if cap(data) < total {
		data = make([]byte, 0, total)
	}
	for _, code := range codes {
		data = append(data, entries[starts[code]:starts[code+1]]...)
		offsets = append(offsets, uint32(len(data)))
	}
	return offsets, data, nil
}
