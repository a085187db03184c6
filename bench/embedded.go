package bench

import (
	"errors"
	"fmt"
	"os"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// measured is a report of sections, each measured within the memory that the options allow.
func (o Options) measured(measures ...func(*Options) (*Section, error)) (*Report, error) {
	o = o.withDefaults()
	report := o.report()
	limit := memory.Divide(o.Memory)
	defer limit.Govern()()
	for _, measure := range measures {
		s, err := measure(&o)
		if err != nil {
			return nil, err
		}
		report.Sections = append(report.Sections, *s)
	}
	return report, nil
}

// embedded is a database in this process, on files of its own: statements, but no connections.
type embedded struct {
	store *lsm.Store
	db    *database.Database
	dir   string
	tick  func(tick int) // told by load of each tick of the first writer; nil: nobody is
}

// openEmbedded opens an empty database below dir.
func openEmbedded(dir string, c clock.Clock, memoryBytes int64) (*embedded, error) {
	at, err := os.MkdirTemp(dir, "esker-bench-")
	if err != nil {
		return nil, err
	}
	budget := memory.Divide(memoryBytes)
	store, err := lsm.Open(lsm.Options{
		FS: vfs.OS, Dir: at, Clock: c,
		MemoryBytesMax: budget.Memtables, MemtableBytes: budget.Memtables / 2, CacheBytes: budget.Blocks, MergeBytes: budget.Compaction,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(at))
	}
	db, err := database.Open(database.Options{Store: database.Local{Store: store}, Clock: c, Rollups: jobs.Limits{Wall: clock.System{}}})
	if err != nil {
		return nil, errors.Join(err, store.Close(), os.RemoveAll(at))
	}
	e := &embedded{store: store, db: db, dir: at}
	if err := e.do("CREATE KEYSPACE " + Keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *embedded) close() error { return errors.Join(e.db.Close(), os.RemoveAll(e.dir)) }

// do carries out statements without values.
func (e *embedded) do(texts ...string) error {
	for _, text := range texts {
		if _, err := e.query(text); err != nil {
			return err
		}
	}
	return nil
}

// query carries out a statement without values.
func (e *embedded) query(text string) (*database.Result, error) {
	st, err := e.db.Parse("", text)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", text, err)
	}
	out, err := e.db.Execute(st, database.Request{})
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", text, err)
	}
	return out, nil
}

// number is the one cell of an answer that has one, a bigint.
func (e *embedded) number(text string) (int64, error) {
	out, err := e.query(text)
	if err != nil {
		return 0, err
	}
	if out.Rows == nil || out.Rows.RowCount != 1 || len(out.Rows.Rows) < 4 {
		return 0, fmt.Errorf("bench: %s: not one row", text)
	}
	return types.DecodeInt64(out.Rows.Rows[4:]), nil
}

// bytesValue is a bound value.
func bytesValue(b []byte) planner.Value { return planner.Value{Bytes: b} }

// timestampValue is a bound timestamp.
func timestampValue(ms int64) planner.Value { return bytesValue(types.AppendBigint(nil, ms)) }
