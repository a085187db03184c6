package sstable

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/mutation"
)

// Reader reads a table file. All methods may be called from several goroutines at once.
type Reader struct {
	*contents
	table    *mutation.Table
	keys     *keyCodec
	columns  []mutation.Column // regular ones that both the table and the file have
	decoders *sync.Pool        // of *decoder, for this reader alone
}

// contents is an open file and what of it stays in memory, whatever the definition of its table: the fences of each
// section. Blocks come and go in the cache.
type contents struct {
	file    vfs.File
	path    string
	cache   *Cache
	info    Info
	meta    *metadata
	rowsEnd uint64  // where the sections begin
	profile section // without length: the file has none
	skipped bool    // there are sections that this program does not know

	index      *paged[indexBlock]
	directory  *paged[directoryBlock]
	groupMarks []directoryFence // a block of the directory each
	side       *paged[recordBlock]
	statistics *paged[recordBlock] // nil: the file has none
	resident   int64               // bytes of all this, about
}

// Open opens a file of the table and reads what stays in memory of it. Other files may share the cache. It
// returns a *CorruptError or ErrVersion for a file that cannot be read.
func Open(fs vfs.FS, path string, table *mutation.Table, cache *Cache) (*Reader, error) {
	file, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("table file %s: %w", path, err)
	}
	c := &contents{file: file, path: path, cache: cache}
	r := &Reader{contents: c, table: table, keys: newKeyCodec(table.Clustering), decoders: &sync.Pool{}}
	if err = c.load(table); err == nil {
		err = r.matchColumns()
	}
	if err != nil {
		_ = file.Close() // it was only read
		return nil, err
	}
	cache.reserve(c.resident)
	return r, nil
}

// Close closes the file and takes what is known of it out of the cache. Nothing taken from the reader may be used for
// reading any more.
func (r *Reader) Close() error {
	r.index.drop(r.cache)
	r.directory.drop(r.cache)
	r.side.drop(r.cache)
	if r.statistics != nil {
		r.statistics.drop(r.cache)
	}
	r.cache.reserve(-r.resident)
	return r.file.Close()
}

// As returns a reader of the same open file for another definition of its table, as ALTER leaves it. Closing one
// closes both.
func (r *Reader) As(table *mutation.Table) (*Reader, error) {
	if table.ID != r.info.Table {
		return nil, fmt.Errorf("table file %s: of table %x, not of %s", r.path, r.info.Table, table.Name)
	}
	// Decoders of r know the columns of r.
	out := &Reader{contents: r.contents, table: table, keys: newKeyCodec(table.Clustering), decoders: &sync.Pool{}}
	if err := out.matchColumns(); err != nil {
		return nil, err
	}
	return out, nil
}

// Info returns what is known of the file. It must not be changed.
func (r *Reader) Info() *Info { return &r.info }

// RowGroups returns how many row groups the file has.
func (r *Reader) RowGroups() int { return r.groupCount() }

// load reads header, footer, contents and sections.
func (f *contents) load(table *mutation.Table) error {
	size, err := f.file.Size()
	if err != nil {
		return fmt.Errorf("table file %s: %w", f.path, err)
	}
	if size < headerBytes+footerBytes {
		return f.corrupt(0, fmt.Sprintf("%d bytes are no table file", size), nil)
	}
	head, err := f.read(0, headerBytes)
	if err != nil {
		return err
	}
	fileID, tableID, err := decodeHeader(head)
	if err != nil {
		return f.broken(0, err)
	}
	tail, err := f.read(size-footerBytes, footerBytes)
	if err != nil {
		return err
	}
	end, err := decodeFooter(tail, size)
	if err != nil {
		return f.broken(size-footerBytes, err)
	}
	if end.file != fileID {
		return f.corrupt(size-footerBytes, fmt.Sprintf("footer of file %d, header of file %d", end.file, fileID), nil)
	}
	if tableID != table.ID {
		return f.corrupt(0, fmt.Sprintf("file of table %x, not of %s", tableID, table.Name), nil)
	}
	sections, err := f.loadContents(end)
	if err != nil {
		return err
	}
	if err := f.loadSections(sections); err != nil {
		return err
	}
	f.info.FileID, f.info.Table, f.info.Bytes = fileID, tableID, size
	f.resident += fileOverhead
	return nil
}

