package lsm

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/mutation"
)

// Backup makes a backup in dir, which must not be there or be empty: everything acknowledged before the call
// and whole records only, as of one moment, while writes and compactions go on. Table files are linked where
// the file system can, else copied. It flushes first, so it needs a store that can write. After an error
// nothing of it is left.
func (s *Store) Backup(dir string) (BackupInfo, error) {
	s.jobs.backup.Lock() // two into one directory would find it empty
	defer s.jobs.backup.Unlock()
	made, err := makeEmpty(s.opts.FS, dir)
	if err != nil {
		return BackupInfo{}, fmt.Errorf("backup %s: %w", dir, err)
	}
	info, err := s.backup(dir)
	if err != nil {
		removeMade(s.opts.FS, dir, made)
		return BackupInfo{}, fmt.Errorf("backup %s: %w", dir, classify(err))
	}
	return info, nil
}

func (s *Store) backup(dir string) (BackupInfo, error) {
	fs := s.opts.FS
	info := BackupInfo{Directory: dir, Time: s.opts.Clock.Now()}
	f, err := s.freeze()
	if err != nil {
		return info, err
	}
	info.Store, info.Sequence, info.Tables = f.state.Store, f.state.Sequence, len(f.state.Tables)
	err = f.transfer(fs, dir)
	f.unref()
	if err != nil {
		return info, err
	}
	name, err := manifest.Write(fs, dir, f.state)
	if err != nil {
		return info, err
	}
	names := []string{name}
	for _, listed := range f.state.Files {
		names = append(names, tableFileName(listed.Number))
		info.Rows += listed.Rows
	}
	slices.Sort(names)
	for _, name := range names {
		if s.jobs.closed() {
			return info, ErrClosed
		}
		sum, err := sumOf(fs, vfs.Join(dir, name))
		if err != nil {
			return info, fmt.Errorf("%s: %w", name, err)
		}
		sum.Name = name
		info.Files = append(info.Files, sum)
	}
	// Before the file that says that they are there.
	if err := fs.SyncDir(dir); err != nil {
		return info, err
	}
	return info, writeBackupFile(fs, dir, &info)
}

// frozen is the store at one moment: files that hold all records up to it and nothing later.
type frozen struct {
	files []*file
	state *manifest.State
}

func (f *frozen) unref() {
	for _, file := range f.files {
		file.unref()
	}
}

// freeze flushes all tables as of one moment and keeps the files. Memtables are let go of, so that a long
// backup does not hold them.
func (s *Store) freeze() (*frozen, error) {
	s.jobs.flush.Lock() // and so nobody changes the schema, truncates, or moves later rows into files
	defer s.jobs.flush.Unlock()
	if err := s.writable(); err != nil {
		return nil, err
	}
	sealed, sequence := s.sealAll()
	for id, memories := range sealed {
		for _, m := range memories {
			if err := s.flushMemory(id, m); err != nil {
				return nil, s.writeFailed(fmt.Errorf("flush: %w", err))
			}
		}
	}
	s.wakeCompactor()
	v, _ := s.acquire()
	defer v.unref()
	out := &frozen{state: s.manifest.State().Alone()}
	out.state.Sequence = max(out.state.Sequence, sequence)
	for id, t := range v.tables {
		for _, f := range listed(t.table, t.files) {
			f.Table = id
			out.state.Files[f.Number] = f
		}
		for _, f := range t.files {
			f.refs.Add(1)
			out.files = append(out.files, f)
		}
	}
	return out, nil
}

// sealAll seals the memtables of all tables between the same two records, and returns those that wait to be
// flushed and the sequence of the first of the two.
func (s *Store) sealAll() (sealed map[mutation.TableID][]*memory, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables := maps.Clone(s.current.tables)
	sealed = make(map[mutation.TableID][]*memory)
	for id, t := range tables {
		if t.active.firstSegment != 0 {
			next := *t
			next.sealLocked()
			tables[id] = &next
		}
		sealed[id] = tables[id].sealed
	}
	s.installLocked(tables)
	return sealed, s.lastSequence
}

// transfer links or copies the files into dir.
func (f *frozen) transfer(fs vfs.FS, dir string) error {
	for _, file := range f.files {
		if err := linkOrCopy(fs, file.path, vfs.Join(dir, tableFileName(file.number))); err != nil {
			return fmt.Errorf("%s: %w", tableFileName(file.number), err)
		}
	}
	return nil
}

// makeEmpty makes a directory, or finds that it is empty but for a lock. made says that it was not there.
func makeEmpty(fs vfs.FS, dir string) (made bool, err error) {
	if names, err := fs.List(dir); err == nil {
		for _, name := range names {
			if name != lockName {
				return false, fmt.Errorf("%w: it holds %s", ErrNotEmpty, name)
			}
		}
		return false, nil
	}
	parents, err := missingParents(fs, dir)
	if err != nil {
		return false, err
	}
	if err := fs.MkdirAll(dir); err != nil {
		return false, err
	}
	for _, parent := range parents {
		if err := fs.SyncDir(parent); err != nil {
			return true, err
		}
	}
	return true, nil
}

// missingDepthMax is how many directories above a new one may be missing.
const missingDepthMax = 64

// missingParents returns the directories in which making dir makes an entry.
func missingParents(files vfs.FS, dir string) (parents []string, err error) {
	for d := dir; len(parents) < missingDepthMax; d = parents[len(parents)-1] {
		_, err := files.Stat(d)
		if err == nil {
			return parents, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		parents = append(parents, vfs.Join(d, ".."))
	}
	return nil, fmt.Errorf("more than %d directories above it are missing", missingDepthMax)
}

// removeMade removes what was put into a directory that was empty, and the directory if it was made. What
// cannot be removed stays: without its last file it counts for nothing.
func removeMade(fs vfs.FS, dir string, made bool) {
	if made {
		_ = fs.RemoveAll(dir) // see above
		return
	}
	names, _ := fs.List(dir) // likewise
	for _, name := range names {
		if name != lockName {
			_ = fs.Remove(vfs.Join(dir, name)) // likewise
		}
	}
}

// linkOrCopy makes a file that is never changed appear under another name too: as the same file where the
// file system can, as a synced copy where it cannot.
func linkOrCopy(fs vfs.FS, from, to string) error {
	if err := fs.Link(from, to); err == nil {
		return nil
	}
	return copySynced(fs, from, to)
}

func copySynced(fs vfs.FS, from, to string) error {
	in, err := fs.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := fs.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(out, in, make([]byte, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf reads a whole file. The name is left to the caller.
func sumOf(fs vfs.FS, path string) (BackupFile, error) {
	var out BackupFile
	f, err := fs.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close()
	hash := crc32.New(castagnoli)
	out.Bytes, err = io.CopyBuffer(hash, f, make([]byte, 1<<20))
	out.Checksum = hash.Sum32()
	return out, err
}
