package commitlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eskerdb/esker/internal/vfs"
)

// sparesMax is how many released segments are kept to be written over.
const sparesMax = 2

// Options of a log. Zero values stand for the defaults named.
type Options struct {
	First          uint64        // oldest segment still needed, from the manifest. Default 1
	Synced         Position      // known to be synced, from the manifest; counts if its segment is still needed
	Mode           Mode          // default Group
	SyncPeriod     time.Duration // of mode Periodic. Default 1 s
	SegmentBytes   int64         // default 32 MiB
	RecordBytesMax int           // default 128 MiB
}

func (o Options) withDefaults() Options {
	if o.First == 0 {
		o.First = 1
	}
	if o.Mode == 0 {
		o.Mode = Group
	}
	if o.SyncPeriod == 0 {
		o.SyncPeriod = time.Second
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 32 << 20
	}
	if o.RecordBytesMax == 0 {
		o.RecordBytesMax = 128 << 20
	}
	return o
}

// Log is an open commit log. Its methods may be called from several goroutines.
type Log struct {
	fs   vfs.FS
	dir  string
	opts Options
	tail tail // as found at open

	mu       sync.Mutex // held while writing, never during a sync
	fileSet             // guarded by mu
	end      Position   // of the last record; guarded by mu
	promised Position   // by the last sync offset written; guarded by mu
	scratch             // guarded by mu
	closed   bool       // guarded by mu

	bytes    atomic.Int64 // sum of live
	syncs    syncer
	periodic periodic
	closing  atomic.Bool
}

// fileSet is the files of a log.
type fileSet struct {
	current    *segment   // nil before the first record
	rotated    []*segment // full, not known to be synced, oldest first
	live       []extent   // segments not released, oldest first
	spares     []uint64   // released files to be written over
	nextNumber uint64
}

// scratch is memory that appends share.
type scratch struct {
	buffer []byte // frames
	body   []byte // record
}

// segment is a segment that is open for writing.
type segment struct {
	number uint64
	file   vfs.File
	bytes  int64
	offset int64 // where the next frame goes
}

// extent is a segment and its length.
type extent struct {
	number uint64
	bytes  int64
}

// Append writes r behind all records before and returns where it ends. The record is
// durable once Wait or Sync says so. When it is refused with ErrDiskFull or ErrTooLarge
// nothing of it is in the log.
func (l *Log) Append(r *Record) (Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usableLocked(); err != nil {
		return Position{}, err
	}
	if n := recordBytesMax(r); n > l.opts.RecordBytesMax || len(r.Parts) > partsMax {
		return Position{}, fmt.Errorf("record of %d parts and %d bytes, at most %d bytes are possible: %w",
			len(r.Parts), n, l.opts.RecordBytesMax, ErrTooLarge)
	}
	l.body = AppendRecord(l.body[:0], r)
	defer l.trimLocked()
	need := int64(framesBytes(len(l.body)) + frameHeadBytes + syncBodyBytes)
	if l.current == nil || l.current.offset+need > l.current.bytes {
		if err := l.rotateLocked(need); err != nil {
			return Position{}, err
		}
	}
	return l.writeLocked()
}

// writeLocked writes the record in l.body. The offset moves only when all of it is
// written, so that the next record overwrites what a refused one left.
func (l *Log) writeLocked() (Position, error) {
	s := l.current
	l.buffer = l.buffer[:0]
	done := l.syncs.position()
	if l.promised.Less(done) {
		l.buffer = appendSync(l.buffer, Position{s.number, s.offset}, done)
	}
	l.buffer = appendFrames(l.buffer, Position{s.number, s.offset + int64(len(l.buffer))}, l.body)
	if _, err := s.file.WriteAt(l.buffer, s.offset); err != nil {
		return Position{}, l.refuse(fmt.Errorf("%s: offset %d: %w", fileName(s.number), s.offset, err))
	}
	s.offset += int64(len(l.buffer))
	l.promised = done
	l.end = Position{s.number, s.offset}
	l.live[len(l.live)-1].bytes = s.offset
	l.bytes.Add(int64(len(l.buffer)))
	return l.end, nil
}

// refuse says why a write failed. Want of space may pass; after anything else nobody
// knows what is in the file, and the log has failed for good.
func (l *Log) refuse(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return l.syncs.fail(err)
}

