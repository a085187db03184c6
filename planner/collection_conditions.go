package planner

import (
	"encoding/binary"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// checkElement refuses a key or an index that names no element of a map or a list.
func checkElement(col *schema.Column, key []byte) error {
	what := "map"
	if col.Type.Kind() == types.KindList {
		what = "list"
	}
	switch {
	case key == nil && col.Type.Kind() == types.KindUDT:
		return invalidf("Invalid null value for element access of column %s", col.Name)
	case key == nil:
		return invalidf("Invalid null value for %s element access", what)
	case what == "list" && len(key) == 4 && key[0] >= 0x80:
		return invalidf("Invalid negative list index %d", types.DecodeInt64(key))
	}
	return nil
}

// absent is null for an empty collection that a whole column is compared with for equality: a collection that is not frozen is null when
// it has no elements.
func (c *condition) absent(v []byte) []byte {
	whole := c.element == nil && c.Column.Type.Multicell() && c.Column.Type.IsCollection()
	if whole && (c.Op == Eq || c.Op == Neq || c.Op == In) && len(v) == 4 && binary.BigEndian.Uint32(v) == 0 {
		return nil
	}
	return v
}
