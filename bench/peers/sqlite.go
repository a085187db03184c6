package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/eskerdb/esker/bench"
)

// sqliteStore is SQLite: a table without row ids, so that it lies in the order of its key.
type sqliteStore struct{ sqlStore }

func openSQLite(ctx context.Context, _ *config, w *bench.Workload, dir string) (store, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "readings.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &sqliteStore{sqlStore{db: db, work: w, file: dir}}
	s.texts.settle = []string{"PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"}
	_, err = db.ExecContext(ctx, fmt.Sprintf("CREATE TABLE readings (%s, PRIMARY KEY (device, ts)) WITHOUT ROWID", sqlColumns(w)))
	if err = errors.Join(err, s.prepareReads(ctx, "/")); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// load writes a transaction for each group of rows.
func (s *sqliteStore) load(ctx context.Context) error {
	text := "INSERT INTO readings VALUES (?, ?" + strings.Repeat(", ?", len(s.work.Columns)) + ")"
	insert, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer insert.Close()
	var tx *sql.Tx
	var inTx *sql.Stmt
	var values []any
	rows := 0
	err = merged(ctx, s.work, 0, s.work.Devices, func(device int, r *bench.Reading) error {
		if tx == nil {
			var err error
			if tx, err = s.db.BeginTx(ctx, nil); err != nil {
				return err
			}
			inTx = tx.StmtContext(ctx, insert)
		}
		values = s.values(values[:0], device, r)
		if _, err := inTx.ExecContext(ctx, values...); err != nil {
			return err
		}
		if rows++; rows%groupRows != 0 {
			return nil
		}
		committed := tx
		tx = nil
		return committed.Commit()
	})
	if tx != nil {
		err = errors.Join(err, tx.Commit())
	}
	return err
}
