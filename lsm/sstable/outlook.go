package sstable

import "github.com/eskerdb/esker/clustering"

// spansLookMax is how many row groups of a partition Spans goes through.
const spansLookMax = 4096

// Spans tells which row groups of the partition a read of the slices would decode: visit gets of each the number of
// rows, and its first and last clustering. all is how many row groups the partition has. Of a partition with very many
// it stops early; more is how many it did not get to. No row is read but where small partitions share a row group.
func (p *Partition) Spans(in clustering.Slices, visit func(rows int, first, last []byte)) (all, more int, err error) {
	if !p.hasRows() {
		return 0, 0, nil
	}
	all = p.at.lastGroup() + 1 - p.at.start.group()
	cursor := p.spansIn(in, false, everyRow)
	for range spansLookMax {
		s, err := cursor.next()
		if s == nil || err != nil {
			return all, 0, err
		}
		visit(s.to-s.from, s.first, s.last)
	}
	return all, cursor.end - cursor.low, nil
}
