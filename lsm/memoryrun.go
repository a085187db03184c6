package lsm

import (
	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/lsm/memtable"
	"github.com/eskerdb/esker/mutation"
)

// memoryRun is the rows that a memtable has of a partition.
type memoryRun struct {
	p           *memtable.Partition
	first, last []byte
}

func runsOf(p *memtable.Partition) []mutation.Run {
	first, last := p.Bounds()
	if first == nil {
		return nil
	}
	return []mutation.Run{&memoryRun{p, first, last}}
}

// Bounds implements mutation.Run.
func (r *memoryRun) Bounds() (first, last []byte) { return r.first, r.last }

// Rows implements mutation.Run.
func (r *memoryRun) Rows(slices clustering.Slices, reverse bool) mutation.RowSource {
	return r.p.Rows(slices, reverse)
}

// Batches implements mutation.Run.
func (r *memoryRun) Batches(*mutation.ReadRequest) mutation.BatchSource { return nil }

// Blocks implements mutation.Run.
func (r *memoryRun) Blocks() mutation.BlockSource { return nil }
