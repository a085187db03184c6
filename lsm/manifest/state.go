package manifest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eskerdb/esker/mutation"
)

// State is what the edits of a manifest add up to.
type State struct {
	Store    [16]byte // identity of the data directory
	Tables   map[mutation.TableID]mutation.Table
	Files    map[uint64]File
	Epochs   map[mutation.TableID]uint64 // flushed epochs
	Schema   []byte
	LogStart uint64
	NextFile uint64
	Sequence uint64
	// LogSynced is a place up to which the commit log was synced, if its segment is not below LogStart.
	LogSynced Place
}

func newState(store [16]byte) *State {
	return &State{
		Store:    store,
		Tables:   make(map[mutation.TableID]mutation.Table),
		Files:    make(map[uint64]File),
		Epochs:   make(map[mutation.TableID]uint64),
		LogStart: 1,
		NextFile: 1,
	}
}

// clone copies s; byte slices and column lists are shared and never changed.
func (s *State) clone() *State {
	c := *s
	c.Tables, c.Files, c.Epochs = maps.Clone(s.Tables), maps.Clone(s.Files), maps.Clone(s.Epochs)
	return &c
}

// FilesOf returns the files of a table, ascending by number.
func (s *State) FilesOf(table mutation.TableID) []File {
	var out []File
	for _, n := range slices.Sorted(maps.Keys(s.Files)) {
		if f := s.Files[n]; f.Table == table {
			out = append(out, f)
		}
	}
	return out
}

// apply changes s by e, or returns ErrCorrupt where e does not fit s.
func (s *State) apply(e *Edit) error {
	for _, id := range e.RemovedTables {
		delete(s.Tables, id)
		delete(s.Epochs, id)
		maps.DeleteFunc(s.Files, func(_ uint64, f File) bool { return f.Table == id })
	}
	for _, t := range e.Tables {
		s.Tables[t.ID] = t
	}
	for _, n := range e.RemovedFiles {
		if _, found := s.Files[n]; !found {
			return fmt.Errorf("edit removes file %d, which is not listed: %w", n, ErrCorrupt)
		}
		delete(s.Files, n)
	}
	for _, f := range e.AddedFiles {
		if _, found := s.Files[f.Number]; found {
			return fmt.Errorf("edit adds file %d twice: %w", f.Number, ErrCorrupt)
		}
		if _, found := s.Tables[f.Table]; !found {
			return fmt.Errorf("edit adds file %d of table %x, which is not there: %w", f.Number, f.Table, ErrCorrupt)
		}
		s.Files[f.Number] = f
		s.NextFile = max(s.NextFile, f.Number+1)
	}
	for _, p := range e.Epochs {
		if _, found := s.Tables[p.Table]; !found {
			return fmt.Errorf("edit flushes table %x, which is not there: %w", p.Table, ErrCorrupt)
		}
		s.Epochs[p.Table] = max(s.Epochs[p.Table], p.Epoch)
	}
	if e.Schema != nil {
		s.Schema = e.Schema
	}
	s.LogStart = max(s.LogStart, e.LogStart)
	s.NextFile = max(s.NextFile, e.NextFile)
	s.Sequence = max(s.Sequence, e.Sequence)
	if s.LogSynced.Less(e.LogSynced) {
		s.LogSynced = e.LogSynced
	}
	return nil
}

// snapshot returns the edit that leads from nothing to s.
func (s *State) snapshot() *Edit {
	e := &Edit{Schema: s.Schema, LogStart: s.LogStart, NextFile: s.NextFile, Sequence: s.Sequence, LogSynced: s.LogSynced}
	byID := func(a, b mutation.TableID) int { return slices.Compare(a[:], b[:]) }
	for _, id := range slices.SortedFunc(maps.Keys(s.Tables), byID) {
		e.Tables = append(e.Tables, s.Tables[id])
	}
	for _, n := range slices.Sorted(maps.Keys(s.Files)) {
		e.AddedFiles = append(e.AddedFiles, s.Files[n])
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.Epochs), byID) {
		e.Epochs = append(e.Epochs, Epoch{id, s.Epochs[id]})
	}
	return e
}
