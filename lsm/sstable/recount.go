package sstable

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

// Recount gathers what rows and sides are like, to compare it with what a file says of itself.
type Recount struct {
	law  mutation.Law
	seen Info
}

// NewRecount returns one of nothing, for a table with that law.
func NewRecount(law mutation.Law) *Recount { return &Recount{law: law, seen: newInfo()} }

// Side adds what a partition has beside its rows.
func (c *Recount) Side(side *mutation.Side) { c.seen.addSide(side) }

// Row adds a row.
func (c *Recount) Row(row *mutation.Row) {
	c.seen.addRow(row)
	c.seen.addComplex(row)
	c.seen.MaxAliveUntil = max(c.seen.MaxAliveUntil, aliveUntil(c.law, row))
}

// Outside says what was added lies outside of what a file says of itself, so that a read or a purge that
// believes it would be wrong; empty: nothing does. A file may say more than there is: of columns that were dropped.
func (c *Recount) Outside(i *Info) string {
	s := &c.seen
	for _, bound := range []struct {
		what      string
		low, high int64 // what the file says
		min, max  int64 // what there is
	}{
		{"write timestamps", i.MinTimestamp, i.MaxTimestamp, s.MinTimestamp, s.MaxTimestamp},
		{"deletions' seconds", i.MinLocalDeletion, i.MaxLocalDeletion, s.MinLocalDeletion, s.MaxLocalDeletion},
		{"ends", i.MinExpiresAt, i.MaxExpiresAt, s.MinExpiresAt, s.MaxExpiresAt},
		{"ends of rows", 0, i.MaxAliveUntil, 0, s.MaxAliveUntil},
		{"sequences", int64(i.MinSequence), int64(i.MaxSequence), int64(s.MinSequence), int64(s.MaxSequence)},
		{"cells", 0, i.Cells, 0, s.Cells},
	} {
		if bound.min < bound.low || bound.max > bound.high {
			return fmt.Sprintf("%s from %d to %d, the metadata has %d to %d", bound.what, bound.min, bound.max, bound.low, bound.high)
		}
	}
	for _, flag := range []struct {
		what      string
		says, has bool
	}{
		{"partition deletions", i.HasPartitionDeletions, s.HasPartitionDeletions},
		{"range tombstones", i.HasRangeTombstones, s.HasRangeTombstones},
		{"row deletions", i.HasRowDeletions, s.HasRowDeletions},
		{"cell tombstones", i.HasCellTombstones, s.HasCellTombstones},
		{"expiring cells", i.HasExpiring, s.HasExpiring},
	} {
		if flag.has && !flag.says {
			return flag.what + ", the metadata knows of none"
		}
	}
	return ""
}
