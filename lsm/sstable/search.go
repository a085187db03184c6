package sstable

import (
	"sort"

	"github.com/eskerdb/esker/clustering"
)

// rangesOf appends which rows of a span lie in the slices, ascending. The clustering of the group was read.
func (d *decoder) rangesOf(dst []rowRange, slices clustering.Slices, s *span) ([]rowRange, error) {
	for _, slice := range slices[slices.Seek(s.first):] {
		if slice.Start.CompareKey(s.last) > 0 {
			break
		}
		r := rowRange{s.from, s.to}
		var err error
		if slice.Start.CompareKey(s.first) > 0 {
			r.from, err = d.searchRow(slice.Start, s)
		}
		if err == nil && slice.End.CompareKey(s.last) < 0 {
			r.to, err = d.searchRow(slice.End, s)
		}
		if err != nil {
			return dst, err
		}
		if r.from < r.to {
			dst = append(dst, r)
		}
	}
	return dst, nil
}

// searchRow returns the first row of a span behind the bound.
func (d *decoder) searchRow(bound clustering.Bound, s *span) (int, error) {
	for _, c := range d.key {
		if err := d.decode(c, s.from, s.to); err != nil {
			return 0, err
		}
	}
	return s.from + sort.Search(s.to-s.from, func(i int) bool {
		return bound.CompareKey(d.clustering(s.from+i)) < 0
	}), nil
}
