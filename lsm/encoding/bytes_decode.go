package encoding

import (
	"fmt"
	"math"
	"sync"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
)

// zstdEncoder and zstdDecoder are shared: what they do on whole byte strings needs no goroutine. A single segment says how
// long it is, however short.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // options that are constants
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic(err) // options that are constants
		}
		return d
	})
)

// DecodeBytes decodes the n values of src, which must be all of it. Offsets and data are overwritten
// and returned: value i is data[offsets[i]:offsets[i+1]].
func DecodeBytes(offsets []uint32, data []byte, src []byte, n int) ([]uint32, []byte, error) {
	return DecodeBytesRange(offsets, data, src, n, 0, n)
}

// DecodeBytesRange decodes values [from, to) of the n values of src. Offsets and data are overwritten and
// returned: value from+i is data[offsets[i]:offsets[i+1]]. What is damaged elsewhere it need not notice.
func DecodeBytesRange(offsets []uint32, data []byte, src []byte, n, from, to int) ([]uint32, []byte, error) {
	offsets, data = append(offsets[:0], 0), data[:0]
	if err := checkRange(n, from, to); err != nil {
		return offsets, data, err
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
	kind, src := src[0], src[1:]
	switch kind {
	case bytesConst:
		return repeat(offsets, data, src, n, to-from)
	case bytesPlain, bytesSnappy, bytesZstd, bytesFront, bytesFrontSnappy, bytesFrontZstd, bytesDict:
	default:
		return offsets, data, fmt.Errorf("%w %d of bytes", ErrUnknown, kind)
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	switch kind {
	case bytesPlain, bytesSnappy, bytesZstd:
		return s.decodePlain(offsets, data, src, kind, n, from, to)
	case bytesDict:
		return s.decodeDict(offsets, data, src, n, from, to)
	}
	return s.decodeFront(offsets, data, src, kind-bytesFront+bytesPlain, n, from, to)
}

func repeat(offsets []uint32, data, value []byte, n, count int) ([]uint32, []byte, error) {
	if len(value)*n > ExpandedBytesMax {
		return offsets, data, corrupt("%d values of %d bytes", n, len(value))
	}
	for range count {
		data = append(data, value...)
		offsets = append(offsets, uint32(len(data)))
	}
	return offsets, data, nil
}

// nested decodes n integers that lie inside another encoding, of them those before to, and returns what follows them all.
func nested(dst []uint64, src []byte, n, to int) ([]uint64, []byte, error) {
	part, rest, err := cutPart(src)
	if err != nil {
		return dst, nil, err
	}
	dst, err = decodeIntegers(dst[:0], part, n, 0, to)
	return dst, rest, err
}

// unpack returns the bytes that src holds: at least size of them, and exactly as many if that is all.
func (s *scratch) unpack(src []byte, kind byte, size uint64, all bool) ([]byte, error) {
	switch kind {
	case bytesSnappy:
		length, err := snappy.DecodedLen(src)
		if err != nil || length > len(src)*packRatioMax+packBytesSlack || length > ExpandedBytesMax {
			return nil, corrupt("length of a snappy block")
		}
		if s.strings.packed, err = snappy.Decode(s.strings.packed[:cap(s.strings.packed)], src); err != nil {
			return nil, corrupt("snappy: %v", err)
		}
		src = s.strings.packed
	case bytesZstd:
		var err error
		if src, err = s.unpackZstd(src); err != nil {
			return nil, err
		}
	}
	if size > uint64(len(src)) || all && size != uint64(len(src)) || uint64(len(src)) > math.MaxUint32 {
		return nil, corrupt("%d bytes of data for values of %d", len(src), size)
	}
	return src, nil
}

func (s *scratch) unpackZstd(src []byte) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil || !h.HasFCS || h.FrameContentSize > uint64(len(src)*packRatioMax+packBytesSlack) || h.FrameContentSize > ExpandedBytesMax {
		return nil, corrupt("length of a zstd frame")
	}
	if cap(s.strings.packed) < int(h.FrameContentSize) {
		s.strings.packed = make([]byte, 0, h.FrameContentSize)
	}
	out, err := zstdDecoder().DecodeAll(src, s.strings.packed[:0])
	if err != nil {
		return nil, corrupt("zstd: %v", err)
	}
	s.strings.packed = out
	return out, nil
}

// sum adds up numbers.
func sum(numbers []uint64) uint64 {
	total := uint64(0)
	for _, v := range numbers {
		if total += v; v > math.MaxUint32 || total > math.MaxUint32 {
			return math.MaxUint64
		}
	}
	return total
}

func (s *scratch) decodePlain(offsets []uint32, data, src []byte, kind byte, n, from, to int) ([]uint32, []byte, error) {
	lengths, src, err := nested(s.strings.numbers, src, n, to)
	if err != nil {
		return offsets, data, err
	}
	s.strings.numbers = lengths
	before, size := sum(lengths[:from]), sum(lengths)
	all, err := s.unpack(src, kind, size, to == n)
	if err != nil {
		return offsets, data, err
	}
	end := uint32(0)
	for _, length := range lengths[from:] {
		end += uint32(length)
		offsets = append(offsets, end)
	}
	return offsets, append(data, all[before:size]...), nil
}

func (s *scratch) decodeFront(offsets []uint32, data, src []byte, kind byte, n, from, to int) ([]uint32, []byte, error) {
	shared, src, err := nested(s.strings.shared, src, n, to)
	if err != nil {
		return offsets, data, err
	}
	s.strings.shared = shared
	lengths, src, err := nested(s.strings.numbers, src, n, to)
	if err != nil {
		return offsets, data, err
	}
	s.strings.numbers = lengths
	all, err := s.unpack(src, kind, sum(lengths), to == n)
	if err != nil {
		return offsets, data, err
	}
	begin := from - from%blockValues // its value is whole
	rest := all[sum(lengths[:begin]):]
	var value []byte
	for i := begin; i < to; i++ {
		k, length := shared[i], lengths[i]
		if k > uint64(len(value)) || i == begin && k != 0 {
			return offsets, data, corrupt("prefix of %d bytes of a value of %d", k, len(value))
		}
		value = append(value[:k], rest[:length]...)
		rest = rest[length:]
		if i < from {
			continue
		}
		if len(data)+len(value) > ExpandedBytesMax {
			return offsets, data, corrupt("prefixes grow beyond %d bytes", ExpandedBytesMax)
		}
		data = append(data, value...)
		offsets = append(offsets, uint32(len(data)))
	}
	return offsets, data, nil
}

func (s *scratch) decodeDict(offsets []uint32, data, src []byte, n, from, to int) ([]uint32, []byte, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return offsets, data, err
	}
	if count == 0 || count > uint64(n) {
		return offsets, data, corrupt("dictionary of %d entries for %d values", count, n)
	}
	lengths, src, err := nested(s.strings.lengths, src, int(count), int(count))
	if err != nil {
		return offsets, data, err
	}
	s.strings.lengths = lengths
	size := sum(lengths)
	if size > uint64(len(src)) {
		return offsets, data, corrupt("dictionary of %d bytes in %d", size, len(src))
	}
	// Each length becomes where its entry ends.
	for i := 1; i < len(lengths); i++ {
		lengths[i] += lengths[i-1]
	}
	entries, src := src[:size], src[size:]
	if s.strings.numbers, err = decodeNumbers(s.strings.numbers[:0], src, n, from, to); err != nil {
		return offsets, data, err
	}
	for _, code := range s.strings.numbers {
		if code >= count {
			return offsets, data, corrupt("code %d of %d", code, count)
		}
		begin := uint64(0)
		if code > 0 {
			begin = lengths[code-1]
		}
		if len(data)+int(lengths[code]-begin) > ExpandedBytesMax {
			return offsets, data, corrupt("dictionary grows beyond %d bytes", ExpandedBytesMax)
		}
		data = append(data, entries[begin:lengths[code]]...)
		offsets = append(offsets, uint32(len(data)))
	}
	return offsets, data, nil
}
