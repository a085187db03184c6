package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/eskerdb/esker/bench"
)

// sqlStore asks a database through database/sql. Times are milliseconds in a column ts.
type sqlStore struct {
	db    *sql.DB
	work  *bench.Workload
	file  string
	texts sqlTexts
}

// sqlTexts are the statements; they differ little between databases.
type sqlTexts struct {
	settle []string
	hour   *sql.Stmt
	last   *sql.Stmt
	hourly *sql.Stmt
	rollup string
}

// sqlColumns are the columns of the table with types, which all databases here read as CQL does.
func sqlColumns(w *bench.Workload) string {
	var b strings.Builder
	b.WriteString("device TEXT, ts BIGINT")
	for _, c := range w.Columns {
		fmt.Fprintf(&b, ", %s %s", c.Name, c.Kind.CQLType())
	}
	return b.String()
}

// prepareReads prepares the statements that are timed; divide is how the database divides integers.
func (s *sqlStore) prepareReads(ctx context.Context, divide string) error {
	column := s.work.Columns[0].Name
	hour := fmt.Sprintf("(ts - %d) %s %d", s.work.Start, divide, hourMillis)
	values := fmt.Sprintf("avg(%[1]s), min(%[1]s), max(%[1]s)", column)
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.texts.hour, "SELECT * FROM readings WHERE device = ? AND ts >= ? AND ts < ?"},
		{&s.texts.last, "SELECT * FROM readings WHERE device = ? ORDER BY ts DESC LIMIT 1"},
		{&s.texts.hourly, "SELECT " + hour + " AS h, " + values + " FROM readings WHERE device = ? AND ts >= ? AND ts < ? GROUP BY h ORDER BY h"},
	} {
		var err error
		if *p.to, err = s.db.PrepareContext(ctx, p.text); err != nil {
			return fmt.Errorf("%s: %w", p.text, err)
		}
	}
	s.texts.rollup = "SELECT device, " + hour + " AS h, " + values + " FROM readings GROUP BY device, h"
	return nil
}

// values are the arguments of an INSERT of a reading.
func (s *sqlStore) values(dst []any, device int, r *bench.Reading) []any {
	dst = append(dst, s.work.Names[device], r.Millis)
	for i, c := range s.work.Columns {
		switch {
		case !r.Has(i):
			dst = append(dst, nil)
		case c.Kind == bench.Double:
			dst = append(dst, r.Double(i))
		case c.Kind == bench.Float:
			dst = append(dst, r.Float(i))
		case c.Kind == bench.Int:
			dst = append(dst, r.Int(i))
		case c.Kind == bench.Bool:
			dst = append(dst, r.Bool(i))
		default:
			dst = append(dst, r.Text(i))
		}
	}
	return dst
}

func (s *sqlStore) settle(ctx context.Context) error {
	for _, text := range s.texts.settle {
		if _, err := s.db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

func (s *sqlStore) bytes() (int64, error) { return filesBytes(s.file) }

// each reads all rows of an answer: device, time and the first column of the workload go to fn.
func (s *sqlStore) each(rows *sql.Rows, fn func(millis int64, value float64)) error {
	defer rows.Close()
	columns := make([]any, 2+len(s.work.Columns))
	var device string
	var millis int64
	var value float64
	columns[0], columns[1], columns[2] = &device, &millis, &value
	for i := 3; i < len(columns); i++ {
		columns[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		fn(millis, value)
	}
	return rows.Err()
}

func (s *sqlStore) hour(ctx context.Context, device int, start int64) (n int, sum float64, err error) {
	rows, err := s.texts.hour.QueryContext(ctx, s.work.Names[device], start, start+hourMillis)
	if err != nil {
		return 0, 0, err
	}
	err = s.each(rows, func(_ int64, value float64) { n, sum = n+1, sum+value })
	return n, sum, err
}

func (s *sqlStore) last(ctx context.Context, device int) (millis int64, err error) {
	rows, err := s.texts.last.QueryContext(ctx, s.work.Names[device])
	if err != nil {
		return 0, err
	}
	err = s.each(rows, func(at int64, _ float64) { millis = at })
	return millis, err
}

func (s *sqlStore) hourly(ctx context.Context, device int) (averages []float64, err error) {
	rows, err := s.texts.hourly.QueryContext(ctx, s.work.Names[device], s.work.Start, s.work.Start+24*hourMillis)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var hour int64
		var average, least, most float64
		if err := rows.Scan(&hour, &average, &least, &most); err != nil {
			return nil, err
		}
		averages = append(averages, average)
	}
	return averages, rows.Err()
}

func (s *sqlStore) rollup(ctx context.Context) (groups int, err error) {
	rows, err := s.db.QueryContext(ctx, s.texts.rollup)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var device string
		var hour int64
		var average, least, most float64
		if err := rows.Scan(&device, &hour, &average, &least, &most); err != nil {
			return 0, err
		}
		groups++
	}
	return groups, rows.Err()
}

func (s *sqlStore) close() error { return s.db.Close() }
