package sstable

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Reader reads a table file. All methods may be called from several goroutines at once.
type Reader struct {
	file     vfs.File
	path     string
	table    *mutation.Table
	keys     *keyCodec
	info     Info
	rowsEnd  uint64 // where the sections begin
	meta     *metadata
	index    *index
	groups   []group
	sides    []sideEntry
	stats    [][]ColumnStatistics // nil: the file has none
	columns  []mutation.Column    // regular ones that both the table and the file have
	decoders *sync.Pool           // of *decoder, for this reader alone
}

// Open opens a file of the table and reads all but its rows. It returns a *CorruptError or ErrVersion for
// a file that cannot be read.
func Open(fs vfs.FS, path string, table *mutation.Table) (*Reader, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("table file %s: %w", path, err)
	}
	r := &Reader{file: file, path: path, table: table, keys: newKeyCodec(table.Clustering), decoders: &sync.Pool{}}
	if err := r.load(); err != nil {
		_ = file.Close() // it was only read
		return nil, err
	}
	return r, nil
}

// Close closes the file. Nothing taken from the reader may be used for reading any more.
func (r *Reader) Close() error { return r.file.Close() }

// As returns a reader of the same open file for another definition of its table, as ALTER leaves it. Closing one
// closes both.
func (r *Reader) As(table *mutation.Table) (*Reader, error) {
	if table.ID != r.info.Table {
		return nil, fmt.Errorf("table file %s: of table %x, not of %s", r.path, r.info.Table, table.Name)
	}
	out := *r
	out.table, out.keys, out.columns = table, newKeyCodec(table.Clustering), nil
	out.decoders = &sync.Pool{} // those of r know the columns of r
	if err := out.matchColumns(); err != nil {
		return nil, err
	}
	return &out, nil
}

// Info returns what is known of the file. It must not be changed.
func (r *Reader) Info() *Info { return &r.info }

// RowGroups returns how many row groups the file has.
func (r *Reader) RowGroups() int { return len(r.groups) }

// load reads header, footer, contents and sections.
func (r *Reader) load() error {
	size, err := r.file.Size()
	if err != nil {
		return fmt.Errorf("table file %s: %w", r.path, err)
	}
	if size < headerBytes+footerBytes {
		return r.corrupt(0, fmt.Sprintf("%d bytes are no table file", size), nil)
	}
	head, err := r.read(0, headerBytes)
	if err != nil {
		return err
	}
	fileID, table, err := decodeHeader(head)
	if err != nil {
		return r.broken(0, err)
	}
	tail, err := r.read(size-footerBytes, footerBytes)
	if err != nil {
		return err
	}
	f, err := decodeFooter(tail, size)
	if err != nil {
		return r.broken(size-footerBytes, err)
	}
	if f.file != fileID {
		return r.corrupt(size-footerBytes, fmt.Sprintf("footer of file %d, header of file %d", f.file, fileID), nil)
	}
	if table != r.table.ID {
		return r.corrupt(0, fmt.Sprintf("file of table %x, not of %s", table, r.table.Name), nil)
	}
	sections, err := r.loadContents(f)
	if err != nil {
		return err
	}
	if err := r.loadSections(sections); err != nil {
		return err
	}
	r.info.FileID, r.info.Table, r.info.Bytes = fileID, table, size
	return r.matchColumns()
}

func (r *Reader) loadContents(f footer) (map[uint16]section, error) {
	toc, err := r.read(int64(f.tocOffset), int(f.tocLength))
	if err != nil {
		return nil, err
	}
	if checksum(toc) != f.tocChecksum {
		return nil, r.corrupt(int64(f.tocOffset), "contents", errChecksum)
	}
	sections, err := decodeTOC(toc, f.tocOffset)
	if err != nil {
		return nil, r.broken(int64(f.tocOffset), err)
	}
	r.rowsEnd = f.tocOffset
	for _, s := range sections {
		r.rowsEnd = min(r.rowsEnd, s.offset)
	}
	return sections, nil
}

