package types

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

const (
	nanosPerMicro  = 1000
	nanosPerMilli  = 1000 * nanosPerMicro
	nanosPerSecond = 1000 * nanosPerMilli
	nanosPerMinute = 60 * nanosPerSecond
	nanosPerHour   = 60 * nanosPerMinute
	nanosPerDay    = 24 * nanosPerHour
	daysPerWeek    = 7
	monthsPerYear  = 12
)

// AppendDuration appends a duration, whose parts must have one sign.
func AppendDuration(dst []byte, months, days int32, nanos int64) []byte {
	return appendVInt(appendVInt(appendVInt(dst, int64(months)), int64(days)), nanos)
}

// DecodeDuration returns the parts of a duration.
func DecodeDuration(b []byte) (months, days int32, nanos int64, err error) {
	if len(b) < 3 {
		return 0, 0, 0, invalidf("Expected at least 3 bytes for a duration (%d)", len(b))
	}
	var parts [3]int64
	rest := b
	for i := range parts {
		var ok bool
		if parts[i], rest, ok = vint(rest); !ok {
			return 0, 0, 0, invalidf("Expected at least %d bytes for a duration (%d)", len(b)+1, len(b))
		}
	}
	m, d, n := parts[0], parts[1], parts[2]
	switch {
	case m != int64(int32(m)):
		return 0, 0, 0, invalidf("The duration months must be a 32 bits integer but was: %d", m)
	case d != int64(int32(d)):
		return 0, 0, 0, invalidf("The duration days must be a 32 bits integer but was: %d", d)
	case !(m >= 0 && d >= 0 && n >= 0) && !(m <= 0 && d <= 0 && n <= 0):
		return 0, 0, 0, invalidf("The duration months, days and nanoseconds must be all of the same sign (%d, %d, %d)", m, d, n)
	}
	return int32(m), int32(d), n, nil
}

// appendVInt appends v as Cassandra's signed variable-length integer: zigzag, then the count of
// further bytes as leading ones of the first.
func appendVInt(dst []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	extra := max(bits.Len64(u)-1, 0) / 7
	if extra >= 8 {
		return binary.BigEndian.AppendUint64(append(dst, 0xFF), u)
	}
	u |= ^uint64(0) << (8 - extra) << (8 * extra) & (1<<(8*extra+8) - 1)
	for i := extra; i >= 0; i-- {
		dst = append(dst, byte(u>>(8*i)))
	}
	return dst
}

func vint(src []byte) (v int64, rest []byte, ok bool) {
	if len(src) == 0 {
		return 0, nil, false
	}
	extra := bits.LeadingZeros8(^src[0])
	if len(src) <= extra {
		return 0, nil, false
	}
	u := uint64(src[0]) & (0xFF >> extra)
	for _, c := range src[1 : 1+extra] {
		u = u<<8 | uint64(c)
	}
	return int64(u>>1) ^ -int64(u&1), src[1+extra:], true
}

// durationUnit is a unit of the notation `1h30m`. Units must come in ascending order of rank, each once.
type durationUnit struct {
	rank   int
	name   string // in errors
	months uint64
	days   uint64
	nanos  uint64
}

var durationUnits = map[string]durationUnit{
	"y":  {rank: 1, name: "years", months: monthsPerYear},
	"mo": {rank: 2, name: "months", months: 1},
	"w":  {rank: 3, name: "weeks", days: daysPerWeek},
	"d":  {rank: 4, name: "days", days: 1},
	"h":  {rank: 5, name: "hours", nanos: nanosPerHour},
	"m":  {rank: 6, name: "minutes", nanos: nanosPerMinute},
	"s":  {rank: 7, name: "seconds", nanos: nanosPerSecond},
	"ms": {rank: 8, name: "milliseconds", nanos: nanosPerMilli},
	"us": {rank: 9, name: "microseconds", nanos: nanosPerMicro},
	"µs": {rank: 9, name: "microseconds", nanos: nanosPerMicro}, // micro sign
	"μs": {rank: 9, name: "microseconds", nanos: nanosPerMicro}, // Greek mu
	"ns": {rank: 10, name: "nanoseconds", nanos: 1},
}

// durationBuilder adds up the parts of a duration, unsigned.
type durationBuilder struct {
	last                durationUnit
	months, days, nanos uint64
}

// errDuration says that text is no duration at all; parseDuration knows which text.
var errDuration = invalidf("Unable to convert to a duration")

