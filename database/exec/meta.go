package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
	"github.com/eskerdb/esker/ttl"
)

// stamp is what is told of one cell or element beside its value.
type stamp struct {
	known     bool // false: it is null
	timestamp int64
	end       int64
}

// stamps are those of the cells that an expression is of.
type stamps struct {
	several bool // of a multi-cell column: as many as elements live, or as there are fields
	list    []stamp
}

// meta is TTL, WRITETIME or MAXWRITETIME (R26).
func (r *row) meta(e *planner.MetaExpr) ([]byte, error) {
	s, err := r.stamps(e.Of)
	switch {
	case err != nil || len(s.list) == 0:
		return nil, err
	case e.What == planner.MaxWriteTime:
		return s.largest(), nil
	case !s.several:
		return r.told(e.What, s.list[0]), nil
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(s.list)))
	for _, one := range s.list {
		out = types.AppendElem(out, r.told(e.What, one))
	}
	return out, nil
}

// told is the write timestamp or the time left of one cell; nil is null.
func (r *row) told(what planner.Meta, s stamp) []byte {
	if !s.known {
		return nil
	}
	if what == planner.WriteTime {
		return types.AppendBigint(nil, s.timestamp)
	}
	left, ends := ttl.Remaining(r.nowSec, s.end)
	if !ends {
		return nil
	}
	return types.AppendInt(nil, left)
}

func (s *stamps) largest() []byte {
	var out *stamp
	for i := range s.list {
		if one := &s.list[i]; one.known && (out == nil || one.timestamp > out.timestamp) {
			out = one
		}
	}
	if out == nil {
		return nil
	}
	return types.AppendBigint(nil, out.timestamp)
}

// stamps finds the stamps of a column, or of a part of one. A part that is not there has none.
func (r *row) stamps(e planner.Expr) (stamps, error) {
	switch e := e.(type) {
	case *planner.ColumnExpr:
		if r.table.Multicell(e.Column) {
			return r.stampsOfElements(e)
		}
		return r.stampOf(e), nil
	case *planner.CallExpr:
		s, err := r.stamps(e.Args[0])
		if err != nil || len(s.list) == 0 {
			return s, err
		}
		args := make([][]byte, len(e.Args))
		for i, a := range e.Args {
			if args[i], err = r.eval(a); err != nil {
				return stamps{}, err
			}
		}
		p := e.Function.Part
		_, from, to, err := p.Find(e.Args[0].Type(), args)
		switch {
		case err != nil || from == to:
			return stamps{}, err
		case !s.several:
			return s, nil
		}
		return stamps{several: p.Kind == planner.PartRange, list: s.list[from:to]}, nil
	}
	return stamps{}, fmt.Errorf("exec: nothing is told of %T beside its value", e)
}

// stampOf is the stamp of a column that is one cell.
func (r *row) stampOf(e *planner.ColumnExpr) stamps {
	one := stamp{known: true, end: mutation.Forever}
	if e.Column.Kind == schema.Static {
		c := r.statics[e.Slot]
		if c == nil {
			return stamps{}
		}
		one.timestamp, one.end = c.Timestamp, c.ExpiresAt
	} else {
		v := r.vector(e.Column, e.Slot)
		if v == nil || !v.Has(r.i) || v.Timestamps == nil {
			return stamps{}
		}
		one.timestamp = v.Timestamps[r.i]
		if v.ExpiresAt != nil {
			one.end = v.ExpiresAt[r.i]
		}
	}
	return stamps{list: []stamp{one}}
}

// stampsOfElements are the stamps of the elements that live, or of all fields if one lives.
func (r *row) stampsOfElements(e *planner.ColumnExpr) (stamps, error) {
	of := e.Column.Type
	elements, err := r.complexes.elements(r, e.Column, e.Slot)
	if err != nil || len(elements) == 0 {
		return stamps{}, err
	}
	out := stamps{several: true}
	if of.Kind() == types.KindUDT {
		out.list = make([]stamp, len(of.Elems()))
	}
	for _, e := range elements {
		one := stamp{known: true, timestamp: e.Timestamp, end: e.ExpiresAt}
		if of.Kind() != types.KindUDT {
			out.list = append(out.list, one)
		} else if n := int(binary.BigEndian.Uint16(e.Path)); n < len(out.list) {
			out.list[n] = one
		}
	}
	return out, nil
}
