package planner

import (
	"bytes"
	"slices"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
)

// readsFirst reports whether a part of an assignment names items of a list by their index or value.
func (a *assignment) readsFirst() bool {
	if a.column.Type.Kind() != types.KindList {
		return false
	}
	return slices.ContainsFunc(a.parts, func(p part) bool { return p.ofItems() })
}

// ofItems reports whether a part of a list is about items that are there.
func (p *part) ofItems() bool { return p.op == partPut || p.op == partDrop || p.op == partRemove }

// listChange is what a statement does to a list of which it names items by index or value. Its steps see what those before did, as in
// Cassandra (org.apache.cassandra.cql3.UpdateParameters.getPrefetchedRow).
type listChange struct {
	moment moment
	steps  []listStep
}

// listStep is a part of an assignment, bound.
type listStep struct {
	op    partOp
	plain mutation.Complex // what it writes, if it is not about items
	index int              // of partPut and partDrop
	value []byte           // of partPut; nil: null
	unset bool             // partPut has no value
	items [][]byte         // of partRemove
}

// bindList binds an assignment that reads first.
func (a *assignment) bindList(m *moment, values []Value, ctx *Context) (Operation, error) {
	out := &listChange{moment: *m}
	for i := range a.parts {
		step, unset, err := a.bindStep(&a.parts[i], m, values, ctx)
		if err != nil {
			return nil, err
		}
		if !unset {
			out.steps = append(out.steps, step)
		}
	}
	if len(out.steps) == 0 {
		return nil, nil
	}
	return out, nil
}

func (a *assignment) bindStep(p *part, m *moment, values []Value, ctx *Context) (out listStep, unset bool, err error) {
	out.op = p.op
	if p.op == partPut || p.op == partDrop {
		if out.index, err = bindIndex(p.key, values, ctx); err != nil {
			return out, false, err
		}
	}
	bound, unset, err := (&part{op: p.op, value: p.value}).bind(a.column, values, ctx)
	switch {
	case err != nil:
		return out, false, err
	case p.op == partPut:
		out.value, out.unset = bound.value, unset
		return out, false, nil
	case unset:
		return out, true, nil
	case p.op == partDrop:
		return out, false, nil
	case p.op != partRemove:
		return out, false, m.change(&out.plain, a.column.Type, bound, ctx)
	case bound.value == nil:
		return out, true, nil
	}
	if out.items, err = a.column.Type.SplitCollection(bound.value); err != nil {
		return out, false, invalidf("%v", err)
	}
	return out, len(out.items) == 0, nil
}

// bindIndex binds the index of an item.
func bindIndex(term boundTerm, values []Value, ctx *Context) (int, error) {
	v, unset, err := bindTerm(term, values, ctx)
	switch {
	case err != nil:
		return 0, err
	case unset:
		return 0, invalidf("Invalid unset value for list index")
	case len(v) != 4:
		return 0, invalidf("Invalid null value for list index")
	}
	return int(types.DecodeInt64(v)), nil
}

// Cell implements Operation.
func (l *listChange) Cell(column mutation.ColumnID, stored *mutation.Cell) (mutation.Cell, bool, error) {
	var before, written, now mutation.Complex
	if stored != nil {
		if err := before.Decode(stored.Value); err != nil {
			return mutation.Cell{}, false, err
		}
	}
	for i := range l.steps {
		s := &l.steps[i]
		next := &s.plain
		if s.op == partPut || s.op == partDrop || s.op == partRemove {
			now.Merge(&before, &written)
			next = &mutation.Complex{}
			var err error
			if next.Elements, err = l.elements(s, now.Elements); err != nil {
				return mutation.Cell{}, false, err
			}
		}
		var sum mutation.Complex
		sum.Merge(&written, next)
		written = sum
	}
	if written.IsEmpty() {
		return mutation.Cell{}, false, nil
	}
	return written.Cell(column, nil), true, nil
}

// elements are what a step about items writes, by what is there.
func (l *listChange) elements(s *listStep, all []mutation.Element) ([]mutation.Element, error) {
	var living, out []mutation.Element
	for _, e := range all {
		if !e.IsTombstone() && e.ExpiresAt > l.moment.nowSec {
			living = append(living, e)
		}
	}
	if s.op == partRemove {
		for _, e := range living {
			if slices.ContainsFunc(s.items, func(v []byte) bool { return bytes.Equal(v, e.Value) }) {
				out = append(out, l.moment.element(e.Path, nil))
			}
		}
		return out, nil
	}
	switch {
	case len(living) == 0 && s.op == partPut:
		return nil, invalidf("Attempted to set an element on a list which is null")
	case len(living) == 0:
		return nil, invalidf("Attempted to delete an element from a list which is null")
	case s.index < 0 || s.index >= len(living):
		return nil, invalidf("List index %d out of bound, list has size %d", s.index, len(living))
	case s.unset:
		return nil, nil
	}
	return append(out, l.moment.element(living[s.index].Path, s.value)), nil
}

func (l *listChange) restamp(micros int64) {
	l.moment.timestamp = micros
	for i := range l.steps {
		restampElements(&l.steps[i].plain, micros)
	}
}
