package commitlog

import (
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
// A record goes through three doors: Enqueue gives it its place, Write returns when the file has
// it, Wait when it is durable. Records that were enqueued while a write was running go to the
// file together, and so do syncs.
type Log struct {
	fs   vfs.FS
	dir  string
	opts Options
	tail tail // as found at open

	mu       sync.Mutex // never held during a write or sync of records
	idle     sync.Cond  // L is mu; a write or the making of a segment has ended
	fileSet             // guarded by mu
	writes              // guarded by mu
	written  Position   // the end of the last record that its file has; guarded by mu
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
	batch   *batch // takes records; nil: none are waiting
	writing bool   // of the batch before
	spare   []byte // memory of a batch that is done
}

// batch is records that go to a file in one write, all or none.
type batch struct {
	frames   []byte   // without checksums
	offset   int64    // in the segment
	records  int64    // how many
	promised Position // Log.promised when it began, and again if it fails
	done     bool
	err      error // why none of it counts
}

// Ticket names an enqueued record.
type Ticket struct {
	Position // where the record ends
	batch    *batch
}

// Append enqueues r and writes it: Enqueue and Write.
func (l *Log) Append(r *Record) (Position, error) {
	t, err := l.Enqueue(r)
	if err == nil {
		err = l.Write(t)
	}
	return t.Position, err
}

// Enqueue gives r its place behind all records before and copies it. Write must be called next.
// When it is refused with ErrDiskFull or ErrTooLarge nothing of it is in the log.
func (l *Log) Enqueue(r *Record) (Ticket, error) {
	body := recordBytes(r)
	if body > l.opts.RecordBytesMax || len(r.Parts) > partsMax {
		return Ticket{}, fmt.Errorf("record of %d parts and %d bytes, at most %d bytes are possible: %w",
			len(r.Parts), body, l.opts.RecordBytesMax, ErrTooLarge)
	}
	need := int64(framesBytes(body) + syncFrameBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := l.usableLocked(); err != nil {
			return Ticket{}, err
		}
		if l.current != nil && !l.mustRotate && l.current.offset+need <= l.current.bytes {
			break
		}
		if l.drainLocked() {
			continue // others may have come in between
		}
		if err := l.rotateLocked(need); err != nil {
			return Ticket{}, err
		}
	}
	t := l.enqueueLocked(r, body)
	l.prepareLocked()
	return t, nil
}

func (l *Log) enqueueLocked(r *Record, body int) Ticket {
	s, b := l.current, l.batch
	if b == nil {
		b = &batch{frames: l.spare[:0], offset: s.offset, promised: l.promised}
		l.batch, l.spare = b, nil
	}
	before := len(b.frames)
	if done := l.syncs.position(); l.promised.Less(done) {
		b.frames = appendSync(b.frames, done)
		l.promised = done
	}
	b.frames = appendRecord(b.frames, r, body)
	b.records++
	s.offset += int64(len(b.frames) - before)
	return Ticket{Position{s.number, s.offset}, b}
}

// Write returns when the file has the record of t. It writes what was enqueued if nobody else does.
// After ErrDiskFull nothing of the record is in the log, and others may be tried.
func (l *Log) Write(t Ticket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !t.batch.done {
		l.advanceLocked()
	}
	return t.batch.err
}

// drainLocked waits until everything enqueued is written. It is false if nothing was, in which case
// mu was held all the time.
func (l *Log) drainLocked() bool {
	waited := false
	for l.writing || l.batch != nil {
		l.advanceLocked()
		waited = true
	}
	return waited
}

// advanceLocked waits for the write that is running, or does the next. It lets go of mu meanwhile.
func (l *Log) advanceLocked() {
	if l.writing {
		l.idle.Wait()
		return
	}
	b, s := l.batch, l.current
	l.batch, l.writing = nil, true
	l.mu.Unlock()
	sealFrames(b.frames, Position{s.number, b.offset})
	err := b.write(s.file)
	l.mu.Lock()
	l.writing = false
	if err == nil {
		l.wroteLocked(b)
	} else {
		l.undoLocked(b, l.refuse(fmt.Errorf("%s: offset %d: %w", fileName(s.number), b.offset, err)))
	}
	l.idle.Broadcast()
}

// write writes the frames. Of several records some could be whole in the file though the write failed, and would be
// found after a crash: so the head of the first frame goes last, without which nothing behind it counts.
func (b *batch) write(file vfs.File) error {
	head := 0
	if b.records > 1 {
		head = frameHeadBytes
	}
	_, err := file.WriteAt(b.frames[head:], b.offset+int64(head))
	if err == nil && head > 0 {
		_, err = file.WriteAt(b.frames[:head], b.offset)
	}
	return err
}

func (l *Log) wroteLocked(b *batch) {
	n := int64(len(b.frames))
	l.written = Position{l.current.number, b.offset + n}
	l.live[len(l.live)-1].bytes = l.written.Offset
	l.counts.live.Add(n)
	l.counts.appended.Add(n)
	l.counts.records.Add(b.records)
	l.counts.writes.Add(1)
	b.done = true
	const keepBytesMax = 1 << 20 // more is given back
	if cap(b.frames) <= keepBytesMax && cap(l.spare) < cap(b.frames) {
		l.spare = b.frames
	}
	b.frames = nil
}

// undoLocked takes back a batch that was not written, and what was enqueued behind it: the next
// record overwrites what they left.
func (l *Log) undoLocked(b *batch, err error) {
	l.current.offset, l.promised = b.offset, b.promised
	b.done, b.err, b.frames = true, err, nil
	if next := l.batch; next != nil {
		next.done, next.err, next.frames = true, err, nil
		l.batch = nil
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

// End returns where the last record ends that was written.
func (l *Log) End() Position {
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
