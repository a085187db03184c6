package sstable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/internal/invariants"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm/encoding"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// writeBytes is how much is collected before it goes to the file.
const writeBytes = 256 << 10

// WriterOptions say what a file is. All numbers may be zero: unknown.
type WriterOptions struct {
	Table                  *mutation.Table // required
	FileID                 uint64
	BucketStart, BucketEnd int64           // ms since 1970 of the one bucket range; both 0: none
	EpochLow, EpochHigh    uint64          // memtables whose rows are written
	Effort                 encoding.Effort // of encoding; 0: encoding.Light
}

// Writer writes a table file. After an error nothing more can be written, and Finish returns the error.
type Writer struct {
	file    vfs.File
	opts    WriterOptions
	buffer  []byte // not yet in the file
	flushed uint64 // bytes in the file
	err     error

	info       Info
	current    partition.DecoratedKey // partition that rows go to
	clustering []byte                 // of its last row
	rows       int64                  // in it
	cells      []mutation.Cell        // of a row without those of dropped columns

	group *groupBuilder
	sections
}

// sections are what a file says of its row groups and partitions so far.
type sections struct {
	groups     uint64
	index      indexBuilder
	side       []byte
	sides      uint64
	sideLast   int // partition of the last of them
	directory  []byte
	statistics []byte
}

// NewWriter returns a writer of a new file, which must be empty. The caller closes the file, also after errors.
func NewWriter(f vfs.File, opts WriterOptions) *Writer {
	if opts.Effort == 0 {
		opts.Effort = encoding.Light
	}
	w := &Writer{file: f, opts: opts, info: newInfo()}
	w.info.FileID, w.info.Table = opts.FileID, opts.Table.ID
	w.info.BucketStart, w.info.BucketEnd = opts.BucketStart, opts.BucketEnd
	w.info.EpochLow, w.info.EpochHigh = opts.EpochLow, opts.EpochHigh
	w.buffer = appendHeader(w.buffer, opts.FileID, opts.Table.ID)
	w.group = newGroupBuilder(opts.Table, newKeyCodec(opts.Table.Clustering), opts.Effort)
	return w
}

// Bytes is about how large the file is so far.
func (w *Writer) Bytes() int64 {
	return int64(w.offset()) + int64(w.group.bytes+len(w.index.keys)+indexEntryBytes*w.index.n+len(w.side)+len(w.directory)+len(w.statistics))
}

// StartPartition begins a partition, which lies after the one before in (token, key) order. Side may be
// nil; a partition without side data and rows leaves no trace but its key.
func (w *Writer) StartPartition(key partition.DecoratedKey, side *mutation.Side) error {
	if w.err != nil {
		return w.err
	}
	if w.index.n > 0 {
		invariants.Check(w.current.Compare(key) < 0, "table file: partition %x after %x", key.Key, w.current.Key)
	}
	if uint64(len(w.index.keys))+uint64(len(key.Key)) > math.MaxUint32 || w.index.n == noGroup {
		return w.fail(fmt.Errorf("table file %06d: too many keys", w.opts.FileID))
	}
	if err := w.closeSharedGroup(); err != nil {
		return err
	}
	w.current = partition.DecoratedKey{Token: key.Token, Key: slices.Clone(key.Key)}
	if w.index.n == 0 {
		w.info.FirstKey = w.current
	}
	w.info.LastKey = w.current
	w.index.add(w.current)
	w.rows = 0
	w.addSide(side)
	return nil
}

// closeSharedGroup closes the row group if the partition that ends fills enough of it.
func (w *Writer) closeSharedGroup() error {
	g := &w.group.group
	if g.rows == 0 {
		return nil
	}
	if last := g.segments[len(g.segments)-1]; last.to-last.from >= groupRowsAlone {
		return w.closeGroup()
	}
	return nil
}

func (w *Writer) addSide(side *mutation.Side) {
	if side == nil || side.Deletion.IsNone() && side.Static == nil && len(side.Ranges) == 0 {
		return
	}
	place := w.index.n - 1
	w.side = binary.AppendUvarint(w.side, uint64(place-w.sideLast))
	w.sideLast = place
	w.sides++
	w.side = appendBytes(w.side, appendSide(nil, side))
	w.info.addSide(side)
}

