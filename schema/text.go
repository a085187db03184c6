package schema

import (
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// PartitionText is a serialized partition key as CQL writes it: a literal, or the literals of all columns in parentheses.
func (t *Table) PartitionText(key []byte) string {
	values, err := t.PartitionLayout().Decode(key)
	if err != nil {
		return string(types.Blob.AppendLiteral(nil, key))
	}
	return literals(t.PartitionKey, values)
}

// ClusteringText is an encoded clustering in the same form.
func (t *Table) ClusteringText(encoded []byte) string {
	values, err := t.ClusteringLayout().Decode(encoded)
	if err != nil {
		return string(types.Blob.AppendLiteral(nil, encoded))
	}
	return literals(t.Clustering, values)
}

func literals(columns []*Column, values [][]byte) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(columns[i].Type.AppendLiteral(nil, v))
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "(" + strings.Join(texts, ", ") + ")"
}
