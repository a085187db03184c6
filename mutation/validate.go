package mutation

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrOrder means that a stream broke its promise: rows out of order or twice, or cells out
// of order within a row.
var ErrOrder = errors.New("rows out of order")

// Validate passes source through and returns ErrOrder where its rows are not strictly
// ascending (reverse: descending) by clustering or the cells of a row not by column.
func Validate(source RowSource, reverse bool) RowSource {
	return &validator{source: source, reverse: reverse}
}

type validator struct {
	source  RowSource
	reverse bool
	started bool
	last    []byte
}

func (v *validator) Next() (*Row, error) {
	row, err := v.source.Next()
	if row == nil || err != nil {
		return nil, err
	}
	if v.started {
		order := bytes.Compare(v.last, row.Clustering)
		if v.reverse {
			order = -order
		}
		if order >= 0 {
			return nil, fmt.Errorf("row %x after %x: %w", row.Clustering, v.last, ErrOrder)
		}
	}
	for i := 1; i < len(row.Cells); i++ {
		if row.Cells[i-1].Column >= row.Cells[i].Column {
			return nil, fmt.Errorf("row %x: column %d after %d: %w", row.Clustering,
				row.Cells[i].Column, row.Cells[i-1].Column, ErrOrder)
		}
	}
	v.started, v.last = true, append(v.last[:0], row.Clustering...)
	return row, nil
}
