package manifest

import (
	"fmt"

	"github.com/eskerdb/esker/internal/vfs"
)

// FirstNumber is the number of the manifest that Write writes.
const FirstNumber = 1

// Alone returns a copy of s without files, and without a commit log: for files that hold everything.
func (s *State) Alone() *State {
	c := s.clone()
	c.Files, c.LogStart, c.LogSynced = make(map[uint64]File), 1, Place{}
	return c
}

// Write writes a manifest that says s into dir and syncs it, and returns its name. It counts only once Mark
// has made its marker.
func Write(fs vfs.FS, dir string, s *State) (name string, err error) {
	m := &Manifest{fs: fs, dir: dir, state: s}
	name = fileName(FirstNumber)
	file, _, err := m.writeSnapshot(FirstNumber)
	if err != nil {
		return name, fmt.Errorf("%s: %w", name, err)
	}
	return name, file.Close()
}

// Mark makes the marker of the manifest that Write wrote: from here on dir is a data directory.
func Mark(fs vfs.FS, dir string) error {
	m := &Manifest{fs: fs, dir: dir}
	marker, err := m.writeSynced(markerName(FirstNumber), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", markerName(FirstNumber), err)
	}
	return marker.Close()
}
