package ingest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql/types"
)

const millisPerDay = 24 * 60 * 60 * 1000

// timeFormat reads timestamps as milliseconds since 1970. What is below a millisecond is dropped.
type timeFormat struct {
	zone    *time.Location
	utc     bool   // zone is UTC
	layout  string // of Go; empty for ISO and numbers
	numbers bool   // numbers alone
	// A number of the unit is multiplied by up or divided by down to be milliseconds; one of the two is 1.
	up, down int64
}

func newTimeFormat(f Format) (*timeFormat, error) {
	t := &timeFormat{up: 1, down: 1}
	switch f.TimeUnit {
	case "", "ms":
	case "s":
		t.up = 1000
	case "us":
		t.down = 1000
	case "ns":
		t.down = 1_000_000
	default:
		return nil, fmt.Errorf("time unit %q: must be s, ms, us or ns", f.TimeUnit)
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", f.Zone, err)
	}
	t.zone, t.utc = zone, zone == time.UTC
	switch {
	case f.TimeFormat == "" || strings.EqualFold(f.TimeFormat, "iso"):
	case strings.EqualFold(f.TimeFormat, "unix"):
		t.numbers = true
	case strings.Contains(f.TimeFormat, "%"):
		t.layout, err = layoutOfPattern(f.TimeFormat)
	case strings.ContainsAny(f.TimeFormat, "0123456789"):
		t.layout = f.TimeFormat
	default:
		err = fmt.Errorf("time format %q: must be iso, unix, a Go layout such as 02.01.2006 15:04 or a pattern such as %%d.%%m.%%Y %%H:%%M", f.TimeFormat)
	}
	return t, err
}

// patternParts are the conversions of strftime and what Go calls them.
var patternParts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
	'p': "PM", 'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST",
	'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", '%': "%",
}

func layoutOfPattern(pattern string) (string, error) {
	var layout strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c != '%' {
			if c >= '0' && c <= '9' {
				return "", fmt.Errorf("time format %q: digits cannot stand between the conversions", pattern)
			}
			layout.WriteByte(c)
			continue
		}
		i++
		if i == len(pattern) {
			return "", fmt.Errorf("time format %q: ends in %%", pattern)
		}
		if pattern[i] == 'f' && i >= 2 && (pattern[i-2] == '.' || pattern[i-2] == ',') {
			layout.WriteString("999999999") // any number of digits, as the point before it is written already
			continue
		}
		part, ok := patternParts[pattern[i]]
		if !ok {
			return "", fmt.Errorf("time format %q: %%%c is not known", pattern, pattern[i])
		}
		layout.WriteString(part)
	}
	return layout.String(), nil
}

// parse reads a timestamp; ok is false if it is none.
func (t *timeFormat) parse(b []byte) (ms int64, ok bool) {
	if t.layout != "" {
		at, err := time.ParseInLocation(t.layout, string(b), t.zone)
		return at.UnixMilli(), err == nil
	}
	if n, ok := parseInteger(b); ok {
		return t.scale(n)
	}
	if t.numbers {
		return t.fraction(b)
	}
	if ms, named, ok := parseISO(b); ok {
		if named || t.utc {
			return ms, true
		}
		return t.local(ms), true
	}
	if v, err := types.Timestamp.ParseLiteral(types.Literal{Class: types.LitString, Text: string(b)}); err == nil && len(v) == 8 {
		return types.DecodeInt64(v), true
	}
	return 0, false
}

func (t *timeFormat) scale(n int64) (int64, bool) {
	if t.up > 1 {
		return n * t.up, n <= math.MaxInt64/t.up && n >= math.MinInt64/t.up
	}
	ms := n / t.down
	if n%t.down < 0 {
		ms--
	}
	return ms, true
}

