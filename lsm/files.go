package lsm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// commitFiles commits an edit that adds files.
func (s *Store) commitFiles(edit *manifest.Edit, added []*file) error {
	err := s.manifest.Commit(edit)
	if errors.Is(err, manifest.ErrFailed) {
		// Nobody knows whether the edit is on the disk. If it is, the files are needed; if not,
		// the next open removes them.
		closeFiles(added)
		return err
	}
	if err != nil {
		s.discard(added)
	}
	return err
}

// discard removes files that were not committed.
func (s *Store) discard(files []*file) {
	closeFiles(files)
	for _, f := range files {
		_ = s.opts.FS.Remove(f.path) // if it stays, the next open removes it
	}
}

// closeFiles closes files that nobody refers to.
func closeFiles(files []*file) {
	for _, f := range files {
		_ = f.reader.Close() // opened for reading only
	}
}

// openFile opens a table file. Nobody holds a reference yet.
func (s *Store) openFile(number uint64, table *mutation.Table) (*file, error) {
	f := &file{number: number, run: number, path: vfs.Join(s.opts.Dir, tableFileName(number)), fs: s.opts.FS}
	reader, err := sstable.Open(s.opts.FS, f.path, table, s.cache)
	if err != nil {
		return nil, corrupt(err)
	}
	f.reader, f.info = reader, reader.Info()
	return f, nil
}

// openListed opens a file that the manifest lists. That it is there was synced first, so
// anything else is corruption.
func (s *Store) openListed(listed manifest.File, table *mutation.Table) (*file, error) {
	f, err := s.openFile(listed.Number, table)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is listed in the manifest and is not there", ErrCorrupt, tableFileName(listed.Number))
	}
	if err != nil {
		return nil, fmt.Errorf("listed in the manifest: %w", corrupt(err))
	}
	if f.info.Table != listed.Table || f.info.Bytes != listed.Bytes || f.info.Rows != listed.Rows {
		_ = f.reader.Close() // opened for reading only
		return nil, fmt.Errorf("%w: %s is not the file that the manifest lists", ErrCorrupt, tableFileName(listed.Number))
	}
	f.run, f.written, f.final, f.split = cmp.Or(listed.Run, f.number), listed.WrittenSec, listed.Final, listed.Split
	return f, nil
}

// listed describes files as the manifest keeps them.
func listed(table *mutation.Table, files []*file) []manifest.File {
	var out []manifest.File
	for _, f := range files {
		out = append(out, manifest.File{
			Table: table.ID, Number: f.number, Bytes: f.info.Bytes, Rows: f.info.Rows, Partitions: f.info.Partitions,
			Run: f.run, WrittenSec: f.written, Final: f.final, Split: f.split,
		})
	}
	return out
}

// everything is the slice of all rows.
var everything = clustering.All()

// memorySource reads a sealed memtable for a table, which may have been altered since.
type memorySource struct {
	*memory
	table *mutation.Table
}

// rowsAlone is a run of which only rows can be had: its columns are others, and do not tell which rows lived by one
// that was dropped.
type rowsAlone struct{ mutation.Run }

// Batches implements mutation.Run.
func (rowsAlone) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

// Blocks implements mutation.Run.
func (rowsAlone) Blocks() mutation.BlockSource { return nil }

// Keys implements compaction.Source.
func (m memorySource) Keys() (mutation.KeyIterator, error) {
	return m.memory.Keys(partition.Range{}, math.MaxUint64), nil
}

// Partition implements compaction.Source.
func (m memorySource) Partition(key *partition.DecoratedKey) (*mutation.Side, []mutation.Run, error) {
	p := m.memory.Partition(*key, math.MaxUint64)
	if p == nil {
		return nil, nil, errors.New("memtable lost a partition")
	}
	runs := p.Runs()
	if !slices.Equal(m.Table().Columns, m.table.Columns) {
		for i := range runs {
			runs[i] = rowsAlone{runs[i]}
		}
	}
	return p.Side(), runs, nil
}

// fileSource reads a file for a merge.
type fileSource struct {
	*file
	run [1]mutation.Run
}

// Keys implements compaction.Source.
func (f *fileSource) Keys() (mutation.KeyIterator, error) {
	return f.reader.Keys(partition.Range{}), nil
}

// Partition implements compaction.Source.
func (f *fileSource) Partition(key *partition.DecoratedKey) (*mutation.Side, []mutation.Run, error) {
	p, err := f.reader.Partition(*key)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, errors.New("file lost a partition")
	}
	if f.run[0] = p.Run(); f.run[0] == nil {
		return p.Side(), nil, nil
	}
	return p.Side(), f.run[:], nil
}
