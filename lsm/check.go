package lsm

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"syscall"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/commitlog"
	"github.com/eskerdb/esker/lsm/manifest"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
)

// CheckOptions say what to check.
type CheckOptions struct {
	FS     vfs.FS             // required
	Dir    string             // data directory of a store that nobody has open
	Schema func([]byte) error // whether the schema of the layers above can be read; nil: it is not asked
	Report func(Damage)       // required; called for each damage as it is found
}

// Damage is something that is not as it was written.
type Damage struct {
	File   string // name in the data directory
	Offset int64  // bytes from the beginning of the file; -1: the file as a whole
	What   string
}

// String returns file, place and what is wrong, in one line.
func (d Damage) String() string {
	if d.Offset < 0 {
		return d.File + ": " + d.What
	}
	return fmt.Sprintf("%s: offset %d: %s", d.File, d.Offset, d.What)
}

// CheckSummary is what was checked.
type CheckSummary struct {
	Store         [16]byte
	Tables        int
	Files         int // table files that are listed
	FileBytes     int64
	RowGroups     int64
	Partitions    int64 // a partition in several files counts several times
	Rows          int64 // likewise
	ManifestEdits int
	LogSegments   int
	LogRecords    int64
	LogBytes      int64
	Unflushed     int64    // parts of log records that are in no table file yet
	Damages       int      // reported
	Orphans       []string // files left over from a crash: harmless, the next start deletes them
	Unknown       []string // files that are not of a store, and left alone
}

// Check reads everything in the data directory of a store that is not open, and reports what is not as it
// was written. It goes on behind a damage as far as it can and changes nothing; only the file LOCK gets the
// process id while it runs. The error says why nothing could be checked: ErrInUse, ErrVersion, or one of
// reading. What a crash leaves, a torn end of the log or of the manifest, is no damage.
func Check(o CheckOptions) (CheckSummary, error) {
	c := &checker{CheckOptions: o}
	// Before the lock, which makes its file: a directory of something else stays as it is.
	if _, err := manifest.Inspect(o.FS, o.Dir); errors.Is(err, manifest.ErrNone) {
		return c.sum, c.withoutMarker()
	}
	lock, err := c.takeLock()
	if err != nil {
		return c.sum, err
	}
	defer lock.Close()
	err = c.run()
	return c.sum, err
}

// checker checks one data directory.
type checker struct {
	CheckOptions
	state   *manifest.State
	missing int             // listed files that are not there
	known   map[string]bool // files of which damage has been reported
	sum     CheckSummary
}

// noLock stands for a lock that nobody can hold.
type noLock struct{}

func (noLock) Close() error { return nil }

// takeLock keeps a store from being opened meanwhile. Where nothing can be written nobody can have it open.
func (c *checker) takeLock() (io.Closer, error) {
	lock, err := c.FS.Lock(vfs.Join(c.Dir, lockName))
	var locked *vfs.LockedError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	case errors.Is(err, syscall.EROFS):
		return noLock{}, nil
	case err != nil:
		return nil, fmt.Errorf("data directory %s: %w", c.Dir, err)
	}
	return lock, nil
}

func (c *checker) run() error {
	in, err := manifest.Inspect(c.FS, c.Dir)
	if in.File == "" || errors.Is(err, manifest.ErrVersion) {
		return classify(err)
	}
	if err != nil {
		c.damage(in.File, err)
		return nil // it alone says what the other files are
	}
	if err := c.contents(in); err != nil {
		return err
	}
	if err := c.log(); err != nil {
		return err
	}
	if err := c.leftovers(); err != nil {
		return err
	}
	if c.missing > 0 && (in.Torn > 0 || c.hasNewer()) {
		c.report(Damage{in.File, in.Bytes, "ends too early: it lists files that are gone, and lacks what came after them"})
	}
	return nil
}

