package compaction

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

const forever = mutation.Forever

// file returns a live file of a window over all keys.
func file(id uint64, bytes, window int64) File {
	return File{ID: id, Bytes: bytes, Rows: 1, Final: true, BucketStart: window * 100, BucketEnd: window*100 + 100,
		MinTimestamp: 10, MaxTimestamp: 20, MaxExpiresAt: forever,
		FirstKey: partition.DecoratedKey{Token: -100}, LastKey: partition.DecoratedKey{Token: 100}}
}

func dying(f File, end, local, minTS, maxTS int64) File {
	f.MaxExpiresAt, f.MaxLocalDeletion, f.MinTimestamp, f.MaxTimestamp = end, local, minTS, maxTS
	return f
}

func TestPick(t *testing.T) {
	now := Options{NowSec: 1000, GCGraceSec: 100, OldestOutside: math.MaxInt64, ClosedBefore: 300, TierMin: 4}
	with := func(change func(*Options)) Options {
		o := now
		change(&o)
		return o
	}
	apart := func(f File) File {
		f.FirstKey.Token, f.LastKey.Token = 101, 200
		return f
	}
	timeless := func(f File) File {
		f.BucketStart, f.BucketEnd = 0, 0
		return f
	}
	sides := func(f File, local int64) File {
		f = timeless(f)
		f.Sides, f.MaxLocalDeletion = true, local
		return f
	}
	mixed := file(9, 10, 0)
	mixed.Mixed = true
	old := dying(file(1, 10, 0), 1000, 0, 10, 20)
	for _, c := range []struct {
		name  string
		files []File
		o     Options
		want  Job
	}{
		{"nothing", nil, now, Job{}},
		{"one file of a closed window", []File{file(1, 10, 0)}, now, Job{}},
		{"a closed window becomes one run", []File{file(1, 10, 0), file(2, 10, 0), file(3, 10, 9)}, now,
			Job{Inputs: []uint64{1, 2}, Reason: Close}},
		{"little late data waits", []File{file(1, 1000, 0), file(2, 99, 0)}, now, Job{}},
		{"until it is a tenth", []File{file(1, 1000, 0), file(2, 100, 0)}, now, Job{Inputs: []uint64{2, 1}, Reason: Close}},
		{"or many runs, which are merged among themselves", []File{file(1, 1000, 0), file(2, 1, 0), file(3, 1, 0), file(4, 1, 0), file(5, 1, 0)}, now,
			Job{Inputs: []uint64{2, 3, 4, 5}, Reason: Late, Into: Range{0, 100}}},
		{"three late runs wait", []File{file(1, 1000, 0), file(2, 1, 0), file(3, 1, 0), file(4, 1, 0)}, now, Job{}},
		{"three files of an open window wait", []File{file(1, 10, 9), file(2, 10, 9), file(3, 10, 9)}, now, Job{}},
		{"four of similar size do not", []File{file(1, 10, 9), file(2, 15, 9), file(3, 10, 9), file(4, 12, 9), file(5, 1000, 9)}, now,
			Job{Inputs: []uint64{1, 3, 4, 2}, Reason: Tier}},
		{"a tier above small files", []File{file(1, 1, 9), file(2, 1000, 9), file(3, 1000, 9), file(4, 1000, 9), file(5, 1000, 9)}, now,
			Job{Inputs: []uint64{2, 3, 4, 5}, Reason: Tier}},
		{"files of different windows stay apart", []File{file(1, 10, 6), file(2, 10, 7), file(3, 10, 8), file(4, 10, 9)}, now, Job{}},
		{"busy files are left alone", []File{file(1, 10, 0), file(2, 10, 0)}, with(func(o *Options) { o.Busy = map[uint64]bool{1: true} }), Job{}},
		{"mixed files are split first", []File{file(1, 10, 0), file(2, 10, 0), mixed}, now, Job{Inputs: []uint64{9}, Reason: Split}},
		{"no more than the maximum", []File{file(1, 10, 0), file(2, 10, 0), file(3, 10, 0)}, with(func(o *Options) { o.FilesMax = 2 }),
			Job{Inputs: []uint64{1, 2}, Reason: Close}},

		{"a closed window with rows that a file deletes, whose grace is over", []File{file(1, 1000, 0), sides(file(2, 10, 0), 899)},
			with(func(o *Options) { o.Hides = func(f, g uint64) bool { return f == 2 && g == 1 } }), Job{Inputs: []uint64{1}, Reason: Purge, Into: Range{0, 100}, Final: true}},
		{"not before", []File{file(1, 1000, 0), sides(file(2, 10, 0), 900)},
			with(func(o *Options) { o.Hides = func(f, g uint64) bool { return f == 2 && g == 1 } }), Job{}},
		{"nor an open one", []File{file(1, 1000, 9), sides(file(2, 10, 0), 899)},
			with(func(o *Options) { o.Hides = func(f, g uint64) bool { return f == 2 && g == 1 } }), Job{Inputs: []uint64{2}, Reason: Purge, Final: true}},
		{"R35 a dead file goes unread", []File{old}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 not before its last end", []File{dying(old, 1001, 0, 10, 20)}, now, Job{}},
		{"R35 not before the grace", []File{dying(old, 1000, 900, 10, 20)}, now, Job{}},
		{"R35 but right after", []File{dying(old, 1000, 899, 10, 20)}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 not while it may hide data of a file", []File{old, timeless(dying(file(2, 10, 9), forever, 0, 20, 30))}, now, Job{}},
		{"R35 other event times do not matter", []File{old, dying(file(2, 10, 9), forever, 0, 20, 30)}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 nor files without a partition in common", []File{old, timeless(dying(file(2, 10, 9), forever, 0, 20, 30))},
			with(func(o *Options) { o.Apart = func(f, g uint64) bool { return f == 1 && g == 2 } }), Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 younger files do not matter", []File{old, dying(file(2, 10, 9), forever, 0, 21, 30)}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 nor do other keys", []File{old, apart(file(2, 10, 9))}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 dead files do not hold each other", []File{old, dying(file(2, 10, 9), 1000, 0, 1, 30)}, now,
			Job{Inputs: []uint64{1, 2}, Reason: Expired, Drop: true}},
		{"R35 not while it may hide what is in memory", []File{old}, with(func(o *Options) { o.OldestOutside = 20 }), Job{}},
		{"R35 younger writes do not matter", []File{old}, with(func(o *Options) { o.OldestOutside = 21 }), Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R41 rollups still read it", []File{kept(old)}, now, Job{}},
		{"few rows past a retention among many others wait", []File{shrunk(file(1, 1000, 0), 24, 100)}, with(func(o *Options) { o.ShareRows = 100 }), Job{}},
		{"a quarter of them do not", []File{shrunk(file(1, 1000, 0), 25, 100)}, with(func(o *Options) { o.ShareRows = 100 }),
			Job{Inputs: []uint64{1}, Reason: Shrink, Final: true, Into: Range{}}},
		{"nor do any among few", []File{shrunk(file(1, 1000, 0), 1, 99)}, with(func(o *Options) { o.ShareRows = 100 }),
			Job{Inputs: []uint64{1}, Reason: Shrink, Final: true, Into: Range{0, 100}}},
		{"whether the window is over or not", []File{shrunk(file(1, 1000, 9), 1, 99)}, with(func(o *Options) { o.ShareRows = 100 }),
			Job{Inputs: []uint64{1}, Reason: Shrink, Into: Range{900, 1000}}},
		{"R42 past a retention it goes whatever it may hide", []File{past(file(1, 10, 0)), timeless(dying(file(2, 10, 9), forever, 0, 20, 30))},
			with(func(o *Options) { o.OldestOutside = 1 }), Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R42 and holds no other back", []File{dying(file(1, 10, 9), 1000, 0, 10, 20), past(dying(file(2, 10, 9), forever, 0, 15, 30))}, now,
			Job{Inputs: []uint64{1, 2}, Reason: Expired, Drop: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			job, ok := Pick(c.files, c.o)
			if ok != (len(c.want.Inputs) > 0) || ok && (!slices.Equal(job.Inputs, c.want.Inputs) || job.Reason != c.want.Reason || job.Drop != c.want.Drop || !c.want.Into.IsNone() && job.Into != c.want.Into) {
				t.Errorf("picked %+v, want %+v", job, c.want)
			}
		})
	}
}

func kept(f File) File {
	f.Kept = true
	return f
}

func shrunk(f File, past, rows int64) File {
	f.Past, f.Rows = past, rows
	return f
}

func past(f File) File {
	f.Ended = true
	return f
}

// content is a file with its rows by window.
type content struct {
	File
	rows map[int64]int64
}

const windowMillis = 100

// world executes jobs on files that exist only as numbers.
type world struct {
	t     *rapid.T
	files []content
	next  uint64
	o     Options
}

func (w *world) add(f content) {
	w.next++
	f.ID = w.next
	f.Rows = 0
	for _, n := range f.rows {
		f.Rows += n
	}
	f.Bytes = 10*f.Rows + 100
	f.FirstKey, f.LastKey = partition.DecoratedKey{Token: -100}, partition.DecoratedKey{Token: 100}
	f.MinTimestamp, f.MaxTimestamp, f.MaxExpiresAt = 10, 20, forever
	f.Past = min(f.Past, f.Rows)
	w.files = append(w.files, f)
}

// write lays rows out in files, as a flush and a compaction do.
func (w *world) write(rows map[int64]int64, into Range, filesMax int, like File) {
	counter := Counter{Bucket: w.o.Bucket}
	for window, n := range rows {
		counter.Add(window*windowMillis+5, n)
	}
	plan := counter.Plan(PlanOptions{ClosedBefore: w.o.ClosedBefore, ShareRows: w.o.ShareRows, SpanMax: w.o.SpanMax, FilesMax: filesMax})
	if !into.IsNone() {
		plan = Into(into)
	}
	out := map[Range]map[int64]int64{}
	for window, n := range rows {
		r, low, high := plan.Find(window*windowMillis + 5)
		if !r.IsNone() && !r.covers(Range{window * windowMillis, (window + 1) * windowMillis}) || window*windowMillis+5 < low || window*windowMillis+5 > high {
			w.t.Fatalf("window %d goes to %v, from %d to %d", window, r, low, high)
		}
		if out[r] == nil {
			out[r] = map[int64]int64{}
		}
		out[r][window] += n
	}
	for r, rows := range out {
		f := content{File: like, rows: rows}
		f.BucketStart, f.BucketEnd, f.Mixed = r.Start, r.End, r.IsNone()
		w.add(f)
	}
}

// do executes a job.
func (w *world) do(job Job) {
	rows := map[int64]int64{}
	like := File{Final: job.Final, WrittenSec: w.o.NowSec}
	taken := 0
	w.files = slices.DeleteFunc(w.files, func(f content) bool {
		if !slices.Contains(job.Inputs, f.ID) {
			return false
		}
		taken++
		for window, n := range f.rows {
			if !job.Into.IsNone() && !job.Into.Contains(window*windowMillis) {
				w.t.Fatalf("%+v has rows outside of where they go: %v", job, f.rows)
			}
			rows[window] += n
		}
		like.MaxLocalDeletion = max(like.MaxLocalDeletion, f.MaxLocalDeletion)
		return true
	})
	if taken != len(job.Inputs) || taken == 0 {
		w.t.Fatalf("%+v names files that are not there", job)
	}
	w.write(rows, job.Into, 8, like)
}

func (w *world) choices() []File {
	var out []File
	for _, f := range w.files {
		out = append(out, f.File)
	}
	return out
}

func (w *world) rest() (jobs int) {
	for ; ; jobs++ {
		job, ok := Pick(w.choices(), w.o)
		if !ok {
			return jobs
		}
		if jobs > 3000 {
			w.t.Fatalf("job %d: %+v of %+v", jobs, job, w.files)
		}
		w.do(job)
	}
}

func newWorld(t *rapid.T) *world {
	return &world{t: t, o: Options{
		NowSec: 1000, GCGraceSec: 100, OldestOutside: math.MaxInt64, Bucket: partition.Bucketing{SizeMillis: windowMillis},
		ClosedBefore: rapid.Int64Range(0, 60).Draw(t, "closed") * windowMillis, ShareRows: rapid.Int64Range(1, 200).Draw(t, "share"),
		SpanMax: rapid.SampledFrom([]int64{0, 0, 1, windowMillis, 4 * windowMillis, 40 * windowMillis}).Draw(t, "span"),
	}}
}

// Jobs come to an end whatever the files; then no file is mixed, and few are small.
func TestPickComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 30).Draw(t, "flushes") {
			rows := map[int64]int64{}
			for range rapid.IntRange(1, 40).Draw(t, "windows") {
				rows[rapid.Int64Range(-5, 70).Draw(t, "window")] += rapid.Int64Range(1, 100).Draw(t, "rows")
			}
			like := File{Young: rapid.IntRange(0, 9).Draw(t, "young") == 0, Past: rapid.SampledFrom([]int64{0, 0, 1, 1000}).Draw(t, "past"), MaxLocalDeletion: rapid.SampledFrom([]int64{0, 0, 890, 990}).Draw(t, "deletion")}
			w.write(rows, Range{}, rapid.IntRange(1, 16).Draw(t, "files"), like)
		}
		// And files of before the table was altered.
		for range rapid.IntRange(0, 3).Draw(t, "altered") {
			at := rapid.Int64Range(0, 70).Draw(t, "window")
			f := content{rows: map[int64]int64{at: 50, at + 1: 7}}
			f.BucketStart, f.BucketEnd = at*windowMillis, (at+2)*windowMillis
			w.add(f)
		}
		w.rest()
		total := int64(0)
		for _, f := range w.files {
			total += f.Rows
			if f.Mixed {
				t.Errorf("%+v is still mixed", f)
			}
			r := Range{f.BucketStart, f.BucketEnd}
			if _, ok := levelOf(w.o.Bucket, r); !ok && !r.IsNone() && r.End > w.o.ClosedBefore {
				t.Errorf("%+v is not over and of a former step", f)
			}
			if level, ok := levelOf(w.o.Bucket, r); ok && level > 0 && tooWide(r, 2*w.o.SpanMax) {
				t.Errorf("%+v is longer than windows may share", f)
			}
		}
		// What is at rest stays so.
		if n := w.rest(); n != 0 {
			t.Errorf("%d jobs after the last", n)
		}
	})
}

