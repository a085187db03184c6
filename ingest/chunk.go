package ingest

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// chunk is a piece of a file: whole records, and the rows made of them. It is read, parsed and sent by one goroutine
// after the other, its batches by several, and then used again.
type chunk struct {
	number int64 // counted over all files
	file   *input
	begin  place // Rows is not kept here
	end    place // Rows is the chunk's alone
	raw    int64 // bytes of the stored file that were read so far
	text   []byte

	records scanner
	values  []wire.Value // of rows, one after another
	arena   []byte       // what values refer to
	rows    []rowAt
	order   []int32 // rows, those of one partition together

	open   atomic.Int32 // batches that are not done, and one until all are known
	stored atomic.Int64 // rows of those that are

	mu      sync.Mutex
	rejects []reject // guarded by mu while batches are sent
}

// rowAt is where a row's record stands in its chunk.
type rowAt struct {
	from, to  uint32 // bytes
	line      uint32
	partition uint32 // number of its partition in the chunk
}

// reject is a record that was refused.
type reject struct {
	line   int // in the file, from 1
	column string
	reason string
	record []byte
}

// wholeRecord stands where a reason is about no column.
const wholeRecord = "record"

// row returns the values of a row.
func (c *chunk) row(i int32) []wire.Value {
	width := len(c.file.layout.columns)
	return c.values[int(i)*width : (int(i)+1)*width]
}

// reject notes that the row i is refused. It is safe for concurrent use.
func (c *chunk) reject(i int32, column, reason string) {
	at := c.rows[i]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejects = append(c.rejects, reject{
		line: c.begin.Lines + int(at.line) + 1, column: column, reason: reason,
		record: bytes.Clone(c.text[at.from:at.to]),
	})
}

// parse makes rows of the text.
func (c *chunk) parse(delimiter byte) {
	c.values, c.arena, c.rows, c.rejects = c.values[:0], c.arena[:0], c.rows[:0], nil
	c.records.delimiter = delimiter
	c.records.reset(c.text)
	for c.records.next() {
		s := &c.records
		c.rows = append(c.rows, rowAt{from: uint32(s.from), to: uint32(s.at), line: uint32(s.recordLine)})
		start := len(c.values)
		if column, reason := c.addRow(); reason != "" {
			last := len(c.rows) - 1
			c.reject(int32(last), column, reason)
			c.rows, c.values = c.rows[:last], c.values[:start]
		}
	}
}

// addRow appends the values of the record just read, or says what is wrong with which column.
func (c *chunk) addRow() (column, reason string) {
	l, fields := c.file.layout, c.records.fields
	if c.records.fault != "" {
		return wholeRecord, c.records.fault
	}
	if len(fields) != len(l.targets) {
		return wholeRecord, fmt.Sprintf("%d fields where %d are expected", len(fields), len(l.targets))
	}
	start := len(c.values)
	c.values = append(c.values, l.blank...)
	row := c.values[start:]
	for i, at := range l.targets {
		if at < 0 {
			continue
		}
		field := fields[i]
		from := len(c.arena)
		var err error
		if len(field) > 0 {
			c.arena, err = l.converters[at].append(c.arena, field)
		}
		isEmpty := len(field) == 0 || err != nil && len(trim(field)) == 0 && l.columns[at].typ.Kind() != types.KindText
		switch {
		case isEmpty && l.columns[at].isKey():
			return l.columns[at].name, "a key column is empty"
		case isEmpty:
		case err != nil:
			return l.columns[at].name, err.Error()
		case l.columns[at].isKey() && len(c.arena)-from > keyBytesMax:
			return l.columns[at].name, fmt.Sprintf("a key value of %d bytes exceeds %d", len(c.arena)-from, keyBytesMax)
		default:
			row[at] = wire.Value{Bytes: c.arena[from:len(c.arena):len(c.arena)]}
		}
	}
	return "", ""
}

// grouper brings rows of one partition together. It is not safe for concurrent use.
type grouper struct {
	seed  maphash.Seed
	byKey map[uint64]uint32 // hash of a partition key → number
	count []int32           // rows of each partition, then where the next of them goes
}

func newGrouper() *grouper { return &grouper{seed: maphash.MakeSeed(), byKey: map[uint64]uint32{}} }

// group sets c.order: rows by partition, partitions in the order of their first row. Two partitions whose hashes are
// equal count as one, which costs nothing but the grouping.
func (g *grouper) group(c *chunk) {
	clear(g.byKey)
	g.count = g.count[:0]
	var lastHash uint64
	last := uint32(0)
	for i := range c.rows {
		hash := g.hash(c, int32(i))
		if i == 0 || hash != lastHash {
			number, known := g.byKey[hash]
			if !known {
				number = uint32(len(g.count))
				g.byKey[hash] = number
				g.count = append(g.count, 0)
			}
			lastHash, last = hash, number
		}
		c.rows[i].partition = last
		g.count[last]++
	}
	next := int32(0)
	for i, n := range g.count {
		g.count[i] = next
		next += n
	}
	if cap(c.order) < len(c.rows) {
		c.order = make([]int32, len(c.rows), cap(c.rows))
	}
	c.order = c.order[:len(c.rows)]
	for i, row := range c.rows {
		c.order[g.count[row.partition]] = int32(i)
		g.count[row.partition]++
	}
}

func (g *grouper) hash(c *chunk, i int32) uint64 {
	row := c.row(i)
	var hash uint64
	for _, at := range c.file.layout.partition {
		hash = hash*0x9E3779B97F4A7C15 + maphash.Bytes(g.seed, row[at].Bytes)
	}
	return hash
}

// batch is some rows of a chunk that travel together.
type batch struct {
	chunk *chunk
	rows  []int32
}

// cut takes the next batch from rows, which is not empty: whole partitions as far as they fit.
func (c *chunk) cut(rows []int32, rowsMax int) (batch, []int32) {
	n, size := 0, 0
	perRow := 12 * len(c.file.layout.columns) // what values add to their texts at most, roughly
	for n < len(rows) && n < rowsMax {
		at := c.rows[rows[n]]
		size += int(at.to-at.from) + perRow
		if n > 0 && size > batchBytesMax {
			break
		}
		n++
	}
	return batch{c, rows[:n]}, rows[n:]
}
