// Package vfs is the one door to files: the operating system's, files in memory that can be cloned
// as a power failure would leave them, and files that fail on demand.
//
// It knows names, bytes and syncs. It does not know what is in the files.
package vfs

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"
	"time"
)

// FS is a tree of files. Errors wrap those of package io/fs. Its methods may be called from several goroutines.
type FS interface {
	// Create makes an empty file for reading and writing; one that is there is emptied.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	Remove(name string) error
	RemoveAll(name string) error
	Rename(from, to string) error
	Link(from, to string) error
	MkdirAll(dir string) error
	// List is the names in a directory, sorted.
	List(dir string) ([]string, error)
	Stat(name string) (FileInfo, error)
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(dir string) error
	// Lock takes a lock that ends with the process; the file holds the process id. The error of a lock
	// that is taken is *LockedError.
	Lock(name string) (io.Closer, error)
	// Free is how many bytes may still be written in the file system that holds dir.
	Free(dir string) (uint64, error)
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	// Sync makes the file's bytes and size durable.
	Sync() error
	// SyncData is Sync without what reading does not need (fdatasync).
	SyncData() error
	// Preallocate reserves space; where that is not supported it does nothing.
	Preallocate(off, length int64) error
	Truncate(size int64) error
	Size() (int64, error)
}

// FileInfo is what Stat tells.
type FileInfo struct {
	Size    int64
	ModTime time.Time
	Dir     bool
}

// ErrDiskFull is how packages name an error that IsFull, so that each of them need not say it again.
var ErrDiskFull = errors.New("disk full")

// IsFull reports whether an operation failed for want of space, or of the quota of a user. It may succeed
// once there is space again.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrDiskFull)
}

// LockedError says that another process holds a lock.
type LockedError struct {
	Name string
	PID  string // of the holder, as far as its file tells; may be empty
}

func (e *LockedError) Error() string {
	if e.PID == "" {
		return e.Name + ": locked by another process"
	}
	return e.Name + ": locked by process " + e.PID
}

// Join joins elements of a path.
func Join(elements ...string) string { return filepath.Join(elements...) }
