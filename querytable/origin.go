package querytable

import (
	"slices"

	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// Origin is where the base row stands that a row of the copy comes from, by its key alone: the base partition, and the
// clustering in it, which is nil of a PerPartition copy. It fails when the key is not one of the copy.
func (p *Projector) Origin(key partition.DecoratedKey, at []byte) (base partition.DecoratedKey, clustering []byte, err error) {
	values, err := p.copy.PartitionLayout().Decode(key.Key)
	if err != nil {
		return base, nil, p.failed("partition key", err)
	}
	rest, err := p.clustering.Decode(at)
	if err != nil {
		return base, nil, p.failed("clustering", err)
	}
	values = slices.Concat(values, rest)
	of := func(kind schema.ColumnKind, columns int) [][]byte {
		out := make([][]byte, columns)
		for i := range p.keys {
			if k := &p.keys[i]; k.function == 0 && k.kind == kind {
				out[k.position] = values[i]
			}
		}
		return out
	}
	encoded, err := p.baseLayout.Encode(of(schema.PartitionKey, len(p.base.PartitionKey)))
	if err != nil {
		return base, nil, p.failed("base partition key", err)
	}
	base = partition.Decorate(slices.Clone(encoded))
	if p.perPartition {
		return base, nil, nil
	}
	clustering, err = p.baseClustering.Encode(of(schema.ClusteringKey, len(p.base.Clustering)))
	if err != nil {
		return base, nil, p.failed("base clustering", err)
	}
	if clustering == nil {
		clustering = []byte{} // of a table without clustering
	}
	return base, clustering, nil
}
