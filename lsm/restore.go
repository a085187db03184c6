package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/manifest"
)

func sortByTime(backups []BackupInfo) {
	slices.SortFunc(backups, func(a, b BackupInfo) int { return a.Time.Compare(b.Time) })
}

// looksLikeBackup reports whether dir holds what a backup holds, and no store does.
func looksLikeBackup(files vfs.FS, dir string) bool {
	names, err := files.List(dir)
	if err != nil {
		return false
	}
	store := slices.ContainsFunc(names, manifest.IsMarker)
	return !store && slices.ContainsFunc(names, func(name string) bool {
		_, isTable := tableFileNumber(name)
		return isTable || name == backupName || manifest.IsName(name)
	})
}

// VerifyBackup reads all of the backup in o.Dir and reports what is not as it was written, as Check does.
func VerifyBackup(o CheckOptions) (*BackupInfo, CheckSummary, error) {
	c := &checker{CheckOptions: o, known: make(map[string]bool)}
	b, err := ReadBackup(o.FS, o.Dir)
	if err != nil {
		return nil, c.sum, err
	}
	for _, f := range b.Files {
		if what := compareFile(o.FS, o.Dir, f); what != "" {
			c.report(Damage{f.Name, -1, what})
			c.known[f.Name] = true
		}
	}
	in, err := manifest.InspectFile(o.FS, o.Dir, manifest.FirstNumber)
	if errors.Is(err, manifest.ErrVersion) {
		return b, c.sum, classify(err)
	}
	if err != nil {
		if !c.known[in.File] {
			c.damage(in.File, err)
		}
		return b, c.sum, nil
	}
	if err := c.contents(in); err != nil {
		return b, c.sum, err
	}
	for number := range c.state.Files {
		if name := tableFileName(number); !slices.ContainsFunc(b.Files, func(f BackupFile) bool { return f.Name == name }) {
			c.report(Damage{backupName, -1, fmt.Sprintf("does not list %s, which the manifest lists", name)})
		}
	}
	return b, c.sum, c.leftovers(backupName)
}

// compareFile says how a file differs from what BACKUP says of it; empty: it does not.
func compareFile(files vfs.FS, dir string, f BackupFile) string {
	sum, err := sumOf(files, vfs.Join(dir, f.Name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing: the backup lists it"
	case err != nil:
		return err.Error()
	case sum.Bytes != f.Bytes:
		return fmt.Sprintf("has %d bytes, the backup lists %d", sum.Bytes, f.Bytes)
	case sum.Checksum != f.Checksum:
		return fmt.Sprintf("checksum %08x, the backup lists %08x", sum.Checksum, f.Checksum)
	}
	return ""
}

// RestoreBackup makes a data directory of the backup in backup. dir must not be there or be empty. The backup is only
// read; its files are linked where the file system can, else copied, and compared with its checksums. A
// restore that was cut short leaves a directory that does not open.
func RestoreBackup(files vfs.FS, backup, dir string) (*BackupInfo, error) {
	b, err := ReadBackup(files, backup)
	if err != nil {
		return nil, err
	}
	made, err := makeEmpty(files, dir)
	if err != nil {
		return nil, fmt.Errorf("restore into %s: %w", dir, err)
	}
	lock, err := files.Lock(vfs.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("restore into %s: %w", dir, err)
	}
	err = restore(files, b, dir)
	if err != nil {
		removeMade(files, dir, made)
		err = fmt.Errorf("restore into %s: %w", dir, classify(err))
	}
	return b, errors.Join(err, lock.Close())
}

func restore(files vfs.FS, b *BackupInfo, dir string) error {
	for _, f := range b.Files {
		transfer := linkOrCopy
		if _, isTable := tableFileNumber(f.Name); !isTable {
			transfer = copySynced // the store will write to it
		}
		if err := transfer(files, vfs.Join(b.Directory, f.Name), vfs.Join(dir, f.Name)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if what := compareFile(files, dir, f); what != "" {
			return fmt.Errorf("%w: %s: %s", ErrCorrupt, f.Name, what)
		}
	}
	if err := files.SyncDir(dir); err != nil {
		return err
	}
	return manifest.Mark(files, dir)
}
