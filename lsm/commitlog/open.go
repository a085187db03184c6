package commitlog

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eskerdb/esker/internal/vfs"
)

// Open reads the log in dir, calls fn (unless it is nil) with every record in order until it fails, and finds the end.
// Payloads are valid during the call. ErrCorrupt says that something that was synced is not there; fn may
// have been called with what lies before. Open changes nothing but to remove segments that an
// earlier crash left without meaning.
func Open(fs vfs.FS, dir string, opts Options, fn func(Position, *Record) error) (*Log, error) {
	l := &Log{fs: fs, dir: dir, opts: opts.withDefaults()}
	l.syncs.wake.L = &l.syncs.mu
	l.idle.L = &l.mu
	numbers, err := listSegments(fs, dir)
	if err != nil {
		return nil, err
	}
	files, released, err := l.headers(numbers)
	if err != nil {
		return nil, err
	}
	if l.tail, err = readLog(l.opts.First, l.opts.Synced, files, (*opener)(l), fn); err != nil {
		return nil, err
	}
	// Only read so far, perhaps from the page cache of a killed process. The next segment
	// will say that the log goes on behind this, so it must be on the disk before.
	for _, h := range l.tail.chain {
		if err := l.syncOld(h.number); err != nil {
			return nil, err
		}
	}
	if err := l.adopt(files, released); err != nil {
		return nil, err
	}
	if l.opts.Mode == Periodic {
		l.startPeriodic()
	}
	return l, nil
}

// adopt takes over the files found.
func (l *Log) adopt(files []segmentFile, released []uint64) error {
	l.end, l.written, l.synced, l.nextNumber = l.tail.end, l.tail.end, l.tail.end, l.opts.First
	l.syncs.done = l.tail.end
	counts := make(map[uint64]bool)
	for i, h := range l.tail.chain {
		counts[h.number] = true
		end := l.tail.end.Offset
		if i+1 < len(l.tail.chain) {
			end = l.tail.chain[i+1].previousEnd
		}
		l.live = append(l.live, extent{h.number, end})
		l.counts.live.Add(end)
	}
	for _, n := range released {
		// Not kept as a spare: after a crash an old name may still lead to a file that has
		// been renamed and is in use.
		if err := l.fs.Remove(l.path(n)); err != nil {
			return fmt.Errorf("%s: %w", fileName(n), err)
		}
	}
	for _, f := range files {
		if len(l.tail.chain) > 0 {
			// Above the ones given up too: of two that name the same previous one the highest
			// counts. Without a chain the next one must be First, and nothing else may begin one.
			l.nextNumber = max(l.nextNumber, f.number+1)
		}
		if counts[f.number] {
			continue
		}
		if err := l.fs.Remove(l.path(f.number)); err != nil {
			return fmt.Errorf("%s: %w", fileName(f.number), err)
		}
	}
	return nil
}

// headers reads the headers of the segments still needed. The others are released.
func (l *Log) headers(numbers []uint64) (files []segmentFile, released []uint64, err error) {
	found := false
	for _, n := range numbers {
		if n < l.opts.First {
			released = append(released, n)
			continue
		}
		f, err := l.readHeader(n)
		if err != nil {
			return nil, nil, err
		}
		found = found || n == l.opts.First
		files = append(files, f)
	}
	if len(files) > 0 && !found {
		return nil, nil, &PlaceError{fileName(l.opts.First), -1,
			fmt.Errorf("it is missing, but %s is there: %w", fileName(files[0].number), ErrCorrupt)}
	}
	return files, released, nil
}

func (l *Log) readHeader(number uint64) (segmentFile, error) {
	f := segmentFile{header: header{number: number}}
	file, err := l.fs.Open(l.path(number))
	if err != nil {
		return f, fmt.Errorf("%s: %w", fileName(number), err)
	}
	defer file.Close()
	var buf [headerBytes]byte
	n, err := file.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return f, fmt.Errorf("%s: header: %w", fileName(number), err)
	}
	h, ok, err := decodeHeader(buf[:n], number)
	if err != nil {
		return f, fmt.Errorf("%s: %w", fileName(number), err)
	}
	if ok {
		f.header, f.begun = h, true
	}
	return f, nil
}

func (l *Log) syncOld(number uint64) error {
	file, err := l.fs.OpenReadWrite(l.path(number))
	if err != nil {
		return fmt.Errorf("%s: %w", fileName(number), err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("%s: sync: %w", fileName(number), err)
	}
	return nil
}

// LastSequence returns the sequence of the last record found at open; 0: none.
func (l *Log) LastSequence() uint64 { return l.tail.last }

// opener opens segments for reading.
type opener Log

func (l *opener) open(number uint64) (segmentSource, int64, error) {
	file, err := l.fs.Open((*Log)(l).path(number))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", fileName(number), err)
	}
	size, err := file.Size()
	if err != nil {
		_ = file.Close() // the error before says more
		return nil, 0, fmt.Errorf("%s: %w", fileName(number), err)
	}
	return file, size, nil
}

// listSegments returns the numbers of the segments in dir, ascending.
func listSegments(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("commit log: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// segmentNumber returns the number of the segment with that name; ok is false for any other file.
func segmentNumber(name string) (number uint64, ok bool) {
	_, err := fmt.Sscanf(name, "commitlog-%d.log", &number)
	return number, err == nil && name == fileName(number) && number > 0
}
