package compaction

import (
	"cmp"
	"slices"
	"sort"
)

// run is files that are one sorted run.
type run struct {
	files       []uint64
	bytes, rows int64
	past        int64 // rows past a retention, about
	final       bool
	deletion    int64 // the latest, seconds; 0: none
	written     int64 // the earliest, seconds
}

// group is the runs of one range, smallest first.
type group struct {
	Range
	writes bool // the range is of write time, in seconds
	closed bool
	young  bool
	runs   []run
}

func (g *group) bytes() (sum int64) {
	for i := range g.runs {
		sum += g.runs[i].bytes
	}
	return sum
}

// groupsOf groups files, oldest range first.
func groupsOf(files []File, o Options) []*group {
	type place struct {
		Range
		writes bool
		run    uint64
	}
	at := make(map[place]int)
	groups := make(map[place]*group)
	for i := range files {
		f := &files[i]
		p := place{Range: Range{f.BucketStart, f.BucketEnd}}
		closed := !p.IsNone() && p.End <= o.ClosedBefore
		if p.IsNone() && o.Bucket.IsNone() {
			p.Range, closed, p.writes = writeWindow(f, o.NowSec)
		}
		g := groups[p]
		if g == nil {
			g = &group{Range: p.Range, writes: p.writes, closed: true}
			groups[p] = g
		}
		g.closed, g.young = g.closed && closed, g.young || f.Young
		// A run of its own has the number of its file, which no other file has.
		p.run = cmp.Or(f.Run, f.ID)
		n, found := at[p]
		if !found {
			n = len(g.runs)
			at[p] = n
			g.runs = append(g.runs, run{final: true, written: f.WrittenSec})
		}
		g.runs[n].add(f)
	}
	out := make([]*group, 0, len(groups))
	for _, g := range groups {
		slices.SortFunc(g.runs, func(a, b run) int { return cmp.Or(cmp.Compare(a.bytes, b.bytes), cmp.Compare(a.files[0], b.files[0])) })
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	return out
}

func (r *run) add(f *File) {
	r.files = append(r.files, f.ID)
	r.bytes += f.Bytes
	r.rows += f.Rows
	r.past += f.Past
	r.final = r.final && f.Final
	r.deletion = max(r.deletion, f.MaxLocalDeletion)
	r.written = min(r.written, f.WrittenSec)
}

const (
	writeWindowMin = 60 // seconds
	writeWindows   = 16 // in the life of a row
	lifeSecMax     = 1 << 40
)

// writeWindow is where a file of a table without buckets belongs: with those written in the same time, if all of it ends.
func writeWindow(f *File, now int64) (r Range, closed, ok bool) {
	if f.LifeSec <= 0 || f.LifeSec > lifeSecMax || f.MaxExpiresAt <= 0 || f.MaxExpiresAt > lifeSecMax {
		return r, false, false
	}
	size := int64(1)
	for size < max(f.LifeSec/writeWindows, writeWindowMin) {
		size *= 2
	}
	r.Start = f.MaxExpiresAt / size * size
	r.End = r.Start + size
	return r, r.End-f.LifeSec <= now, true
}

// job merges runs of the group, the smallest first, so that what does not fit is merged into the result later.
func (g *group) job(runs []run, reason Reason, o Options) Job {
	job := Job{Reason: reason}
	rows := int64(0)
	for _, r := range runs[:min(len(runs), o.FilesMax)] {
		job.Inputs = append(job.Inputs, r.files...)
		rows += r.rows
	}
	if g.IsNone() || g.writes {
		return job
	}
	if level, ok := levelOf(o.Bucket, g.Range); !ok || level == 0 || rows < o.ShareRows && !tooWide(g.Range, 2*o.SpanMax) {
		job.Into = g.Range
	}
	return job
}

// pickJoin finds windows that are over, lie together in fours, and together have few rows.
func pickJoin(groups []*group, o Options) (Job, bool) {
	if o.Bucket.IsNone() {
		return Job{}, false
	}
	groups = slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return g.IsNone() || g.writes })
	for i := range groups {
		// The widest range first: what fits is joined at once, not level by level.
		for level := levelsMax; level > 0; level-- {
			whole, ok := rangeOf(o.Bucket, groups[i].Start, level)
			if !ok || whole.End > o.ClosedBefore || tooWide(whole, o.SpanMax) {
				continue
			}
			if job, ok := joinIn(groups, whole, o); ok {
				return job, true
			}
		}
	}
	return Job{}, false
}

// joinIn joins all runs within a range, if they are few rows and there is enough to join.
func joinIn(groups []*group, whole Range, o Options) (Job, bool) {
	job := Job{Reason: Join, Into: whole, Final: true}
	from := sort.Search(len(groups), func(i int) bool { return groups[i].Start >= whole.Start })
	var rows, bytes, largest int64
	runs, ranges := 0, 0
	for _, g := range groups[from:] {
		if g.Start >= whole.End {
			break
		}
		if !whole.covers(g.Range) {
			continue
		}
		if g.young {
			return Job{}, false
		}
		ranges++
		for _, r := range g.runs {
			runs++
			if rows += r.rows; rows >= o.ShareRows {
				return Job{}, false
			}
			bytes += r.bytes
			largest = max(largest, r.bytes)
			job.Inputs = append(job.Inputs, r.files...)
		}
	}
	// Little late data does not rewrite what was joined.
	return job, ranges > 1 && (runs > o.FilesMin || bytes-largest >= largest/lateShare)
}