// fraction reads a number with a fraction, such as seconds with a point.
func (t *timeFormat) fraction(b []byte) (int64, bool) {
	whole, part, found := strings.Cut(string(b), ".")
	if !found || part == "" || strings.Trim(part, "0123456789") != "" {
		return 0, false
	}
	n, ok := parseInteger([]byte(whole))
	if !ok || t.up == 1 {
		ms, fits := t.scale(n)
		return ms, ok && fits
	}
	ms, ok := t.scale(n)
	below, _ := parseInteger([]byte((part + "000")[:3]))
	if strings.HasPrefix(whole, "-") {
		below = -below
	}
	return ms + below, ok
}

// local takes ms, read as if in UTC, for a time in the zone. A time that a clock change repeats is its first one; one
// that it leaves out is as far behind the change as it seems to be.
func (t *timeFormat) local(ms int64) int64 {
	u := time.UnixMilli(ms).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), t.zone).UnixMilli()
}

// parseISO reads `yyyy-mm-dd[( |T)hh:mm[:ss[.f…]]][Z|±hh[[:]mm]]`. named tells whether it named a zone; without one ms
// is as if in UTC.
func parseISO(b []byte) (ms int64, named, ok bool) {
	days, ok := parseDay(b)
	if !ok {
		return 0, false, false
	}
	ms, b = days*millisPerDay, b[10:]
	if len(b) >= 6 && (b[0] == ' ' || b[0] == 'T') {
		hour, minute := pair(b[1:]), pair(b[4:])
		if b[3] != ':' || hour > 23 || minute > 59 {
			return 0, false, false
		}
		ms += int64(hour)*3_600_000 + int64(minute)*60_000
		b = b[6:]
		if len(b) >= 3 && b[0] == ':' {
			second := pair(b[1:])
			if second > 59 {
				return 0, false, false
			}
			ms += int64(second) * 1000
			b = b[3:]
			if len(b) > 1 && b[0] == '.' {
				var below int64
				if below, b, ok = parseFraction(b[1:]); !ok {
					return 0, false, false
				}
				ms += below
			}
		}
	}
	if len(b) == 0 {
		return ms, false, true
	}
	east, ok := parseOffset(b)
	return ms - east, true, ok
}

// pair reads two digits; 255 if they are none.
func pair(b []byte) uint {
	tens, ones := b[0]-'0', b[1]-'0'
	if tens > 9 || ones > 9 {
		return 255
	}
	return uint(tens)*10 + uint(ones)
}

var monthDays = [...]uint{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// parseDay reads `yyyy-mm-dd` as days since 1970.
func parseDay(b []byte) (int64, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	century, rest, month, day := pair(b), pair(b[2:]), pair(b[5:]), pair(b[8:])
	if century > 99 || rest > 99 || month-1 > 11 || day == 0 || day > monthDays[month] {
		return 0, false
	}
	year := int64(century*100 + rest)
	if month == 2 && day == 29 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
		return 0, false
	}
	// Count years from March, so that the day a leap year adds is its last.
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400) + int64((153*(month-3)+2)/5) + int64(day) - 1 - 719468, true
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// parseFraction reads one to nine digits of a second as milliseconds.
func parseFraction(b []byte) (ms int64, rest []byte, ok bool) {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		if n < 3 {
			ms = ms*10 + int64(b[n]-'0')
		}
		n++
	}
	for i := n; i < 3; i++ {
		ms *= 10
	}
	return ms, b[n:], n >= 1 && n <= 9
}

// parseOffset reads `Z`, `±hh`, `±hhmm` or `±hh:mm` as milliseconds east of Greenwich.
func parseOffset(b []byte) (int64, bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	hour, minute := pair(b[1:]), uint(0)
	switch {
	case len(b) == 5:
		minute = pair(b[3:])
	case len(b) == 6 && b[3] == ':':
		minute = pair(b[4:])
	case len(b) != 3:
		return 0, false
	}
	ms := int64(hour)*3_600_000 + int64(minute)*60_000
	if b[0] == '-' {
		ms = -ms
	}
	return ms, hour <= 23 && minute <= 59
}