// contents checks the schema and the table files that a manifest lists.
func (c *checker) contents(in manifest.Inspection) error {
	c.state = in.State
	c.sum.Store, c.sum.Tables, c.sum.ManifestEdits, c.sum.Orphans = in.State.Store, len(in.State.Tables), in.Edits, in.Stale
	if c.Schema != nil && in.State.Schema != nil {
		if err := c.Schema(in.State.Schema); err != nil {
			c.report(Damage{in.File, -1, fmt.Sprintf("schema: %v", err)})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(in.State.Files)) {
		if err := c.tableFile(in.State.Files[number]); err != nil {
			return err
		}
	}
	return nil
}

// hasNewer reports whether there are table files that the manifest should know, by their numbers.
func (c *checker) hasNewer() bool {
	return slices.ContainsFunc(c.sum.Orphans, func(name string) bool {
		n, ok := tableFileNumber(name)
		return ok && n >= c.state.NextFile
	})
}

// withoutMarker tells a store that has lost its marker from a directory of something else.
func (c *checker) withoutMarker() error {
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.Dir, err)
	}
	if slices.Contains(names, backupName) {
		return fmt.Errorf("%w: %s: it is a backup: esker backup verify checks it", ErrVersion, c.Dir)
	}
	for _, name := range names {
		if _, ok := tableFileNumber(name); ok || commitlog.IsName(name) {
			c.report(Damage{"marker-*", -1, "missing: nothing says which manifest counts"})
			return nil
		}
	}
	return fmt.Errorf("%w: %s: no marker of a manifest", ErrVersion, c.Dir)
}

func (c *checker) report(d Damage) {
	c.sum.Damages++
	c.Report(d)
}

// damage reports an error found in a file, with the place that the error knows.
func (c *checker) damage(file string, err error) {
	var table *sstable.CorruptError
	var log *commitlog.PlaceError
	var list *manifest.PlaceError
	switch {
	case errors.As(err, &table):
		d := Damage{path.Base(table.File), table.Offset, table.What}
		if table.Cause != nil {
			d.What += ": " + table.Cause.Error()
		}
		c.report(d)
	case errors.As(err, &log):
		c.report(Damage{log.File, log.Offset, log.Cause.Error()})
	case errors.As(err, &list):
		c.report(Damage{list.File, list.Offset, list.Cause.Error()})
	default:
		c.report(Damage{file, -1, err.Error()})
	}
}

// log checks every frame and record of the commit log, and that what is not in files can be replayed.
func (c *checker) log() error {
	r := logChecker{checker: c, epochs: make(map[mutation.TableID]uint64)}
	in, err := commitlog.Inspect(c.FS, c.Dir, c.state.LogStart, commitlog.Position(c.state.LogSynced), r.record)
	if errors.Is(err, commitlog.ErrVersion) {
		return classify(err)
	}
	if err != nil {
		c.damage("commit log", err)
	}
	c.sum.LogSegments, c.sum.LogRecords, c.sum.LogBytes = in.Segments, in.Records, in.Bytes
	c.sum.Orphans = append(c.sum.Orphans, in.Stale...)
	return nil
}

// logChecker checks the records of a log, in order.
type logChecker struct {
	*checker
	last    uint64 // sequence of the record before
	epochs  map[mutation.TableID]uint64
	decoder mutation.Decoder
}

func (r *logChecker) record(_ commitlog.Position, record *commitlog.Record) error {
	if record.Sequence <= r.last {
		return fmt.Errorf("record %d behind record %d: %w", record.Sequence, r.last, commitlog.ErrCorrupt)
	}
	r.last = record.Sequence
	for i := range record.Parts {
		p := &record.Parts[i]
		t, found := r.state.Tables[p.Table]
		if !found {
			continue // of a table that was dropped
		}
		if p.Epoch < r.epochs[p.Table] {
			return fmt.Errorf("record %d: table %s: epoch %d behind %d: %w",
				record.Sequence, t.Name, p.Epoch, r.epochs[p.Table], commitlog.ErrCorrupt)
		}
		r.epochs[p.Table] = p.Epoch
		if p.Epoch > r.state.Epochs[p.Table] {
			r.sum.Unflushed++
		}
		r.decoder.Reset(p.Payload, p.Table)
		for {
			m, err := r.decoder.Next()
			if err != nil {
				return fmt.Errorf("record %d: table %s: %w", record.Sequence, t.Name, err)
			}
			if m == nil {
				break
			}
		}
	}
	return nil
}

// leftovers names the files that the manifest does not list.
func (c *checker) leftovers(known ...string) error {
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.Dir, err)
	}
	for _, name := range names {
		number, isTable := tableFileNumber(name)
		_, listed := c.state.Files[number]
		switch {
		case isTable && !listed:
			c.sum.Orphans = append(c.sum.Orphans, name)
		case !isTable && name != lockName && !slices.Contains(known, name) && !manifest.IsName(name) && !commitlog.IsName(name):
			c.sum.Unknown = append(c.sum.Unknown, name)
		}
	}
	slices.Sort(c.sum.Orphans)
	return nil
}
