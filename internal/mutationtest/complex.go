// Package mutationtest draws parts of mutations for the property tests of those who store them.
//
// It knows what rows may hold. It does not know how they are stored, nor what draws the numbers.
package mutationtest

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/eskerdb/esker/mutation"
)

// PathsMax is how many paths Complex draws from: few, so that versions meet.
const PathsMax = 5

// Complex draws a version of a multi-cell column. intn draws a number below another. Its write timestamps go from low to
// low+3, in microseconds, the ends of its elements from now to now+9 and its deletions were made at now, in seconds.
func Complex(intn func(int) int, low, now int64) *mutation.Complex {
	c := &mutation.Complex{}
	if intn(3) == 0 {
		c.Deletion = mutation.Deletion{MarkedAt: low - 1 + int64(intn(4)), LocalSec: max(now, 1)}
	}
	for path := range PathsMax {
		if intn(2) == 0 {
			continue
		}
		e := mutation.Element{Path: binary.BigEndian.AppendUint16(nil, uint16(path)), Timestamp: low + int64(intn(4))}
		switch intn(4) {
		case 0:
			e.ExpiresAt = max(now, 1)
		case 1:
			e.TTL, e.ExpiresAt = int32(1+intn(9)), max(now+int64(intn(10)), 1)
		default:
			e.ExpiresAt = mutation.Forever
		}
		if !e.IsTombstone() {
			e.Value = fmt.Appendf(nil, "%0*d", intn(3), intn(3))
		}
		if !c.Deletion.Deletes(e.Timestamp) {
			c.Elements = append(c.Elements, e)
		}
	}
	if c.IsEmpty() {
		c.Deletion = mutation.Deletion{MarkedAt: low, LocalSec: max(now, 1)}
	}
	return c
}

// Living is what a reader sees of an encoded multi-cell column at now, in seconds; empty if nothing of it lives.
func Living(encoded []byte, now int64) string {
	var c mutation.Complex
	if err := c.Decode(encoded); err != nil {
		return err.Error()
	}
	var out strings.Builder
	for i := range c.Elements {
		if e := &c.Elements[i]; !e.IsTombstone() && now < e.ExpiresAt {
			fmt.Fprintf(&out, "{%x: %q@%d/%d until %d}", e.Path, e.Value, e.Timestamp, e.TTL, e.ExpiresAt)
		}
	}
	return out.String()
}
