package jobs

import (
	"bytes"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Place is how far a walk over the rows of a table has come. The zero value is its beginning.
type Place struct {
	Key        partition.DecoratedKey // of the last partition looked at; its Key is nil at the beginning
	Clustering []byte                 // of the last row passed in it
	Within     bool                   // rows behind Clustering are still to come; else the partition is done
}

// Fraction is the share of all tokens that lie before the place.
func (p *Place) Fraction() float64 {
	if p.Key.Key == nil {
		return 0
	}
	return (float64(p.Key.Token) + 1<<63) / (1 << 64)
}

// after is the tokens from the place on.
func (p *Place) after() partition.Range {
	if p.Key.Key == nil {
		return partition.Range{}
	}
	return partition.Range{Start: p.Key.Token, HasStart: true}
}

// slice is what is left of the partition at hand; false: nothing is.
func (p *Place) slice(key *partition.DecoratedKey) (clustering.Slice, bool) {
	if p.Key.Key == nil {
		return clustering.Whole(), true
	}
	switch order := key.Compare(p.Key); {
	case order < 0, order == 0 && !p.Within:
		return clustering.Slice{}, false
	case order > 0:
		return clustering.Whole(), true
	}
	return clustering.Slice{Start: clustering.After(p.Clustering), End: clustering.After(nil)}, true
}

// passed makes p the place behind a row, or behind a whole partition.
func (p *Place) passed(key *partition.DecoratedKey, row *mutation.Row) {
	if p.Key.Key == nil || key.Compare(p.Key) != 0 {
		p.Key = partition.DecoratedKey{Token: key.Token, Key: bytes.Clone(key.Key)}
	}
	p.Clustering, p.Within = nil, row != nil
	if p.Within {
		p.Clustering = append([]byte{}, row.Clustering...)
	}
}

// Rows is what a walk needs of the store at one sequence.
type Rows interface {
	Rows(table mutation.TableID, key partition.DecoratedKey, slices clustering.Slices) (*mutation.Side, mutation.RowSource, error)
	Keys(table mutation.TableID, r partition.Range) (mutation.KeyIterator, error)
}

// Next says how a walk goes on.
type Next uint8

const (
	NextRow       Next = iota // with the next row
	NextPartition             // behind the partition
	Stop                      // not at all: the walk ends behind the row, or behind the partition
)

// Visit is called for each partition, with a nil row, and then for each of its merged rows, deleted and ended ones
// included. They are valid until it returns. A partition that a walk resumes is not told again.
type Visit func(key *partition.DecoratedKey, side *mutation.Side, row *mutation.Row) (Next, error)

// partitionsMax is how many partitions a step of a walk looks at, however few rows they have.
const partitionsMax = 4096

// Walk visits the rows of a table from a place on, in the order of partitions and clustering. It returns where it
// stopped, and whether that is the end. A view is not needed any more once it has returned.
func Walk(view Rows, table mutation.TableID, from Place, visit Visit) (to Place, done bool, err error) {
	keys, err := view.Keys(table, from.after())
	if err != nil {
		return from, false, err
	}
	defer keys.Close()
	to = from
	for partitions := 0; partitions < partitionsMax; {
		key, err := keys.Next()
		if err != nil {
			return to, false, err
		}
		if key == nil {
			return to, true, nil
		}
		slice, left := to.slice(key)
		if !left {
			continue
		}
		partitions++
		stopped, err := walkPartition(view, table, key, slice, &to, visit)
		if err != nil || stopped {
			return to, false, err
		}
	}
	return to, false, nil
}

func walkPartition(view Rows, table mutation.TableID, key *partition.DecoratedKey, slice clustering.Slice, to *Place, visit Visit) (stopped bool, err error) {
	side, rows, err := view.Rows(table, *key, clustering.MakeSlices([]clustering.Slice{slice}))
	if err != nil {
		return false, err
	}
	next := NextRow
	if !to.Within || key.Compare(to.Key) != 0 {
		next, err = visit(key, side, nil)
	}
	for err == nil && next == NextRow {
		var row *mutation.Row
		if row, err = rows.Next(); err != nil || row == nil {
			break
		}
		if next, err = visit(key, side, row); err == nil && next == Stop {
			to.passed(key, row)
			return true, nil
		}
	}
	if err == nil {
		to.passed(key, nil)
	}
	return next == Stop, err
}