// rotateLocked begins a segment with room for a record of need bytes.
func (l *Log) rotateLocked(need int64) error {
	const begin = headerBytes + frameHeadBytes + syncBodyBytes
	s := &segment{number: l.nextNumber, bytes: max(l.opts.SegmentBytes, begin+need)}
	h := header{number: s.number, previous: l.end.Segment, previousEnd: l.end.Offset}
	if err := l.createLocked(s, h); err != nil {
		if s.file != nil {
			_ = s.file.Close() // the error before says more
		}
		_ = l.fs.Remove(l.path(s.number)) // a segment that was not begun does not count
		return l.refuse(fmt.Errorf("%s: %w", fileName(s.number), err))
	}
	if l.current != nil {
		l.rotated = append(l.rotated, l.current)
	}
	l.nextNumber++
	l.current = s
	l.live = append(l.live, extent{s.number, s.offset})
	l.bytes.Add(s.offset)
	return nil
}

// createLocked allocates the file of s, from a spare if there is one, and writes its header.
func (l *Log) createLocked(s *segment, h header) error {
	name, err := l.path(s.number), error(nil)
	if n := len(l.spares); n > 0 && s.bytes == l.opts.SegmentBytes {
		spare := l.spares[n-1]
		l.spares = l.spares[:n-1]
		if err := l.fs.Rename(l.path(spare), name); err != nil {
			return err
		}
		s.file, err = l.fs.OpenReadWrite(name)
	} else {
		s.file, err = l.fs.Create(name)
	}
	if err != nil {
		return err
	}
	if err := s.file.Preallocate(0, s.bytes); err != nil {
		return err
	}
	done := l.syncs.position()
	buf := appendHeader(nil, h)
	if done != (Position{}) {
		buf = appendSync(buf, Position{s.number, headerBytes}, done)
	}
	if _, err := s.file.WriteAt(buf, 0); err != nil {
		return err
	}
	s.offset = int64(len(buf))
	// Without this the file may be missing after a crash although its content was synced.
	return l.fs.SyncDir(l.dir)
}

// trimLocked gives back buffers that one large record blew up.
func (l *Log) trimLocked() {
	const keepBytesMax = 1 << 20
	if cap(l.buffer) > keepBytesMax {
		l.buffer = nil
	}
	if cap(l.body) > keepBytesMax {
		l.body = nil
	}
}

func (l *Log) usableLocked() error {
	if l.closed {
		return ErrClosed
	}
	return l.syncs.failure()
}

// End returns where the last record ends.
func (l *Log) End() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Bytes returns how much of the disk the segments hold that are not released, the unused
// rest of the current one not counted.
func (l *Log) Bytes() int64 {
	return l.bytes.Load()
}

// Next returns the lowest segment that the next record can come to lie in.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		return l.current.number
	}
	return l.nextNumber
}

// Release gives up the segments below before. Nothing in them may be needed, and the
// manifest must say so durably. Segments that are not synced yet stay until a later call.
func (l *Log) Release(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usableLocked(); err != nil {
		return err
	}
	for len(l.live) > 0 && l.live[0].number < before && !l.writableLocked(l.live[0].number) {
		gone := l.live[0]
		l.live = l.live[1:]
		l.bytes.Add(-gone.bytes)
		if err := l.retireLocked(gone.number); err != nil {
			return err
		}
	}
	return nil
}

// writableLocked reports whether a segment is current, or a sync of it may be running:
// closing its file then would look like a failed sync.
func (l *Log) writableLocked(number uint64) bool {
	if l.current != nil && l.current.number == number {
		return true
	}
	for _, s := range l.rotated {
		if s.number == number {
			return true
		}
	}
	return false
}

// retireLocked keeps the file of a segment as a spare, or removes it.
func (l *Log) retireLocked(number uint64) error {
	if len(l.spares) < sparesMax {
		if info, err := l.fs.Stat(l.path(number)); err == nil && info.Size == l.opts.SegmentBytes {
			l.spares = append(l.spares, number)
			return nil
		}
	}
	if err := l.fs.Remove(l.path(number)); err != nil {
		return fmt.Errorf("%s: %w", fileName(number), err)
	}
	return nil
}

func (l *Log) path(number uint64) string { return vfs.Join(l.dir, fileName(number)) }

func fileName(number uint64) string { return fmt.Sprintf("commitlog-%016d.log", number) }