func (f *contents) loadContents(end footer) (map[uint16]section, error) {
	toc, err := f.read(int64(end.tocOffset), int(end.tocLength))
	if err != nil {
		return nil, err
	}
	if checksum(toc) != end.tocChecksum {
		return nil, f.corrupt(int64(end.tocOffset), "contents", errChecksum)
	}
	sections, err := decodeTOC(toc, end.tocOffset)
	if err != nil {
		return nil, f.broken(int64(end.tocOffset), err)
	}
	f.rowsEnd, f.skipped = end.tocOffset, len(sections)*tocEntryBytes != len(toc)
	f.profile = sections[sectionProfile]
	for _, s := range sections {
		f.rowsEnd = min(f.rowsEnd, s.offset)
	}
	return sections, nil
}

// loadSections decodes the sections that there are.
func (f *contents) loadSections(sections map[uint16]section) error {
	for kind := uint16(sectionSide); kind <= sectionMetadata; kind++ {
		s, ok := sections[kind]
		if !ok {
			continue // only an optional one may be missing
		}
		body, err := f.read(int64(s.offset), int(s.length))
		if err != nil {
			return err
		}
		if checksum(body) != s.checksum {
			return f.corrupt(int64(s.offset), fmt.Sprintf("section %d", kind), errChecksum)
		}
		if err := f.decodeSection(kind, body); err != nil {
			return f.corrupt(int64(s.offset), fmt.Sprintf("section %d", kind), err)
		}
	}
	if f.info.Partitions != int64(f.index.total) {
		return f.corrupt(int64(sections[sectionIndex].offset),
			fmt.Sprintf("%d partitions in the index, %d in the metadata", f.index.total, f.info.Partitions), nil)
	}
	if f.statistics != nil && f.statistics.total != f.directory.total {
		return f.corrupt(int64(sections[sectionStatistics].offset),
			fmt.Sprintf("statistics of %d row groups of %d", f.statistics.total, f.directory.total), nil)
	}
	return nil
}

func (f *contents) decodeSection(kind uint16, body []byte) (err error) {
	if kind == sectionMetadata {
		if f.meta, err = decodeMetadata(body); err == nil {
			f.info = f.meta.info
		}
		return err
	}
	c := cursor{src: body}
	var more func(block int)
	if kind == sectionDirectory {
		more = func(int) {
			f.groupMarks = append(f.groupMarks, directoryFence{minTimestamp: c.varint(), maxAlive: c.varint(), key: c.bytes()})
		}
	}
	list := c.fences(f.rowsEnd, more)
	f.resident += int64(len(list.firsts)) * fenceOverhead
	if kind == sectionDirectory {
		f.resident += int64(len(body)) // the keys of the marks lie there
	}
	if c.bad || len(c.src) != 0 || kind != sectionIndex && !list.numbered() {
		return errors.New("fences do not decode")
	}
	switch kind {
	case sectionSide:
		f.side = newPaged("side data", list, decodeRecords)
	case sectionDirectory:
		f.directory = newPaged("directory", list, decodeDirectoryBlock)
	case sectionStatistics:
		f.statistics = newPaged("statistics", list, decodeRecords)
	case sectionIndex:
		f.index = newPaged("index", list, decodeIndexBlock)
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
		m := r.meta.columns[i]
		if m.complex != c.Complex {
			return r.corrupt(int64(r.rowsEnd), fmt.Sprintf("column %d of %s is multi-cell in one and not in the other", c.ID, r.table.Name), nil)
		}
		if m.physical != c.Physical || m.width != c.Width {
			return r.corrupt(int64(r.rowsEnd), fmt.Sprintf("column %d of %s is of kind %d/%d in the file, %d/%d in the table",
				c.ID, r.table.Name, m.physical, m.width, c.Physical, c.Width), nil)
		}
		r.columns = append(r.columns, c)
	}
	return nil
}

// read reads n bytes, all of which must be there.
func (f *contents) read(offset int64, n int) ([]byte, error) {
	buf := make([]byte, n)
	return buf, f.readInto(buf, offset)
}

func (f *contents) readInto(buf []byte, offset int64) error {
	n, err := f.file.ReadAt(buf, offset)
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return f.corrupt(offset, fmt.Sprintf("%d of %d bytes are there", n, len(buf)), nil)
	}
	return fmt.Errorf("table file %s: read at %d: %w", f.path, offset, err)
}

func (f *contents) corrupt(offset int64, what string, cause error) error {
	return &CorruptError{File: f.path, Offset: offset, What: what, Cause: cause}
}

// broken names the file in an error of a decoder.
func (f *contents) broken(offset int64, err error) error {
	if errors.Is(err, ErrVersion) {
		return fmt.Errorf("table file %s: %w", f.path, err)
	}
	return f.corrupt(offset, err.Error(), nil)
}
