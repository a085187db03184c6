// Package manifest keeps the list of what makes up a store: table files, tables, flushed
// epochs, the schema as opaque bytes. It is a log of edits; the format is docs/formats/manifest.md.
//
// It knows that an edit is synced before it counts. It does not know what is in a table
// file, nor the commit log beyond the number where it starts.
package manifest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/internal/vfs"
)

// Errors of a manifest; wrapped with file and offset.
var (
	// ErrCorrupt means that a manifest lacks what it was synced with.
	ErrCorrupt = errors.New("corrupt manifest")
	// ErrVersion means that the data directory has a format this program does not know.
	ErrVersion = errors.New("unknown version of the data directory")
	// ErrForeign means that a directory holds something else than a store.
	ErrForeign = errors.New("not a data directory of esker")
	// ErrDiskFull means that an edit was refused for want of space. It does not count, and
	// the next one may succeed.
	ErrDiskFull = vfs.ErrDiskFull
	// ErrFailed means that a write or sync failed earlier; nothing is written any more.
	ErrFailed = errors.New("manifest failed")
)

// PlaceError says where in a manifest something is wrong.
type PlaceError struct {
	File   string // its name in the data directory
	Offset int64  // bytes from its beginning
	Cause  error
}

// Error returns file, place and cause.
func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s: offset %d: %v", e.File, e.Offset, e.Cause)
}

// Unwrap returns the cause.
func (e *PlaceError) Unwrap() error { return e.Cause }

// rotateBytes is the size at which a manifest is replaced by one with a snapshot.
const rotateBytes = 16 << 20

// Options of a manifest.
type Options struct {
	NewStore    func() [16]byte // identity for a directory that is created
	Ignore      []string        // names that do not make an empty directory a foreign one
	RotateBytes int64           // default 16 MiB
}

// Manifest is an open manifest. Its methods may be called from several goroutines.
type Manifest struct {
	fs   vfs.FS
	dir  string
	opts Options

	mu     sync.Mutex  // held while writing and syncing
	file   vfs.File    // guarded by mu
	number uint64      // guarded by mu
	offset int64       // where the next frame goes; guarded by mu
	state  *State      // replaced whole; guarded by mu
	err    error       // of the first failure; guarded by mu
	failed atomic.Bool // there is one
}

// Open reads the manifest of dir, or begins a store in it if it is empty. dir exists.
func Open(fs vfs.FS, dir string, opts Options) (*Manifest, error) {
	if opts.RotateBytes == 0 {
		opts.RotateBytes = rotateBytes
	}
	m := &Manifest{fs: fs, dir: dir, opts: opts}
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	markers, manifests := numbered(names, markerName), numbered(names, fileName)
	if len(markers) == 0 {
		if err := m.checkEmpty(names, manifests); err != nil {
			return nil, err
		}
		m.state = newState(opts.NewStore())
		m.number = slices.Max(append(manifests, 0))
		if err := m.rotateLocked(); err != nil {
			return nil, err
		}
		return m, m.cleanLocked()
	}
	m.number = slices.Max(markers)
	if err := m.load(); err != nil {
		return nil, err
	}
	return m, m.cleanLocked()
}

// checkEmpty refuses a directory without a marker that holds anything but manifests that
// were not finished.
func (m *Manifest) checkEmpty(names []string, manifests []uint64) error {
	for _, name := range names {
		if slices.Contains(m.opts.Ignore, name) {
			continue
		}
		if !slices.ContainsFunc(manifests, func(n uint64) bool { return fileName(n) == name }) {
			return fmt.Errorf("%s: has no marker of a manifest, but holds %s: %w", m.dir, name, ErrForeign)
		}
	}
	return nil
}

// load reads the manifest that the highest marker names and opens it for appending.
func (m *Manifest) load() error {
	name := fileName(m.number)
	file, err := m.fs.OpenReadWrite(vfs.Join(m.dir, name))
	if err != nil {
		return fmt.Errorf("%s, named by its marker: %w: %w", name, ErrCorrupt, err)
	}
	m.file = file
	data, err := readAll(file)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	} else {
		m.state, m.offset, err = decodeFile(data, m.number)
	}
	if err == nil {
		// What was read may be in the page cache of a killed process only; the next frame
		// must not reach the disk before it.
		if err = file.Sync(); err != nil {
			err = fmt.Errorf("%s: sync: %w", name, err)
		}
	}
	if err != nil {
		_ = file.Close() // the error before says more
		return err
	}
	return nil
}

