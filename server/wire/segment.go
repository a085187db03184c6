package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// From version 5 on, all that follows the answer to STARTUP is in segments. A segment is a header, a payload and the
// CRC32 of the payload as it is sent. The header is a little-endian number and its CRC24:
//
//	plain: length (17 bits), self-contained (1 bit)                                        3 bytes
//	lz4:   length as sent (17 bits), length unpacked (17 bits), self-contained (1 bit)     5 bytes
//
// In the lz4 variant an unpacked length of 0 says that the payload is stored as it is. A self-contained segment holds
// whole frames; a frame that is too long for one is spread over segments that hold nothing else.
const (
	segmentLengthBits = 17
	// SegmentBytesMax is the longest payload of a segment, sent and unpacked.
	SegmentBytesMax = 1<<segmentLengthBits - 1

	plainHeaderBytes = 3
	lz4HeaderBytes   = 5
	crc24Bytes       = 3
	crc32Bytes       = 4
)

// segmentHeader is what stands before a payload.
type segmentHeader struct {
	sent     int // bytes of the payload on the wire
	unpacked int // bytes of the payload; 0 if it is stored as it is
	whole    bool
}

// segmentHeaderBytes is how long a header is, with its CRC24.
func segmentHeaderBytes(c Compression) int {
	if c == CompressionLZ4 {
		return lz4HeaderBytes + crc24Bytes
	}
	return plainHeaderBytes + crc24Bytes
}

func appendSegmentHeader(dst []byte, h segmentHeader, c Compression) []byte {
	bits, flag := uint64(h.sent), uint(segmentLengthBits)
	if c == CompressionLZ4 {
		bits |= uint64(h.unpacked) << segmentLengthBits
		flag = 2 * segmentLengthBits
	}
	if h.whole {
		bits |= 1 << flag
	}
	start, n := len(dst), segmentHeaderBytes(c)-crc24Bytes
	for i := range n {
		dst = append(dst, byte(bits>>(8*i)))
	}
	crc := crc24(dst[start:])
	return append(dst, byte(crc), byte(crc>>8), byte(crc>>16))
}

// decodeSegmentHeader reads a header of segmentHeaderBytes.
func decodeSegmentHeader(src []byte, c Compression) (segmentHeader, error) {
	n := len(src) - crc24Bytes
	var bits uint64
	for i := n - 1; i >= 0; i-- {
		bits = bits<<8 | uint64(src[i])
	}
	told := uint32(src[n]) | uint32(src[n+1])<<8 | uint32(src[n+2])<<16
	if found := crc24(src[:n]); found != told {
		return segmentHeader{}, fatalf("segment header is damaged: checksum %06x instead of %06x", found, told)
	}
	h := segmentHeader{sent: int(bits & SegmentBytesMax), whole: bits>>segmentLengthBits&1 != 0}
	if c == CompressionLZ4 {
		h.unpacked = int(bits >> segmentLengthBits & SegmentBytesMax)
		h.whole = bits>>(2*segmentLengthBits)&1 != 0
		if h.sent == 0 { // the specification's way to say that the payload is stored; no lz4 block is empty
			h.sent, h.unpacked = h.unpacked, 0
		}
	}
	return h, nil
}

// SegmentReader is the Source of frames that come in segments. Of a segment nothing is yielded before all of it has
// arrived and its checksums are right; damage is a fatal *ProtocolError. While it waits for a segment it holds no memory
// for one, so that an idle connection costs nothing. It is not safe for concurrent use.
type SegmentReader struct {
	// Begun, if set, is called when the first byte of a segment is there.
	Begun func()

	src         io.Reader
	compression Compression

	header [lz4HeaderBytes + crc24Bytes]byte
	rest   []byte // of the payload: what has not been yielded
	sent   []byte // the memory of a payload as it is sent
	opened []byte // the memory of an unpacked payload
	err    error  // sticks
}

// NewSegmentReader reads segments from src, which should be buffered. The compression is none or lz4.
func NewSegmentReader(src io.Reader, c Compression) *SegmentReader {
	return &SegmentReader{src: src, compression: c}
}

// Buffered is how many bytes can be read without reading from the source.
func (r *SegmentReader) Buffered() int { return len(r.rest) }

// Size implements Source.
func (r *SegmentReader) Size() int { return SegmentBytesMax - HeaderBytes }

