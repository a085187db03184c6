package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

// File is a table file as the manifest lists it.
type File struct {
	Table      mutation.TableID
	Number     uint64
	Bytes      int64
	Rows       int64
	Partitions int64
	Run        uint64 // files of one range with this number are one sorted run: the number of the first of them; 0: a run by itself
	WrittenSec int64  // when a merge that forgets wrote the file, seconds since 1970; 0: a flush did
	Final      bool   // written for good
	Split      bool   // of no range, and none of its rows belongs to one
}

const (
	fileFinal = 1 // on disk: never reuse
	fileSplit = 2 // on disk: never reuse
)

// Epoch says that parts of the commit log for Table with this epoch or a lower one are in
// files, or gone by TRUNCATE.
type Epoch struct {
	Table mutation.TableID
	Epoch uint64
}

// Edit leads from one state to the next. It is applied whole or not at all.
type Edit struct {
	RemovedTables []mutation.TableID // with their files and epochs
	Tables        []mutation.Table   // new or altered
	RemovedFiles  []uint64
	AddedFiles    []File
	Epochs        []Epoch
	Schema        []byte // nil: unchanged
	LogStart      uint64 // 0: unchanged
	NextFile      uint64 // 0: unchanged
	Sequence      uint64 // 0: unchanged
	LogSynced     Place  // zero: unchanged
}

// Place is a place in the commit log.
type Place struct {
	Segment uint64
	Offset  int64 // bytes
}

// Less reports whether p lies before q.
func (p Place) Less(q Place) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

const (
	tagAddedFile    = 1  // on disk: never reuse
	tagRemovedFile  = 2  // on disk: never reuse
	tagEpoch        = 3  // on disk: never reuse
	tagSchema       = 4  // on disk: never reuse
	tagTable        = 5  // on disk: never reuse
	tagRemovedTable = 6  // on disk: never reuse
	tagLogStart     = 7  // on disk: never reuse
	tagNextFile     = 8  // on disk: never reuse
	tagSequence     = 9  // on disk: never reuse
	tagLogSynced    = 10 // on disk: never reuse
)

// AppendEdit appends the body of e's frame.
func AppendEdit(dst []byte, e *Edit) []byte {
	for _, id := range e.RemovedTables {
		dst = appendField(dst, tagRemovedTable, id[:])
	}
	for i := range e.Tables {
		dst = appendField(dst, tagTable, appendTable(nil, &e.Tables[i]))
	}
	for _, n := range e.RemovedFiles {
		dst = appendNumber(dst, tagRemovedFile, n)
	}
	for i := range e.AddedFiles {
		dst = appendField(dst, tagAddedFile, appendFile(nil, &e.AddedFiles[i]))
	}
	for _, p := range e.Epochs {
		dst = appendField(dst, tagEpoch, binary.AppendUvarint(append([]byte(nil), p.Table[:]...), p.Epoch))
	}
	if e.Schema != nil {
		dst = appendField(dst, tagSchema, e.Schema)
	}
	dst = appendNumber(dst, tagLogStart, e.LogStart)
	dst = appendNumber(dst, tagNextFile, e.NextFile)
	dst = appendNumber(dst, tagSequence, e.Sequence)
	if p := e.LogSynced; p != (Place{}) {
		content := binary.AppendUvarint(nil, p.Segment)
		dst = appendField(dst, tagLogSynced, binary.AppendUvarint(content, uint64(p.Offset)))
	}
	return dst
}

func appendField(dst []byte, tag byte, content []byte) []byte {
	return appendBytes(append(dst, tag), content)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendNumber leaves out 0, which says that nothing changes.
func appendNumber(dst []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return appendField(dst, tag, binary.AppendUvarint(nil, n))
}

func appendFile(dst []byte, f *File) []byte {
	dst = append(dst, f.Table[:]...)
	dst = binary.AppendUvarint(dst, f.Number)
	dst = binary.AppendUvarint(dst, uint64(f.Bytes))
	dst = binary.AppendUvarint(dst, uint64(f.Rows))
	dst = binary.AppendUvarint(dst, uint64(f.Partitions))
	dst = binary.AppendUvarint(dst, f.Run)
	dst = binary.AppendUvarint(dst, uint64(f.WrittenSec))
	flags := byte(0)
	if f.Final {
		flags |= fileFinal
	}
	if f.Split {
		flags |= fileSplit
	}
	return append(dst, flags)
}

// file reads what appendFile wrote.
func (r *reader) file() File {
	f := File{
		Table: r.id(), Number: r.uvarint(), Bytes: r.length(), Rows: r.length(), Partitions: r.length(),
		Run: r.uvarint(), WrittenSec: r.length(),
	}
	flags := r.byte()
	r.bad = r.bad || flags > fileFinal|fileSplit
	f.Final, f.Split = flags&fileFinal != 0, flags&fileSplit != 0
	return f
}

// reader consumes a field; the first thing that does not fit sets bad.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.bad, r.src = true, nil
		return 0
	}
	r.src = r.src[n:]
	return v
}

// length reads a number that must fit an int64.
func (r *reader) length() int64 {
	v := r.uvarint()
	if v > 1<<62 {
		r.bad = true
		return 0
	}
	return int64(v)
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.src)) {
		r.bad, r.src = true, nil
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) id() (id mutation.TableID) {
	copy(id[:], r.take(uint64(len(id))))
	return id
}

// DecodeEdit reads the body of a frame. Byte slices are copies.
func DecodeEdit(src []byte) (*Edit, error) {
	e, r := &Edit{}, &reader{src: src}
	for len(r.src) > 0 {
		tag := r.byte()
		f := &reader{src: r.bytes()}
		if r.bad {
			return nil, fmt.Errorf("edit: field %d is cut short: %w", tag, ErrCorrupt)
		}
		if err := e.decodeField(tag, f); err != nil {
			return nil, err
		}
		if f.bad || len(f.src) > 0 {
			return nil, fmt.Errorf("edit: field %d: %w", tag, ErrCorrupt)
		}
	}
	return e, nil
}

func (e *Edit) decodeField(tag byte, f *reader) error {
	switch tag {
	case tagAddedFile:
		e.AddedFiles = append(e.AddedFiles, f.file())
	case tagRemovedFile:
		e.RemovedFiles = append(e.RemovedFiles, f.uvarint())
	case tagEpoch:
		e.Epochs = append(e.Epochs, Epoch{Table: f.id(), Epoch: f.uvarint()})
	case tagSchema:
		e.Schema = append([]byte{}, f.take(uint64(len(f.src)))...)
	case tagTable:
		t, err := decodeTable(f)
		if err != nil {
			return err
		}
		e.Tables = append(e.Tables, t)
	case tagRemovedTable:
		e.RemovedTables = append(e.RemovedTables, f.id())
	case tagLogStart:
		e.LogStart = f.uvarint()
	case tagNextFile:
		e.NextFile = f.uvarint()
	case tagSequence:
		e.Sequence = f.uvarint()
	case tagLogSynced:
		e.LogSynced = Place{Segment: f.uvarint(), Offset: f.length()}
	default:
		return fmt.Errorf("edit: unknown field %d: %w", tag, ErrCorrupt)
	}
	return nil
}
