package types

import (
	"encoding/binary"
	"encoding/hex"
)

const (
	uuidBytes      = 16
	uuidTextLength = 36
	// gregorianMillis is 1582-10-15, from which timeuuids count, in milliseconds since 1970.
	gregorianMillis = -12219292800000
	ticksPerMilli   = 10000 // of 100 ns
	ticksMask       = 1<<60 - 1
	// signFlip makes signed bytes compare as unsigned ones.
	signFlip = 0x8080808080808080
)

// uuidHalves are the two words of a UUID of 16 bytes.
func uuidHalves(b []byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
}

func uuidVersion(hi uint64) byte { return byte(hi>>12) & 0xF }

// timeFirst puts version and time of the first word of a timeuuid into the order of their weight.
func timeFirst(hi uint64) uint64 { return hi<<48 | hi<<16&0xFFFF00000000 | hi>>32 }

// timeLast undoes timeFirst.
func timeLast(w uint64) uint64 { return w<<32 | w>>16&0xFFFF0000 | w>>48 }

// TimeUUIDMillis is the time of a timeuuid in milliseconds since 1970; ok is false if b is none.
func TimeUUIDMillis(b []byte) (ms int64, ok bool) {
	if len(b) != uuidBytes {
		return 0, false
	}
	hi, _ := uuidHalves(b)
	ticks := int64(timeFirst(hi) & ticksMask)
	return ticks/ticksPerMilli + gregorianMillis, uuidVersion(hi) == 1
}

// AppendTimeUUID appends the timeuuid of a time in milliseconds since 1970, ticks of 100 ns beyond it
// (0 to 9999) and the word of clock sequence and node, whose variant bits it sets.
func AppendTimeUUID(dst []byte, ms int64, ticks uint16, node uint64) []byte {
	return appendTimeUUID(dst, ms, uint64(ticks), node&^(3<<62)|2<<62)
}

func appendTimeUUID(dst []byte, ms int64, ticks, lo uint64) []byte {
	w := (uint64(ms-gregorianMillis)*ticksPerMilli+ticks)&ticksMask | 1<<60
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, timeLast(w)), lo)
}

// The first and the last millisecond since 1970 that a timeuuid can be of.
const (
	TimeUUIDMillisMin = gregorianMillis
	TimeUUIDMillisMax = gregorianMillis + ticksMask/ticksPerMilli
)

// MinTimeUUID is the least timeuuid of a millisecond, as CQL's minTimeuuid.
func MinTimeUUID(ms int64) []byte { return appendTimeUUID(nil, ms, 0, 0x8080808080808080) }

// MaxTimeUUID is the greatest timeuuid of a millisecond, as CQL's maxTimeuuid.
func MaxTimeUUID(ms int64) []byte {
	return appendTimeUUID(nil, ms, ticksPerMilli-1, 0x7F7F7F7F7F7F7F7F)
}

func appendUUIDText(dst, b []byte) []byte {
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// parseUUID reads `550e8400-e29b-41d4-a716-446655440000`.
func parseUUID(s string) ([]byte, bool) {
	if len(s) != uuidTextLength || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, false
	}
	b, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	return b, err == nil
}
