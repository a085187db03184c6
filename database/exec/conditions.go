package exec

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/planner"
)

// Meets decides a condition of IF by the value of its column; nil is null. A null meets = null, != with a value, and IN with a
// null in it (org.apache.cassandra.cql3.conditions.ColumnCondition).
func Meets(c *planner.Condition, value []byte) bool {
	switch c.Op {
	case planner.Contains, planner.ContainsKey:
		return holds(&planner.Filter{Column: c.Column, Op: c.Op, Values: c.Values}, value)
	}
	if len(c.Element) > 0 {
		value = element(c.Column.Type, value, c.Element[0])
	}
	for _, wanted := range c.Values {
		if meets(c, value, wanted) {
			return true
		}
	}
	return false
}

func meets(c *planner.Condition, value, wanted []byte) bool {
	if value == nil || wanted == nil {
		same := value == nil && wanted == nil
		return same != (c.Op == planner.Neq)
	}
	return holdsOrder(c.Op, c.Type.Compare(value, wanted))
}

// element is the value at a key of a map, or at an index of a list, or of a field by its number; nil: there is none.
func element(of *types.Type, value, key []byte) []byte {
	parts, err := of.SplitCollection(value)
	if value == nil || err != nil {
		return nil // the store has checked it; it has no parts then
	}
	if of.Kind() == types.KindList || of.Kind() == types.KindUDT {
		if i := types.DecodeInt64(key); i >= 0 && i < int64(len(parts)) {
			return parts[i]
		}
		return nil
	}
	for ; len(parts) >= 2; parts = parts[2:] {
		if of.Elems()[0].Compare(parts[0], key) == 0 {
			return parts[1]
		}
	}
	return nil
}
