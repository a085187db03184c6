package sstable

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

const (
	blockBytes      = 4096  // about, of a block; a single larger entry has one of its own
	blockEntriesMax = 65536 // of a block
	fenceOverhead   = 64    // bytes about, of a fence in memory with its slot
	fileOverhead    = 4096  // bytes about, of an open file beside its fences
)

// fences say where the blocks of a section lie. They stay in memory while the file is open.
type fences struct {
	firsts  []uint64 // number of the first entry of each block; of the index its token, with the sign bit inverted
	offsets []uint64 // in the file
	lengths []uint32 // with checksum
	total   uint64   // entries of all blocks
}

// find returns the last block that begins at or before first; −1: none does.
func (f *fences) find(first uint64) int {
	low, high := 0, len(f.firsts)
	for low < high {
		if middle := int(uint(low+high) / 2); f.firsts[middle] <= first {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// numbered reports whether the blocks have the entries from 0 on, each at least one.
func (f *fences) numbered() bool {
	next := uint64(0)
	for i, first := range f.firsts {
		if i == 0 && first != 0 || i > 0 && first < next {
			return false
		}
		next = first + 1
	}
	return next <= f.total && (f.total == 0 || next > 0)
}

// size returns how many entries a block of a numbered section has.
func (f *fences) size(block int) int {
	if block+1 < len(f.firsts) {
		return int(f.firsts[block+1] - f.firsts[block])
	}
	return int(f.total - f.firsts[block])
}

// fenceBuilder collects fences as they are written.
type fenceBuilder struct {
	body   []byte
	blocks uint64
	total  uint64
	first  uint64 // of the last block
	end    uint64 // of the last block, in the file
}

// add notes a block of n entries. More may follow it in body.
func (b *fenceBuilder) add(first, offset uint64, length, n int) {
	b.body = binary.AppendUvarint(b.body, first-b.first)
	b.body = binary.AppendUvarint(b.body, offset-b.end)
	b.body = binary.AppendUvarint(b.body, uint64(length))
	b.blocks, b.total = b.blocks+1, b.total+uint64(n)
	b.first, b.end = first, offset+uint64(length)
}

func (b *fenceBuilder) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, b.total)
	dst = binary.AppendUvarint(dst, b.blocks)
	return append(dst, b.body...)
}

// fences reads fences of blocks that lie between the header and end. more, if not nil, reads what follows each.
func (c *cursor) fences(end uint64, more func(block int)) fences {
	f := fences{total: c.uvarint()}
	n := c.count(3)
	f.firsts, f.offsets, f.lengths = make([]uint64, n), make([]uint64, n), make([]uint32, n)
	first, at := uint64(0), uint64(0)
	for i := range n {
		before := first
		first += c.uvarint()
		at += c.uvarint()
		length := c.upTo(1<<32 - 1)
		if first < before || at < headerBytes || at > end || uint64(length) > end-at || length <= checksumBytes {
			c.fail()
		}
		f.firsts[i], f.offsets[i], f.lengths[i] = first, at, uint32(length)
		at += uint64(length)
		if more != nil {
			more(i)
		}
	}
	return f
}

// paged is a section whose blocks are read when they are needed and kept in a cache.
type paged[T any] struct {
	fences
	name   string
	decode func(src []byte) (T, error)
	slots  []atomic.Pointer[page[T]]
}

// page is a decoded block.
type page[T any] struct {
	cached
	block T
}

func newPaged[T any](name string, f fences, decode func([]byte) (T, error)) *paged[T] {
	return &paged[T]{fences: f, name: name, decode: decode, slots: make([]atomic.Pointer[page[T]], len(f.firsts))}
}

// get returns a block, from memory or from the file.
func (p *paged[T]) get(f *contents, number int) (*T, error) {
	if found := p.slots[number].Load(); found != nil {
		f.cache.touch(&found.cached)
		return &found.block, nil
	}
	f.cache.missed(number)
	block, err := p.read(f, number)
	if err != nil {
		return nil, err
	}
	fresh := &page[T]{block: *block}
	fresh.owner, fresh.number, fresh.bytes = p, number, int64(p.lengths[number])+cacheOverhead
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	if other := p.slots[number].Load(); other != nil {
		return &other.block, nil // read twice at once
	}
	if f.cache.admitLocked(&fresh.cached) {
		p.slots[number].Store(fresh)
	}
	return &fresh.block, nil
}

// peek is get for those who go through everything once: what they read is not kept.
func (p *paged[T]) peek(f *contents, number int) (*T, error) {
	if found := p.slots[number].Load(); found != nil {
		return &found.block, nil
	}
	return p.read(f, number)
}

// read reads a block from the file.
func (p *paged[T]) read(f *contents, number int) (*T, error) {
	offset := int64(p.offsets[number])
	src, err := f.read(offset, int(p.lengths[number]))
	if err != nil {
		return nil, err
	}
	body := src[:len(src)-checksumBytes]
	if binary.LittleEndian.Uint32(src[len(body):]) != checksum(body) {
		return nil, f.corrupt(offset, p.what(number), errChecksum)
	}
	block, err := p.decode(body)
	if err != nil {
		return nil, f.corrupt(offset, p.what(number), err)
	}
	return &block, nil
}

func (p *paged[T]) what(number int) string { return fmt.Sprintf("block %d of the %s", number, p.name) }

// empty implements slotted.
func (p *paged[T]) empty(number int) { p.slots[number].Store(nil) }

// drop takes all blocks out of the cache: the file is closed.
func (p *paged[T]) drop(c *Cache) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p.slots {
		if old := p.slots[i].Swap(nil); old != nil {
			c.removeLocked(&old.cached)
		}
	}
}
