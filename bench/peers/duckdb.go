//go:build cgo

package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/eskerdb/esker/bench"
)

// appenderRows is how many rows the appender makes durable at a time: a row group of DuckDB.
const appenderRows = 122_880

// duckStore is DuckDB, loaded through its appender.
type duckStore struct{ sqlStore }

func openDuckDB(ctx context.Context, _ *config, w *bench.Workload, dir string) (store, error) {
	connector, err := duckdb.NewConnector(filepath.Join(dir, "readings.db"), nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	s := &duckStore{sqlStore{db: db, work: w, file: dir}}
	s.texts.settle = []string{"CHECKPOINT"}
	_, err = db.ExecContext(ctx, fmt.Sprintf("CREATE TABLE readings (%s)", sqlColumns(w)))
	if err = errors.Join(err, s.prepareReads(ctx, "//")); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *duckStore) load(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		appender, err := duckdb.NewAppenderFromConn(c.(driver.Conn), "", "readings")
		if err != nil {
			return err
		}
		var values []any
		row := make([]driver.Value, 2+len(s.work.Columns))
		rows := 0
		err = merged(ctx, s.work, 0, s.work.Devices, func(device int, r *bench.Reading) error {
			values = s.values(values[:0], device, r)
			for i, v := range values {
				row[i] = v
			}
			if err := appender.AppendRow(row...); err != nil {
				return err
			}
			if rows++; rows%appenderRows != 0 {
				return nil
			}
			return appender.Flush()
		})
		return errors.Join(err, appender.Close())
	})
}
