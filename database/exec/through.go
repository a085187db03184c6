package exec

import (
	"bytes"
	"fmt"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// throughKeys walks the partitions that an index names: those of its rows that live, each once.
type throughKeys struct {
	reader mutation.PartitionReader
	batch  *mutation.Batch
	i      int
	nowSec int64
	layout partition.Layout // of the base partition key
	from   []int            // of each of its columns: the clustering column of the index; -1: the indexed value
	value  []byte           // the indexed value
	values [][]byte         // of the key under way
	last   partition.DecoratedKey
}

// through opens the index of a plan, from where the page begins.
func (r *run) through() (*throughKeys, error) {
	t := r.plan.Through
	k := &throughKeys{nowSec: r.opts.NowSec, layout: r.layout, values: make([][]byte, len(r.layout))}
	key, err := t.Index.PartitionLayout().Decode(t.Key.Key)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", t.Index.QualifiedName(), err)
	}
	k.value = key[0]
	for _, col := range r.plan.Table.PartitionKey {
		at := -1
		for _, own := range t.Index.Clustering {
			if own.Name == col.Name {
				at = own.Position
			}
		}
		k.from = append(k.from, at)
	}
	for i := range k.values {
		k.values[i] = []byte{} // the empty value is no null
	}
	slices := t.Slices
	if r.begin.key != nil {
		// The token is the first clustering column of an index.
		at := t.Index.ClusteringLayout()[0].Append(nil, types.AppendBigint(nil, int64(r.begin.key.Token)))
		slices = slices.From(clustering.Before(at), false)
	}
	if len(slices) == 0 {
		return k, nil
	}
	k.reader, err = r.src.Read(t.Index, mutation.ReadRequest{Key: t.Key, Slices: slices, NowSec: r.opts.NowSec, Statistics: r.opts.IndexStatistics})
	return k, err
}

// Next is the next partition, nil at the end.
func (k *throughKeys) Next() (*partition.DecoratedKey, error) {
	for {
		for k.batch != nil && k.i < k.batch.Rows {
			i := k.i
			k.i++
			if k.batch.AliveUntil != nil && k.batch.AliveUntil[i] <= k.nowSec {
				continue
			}
			fresh, err := k.key(i)
			if err != nil {
				return nil, err
			}
			if fresh {
				return &k.last, nil
			}
		}
		if k.reader == nil {
			return nil, nil
		}
		batch, err := k.reader.Next()
		if err != nil || batch == nil {
			return nil, err
		}
		k.batch, k.i = batch, 0
	}
}

// key makes the partition of a row of the batch the last one; fresh is false if it was so already.
func (k *throughKeys) key(i int) (fresh bool, err error) {
	for c, at := range k.from {
		if at < 0 {
			k.values[c] = k.value
			continue
		}
		k.values[c] = k.batch.Clustering[at].AppendValue(k.values[c][:0], i)
	}
	encoded, err := k.layout.Encode(k.values)
	if err != nil {
		return false, err
	}
	if string(encoded) == string(k.last.Key) {
		return false, nil
	}
	k.last = partition.Decorate(bytes.Clone(encoded)) // a key of one column is that value
	return true, nil
}

// Close gives back what the walk holds.
func (k *throughKeys) Close() {
	if k.reader != nil {
		k.reader.Close()
	}
}

var _ mutation.KeyIterator = (*throughKeys)(nil)
