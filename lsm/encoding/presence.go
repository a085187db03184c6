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
	// PresenceList is a list of rows, of those that have a value or of those that have none.
	PresenceList Presence = 3 // on disk: never reuse
)

// listRowsPart is how rare rows, or changes between rows, must be for a list to be tried.
const listRowsPart = 4

// AppendPresence appends the first n bits of present, in whichever form is smaller. A nil present is all of them.
func AppendPresence(dst []byte, present []uint64, n int) (Presence, []byte) {
	count := n
	if present != nil {
		count = CountPresent(present)
	}
	if count == n {
		return PresenceAll, dst
	}
	at := len(dst)
	if min(count, n-count, changes(present))*listRowsPart <= n {
		dst = appendList(dst, present, n, count)
		if len(dst)-at < (n+7)/8 {
			return PresenceList, dst
		}
		dst = dst[:at]
	}
	for i := range (n + 7) / 8 {
		dst = append(dst, byte(present[i/8]>>(i%8*8)))
	}
	return PresenceBitmap, dst
}

// changes counts rows that differ from the one before.
func changes(present []uint64) int {
	count, last := 0, uint64(0)
	for _, word := range present {
		count += bits.OnesCount64(word ^ (word<<1 | last))
		last = word >> 63
	}
	return count
}

// appendList appends the places of the rarer rows: twice their count, and 1 if they are those without a value, then the
// gaps before each.
func appendList(dst []byte, present []uint64, n, count int) []byte {
	flip, absent := uint64(0), uint64(0)
	if count > n/2 {
		flip, absent, count = ^uint64(0), 1, n-count
	}
	dst = binary.AppendUvarint(dst, uint64(count)<<1|absent)
	if count == 0 {
		return dst
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	s.codes = s.codes[:0]
	next := 0
	for i := range (n + 63) / 64 {
		word := present[i] ^ flip
		if left := n - i*64; left < 64 {
			word &= 1<<left - 1
		}
		for ; word != 0; word &= word - 1 {
			place := i*64 + bits.TrailingZeros64(word)
			s.codes = append(s.codes, uint64(place-next))
			next = place + 1
		}
	}
	gaps := s.codes
	s.other = s.appendIntegers(s.other[:0], gaps, Light)
	dst = binary.AppendUvarint(dst, uint64(len(s.other)))
	return append(dst, s.other...)
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
		return decodeList(dst, src, n)
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

func decodeList(dst []uint64, src []byte, n int) ([]uint64, int, []byte, error) {
	count, src, err := uvarint(src)
	if err != nil {
		return nil, 0, nil, err
	}
	absent := count&1 != 0
	count >>= 1
	if count > uint64(n) {
		return nil, 0, nil, corrupt("%d of %d rows", count, n)
	}
	if count > 0 {
		var part []byte
		if part, src, err = cutPart(src); err != nil {
			return nil, 0, nil, err
		}
		if err := setPlaces(dst, part, int(count), n); err != nil {
			return nil, 0, nil, err
		}
	}
	if absent {
		count = uint64(n) - count
		for i := range dst {
			dst[i] = ^dst[i]
		}
		if n%64 != 0 {
			dst[len(dst)-1] &= 1<<(n%64) - 1
		}
	}
	return dst, int(count), src, nil
}

// setPlaces sets bits from the gaps before each.
func setPlaces(dst []uint64, part []byte, count, n int) error {
	s := scratches.Get().(*scratch)
	defer s.release()
	var err error
	if s.codes, err = decodeNumbers(s.codes[:0], part, count, 0, count); err != nil {
		return err
	}
	next := uint64(0)
	for _, gap := range s.codes {
		if gap >= uint64(n)-next {
			return corrupt("row behind %d", n)
		}
		place := next + gap
		dst[place/64] |= 1 << (place % 64)
		next = place + 1
	}
	return nil
}
