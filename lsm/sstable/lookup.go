package sstable

import (
	"fmt"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// find returns what the index says of a partition.
func (f *contents) find(key partition.DecoratedKey) (e indexEntry, ok bool, err error) {
	token := inverted(key.Token)
	// Partitions of one token may lie in several blocks.
	for b := f.index.find(token); b >= 0; b-- {
		block, err := f.index.get(f, b)
		if err != nil {
			return e, false, err
		}
		if i, found := block.search(token, key.Key); found {
			e = block.entry(i)
			return e, true, f.checkEntry(b, e)
		}
		if f.index.firsts[b] != token {
			break
		}
	}
	return e, false, nil
}

// checkEntry checks that what the index says of a partition can be.
func (f *contents) checkEntry(block int, e indexEntry) error {
	if e.start < e.end && uint64(e.lastGroup()) >= f.directory.total || e.hasSide && e.side >= f.side.total {
		return f.corrupt(int64(f.index.offsets[block]), f.index.what(block)+": a partition lies behind the end", nil)
	}
	return nil
}

// lastGroup returns the row group of the last row; there is one.
func (e *indexEntry) lastGroup() int { return (e.end - 1).group() }

// groupCount is how many row groups there are, numbered from 0.
func (f *contents) groupCount() int { return int(f.directory.total) }

// directoryOf returns the block of the directory that has a row group, and its place there.
func (f *contents) directoryOf(number int) (*directoryBlock, int, error) {
	b := f.directory.find(uint64(number))
	block, err := f.directory.get(f, b)
	if err != nil {
		return nil, 0, err
	}
	i := number - int(f.directory.firsts[b])
	if i >= block.n {
		return nil, 0, f.corrupt(int64(f.directory.offsets[b]), fmt.Sprintf("%s: no row group %d", f.directory.what(b), number), nil)
	}
	return block, i, nil
}

// group reads the entry of a row group in the directory. What into holds is overwritten; its chunks may be used again.
func (f *contents) group(number int, into *group) error {
	block, i, err := f.directoryOf(number)
	if err != nil {
		return err
	}
	if !block.group(i, into, f.rowsEnd) {
		return f.corruptGroup(number, "its chunks are not in the file")
	}
	return nil
}

// record returns a numbered record of side data or statistics.
func (f *contents) record(p *paged[recordBlock], number uint64) ([]byte, error) {
	b := p.find(number)
	block, err := p.get(f, b)
	if err != nil {
		return nil, err
	}
	i := number - p.firsts[b]
	if i >= uint64(block.n) {
		return nil, f.corrupt(int64(p.offsets[b]), fmt.Sprintf("%s: no record %d", p.what(b), number), nil)
	}
	return block.record(int(i)), nil
}

// keyIterator yields the keys of a range of tokens. It keeps one block of the index.
type keyIterator struct {
	f       *contents
	until   partition.Range
	number  int // of the block
	block   *indexBlock
	next    int // in block
	current partition.DecoratedKey
}

// Keys yields the keys of the partitions in the range, those with nothing but deletions included. A key is
// valid until the next call.
func (r *Reader) Keys(in partition.Range) mutation.KeyIterator {
	k := &keyIterator{f: r.contents, until: in, number: -1}
	first := inverted(in.First())
	// Partitions of that token may begin in the block before.
	for k.number = r.index.find(first); k.number > 0 && r.index.firsts[k.number] == first; k.number-- {
	}
	k.number = max(k.number, 0)
	return k
}

// Next returns the next key; the end is nil, nil.
func (k *keyIterator) Next() (*partition.DecoratedKey, error) {
	for {
		if k.block == nil {
			if k.number >= len(k.f.index.firsts) {
				return nil, nil
			}
			block, err := k.f.index.peek(k.f, k.number)
			if err != nil {
				return nil, err
			}
			k.block, k.next = block, block.seek(inverted(k.until.First()))
		}
		for k.next < k.block.n {
			k.current.Key = k.block.appendKey(k.current.Key[:0], k.next)
			k.current.Token = partition.TokenOf(k.current.Key)
			k.next++
			if k.until.After(k.current.Token) {
				k.block, k.number = nil, len(k.f.index.firsts)
				return nil, nil
			}
			if !k.until.Before(k.current.Token) {
				return &k.current, nil
			}
		}
		k.block = nil
		k.number++
	}
}

// Close does nothing: an iterator holds nothing but memory.
func (k *keyIterator) Close() {}
