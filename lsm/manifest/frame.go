package manifest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	headerBytes    = 32
	frameHeadBytes = 12
	editBytesMax   = 256 << 20
	formatVersion  = 1
)

var (
	magic      = [8]byte{'E', 'S', 'K', 'E', 'R', 'M', 'A', 'N'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func appendHeader(dst []byte, store [16]byte) []byte {
	head := append([]byte(nil), magic[:]...)
	head = binary.LittleEndian.AppendUint32(head, formatVersion)
	head = append(head, store[:]...)
	return append(dst, appendChecksum(head)...)
}

func appendChecksum(dst []byte) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

func decodeHeader(src []byte) (store [16]byte, err error) {
	if len(src) < headerBytes || [8]byte(src[:8]) != magic {
		return store, fmt.Errorf("header: %w", ErrForeign)
	}
	if crc32.Checksum(src[:headerBytes-4], castagnoli) != binary.LittleEndian.Uint32(src[headerBytes-4:]) {
		return store, fmt.Errorf("header: %w", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(src[8:]); v != formatVersion {
		return store, fmt.Errorf("%w: it has %d, this program reads %d", ErrVersion, v, formatVersion)
	}
	return [16]byte(src[12:28]), nil
}

// headCRC seeds the checksum of a frame's head with its place.
func headCRC(manifest uint64, offset int64, length uint32) uint32 {
	var seed [20]byte
	binary.LittleEndian.PutUint64(seed[:], manifest)
	binary.LittleEndian.PutUint64(seed[8:], uint64(offset))
	binary.LittleEndian.PutUint32(seed[16:], length)
	return crc32.Checksum(seed[:], castagnoli)
}

func appendFrame(dst []byte, manifest uint64, offset int64, body []byte) ([]byte, error) {
	if len(body) > editBytesMax {
		return dst, fmt.Errorf("manifest edit of %d bytes, at most %d are possible", len(body), editBytesMax)
	}
	length := uint32(len(body))
	dst = binary.LittleEndian.AppendUint32(dst, length)
	dst = binary.LittleEndian.AppendUint32(dst, headCRC(manifest, offset, length))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(body, castagnoli))
	return append(dst, body...), nil
}

// decodeFrame returns the body of the frame at offset; ok is false where there is none
// that is whole.
func decodeFrame(data []byte, manifest uint64, offset int64) (body []byte, ok bool) {
	src := data[offset:]
	if len(src) < frameHeadBytes {
		return nil, false
	}
	length := binary.LittleEndian.Uint32(src)
	if length > editBytesMax || headCRC(manifest, offset, length) != binary.LittleEndian.Uint32(src[4:]) {
		return nil, false
	}
	if int(length) > len(src)-frameHeadBytes {
		return nil, false
	}
	body = src[frameHeadBytes : frameHeadBytes+int(length)]
	return body, crc32.Checksum(body, castagnoli) == binary.LittleEndian.Uint32(src[8:])
}

// decodeFile adds up the edits in data and returns the state and where the next frame goes.
func decodeFile(data []byte, manifest uint64) (*State, int64, error) {
	store, err := decodeHeader(data)
	if err != nil {
		return nil, 0, broken(manifest, 0, err)
	}
	state, offset := newState(store), int64(headerBytes)
	for offset < int64(len(data)) {
		body, ok := decodeFrame(data, manifest, offset)
		if !ok {
			if at, found := frameBehind(data, manifest, offset); found {
				return nil, 0, broken(manifest, offset, fmt.Errorf("broken edit, with a whole one behind it at %d: %w", at, ErrCorrupt))
			}
			break
		}
		edit, err := DecodeEdit(body)
		if err == nil {
			err = state.apply(edit)
		}
		if err != nil {
			return nil, 0, broken(manifest, offset, err)
		}
		offset += int64(frameHeadBytes + len(body))
	}
	if offset == headerBytes {
		// The snapshot was synced before the marker was made.
		return nil, 0, broken(manifest, offset, fmt.Errorf("no snapshot: %w", ErrCorrupt))
	}
	return state, offset, nil
}

func broken(manifest uint64, offset int64, cause error) error {
	return &PlaceError{File: fileName(manifest), Offset: offset, Cause: cause}
}

// frameBehind looks for a whole frame behind a broken one. A frame is written only when
// the one before is synced, so finding one means that the broken one was whole.
func frameBehind(data []byte, manifest uint64, offset int64) (int64, bool) {
	for o := offset + 1; o+frameHeadBytes <= int64(len(data)); o++ {
		if _, ok := decodeFrame(data, manifest, o); ok {
			return o, true
		}
	}
	return 0, false
}
