package client

import (
	"context"
	"fmt"

	"github.com/eskerdb/esker/server/wire"
)

// Result is what a statement answered, with its rows page by page. It is not safe for concurrent use.
type Result struct {
	Columns      []wire.Column      // of the rows; nil if the statement answers none
	Warnings     []string           // of all pages read so far
	TracingID    [16]byte           // of the first page, if it was traced
	Keyspace     string             // after USE
	SchemaChange *wire.SchemaChange // after DDL

	fetch    func(ctx context.Context, state []byte) (wire.Answer, error)
	prepared []wire.Column // for pages without metadata
	state    []byte        // of the next page; nil after the last
	rows     *wire.RowReader
}

// newResult reads the first page.
func newResult(ctx context.Context, prepared []wire.Column, fetch func(context.Context, []byte) (wire.Answer, error)) (*Result, error) {
	r := &Result{fetch: fetch, prepared: prepared, rows: wire.NewRowReader(nil, 0, 0)}
	if err := r.page(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Result) page(ctx context.Context) error {
	answer, err := r.fetch(ctx, r.state)
	if err != nil {
		return err
	}
	r.Warnings = append(r.Warnings, answer.Warnings...)
	if r.TracingID == [16]byte{} {
		r.TracingID = answer.TracingID
	}
	switch m := answer.Message.(type) {
	case *wire.Void:
		r.state = nil
	case *wire.SetKeyspace:
		r.Keyspace = m.Keyspace
	case *wire.SchemaResult:
		r.SchemaChange = &m.SchemaChange
	case *wire.Rows:
		return r.take(m)
	default:
		return fmt.Errorf("statement was answered by %s", m.Opcode())
	}
	return nil
}

func (r *Result) take(m *wire.Rows) error {
	columns := m.Metadata.Columns
	if m.Metadata.Skip {
		columns = r.prepared
	}
	if len(columns) != m.Metadata.Count {
		return fmt.Errorf("rows of %d columns where %d were described", m.Metadata.Count, len(columns))
	}
	r.Columns, r.state = columns, m.Metadata.PagingState
	r.rows = wire.NewRowReader(m.Content, m.RowCount, len(columns))
	return nil
}

// HasRows tells whether the statement answers rows, be they none.
func (r *Result) HasRows() bool { return r.Columns != nil }

// PagingState is from where the next page can be read, also on another connection: nil if this page is the last.
func (r *Result) PagingState() []byte { return r.state }

// NextInPage returns the cells of the next row of the page that is there, nil for null; nil at its end. The slice is
// valid until the next call; the cells stay.
func (r *Result) NextInPage() ([][]byte, error) { return r.rows.Next() }

// NextPage reads the next page; the rows left of this one are lost. It is false after the last page.
func (r *Result) NextPage(ctx context.Context) (bool, error) {
	if r.state == nil {
		return false, nil
	}
	err := r.page(ctx)
	return err == nil, err
}

// Next returns the cells of the next row, nil for null, and nil after the last row of the last page. The slice is valid
// until the next call; the cells stay. After an error that is not the connection's, such as ctx's, it may be called
// again.
func (r *Result) Next(ctx context.Context) ([][]byte, error) {
	for {
		row, err := r.rows.Next()
		if row != nil || err != nil {
			return row, err
		}
		if more, err := r.NextPage(ctx); !more {
			return nil, err
		}
	}
}
