package exec

import (
	"math"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// keys walks the partitions of a range that have raw rows, or rows of a level: those of rollups may outlive all others.
func (s *stitch) keys(r partition.Range) (mutation.KeyIterator, error) {
	tables := []*schema.Table{s.run.plan.Table}
	for i := range s.plan.Levels {
		if level := s.plan.Levels[i].Table; s.src.RetainedFrom(level) != math.MaxInt64 {
			tables = append(tables, level)
		}
	}
	out := &unitedKeys{}
	for _, t := range tables {
		it, err := s.src.Keys(t, r)
		if err != nil {
			out.Close()
			return nil, err
		}
		out.from = append(out.from, keySource{it: it})
	}
	return out, nil
}

// unitedKeys walks the keys of several tables, each once.
type unitedKeys struct {
	from []keySource
	last partition.DecoratedKey
}

// keySource is a walk with the key it has come to.
type keySource struct {
	it    mutation.KeyIterator
	key   *partition.DecoratedKey
	begun bool // key is known; nil: the walk is over
}

// Next implements mutation.KeyIterator.
func (u *unitedKeys) Next() (*partition.DecoratedKey, error) {
	var least *partition.DecoratedKey
	for i := range u.from {
		f := &u.from[i]
		if !f.begun {
			var err error
			if f.key, err = f.it.Next(); err != nil {
				return nil, err
			}
			f.begun = true
		}
		if f.key != nil && (least == nil || f.key.Compare(*least) < 0) {
			least = f.key
		}
	}
	if least == nil {
		return nil, nil
	}
	u.last = partition.DecoratedKey{Token: least.Token, Key: append(u.last.Key[:0:0], least.Key...)}
	for i := range u.from {
		if f := &u.from[i]; f.key != nil && f.key.Compare(u.last) == 0 {
			f.begun = false
		}
	}
	return &u.last, nil
}

// Close implements mutation.KeyIterator.
func (u *unitedKeys) Close() {
	for i := range u.from {
		u.from[i].it.Close()
	}
}
