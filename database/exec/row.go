package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// row is what expressions read: a row of a batch, with its partition's key and static cells.
type row struct {
	table     *schema.Table
	nowSec    int64
	decorated partition.DecoratedKey
	key       [][]byte
	statics   []*mutation.Cell // living ones, by place in table.Statics; nil: null
	complexes complexes
	batch     *mutation.Batch // nil: a partition with static content only
	i         int
	scratch   []byte                    // values made for one evaluation
	fixed     map[*schema.Column][]byte // clustering columns without a row; nil: they are null
	step      stepPlace                 // of a rollup, instead of a row
}

// takeStatics keeps the static cells that live, and reports whether there is one.
func (r *row) takeStatics(side *mutation.Side) (any bool, err error) {
	clear(r.statics)
	if side == nil || side.Static == nil {
		return false, nil
	}
	for i := range side.Static.Cells {
		c := &side.Static.Cells[i]
		if c.IsTombstone() || c.ExpiresAt <= r.nowSec {
			continue
		}
		for j, col := range r.table.Statics {
			if col.ID != c.Column {
				continue
			}
			if c.Complex {
				if c, err = r.complexes.static(j, col, c); err != nil {
					return false, err
				}
			}
			r.statics[j], any = c, any || c != nil
		}
	}
	return any, nil
}

// vector is where a clustering or regular column's values lie; nil: they are null.
func (r *row) vector(col *schema.Column, slot int) *mutation.Vector {
	if r.batch == nil {
		return nil
	}
	if col.Kind == schema.ClusteringKey {
		return &r.batch.Clustering[slot]
	}
	return &r.batch.Columns[slot]
}

// column is the value of a column; nil is null. It is valid until scratch is emptied.
func (r *row) column(e *planner.ColumnExpr) []byte {
	switch e.Column.Kind {
	case schema.PartitionKey:
		return r.key[e.Slot]
	case schema.Static:
		if c := r.statics[e.Slot]; c != nil {
			return notNil(c.Value)
		}
		return nil
	}
	v := r.vector(e.Column, e.Slot)
	if v == nil {
		return r.fixed[e.Column]
	}
	if !v.Has(r.i) {
		return nil
	}
	if v.Physical == mutation.PhysicalBytes {
		return notNil(v.Data[v.Offsets[r.i]:v.Offsets[r.i+1]])
	}
	at := len(r.scratch)
	r.scratch = v.AppendValue(r.scratch, r.i)
	return r.scratch[at:len(r.scratch):len(r.scratch)]
}

// notNil keeps the empty value apart from null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// eval computes an expression on the row; nil is null.
func (r *row) eval(e planner.Expr) ([]byte, error) {
	switch e := e.(type) {
	case *planner.ColumnExpr:
		return r.column(e), nil
	case *planner.ConstExpr:
		return e.Value, nil
	case *planner.MetaExpr:
		return r.meta(e)
	case *planner.CallExpr:
		var few [4][]byte
		args := few[:0]
		for _, a := range e.Args {
			v, err := r.eval(a)
			if err != nil {
				return nil, err
			}
			args = append(args, v)
		}
		return e.Function.Eval(args)
	}
	return nil, fmt.Errorf("exec: %T cannot be evaluated on a row", e)
}

// appendExpr appends the cell of an expression. Columns go from their vector straight to the answer.
func (r *row) appendExpr(dst []byte, e planner.Expr) ([]byte, error) {
	if c, ok := e.(*planner.ColumnExpr); ok && (c.Column.Kind == schema.Regular || c.Column.Kind == schema.ClusteringKey) {
		return r.appendColumn(dst, c), nil
	}
	v, err := r.eval(e)
	if err != nil {
		return dst, err
	}
	return AppendCell(dst, v), nil
}

func (r *row) appendColumn(dst []byte, e *planner.ColumnExpr) []byte {
	v := r.vector(e.Column, e.Slot)
	if v == nil || !v.Has(r.i) {
		return AppendCell(dst, nil)
	}
	if v.Physical == mutation.PhysicalBytes {
		return AppendCell(dst, notNil(v.Data[v.Offsets[r.i]:v.Offsets[r.i+1]]))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(v.Width))
	return v.AppendValue(dst, r.i)
}

// AppendCell appends a cell of an answer; nil is null.
func AppendCell(dst, value []byte) []byte { return types.AppendElem(dst, value) }

// placed reports whether the row under way has a place in its partition.
func (r *row) placed() bool { return r.batch != nil || r.step.known }

// stepPlace is where the answer goes on with a step of time: at its first or its last millisecond.
type stepPlace struct {
	known bool
	ms    int64
	last  bool
}

// leaveStep ends that a step of a rollup is the row under way.
func (r *row) leaveStep() {
	if r.step.known {
		r.step.known, r.fixed = false, nil
	}
}

// position encodes the clustering of the row under way, or of a step the time that its first rows have.
func (r *row) position() ([]byte, error) {
	if r.batch == nil {
		time := r.table.ClusteringLayout()[0]
		return time.Append(nil, timeValue(time.Type, r.step.ms, r.step.last)), nil
	}
	values := make([][]byte, len(r.table.Clustering))
	for i := range values {
		values[i] = r.batch.Clustering[i].AppendValue([]byte{}, r.i)
	}
	return r.table.ClusteringLayout().Encode(values)
}
