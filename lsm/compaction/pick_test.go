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
	return File{ID: id, Bytes: bytes, Rows: 1, BucketStart: window * 100, BucketEnd: window*100 + 100,
		MinTimestamp: 10, MaxTimestamp: 20, MaxExpiresAt: forever,
		FirstKey: partition.DecoratedKey{Token: -100}, LastKey: partition.DecoratedKey{Token: 100}}
}

func dying(f File, end, local, minTS, maxTS int64) File {
	f.MaxExpiresAt, f.MaxLocalDeletion, f.MinTimestamp, f.MaxTimestamp = end, local, minTS, maxTS
	return f
}

func TestPick(t *testing.T) {
	now := Options{NowSec: 1000, GCGraceSec: 100, OldestOutside: math.MaxInt64, ClosedBefore: 300}
	with := func(change func(*Options)) Options {
		o := now
		change(&o)
		return o
	}
	apart := func(f File) File {
		f.FirstKey.Token, f.LastKey.Token = 101, 200
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
		{"or many files", []File{file(1, 1000, 0), file(2, 1, 0), file(3, 1, 0), file(4, 1, 0)}, now,
			Job{Inputs: []uint64{2, 3, 4, 1}, Reason: Close}},
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

		{"R35 a dead file goes unread", []File{old}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 not before its last end", []File{dying(old, 1001, 0, 10, 20)}, now, Job{}},
		{"R35 not before the grace", []File{dying(old, 1000, 900, 10, 20)}, now, Job{}},
		{"R35 but right after", []File{dying(old, 1000, 899, 10, 20)}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 not while it may hide data of a file", []File{old, dying(file(2, 10, 9), forever, 0, 20, 30)}, now, Job{}},
		{"R35 younger files do not matter", []File{old, dying(file(2, 10, 9), forever, 0, 21, 30)}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 nor do other keys", []File{old, apart(file(2, 10, 9))}, now, Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R35 dead files do not hold each other", []File{old, dying(file(2, 10, 9), 1000, 0, 1, 30)}, now,
			Job{Inputs: []uint64{1, 2}, Reason: Expired, Drop: true}},
		{"R35 not while it may hide what is in memory", []File{old}, with(func(o *Options) { o.OldestOutside = 20 }), Job{}},
		{"R35 younger writes do not matter", []File{old}, with(func(o *Options) { o.OldestOutside = 21 }), Job{Inputs: []uint64{1}, Reason: Expired, Drop: true}},
		{"R41 rollups still read it", []File{old}, with(func(o *Options) { o.KeepExpired = true }), Job{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			job, ok := Pick(c.files, c.o)
			if ok != (len(c.want.Inputs) > 0) || ok && (!slices.Equal(job.Inputs, c.want.Inputs) || job.Reason != c.want.Reason || job.Drop != c.want.Drop) {
				t.Errorf("picked %+v, want %+v", job, c.want)
			}
		})
	}
}

// Jobs come to an end: each leaves fewer files, or fewer mixed ones.
func TestPickComesToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var files []File
		for range rapid.IntRange(0, 60).Draw(t, "files") {
			f := file(uint64(len(files)+1), rapid.Int64Range(0, 5000).Draw(t, "bytes"), rapid.Int64Range(0, 3).Draw(t, "window"))
			f.Mixed = rapid.IntRange(0, 9).Draw(t, "mixed") == 0
			files = append(files, f)
		}
		o := Options{NowSec: 1, OldestOutside: math.MaxInt64, ClosedBefore: 200}
		next := uint64(1000)
		for jobs := 0; ; jobs++ {
			job, ok := Pick(files, o)
			if !ok {
				return
			}
			if jobs > 500 || len(job.Inputs) > 32 || job.Reason != Split && len(job.Inputs) < 2 {
				t.Fatalf("job %d: %+v", jobs, job)
			}
			out := map[int64]*File{} // by window
			rest := slices.DeleteFunc(slices.Clone(files), func(f File) bool {
				if !slices.Contains(job.Inputs, f.ID) {
					return false
				}
				if out[f.BucketStart] == nil {
					next++
					merged := file(next, 0, f.BucketStart/100)
					out[f.BucketStart] = &merged
				}
				out[f.BucketStart].Bytes += f.Bytes
				return true
			})
			if len(rest)+len(job.Inputs) != len(files) {
				t.Fatalf("%+v names files that are not there", job)
			}
			for _, f := range out {
				rest = append(rest, *f)
			}
			files = rest
		}
	})
}
