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

// timestampMillis reads `yyyy-mm-dd[( |T)hh:mm[:ss[.fffffffff]]][zone]`; what is below a millisecond is dropped.
func timestampMillis(s string) (int64, bool) {
	days, rest, ok := leadingDate(s, true)
	if !ok {
		return 0, false
	}
	var clock int64
	if len(rest) > 1 && (rest[0] == ' ' || rest[0] == 'T') && isDigit(rest[1]) {
		var nanos int64
		if strings.HasPrefix(rest[1:], "24:00") && strings.Trim(rest[6:], ":0.") == "" {
			return (days + 1) * millisPerDay, true // the midnight after the day
		}
		if nanos, rest, ok = leadingClock(rest[1:]); !ok {
			return 0, false
		}
		clock = nanos / nanosPerMilli
	}
	local := days*millisPerDay + clock
	if place := namedZone(rest); place != nil {
		at := time.UnixMilli(local).UTC()
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), place).UnixMilli(), true
	}
	offset, ok := zoneMillis(rest)
	return local - offset, ok
}

// leadingDate reads `yyyy-mm-dd` as days since 1970. A year has four digits, with a sign up to nine, and no more than
// four only after a plus or minus. lenient takes February 30 for the last day of February, as Java does in timestamps.
func leadingDate(s string, lenient bool) (days int64, rest string, ok bool) {
	digits := strings.TrimLeft(s, "+-")
	signs := len(s) - len(digits)
	n := digitsLen(digits)
	if n < 4 || n > 9 || signs > 1 || n > 4 && signs == 0 {
		return 0, "", false
	}
	year, _ := strconv.Atoi(digits[:n])
	if s[0] == '-' {
		year = -year
	}
	month, rest, okMonth := twoDigits(digits[n:], '-')
	day, rest, okDay := twoDigits(rest, '-')
	if !okMonth || !okDay {
		return 0, "", false
	}
	if last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); lenient && day > last && day <= 31 {
		day = last
	}
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if at.Year() != year || int(at.Month()) != month || at.Day() != day {
		return 0, "", false // such as February 30
	}
	return floorDiv(at.Unix(), 24*60*60), rest, true
}

// twoDigits reads a separator and two digits.
func twoDigits(s string, separator byte) (v int, rest string, ok bool) {
	if s == "" || s[0] != separator {
		return 0, "", false
	}
	if digitsLen(s[1:]) < 2 {
		return 0, "", false
	}
	return int(s[1]-'0')*10 + int(s[2]-'0'), s[3:], true
}

// clockPart reads a colon and one or two digits.
func clockPart(s string) (v int64, rest string, ok bool) {
	if s == "" || s[0] != ':' {
		return 0, "", false
	}
	n := min(digitsLen(s[1:]), 2)
	v, err := strconv.ParseInt(s[1:1+n], 10, 64)
	return v, s[1+n:], err == nil
}

// leadingClock reads `hh:mm[:ss[.fff…]]` as nanoseconds of the day, the fraction of up to nine digits.
func leadingClock(s string) (nanos int64, rest string, ok bool) {
	h, rest, okHour := clockPart(":" + s)
	m, rest, okMinute := clockPart(rest)
	if !okHour || !okMinute || h > 23 || m > 59 {
		return 0, "", false
	}
	nanos = h*nanosPerHour + m*nanosPerMinute
	if !strings.HasPrefix(rest, ":") {
		return nanos, rest, true
	}
	sec, rest, okSecond := clockPart(rest)
	if !okSecond || sec > 59 {
		return 0, "", false
	}
	nanos += sec * nanosPerSecond
	if !strings.HasPrefix(rest, ".") {
		return nanos, rest, true
	}
	n := digitsLen(rest[1:])
	if n < 1 || n > 9 {
		return 0, "", false
	}
	fraction, _ := strconv.ParseInt((rest[1:1+n] + "000000000")[:9], 10, 64)
	return nanos + fraction, rest[1+n:], true
}

// zoneWords are short names that Java gives to zones, where the database of zones knows them by others or not at all.
var zoneWords = map[string]string{
	"PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "MST": "America/Denver", "MDT": "America/Denver",
	"CST": "America/Chicago", "CDT": "America/Chicago", "EST": "America/New_York", "EDT": "America/New_York",
	"CEST": "CET", "EEST": "EET", "WEST": "WET", "MEST": "MET", "BST": "Europe/London", "JST": "Asia/Tokyo",
}

// namedZone finds the zone that a blank and a name tell, such as ` Europe/Berlin`, ` CET` or ` PST`; nil: they tell none.
func namedZone(s string) *time.Location {
	name, ok := strings.CutPrefix(s, " ")
	if !ok || len(name) < 3 || len(name) > zoneNameMax || name[0] < 'A' || name[0] > 'Z' || name == "Local" {
		return nil
	}
	if place, ok := zoneWords[name]; ok {
		name = place
	}
	place, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return place
}

// zoneMinutesMax is how far from Greenwich a zone may be, as in Java.
const zoneMinutesMax = 18 * 60

// zoneNameMax is how long the name of a zone may be.
const zoneNameMax = 40

// zoneMillis reads nothing, `Z`, `+01`, `+0100` or `+01:00`, with a blank before it or not, or with `GMT` or `UTC` and a blank before it,
// as milliseconds east of Greenwich.
func zoneMillis(s string) (int64, bool) {
	if s == "" {
		return 0, true
	}
	s, blank := strings.CutPrefix(s, " ")
	switch {
	case s == "Z":
		return 0, true
	case blank && (s == "UTC" || s == "GMT"):
		return 0, true
	case blank && (strings.HasPrefix(s, "UTC") || strings.HasPrefix(s, "GMT")):
		s = s[3:]
	}
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
	return ms, m <= 59 && h*60+m <= zoneMinutesMax
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
		raw, err := strconv.ParseInt(s, 10, 64)
		if err != nil || raw < 0 || raw > math.MaxUint32 {
			return nil, invalidf("Unable to make unsigned int (for date) from: '%s'", s)
		}
		return AppendInt(nil, int32(uint32(raw))), nil
	}
	days, rest, ok := leadingDate(s, false)
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
	ns, rest, ok := leadingClock(strings.Trim(s, " "))
	if !ok || rest != "" || strings.Count(s, ":") != 2 {
		return nil, invalidf("(TimeType) Unable to coerce '%s' to a formatted time (long)", s)
	}
	return AppendBigint(nil, ns), nil
}
