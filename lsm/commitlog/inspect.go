package commitlog

import (
	"fmt"

	"github.com/eskerdb/esker/internal/vfs"
)

// PlaceError says where in a log something is wrong.
type PlaceError struct {
	File   string // of the segment, its name in the data directory
	Offset int64  // bytes from its beginning; -1: the file as a whole
	Cause  error
}

// Error returns file, place and cause.
func (e *PlaceError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Cause)
	}
	return fmt.Sprintf("%s: offset %d: %v", e.File, e.Offset, e.Cause)
}

// Unwrap returns the cause.
func (e *PlaceError) Unwrap() error { return e.Cause }

// Inspection is what a log holds, read without changing anything.
type Inspection struct {
	Segments int      // that count
	Bytes    int64    // of them, up to the end of the log
	Records  int64    // that are whole
	Last     string   // name of the last segment that counts; empty: none
	End      int64    // offset in it at which the log ends
	Stale    []string // segments that do not count; Open deletes them
}

// Inspect reads the log of dir from segment first on, known to be synced up to a place, and calls fn, unless it is nil, with
// every record in order, up to the first damage. It writes nothing. What is broken at the end of the log, and was never promised to be synced, is a
// torn tail and no error; what was promised and is not there is a *PlaceError or ErrCorrupt.
func Inspect(fs vfs.FS, dir string, first uint64, synced Position, fn func(Position, *Record) error) (Inspection, error) {
	var in Inspection
	l := &Log{fs: fs, dir: dir, opts: Options{First: first}.withDefaults()}
	numbers, err := listSegments(fs, dir)
	if err != nil {
		return in, err
	}
	files, released, err := l.headers(numbers)
	if err != nil {
		return in, err
	}
	for _, n := range released {
		in.Stale = append(in.Stale, fileName(n))
	}
	count := func(pos Position, r *Record) error {
		in.Records++
		if fn == nil {
			return nil
		}
		return fn(pos, r)
	}
	if l.tail, err = readLog(first, synced, files, (*opener)(l), count); err != nil {
		return in, err
	}
	counts := make(map[uint64]bool)
	for i, h := range l.tail.chain {
		counts[h.number] = true
		in.Segments++
		in.Last, in.End = fileName(h.number), l.tail.end.Offset
		if i+1 < len(l.tail.chain) {
			in.End = l.tail.chain[i+1].previousEnd
		}
		in.Bytes += in.End
	}
	for _, f := range files {
		if !counts[f.number] {
			in.Stale = append(in.Stale, fileName(f.number))
		}
	}
	return in, nil
}

// IsName reports whether a file of that name is a segment.
func IsName(name string) bool {
	_, ok := segmentNumber(name)
	return ok
}
