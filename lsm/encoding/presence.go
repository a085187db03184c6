package encoding

import (
	"encoding/binary"
	"math/bits"
)

// Presence says which rows have a value.
type Presence byte

const (
	// PresenceAll means every row.
	PresenceAll Presence = 1 // on disk: never reuse
	// PresenceBitmap is a bit a row.
	PresenceBitmap Presence = 2 // on disk: never reuse
	// PresenceList is a list of rows.
	PresenceList Presence = 3 // on disk: never reuse
)

// AppendPresence appends the first n bits of present, in whichever form is smaller. A nil present is all of them.
func AppendPresence(dst []byte, present []uint64, n int) (Presence, []byte) {
	count := n
	if present != nil {
		count = CountPresent(present)
	}
	if count == n {
		return PresenceAll, dst
	}
	if count*2 < n/8 {
		return PresenceList, appendPlaces(dst, present, count)
	}
	for i := range (n + 7) / 8 {
		dst = append(dst, byte(present[i/8]>>(i%8*8)))
	}
	return PresenceBitmap, dst
}

func appendPlaces(dst []byte, present []uint64, count int) []byte {
	dst = binary.AppendUvarint(dst, uint64(count))
	next := 0
	for i, word := range present {
		for ; word != 0; word &= word - 1 {
			place := i*64 + bits.TrailingZeros64(word)
			dst = binary.AppendUvarint(dst, uint64(place-next))
			next = place + 1
		}
	}
	return dst
}

// CountPresent returns how many bits are set.
func CountPresent(present []uint64) int {
	count := 0
	for _, word := range present {
		count += bits.OnesCount64(word)
	}
	return count
}

// DecodePresence overwrites dst with n bits and returns it, how many are set, and what follows in src.
// It returns nil bits for PresenceAll.
func DecodePresence(dst []uint64, mode Presence, src []byte, n int) (present []uint64, count int, rest []byte, err error) {
	if n < 0 || n > ValuesMax {
		return nil, 0, nil, corrupt("%d rows", n)
	}
	if mode == PresenceAll {
		return nil, n, src, nil
	}
	words := (n + 63) / 64
	if cap(dst) < words {
		dst = make([]uint64, words)
	}
	dst = dst[:words]
	clear(dst)
	switch mode {
	case PresenceBitmap:
		return decodeBitmap(dst, src, n)
	case PresenceList:
		return decodePlaces(dst, src, n)
	}
	return nil, 0, nil, corrupt("presence %d", mode)
}

func decodeBitmap(dst []uint64, src []byte, n int) ([]uint64, int, []byte, error) {
	size := (n + 7) / 8
	if len(src) < size {
		return nil, 0, nil, corrupt("bitmap of %d rows in %d bytes", n, len(src))
	}
	for i, b := range src[:size] {
		dst[i/8] |= uint64(b) << (i % 8 * 8)
	}
	if n%64 != 0 && dst[len(dst)-1]>>(n%64) != 0 {
		return nil, 0, nil, corrupt("bits behind row %d", n)
	}
	return dst, CountPresent(dst), src[size:], nil
}

func decodePlaces(dst []uint64, src []byte, n int) ([]uint64, int, []byte, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return nil, 0, nil, err
	}
	if count > uint64(n) {
		return nil, 0, nil, corrupt("%d of %d rows", count, n)
	}
	next := uint64(0)
	for range count {
		var gap uint64
		if gap, src, err = uvarint(src); err != nil {
			return nil, 0, nil, err
		}
		if gap >= uint64(n)-next {
			return nil, 0, nil, corrupt("row behind %d", n)
		}
		place := next + gap
		dst[place/64] |= 1 << (place % 64)
		next = place + 1
	}
	return dst, int(count), src, nil
}
