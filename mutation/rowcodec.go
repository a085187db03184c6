package mutation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrCorrupt means that bytes are not what an Encoder or AppendRow writes.
var ErrCorrupt = errors.New("corrupt mutation")

// Flags of an encoded row; on disk: never reuse.
const (
	rowHasLive        = 1 << 0
	rowLiveOwn        = 1 << 1 // the marker has a stamp of its own, else the common one
	rowHasDeletion    = 1 << 2
	rowHasSequence    = 1 << 3
	rowCellsCommon    = 1 << 4 // every cell is a value with the common stamp
	rowSameColumns    = 1 << 5 // the columns of the row before
	rowSameClustering = 1 << 6 // the clustering of the row before
	rowStampOwn       = 1 << 7 // the common stamp is another one from here on
	rowFlagsAlone     = 1<<5 - 1
)

// Kinds of an encoded cell; on disk: never reuse.
const (
	cellCommon    = 1 // a value with the common stamp
	cellOwn       = 2 // a value with a stamp of its own
	cellTombstone = 3
	cellComplex   = 4 // of a multi-cell column: an encoded Complex, which says all else
)

// stamp is what all cells of one statement have in common.
type stamp struct {
	timestamp int64
	ttl       int32
	expiresAt int64
}

func (s stamp) has(c *Cell) bool {
	return c.Timestamp == s.timestamp && c.TTL == s.ttl && c.ExpiresAt == s.expiresAt && !c.IsTombstone() && !c.Complex
}

// commonStamp guesses the stamp that most of a row has.
func commonStamp(row *Row) stamp {
	for i := range row.Cells {
		if c := &row.Cells[i]; !c.IsTombstone() && !c.Complex {
			return stamp{c.Timestamp, c.TTL, c.ExpiresAt}
		}
	}
	if !row.Live.IsNone() {
		return stamp{row.Live.Timestamp, row.Live.TTL, row.Live.ExpiresAt}
	}
	if len(row.Cells) > 0 {
		return stamp{timestamp: row.Cells[0].Timestamp, expiresAt: Forever}
	}
	return stamp{timestamp: row.Deletion.MarkedAt, expiresAt: Forever}
}

func appendStamp(dst []byte, s stamp, base int64) []byte {
	dst = binary.AppendVarint(dst, s.timestamp-base)
	dst = binary.AppendUvarint(dst, uint64(s.ttl))
	return appendEnd(dst, s.expiresAt)
}

func (r *reader) stamp(base int64) stamp {
	return stamp{base + r.varint(), int32(r.upTo(math.MaxInt32)), r.end()}
}

func appendDeletion(dst []byte, d Deletion, base int64) []byte {
	dst = binary.AppendVarint(dst, d.MarkedAt-base)
	return binary.AppendUvarint(dst, uint64(d.LocalSec))
}

func (r *reader) deletion(base int64) Deletion {
	d := Deletion{base + r.varint(), int64(r.upTo(math.MaxInt64))}
	if d.LocalSec == 0 {
		r.fail()
	}
	return d
}

// AppendRow appends an encoding of row, clustering first, that DecodeRow reads back.
func AppendRow(dst []byte, row *Row) []byte {
	common := commonStamp(row)
	flags := rowFlags(row, common)
	dst = appendBytes(dst, row.Clustering)
	dst = append(appendStamp(dst, common, 0), flags)
	return appendRowBody(dst, row, common, flags, nil)
}

// DecodeRow decodes what AppendRow wrote into row and returns the bytes behind it. It
// reuses row.Cells; clustering and values are part of src.
func DecodeRow(src []byte, row *Row) ([]byte, error) {
	r := reader{src: src}
	row.Clustering = r.bytes()
	common, flags := r.stamp(0), r.byte()
	if flags&^byte(rowFlagsAlone) != 0 {
		r.fail()
	}
	row.Cells = r.rowBody(row, common, flags, row.Cells[:0])
	if r.bad {
		return nil, fmt.Errorf("row: %w", ErrCorrupt)
	}
	return r.src, nil
}

// rowFlags returns the flags of a row that is coded alone.
func rowFlags(row *Row, common stamp) byte {
	var flags byte
	if !row.Live.IsNone() {
		flags |= rowHasLive
		if (stamp{row.Live.Timestamp, row.Live.TTL, row.Live.ExpiresAt}) != common {
			flags |= rowLiveOwn
		}
	}
	if !row.Deletion.IsNone() {
		flags |= rowHasDeletion
	}
	if row.Sequence != 0 {
		flags |= rowHasSequence
	}
	for i := range row.Cells {
		if !common.has(&row.Cells[i]) {
			return flags
		}
	}
	return flags | rowCellsCommon
}

