package commitlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
)

// Options of a log. Zero values stand for the defaults named.
type Options struct {
	First          uint64        // oldest segment still needed, from the manifest. Default 1
	Synced         Position      // known to be synced, from the manifest; counts if its segment is still needed
	Mode           Mode          // default Group
	SyncPeriod     time.Duration // of mode Periodic. Default 1 s
	SegmentBytes   int64         // default 32 MiB
	RecordBytesMax int           // default 128 MiB
	Prepare        bool          // make the next segment in the background before it is needed
	Clock          clock.Clock   // measures syncs for Statistics; nil: they take no time
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
//
// A record goes through two doors: Enqueue gives it its place and copies it, Wait returns when it is durable. What was enqueued goes
// to the file with the sync that somebody waits for, all of it in one write; meanwhile others enqueue behind it.
type Log struct {
	fs   vfs.FS
	dir  string
	opts Options
	tail tail // as found at open

	mu       sync.Mutex // never held during a write or sync of records
	idle     sync.Cond  // L is mu; a write or the making of a segment has ended
	fileSet             // guarded by mu
	writes              // guarded by mu
	end      Position   // of the last record enqueued; guarded by mu
	written  Position   // the end of the last record that its file has; guarded by mu
	synced   Position   // as far as it may be promised; guarded by mu
	promised Position   // by the last sync offset enqueued; guarded by mu
	closed   bool       // guarded by mu

	counts   counts
	syncs    syncer
	periodic periodic
	making   sync.WaitGroup // the goroutine that makes the next segment
	closing  atomic.Bool
}

// writes is what is on its way to the current segment.
type writes struct {
	frames  []byte // enqueued behind what is being written, without checksums
	records int64  // in frames
	writing bool
	spare   []byte // memory of a write that is done
	full    error  // why the last write failed for want of space; nil: it did not
}

const (
	// framesBytesMax is how much may be enqueued before whoever enqueues more writes it.
	framesBytesMax = 1 << 20
	// spareBytesMax is how much memory is kept for frames; more is given back.
	spareBytesMax = 2 * framesBytesMax
)

// Append enqueues r and writes it: Enqueue and Write.
func (l *Log) Append(r *Record) (Position, error) {
	end, err := l.Enqueue(r)
	if err == nil {
		err = l.Write(end)
	}
	return end, err
}

// Enqueue gives r its place behind all records before, copies it, and returns where it ends. Wait tells when it is durable.
// When it is refused with ErrDiskFull or ErrTooLarge nothing of it is in the log.
func (l *Log) Enqueue(r *Record) (Position, error) {
	body := recordBytes(r)
	if body > l.opts.RecordBytesMax || len(r.Parts) > partsMax {
		return Position{}, fmt.Errorf("record of %d parts and %d bytes, at most %d bytes are possible: %w",
			len(r.Parts), body, l.opts.RecordBytesMax, ErrTooLarge)
	}
	need := int64(framesBytes(body) + syncFrameBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := l.usableLocked(); err != nil {
			return Position{}, err
		}
		if l.full != nil || len(l.frames) > framesBytesMax {
			if err := l.advanceLocked(); err != nil {
				return Position{}, err
			}
			continue
		}
		if l.current != nil && !l.mustRotate && l.current.offset+need <= l.current.bytes {
			break
		}
		if l.writing || len(l.frames) > 0 {
			if err := l.advanceLocked(); err != nil {
				return Position{}, err
			}
			continue // others may have come in between
		}
		if err := l.rotateLocked(need); err != nil {
			return Position{}, err
		}
	}
	l.enqueueLocked(r, body)
	l.prepareLocked()
	return l.end, nil
}

func (l *Log) enqueueLocked(r *Record, body int) {
	if l.frames == nil {
		l.frames, l.spare = l.spare[:0], nil
	}
	before := len(l.frames)
	if l.promised.Less(l.synced) {
		l.frames = appendSync(l.frames, l.synced)
		l.promised = l.synced
	}
	l.frames = appendRecord(l.frames, r, body)
	l.records++
	l.current.offset += int64(len(l.frames) - before)
	l.end = Position{l.current.number, l.current.offset}
}

// Write returns when the files have everything before pos, which is a record's end. A crash of the program loses it no more; one of the
// machine may. After ErrUnwritten it is tried again by the next one who writes, waits or enqueues.
func (l *Log) Write(pos Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.written.Less(pos) {
		if err := l.usableLocked(); err != nil {
			return err
		}
		if err := l.advanceLocked(); errors.Is(err, ErrDiskFull) {
			return fmt.Errorf("%w: %w", ErrUnwritten, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// advanceLocked waits for the write that is running, or does the next. It lets go of mu meanwhile. An error says that the write
// was done in vain.
func (l *Log) advanceLocked() error {
	if l.writing {
		l.idle.Wait()
		return nil
	}
	frames, records, s := l.frames, l.records, l.current
	if len(frames) == 0 {
		return nil
	}
	at := s.offset - int64(len(frames))
	l.frames, l.records, l.writing = nil, 0, true
	l.mu.Unlock()
	sealFrames(frames, Position{s.number, at})
	_, err := s.file.WriteAt(frames, at)
	l.mu.Lock()
	l.writing = false
	if err == nil {
		l.wroteLocked(frames, records, Position{s.number, at + int64(len(frames))})
	} else {
		err = l.refuse(fmt.Errorf("%s: offset %d: %w", fileName(s.number), at, err))
		// What the file got of it is written over with the same. Others may have enqueued behind it.
		l.frames, l.records, l.full = append(frames, l.frames...), records+l.records, err
	}
	l.idle.Broadcast()
	return err
}

func (l *Log) wroteLocked(frames []byte, records int64, end Position) {
	n := int64(len(frames))
	l.written, l.full = end, nil
	l.live[len(l.live)-1].bytes = end.Offset
	l.counts.live.Add(n)
	l.counts.appended.Add(n)
	l.counts.records.Add(records)
	l.counts.writes.Add(1)
	if cap(frames) <= spareBytesMax && cap(l.spare) < cap(frames) {
		l.spare = frames[:0]
	}
}

// refuse says why a write failed. Want of space may pass; after anything else nobody
// knows what is in the file, and the log has failed for good.
func (l *Log) refuse(err error) error {
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return l.syncs.fail(err)
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

// Written returns up to where the files have the log.
func (l *Log) Written() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// Bytes returns how much of the disk the segments hold that are not released, the unused
// rest of the current one not counted.
func (l *Log) Bytes() int64 { return l.counts.live.Load() }

// Next returns the lowest segment that the next record can come to lie in.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.current != nil:
		return l.current.number
	case l.next != nil:
		return l.next.number
	}
	return l.nextNumber
}
