package jobs

import (
	"slices"

	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// Keyed is what a walk over partitions needs of the store at one sequence.
type Keyed interface {
	Keys(table mutation.TableID, r partition.Range) (mutation.KeyIterator, error)
}

// Partitions are the next partitions that some of the tables have, behind one, in the order of token and key: at most so many. A
// nil after.Key is the beginning; an empty answer is the end. The keys are the caller's.
func Partitions(view Keyed, tables []mutation.TableID, after partition.DecoratedKey, most int) ([]partition.DecoratedKey, error) {
	var out []partition.DecoratedKey
	for _, table := range tables {
		var err error
		if out, err = appendPartitions(out, view, table, after, most); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, partition.DecoratedKey.Compare)
	out = slices.CompactFunc(out, partition.DecoratedKey.Equal)
	return out[:min(len(out), most)], nil
}

// appendPartitions adds those of one table.
func appendPartitions(out []partition.DecoratedKey, view Keyed, table mutation.TableID, after partition.DecoratedKey, most int) ([]partition.DecoratedKey, error) {
	from := Place{Key: after}
	keys, err := view.Keys(table, from.after())
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	for n := 0; n < most; {
		key, err := keys.Next()
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		if after.Key != nil && key.Compare(after) <= 0 {
			continue
		}
		out = append(out, partition.DecoratedKey{Token: key.Token, Key: slices.Clone(key.Key)})
		n++
	}
	return out, nil
}
