package database

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/lsm/sstable"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// Maintained is a store with files that somebody may look after. ADMIN needs it; a store that is not is
// looked after elsewhere.
type Maintained interface {
	// Flush writes what memory holds of a table to files; FlushAll that of all tables.
	Flush(table mutation.TableID) error
	FlushAll() error
	// Compact merges all files of a table.
	Compact(table mutation.TableID) error
	// Statistics describes the store and its tables, FileStatistics and Encodings the files of a table.
	Statistics() lsm.Statistics
	FileStatistics(table mutation.TableID) ([]lsm.FileStatistics, error)
	Encodings(table mutation.TableID) ([]sstable.EncodingUse, error)
	// Tombstones counts what files of a table delete.
	Tombstones(table mutation.TableID) (sstable.Tombstones, error)
	// Backup makes a backup in a directory.
	Backup(dir string) (lsm.BackupInfo, error)
}

// admin carries out an ADMIN statement.
func (d *Database) admin(st *Statement, plan *planner.Admin) (*Result, error) {
	store, ok := d.store.(Maintained)
	if !ok {
		return nil, &planner.InvalidError{Message: "ADMIN is for the store on this machine: the one in use looks after its files itself"}
	}
	switch plan.Verb {
	case cql.AdminFlush:
		return d.flush(store, plan)
	case cql.AdminCompact:
		return d.compact(store, plan)
	case cql.AdminBackup:
		return backup(st, store, plan.Directory)
	}
	rows := adminRows{result: &exec.Result{Columns: st.Plan.Result}}
	if err := rows.tableStats(store, plan); err != nil {
		return nil, err
	}
	return &Result{Kind: ResultRows, Rows: rows.result}, nil
}

func (d *Database) flush(store Maintained, plan *planner.Admin) (*Result, error) {
	if plan.All {
		if err := store.FlushAll(); err != nil {
			return nil, fmt.Errorf("ADMIN FLUSH: %w", err)
		}
	}
	for _, t := range plan.Tables {
		if err := store.Flush(t.ID); err != nil {
			return nil, fmt.Errorf("ADMIN FLUSH %s: %w", t.QualifiedName(), err)
		}
	}
	if err := d.buckets.Look(); err != nil {
		return nil, fmt.Errorf("ADMIN FLUSH: sizes of buckets: %w", err)
	}
	return &Result{Kind: ResultVoid}, nil
}

func (d *Database) compact(store Maintained, plan *planner.Admin) (*Result, error) {
	for _, t := range plan.Tables {
		if err := store.Compact(t.ID); err != nil {
			return nil, fmt.Errorf("ADMIN COMPACT %s: %w", t.QualifiedName(), err)
		}
	}
	if err := d.buckets.Look(); err != nil {
		return nil, fmt.Errorf("ADMIN COMPACT: sizes of buckets: %w", err)
	}
	return &Result{Kind: ResultVoid}, nil
}

