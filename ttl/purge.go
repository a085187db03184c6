package ttl

import (
	"math"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// Everywhere is Purge.OldestElsewhere when no other source holds anything of the partition.
const Everywhere int64 = math.MaxInt64

// Purge says what may be forgotten in one partition, by one merge, at one moment. The zero
// value forgets nothing.
type Purge struct {
	Law        mutation.Law
	NowSec     int64 // seconds since 1970
	GCGraceSec int64 // how long explicit deletions are kept, at least 0 (R42)
	// OldestElsewhere is the smallest write timestamp (law BySequence: sequence) that any
	// source outside the merge may hold of the partition: other files, memtables, writes
	// that are logged and not applied. What shadows data must stay while some may be as old
	// (R33). Everywhere when there is no such source; math.MinInt64 forgets nothing.
	OldestElsewhere int64
	// OldestIn is OldestElsewhere of the rows in a slice, asked where that is not enough to forget a deletion of them; nil: not known.
	OldestIn func(clustering.Slice) int64
	// KeepExpired keeps what has expired, values included: rollups still read it (R41).
	KeepExpired bool
}

// shadowsNothing reports whether nothing outside the merge can be as old as timestamp.
func (p Purge) shadowsNothing(timestamp int64) bool {
	return timestamp < p.OldestElsewhere || p.OldestElsewhere == Everywhere
}

// graceOver reports whether an explicit deletion of second localSec has waited long enough.
func (p Purge) graceOver(localSec int64) bool {
	return localSec < p.NowSec-p.GCGraceSec
}

// Deletion reports whether an explicit deletion may be forgotten (R33, R42).
func (p Purge) Deletion(d mutation.Deletion) bool {
	return p.Law != 0 && !d.IsNone() && p.graceOver(d.LocalSec) && p.shadowsNothing(d.MarkedAt)
}

// expired reports whether something that ends at expiresAt may be treated as ended.
func (p Purge) expired(expiresAt int64) bool {
	return !p.KeepExpired && !Live(p.NowSec, expiresAt)
}

// Range reports whether a deletion of a range of rows may be forgotten (R33, R42).
func (p Purge) Range(r *mutation.RangeTombstone) bool {
	if p.Deletion(r.Deletion) {
		return true
	}
	if p.OldestIn == nil || p.Law == 0 || !p.graceOver(r.Deletion.LocalSec) {
		return false
	}
	p.OldestElsewhere = p.OldestIn(r.Slice)
	return p.Deletion(r.Deletion)
}

// Expires reports whether anything may be treated as ended.
func (p Purge) Expires() bool { return p.Law != 0 && !p.KeepExpired }

// Ended reports whether what ends at expiresAt, in seconds, is treated as ended.
func (p Purge) Ended(expiresAt int64) bool { return p.Law != 0 && p.expired(expiresAt) }

// Whole reports whether a row goes whole whose marker and cells all have one timestamp and one end, and that deletes
// nothing. Under BySequence that takes more than is asked here: false.
func (p Purge) Whole(timestamp, expiresAt int64) bool {
	return p.Law == mutation.ByTimestamp && p.expired(expiresAt) && p.shadowsNothing(timestamp)
}

// Cell reports whether a cell goes that is not of a multi-cell column. A tombstone waits for the grace; an expired cell only
// for the last source that may be older (R33, R42).
func (p Purge) Cell(c *mutation.Cell) bool {
	if p.Law == 0 || !p.shadowsNothing(c.Timestamp) {
		return false
	}
	if c.IsTombstone() {
		return p.graceOver(c.ExpiresAt)
	}
	return p.expired(c.ExpiresAt)
}

// Row removes from a merged row what may be forgotten. Expired cells that must stay lose
// their values and keep timestamp, TTL and end (R34). Of multi-cell columns the same goes for their elements. It reports whether anything is left.
// row.Cells may be replaced; it is not written to.
func (p Purge) Row(row *mutation.Row) bool {
	if p.Law == mutation.BySequence {
		return p.sequencedRow(row)
	}
	if p.Deletion(row.Deletion) {
		row.Deletion = mutation.Deletion{}
	}
	if !row.Live.IsNone() && p.Law != 0 && p.expired(row.Live.ExpiresAt) && p.shadowsNothing(row.Live.Timestamp) {
		row.Live = mutation.Liveness{}
	}
	for i := range row.Cells {
		if _, changed, _ := p.cell(&row.Cells[i]); changed {
			row.Cells = p.cells(row.Cells, i)
			break
		}
	}
	return !row.IsEmpty()
}

// emptied reports whether an expired cell still has a value to lose.
func (p Purge) emptied(c *mutation.Cell) bool {
	return p.Law != 0 && c.TTL != 0 && len(c.Value) > 0 && p.expired(c.ExpiresAt)
}

// cells returns a copy of cells without what goes; before first nothing does.
func (p Purge) cells(cells []mutation.Cell, first int) []mutation.Cell {
	kept := append(make([]mutation.Cell, 0, len(cells)), cells[:first]...)
	for i := range cells[first:] {
		if c, _, left := p.cell(&cells[first+i]); left {
			kept = append(kept, c)
		}
	}
	return kept
}

// sequencedRow is Row under BySequence: a row shows or goes whole (R39a).
func (p Purge) sequencedRow(row *mutation.Row) bool {
	// A static row has no marker and never ends.
	gone := !row.Live.IsNone() && p.expired(row.Live.ExpiresAt)
	if !row.Deletion.IsNone() {
		gone = p.graceOver(row.Deletion.LocalSec)
	}
	if !gone {
		return !row.IsEmpty()
	}
	row.Cells = nil // what is left still hides older versions
	if row.Sequence >= math.MaxInt64 || !p.shadowsNothing(int64(row.Sequence)) {
		return !row.IsEmpty()
	}
	row.Live, row.Deletion = mutation.Liveness{}, mutation.Deletion{}
	return false
}

// Side removes from side what may be forgotten, in new memory where anything is.
func (p Purge) Side(side *mutation.Side) mutation.Side {
	out := *side
	if p.Deletion(out.Deletion) {
		out.Deletion = mutation.Deletion{}
	}
	if out.Static != nil {
		static := *out.Static
		out.Static = nil
		if p.Row(&static) {
			out.Static = &static
		}
	}
	for i := range out.Ranges {
		if !p.Range(&out.Ranges[i]) {
			continue
		}
		kept := append([]mutation.RangeTombstone(nil), out.Ranges[:i]...)
		for k := range out.Ranges[i+1:] {
			if r := &out.Ranges[i+1+k]; !p.Range(r) {
				kept = append(kept, *r)
			}
		}
		out.Ranges = kept
		break
	}
	return out
}
