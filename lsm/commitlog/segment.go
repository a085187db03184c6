package commitlog

import (
	"fmt"

	"github.com/eskerdb/esker/internal/vfs"
)

// sparesMin and sparesMax bound how many released segments are kept to be written over. Between
// them it is as many as were needed since the last release, so that a log that grows and shrinks
// with each flush makes no new files.
const (
	sparesMin = 2
	sparesMax = 16
)

// fileSet is the files of a log.
type fileSet struct {
	current    *segment   // nil before the first record
	next       *segment   // made, and not begun; nil: none
	rotated    []*segment // full, not known to be synced, oldest first
	live       []extent   // segments not released, oldest first
	spares     []uint64   // released files to be written over
	nextNumber uint64     // of the segment to be made next
	begun      int        // segments begun since the last release
	sparesGoal int        // how many to keep
	isMaking   bool       // next is being made
	madeInVain bool       // next could not be made beforehand: the rotation will tell why
	mustRotate bool       // a header may be there that says the current segment ends here
}

// segment is a segment that is open for writing.
type segment struct {
	number uint64
	file   vfs.File
	bytes  int64 // allocated
	offset int64 // where the next frame goes
}

// extent is a segment and its length.
type extent struct {
	number uint64
	bytes  int64
}

// rotateLocked begins a segment with room for a record of need bytes. Everything enqueued is written.
func (l *Log) rotateLocked(need int64) error {
	for l.isMaking {
		l.idle.Wait()
	}
	if l.current != nil && !l.mustRotate && l.current.offset+need <= l.current.bytes {
		return nil // somebody else did
	}
	if len(l.frames) > 0 || l.writing {
		return nil // likewise, and it is full again
	}
	if l.next == nil {
		s, err := l.make(l.nextNumber, l.takeSpareLocked())
		if err != nil {
			return l.refuse(fmt.Errorf("%s: %w", fileName(l.nextNumber), err))
		}
		l.next = s
		l.nextNumber++
	}
	if err := l.beginLocked(l.next, need); err != nil {
		return l.refuse(fmt.Errorf("%s: %w", fileName(l.next.number), err))
	}
	if l.current != nil {
		l.rotated = append(l.rotated, l.current)
	}
	l.current, l.next = l.next, nil
	l.promised = Position{} // said again in each segment: an older one may be released, or damaged
	l.mustRotate, l.madeInVain = false, false
	l.begun++
	l.live = append(l.live, extent{l.current.number, headerBytes})
	l.counts.live.Add(headerBytes)
	return nil
}

// beginLocked writes the header of s and makes it large enough.
func (l *Log) beginLocked(s *segment, need int64) error {
	if bytes := headerBytes + need; bytes > s.bytes {
		if err := s.file.Preallocate(0, bytes); err != nil {
			return err
		}
		s.bytes = bytes
	}
	// Even if the write fails the header may be there. Nothing may go behind the place it names but
	// what follows in s.
	l.mustRotate = true
	h := header{number: s.number, previous: l.written.Segment, previousEnd: l.written.Offset}
	if _, err := s.file.WriteAt(appendHeader(nil, h), 0); err != nil {
		return err
	}
	s.offset = headerBytes
	return nil
}

// takeSpareLocked returns a released file to be written over; 0: there is none.
func (l *Log) takeSpareLocked() uint64 {
	n := len(l.spares)
	if n == 0 {
		return 0
	}
	spare := l.spares[n-1]
	l.spares = l.spares[:n-1]
	return spare
}

// make allocates the file of a segment, from a spare unless that is 0. Its name is durable, and
// so is that it has no header yet: after a crash it is a file without meaning.
func (l *Log) make(number, spare uint64) (*segment, error) {
	s := &segment{number: number, bytes: l.opts.SegmentBytes}
	err := l.open(s, spare)
	if err == nil {
		// A reserved place cannot be refused later: want of space shows here.
		err = s.file.Preallocate(0, s.bytes)
	}
	if err == nil {
		// Without this the file may be missing after a crash although its content was synced.
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		if s.file != nil {
			_ = s.file.Close() // the error before says more
		}
		_ = l.fs.Remove(l.path(number)) // a segment that was not begun does not count
		return nil, err
	}
	return s, nil
}

func (l *Log) open(s *segment, spare uint64) (err error) {
	if spare == 0 {
		s.file, err = l.fs.Create(l.path(s.number))
		return err
	}
	if err := l.fs.Rename(l.path(spare), l.path(s.number)); err != nil {
		return err
	}
	s.file, err = l.fs.OpenReadWrite(l.path(s.number))
	return err
}