func readAll(file vfs.File) ([]byte, error) {
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := file.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// State returns the current state. It is never changed.
func (m *Manifest) State() *State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Failure returns why the manifest has failed, or nil.
func (m *Manifest) Failure() error {
	if !m.failed.Load() {
		return nil // every write asks, and must not wait for a Commit under way
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Commit appends e and syncs it. After ErrDiskFull e does not count. After ErrFailed nothing
// can be committed any more, and e may count or not when the manifest is opened again: what it
// adds and what it removes must both stay.
func (m *Manifest) Commit(e *Edit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	next := m.state.clone()
	if err := next.apply(e); err != nil {
		return err
	}
	frame, err := appendFrame(nil, m.number, m.offset, AppendEdit(nil, e))
	if err != nil {
		return err
	}
	if _, err := m.file.WriteAt(frame, m.offset); err != nil {
		return m.refuseLocked(err)
	}
	if err := m.file.Sync(); err != nil {
		return m.failLocked(fmt.Errorf("%s: sync: %w", fileName(m.number), err))
	}
	m.offset += int64(len(frame))
	m.state = next
	if m.offset >= m.opts.RotateBytes {
		return m.replaceLocked()
	}
	return nil
}

// refuseLocked says why a write failed. Want of space may pass; the next frame then
// overwrites what was left of this one.
func (m *Manifest) refuseLocked(err error) error {
	err = fmt.Errorf("%s: offset %d: %w", fileName(m.number), m.offset, err)
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return m.failLocked(err)
}

func (m *Manifest) failLocked(cause error) error {
	m.err = fmt.Errorf("%w: %w", ErrFailed, cause)
	m.failed.Store(true)
	return m.err
}

// replaceLocked goes over to a new manifest. Without space for one the old one goes on.
func (m *Manifest) replaceLocked() error {
	old := m.file
	err := m.rotateLocked()
	if errors.Is(err, ErrDiskFull) {
		return nil
	}
	if err != nil {
		return m.failLocked(err)
	}
	_ = old.Close() // synced, and no longer of use
	return m.cleanLocked()
}

// rotateLocked writes a manifest with a snapshot of the state and marks it as the one
// that counts. After ErrDiskFull the old one still does.
func (m *Manifest) rotateLocked() error {
	number := m.number + 1
	file, size, err := m.writeSnapshot(number)
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %s: %w", ErrDiskFull, fileName(number), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", fileName(number), err)
	}
	// From here on a failure is final: the marker might be found after a crash, and edits
	// added to the old manifest since then would be lost.
	marker, err := m.writeSynced(markerName(number), nil)
	if err == nil {
		err = marker.Close()
	}
	if err != nil {
		_ = file.Close() // the error before says more
		return fmt.Errorf("%s: %w", markerName(number), err)
	}
	m.file, m.number, m.offset = file, number, size
	return nil
}

// writeSnapshot writes a manifest of the state, and returns the file and its length.
func (m *Manifest) writeSnapshot(number uint64) (vfs.File, int64, error) {
	frame, err := appendFrame(nil, number, headerBytes, AppendEdit(nil, m.state.snapshot()))
	if err != nil {
		return nil, 0, err
	}
	data := append(appendHeader(nil, m.state.Store), frame...)
	file, err := m.writeSynced(fileName(number), data)
	return file, int64(len(data)), err
}

// writeSynced creates a file that is there after a crash. On an error it is removed.
func (m *Manifest) writeSynced(name string, data []byte) (vfs.File, error) {
	path := vfs.Join(m.dir, name)
	file, err := m.fs.Create(path)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		_, err = file.WriteAt(data, 0)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = m.fs.SyncDir(m.dir)
	}
	if err != nil {
		_ = file.Close()      // the error before says more
		_ = m.fs.Remove(path) // likewise
		return nil, err
	}
	return file, nil
}

// cleanLocked deletes markers and manifests that do not count.
func (m *Manifest) cleanLocked() error {
	names, err := m.fs.List(m.dir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", m.dir, err)
	}
	for _, name := range []func(uint64) string{markerName, fileName} {
		for _, n := range numbered(names, name) {
			if n == m.number {
				continue
			}
			if err := m.fs.Remove(vfs.Join(m.dir, name(n))); err != nil {
				return fmt.Errorf("%s: %w", name(n), err)
			}
		}
	}
	return nil
}

// Close closes the file, after one more edit: that the log is synced up to a place; the zero place: without.
// Behind what was committed there is then a whole edit, so that damage to it is told from an edit that a
// crash cut short.
func (m *Manifest) Close(logSynced Place) error {
	var err error
	if logSynced != (Place{}) {
		err = m.Commit(&Edit{LogSynced: logSynced})
	}
	if errors.Is(err, ErrDiskFull) || errors.Is(err, ErrFailed) {
		err = nil // what was committed is there without it; a failure was reported to whom it concerned
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = fmt.Errorf("%w: closed", ErrFailed)
		m.failed.Store(true)
	}
	return errors.Join(err, m.file.Close())
}

func fileName(n uint64) string   { return fmt.Sprintf("manifest-%016d", n) }
func markerName(n uint64) string { return fmt.Sprintf("marker-%016d", n) }

// numbered returns the numbers n for which name(n) is among names.
func numbered(names []string, name func(uint64) string) []uint64 {
	var out []uint64
	for _, s := range names {
		var n uint64
		prefix := name(0)[:len(name(0))-16]
		if len(s) < len(prefix)+16 || s[:len(prefix)] != prefix {
			continue
		}
		if _, err := fmt.Sscanf(s[len(prefix):], "%d", &n); err == nil && n > 0 && name(n) == s {
			out = append(out, n)
		}
	}
	return out
}
