package sstable

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// LargestMax is how many partitions a file names as its largest.
const LargestMax = 100

// waitingBytesMax is how many bytes the keys of partitions may have that share the row group being filled, before it is closed.
const waitingBytesMax = 1 << 20

// profileBytesMax is more than any profile has.
const profileBytesMax = LargestMax * (partition.KeyBytesMax + 32)

// Profile says what of a file nobody needs to read it, but who runs the server wants to know. It is read when it is asked for.
type Profile struct {
	Tombstones Tombstones
	Largest    []PartitionSize // the largest first, by bytes; at most LargestMax
}

// Tombstones counts what deletes.
type Tombstones struct {
	Partitions int64 // deletions of partitions
	Ranges     int64
	Rows       int64
	Cells      int64 // of multi-cell columns their deletions and those of elements
}

// Sum is how many there are.
func (t Tombstones) Sum() int64 { return t.Partitions + t.Ranges + t.Rows + t.Cells }

// PartitionSize is what a partition has in a file. The bytes of a row group that it shares with others are divided by what the rows
// of each hold before they are encoded.
type PartitionSize struct {
	Key         []byte
	Rows, Bytes int64
}

// addRow counts what a row deletes, or a static one, but for what lies in cells of multi-cell columns.
func (t *Tombstones) addRow(row *mutation.Row) {
	if !row.Deletion.IsNone() {
		t.Rows++
	}
	for i := range row.Cells {
		if row.Cells[i].IsTombstone() {
			t.Cells++
		}
	}
}

func (t *Tombstones) addSide(side *mutation.Side) {
	if !side.Deletion.IsNone() {
		t.Partitions++
	}
	t.Ranges += int64(len(side.Ranges))
	if side.Static != nil {
		t.addRow(side.Static)
		held, _ := side.Static.ComplexReach()
		t.Cells += int64(held.Tombstones)
	}
}

// sizes finds the largest partitions of a file as it is written.
type sizes struct {
	current PartitionSize // without key
	weight  int64         // of the rows of the current one in the row group being filled
	sum     int64         // of the weights of all of its rows
	waiting []waitingSize // those before it that have rows in that row group, too
	keys    []byte        // theirs
	largest []PartitionSize
}

// waitingSize is a partition that has all its rows, of which some are in a row group that is not encoded.
type waitingSize struct {
	PartitionSize
	keyEnd int // in sizes.keys
	weight int64
}

// add counts rows of the current partition with values of so many bytes.
func (s *sizes) add(rows, bytes int) {
	s.current.Rows += int64(rows)
	weight := int64(rows + bytes)
	s.weight, s.sum = s.weight+weight, s.sum+weight
}

// next ends the current partition.
func (s *sizes) next(key []byte) {
	if s.weight == 0 {
		s.offer(s.current, key)
	} else {
		s.keys = append(s.keys, key...)
		s.waiting = append(s.waiting, waitingSize{s.current, len(s.keys), s.weight})
	}
	s.current, s.weight = PartitionSize{}, 0
}

// closeGroup shares out the bytes of the row group that was filled.
func (s *sizes) closeGroup(bytes int64) {
	from := 0
	for i := range s.waiting {
		w := &s.waiting[i]
		w.Bytes += share(bytes, w.weight, s.sum)
		s.offer(w.PartitionSize, s.keys[from:w.keyEnd])
		from = w.keyEnd
	}
	s.current.Bytes += share(bytes, s.weight, s.sum)
	s.waiting, s.keys, s.weight, s.sum = s.waiting[:0], s.keys[:0], 0, 0
}

// share is the part of bytes that a weight has in the sum of weights.
func share(bytes, weight, sum int64) int64 {
	high, low := bits.Mul64(uint64(bytes), uint64(weight))
	part, _ := bits.Div64(high, low, uint64(sum))
	return int64(part)
}

// offer takes a partition in if it is among the largest. They are a heap, the smallest first.
func (s *sizes) offer(p PartitionSize, key []byte) {
	if len(s.largest) < LargestMax {
		p.Key = bytes.Clone(key)
		s.largest = append(s.largest, p)
		for i := len(s.largest) - 1; i > 0 && s.largest[i].Bytes < s.largest[(i-1)/2].Bytes; i = (i - 1) / 2 {
			s.largest[i], s.largest[(i-1)/2] = s.largest[(i-1)/2], s.largest[i]
		}
		return
	}
	if p.Bytes <= s.largest[0].Bytes {
		return
	}
	p.Key = append(s.largest[0].Key[:0], key...)
	s.largest[0] = p
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.largest); child++ {
			if s.largest[child].Bytes < s.largest[least].Bytes {
				least = child
			}
		}
		if least == i {
			return
		}
		s.largest[i], s.largest[least] = s.largest[least], s.largest[i]
		i = least
	}
}

