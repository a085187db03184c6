package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
)

const (
	headerBytes      = 64
	frameHeadBytes   = 10
	frameBodyMax     = 4 << 20 // bytes of a record in one frame
	partsMax         = 1 << 20 // parts of a record
	syncBodyBytes    = 16
	syncFrameBytes   = frameHeadBytes + syncBodyBytes
	formatVersion    = 1
	typeRecord       = 1 // on disk: never reuse
	typeContinuation = 2 // on disk: never reuse
	typeSync         = 3 // on disk: never reuse
	flagCommit       = 1 // on disk: never reuse
)

var (
	magic      = [8]byte{'E', 'S', 'K', 'E', 'R', 'L', 'O', 'G'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header begins a segment.
type header struct {
	number      uint64
	previous    uint64 // 0: none
	previousEnd int64
}

func appendHeader(dst []byte, h header) []byte {
	head := append([]byte(nil), magic[:]...)
	head = binary.LittleEndian.AppendUint32(head, formatVersion)
	head = binary.LittleEndian.AppendUint64(head, h.number)
	head = binary.LittleEndian.AppendUint64(head, h.previous)
	head = binary.LittleEndian.AppendUint64(head, uint64(h.previousEnd))
	head = append(head, make([]byte, headerBytes-4-len(head))...)
	return append(dst, appendChecksum(head)...)
}

func appendChecksum(dst []byte) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

// decodeHeader reads the header of segment number. ok is false where there is none, as
// in a file that was allocated or renamed and not yet begun.
func decodeHeader(src []byte, number uint64) (h header, ok bool, err error) {
	if len(src) < headerBytes || [8]byte(src[:8]) != magic {
		return h, false, nil
	}
	if crc32.Checksum(src[:headerBytes-4], castagnoli) != binary.LittleEndian.Uint32(src[headerBytes-4:]) {
		return h, false, nil
	}
	if v := binary.LittleEndian.Uint32(src[8:]); v != formatVersion {
		return h, false, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, v, formatVersion)
	}
	h.number = binary.LittleEndian.Uint64(src[12:])
	h.previous = binary.LittleEndian.Uint64(src[20:])
	h.previousEnd = int64(binary.LittleEndian.Uint64(src[28:]))
	return h, h.number == number && h.previous < number && h.previousEnd >= 0, nil
}

// frameCRC seeds the checksum with the place, so that what an older use of the file left
// there never passes.
func frameCRC(seed *frameSeed, at Position, length uint32, typ, flags byte, body []byte) uint32 {
	binary.LittleEndian.PutUint64(seed[:], at.Segment)
	binary.LittleEndian.PutUint64(seed[8:], uint64(at.Offset))
	binary.LittleEndian.PutUint32(seed[16:], length)
	seed[20], seed[21] = typ, flags
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, body)
}

// frameSeed is memory for what a checksum begins with. It would be a new piece of the heap for each frame.
type frameSeed [22]byte

// appendFrame appends a frame without its checksum: sealFrames puts it in when the place is known.
func appendFrame(dst []byte, typ, flags byte, body []byte) []byte {
	return append(appendFrameHead(dst, typ, flags, len(body)), body...)
}

func appendFrameHead(dst []byte, typ, flags byte, length int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	return append(dst, 0, 0, 0, 0, typ, flags)
}

// sealFrames puts the checksums into frames that begin at a place.
func sealFrames(frames []byte, at Position) {
	var seed frameSeed
	for len(frames) > 0 {
		length := binary.LittleEndian.Uint32(frames)
		end := frameHeadBytes + int(length)
		crc := frameCRC(&seed, at, length, frames[8], frames[9], frames[frameHeadBytes:end])
		binary.LittleEndian.PutUint32(frames[4:], crc)
		frames = frames[end:]
		at.Offset += int64(end)
	}
}

// frame is one frame of a segment; body aliases the segment.
type frame struct {
	typ, flags byte
	body       []byte
}

// decodeFrame reads the frame at src, which is at the given place. ok is false where
// there is no whole frame.
func decodeFrame(src []byte, at Position) (f frame, ok bool) {
	if len(src) < frameHeadBytes {
		return f, false
	}
	length := binary.LittleEndian.Uint32(src)
	if length == 0 || length > frameBodyMax || int(length) > len(src)-frameHeadBytes {
		return f, false
	}
	f = frame{typ: src[8], flags: src[9], body: src[frameHeadBytes : frameHeadBytes+int(length)]}
	if f.typ < typeRecord || f.typ > typeSync || f.flags&^flagCommit != 0 {
		return f, false
	}
	return f, frameCRC(new(frameSeed), at, length, f.typ, f.flags, f.body) == binary.LittleEndian.Uint32(src[4:])
}

