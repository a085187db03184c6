// Package compaction chooses which files of a table to merge, and merges.
//
// It knows sizes, windows, ends of life and timestamps of files, and sources of partitions.
// It does not know the clock or how a file is read or written. Choosing is pure.
package compaction

import (
	"cmp"
	"math"
	"slices"

	"github.com/eskerdb/esker/partition"
)

// File is what choosing needs to know of a table file.
type File struct {
	ID    uint64
	Bytes int64
	Rows  int64
	// Bucketed files hold rows of event times [BucketStart, BucketEnd), milliseconds. Files
	// with equal bounds are of one window. Both 0: the table has no buckets.
	BucketStart, BucketEnd int64
	// Mixed files hold rows of many windows and are split before anything else.
	Mixed bool
	// MinTimestamp and MaxTimestamp are over everything in the file, deletions included:
	// write timestamps, sequences under the law BySequence.
	MinTimestamp, MaxTimestamp int64
	// MaxExpiresAt is the last end of any cell value and marker, seconds;
	// mutation.Forever when something does not end, 0 when there is none.
	MaxExpiresAt int64
	// MaxLocalDeletion is the latest server time of any deletion, seconds; 0 when there is none.
	MaxLocalDeletion int64
	FirstKey         partition.DecoratedKey
	LastKey          partition.DecoratedKey
}

// Options of choosing.
type Options struct {
	FilesMin   int   // files of similar size that are worth merging. Default 4
	FilesMax   int   // files in one merge. Default 32
	NowSec     int64 // seconds since 1970
	GCGraceSec int64 // of the table
	// ClosedBefore closes windows: those that end at or before it, milliseconds of event
	// time, become one sorted run. The zero value closes those that end before 1970.
	ClosedBefore int64
	// OldestOutside is the smallest timestamp (law BySequence: sequence) that memtables and
	// logged writes may hold; math.MaxInt64: they are empty.
	OldestOutside int64
	// KeepExpired forbids dropping files for having ended: rollups still read them (R41).
	KeepExpired bool
	// Busy are files that a running job has.
	Busy map[uint64]bool
}

// Reason says why a job was chosen.
type Reason string

// The reasons.
const (
	Expired Reason = "expired" // all of it is dead and hides nothing elsewhere
	Split   Reason = "split"   // rows of many windows
	Close   Reason = "close"   // the window is over
	Tier    Reason = "tier"    // files of similar size
)

// Job is one thing to do.
type Job struct {
	Inputs []uint64
	Reason Reason
	Drop   bool // unlink the inputs unread
}

// lateShare is which part of a closed window few late files must reach to be merged in:
// rewriting a large run for little is what makes late data expensive.
const lateShare = 10

// Pick chooses the next job among the files of one table. It is false when there is nothing to do.
func Pick(files []File, o Options) (Job, bool) {
	if o.FilesMin == 0 {
		o.FilesMin = 4
	}
	if o.FilesMax == 0 {
		o.FilesMax = 32
	}
	if job, ok := pickExpired(files, o); ok {
		return job, true
	}
	idle := slices.DeleteFunc(slices.Clone(files), func(f File) bool { return o.Busy[f.ID] })
	if job, ok := pickMixed(idle, o); ok {
		return job, true
	}
	windows := byWindow(idle)
	for _, w := range windows {
		if job, ok := pickClosed(w, o); ok {
			return job, true
		}
	}
	for _, w := range windows {
		if job, ok := pickTier(w, o); ok {
			return job, true
		}
	}
	return Job{}, false
}

// dead reports whether nothing in f can show any more, and no deletion waits for its grace.
func (f *File) dead(o Options) bool {
	if o.KeepExpired && f.MaxExpiresAt != 0 {
		return false
	}
	return f.MaxExpiresAt <= o.NowSec && f.MaxLocalDeletion < o.NowSec-o.GCGraceSec
}

// overlaps reports whether the key ranges of two files meet.
func (f *File) overlaps(g *File) bool {
	return f.FirstKey.Compare(g.LastKey) <= 0 && g.FirstKey.Compare(f.LastKey) <= 0
}

// pickExpired finds the files that may go unread (R35): dead, and nothing that lives may be
// as old as what they hide. Dead files do not hold each other back.
func pickExpired(files []File, o Options) (Job, bool) {
	job := Job{Reason: Expired, Drop: true}
	for i := range files {
		if f := &files[i]; !o.Busy[f.ID] && f.dead(o) && !hides(f, files, o) {
			job.Inputs = append(job.Inputs, f.ID)
		}
	}
	return job, len(job.Inputs) > 0
}

func hides(f *File, files []File, o Options) bool {
	if o.OldestOutside != math.MaxInt64 && o.OldestOutside <= f.MaxTimestamp {
		return true
	}
	for i := range files {
		g := &files[i]
		if g.ID != f.ID && !g.dead(o) && g.MinTimestamp <= f.MaxTimestamp && f.overlaps(g) {
			return true
		}
	}
	return false
}

func pickMixed(files []File, o Options) (Job, bool) {
	var job Job
	for i := range files {
		if files[i].Mixed && len(job.Inputs) < o.FilesMax {
			job.Inputs = append(job.Inputs, files[i].ID)
		}
	}
	job.Reason = Split
	return job, len(job.Inputs) > 0
}

// byWindow groups files, oldest window first; within one, smallest file first.
func byWindow(files []File) [][]File {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.BucketStart, b.BucketStart), cmp.Compare(a.BucketEnd, b.BucketEnd),
			cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.ID, b.ID))
	})
	var windows [][]File
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].BucketStart == sorted[0].BucketStart && sorted[n].BucketEnd == sorted[0].BucketEnd {
			n++
		}
		windows, sorted = append(windows, sorted[:n]), sorted[n:]
	}
	return windows
}

// closed reports whether the window of f is over. A table without buckets has one window, always open.
func (f *File) closed(o Options) bool {
	return f.BucketEnd != f.BucketStart && f.BucketEnd <= o.ClosedBefore
}

// pickClosed makes one run of a closed window: when there are many files, or the small ones
// together are worth rewriting the largest for.
func pickClosed(window []File, o Options) (Job, bool) {
	if len(window) < 2 || !window[0].closed(o) {
		return Job{}, false
	}
	largest := window[len(window)-1].Bytes
	var rest int64
	for _, f := range window[:len(window)-1] {
		rest += f.Bytes
	}
	if len(window) < o.FilesMin && rest < largest/lateShare {
		return Job{}, false
	}
	return jobOf(window, Close, o), true
}

// pickTier finds files of similar size: each at most twice the mean of the smaller ones.
func pickTier(window []File, o Options) (Job, bool) {
	if window[0].closed(o) {
		return Job{}, false
	}
	for start := 0; start+o.FilesMin <= len(window); {
		sum, end := window[start].Bytes, start+1
		for end < len(window) && window[end].Bytes <= 2*(sum/int64(end-start)+1) {
			sum += window[end].Bytes
			end++
		}
		if end-start >= o.FilesMin {
			return jobOf(window[start:end], Tier, o), true
		}
		start = end
	}
	return Job{}, false
}

// jobOf takes the smallest files, so that what does not fit is merged into the result later.
func jobOf(files []File, reason Reason, o Options) Job {
	job := Job{Reason: reason}
	for _, f := range files[:min(len(files), o.FilesMax)] {
		job.Inputs = append(job.Inputs, f.ID)
	}
	return job
}