func (d *durationBuilder) add(text string, unit durationUnit) error {
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil:
		return errDuration
	case unit.rank == d.last.rank:
		return invalidf("Invalid duration. The %s are specified multiple times", unit.name)
	case unit.rank < d.last.rank:
		return invalidf("Invalid duration. The %s should be after %s", d.last.name, unit.name)
	}
	d.last = unit
	// Cassandra names the limit of 32 bits for all three.
	over := ""
	switch {
	case !accumulate(&d.months, n, unit.months, math.MaxInt32):
		over = "months"
	case !accumulate(&d.days, n, unit.days, math.MaxInt32):
		over = "days"
	case !accumulate(&d.nanos, n, unit.nanos, math.MaxInt64):
		over = "nanoseconds"
	default:
		return nil
	}
	return invalidf("Invalid duration. The total number of %s must be less or equal to %d", over, math.MaxInt32)
}

// accumulate adds n units to sum unless that goes beyond limit.
func accumulate(sum *uint64, n, unit, limit uint64) bool {
	if unit == 0 {
		return true
	}
	if n > (limit-*sum)/unit {
		return false
	}
	*sum += n * unit
	return true
}

// parseDuration reads `1h30m`, `P1Y2M3DT4H5M6S`, `P2W` and `P0001-02-03T04:05:06`, each with a minus before it or not.
func parseDuration(text string) ([]byte, error) {
	source, negative := strings.CutPrefix(text, "-")
	var d durationBuilder
	var err error
	switch {
	case !strings.HasPrefix(source, "P"):
		err = d.standard(source)
	case strings.Contains(source, "-"):
		err = d.alternative(source)
	default:
		err = d.iso(source)
	}
	if err == errDuration {
		return nil, invalidf("Unable to convert '%s' to a duration", source)
	}
	if err != nil {
		return nil, err
	}
	m, n, s := int32(d.months), int32(d.days), int64(d.nanos)
	if negative {
		m, n, s = -m, -n, -s
	}
	return AppendDuration(nil, m, n, s), nil
}

func (d *durationBuilder) standard(s string) error {
	if s == "" {
		return errDuration
	}
	for s != "" {
		digits := digitsLen(s)
		end := digits
		for end < len(s) && !isDigit(s[end]) {
			end++
		}
		unit, known := durationUnits[strings.ToLower(s[digits:end])]
		if !known {
			return errDuration
		}
		if err := d.add(s[:digits], unit); err != nil {
			return err
		}
		s = s[end:]
	}
	return nil
}

func (d *durationBuilder) iso(s string) error {
	if weeks, ok := strings.CutSuffix(s[1:], "W"); ok {
		return d.add(weeks, durationUnits["w"])
	}
	date, clock, _ := strings.Cut(s[1:], "T")
	if err := d.designators(date, map[byte]string{'Y': "y", 'M': "mo", 'D': "d"}); err != nil {
		return err
	}
	return d.designators(clock, map[byte]string{'H': "h", 'M': "m", 'S': "s"})
}

func (d *durationBuilder) designators(s string, names map[byte]string) error {
	for s != "" {
		digits := digitsLen(s)
		if digits == len(s) {
			return errDuration
		}
		unit, known := durationUnits[names[s[digits]]]
		if !known || unit.rank <= d.last.rank {
			return errDuration
		}
		if err := d.add(s[:digits], unit); err != nil {
			return err
		}
		s = s[digits+1:]
	}
	return nil
}

// alternative reads `P0001-02-03T04:05:06`.
func (d *durationBuilder) alternative(s string) error {
	const shape = "P0000-00-00T00:00:00"
	if len(s) != len(shape) {
		return errDuration
	}
	for i := range len(shape) {
		if shape[i] == '0' && !isDigit(s[i]) || shape[i] != '0' && shape[i] != s[i] {
			return errDuration
		}
	}
	units := [...]string{"y", "mo", "d", "h", "m", "s"}
	for i, text := range [...]string{s[1:5], s[6:8], s[9:11], s[12:14], s[15:17], s[18:20]} {
		if err := d.add(text, durationUnits[units[i]]); err != nil {
			return err
		}
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// appendDurationText appends a duration as `1y2mo3d4h5m6s7ms8us9ns`; none is nothing.
func appendDurationText(dst []byte, months, days int32, nanos int64) []byte {
	if months < 0 || days < 0 || nanos < 0 {
		dst = append(dst, '-')
	}
	unit := func(rest *uint64, size uint64, name string) {
		if *rest >= size {
			dst = append(strconv.AppendUint(dst, *rest/size, 10), name...)
			*rest %= size
		}
	}
	m, d, n := magnitude(int64(months)), magnitude(int64(days)), magnitude(nanos)
	unit(&m, monthsPerYear, "y")
	unit(&m, 1, "mo")
	unit(&d, 1, "d")
	unit(&n, nanosPerHour, "h")
	unit(&n, nanosPerMinute, "m")
	unit(&n, nanosPerSecond, "s")
	unit(&n, nanosPerMilli, "ms")
	unit(&n, nanosPerMicro, "us")
	unit(&n, 1, "ns")
	return dst
}

// magnitude is the absolute value, right for the least integer too.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}
