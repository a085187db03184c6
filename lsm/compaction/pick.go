// Package compaction chooses which files of a table to merge, lays out what is written, and merges.
//
// It knows sizes, ranges of event time, ends of life and timestamps of files, and sources of partitions.
// It does not know the clock or how a file is read or written. Choosing is pure.
package compaction

import (
	"math"
	"slices"

	"github.com/eskerdb/esker/partition"
)

// File is what choosing needs to know of a table file.
type File struct {
	ID    uint64
	Run   uint64 // files of one range with one number are one sorted run; 0: the file is one by itself
	Bytes int64
	Rows  int64
	// Bucketed files hold rows of event times [BucketStart, BucketEnd), milliseconds, and nothing beside rows.
	// Both 0: rows of any event time, or of none.
	BucketStart, BucketEnd int64
	Mixed                  bool // of no range, with rows that belong to one: it is split before anything else
	Final                  bool // written for good
	Young                  bool // others of its range are likely to follow soon
	// WrittenSec is when a merge that forgets wrote it, seconds; 0: a flush did.
	WrittenSec int64
	// MinTimestamp and MaxTimestamp are over everything in the file, deletions included:
	// write timestamps, sequences under the law BySequence.
	MinTimestamp, MaxTimestamp int64
	// MaxExpiresAt is the last end of any cell value and marker, seconds;
	// mutation.Forever when something does not end, 0 when there is none.
	MaxExpiresAt int64
	// LifeSec is about how long the last that ends lives from its write, seconds; 0: not known.
	LifeSec int64
	// Sides says that the file deletes partitions or ranges of rows.
	Sides bool
	// Kept forbids dropping the file because its cells have ended: rollups still read them (R41).
	Kept bool
	// Ended says that all its rows are past a retention by time (R42), and that it has nothing beside rows.
	Ended bool
	// Past is how many of its rows are past a retention by time, about; 0 where a merge would take none.
	Past int64
	// MaxLocalDeletion is the latest server time of any deletion, seconds; 0 when there is none.
	MaxLocalDeletion int64
	FirstKey         partition.DecoratedKey
	LastKey          partition.DecoratedKey
}

// Options of choosing.
type Options struct {
	FilesMin   int                 // late runs of a closed window that are worth merging. Default 4
	TierMin    int                 // runs of similar size that are worth merging while a window is open. Default 6
	FilesMax   int                 // runs in one merge. Default 32
	ShareRows  int64               // a range with as many rows is not shared by windows. Default 65,536
	SpanMax    int64               // nor is a longer one, milliseconds; 0: however long
	Bucket     partition.Bucketing // of the table
	NowSec     int64               // seconds since 1970
	GCGraceSec int64               // of the table
	// ClosedBefore closes windows: those that end at or before it, milliseconds of event
	// time, become one sorted run. The zero value closes those that end before 1970.
	ClosedBefore int64
	// OldestOutside is the smallest timestamp (law BySequence: sequence) that memtables and
	// logged writes may hold; math.MaxInt64: they are empty.
	OldestOutside int64
	// Apart reports whether files f and g have no partition in common. nil: not known. It is asked only where a dead file has to wait.
	Apart func(f, g uint64) bool
	// Hides reports whether a deletion beside rows in file f may hide rows of file g. nil: not known. It is asked only of deletions that
	// have waited for their grace.
	Hides func(f, g uint64) bool
	// Deleted reports whether all of file f is deleted by what other files hold beside rows. nil: not known.
	Deleted func(f uint64) bool
	// Busy are files that a running job has.
	Busy map[uint64]bool
}

func (o Options) withDefaults() Options {
	if o.FilesMin == 0 {
		o.FilesMin = 4
	}
	if o.TierMin == 0 {
		o.TierMin = 6
	}
	if o.FilesMax == 0 {
		o.FilesMax = 32
	}
	if o.ShareRows == 0 {
		o.ShareRows = ShareRows
	}
	return o
}

// ShareRows is the default of Options.ShareRows.
const ShareRows = 65_536

// Reason says why a job was chosen.
type Reason string

// The reasons, in the order in which they are considered.
const (
	Expired Reason = "expired" // all of it is dead and hides nothing elsewhere, or is deleted
	Split   Reason = "split"   // rows of many windows, and many rows; or a range of a former step that is not over
	Close   Reason = "close"   // the window is over
	Late    Reason = "late"    // small runs beside a large one of a window that is over
	Join    Reason = "join"    // few rows in adjacent windows that are over
	Purge   Reason = "purge"   // deletions that have waited for their grace
	Tier    Reason = "tier"    // runs of similar size
	Shrink  Reason = "shrink"  // many rows past a retention, among others
	Finish  Reason = "finish"  // a window that is over and not yet written for good
)