// appendRowBody appends what follows the flags, the clustering and the common stamp. before is the
// cells of the row in front if the flags say that their columns are the same.
func appendRowBody(dst []byte, row *Row, common stamp, flags byte, before []Cell) []byte {
	if flags&rowHasSequence != 0 {
		dst = binary.AppendUvarint(dst, row.Sequence)
	}
	if flags&rowLiveOwn != 0 {
		dst = appendStamp(dst, stamp{row.Live.Timestamp, row.Live.TTL, row.Live.ExpiresAt}, common.timestamp)
	}
	if flags&rowHasDeletion != 0 {
		dst = appendDeletion(dst, row.Deletion, common.timestamp)
	}
	if flags&rowSameColumns != 0 {
		return appendSameCells(dst, row.Cells, common, flags, before)
	}
	dst = binary.AppendUvarint(dst, uint64(len(row.Cells)))
	next := ColumnID(0)
	for i := range row.Cells {
		c := &row.Cells[i]
		dst = binary.AppendUvarint(dst, uint64(c.Column-next))
		next = c.Column + 1
		if flags&rowCellsCommon == 0 {
			dst = appendCellHead(dst, c, common)
		}
		if !c.IsTombstone() {
			dst = appendBytes(dst, c.Value)
		}
	}
	return dst
}

// appendSameCells appends cells against those of the row before, which has the same columns.
func appendSameCells(dst []byte, cells []Cell, common stamp, flags byte, before []Cell) []byte {
	at := len(dst)
	for range (len(cells) + 7) / 8 {
		dst = append(dst, 0)
	}
	for i := range cells {
		c := &cells[i]
		if flags&rowCellsCommon == 0 {
			dst = appendCellHead(dst, c, common)
		}
		switch {
		case c.IsTombstone():
		case bytes.Equal(c.Value, before[i].Value):
			dst[at+i/8] |= 1 << (i % 8)
		default:
			dst = appendAlike(dst, c.Value, before[i].Value)
		}
	}
	return dst
}

func appendCellHead(dst []byte, c *Cell, common stamp) []byte {
	switch {
	case c.IsTombstone():
		dst = append(dst, cellTombstone)
		dst = binary.AppendVarint(dst, c.Timestamp-common.timestamp)
		return binary.AppendUvarint(dst, uint64(c.ExpiresAt))
	case c.Complex:
		return append(dst, cellComplex)
	case common.has(c):
		return append(dst, cellCommon)
	}
	dst = append(dst, cellOwn)
	return appendStamp(dst, stamp{c.Timestamp, c.TTL, c.ExpiresAt}, common.timestamp)
}

// rowBody reads what appendRowBody wrote of a row coded alone, its cells to the end of cells, and
// returns those.
func (r *reader) rowBody(row *Row, common stamp, flags byte, cells []Cell) []Cell {
	r.rowHead(row, common, flags)
	// A cell takes two bytes at least: a claim beyond the source is not believed.
	count := int(r.upTo(uint64(len(r.src) / 2)))
	start := len(cells)
	next := uint64(0)
	for range count {
		if r.bad {
			return cells[:start]
		}
		id := next + r.upTo(math.MaxUint32)
		if id > math.MaxUint32 {
			r.fail()
		}
		c := Cell{Column: ColumnID(id)}
		next = id + 1
		r.cellHead(&c, common, flags)
		if !c.IsTombstone() {
			c.Value = r.bytes()
		}
		if c.Complex {
			r.complexValue(&c)
		}
		cells = append(cells, c)
	}
	row.Cells = cells[start:len(cells):len(cells)]
	return cells
}

// rowHead reads what lies between the flags and the cells.
func (r *reader) rowHead(row *Row, common stamp, flags byte) {
	row.Sequence, row.Live, row.Deletion, row.Cells = 0, Liveness{}, Deletion{}, nil
	if flags&rowLiveOwn != 0 && flags&rowHasLive == 0 {
		r.fail()
	}
	if flags&rowHasSequence != 0 {
		row.Sequence = r.uvarint()
	}
	if flags&rowHasLive != 0 {
		s := common
		if flags&rowLiveOwn != 0 {
			s = r.stamp(common.timestamp)
		}
		row.Live = Liveness{s.timestamp, s.ttl, s.expiresAt}
	}
	if flags&rowHasDeletion != 0 {
		row.Deletion = r.deletion(common.timestamp)
	}
}

// cellHead reads all of a cell but its column and value.
func (r *reader) cellHead(c *Cell, common stamp, flags byte) {
	kind := byte(cellCommon)
	if flags&rowCellsCommon == 0 {
		kind = r.byte()
	}
	switch kind {
	case cellCommon:
	case cellOwn:
		common = r.stamp(common.timestamp)
	case cellTombstone:
		c.Timestamp = common.timestamp + r.varint()
		c.ExpiresAt = int64(r.upTo(math.MaxInt64 - 1))
		if c.ExpiresAt == 0 {
			r.fail()
		}
		return
	case cellComplex:
		c.Complex = true
		return
	default:
		r.fail()
		return
	}
	if common.ttl == 0 && common.expiresAt != Forever {
		r.fail() // a value that would read as a tombstone
	}
	c.Timestamp, c.TTL, c.ExpiresAt = common.timestamp, common.ttl, common.expiresAt
}
