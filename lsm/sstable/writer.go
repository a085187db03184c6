package sstable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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
	GroupBytesMax          int             // of values, after which a row group is closed; 0: 4 MiB, which is the most
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

	group      *groupBuilder
	tombstones Tombstones
	sizes      sizes
	blockBytes int // about, of a block
	sections
}

// sections are the blocks that are being filled, and where those before them went: that is all a writer keeps of what
// it has written, however much it is.
type sections struct {
	partitions int
	groups     uint64
	sideCount  uint64

	index      indexBuilder
	directory  directoryBuilder
	statistics recordBuilder // a record a row group
	side       recordBuilder

	fences [sectionIndex + 1]fenceBuilder // by type of section
}

// NewWriter returns a writer of a new file, which must be empty. The caller closes the file, also after errors.
func NewWriter(f vfs.File, opts WriterOptions) *Writer {
	if opts.Effort == 0 {
		opts.Effort = encoding.Light
	}
	w := &Writer{file: f, opts: opts, info: newInfo(), blockBytes: blockBytes}
	w.info.FileID, w.info.Table = opts.FileID, opts.Table.ID
	w.info.BucketStart, w.info.BucketEnd = opts.BucketStart, opts.BucketEnd
	w.info.EpochLow, w.info.EpochHigh = opts.EpochLow, opts.EpochHigh
	w.buffer = appendHeader(w.buffer, opts.FileID, opts.Table.ID)
	w.group = newGroupBuilder(opts.Table, newKeyCodec(opts.Table.Clustering), opts.Effort)
	w.group.bytesMax = groupBytesMax
	if opts.GroupBytesMax > 0 {
		w.group.bytesMax = min(opts.GroupBytesMax, groupBytesMax)
	}
	return w
}

// Bytes is about how large the file is so far.
func (w *Writer) Bytes() int64 {
	return int64(w.offset()) + int64(w.group.bytes+w.index.bytes()+w.side.bytes()+w.directory.bytes()+w.statistics.bytes())
}

// StartPartition begins a partition, which lies after the one before in (token, key) order. Side may be
// nil; a partition without side data and rows leaves no trace but its key.
func (w *Writer) StartPartition(key partition.DecoratedKey, side *mutation.Side) error {
	if w.err != nil {
		return w.err
	}
	invariants.Check(partition.TokenOf(key.Key) == key.Token, "table file: token %d of partition %x", key.Token, key.Key)
	if w.partitions > 0 {
		invariants.Check(w.current.Compare(key) < 0, "table file: partition %x after %x", key.Key, w.current.Key)
	}
	if w.partitions > 0 {
		if err := w.endPartition(); err != nil {
			return err
		}
	}
	if w.index.bytes() >= w.blockBytes {
		if err := w.closeIndex(); err != nil {
			return err
		}
	}
	w.current = partition.DecoratedKey{Token: key.Token, Key: append(w.current.Key[:0], key.Key...)}
	if w.partitions == 0 {
		w.info.FirstKey = partition.DecoratedKey{Token: key.Token, Key: slices.Clone(key.Key)}
	}
	w.partitions++
	w.index.add(key, w.sideCount)
	w.rows = 0
	return w.addSide(side)
}

// endPartition ends the current partition.
func (w *Writer) endPartition() error {
	if err := w.closeSharedGroup(); err != nil {
		return err
	}
	w.sizes.next(w.current.Key)
	if len(w.sizes.keys) < waitingBytesMax {
		return nil
	}
	return w.closeGroup()
}

// closeSharedGroup closes the row group if the partition that ends fills enough of it.
func (w *Writer) closeSharedGroup() error {
	g := &w.group.group
	if g.rows == 0 {
		return nil
	}
	if last := w.group.edges[min(w.group.shares-1, 1)]; last.rows >= groupRowsAlone {
		return w.closeGroup()
	}
	return nil
}

func (w *Writer) addSide(side *mutation.Side) error {
	if side == nil || side.Deletion.IsNone() && side.Static == nil && len(side.Ranges) == 0 {
		return nil
	}
	w.sideCount++
	before := len(w.side.data)
	w.side.data = appendSide(w.side.data, side)
	w.side.end()
	w.info.addSide(side)
	w.tombstones.addSide(side)
	w.sizes.current.Bytes += int64(len(w.side.data) - before)
	if w.side.bytes() >= w.blockBytes {
		return w.closeRecords(sectionSide, &w.side)
	}
	return nil
}

// AppendRow appends a row of the partition, after the one before in clustering order. Cells of columns
// that the table no longer has are left out.
func (w *Writer) AppendRow(row *mutation.Row) error {
	if w.err != nil {
		return w.err
	}
	invariants.Check(w.partitions > 0, "table file: row without partition")
	// The arguments of a check are made whether it holds or not, so none is made for rows in order.
	if w.rows > 0 && bytes.Compare(w.clustering, row.Clustering) >= 0 {
		invariants.Check(false, "table file: row %x after %x", row.Clustering, w.clustering)
	}
	row = w.withoutDropped(row)
	if w.group.group.rows == groupRowsMax || w.group.bytes >= w.group.bytesMax {
		if err := w.closeGroup(); err != nil {
			return err
		}
	}
	w.beginRows()
	before := w.group.bytes
	if err := w.group.add(w.partitions-1, row); err != nil {
		return w.fail(fmt.Errorf("table file %06d: partition %x: row %x: %w", w.opts.FileID, w.current.Key, row.Clustering, err))
	}
	w.rows++
	w.clustering = append(w.clustering[:0], row.Clustering...)
	w.info.Rows++
	w.info.addRow(row)
	w.tombstones.addRow(row)
	if w.group.hasComplex {
		w.addComplex(row)
	}
	w.sizes.add(1, w.group.bytes-before)
	return nil
}