// Job is one thing to do.
type Job struct {
	Inputs []uint64
	Reason Reason
	Drop   bool  // unlink the inputs unread
	Into   Range // where all rows go; none: as counting them tells
	Final  bool  // the result is written for good
}

// lateShare is which part of a closed window late files must reach to be merged in:
// rewriting a large run for little is what makes late data expensive.
const lateShare = 10

// Pick chooses the next job among the files of one table. It is false when there is nothing to do.
func Pick(files []File, o Options) (Job, bool) {
	o = o.withDefaults()
	idle := o.idle(files)
	if job, ok := pickFirst(files, idle, o); ok {
		return job, true
	}
	groups := groupsOf(idle, o)
	for _, pick := range []func(*group, Options) (Job, bool){pickFormer, pickWide, pickClosed} {
		if job, ok := pickAny(groups, o, pick); ok {
			return job, true
		}
	}
	if job, ok := pickJoin(groups, o); ok {
		return job, true
	}
	if job, ok := pickHidden(groups, idle, o); ok {
		return job, true
	}
	for _, pick := range []func(*group, Options) (Job, bool){pickPurge, pickTier, pickShrink, pickFinish} {
		if job, ok := pickAny(groups, o, pick); ok {
			return job, true
		}
	}
	return Job{}, false
}

// PickFirst chooses like Pick among what is done before anything else: files that may go unread, and files that have to be split.
func PickFirst(files []File, o Options) (Job, bool) {
	o = o.withDefaults()
	return pickFirst(files, o.idle(files), o)
}

// Unread are the files that may go without being read.
func Unread(files []File, o Options) []uint64 {
	job, _ := pickExpired(files, o.withDefaults())
	return job.Inputs
}

func pickFirst(files, idle []File, o Options) (Job, bool) {
	if job, ok := pickExpired(files, o); ok {
		return job, true
	}
	return pickMixed(idle, o)
}

// idle are the files that no running job has.
func (o Options) idle(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return o.Busy[f.ID] })
}

func pickAny(groups []*group, o Options, pick func(*group, Options) (Job, bool)) (Job, bool) {
	for _, g := range groups {
		if job, ok := pick(g, o); ok {
			return job, true
		}
	}
	return Job{}, false
}

// dead reports whether nothing in f can show any more, and no deletion waits for its grace.
func (f *File) dead(o Options) bool {
	if f.Ended {
		return true
	}
	if f.Kept && f.MaxExpiresAt != 0 {
		return false
	}
	return f.MaxExpiresAt <= o.NowSec && f.MaxLocalDeletion < o.NowSec-o.GCGraceSec
}

// overlaps reports whether the key ranges of two files meet, and their event times.
func (f *File) overlaps(g *File) bool {
	a, b := Range{f.BucketStart, f.BucketEnd}, Range{g.BucketStart, g.BucketEnd}
	if !a.IsNone() && !b.IsNone() && (a.End <= b.Start || b.End <= a.Start) {
		return false
	}
	return f.FirstKey.Compare(g.LastKey) <= 0 && g.FirstKey.Compare(f.LastKey) <= 0
}

