package database

import (
	"bytes"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/jobs"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// windowDivergence is a row of a rollup that is not what the rows of its window give.
type windowDivergence struct {
	kind       string
	key        partition.DecoratedKey
	clustering []byte
	detail     string
	window     downsample.Window
	mended     mutation.Mutation // what makes it right
}

// newWindowDivergence tells of a difference in words.
func newWindowDivergence(r *schema.Table, key partition.DecoratedKey, d *jobs.Difference) *windowDivergence {
	out := &windowDivergence{kind: rowDifferent, key: key, clustering: bytes.Clone(d.Clustering), window: d.Window, mended: d.Mutation()}
	switch {
	case d.Fresh == nil:
		out.kind, out.detail = rowExtra, "no rows give it"
	case !d.Stored:
		out.kind, out.detail = rowMissing, "its window has rows"
	default:
		out.detail = columnsText(r, d)
	}
	return out
}

// columnsText says how a row differs.
func columnsText(r *schema.Table, d *jobs.Difference) string {
	var out []byte
	for _, c := range d.Columns {
		if len(out) > 0 {
			out = append(out, "; "...)
		}
		switch col := r.ColumnByID(c.Column); {
		case col == nil:
			out = fmt.Appendf(out, "column %d differs", c.Column) // it is not there any more
		case col.Kind == schema.State:
			out = fmt.Appendf(out, "the state %s is not that of its rows", col.Name)
		default:
			out = fmt.Appendf(out, "%s is %s, by its rows %s", col.Name, literalText(col.Type, c.Stored), literalText(col.Type, c.Fresh))
		}
	}
	return string(out)
}

func literalText(of *types.Type, value []byte) string {
	if value == nil {
		return "null"
	}
	return string(of.AppendLiteral(nil, value))
}