// SortSizes sorts partitions, the largest first.
func SortSizes(sizes []PartitionSize) {
	slices.SortFunc(sizes, func(a, b PartitionSize) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Rows, a.Rows), bytes.Compare(a.Key, b.Key))
	})
}

func appendProfile(dst []byte, p *Profile) []byte {
	t := &p.Tombstones
	for _, v := range []int64{t.Partitions, t.Ranges, t.Rows, t.Cells, int64(len(p.Largest))} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	for i := range p.Largest {
		dst = appendBytes(dst, p.Largest[i].Key)
		dst = binary.AppendUvarint(dst, uint64(p.Largest[i].Rows))
		dst = binary.AppendUvarint(dst, uint64(p.Largest[i].Bytes))
	}
	return dst
}

// decodeProfile decodes the whole section.
func decodeProfile(src []byte) (*Profile, error) {
	const most = 1 << 62
	c := cursor{src: src}
	p := &Profile{}
	for _, v := range []*int64{&p.Tombstones.Partitions, &p.Tombstones.Ranges, &p.Tombstones.Rows, &p.Tombstones.Cells} {
		*v = int64(c.upTo(most))
	}
	n := c.count(3)
	if n > LargestMax {
		c.fail()
		n = 0
	}
	p.Largest = make([]PartitionSize, n)
	for i := range p.Largest {
		s := &p.Largest[i]
		s.Key, s.Rows, s.Bytes = bytes.Clone(c.bytes()), int64(c.upTo(most)), int64(c.upTo(most))
		if len(s.Key) > partition.KeyBytesMax || i > 0 && s.Bytes > p.Largest[i-1].Bytes {
			c.fail()
		}
	}
	if c.bad || len(c.src) != 0 {
		return nil, errors.New("profile does not decode")
	}
	return p, nil
}

// Profile reads the profile of the file. It is nil for one that was written before files had it.
func (r *Reader) Profile() (*Profile, error) {
	s := r.profile
	if s.length == 0 {
		return nil, nil
	}
	if s.length > profileBytesMax {
		return nil, r.corrupt(int64(s.offset), fmt.Sprintf("profile of %d bytes", s.length), nil)
	}
	body, err := r.read(int64(s.offset), int(s.length))
	if err != nil {
		return nil, err
	}
	if checksum(body) != s.checksum {
		return nil, r.corrupt(int64(s.offset), "profile", errChecksum)
	}
	p, err := decodeProfile(body)
	if err != nil {
		return nil, r.corrupt(int64(s.offset), "profile", err)
	}
	return p, nil
}

// SizeOf is what the file has of a partition: exactly its rows, and about its bytes, those of a row group that it shares by rows. It
// reads index and directory alone.
func (r *Reader) SizeOf(key partition.DecoratedKey) (rows, bytes int64, err error) {
	at, found, err := r.find(key)
	if !found || err != nil {
		return 0, 0, err
	}
	if at.hasSide {
		side, err := r.record(r.contents.side, at.side)
		if err != nil {
			return 0, 0, err
		}
		bytes = int64(len(side))
	}
	if at.start == at.end {
		return 0, bytes, nil
	}
	var g group
	for n := at.start.group(); n <= at.lastGroup(); n++ {
		if err := r.group(n, &g); err != nil {
			return 0, 0, err
		}
		from, to := 0, g.rows
		if n == at.start.group() {
			from = at.start.row()
		}
		if n == at.end.group() {
			to = at.end.row()
		}
		if from > to || to > g.rows {
			return 0, 0, r.corruptGroup(n, "rows %d to %d of %d are of one partition", from, to, g.rows)
		}
		rows += int64(to - from)
		bytes += share(int64(g.length), int64(to-from), int64(g.rows))
	}
	return rows, bytes, nil
}

// profile notes what the profile says of partitions.
func (v *verifier) profile() error {
	p, err := v.r.Profile()
	if p == nil || err != nil {
		return err
	}
	v.sizes = make(map[string]int64, len(p.Largest))
	for i := range p.Largest {
		v.sizes[string(p.Largest[i].Key)] = p.Largest[i].Rows
	}
	return nil
}

// size compares the rows of the current partition with those it has in the profile.
func (v *verifier) size(rows int64) error {
	want, named := v.sizes[string(v.key.Key)]
	if named && want != rows {
		return v.r.corrupt(int64(v.r.contents.profile.offset), fmt.Sprintf("profile: %d rows of partition %x, which has %d", want, v.key.Key, rows), nil)
	}
	delete(v.sizes, string(v.key.Key))
	return nil
}
