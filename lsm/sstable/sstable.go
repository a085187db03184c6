// Package sstable writes and reads table files: partitions of one table in (token, key) order, their
// rows in clustering order, a chunk a column. The format is docs/formats/sstable.md.
//
// It knows rows, numbered columns and the bytes of the format. It does not know other files,
// memtables, the clock, or when a file may go.
package sstable

import (
	"errors"
	"fmt"
	"math"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const (
	magic   = "ESKERSST"
	version = 2 // on disk: never reuse

	headerBytes   = 64
	footerBytes   = 64
	tocEntryBytes = 32

	groupRowsMax   = mutation.BatchRowsMax
	groupRowsAlone = 256     // a partition with as many rows in a group lets nobody else in
	groupBytesMax  = 4 << 20 // of values; a group with more is closed
	sectionsMax    = 1024    // of the table of contents
)

// ErrVersion means that a file was written by a program that knows more than this one.
var ErrVersion = errors.New("unknown version of a table file")

// CorruptError says that a file does not hold what was written.
type CorruptError struct {
	File   string // path
	Offset int64  // of the part that is broken, in bytes
	What   string // which part, and how
	Cause  error  // nil if What says it all
}

// Error returns file, place and what is wrong.
func (e *CorruptError) Error() string {
	s := fmt.Sprintf("table file %s: at %d: %s", e.File, e.Offset, e.What)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Cause }

// Info is what is known of a file without reading its rows.
type Info struct {
	FileID     uint64
	Table      mutation.TableID
	Bytes      int64 // of the file
	Partitions int64
	Rows       int64 // static rows not counted
	Cells      int64 // of rows and static rows, tombstones included

	MinTimestamp     int64 // µs, of everything that has a write timestamp; math.MaxInt64 if nothing has
	MaxTimestamp     int64 // math.MinInt64 if nothing has
	MinLocalDeletion int64 // seconds, of deletions and tombstones; mutation.Forever if there is none
	MaxLocalDeletion int64 // 0 if there is none
	MinExpiresAt     int64 // seconds, of liveness and values; mutation.Forever if none ends
	MaxExpiresAt     int64 // mutation.Forever if one never ends; 0 if there is neither liveness nor value
	MaxAliveUntil    int64 // seconds; no row and no static value shows at or after it; 0 if none ever shows

	FirstKey, LastKey      partition.DecoratedKey // the zero value if there is no partition
	BucketStart, BucketEnd int64                  // ms since 1970 of the one bucket range; both 0: none
	EpochLow, EpochHigh    uint64                 // memtables whose rows are in the file; both 0: unknown
	MinSequence            uint64                 // of rows that have one; 0 if none has
	MaxSequence            uint64                 // of rows; 0 if no row has one

	HasPartitionDeletions bool
	HasRangeTombstones    bool
	HasRowDeletions       bool
	HasCellTombstones     bool
	HasExpiring           bool // liveness or a value ends
}

// HasTombstones reports whether anything in the file deletes.
func (i *Info) HasTombstones() bool {
	return i.HasPartitionDeletions || i.HasRangeTombstones || i.HasRowDeletions || i.HasCellTombstones
}

func newInfo() Info {
	return Info{
		MinTimestamp: math.MaxInt64, MaxTimestamp: math.MinInt64,
		MinLocalDeletion: mutation.Forever, MinExpiresAt: mutation.Forever,
	}
}

func (i *Info) addTimestamp(ts int64) {
	i.MinTimestamp, i.MaxTimestamp = min(i.MinTimestamp, ts), max(i.MaxTimestamp, ts)
}

func (i *Info) addEnd(end int64) {
	i.MinExpiresAt, i.MaxExpiresAt = min(i.MinExpiresAt, end), max(i.MaxExpiresAt, end)
	i.HasExpiring = i.HasExpiring || end != mutation.Forever
}

func (i *Info) addLocalDeletion(sec int64) {
	i.MinLocalDeletion, i.MaxLocalDeletion = min(i.MinLocalDeletion, sec), max(i.MaxLocalDeletion, sec)
}

func (i *Info) addDeletion(d mutation.Deletion) {
	i.addTimestamp(d.MarkedAt)
	i.addLocalDeletion(d.LocalSec)
}

func (i *Info) addSequence(sequence uint64) {
	if sequence != 0 && (i.MinSequence == 0 || sequence < i.MinSequence) {
		i.MinSequence = sequence
	}
	i.MaxSequence = max(i.MaxSequence, sequence)
}

// addRow counts a row, or a static one, but for what lies in cells of multi-cell columns.
func (i *Info) addRow(row *mutation.Row) {
	i.Cells += int64(len(row.Cells))
	i.addSequence(row.Sequence)
	if !row.Live.IsNone() {
		i.addTimestamp(row.Live.Timestamp)
		i.addEnd(row.Live.ExpiresAt)
	}
	if !row.Deletion.IsNone() {
		i.addDeletion(row.Deletion)
		i.HasRowDeletions = true
	}
	for k := range row.Cells {
		c := &row.Cells[k]
		i.addTimestamp(c.Timestamp)
		if c.Complex {
			continue // they are looked into together
		}
		if c.IsTombstone() {
			i.addLocalDeletion(c.ExpiresAt)
			i.HasCellTombstones = true
		} else {
			i.addEnd(c.ExpiresAt)
		}
	}
}

// addComplex looks into the cells of multi-cell columns that a row has, and returns what they hold.
func (i *Info) addComplex(row *mutation.Row) (r mutation.Reach, any bool) {
	if r, any = row.ComplexReach(); any {
		i.addReach(r)
	}
	return r, any
}

// addReach counts what cells of multi-cell columns hold.
func (i *Info) addReach(r mutation.Reach) {
	i.addTimestamp(r.MinTimestamp)
	i.addTimestamp(r.MaxTimestamp)
	if r.Tombstones > 0 {
		i.addLocalDeletion(r.MinLocal)
		i.addLocalDeletion(r.MaxLocal)
		i.HasCellTombstones = true
	}
	if r.MaxEnd > 0 {
		i.addEnd(r.MinEnd)
		i.addEnd(r.MaxEnd)
	}
}

// addSide counts what a partition has beside its rows.
func (i *Info) addSide(side *mutation.Side) {
	if !side.Deletion.IsNone() {
		i.HasPartitionDeletions = true
		i.addDeletion(side.Deletion)
	}
	if side.Static != nil {
		i.addRow(side.Static)
		i.addComplex(side.Static)
		for k := range side.Static.Cells {
			if c := &side.Static.Cells[k]; !c.IsTombstone() {
				i.MaxAliveUntil = max(i.MaxAliveUntil, c.ExpiresAt)
			}
		}
	}
	for _, r := range side.Ranges {
		i.HasRangeTombstones = true
		i.addDeletion(r.Deletion)
	}
}
