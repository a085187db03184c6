package lsm

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
)

// cost counts what a read costs, if somebody asks.
type cost struct {
	counted *mutation.ReadStatistics // nil: nobody asks
	files   int                      // of the table
}

// lookInto counts a file.
func (c *cost) lookInto(f *file) {
	if c.counted != nil {
		w := f.window()
		c.counted.LookInto(f.number, w.start, w.end, c.files)
	}
}

// side counts the deletions beside the rows of a partition that reach into the slices. That no file is looked into
// is known by now, too.
func (c *cost) side(side *mutation.Side, in clustering.Slices) {
	if c.counted == nil {
		return
	}
	c.counted.FilesSkipped = c.files - c.counted.Files
	n := 0
	if !side.Deletion.IsNone() {
		n++
	}
	for i := range side.Ranges {
		if touches(in, side.Ranges[i].Slice) {
			n++
		}
	}
	c.counted.Pass(0, n)
}

// touches reports whether a slice has anything in common with one of several.
func touches(in clustering.Slices, one clustering.Slice) bool {
	for _, s := range in {
		if s.Start.Compare(one.End) < 0 && one.Start.Compare(s.End) < 0 {
			return true
		}
	}
	return false
}

// rows counts the rows of a source that are merged with others.
func (c *cost) rows(source mutation.RowSource) mutation.RowSource {
	if c.counted == nil {
		return source
	}
	return &countedRows{source, c.counted}
}

type countedRows struct {
	mutation.RowSource
	counted *mutation.ReadStatistics
}

// Next implements mutation.RowSource.
func (c *countedRows) Next() (*mutation.Row, error) {
	row, err := c.RowSource.Next()
	if row != nil {
		c.counted.Rows++
	}
	return row, err
}

// merged counts what of a merged row deletes.
func (c *cost) merged(row *mutation.Row) {
	if c.counted == nil {
		return
	}
	if !row.Deletion.IsNone() {
		c.counted.Tombstones++
	}
	for i := range row.Cells {
		// Of a multi-cell column nothing but that it is null is known without decoding it.
		if cell := &row.Cells[i]; cell.IsTombstone() || cell.Complex && cell.ExpiresAt == 0 {
			c.counted.Tombstones++
		}
	}
}