// AppendRow appends a row of the partition, after the one before in clustering order. Cells of columns
// that the table no longer has are left out.
func (w *Writer) AppendRow(row *mutation.Row) error {
	if w.err != nil {
		return w.err
	}
	invariants.Check(w.index.n > 0, "table file: row without partition")
	// The arguments of a check are made whether it holds or not, so none is made for rows in order.
	if w.rows > 0 && bytes.Compare(w.clustering, row.Clustering) >= 0 {
		invariants.Check(false, "table file: row %x after %x", row.Clustering, w.clustering)
	}
	row = w.withoutDropped(row)
	if w.group.group.rows == groupRowsMax || w.group.bytes >= groupBytesMax {
		if err := w.closeGroup(); err != nil {
			return err
		}
	}
	if err := w.group.add(w.index.n-1, row); err != nil {
		return w.fail(fmt.Errorf("table file %06d: partition %x: row %x: %w", w.opts.FileID, w.current.Key, row.Clustering, err))
	}
	if w.rows == 0 {
		w.index.begins(int(w.groups), w.group.current)
	}
	w.rows++
	w.clustering = append(w.clustering[:0], row.Clustering...)
	w.info.Rows++
	w.info.addRow(row)
	return nil
}

// withoutDropped returns row, or a copy without cells of columns that the table does not have.
func (w *Writer) withoutDropped(row *mutation.Row) *mutation.Row {
	next := 0
	columns := w.group.columns
	has := func(id mutation.ColumnID) bool {
		for next < len(columns) && columns[next].column.ID < id {
			next++
		}
		return next < len(columns) && columns[next].column.ID == id
	}
	for i := range row.Cells {
		if i > 0 && row.Cells[i-1].Column >= row.Cells[i].Column {
			invariants.Check(false, "table file: cells of row %x out of order", row.Clustering)
		}
		if has(row.Cells[i].Column) {
			continue
		}
		w.cells = append(w.cells[:0], row.Cells[:i]...)
		for _, c := range row.Cells[i+1:] {
			if has(c.Column) {
				w.cells = append(w.cells, c)
			}
		}
		out := *row
		out.Cells = w.cells
		return &out
	}
	return row
}

func (w *Writer) closeGroup() error {
	w.buffer = w.group.appendTo(w.buffer)
	w.directory = appendGroup(w.directory, &w.group.group)
	w.statistics = w.group.appendStatistics(w.statistics)
	w.groups++
	if len(w.buffer) >= writeBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.group.reset(w.offset())
	return nil
}

// offset is where the next byte goes.
func (w *Writer) offset() uint64 { return w.flushed + uint64(len(w.buffer)) }

func (w *Writer) flush() error {
	if _, err := w.file.WriteAt(w.buffer, int64(w.flushed)); err != nil {
		return w.fail(fmt.Errorf("table file %06d: write at %d: %w", w.opts.FileID, w.flushed, err))
	}
	w.flushed += uint64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// Finish writes what is left, syncs the file and returns what is in it. The directory is not synced.
func (w *Writer) Finish() (Info, error) {
	if w.err != nil {
		return Info{}, w.err
	}
	if w.group.group.rows > 0 {
		if err := w.closeGroup(); err != nil {
			return Info{}, err
		}
	}
	w.info.Partitions = int64(w.index.n)
	w.appendSections()
	w.info.Bytes = int64(w.offset())
	if err := w.flush(); err != nil {
		return Info{}, err
	}
	if err := w.file.Sync(); err != nil {
		return Info{}, w.fail(fmt.Errorf("table file %06d: sync: %w", w.opts.FileID, err))
	}
	w.err = errFinished
	return w.info, nil
}

var errFinished = errors.New("table file is finished")

func (w *Writer) appendSections() {
	meta := metadata{info: w.info, clustering: len(w.opts.Table.Clustering)}
	for _, c := range w.opts.Table.Columns {
		meta.columns = append(meta.columns, columnMeta{c.ID, c.Physical, c.Width})
	}
	bodies := [][]byte{
		append(binary.AppendUvarint(nil, w.sides), w.side...),
		append(binary.AppendUvarint(nil, w.groups), w.directory...),
		w.statistics,
		w.index.appendTo(nil),
		appendMetadata(nil, &meta),
	}
	var toc []byte
	for i, body := range bodies {
		s := section{kind: uint16(i + 1), version: sectionVersion, offset: w.offset(), length: uint64(len(body)), checksum: checksum(body)}
		if s.kind == sectionStatistics {
			s.flags = sectionOptional
		}
		toc = appendSection(toc, s)
		w.buffer = append(w.buffer, body...)
	}
	f := footer{tocOffset: w.offset(), tocLength: uint64(len(toc)), tocChecksum: checksum(toc), file: w.opts.FileID}
	w.buffer = append(w.buffer, toc...)
	f.fileLength = w.offset() + footerBytes
	w.buffer = appendFooter(w.buffer, f)
}
