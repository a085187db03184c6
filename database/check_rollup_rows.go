package database

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/eskerdb/esker/clustering"
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

// sumTolerance is how far a sum that was merged may be from that over raw rows, as a share of the sum of absolute values (R43).
const sumTolerance = 1e-12

// rowComparison compares one row of a rollup with what it should be.
type rowComparison struct {
	levels *rollupLevels
	view   View
	key    partition.DecoratedKey
	of     *jobs.Difference
}

// divergence tells of a difference in words; nil: it is one of rounding alone.
func (c *rollupCheck) divergence(view View, key partition.DecoratedKey, d *jobs.Difference) (*windowDivergence, error) {
	out := &windowDivergence{kind: rowDifferent, key: key, clustering: bytes.Clone(d.Clustering), window: d.Window}
	switch {
	case d.Fresh == nil:
		out.kind, out.detail = rowExtra, "no rows give it"
	case !d.Stored:
		out.kind, out.detail = rowMissing, "its window has rows"
	default:
		row := rowComparison{levels: &c.levels, view: view, key: key, of: d}
		var err error
		if out.detail, err = row.text(); err != nil || out.detail == "" {
			return nil, err
		}
	}
	out.mended = d.Mutation()
	return out, nil
}

// text says how the row differs; empty: by rounding alone.
func (row *rowComparison) text() (string, error) {
	r := row.levels.rollup
	var out []byte
	for _, c := range row.of.Columns {
		col := r.ColumnByID(c.Column)
		if col == nil {
			return "", fmt.Errorf("rollup %s has no column %d", r.QualifiedName(), c.Column)
		}
		i := slices.IndexFunc(r.Rollup.Aggregates, func(a downsample.Aggregate) bool { return a.Target == col.Name })
		if i < 0 {
			return "", fmt.Errorf("rollup %s does not say how column %s is computed", r.QualifiedName(), col.Name)
		}
		same, err := row.same(&r.Rollup.Aggregates[i], c.Stored, c.Fresh)
		if err != nil {
			return "", err
		}
		if same {
			continue
		}
		if len(out) > 0 {
			out = append(out, "; "...)
		}
		if col.Kind == schema.State {
			out = fmt.Appendf(out, "the state %s is not that of its rows", col.Name)
		} else {
			out = fmt.Appendf(out, "%s is %s, by its rows %s", col.Name, literalText(col.Type, c.Stored), literalText(col.Type, c.Fresh))
		}
	}
	return string(out), nil
}

// valueIn is the value of a column; nil: null.
func valueIn(row *mutation.Row, id mutation.ColumnID) []byte {
	for i := range row.Cells {
		if c := &row.Cells[i]; c.Column == id && !c.IsTombstone() {
			return c.Value
		}
	}
	return nil
}

func literalText(of *types.Type, value []byte) string {
	if value == nil {
		return "null"
	}
	return string(of.AppendLiteral(nil, value))
}

// same reports whether two values of an aggregate are one: bit for bit, but for sums of floats, which depend on the order of adding.
func (row *rowComparison) same(a *downsample.Aggregate, has, want []byte) (bool, error) {
	if (has == nil) != (want == nil) {
		return false, nil
	}
	if bytes.Equal(has, want) {
		return true, nil
	}
	source := row.levels.base.Column(a.Source)
	if source == nil || a.Function != "sum" && a.Function != "avg" {
		return false, nil
	}
	x, okX := floatOf(source.Type, has)
	y, okY := floatOf(source.Type, want)
	switch {
	case !okX || !okY:
		return false, nil
	case math.IsNaN(x) && math.IsNaN(y):
		return true, nil
	case math.IsNaN(x-y) || math.IsInf(x-y, 0):
		return false, nil
	}
	rounding := 0.0
	if source.Type.Kind() == types.KindFloat {
		rounding = float64(math.Nextafter32(float32(math.Abs(y)), math.MaxFloat32)) - math.Abs(y)
	}
	if math.Abs(x-y) <= sumTolerance*math.Abs(y)+rounding {
		return true, nil // the sum of absolute values is no less
	}
	absolute, count, err := row.absolute(source)
	if err != nil {
		return false, err
	}
	if a.Function == "avg" && count > 0 {
		absolute /= float64(count)
	}
	return math.Abs(x-y) <= sumTolerance*absolute+rounding, nil
}

// floatOf is a value of a float or double; false for other types.
func floatOf(of *types.Type, value []byte) (float64, bool) {
	switch {
	case of.Kind() == types.KindDouble && len(value) == 8:
		return types.DecodeFloat64(value), true
	case of.Kind() == types.KindFloat && len(value) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(value))), true
	}
	return 0, false
}

// absolute adds up the absolute values of a column over the raw rows of the group.
func (row *rowComparison) absolute(source *schema.Column) (sum float64, count int64, err error) {
	levels := row.levels
	group, err := levels.rollup.ClusteringLayout().Decode(row.of.Clustering)
	if err != nil {
		return 0, 0, err
	}
	group = group[1:]
	_, rows, err := row.view.Rows(levels.base.ID, row.key, clustering.MakeSlices([]clustering.Slice{jobs.TimesOf(&levels.baseStored, row.of.Window)}))
	if err != nil {
		return 0, 0, err
	}
	for {
		raw, err := rows.Next()
		if err != nil || raw == nil {
			return sum, count, err
		}
		if in, err := levels.inGroup(raw, group); err != nil {
			return 0, 0, err
		} else if !in {
			continue
		}
		if x, ok := floatOf(source.Type, valueIn(raw, source.ID)); ok {
			sum, count = sum+math.Abs(x), count+1
		}
	}
}

// inGroup reports whether a row of the base belongs to a group: its columns of Group have those values.
func (l *rollupLevels) inGroup(raw *mutation.Row, group [][]byte) (bool, error) {
	if len(group) == 0 {
		return true, nil
	}
	at, err := l.base.ClusteringLayout().Decode(raw.Clustering)
	if err != nil {
		return false, err
	}
	for i, name := range l.rollup.Rollup.Group {
		col := l.base.Column(name)
		if col == nil {
			return false, fmt.Errorf("rollup %s: table %s has no column %s", l.rollup.QualifiedName(), l.base.QualifiedName(), name)
		}
		value := valueIn(raw, col.ID)
		if col.Kind == schema.ClusteringKey {
			value = at[col.Position]
		}
		if !bytes.Equal(value, group[i]) {
			return false, nil
		}
	}
	return true, nil
}
