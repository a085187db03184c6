package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// pageBytes is the unit in which unsynced data may survive a power failure.
const pageBytes = 4096

// Mem is a tree of files in memory that remembers what was synced. Make one with NewMem.
type Mem struct {
	mu     sync.Mutex
	dirs   map[string]bool     // guarded by mu; they are durable at once
	live   map[string]*memNode // guarded by mu; as a running program sees them
	synced map[string]*memNode // guarded by mu; the entries that SyncDir made durable
	locks  map[string]bool     // guarded by mu
}

// memNode is the content of a file; several names may lead to it.
type memNode struct {
	mu     sync.Mutex
	data   []byte // guarded by mu
	synced []byte // guarded by mu; as of the last Sync
	dirty  span   // guarded by mu; where data may differ from synced, besides in length
}

// NewMem is an empty tree with a root directory.
func NewMem() *Mem {
	return &Mem{dirs: map[string]bool{"/": true, ".": true}, live: map[string]*memNode{}, synced: map[string]*memNode{}, locks: map[string]bool{}}
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (m *Mem) hasDir(dir string) bool { return m.dirs[dir] }

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasDir(filepath.Dir(name)) {
		return nil, pathError("create", name, fs.ErrNotExist)
	}
	n := m.live[name]
	if n == nil {
		n = &memNode{}
		m.live[name] = n
	}
	n.mu.Lock()
	n.data = nil
	n.mu.Unlock()
	return &memFile{node: n, name: name, writable: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.live[name]
	if n == nil {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	return &memFile{node: n, name: name, writable: writable}, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[name] == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	delete(m.live, name)
	return nil
}

// RemoveAll implements FS. Like all of a directory's being there, its going is durable at once.
func (m *Mem) RemoveAll(name string) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	inside := func(p string) bool { return p == name || strings.HasPrefix(p, name+"/") }
	maps.DeleteFunc(m.live, func(p string, _ *memNode) bool { return inside(p) })
	maps.DeleteFunc(m.synced, func(p string, _ *memNode) bool { return inside(p) && p != name })
	maps.DeleteFunc(m.dirs, func(p string, _ bool) bool { return inside(p) })
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.live[from]
	if n == nil {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if !m.hasDir(filepath.Dir(to)) {
		return pathError("rename", to, fs.ErrNotExist)
	}
	delete(m.live, from)
	m.live[to] = n
	return nil
}

// Link implements FS.
func (m *Mem) Link(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.live[from]
	if n == nil {
		return pathError("link", from, fs.ErrNotExist)
	}
	if !m.hasDir(filepath.Dir(to)) {
		return pathError("link", to, fs.ErrNotExist)
	}
	if m.live[to] != nil {
		return pathError("link", to, fs.ErrExist)
	}
	m.live[to] = n
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = filepath.Clean(dir); !m.dirs[dir]; dir = filepath.Dir(dir) {
		m.dirs[dir] = true
	}
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasDir(dir) {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	var out []string
	for p := range m.live {
		if filepath.Dir(p) == dir {
			out = append(out, filepath.Base(p))
		}
	}
	for p := range m.dirs {
		if p != dir && filepath.Dir(p) == dir {
			out = append(out, filepath.Base(p))
		}
	}
	sort.Strings(out)
	return out, nil
}

// Stat implements FS. Files in memory have no time.
func (m *Mem) Stat(name string) (FileInfo, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hasDir(name) {
		return FileInfo{Dir: true}, nil
	}
	n := m.live[name]
	if n == nil {
		return FileInfo{}, pathError("stat", name, fs.ErrNotExist)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return FileInfo{Size: int64(len(n.data))}, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasDir(dir) {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	maps.DeleteFunc(m.synced, func(p string, _ *memNode) bool { return filepath.Dir(p) == dir })
	for p, n := range m.live {
		if filepath.Dir(p) == dir {
			m.synced[p] = n
		}
	}
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, &LockedError{Name: name, PID: strconv.Itoa(os.Getpid())}
	}
	m.locks[name] = true
	return memLock{m, name}, nil
}

type memLock struct {
	m    *Mem
	name string
}

func (l memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

// Free implements FS: there is always room.
func (m *Mem) Free(string) (uint64, error) { return 1 << 40, nil }

// span is a range of bytes.
type span struct{ from, to int }

func (s *span) add(from, to int) {
	if s.from == s.to {
		*s = span{from, to}
		return
	}
	s.from, s.to = min(s.from, from), max(s.to, to)
}

// sync makes the bytes durable. Only what was written since is copied: a commit log is synced often and long.
func (n *memNode) sync() {
	if len(n.synced) > len(n.data) {
		n.synced = n.synced[:len(n.data)]
	}
	n.synced = append(n.synced, n.data[len(n.synced):]...)
	if to := min(n.dirty.to, len(n.data)); n.dirty.from < to {
		copy(n.synced[n.dirty.from:to], n.data[n.dirty.from:to])
	}
	n.dirty = span{}
}

// memFile is an open file of a Mem.
type memFile struct {
	node     *memNode
	name     string
	writable bool

	mu     sync.Mutex
	offset int64 // guarded by mu; of Read and Write
	closed bool  // guarded by mu
}

func (f *memFile) check(op string, write bool) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathError(op, f.name, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	n, err := f.node.readAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	err := f.check("read", false)
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.node.readAt(p, off)
}

func (n *memNode) readAt(p []byte, off int64) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if off < 0 {
		return 0, fmt.Errorf("offset %d: %w", off, fs.ErrInvalid)
	}
	if off >= int64(len(n.data)) {
		return 0, io.EOF
	}
	c := copy(p, n.data[off:])
	if c < len(p) {
		return c, io.EOF
	}
	return c, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	f.node.writeAt(p, f.offset)
	f.offset += int64(len(p))
	return len(p), nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	f.node.writeAt(p, off)
	return len(p), nil
}

func (n *memNode) writeAt(p []byte, off int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if end := off + int64(len(p)); end > int64(len(n.data)) {
		n.dirty.add(len(n.data), int(end))
		n.data = append(n.data, make([]byte, end-int64(len(n.data)))...)
	}
	copy(n.data[off:], p)
	n.dirty.add(int(off), int(off)+len(p))
}

func (f *memFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	f.node.sync()
	return nil
}

func (f *memFile) SyncData() error { return f.Sync() }

// Preallocate makes the file long enough, as fallocate does.
func (f *memFile) Preallocate(off, length int64) error {
	size, err := f.Size()
	if err != nil || size >= off+length {
		return err
	}
	return f.Truncate(off + length)
}

func (f *memFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return pathError("truncate", f.name, fs.ErrInvalid)
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	f.node.dirty.add(min(int(size), len(f.node.data)), max(int(size), len(f.node.data)))
	if size <= int64(len(f.node.data)) {
		f.node.data = f.node.data[:size:size]
	} else {
		f.node.data = append(f.node.data, make([]byte, size-int64(len(f.node.data)))...)
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