// A table that gets a few rows a window, window after window, has few files and rewrites each row seldom.
func TestSparseWindowsShareFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.o.ShareRows, w.o.SpanMax = 10_000, 0
		perWindow := rapid.Int64Range(1, 30).Draw(t, "rows")
		const windows = 300
		written := int64(0)
		for at := range int64(windows) {
			w.o.ClosedBefore = at * windowMillis
			rows := map[int64]int64{at: perWindow}
			if at > 50 && at%7 == 0 {
				rows[at-rapid.Int64Range(1, 50).Draw(t, "late")] = 1
			}
			w.write(rows, Range{}, 16, File{})
			for {
				job, ok := Pick(w.choices(), w.o)
				if !ok {
					break
				}
				before := w.next
				w.do(job)
				for _, f := range w.files {
					if f.ID > before {
						written += f.Rows
					}
				}
			}
			if n := len(w.files); n > 50 {
				t.Fatalf("%d files after %d windows", n, at)
			}
		}
		if final := perWindow * windows; written > 10*final {
			t.Fatalf("%d rows were written by compaction, %d are there", written, final)
		}
	})
}

// Rows that come late, however many times, do not have a large window rewritten each time.
func TestLateRowsCostLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.o.ClosedBefore = 100 * windowMillis
		w.write(map[int64]int64{7: 100_000}, Range{}, 16, File{})
		w.rest()
		written := int64(0)
		late := rapid.Int64Range(1, 200).Draw(t, "late")
		for range 100 {
			w.write(map[int64]int64{7: late}, Range{}, 16, File{})
			before := w.next
			w.rest()
			for _, f := range w.files {
				if f.ID > before {
					written += f.Rows
				}
			}
		}
		if most := 300_000 + 20*100*late; written > most {
			t.Fatalf("%d rows written for %d late ones", written, 100*late)
		}
		if len(w.files) > 12 {
			t.Fatalf("%d files of one window", len(w.files))
		}
	})
}
