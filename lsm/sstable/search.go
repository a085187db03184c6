package sstable

import (
	"encoding/binary"
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
	if d.r.keys.isSingleWord() && d.key[0].kind == chunkWords {
		if word, ok := d.wordOf(bound); ok {
			return d.searchWord(word, bound.Side == clustering.SideAfter, s), nil
		}
	}
	return s.from + sort.Search(s.to-s.from, func(i int) bool {
		return bound.CompareKey(d.clustering(s.from+i)) < 0
	}), nil
}

// wordOf returns the value that a bound on a single column of eight bytes is at; false: it is at none.
func (d *decoder) wordOf(bound clustering.Bound) (int64, bool) {
	if len(bound.Prefix) == 0 {
		return 0, false
	}
	var values [1][]byte
	parts, data, err := d.r.keys.split(values[:0], d.scratch[:0], bound.Prefix)
	d.scratch = data
	if err != nil || len(parts[0]) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(parts[0])), true
}

// searchWord is searchRow in words: it returns the first row of a span at or, if so asked, behind that one.
func (d *decoder) searchWord(word int64, behind bool, s *span) int {
	c, desc := d.key[0], d.r.keys.layout[0].Desc
	words := c.words[s.from-c.lo : s.to-c.lo]
	low, high := 0, len(words)
	for low < high {
		middle := int(uint(low+high) / 2)
		if w := int64(words[middle]); w == word && behind || w != word && w < word != desc {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return s.from + low
}
