package wire

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

const (
	shortMax  = math.MaxUint16 // longest [string], [short bytes] and count of a list
	lengthMax = math.MaxInt32  // longest [long string] and [bytes]
)

// AppendInt appends an [int].
func AppendInt(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

// AppendBytes appends a [bytes] that is not null: its length and itself. It is also the form of a cell of Rows.Content.
func AppendBytes(dst, v []byte) []byte { return append(AppendInt(dst, int32(len(v))), v...) }

// AppendNull appends the null of [bytes] and of a cell.
func AppendNull(dst []byte) []byte { return AppendInt(dst, -1) }

func appendNullable(dst, v []byte) []byte {
	if v == nil {
		return AppendNull(dst)
	}
	return AppendBytes(dst, v)
}

func appendShort(dst []byte, v int) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) }

func appendLong(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// appendString appends a [string]. What is longer than the format allows is cut at a whole rune: only free text (an
// error, a warning) can be that long, for requests are checked before and names have limits far below.
func appendString(dst []byte, s string) []byte {
	if len(s) > shortMax {
		n := shortMax
		for n > shortMax-4 && s[n]&0xC0 == 0x80 {
			n--
		}
		s = s[:n]
	}
	return append(appendShort(dst, len(s)), s...)
}

func appendShortBytes(dst, v []byte) []byte { return append(appendShort(dst, len(v)), v...) }

func appendStringList(dst []byte, list []string) []byte {
	dst = appendShort(dst, len(list))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func appendStringMap(dst []byte, m map[string]string) []byte {
	dst = appendShort(dst, len(m))
	for _, k := range sortedKeys(m) {
		dst = appendString(appendString(dst, k), m[k])
	}
	return dst
}

func appendStringMultimap(dst []byte, m map[string][]string) []byte {
	dst = appendShort(dst, len(m))
	for _, k := range sortedKeys(m) {
		dst = appendStringList(appendString(dst, k), m[k])
	}
	return dst
}

func appendInet(dst []byte, a netip.AddrPort) []byte {
	raw := a.Addr().Unmap().AsSlice()
	dst = append(append(dst, byte(len(raw))), raw...)
	return AppendInt(dst, int32(a.Port()))
}

// cursor consumes a body from the front. The first fault sticks: later reads return zero values, so that a decoder
// checks err once at its end and in loops.
type cursor struct {
	rest []byte
	size int // of the whole body
	err  *ProtocolError
}

func newCursor(body []byte) cursor { return cursor{rest: body, size: len(body)} }

// fail returns nothing so that callers stay short; it empties the cursor so that loops end.
func (c *cursor) fail(err *ProtocolError) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// failure is the fault, if any, as a decoder of f reports it.
func (c *cursor) failure(h Header) error {
	if c.err == nil {
		return nil
	}
	e := *c.err
	e.Message = h.Opcode.String() + ": " + e.Message
	e.Stream = h.Stream
	return &e
}

func (c *cursor) take(n int, what string) []byte {
	if n > len(c.rest) {
		if c.err == nil {
			c.fail(protocolf("%s of %d bytes at byte %d exceeds the body of %d bytes", what, n, c.size-len(c.rest), c.size))
		}
		return nil
	}
	taken := c.rest[:n:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) byte() byte {
	if b := c.take(1, "byte"); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) short() int {
	if b := c.take(2, "short"); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int() int32 {
	if b := c.take(4, "int"); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) long() int64 {
	if b := c.take(8, "long"); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) string() string { return string(c.take(c.short(), "string")) }

func (c *cursor) shortBytes() []byte { return c.take(c.short(), "short bytes") }

func (c *cursor) longString() []byte {
	n := c.int()
	if n < 0 {
		c.fail(protocolf("long string of negative length %d", n))
		return nil
	}
	return c.take(int(n), "long string")
}

// bytes returns nil for null, which is any negative length.
func (c *cursor) bytes() []byte {
	n := c.int()
	if n < 0 || c.err != nil {
		return nil
	}
	return c.take(int(n), "bytes")
}

func (c *cursor) value(version byte) Value {
	n := c.int()
	switch {
	case n >= 0:
		return Value{Bytes: c.take(int(n), "value")}
	case n == -1 || version < 4: // before version 4 every negative length is null
		return Null
	case n == -2:
		return Unset
	}
	c.fail(protocolf("value of negative length %d", n))
	return Null
}

func (c *cursor) stringList() []string {
	n := c.short()
	var list []string // grows with what is there, not with n
	for i := 0; i < n && c.err == nil; i++ {
		list = append(list, c.string())
	}
	return list
}

func (c *cursor) stringMap() map[string]string {
	n := c.short()
	m := make(map[string]string)
	for i := 0; i < n && c.err == nil; i++ {
		key := c.string()
		m[key] = c.string()
	}
	return m
}

func (c *cursor) stringMultimap() map[string][]string {
	n := c.short()
	m := make(map[string][]string)
	for i := 0; i < n && c.err == nil; i++ {
		key := c.string()
		m[key] = c.stringList()
	}
	return m
}

func (c *cursor) skipBytesMap() {
	n := c.short()
	for i := 0; i < n && c.err == nil; i++ {
		c.take(c.short(), "payload key")
		c.bytes()
	}
}

func (c *cursor) uuid() (id [16]byte) {
	copy(id[:], c.take(16, "uuid"))
	return id
}

func (c *cursor) inetaddr() netip.Addr {
	n := c.byte()
	if n != 4 && n != 16 {
		c.fail(protocolf("inet of %d bytes", n))
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(c.take(int(n), "inet"))
	return addr
}

func (c *cursor) inet() netip.AddrPort {
	addr := c.inetaddr()
	port := c.int()
	if port < 0 || port > math.MaxUint16 {
		c.fail(protocolf("inet with port %d", port))
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

func (c *cursor) consistency() Consistency {
	v := Consistency(c.short())
	if !v.Valid() {
		c.fail(protocolf("unknown code %d for a consistency level", uint16(v)))
	}
	return v
}