// appendSync appends a frame that promises everything before done to be synced.
func appendSync(dst []byte, done Position) []byte {
	dst = appendFrameHead(dst, typeSync, 0, syncBodyBytes)
	dst = binary.LittleEndian.AppendUint64(dst, done.Segment)
	return binary.LittleEndian.AppendUint64(dst, uint64(done.Offset))
}

func decodeSync(f frame) (Position, bool) {
	if f.typ != typeSync || len(f.body) != syncBodyBytes {
		return Position{}, false
	}
	return Position{
		Segment: binary.LittleEndian.Uint64(f.body),
		Offset:  int64(binary.LittleEndian.Uint64(f.body[8:])),
	}, true
}

// appendRecord appends the frames of r, whose body has the given length.
func appendRecord(dst []byte, r *Record, body int) []byte {
	if body <= frameBodyMax {
		return AppendRecord(appendFrameHead(dst, typeRecord, flagCommit, body), r)
	}
	return appendChain(dst, AppendRecord(make([]byte, 0, body), r))
}

// appendChain appends the chain of frames that holds body.
func appendChain(dst, body []byte) []byte {
	for typ := byte(typeRecord); len(body) > frameBodyMax; typ = typeContinuation {
		dst = appendFrame(dst, typ, 0, body[:frameBodyMax])
		body = body[frameBodyMax:]
	}
	return appendFrame(dst, typeContinuation, flagCommit, body)
}

// framesBytes returns the length of the chain that holds a body of n bytes.
func framesBytes(n int) int {
	return n + (n+frameBodyMax-1)/frameBodyMax*frameHeadBytes
}

// AppendRecord appends the body of r.
func AppendRecord(dst []byte, r *Record) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, r.Sequence)
	dst = binary.AppendUvarint(dst, uint64(len(r.Parts)))
	for i := range r.Parts {
		p := &r.Parts[i]
		dst = append(dst, p.Table[:]...)
		dst = binary.AppendUvarint(dst, p.Epoch)
		dst = binary.AppendUvarint(dst, uint64(len(p.Payload)))
		dst = append(dst, p.Payload...)
	}
	return dst
}

// recordBytes returns the length of r's body.
func recordBytes(r *Record) int {
	n := 8 + uvarintBytes(uint64(len(r.Parts)))
	for i := range r.Parts {
		p := &r.Parts[i]
		n += len(p.Table) + uvarintBytes(p.Epoch) + uvarintBytes(uint64(len(p.Payload))) + len(p.Payload)
	}
	return n
}

func uvarintBytes(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// decodeRecord reads the body of a record into r, reusing its parts. Payloads alias src.
func decodeRecord(src []byte, r *Record) error {
	r.Sequence, r.Parts = 0, r.Parts[:0]
	if len(src) < 8 {
		return fmt.Errorf("record of %d bytes: %w", len(src), ErrCorrupt)
	}
	r.Sequence = binary.LittleEndian.Uint64(src)
	count, n := binary.Uvarint(src[8:])
	if n <= 0 || count > partsMax {
		return fmt.Errorf("record %d: count of parts: %w", r.Sequence, ErrCorrupt)
	}
	src = src[8+n:]
	for range count {
		p, rest, ok := decodePart(src)
		if !ok {
			return fmt.Errorf("record %d: part %d: %w", r.Sequence, len(r.Parts), ErrCorrupt)
		}
		r.Parts, src = append(r.Parts, p), rest
	}
	if len(src) != 0 {
		return fmt.Errorf("record %d: %d bytes behind its parts: %w", r.Sequence, len(src), ErrCorrupt)
	}
	return nil
}

func decodePart(src []byte) (p Part, rest []byte, ok bool) {
	if len(src) < 16 {
		return p, nil, false
	}
	copy(p.Table[:], src)
	src = src[16:]
	epoch, n := binary.Uvarint(src)
	if n <= 0 {
		return p, nil, false
	}
	src = src[n:]
	length, n := binary.Uvarint(src)
	if n <= 0 || length > uint64(len(src)-n) {
		return p, nil, false
	}
	p.Epoch, p.Payload = epoch, src[n:n+int(length)]
	return p, src[n+int(length):], true
}
