package ingest

import (
	"sync"
)

// tracker puts finished chunks back into the order of the files, so that what is acknowledged is always a beginning.
type tracker struct {
	errorsMax limit
	free      chan<- *chunk // gets chunks that are done; has room for all

	mu       sync.Mutex
	next     int64            // guarded by mu; number of the first chunk that is not done
	done     map[int64]*chunk // guarded by mu; those after next that are
	bad      *badFiles        // guarded by mu
	progress progress         // guarded by mu
	err      error            // guarded by mu; why nothing more is taken
}

// progress is how far a load is. All counts are over all runs of the load.
type progress struct {
	rows     int64 // stored
	rejected int64
	raw      int64 // bytes of stored files that are done
	text     int64 // bytes of decoded text that are done
}

func newTracker(errorsMax limit, bad *badFiles, free chan<- *chunk) *tracker {
	return &tracker{errorsMax: errorsMax, free: free, done: map[int64]*chunk{}, bad: bad}
}

// finish takes a chunk whose rows are all stored or rejected. An error ends the load.
func (t *tracker) finish(c *chunk) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[c.number] = c
	for {
		first, ok := t.done[t.next]
		if !ok || t.err != nil {
			return t.err
		}
		if t.err = t.takeLocked(first); t.err != nil {
			return t.err
		}
		delete(t.done, t.next)
		t.next++
		t.free <- first
	}
}

func (t *tracker) takeLocked(c *chunk) error {
	if err := t.bad.write(c.file.path, c.rejects); err != nil {
		return err
	}
	t.progress.rows += c.end.Rows
	t.progress.rejected += int64(len(c.rejects))
	t.progress.raw += c.raw
	t.progress.text += int64(len(c.text))
	c.file.acked.Bytes = c.end.Bytes
	c.file.acked.Lines = c.end.Lines
	c.file.acked.Rows += c.end.Rows
	if t.errorsMax.exceeded(t.progress.rejected, t.progress.rejected+t.progress.rows, false) {
		return ErrTooManyErrors
	}
	return nil
}

func (t *tracker) now() progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.progress
}

// checkpoint notes in c how far the load is.
func (t *tracker) checkpoint(c *checkpoint, inputs []*input) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.bad.sync(); err != nil {
		return err
	}
	c.Rejected = t.progress.rejected
	c.RecordsBytes, c.ReasonsBytes = t.bad.recordsBytes, t.bad.reasonsBytes
	c.Files = c.Files[:0]
	for _, in := range inputs {
		c.Files = append(c.Files, checkpointFile{Path: in.path, Size: in.size, Modified: in.modified, Acked: in.acked})
	}
	return nil
}
