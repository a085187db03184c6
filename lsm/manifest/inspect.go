package manifest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eskerdb/esker/internal/vfs"
)

// ErrNone means that a directory has no marker: it is no data directory, or has lost its marker.
var ErrNone = errors.New("no marker of a manifest")

// Inspection is what a data directory's manifest says, read without changing anything.
type Inspection struct {
	State *State
	File  string   // name of the manifest
	Edits int      // whole ones, the snapshot among them
	Bytes int64    // up to the end of the last whole edit
	Torn  int64    // bytes behind it: an edit that a crash cut short
	Stale []string // markers and manifests that do not count; Open deletes them
}

// Inspect reads the manifest of dir and writes nothing. The error is ErrNone, ErrVersion, one of
// reading, or a *PlaceError. Names are set also with an error.
func Inspect(fs vfs.FS, dir string) (Inspection, error) {
	var in Inspection
	names, err := fs.List(dir)
	if err != nil {
		return in, fmt.Errorf("data directory %s: %w", dir, err)
	}
	markers := numbered(names, markerName)
	if len(markers) == 0 {
		return in, fmt.Errorf("data directory %s: %w", dir, ErrNone)
	}
	number := slices.Max(markers)
	for _, name := range []func(uint64) string{markerName, fileName} {
		for _, n := range numbered(names, name) {
			if n != number {
				in.Stale = append(in.Stale, name(n))
			}
		}
	}
	err = in.read(fs, dir, number)
	return in, err
}

// InspectFile is Inspect of the manifest with a number, whether a marker names it or not.
func InspectFile(fs vfs.FS, dir string, number uint64) (Inspection, error) {
	var in Inspection
	err := in.read(fs, dir, number)
	return in, err
}

func (in *Inspection) read(fs vfs.FS, dir string, number uint64) error {
	in.File = fileName(number)
	file, err := fs.Open(vfs.Join(dir, in.File))
	if err != nil {
		return fmt.Errorf("%s: %w", in.File, err)
	}
	defer file.Close()
	data, err := readAll(file)
	if err != nil {
		return fmt.Errorf("%s: %w", in.File, err)
	}
	if in.State, in.Bytes, err = decodeFile(data, number); err != nil {
		return err
	}
	in.Torn = int64(len(data)) - in.Bytes
	for offset := int64(headerBytes); offset < in.Bytes; in.Edits++ {
		body, _ := decodeFrame(data, number, offset) // whole: decodeFile has been here
		offset += int64(frameHeadBytes + len(body))
	}
	return nil
}

// IsName reports whether a file of that name is a marker or a manifest.
func IsName(name string) bool {
	return IsMarker(name) || len(numbered([]string{name}, fileName)) > 0
}

// IsMarker reports whether a file of that name is a marker.
func IsMarker(name string) bool { return len(numbered([]string{name}, markerName)) > 0 }
