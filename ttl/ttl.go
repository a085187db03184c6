// Package ttl decides when data dies and when its grave may be cleared.
//
// It takes the time as an argument and touches no file. It knows ends of life and write
// timestamps. It does not know the clock, the schema, or which sources hold what.
package ttl

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

const (
	// SecondsMax is the largest TTL of a write: twenty years of 365 days.
	SecondsMax = 630_720_000
	// EndMax is the last second at which data may end, 2106-02-07T06:28:13Z.
	EndMax int64 = 4_294_967_293
)

// ErrInvalid marks a TTL that a write may not have. The texts are Cassandra's.
var ErrInvalid = errors.New("invalid TTL")

// invalid is an error with a text of its own that still is ErrInvalid.
type invalid string

func (e invalid) Error() string { return string(e) }

func (invalid) Is(target error) bool { return target == ErrInvalid }

// ExpiresAt returns when data written at nowSec with a TTL of ttlSec seconds ends:
// mutation.Forever for 0. A TTL below 0, above SecondsMax, or one that ends after EndMax is
// an error that is ErrInvalid (R19).
func ExpiresAt(nowSec int64, ttlSec int32) (int64, error) {
	switch {
	case ttlSec < 0:
		return 0, invalid(fmt.Sprintf("A TTL must be greater or equal to 0, but was %d", ttlSec))
	case ttlSec > SecondsMax:
		return 0, invalid(fmt.Sprintf("ttl is too large. requested (%d) maximum (%d)", ttlSec, SecondsMax))
	case ttlSec == 0:
		return mutation.Forever, nil
	case nowSec > EndMax-int64(ttlSec):
		return 0, invalid(fmt.Sprintf("ttl of %d seconds exceeds maximum supported expiration date of 2106-02-07T06:28:13+00:00", ttlSec))
	}
	return nowSec + int64(ttlSec), nil
}

// Live reports whether what ends at expiresAt still shows at nowSec (R25).
func Live(nowSec, expiresAt int64) bool { return nowSec < expiresAt }

// Remaining is what the function TTL() answers: the seconds left until expiresAt. It is
// false for what does not end, and for what has ended (R26).
func Remaining(nowSec, expiresAt int64) (int32, bool) {
	if expiresAt == mutation.Forever || !Live(nowSec, expiresAt) {
		return 0, false
	}
	return int32(min(expiresAt-nowSec, SecondsMax)), true
}
