package types

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// isInteger matches `-?[0-9]+`.
func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && digitsLen(s) == len(s)
}

// parseTimestamp reads milliseconds since 1970, or a date with time and zone or without. No zone means UTC.
func parseTimestamp(s string) ([]byte, error) {
	if isInteger(s) {
		ms, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, invalidf("Unable to make long (for date) from: '%s'", s)
		}
		return AppendTimestampMillis(nil, ms), nil
	}
	ms, ok := timestampMillis(s)
	if !ok {
		return nil, invalidf("Unable to parse a date/time from '%s'", s)
	}
	return AppendTimestampMillis(nil, ms), nil
}

// timestampMillis reads `yyyy-mm-dd[( |T)hh:mm[:ss[.fff]]][zone]`.
func timestampMillis(s string) (int64, bool) {
	days, rest, ok := leadingDate(s)
	if !ok {
		return 0, false
	}
	var clock int64
	if len(rest) > 1 && (rest[0] == ' ' || rest[0] == 'T') && isDigit(rest[1]) {
		var nanos int64
		if nanos, rest, ok = leadingClock(rest[1:], 3); !ok {
			return 0, false
		}
		clock = nanos / nanosPerMilli
	}
	offset, ok := zoneMillis(rest)
	return days*millisPerDay + clock - offset, ok
}

// leadingDate reads `yyyy-mm-dd`, years of any sign and up to nine digits, as days since 1970.
func leadingDate(s string) (days int64, rest string, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	n := digitsLen(digits)
	if n < 1 || n > 9 {
		return 0, "", false
	}
	year, _ := strconv.Atoi(digits[:n])
	if negative {
		year = -year
	}
	month, rest, okMonth := twoDigits(digits[n:], '-')
	day, rest, okDay := twoDigits(rest, '-')
	if !okMonth || !okDay {
		return 0, "", false
	}
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if at.Year() != year || int(at.Month()) != month || at.Day() != day {
		return 0, "", false // such as February 30
	}
	return floorDiv(at.Unix(), 24*60*60), rest, true
}

// twoDigits reads a separator and one or two digits.
func twoDigits(s string, separator byte) (v int, rest string, ok bool) {
	if s == "" || s[0] != separator {
		return 0, "", false
	}
	n := min(digitsLen(s[1:]), 2)
	v, err := strconv.Atoi(s[1 : 1+n])
	return v, s[1+n:], err == nil
}

// leadingClock reads `hh:mm[:ss[.fff…]]` as nanoseconds of the day, the fraction of up to that many digits.
func leadingClock(s string, fractionMax int) (nanos int64, rest string, ok bool) {
	h, rest, okHour := twoDigits(":"+s, ':')
	m, rest, okMinute := twoDigits(rest, ':')
	if !okHour || !okMinute || h > 23 || m > 59 {
		return 0, "", false
	}
	nanos = int64(h)*nanosPerHour + int64(m)*nanosPerMinute
	if !strings.HasPrefix(rest, ":") {
		return nanos, rest, true
	}
	sec, rest, okSecond := twoDigits(rest, ':')
	if !okSecond || sec > 59 {
		return 0, "", false
	}
	nanos += int64(sec) * nanosPerSecond
	if !strings.HasPrefix(rest, ".") {
		return nanos, rest, true
	}
	n := digitsLen(rest[1:])
	if n < 1 || n > fractionMax {
		return 0, "", false
	}
	fraction, _ := strconv.ParseInt((rest[1:1+n] + "000000000")[:9], 10, 64)
	return nanos + fraction, rest[1+n:], true
}

// zoneMillis reads nothing, `Z`, `UTC`, `GMT`, `+01`, `+0100` or `+01:00`, with a blank before it or not, as
// milliseconds east of Greenwich.
func zoneMillis(s string) (int64, bool) {
	s = strings.TrimPrefix(s, " ")
	switch s {
	case "", "Z", "UTC", "GMT":
		return 0, true
	}
	s = strings.TrimPrefix(s, "GMT")
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := s[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if len(digits) == 2 {
		digits += "00"
	}
	if len(digits) != 4 || digitsLen(digits) != 4 {
		return 0, false
	}
	h, _ := strconv.ParseInt(digits[:2], 10, 64)
	m, _ := strconv.ParseInt(digits[2:], 10, 64)
	ms := (h*60 + m) * 60 * 1000
	if s[0] == '-' {
		ms = -ms
	}
	return ms, h <= 23 && m <= 59
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// parseDate reads `yyyy-mm-dd`, or an integer of days where 2^31 is 1970-01-01.
func parseDate(s string) ([]byte, error) {
	if isInteger(s) {
		raw, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, invalidf("Unable to make unsigned int (for date) from: '%s'", s)
		}
		return AppendInt(nil, int32(uint32(raw))), nil
	}
	days, rest, ok := leadingDate(s)
	if !ok || rest != "" || days < math.MinInt32 || days > math.MaxInt32 {
		return nil, invalidf("Unable to coerce '%s' to a formatted date (long)", s)
	}
	return AppendDate(nil, int32(days)), nil
}

// parseTime reads `hh:mm:ss[.fffffffff]`, or nanoseconds since midnight.
func parseTime(s string) ([]byte, error) {
	if isInteger(s) {
		ns, err := strconv.ParseInt(s, 10, 64)
		if err != nil || ns < 0 || ns >= nanosPerDay {
			return nil, invalidf("Unable to make long (for time) from: '%s'", s)
		}
		return AppendBigint(nil, ns), nil
	}
	ns, rest, ok := leadingClock(s, 9)
	if !ok || rest != "" || strings.Count(s, ":") != 2 {
		return nil, invalidf("(TimeType) Unable to coerce '%s' to a formatted time (long)", s)
	}
	return AppendBigint(nil, ns), nil
}
