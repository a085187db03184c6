package partition

import (
	"fmt"
	"math"
)

// Range is a range of tokens. It never wraps: a Start after End holds nothing. The zero value holds every partition.
type Range struct {
	Start, End         Token
	HasStart, HasEnd   bool // without them the range is open on that side
	ExclStart, ExclEnd bool // the bound itself is not in the range
}

// Contains reports whether partitions with that token are in the range.
func (r Range) Contains(t Token) bool { return !r.Before(t) && !r.After(t) }

// Before reports whether all tokens up to t lie before the range begins.
func (r Range) Before(t Token) bool {
	return r.HasStart && (t < r.Start || t == r.Start && r.ExclStart)
}

// After reports whether t and all later tokens lie after the range's end.
func (r Range) After(t Token) bool {
	return r.HasEnd && (t > r.End || t == r.End && r.ExclEnd)
}

// First is the least token that may be in the range.
func (r Range) First() Token {
	switch {
	case !r.HasStart:
		return TokenMin
	case r.ExclStart && r.Start < math.MaxInt64:
		return r.Start + 1
	}
	return r.Start
}

// IsEmpty reports whether no token is in the range.
func (r Range) IsEmpty() bool {
	return r.HasStart && r.HasEnd && (r.Start > r.End || r.Start == r.End && (r.ExclStart || r.ExclEnd)) ||
		r.HasStart && r.ExclStart && r.Start == math.MaxInt64 ||
		r.HasEnd && r.ExclEnd && r.End == TokenMin ||
		r.HasStart && r.HasEnd && r.ExclStart && r.ExclEnd && r.Start < r.End && r.End-1 == r.Start
}

// Intersect is what is in both ranges.
func (r Range) Intersect(o Range) Range {
	if o.HasStart && (!r.HasStart || o.Start > r.Start || o.Start == r.Start && o.ExclStart) {
		r.HasStart, r.Start, r.ExclStart = true, o.Start, o.ExclStart
	}
	if o.HasEnd && (!r.HasEnd || o.End < r.End || o.End == r.End && o.ExclEnd) {
		r.HasEnd, r.End, r.ExclEnd = true, o.End, o.ExclEnd
	}
	return r
}

// String is the range as mathematics writes it: `(-5, 7]`, `[-∞, ∞]` for all.
func (r Range) String() string {
	open, start := "[", "-∞"
	if r.HasStart {
		start = fmt.Sprint(int64(r.Start))
		if r.ExclStart {
			open = "("
		}
	}
	end, shut := "∞", "]"
	if r.HasEnd {
		end = fmt.Sprint(int64(r.End))
		if r.ExclEnd {
			shut = ")"
		}
	}
	return open + start + ", " + end + shut
}
