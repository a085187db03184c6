package ingest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// badFiles keep the rejected records as they were, and where and why they were rejected. The files are made with the
// first reject.
type badFiles struct {
	records, reasons         *os.File // nil before the first reject
	recordsPath, reasonsPath string
	recordsBytes             int64
	reasonsBytes             int64
}

// newBadFiles names the files <table>.bad and <table>.err in dir.
func newBadFiles(dir, table string) *badFiles {
	return &badFiles{recordsPath: filepath.Join(dir, table+".bad"), reasonsPath: filepath.Join(dir, table+".err")}
}

// refuseInputs makes sure that no file that is loaded is written over.
func (b *badFiles) refuseInputs(inputs []*input) error {
	for _, path := range []string{b.recordsPath, b.reasonsPath} {
		at, err := os.Stat(path)
		if err != nil {
			continue // not there, so it is none of the inputs
		}
		for _, in := range inputs {
			if other, err := os.Stat(in.path); err == nil && os.SameFile(at, other) {
				return fmt.Errorf("%s: is where rejected records are written: rename it, or choose another folder for those", in.path)
			}
		}
	}
	return nil
}

// write adds rejects of the file at path in the order of their lines.
func (b *badFiles) write(path string, rejects []reject) error {
	if len(rejects) == 0 {
		return nil
	}
	if b.records == nil {
		if err := b.open(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(rejects, func(x, y reject) int { return x.line - y.line })
	var records, reasons []byte
	for _, r := range rejects {
		records = append(records, r.record...)
		if n := len(r.record); n == 0 || r.record[n-1] != '\n' {
			records = append(records, '\n')
		}
		reasons = fmt.Appendf(reasons, "%s:%d: %s: %s\n", path, r.line, r.column, strings.ReplaceAll(r.reason, "\n", " "))
	}
	n, err := b.records.Write(records)
	b.recordsBytes += int64(n)
	if err != nil {
		return err
	}
	n, err = b.reasons.Write(reasons)
	b.reasonsBytes += int64(n)
	return err
}

// open opens the files and cuts what an earlier run wrote after its last checkpoint; without one, everything.
func (b *badFiles) open() (err error) {
	if b.records, err = openCut(b.recordsPath, b.recordsBytes); err != nil {
		return err
	}
	b.reasons, err = openCut(b.reasonsPath, b.reasonsBytes)
	return err
}

func openCut(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return nil, err
	}
	if _, err := f.Seek(size, 0); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sync makes durable what a checkpoint is going to count.
func (b *badFiles) sync() error {
	if b.records == nil {
		return nil
	}
	return errors.Join(b.records.Sync(), b.reasons.Sync())
}

func (b *badFiles) close() error {
	if b.records == nil {
		return nil
	}
	return errors.Join(b.records.Close(), b.reasons.Close())
}
