package lsm

import (
	"errors"
	"fmt"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
)

// Errors of a store, for errors.Is. What is returned names the object, the place and the cause.
var (
	// ErrReadOnly means that a write or sync failed earlier. What is on the disk is unknown,
	// so nothing is written any more; reads go on. Opening the store again recovers what was
	// acknowledged.
	ErrReadOnly = errors.New("store is read-only")
	// ErrOverloaded means that memtables fill faster than they are flushed. The write was
	// not done; it may be tried again.
	ErrOverloaded = errors.New("overloaded")
	// ErrDiskFull means that there was no space for the write. It was not done; it may be
	// tried again once there is space.
	ErrDiskFull = vfs.ErrDiskFull
	// ErrUncertain means that there was no space to log what was written. The store goes on trying: it may be durable and visible
	// later, or lost if the store is closed or stops before.
	ErrUncertain = errors.New("the write is not durable yet, and may not become so")
	// ErrCorrupt means that a file lacks what was synced to it.
	ErrCorrupt = errors.New("corrupt")
	// ErrInUse means that another process has the data directory open.
	ErrInUse = errors.New("data directory is in use")
	// ErrVersion means that the data directory has a format this program does not know, or
	// is not one of esker.
	ErrVersion = errors.New("data directory of another version")
	// ErrTooLarge means that a group of mutations does not fit one record of the log.
	ErrTooLarge = errors.New("write too large")
	// ErrUnknownTable means that a mutation or read names a table that is not there, as after
	// a DROP in between.
	ErrUnknownTable = errors.New("unknown table")
	// ErrNotEmpty means that a directory that is to be filled holds something.
	ErrNotEmpty = errors.New("the directory is not empty")
	// ErrClosed means that the store is closed.
	ErrClosed = errors.New("store is closed")
)

// kinds says what the errors of the parts mean to users of the store.
var kinds = []struct{ of, is error }{
	{sstable.ErrVersion, ErrVersion},
	{commitlog.ErrCorrupt, ErrCorrupt},
	{commitlog.ErrVersion, ErrVersion},
	{commitlog.ErrTooLarge, ErrTooLarge},
	{commitlog.ErrFailed, ErrReadOnly},
	{commitlog.ErrUnwritten, ErrUncertain},
	{commitlog.ErrClosed, ErrClosed},
	{manifest.ErrCorrupt, ErrCorrupt},
	{manifest.ErrVersion, ErrVersion},
	{manifest.ErrForeign, ErrVersion},
	{manifest.ErrFailed, ErrReadOnly},
}

// classify adds the kind of err that this package exports.
func classify(err error) error {
	if errors.Is(err, ErrReadOnly) {
		return err
	}
	if vfs.IsFull(err) && !errors.Is(err, ErrDiskFull) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	for _, k := range kinds {
		if errors.Is(err, k.of) && !errors.Is(err, k.is) {
			return fmt.Errorf("%w: %w", k.is, err)
		}
	}
	return err
}

// corrupt marks errors that say that a table file does not hold what was written.
func corrupt(err error) error {
	var broken *sstable.CorruptError
	if errors.As(err, &broken) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
