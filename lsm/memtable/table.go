package memtable

import (
	"bytes"

	"github.com/eskerdb/esker/partition"
)

const (
	addressBits   = 48
	addressMask   = 1<<addressBits - 1
	tagBits       = 16
	tableClassMin = 4 // sixteen slots
)

// table finds partitions by key: open addressing over a power of two slots. A slot is the address of a part and
// the lowest bits of its token, which say whether to look there. 0 is free.
type table struct {
	slots ref
	class int // two to this are the slots
	used  int
}

// find returns the partition with that key, nil if there is none.
func (t *table) find(key partition.DecoratedKey) *part {
	if t.slots == 0 {
		return nil
	}
	hash := uint64(key.Token)
	mask := uint64(1)<<t.class - 1
	slots := wordsAt(t.slots, 1<<t.class)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := slots[i]
		if slot == 0 {
			return nil
		}
		if slot>>addressBits != hash&(1<<tagBits-1) {
			continue
		}
		if p := at[part](ref(slot & addressMask)); p.token == key.Token && bytes.Equal(p.key(), key.Key) {
			return p
		}
	}
}

// add adds a partition that is not there.
func (t *table) add(a *arena, p *part) {
	if t.slots == 0 {
		t.class = tableClassMin
		t.slots = a.block(t.class)
	}
	if t.used >= 1<<t.class/4*3 {
		t.grow(a)
	}
	t.used++
	hash := uint64(p.token)
	put(wordsAt(t.slots, 1<<t.class), hash, hash<<addressBits|uint64(refOf(p)))
}

func put(slots []uint64, hash, slot uint64) {
	mask := uint64(len(slots) - 1)
	i := hash & mask
	for slots[i] != 0 {
		i = (i + 1) & mask
	}
	slots[i] = slot
}

// grow doubles the slots. As long as the tag has all bits that choose a slot, no partition is looked at.
func (t *table) grow(a *arena) {
	old := t.slots
	slots := a.block(t.class + 1)
	for _, slot := range wordsAt(old, 1<<t.class) {
		if slot == 0 {
			continue
		}
		hash := slot >> addressBits
		if t.class+1 > tagBits {
			hash = uint64(at[part](ref(slot & addressMask)).token)
		}
		put(wordsAt(slots, 1<<(t.class+1)), hash, slot)
	}
	a.freeBlock(old, t.class)
	t.slots = slots
	t.class++
}