// loadSections decodes the sections, those first that others refer to.
func (r *Reader) loadSections(sections map[uint16]section) error {
	decoders := []struct {
		kind   uint16
		decode func(body []byte) error
	}{
		{sectionMetadata, func(body []byte) (err error) {
			r.meta, err = decodeMetadata(body)
			return err
		}},
		{sectionIndex, func(body []byte) (err error) {
			r.index, err = decodeIndex(body)
			return err
		}},
		{sectionDirectory, func(body []byte) (err error) {
			r.groups, err = decodeDirectory(body, r.rowsEnd, r.index.n)
			return err
		}},
		{sectionStatistics, func(body []byte) (err error) {
			r.stats, err = decodeStatistics(body, len(r.groups))
			return err
		}},
		{sectionSide, func(body []byte) (err error) {
			r.sides, err = decodeSides(body, r.index.n)
			return err
		}},
	}
	for _, d := range decoders {
		s, ok := sections[d.kind]
		if !ok {
			continue // only an optional one may be missing
		}
		body, err := r.read(int64(s.offset), int(s.length))
		if err != nil {
			return err
		}
		if checksum(body) != s.checksum {
			return r.corrupt(int64(s.offset), fmt.Sprintf("section %d", d.kind), errChecksum)
		}
		if err := d.decode(body); err != nil {
			return r.corrupt(int64(s.offset), fmt.Sprintf("section %d", d.kind), err)
		}
	}
	return r.matchSections(int64(sections[sectionIndex].offset))
}

// matchSections checks what one section says of another.
func (r *Reader) matchSections(at int64) error {
	r.info = r.meta.info
	if r.info.Partitions != int64(r.index.n) {
		return r.corrupt(at, fmt.Sprintf("%d partitions in the index, %d in the metadata", r.index.n, r.info.Partitions), nil)
	}
	rows := int64(0)
	for i := range r.groups {
		rows += int64(r.groups[i].rows)
	}
	if rows != r.info.Rows {
		return r.corrupt(at, fmt.Sprintf("%d rows in the directory, %d in the metadata", rows, r.info.Rows), nil)
	}
	for i := range r.index.n {
		g, s, ok := r.index.begin(i)
		if ok && (g >= len(r.groups) || s >= len(r.groups[g].segments) || r.groups[g].segments[s].partition != i) {
			return r.corrupt(at, fmt.Sprintf("partition %d begins where it is not", i), nil)
		}
	}
	r.info.FirstKey, r.info.LastKey = partition.DecoratedKey{}, partition.DecoratedKey{}
	if r.index.n > 0 {
		r.info.FirstKey, r.info.LastKey = r.decorated(0), r.decorated(r.index.n-1)
	}
	return nil
}

// matchColumns finds the regular columns that both the table and the file have.
func (r *Reader) matchColumns() error {
	if r.meta.clustering != len(r.table.Clustering) {
		return r.corrupt(int64(r.rowsEnd), fmt.Sprintf("%d clustering columns in the file, %d in %s",
			r.meta.clustering, len(r.table.Clustering), r.table.Name), nil)
	}
	for _, c := range r.table.Columns {
		i := sort.Search(len(r.meta.columns), func(i int) bool { return r.meta.columns[i].id >= c.ID })
		if c.Static || i == len(r.meta.columns) || r.meta.columns[i].id != c.ID {
			continue
		}
		if m := r.meta.columns[i]; m.physical != c.Physical || m.width != c.Width {
			return r.corrupt(int64(r.rowsEnd), fmt.Sprintf("column %d of %s is of kind %d/%d in the file, %d/%d in the table",
				c.ID, r.table.Name, m.physical, m.width, c.Physical, c.Width), nil)
		}
		r.columns = append(r.columns, c)
	}
	return nil
}

// group reads the entry of a row group in the directory. What into holds is overwritten; its slices may be used again.
func (r *Reader) group(number int, into *group) error {
	*into = r.groups[number]
	return nil
}

// groupCount is how many row groups there are, numbered from 0.
func (r *Reader) groupCount() int { return len(r.groups) }

func (r *Reader) decorated(i int) partition.DecoratedKey {
	return partition.DecoratedKey{Token: partition.Token(r.index.token(i) ^ signBit), Key: r.index.key(i)}
}

// read reads n bytes, all of which must be there.
func (r *Reader) read(offset int64, n int) ([]byte, error) {
	buf := make([]byte, n)
	return buf, r.readInto(buf, offset)
}

func (r *Reader) readInto(buf []byte, offset int64) error {
	n, err := r.file.ReadAt(buf, offset)
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return r.corrupt(offset, fmt.Sprintf("%d of %d bytes are there", n, len(buf)), nil)
	}
	return fmt.Errorf("table file %s: read at %d: %w", r.path, offset, err)
}

func (r *Reader) corrupt(offset int64, what string, cause error) error {
	return &CorruptError{File: r.path, Offset: offset, What: what, Cause: cause}
}

// broken names the file in an error of a decoder.
func (r *Reader) broken(offset int64, err error) error {
	if errors.Is(err, ErrVersion) {
		return fmt.Errorf("table file %s: %w", r.path, err)
	}
	return r.corrupt(offset, err.Error(), nil)
}