func backup(st *Statement, store Maintained, dir string) (*Result, error) {
	b, err := store.Backup(dir)
	if errors.Is(err, lsm.ErrNotEmpty) {
		return nil, &planner.InvalidError{Message: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	rows := adminRows{result: &exec.Result{Columns: st.Plan.Result}}
	rows.add(b.Directory, hex.EncodeToString(b.Store[:]), instant(b.Time.UnixMilli()), int64(b.Sequence), int64(len(b.Files)), b.Bytes(), b.Rows)
	return &Result{Kind: ResultRows, Rows: rows.result}, nil
}

// adminRows builds the answer of an ADMIN statement.
type adminRows struct{ result *exec.Result }

// instant is a timestamp in milliseconds since 1970; noInstant is null.
type instant int64

const noInstant = instant(math.MinInt64)

// add adds a row. A cell is text, a bigint, a double, a boolean, an instant, or nil for null.
func (r *adminRows) add(cells ...any) {
	for _, cell := range cells {
		var value []byte
		switch cell := cell.(type) {
		case string:
			value = append([]byte{}, cell...)
		case int64:
			value = types.AppendBigint(nil, cell)
		case float64:
			value = types.AppendDouble(nil, cell)
		case bool:
			value = types.AppendBoolean(nil, cell)
		case instant:
			if cell != noInstant {
				value = types.AppendTimestampMillis(nil, int64(cell))
			}
		}
		r.result.Rows = exec.AppendCell(r.result.Rows, value)
	}
	r.result.RowCount++
}

func (r *adminRows) tableStats(store Maintained, plan *planner.Admin) error {
	statistics := store.Statistics().Tables
	for _, t := range plan.Tables {
		var err error
		switch plan.Detail {
		case cql.AdminByColumn:
			err = r.byColumn(store, t)
		case cql.AdminByFile:
			err = r.byFile(store, t)
		default:
			i := slices.IndexFunc(statistics, func(s lsm.TableStatistics) bool { return s.Table == t.ID })
			if i >= 0 { // else it was dropped a moment ago
				err = r.byTable(store, t, &statistics[i])
			}
		}
		if err != nil {
			return fmt.Errorf("ADMIN TABLESTATS %s: %w", t.QualifiedName(), err)
		}
	}
	return nil
}

func (r *adminRows) byTable(store Maintained, t *schema.Table, s *lsm.TableStatistics) error {
	tombstones, err := store.Tombstones(t.ID)
	if err != nil {
		return err
	}
	var perRow any
	if s.FileRows > 0 {
		perRow = math.Round(1000*float64(s.FileBytes)/float64(s.FileRows)) / 1000
	}
	r.add(t.Keyspace, t.Name, int64(s.Files), s.FileBytes, s.FileRows, s.Partitions, perRow, s.MemtableRows, s.MemtableBytes,
		int64(s.Tombstones), tombstones.Sum(), fromMicros(s.MinTimestamp), fromMicros(s.MaxTimestamp))
	return nil
}

// fromMicros is a write timestamp in milliseconds; null where no data has one.
func fromMicros(micros int64) instant {
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		return noInstant
	}
	return instant(micros / 1000)
}

func (r *adminRows) byFile(store Maintained, t *schema.Table) error {
	files, err := store.FileStatistics(t.ID)
	for _, f := range files {
		i := &f.Info
		start, end, expiry := instant(i.BucketStart), instant(i.BucketEnd), noInstant
		if i.BucketStart == i.BucketEnd {
			start, end = noInstant, noInstant
		}
		if i.MaxExpiresAt != 0 && i.MaxExpiresAt != mutation.Forever {
			expiry = instant(i.MaxExpiresAt * 1000)
		}
		r.add(t.Keyspace, t.Name, f.Name, i.Bytes, i.Rows, i.Partitions, int64(f.RowGroups), start, end,
			fromMicros(i.MinTimestamp), fromMicros(i.MaxTimestamp), expiry, i.HasTombstones())
	}
	return err
}

func (r *adminRows) byColumn(store Maintained, t *schema.Table) error {
	uses, err := store.Encodings(t.ID)
	for _, u := range uses {
		r.add(t.Keyspace, t.Name, u.Role, columnOf(t, u), u.Encoding, int64(u.Chunks), u.Bytes)
	}
	return err
}

// columnOf names the column of a chunk; nil where a chunk is not of one.
func columnOf(t *schema.Table, u sstable.EncodingUse) any {
	if u.Role == "clustering" {
		if int(u.Column) < len(t.Clustering) {
			return t.Clustering[u.Column].Name
		}
		return nil
	}
	ofCells := u.Role == "values" || u.Role == "tombstones" || strings.HasPrefix(u.Role, "cell ")
	if c := t.ColumnByID(mutation.ColumnID(u.Column)); c != nil && ofCells {
		return c.Name
	}
	return nil
}
