package model

import (
	"encoding/binary"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// multi is what lives of a multi-cell column in a row, or in the statics of the partition; ok is false if nothing does. Elements win
// and end one by one, by the rules of cells; what clears the column takes those that are not newer.
func multi(column *schema.Column, ops []*operation, row string, static bool, now int64) (value Value, ok bool) {
	deleted, any := deletedUpTo(ops, row, static)
	written := func(yield func(*operation, Cell)) {
		for _, op := range ops {
			if !static && (op.Clustering == nil || op.row != row) {
				continue
			}
			for _, cell := range op.Cells {
				if cell.Column == column.Name {
					yield(op, cell)
				}
			}
		}
	}
	written(func(op *operation, cell Cell) {
		if at := op.Timestamp - cell.Before; cell.Path == nil && (!any || at > deleted) {
			deleted, any = at, true
		}
	})
	best := map[string]*version{}
	written(func(op *operation, cell Cell) {
		if cell.Path == nil || any && op.Timestamp <= deleted {
			return
		}
		if v := versionOf(op, cell); best[string(cell.Path)] == nil || v.beats(best[string(cell.Path)]) {
			best[string(cell.Path)] = v
		}
	})
	var paths [][]byte
	for path, v := range best {
		if !v.deletion && !(v.expires && v.end <= now) {
			paths = append(paths, []byte(path))
		}
	}
	slices.SortFunc(paths, column.Type.Elems()[0].Compare)
	value.Bytes = binary.BigEndian.AppendUint32(nil, uint32(len(paths)))
	for _, path := range paths {
		v := best[string(path)]
		value.Bytes = types.AppendElem(value.Bytes, path)
		if column.Type.Kind() == types.KindMap {
			value.Bytes = types.AppendElem(value.Bytes, v.value)
		}
		of := Value{Timestamp: v.timestamp}
		if v.expires {
			of.TTL = v.end - now
		}
		value.Elements = append(value.Elements, of)
	}
	return value, len(paths) > 0
}
