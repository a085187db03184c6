// Package commitlog keeps every write in recycled segments until its rows are in table
// files: append, group sync, replay, release. The format is docs/formats/commitlog.md.
//
// It knows records as a sequence and parts of opaque bytes. It does not know what the
// parts say, memtables, or which segments are still needed.
package commitlog

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// Errors of a log; wrapped with file and offset.
var (
	// ErrCorrupt means that a log lacks what it promised to hold.
	ErrCorrupt = errors.New("corrupt commit log")
	// ErrVersion means that a segment has a format this program does not know.
	ErrVersion = errors.New("unknown version of the commit log")
	// ErrDiskFull means that a record was refused for want of space. Nothing of it is in the
	// log; appending may succeed once there is space again.
	ErrDiskFull = vfs.ErrDiskFull
	// ErrUnwritten means that there was no space to write records that have their place in the log. They are kept in memory and written
	// once there is; whether they are found after a crash is not known until then.
	ErrUnwritten = errors.New("not yet in the commit log")
	// ErrTooLarge means that a record is larger than Options.RecordBytesMax.
	ErrTooLarge = errors.New("record too large")
	// ErrFailed means that a write or sync failed earlier: what is on the disk is unknown,
	// and nothing is written any more. It wraps the first cause.
	ErrFailed = errors.New("commit log failed")
	// ErrClosed means that the log is closed.
	ErrClosed = errors.New("commit log is closed")
)

// Record is what is written all or not at all.
type Record struct {
	Sequence uint64 // above that of the record before
	Parts    []Part
}

// Part is what a record holds for one memtable.
type Part struct {
	Table   mutation.TableID
	Epoch   uint64 // of the memtable it goes into
	Payload []byte
}

// Position is a place between two records.
type Position struct {
	Segment uint64
	Offset  int64 // bytes from the beginning of the segment
}

// Less reports whether p lies before q.
func (p Position) Less(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// String formats p as segment:offset.
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Segment, p.Offset) }

// Mode says when a write counts as done.
type Mode uint8

const (
	// Group acknowledges what a sync has covered; one sync covers all that wait for it.
	Group Mode = 1
	// Batch lets everybody who waits run a sync of his own.
	Batch Mode = 2
	// Periodic acknowledges what the files have and syncs every Options.SyncPeriod; a crash of the
	// machine may lose what was written since.
	Periodic Mode = 3
)

// String returns the name of the mode as configured.
func (m Mode) String() string {
	switch m {
	case Group:
		return "group"
	case Batch:
		return "batch"
	case Periodic:
		return "periodic"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}