// Read implements io.Reader. The end of the source between two segments is io.EOF, within one io.ErrUnexpectedEOF.
func (r *SegmentReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Peek implements Source. What lies in one segment, as all frames but long ones should, is shown where it is.
func (r *SegmentReader) Peek(n int) ([]byte, error) {
	if len(r.rest) >= n {
		return r.rest[:n], nil
	}
	joined := append(make([]byte, 0, n), r.rest...)
	r.rest = nil
	var err error
	for len(joined) < n && err == nil {
		if err = r.fill(); err == nil {
			joined = append(joined, r.rest...)
			r.rest = nil
		}
	}
	r.rest = joined
	return r.rest[:min(n, len(r.rest))], err
}

// Discard implements Source.
func (r *SegmentReader) Discard(n int) (int, error) {
	for left := n; left > 0; {
		if err := r.fill(); err != nil {
			return n - left, err
		}
		taken := min(left, len(r.rest))
		r.rest = r.rest[taken:]
		left -= taken
	}
	return n, nil
}

// Leave makes what was yielded stay as it is, for whoever still uses it while others read on.
func (r *SegmentReader) Leave() { r.sent, r.opened = nil, nil }

// segmentKeptBytes is the largest memory that Trim leaves.
const segmentKeptBytes = 4 << 10

// Trim gives up large memory if nothing is left to be read of it, so that a reader that waits holds little.
func (r *SegmentReader) Trim() {
	if len(r.rest) == 0 && max(cap(r.sent), cap(r.opened)) > segmentKeptBytes {
		r.rest = nil
		r.Leave()
	}
}

// fill makes rest not empty.
func (r *SegmentReader) fill() error {
	for len(r.rest) == 0 {
		if r.err == nil {
			r.err = r.next()
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// next reads one segment. What was yielded of the one before is no longer used.
func (r *SegmentReader) next() error {
	recycle(r.sent)
	recycle(r.opened)
	r.sent, r.opened = nil, nil
	header := r.header[:segmentHeaderBytes(r.compression)]
	if _, err := io.ReadFull(r.src, header[:1]); err != nil {
		return err
	}
	if r.Begun != nil {
		r.Begun()
	}
	if _, err := io.ReadFull(r.src, header[1:]); err != nil {
		return unexpected(err)
	}
	h, err := decodeSegmentHeader(header, r.compression)
	if err != nil {
		return err
	}
	if err := r.receive(h.sent + crc32Bytes); err != nil {
		return err
	}
	payload := r.sent[:h.sent]
	told := binary.LittleEndian.Uint32(r.sent[h.sent:])
	if found := payloadCRC(payload); found != told {
		return fatalf("segment of %d bytes is damaged: checksum %08x instead of %08x", h.sent, found, told)
	}
	if h.unpacked == 0 {
		r.rest = payload
		return nil
	}
	return r.unpack(payload, h.unpacked)
}

// receive reads n bytes into sent, whose memory grows with what arrives.
func (r *SegmentReader) receive(n int) error {
	r.sent = r.sent[:0]
	for len(r.sent) < n {
		if len(r.sent) == cap(r.sent) {
			grown := append(roomFor(min(n, max(1, 8*len(r.sent)))), r.sent...)
			recycle(r.sent)
			r.sent = grown
		}
		part := r.sent[len(r.sent):min(n, cap(r.sent))]
		if _, err := io.ReadFull(r.src, part); err != nil {
			return unexpected(err)
		}
		r.sent = r.sent[:len(r.sent)+len(part)]
	}
	return nil
}

func (r *SegmentReader) unpack(payload []byte, claimed int) error {
	if err := checkClaim("lz4", int64(claimed), len(payload), lz4RatioMax, SegmentBytesMax); err != nil {
		return fatalf("segment: %v", err)
	}
	r.opened = roomFor(claimed)[:claimed]
	n, err := lz4.UncompressBlock(payload, r.opened)
	if err != nil {
		return fatalf("segment of %d bytes: lz4: %v", len(payload), err)
	}
	if n != claimed {
		return fatalf("segment: lz4: %d bytes instead of the %d it claims", n, claimed)
	}
	r.rest = r.opened
	return nil
}

// Memory of payloads comes in three sizes and goes round.
const (
	segmentSmallBytes  = 4 << 10
	segmentMiddleBytes = 32 << 10
	segmentWholeBytes  = SegmentBytesMax + crc32Bytes
)

var (
	segmentsSmall  = sync.Pool{New: func() any { return new([segmentSmallBytes]byte) }}
	segmentsMiddle = sync.Pool{New: func() any { return new([segmentMiddleBytes]byte) }}
	segmentsWhole  = sync.Pool{New: func() any { return new([segmentWholeBytes]byte) }}
)

// roomFor is empty memory for at least n bytes.
func roomFor(n int) []byte {
	switch {
	case n <= segmentSmallBytes:
		return segmentsSmall.Get().(*[segmentSmallBytes]byte)[:0]
	case n <= segmentMiddleBytes:
		return segmentsMiddle.Get().(*[segmentMiddleBytes]byte)[:0]
	}
	return segmentsWhole.Get().(*[segmentWholeBytes]byte)[:0]
}

// recycle gives memory of roomFor back.
func recycle(b []byte) {
	switch cap(b) {
	case segmentSmallBytes:
		segmentsSmall.Put((*[segmentSmallBytes]byte)(b[:segmentSmallBytes]))
	case segmentMiddleBytes:
		segmentsMiddle.Put((*[segmentMiddleBytes]byte)(b[:segmentMiddleBytes]))
	case segmentWholeBytes:
		segmentsWhole.Put((*[segmentWholeBytes]byte)(b[:segmentWholeBytes]))
	}
}

// Segmenter wraps frames into segments. Its zero value wraps without compression. It is not safe for concurrent use.
type Segmenter struct {
	// Compression is none or lz4.
	Compression Compression

	long int // bytes still to come of a frame that is spread over segments
}

// Append appends segments that carry whole frames, which stand one after another, until dst has grown by bytesMax or
// more, or all is carried. used is how many bytes of frames are carried: the next call gets the others, and after them
// more frames. Frames that fit go together; one that is too long for a segment gets several of its own.
func (s *Segmenter) Append(dst, frames []byte, bytesMax int) (_ []byte, used int, err error) {
	start := len(dst)
	for used < len(frames) && len(dst)-start < bytesMax {
		n := min(s.long, SegmentBytesMax, len(frames)-used)
		whole := s.long == 0
		if whole {
			if n, err = wholeFrames(frames[used:]); err != nil {
				return nil, 0, err
			}
			if n == 0 {
				s.long = frameBytes(frames[used:])
				continue
			}
		} else {
			s.long -= n
		}
		if dst, err = appendSegment(dst, frames[used:used+n], whole, s.Compression); err != nil {
			return nil, 0, err
		}
		used += n
	}
	return dst, used, nil
}

// frameBytes is the length of the first frame; src has its header.
func frameBytes(src []byte) int { return HeaderBytes + int(binary.BigEndian.Uint32(src[5:])) }

// wholeFrames is how many bytes of src, from its start, are frames that fit together into a segment; 0 if the first
// does not.
func wholeFrames(src []byte) (int, error) {
	n := 0
	for n < len(src) {
		if len(src)-n < HeaderBytes || len(src)-n < frameBytes(src[n:]) {
			return 0, fmt.Errorf("segments: %d bytes end within a frame", len(src))
		}
		length := frameBytes(src[n:])
		if n+length > SegmentBytesMax {
			break
		}
		n += length
	}
	return n, nil
}

func appendSegment(dst, payload []byte, whole bool, c Compression) ([]byte, error) {
	start, header := len(dst), segmentHeaderBytes(c)
	h := segmentHeader{sent: len(payload), whole: whole}
	if c == CompressionLZ4 && len(payload) >= compressBytesMin {
		// Packed behind the header's place, which is written once its length is known.
		dst = slices.Grow(dst, header+lz4.CompressBlockBound(len(payload))+crc32Bytes)
		packed := dst[start+header : cap(dst)]
		n, err := lz4.CompressBlock(payload, packed, nil)
		if err != nil {
			return nil, fmt.Errorf("segments: lz4: payload of %d bytes: %w", len(payload), err)
		}
		if n > 0 && n < len(payload) {
			h.sent, h.unpacked = n, len(payload)
			dst = appendSegmentHeader(dst, h, c)[:start+header+n]
			return binary.LittleEndian.AppendUint32(dst, payloadCRC(packed[:n])), nil
		}
	}
	dst = slices.Grow(dst, header+len(payload)+crc32Bytes)
	dst = append(appendSegmentHeader(dst, h, c), payload...)
	return binary.LittleEndian.AppendUint32(dst, payloadCRC(payload)), nil
}
