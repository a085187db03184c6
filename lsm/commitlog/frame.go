package commitlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	headerBytes      = 64
	frameHeadBytes   = 10
	frameBodyMax     = 4 << 20 // bytes of a record in one frame
	partsMax         = 1 << 20 // parts of a record
	syncBodyBytes    = 16
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
func frameCRC(at Position, length uint32, typ, flags byte, body []byte) uint32 {
	var seed [22]byte
	binary.LittleEndian.PutUint64(seed[:], at.Segment)
	binary.LittleEndian.PutUint64(seed[8:], uint64(at.Offset))
	binary.LittleEndian.PutUint32(seed[16:], length)
	seed[20], seed[21] = typ, flags
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, body)
}

func appendFrame(dst []byte, at Position, typ, flags byte, body []byte) []byte {
	length := uint32(len(body))
	dst = binary.LittleEndian.AppendUint32(dst, length)
	dst = binary.LittleEndian.AppendUint32(dst, frameCRC(at, length, typ, flags, body))
	dst = append(dst, typ, flags)
	return append(dst, body...)
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
	return f, frameCRC(at, length, f.typ, f.flags, f.body) == binary.LittleEndian.Uint32(src[4:])
}

// appendSync appends a frame that promises everything before done to be synced.
func appendSync(dst []byte, at, done Position) []byte {
	var body [syncBodyBytes]byte
	binary.LittleEndian.PutUint64(body[:], done.Segment)
	binary.LittleEndian.PutUint64(body[8:], uint64(done.Offset))
	return appendFrame(dst, at, typeSync, 0, body[:])
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

// appendFrames appends the chain of frames that holds body.
func appendFrames(dst []byte, at Position, body []byte) []byte {
	typ := byte(typeRecord)
	for {
		n := min(len(body), frameBodyMax)
		flags := byte(0)
		if n == len(body) {
			flags = flagCommit
		}
		before := len(dst)
		dst = appendFrame(dst, at, typ, flags, body[:n])
		at.Offset += int64(len(dst) - before)
		if body = body[n:]; len(body) == 0 {
			return dst
		}
		typ = typeContinuation
	}
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

// recordBytesMax returns a bound of the length of r's body.
func recordBytesMax(r *Record) int {
	n := 8 + binary.MaxVarintLen64
	for i := range r.Parts {
		n += 16 + 2*binary.MaxVarintLen64 + len(r.Parts[i].Payload)
	}
	return n
}

// DecodeRecord reads the body of a record. Payloads alias src.
func DecodeRecord(src []byte) (Record, error) {
	var r Record
	if len(src) < 8 {
		return r, fmt.Errorf("record of %d bytes: %w", len(src), ErrCorrupt)
	}
	r.Sequence = binary.LittleEndian.Uint64(src)
	count, n := binary.Uvarint(src[8:])
	if n <= 0 || count > partsMax {
		return r, fmt.Errorf("record %d: count of parts: %w", r.Sequence, ErrCorrupt)
	}
	src = src[8+n:]
	for range count {
		p, rest, ok := decodePart(src)
		if !ok {
			return r, fmt.Errorf("record %d: part %d: %w", r.Sequence, len(r.Parts), ErrCorrupt)
		}
		r.Parts, src = append(r.Parts, p), rest
	}
	if len(src) != 0 {
		return r, fmt.Errorf("record %d: %d bytes behind its parts: %w", r.Sequence, len(src), ErrCorrupt)
	}
	return r, nil
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