// addComplex looks into the cells of multi-cell columns that a row has, once for all who count.
func (w *Writer) addComplex(row *mutation.Row) {
	if held, any := w.info.addComplex(row); any {
		w.tombstones.Cells += int64(held.Tombstones)
		w.group.addReach(held)
	}
}

// position is where the next row goes, unless the row group is closed before.
func (w *Writer) position() position {
	return position(w.groups*groupRowsMax + uint64(w.group.group.rows))
}

// beginRows notes where the rows of the partition begin, if the next is the first.
func (w *Writer) beginRows() {
	if w.rows == 0 {
		w.index.begins(w.position())
	}
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
	w.buffer = w.group.appendTo(w.buffer, w.offset())
	w.statistics.data = w.group.appendStatistics(w.statistics.data)
	return w.endGroup(&w.group.group)
}

// endGroup notes a row group that is the end of the buffer and whose statistics have been appended, and empties the one being filled.
func (w *Writer) endGroup(g *group) error {
	w.info.MaxAliveUntil = max(w.info.MaxAliveUntil, g.maxAlive)
	w.sizes.closeGroup(int64(w.offset() - g.offset))
	w.directory.add(g)
	w.statistics.end()
	w.groups++
	w.group.reset()
	if w.directory.bytes() >= w.blockBytes {
		if err := w.closeDirectory(); err != nil {
			return err
		}
	}
	if w.statistics.bytes() >= w.blockBytes {
		return w.closeRecords(sectionStatistics, &w.statistics)
	}
	return w.flushFull()
}

// closeIndex writes the block of the index that is being filled, if it has anything.
func (w *Writer) closeIndex() error {
	n := len(w.index.tokens)
	if n == 0 {
		return nil
	}
	at := w.offset()
	w.buffer = w.index.appendTo(w.buffer, w.position(), w.sideCount)
	w.endBlock(sectionIndex, at, w.index.tokens[0], n)
	w.index.reset()
	return w.flushFull()
}

// closeDirectory is closeIndex for the directory.
func (w *Writer) closeDirectory() error {
	n := len(w.directory.columns[0])
	if n == 0 {
		return nil
	}
	at := w.offset()
	w.buffer = w.directory.appendTo(w.buffer)
	w.endBlock(sectionDirectory, at, w.directory.first, n)
	f := &w.fences[sectionDirectory]
	f.body = binary.AppendVarint(f.body, w.directory.fence.minTimestamp)
	f.body = binary.AppendVarint(f.body, w.directory.fence.maxAlive)
	f.body = appendBytes(f.body, w.directory.fence.key)
	w.directory.reset()
	return w.flushFull()
}

// closeRecords is closeIndex for side data or statistics.
func (w *Writer) closeRecords(kind int, b *recordBuilder) error {
	n := len(b.ends)
	if n == 0 {
		return nil
	}
	at := w.offset()
	w.buffer = b.appendTo(w.buffer)
	w.endBlock(kind, at, b.first, n)
	b.reset()
	return w.flushFull()
}

// endBlock seals a block of n entries that lies at an offset of the file and is the end of the buffer.
func (w *Writer) endBlock(kind int, at, first uint64, n int) {
	w.buffer = binary.LittleEndian.AppendUint32(w.buffer, checksum(w.buffer[at-w.flushed:]))
	w.fences[kind].add(first, at, int(w.offset()-at), n)
}

// offset is where the next byte goes.
func (w *Writer) offset() uint64 { return w.flushed + uint64(len(w.buffer)) }

// flushFull writes what is collected, if that is enough.
func (w *Writer) flushFull() error {
	if len(w.buffer) < writeBytes {
		return nil
	}
	return w.flush()
}

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
	if err := w.closeBlocks(); err != nil {
		return Info{}, err
	}
	if w.partitions > 0 {
		w.sizes.next(w.current.Key)
	}
	w.info.Partitions, w.info.LastKey = int64(w.partitions), w.current
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

// closeBlocks closes the last row group and the last block of each section.
func (w *Writer) closeBlocks() error {
	if w.group.group.rows > 0 {
		if err := w.closeGroup(); err != nil {
			return err
		}
	}
	return errors.Join(
		w.closeRecords(sectionSide, &w.side), w.closeDirectory(), w.closeRecords(sectionStatistics, &w.statistics), w.closeIndex(),
	)
}

func (w *Writer) appendSections() {
	meta := metadata{info: w.info, clustering: len(w.opts.Table.Clustering)}
	for _, c := range w.opts.Table.Columns {
		meta.columns = append(meta.columns, columnMeta{c.ID, c.Physical, c.Width, c.Complex})
	}
	var toc []byte
	SortSizes(w.sizes.largest)
	for kind := uint16(sectionSide); kind <= sectionProfile; kind++ {
		s := section{kind: kind, version: sectionVersion, offset: w.offset()}
		switch kind {
		case sectionMetadata:
			w.buffer = appendMetadata(w.buffer, &meta)
		case sectionProfile:
			w.buffer = appendProfile(w.buffer, &Profile{w.tombstones, w.sizes.largest})
		default:
			w.buffer = w.fences[kind].appendTo(w.buffer)
		}
		body := w.buffer[s.offset-w.flushed:]
		s.length, s.checksum = uint64(len(body)), checksum(body)
		if kind == sectionStatistics || kind == sectionProfile {
			s.flags = sectionOptional
		}
		toc = appendSection(toc, s)
	}
	f := footer{tocOffset: w.offset(), tocLength: uint64(len(toc)), tocChecksum: checksum(toc), file: w.opts.FileID}
	w.buffer = append(w.buffer, toc...)
	f.fileLength = w.offset() + footerBytes
	w.buffer = appendFooter(w.buffer, f)
}