// prepareLocked begins to make the next segment once half of the current one is full.
func (l *Log) prepareLocked() {
	if !l.opts.Prepare || l.next != nil || l.isMaking || l.madeInVain || l.current.offset < l.current.bytes/2 {
		return
	}
	l.isMaking = true
	number, spare := l.nextNumber, l.takeSpareLocked()
	l.making.Go(func() {
		s, err := l.make(number, spare)
		if err == nil && spare == 0 {
			err = fill(s)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.isMaking = false
		if s != nil {
			l.next = s
			l.nextNumber++
		}
		if l.madeInVain = err != nil; l.madeInVain {
			_ = l.refuse(fmt.Errorf("%s: %w", fileName(number), err)) // kept if it is final; want of space shows again
		}
		l.idle.Broadcast()
	})
}

// fill writes zeros all over a new segment. A sync of what is written into reserved space for the first
// time must also write that the space is in use, and takes twice as long.
func fill(s *segment) error {
	zeros := make([]byte, min(s.bytes, 1<<20))
	for at := int64(0); at < s.bytes; at += int64(len(zeros)) {
		if _, err := s.file.WriteAt(zeros[:min(int64(len(zeros)), s.bytes-at)], at); err != nil {
			return err
		}
	}
	return s.file.Sync()
}

// Release gives up the segments below before. Nothing in them may be needed, and the
// manifest must say so durably. Segments that are not synced yet stay until a later call.
func (l *Log) Release(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usableLocked(); err != nil {
		return err
	}
	if len(l.live) > 0 && l.live[0].number < before {
		l.sparesGoal = min(max(l.begun, l.sparesGoal*3/4, sparesMin), sparesMax)
		l.begun = 0
	}
	for len(l.live) > 0 && l.live[0].number < before && !l.writableLocked(l.live[0].number) {
		gone := l.live[0]
		l.live = l.live[1:]
		l.counts.live.Add(-gone.bytes)
		if err := l.retireLocked(gone.number); err != nil {
			return err
		}
	}
	for len(l.spares) > l.sparesGoal {
		if err := l.remove(l.takeSpareLocked()); err != nil {
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
	if len(l.spares) < l.sparesGoal {
		if info, err := l.fs.Stat(l.path(number)); err == nil && info.Size == l.opts.SegmentBytes {
			l.spares = append(l.spares, number)
			return nil
		}
	}
	return l.remove(number)
}

func (l *Log) remove(number uint64) error {
	if err := l.fs.Remove(l.path(number)); err != nil {
		return fmt.Errorf("%s: %w", fileName(number), err)
	}
	return nil
}

// Close syncs what was written, promises it, and closes the files. A log that has failed
// is closed without.
func (l *Log) Close() error {
	if l.closing.Swap(true) {
		return nil
	}
	l.stopPeriodic()
	l.making.Wait()
	err := l.drain()
	if err == nil {
		err = l.Sync()
	}
	l.making.Wait() // a segment may have been begun in between
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.current != nil {
		err = l.promiseLocked()
	}
	for _, s := range append(l.rotated, l.current, l.next) {
		if s != nil {
			_ = s.file.Close() // synced above, or failed and reported, or empty
		}
	}
	if err == nil {
		l.discardLocked()
	}
	return err
}

// drain ends enqueueing, and writes what was enqueued.
func (l *Log) drain() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for err == nil && (l.writing || len(l.frames) > 0) {
		if err = l.syncs.failure(); err == nil {
			err = l.advanceLocked()
		}
	}
	return err
}

// discardLocked removes what nothing is in: a closed log takes no more space than it needs. What stays is
// removed by the next open.
func (l *Log) discardLocked() {
	if l.next != nil {
		_ = l.remove(l.next.number)
	}
	for _, n := range l.spares {
		_ = l.remove(n)
	}
}

// promiseLocked ends an orderly closed log with a sync offset, so that damage to its last
// records is told from a torn tail.
func (l *Log) promiseLocked() error {
	s := l.current
	buf := appendSync(nil, l.written)
	if !l.promised.Less(l.written) || s.offset+int64(len(buf)) > s.bytes {
		return nil
	}
	sealFrames(buf, Position{s.number, s.offset})
	if _, err := s.file.WriteAt(buf, s.offset); err != nil && !vfs.IsFull(err) {
		return fmt.Errorf("%s: offset %d: %w", fileName(s.number), s.offset, err)
	}
	if err := s.file.SyncData(); err != nil {
		return fmt.Errorf("%s: sync: %w", fileName(s.number), err)
	}
	return nil
}

func (l *Log) path(number uint64) string { return vfs.Join(l.dir, fileName(number)) }

func fileName(number uint64) string { return fmt.Sprintf("commitlog-%016d.log", number) }
