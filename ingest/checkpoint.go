package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkpointVersion is the version of the file; another one is refused.
const checkpointVersion = 1

// checkpoint is from where an interrupted load goes on. It is stored as JSON.
type checkpoint struct {
	Version      int              `json:"version"`
	Table        string           `json:"table"`
	Settings     string           `json:"settings"`  // hash of the options that decide what a record becomes
	Timestamp    int64            `json:"timestamp"` // of the writes, in microseconds
	Rejected     int64            `json:"rejected"`
	RecordsBytes int64            `json:"bad_bytes"` // of <table>.bad
	ReasonsBytes int64            `json:"err_bytes"` // of <table>.err
	Files        []checkpointFile `json:"files"`
}

type checkpointFile struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970
	Acked    place  `json:"acknowledged"`
}

// settingsOf hashes the options that decide what a record becomes.
func settingsOf(o Options) string {
	text, err := json.Marshal(struct {
		Format    Format
		Columns   Columns
		Timestamp int64
		TTL       int
	}{o.Format, o.Columns, o.Sending.Timestamp, o.Sending.TTL})
	if err != nil {
		panic(err) // the structs hold nothing that JSON cannot
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// readCheckpoint returns nil if there is none.
func readCheckpoint(path string) (*checkpoint, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &checkpoint{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if c.Version != checkpointVersion {
		return nil, fmt.Errorf("checkpoint %s: version %d is not known", path, c.Version)
	}
	return c, nil
}

// write replaces the file at path as a whole.
func (c *checkpoint) write(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return nil
}

// fits says why the load of inputs cannot go on from c.
func (c *checkpoint) fits(path, table, settings string, inputs []*input) error {
	const beginAnew = "finish that load first, or remove the checkpoint to begin anew"
	if c.Table != table {
		return fmt.Errorf("checkpoint %s is of a load into %s: %s", path, c.Table, beginAnew)
	}
	if len(c.Files) != len(inputs) {
		return fmt.Errorf("checkpoint %s is of a load of %d files, not %d: %s", path, len(c.Files), len(inputs), beginAnew)
	}
	for i, in := range inputs {
		f := c.Files[i]
		if f.Path != in.path {
			return fmt.Errorf("checkpoint %s is of a load of other files (%s, not %s): %s", path, f.Path, in.path, beginAnew)
		}
		if f.Size != in.size || f.Modified != in.modified {
			return fmt.Errorf("%s has changed since the load began: remove the checkpoint %s to load it anew", in.path, path)
		}
	}
	if c.Settings != settings {
		return fmt.Errorf("checkpoint %s is of a load with other options: %s", path, beginAnew)
	}
	return nil
}

// hasProgress tells whether anything was acknowledged.
func (c *checkpoint) hasProgress() bool {
	for _, f := range c.Files {
		if f.Acked != (place{}) {
			return true
		}
	}
	return false
}