// pickExpired finds the files that may go unread (R35): dead, and nothing that lives may be
// as old as what they hide. Dead files do not hold each other back. What is deleted by other files goes too: those stay, and hide
// all that it hid.
func pickExpired(files []File, o Options) (Job, bool) {
	job := Job{Reason: Expired, Drop: true}
	for i := range files {
		f := &files[i]
		if !o.Busy[f.ID] && (f.Ended || f.dead(o) && !hides(f, files, o) || !f.Sides && o.Deleted != nil && o.Deleted(f.ID)) {
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
		if g.ID != f.ID && !g.dead(o) && g.MinTimestamp <= f.MaxTimestamp && f.overlaps(g) && (o.Apart == nil || !o.Apart(f.ID, g.ID)) {
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

// pickFormer finds runs in ranges of a former step that are not over: they are split by the step of now, so that what follows goes
// to the same ranges. Ranges that are over keep theirs; where they are small, they are joined.
func pickFormer(g *group, o Options) (Job, bool) {
	if g.IsNone() || g.writes || g.closed || o.Bucket.IsNone() {
		return Job{}, false
	}
	if _, ok := levelOf(o.Bucket, g.Range); ok {
		return Job{}, false
	}
	job := g.job(g.runs, Split, o)
	job.Into = Range{}
	return job, true
}

// pickWide finds a run of several windows that has grown worth splitting, and runs of more windows than may share a file by far.
func pickWide(g *group, o Options) (Job, bool) {
	if g.IsNone() || g.writes {
		return Job{}, false
	}
	if level, ok := levelOf(o.Bucket, g.Range); !ok || level == 0 {
		return Job{}, false // one window, or a range of before the table was altered
	}
	if tooWide(g.Range, 2*o.SpanMax) {
		return g.job(g.runs, Split, o), true
	}
	for i := range g.runs {
		if g.runs[i].rows >= o.ShareRows {
			return g.job(g.runs[i:i+1], Split, o), true
		}
	}
	return Job{}, false
}

// pickClosed makes one run of a closed window: when the small ones together are worth rewriting the largest for, or
// else one of the small ones when they are many.
func pickClosed(g *group, o Options) (Job, bool) {
	small := len(g.runs) - 1
	if small < 1 || !g.closed || g.young {
		return Job{}, false
	}
	var rest int64
	for _, r := range g.runs[:small] {
		rest += r.bytes
	}
	if rest >= g.runs[small].bytes/lateShare {
		job := g.job(g.runs, Close, o)
		job.Final = true
		return job, true
	}
	if small >= o.FilesMin {
		return g.job(g.runs[:small], Late, o), true
	}
	return Job{}, false
}

// pickTier finds runs of similar size: each at most twice the mean of the smaller ones.
func pickTier(g *group, o Options) (Job, bool) {
	if g.closed && !g.young {
		return Job{}, false
	}
	for start := 0; start+o.TierMin <= len(g.runs); {
		sum, end := g.runs[start].bytes, start+1
		for end < len(g.runs) && g.runs[end].bytes <= 2*(sum/int64(end-start)+1) {
			sum += g.runs[end].bytes
			end++
		}
		if end-start >= o.TierMin {
			return g.job(g.runs[start:end], Tier, o), true
		}
		start = end
	}
	return Job{}, false
}

// pickPurge rewrites runs whose deletions may be forgotten now and could not be when they were written. The rest of the group
// goes with them where it is not much more.
func pickPurge(g *group, o Options) (Job, bool) {
	if g.closed && g.young {
		return Job{}, false
	}
	bytes, rows := g.bytes(), int64(0)
	for i := range g.runs {
		rows += g.runs[i].rows
	}
	for i := range g.runs {
		r := &g.runs[i]
		if r.deletion == 0 || r.deletion >= o.NowSec-o.GCGraceSec || r.written > r.deletion+o.GCGraceSec {
			continue
		}
		if (g.closed || r.bytes >= bytes/4 || r.rows >= rows/4) && len(g.runs) <= o.FilesMax {
			job := g.job(g.runs, Purge, o)
			job.Final = g.closed
			return job, true
		}
		job := g.job(g.runs[i:i+1], Purge, o)
		job.Final = r.final
		return job, true
	}
	return Job{}, false
}

// pickHidden rewrites what deletions beside rows of other files hide, when these have waited for their grace, so that they can
// be forgotten next.
func pickHidden(groups []*group, files []File, o Options) (Job, bool) {
	if o.Hides == nil {
		return Job{}, false
	}
	for i := range files {
		f := &files[i]
		graceOver := f.MaxLocalDeletion + o.GCGraceSec
		if !f.Sides || graceOver >= o.NowSec || f.WrittenSec > graceOver {
			continue
		}
		for _, g := range groups {
			if g.closed && g.young || len(g.runs) > o.FilesMax || !g.closed && f.Bytes < g.bytes()/4 {
				continue // what is open is rewritten soon anyway, or is much
			}
			if !slices.ContainsFunc(g.runs, func(r run) bool { return r.written <= graceOver && r.hiddenBy(f, files, o) }) {
				continue
			}
			job := g.job(g.runs, Purge, o)
			job.Final = g.closed
			return job, true
		}
	}
	return Job{}, false
}

// hiddenBy reports whether f may hide rows of the run.
func (r *run) hiddenBy(f *File, files []File, o Options) bool {
	return slices.ContainsFunc(files, func(g File) bool {
		return slices.Contains(r.files, g.ID) && g.ID != f.ID && g.MinTimestamp <= f.MaxTimestamp && f.overlaps(&g) && o.Hides(f.ID, g.ID)
	})
}

// pastShare is which part of a run must have ended to be worth rewriting the others, where these are many.
const pastShare = 4

// pickShrink rewrites runs of which a good part is past a retention, while other rows, of partitions that keep theirs longer or of later
// windows, hold them. Small ones are rewritten whenever there is anything to gain.
func pickShrink(g *group, o Options) (Job, bool) {
	if g.young {
		return Job{}, false
	}
	for i := range g.runs {
		if r := &g.runs[i]; r.past > 0 && (r.past >= r.rows/pastShare || r.rows < o.ShareRows) {
			job := g.job(g.runs[i:i+1], Shrink, o)
			job.Final = r.final
			return job, true
		}
	}
	return Job{}, false
}

// pickFinish writes a closed window for good.
func pickFinish(g *group, o Options) (Job, bool) {
	n := len(g.runs)
	if !g.closed || g.young || n == 0 || g.runs[n-1].final {
		return Job{}, false
	}
	job := g.job(g.runs, Finish, o)
	job.Final = true
	return job, true
}
