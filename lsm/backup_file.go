package lsm

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/eskerdb/esker/internal/vfs"
)

const (
	backupName     = "BACKUP" // the file that makes a directory a backup; written last
	backupFormat   = 1        // on disk: never reuse
	backupBytesMax = 256 << 20
	backupSumMark  = "crc32c " // begins the last line
)

// ErrNoBackup means that a directory is no backup, or one that was not finished.
var ErrNoBackup = errors.New("not a finished backup")

// BackupInfo is what a backup says of itself.
type BackupInfo struct {
	Directory string
	Store     [16]byte
	Time      time.Time // when it was begun, by the clock of the store
	Sequence  uint64    // of the last record in it
	Tables    int
	Rows      int64        // versions of a row in several files count several times
	Files     []BackupFile // ascending by name
}

// BackupFile is a file of a backup.
type BackupFile struct {
	Name     string
	Bytes    int64
	Checksum uint32 // CRC-32C of the whole file
}

// Bytes returns the length of all files.
func (b *BackupInfo) Bytes() (sum int64) {
	for _, f := range b.Files {
		sum += f.Bytes
	}
	return sum
}

// backupJSON is the file BACKUP, but for its last line.
type backupJSON struct {
	Format   int              `json:"format"`
	Store    string           `json:"store"`
	Time     time.Time        `json:"time"`
	Sequence uint64           `json:"sequence"`
	Tables   int              `json:"tables"`
	Rows     int64            `json:"rows"`
	Files    []backupFileJSON `json:"files"`
}

type backupFileJSON struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Checksum string `json:"crc32c"`
}

// appendBackup appends the content of the file BACKUP.
func appendBackup(dst []byte, b *BackupInfo) ([]byte, error) {
	v := backupJSON{
		Format: backupFormat, Store: hex.EncodeToString(b.Store[:]), Time: b.Time.UTC(), Sequence: b.Sequence,
		Tables: b.Tables, Rows: b.Rows, Files: []backupFileJSON{},
	}
	for _, f := range b.Files {
		v.Files = append(v.Files, backupFileJSON{f.Name, f.Bytes, fmt.Sprintf("%08x", f.Checksum)})
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	dst = append(dst, text...)
	dst = append(dst, '\n')
	return fmt.Appendf(dst, "%s%08x\n", backupSumMark, crc32.Checksum(dst, castagnoli)), nil
}

// decodeBackup reads the content of the file BACKUP.
func decodeBackup(src []byte) (*BackupInfo, error) {
	text := strings.TrimSuffix(string(src), "\n")
	at := strings.LastIndexByte(text, '\n') + 1
	last, found := strings.CutPrefix(text[at:], backupSumMark)
	if want := fmt.Sprintf("%08x", crc32.Checksum(src[:at], castagnoli)); !found || last != want || len(text) == len(src) {
		return nil, fmt.Errorf("%w: the checksum in its last line does not fit", ErrNoBackup)
	}
	var v backupJSON
	if err := json.Unmarshal(src[:at], &v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if v.Format != backupFormat {
		return nil, fmt.Errorf("%w: backup of format %d, this program reads %d", ErrVersion, v.Format, backupFormat)
	}
	out := &BackupInfo{Time: v.Time, Sequence: v.Sequence, Tables: v.Tables, Rows: v.Rows}
	if n, err := hex.Decode(out.Store[:], []byte(v.Store[:min(len(v.Store), 32)])); err != nil || n != len(out.Store) {
		return nil, fmt.Errorf("%w: store %q", ErrCorrupt, v.Store)
	}
	for _, f := range v.Files {
		var sum [4]byte
		if n, err := hex.Decode(sum[:], []byte(f.Checksum[:min(len(f.Checksum), 8)])); err != nil || n != 4 || !isPlainName(f.Name) {
			return nil, fmt.Errorf("%w: file %q with checksum %q", ErrCorrupt, f.Name, f.Checksum)
		}
		checksum := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
		out.Files = append(out.Files, BackupFile{f.Name, f.Bytes, checksum})
	}
	return out, nil
}

// isPlainName refuses names that lead out of the backup.
func isPlainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00")
}

// writeBackupFile writes the file that makes dir a backup.
func writeBackupFile(fs vfs.FS, dir string, b *BackupInfo) error {
	text, err := appendBackup(nil, b)
	if err != nil {
		return err
	}
	f, err := fs.Create(vfs.Join(dir, backupName))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", backupName, err)
	}
	return fs.SyncDir(dir)
}

// ReadBackup returns what the backup in dir says of itself. ErrNoBackup, ErrVersion and ErrCorrupt say why
// it cannot.
func ReadBackup(files vfs.FS, dir string) (*BackupInfo, error) {
	f, err := files.Open(vfs.Join(dir, backupName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: it has no file %s", dir, ErrNoBackup, backupName)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, backupBytesMax))
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", dir, backupName, err)
	}
	b, err := decodeBackup(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", dir, backupName, err)
	}
	b.Directory = dir
	return b, nil
}

// ListBackups returns the backups that are directories in parent, or parent itself, ascending by time, and
// the directories that look like a backup and are not whole.
func ListBackups(files vfs.FS, parent string) (whole []BackupInfo, broken []error, err error) {
	if b, err := ReadBackup(files, parent); err == nil {
		return []BackupInfo{*b}, nil, nil
	}
	names, err := files.List(parent)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		dir := vfs.Join(parent, name)
		if info, err := files.Stat(dir); err != nil || !info.Dir {
			continue
		}
		switch b, err := ReadBackup(files, dir); {
		case err == nil:
			whole = append(whole, *b)
		case looksLikeBackup(files, dir):
			broken = append(broken, err)
		}
	}
	sortByTime(whole)
	return whole, broken, nil
}
