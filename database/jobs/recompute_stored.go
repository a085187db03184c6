package jobs

import (
	"bytes"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// stored goes over the rows that a rollup has, in the order of time, beside those that are computed.
type stored struct {
	table  *schema.Table
	base   partition.DecoratedKey
	layout clustering.Layout
	clock  rowClock
	out    *output
	each   func(*Difference) error

	reader mutation.PartitionReader
	batch  *mutation.Batch // nil: none is left
	i      int
	key    []byte // encoded clustering of the row at hand
	value  []byte
	desc   bool // windows descend in clustering order, so it is read in reverse
}

func newStored(r *Recompute, out *output, over downsample.Window, each func(*Difference) error) (*stored, error) {
	t := r.Rollup.Table
	s := &stored{table: t, base: r.Base, layout: out.layout, clock: out.clock, out: out, each: each, desc: t.Clustering[0].Desc}
	var err error
	s.reader, err = r.View.Read(t.ID, mutation.ReadRequest{Key: r.Base, Slices: TimesOf(timed(t), over), Reverse: s.desc, Columns: out.targets})
	if err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stored) close() { s.reader.Close() }

// partition is the partition in errors.
func (s *stored) partition() string { return fmt.Sprintf("%x", s.base.Key) }

// order compares keys in the order in which the rollup is read.
func (s *stored) order(a, b []byte) int {
	if s.desc {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}

// load goes to the next batch.
func (s *stored) load() (err error) {
	for {
		if s.batch, err = s.reader.Next(); err != nil || s.batch == nil {
			return err
		}
		if s.i = 0; s.batch.Rows > 0 {
			s.encode()
			return nil
		}
	}
}

// encode encodes the clustering of the row at hand.
func (s *stored) encode() {
	s.key = s.key[:0]
	for k := range s.layout {
		s.value = s.batch.Clustering[k].AppendValue(s.value[:0], s.i)
		s.key = s.layout[k].Append(s.key, s.value)
	}
}

// next goes to the next row.
func (s *stored) next() error {
	if s.i++; s.i == s.batch.Rows {
		return s.load()
	}
	s.encode()
	return nil
}

// compare takes the next computed row, and the bounds of its values if there are any. Stored rows before it are of groups that are gone.
func (s *stored) compare(w downsample.Window, fresh *mutation.Row, bounds []*downsample.Bound) error {
	for s.batch != nil && s.order(s.key, fresh.Clustering) < 0 {
		if err := s.gone(); err != nil {
			return err
		}
	}
	d := Difference{Window: w, Clustering: fresh.Clustering, Fresh: fresh, table: s.table.ID, base: s.base}
	if s.batch == nil || !bytes.Equal(s.key, fresh.Clustering) {
		return s.each(&d)
	}
	d.Stored = true
	s.columns(&d, bounds)
	if err := s.next(); err != nil || len(d.Columns) == 0 {
		return err
	}
	return s.each(&d)
}

// columns finds the values of the row at hand that are not the computed ones.
func (s *stored) columns(d *Difference, bounds []*downsample.Bound) {
	d.Tolerable = len(bounds) > 0
	cells := d.Fresh.Cells
	for i, target := range s.out.targets {
		c := ColumnDifference{Column: target}
		if len(cells) > 0 && cells[0].Column == target {
			c.Fresh, cells = cells[0].Value, cells[1:]
		}
		if v := &s.batch.Columns[i]; v.Has(s.i) {
			if s.value = v.AppendValue(s.value[:0], s.i); c.Fresh != nil && bytes.Equal(s.value, c.Fresh) {
				continue
			}
			c.Stored = append([]byte{}, s.value...)
		} else if c.Fresh == nil {
			continue
		}
		d.Columns = append(d.Columns, c)
		d.Tolerable = d.Tolerable && bounds[i] != nil && bounds[i].Allows(c.Stored, c.Fresh)
	}
}

// gone tells of the row at hand that no group gives it.
func (s *stored) gone() error {
	d := Difference{Clustering: append([]byte(nil), s.key...), Stored: true, table: s.table.ID, base: s.base}
	if ms, ok := s.clock.millis(&s.batch.Clustering[0], s.i); ok {
		d.Window = s.table.Rollup.WindowOf(ms)
	}
	if err := s.each(&d); err != nil {
		return err
	}
	return s.next()
}

// finish tells of the stored rows that are left.
func (s *stored) finish() error {
	for s.batch != nil {
		if err := s.gone(); err != nil {
			return err
		}
	}
	return nil
}
