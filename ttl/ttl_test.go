package ttl

import (
	"errors"
	"math"
	"testing"

	"github.com/eskerdb/esker/mutation"
)

func TestExpiresAt(t *testing.T) { // R19
	for _, c := range []struct {
		now  int64
		ttl  int32
		want int64
		err  string
	}{
		{100, 0, mutation.Forever, ""},
		{100, 1, 101, ""},
		{100, SecondsMax, 100 + SecondsMax, ""},
		{100, SecondsMax + 1, 0, "ttl is too large. requested (630720001) maximum (630720000)"},
		{100, -1, 0, "A TTL must be greater or equal to 0, but was -1"},
		{100, math.MinInt32, 0, "A TTL must be greater or equal to 0, but was -2147483648"},
		{EndMax - 5, 5, EndMax, ""},
		{EndMax - 5, 6, 0, "ttl of 6 seconds exceeds maximum supported expiration date of 2106-02-07T06:28:13+00:00"},
		{math.MaxInt64, 1, 0, "ttl of 1 seconds exceeds maximum supported expiration date of 2106-02-07T06:28:13+00:00"},
	} {
		got, err := ExpiresAt(c.now, c.ttl)
		if got != c.want || (err == nil) != (c.err == "") {
			t.Errorf("%d + %d: %d, %v", c.now, c.ttl, got, err)
		}
		if err != nil && (err.Error() != c.err || !errors.Is(err, ErrInvalid)) {
			t.Errorf("%d + %d: %v", c.now, c.ttl, err)
		}
	}
}

func TestRemaining(t *testing.T) { // R25, R26
	for _, c := range []struct {
		now, end int64
		want     int32
		ok       bool
	}{{10, 15, 5, true}, {14, 15, 1, true}, {15, 15, 0, false}, {16, 15, 0, false}, {10, mutation.Forever, 0, false}} {
		if got, ok := Remaining(c.now, c.end); got != c.want || ok != c.ok {
			t.Errorf("at %d until %d: %d, %t", c.now, c.end, got, ok)
		}
		if Live(c.now, c.end) != (c.now < c.end) {
			t.Errorf("live at %d until %d", c.now, c.end)
		}
	}
}
