package wire

import (
	"fmt"
	"math"
)

// Flags of query parameters: a [byte], from version 5 on an [int].
const (
	queryValues            uint32 = 0x01
	querySkipMetadata      uint32 = 0x02
	queryPageSize          uint32 = 0x04
	queryPagingState       uint32 = 0x08
	querySerialConsistency uint32 = 0x10
	queryTimestamp         uint32 = 0x20
	queryNames             uint32 = 0x40
	queryKeyspace          uint32 = 0x80  // from version 5
	queryNow               uint32 = 0x100 // from version 5
)

// ValueState tells whether a Value is there. Its number is never sent.
type ValueState uint8

// States of a value.
const (
	ValueSet   ValueState = iota // Value.Bytes counts
	ValueNull                    // null: deletes
	ValueUnset                   // no change; only from version 4
)

// Value is what a bind marker gets. The zero Value is the empty byte string.
type Value struct {
	Bytes []byte
	State ValueState
}

// Null and Unset are the values without bytes.
var (
	Null  = Value{State: ValueNull}
	Unset = Value{State: ValueUnset}
)

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.State == ValueNull }

// IsUnset tells whether v leaves what is stored as it is.
func (v Value) IsUnset() bool { return v.State == ValueUnset }

// Tail is what QUERY, EXECUTE and BATCH end with.
type Tail struct {
	SerialConsistency Consistency // Serial or LocalSerial; 0 if absent
	HasTimestamp      bool
	HasNow            bool
	DefaultTimestamp  int64  // microseconds; counts if HasTimestamp
	Keyspace          []byte // the one to run in instead of the connection's; nil if absent; from version 5
	NowSeconds        uint32 // the moment by which TTLs end, seconds since 1970; counts if HasNow; from version 5
}

// QueryParams go with QUERY and EXECUTE.
type QueryParams struct {
	Consistency  Consistency
	SkipMetadata bool
	PageSize     int32  // rows; 0 or less means no paging
	PagingState  []byte // nil if absent
	Values       []Value
	Names        []string // empty: the values are positional; else one for each
	Tail
}

// Query runs a statement's text.
type Query struct {
	Text   []byte
	Params QueryParams
}

// Execute runs a prepared statement.
type Execute struct {
	ID       []byte
	ResultID []byte // of the result's columns that the client knows, see Prepared; from version 5
	Params   QueryParams
}

// Opcode returns OpQuery.
func (*Query) Opcode() Opcode { return OpQuery }

// Opcode returns OpExecute.
func (*Execute) Opcode() Opcode { return OpExecute }

func (m *Query) decode(c *cursor, version byte) {
	m.Text = c.longString()
	m.Params.decode(c, version)
}

func (m *Execute) decode(c *cursor, version byte) {
	m.ID, m.ResultID = c.shortBytes(), nil
	if version >= 5 {
		m.ResultID = c.shortBytes()
	}
	m.Params.decode(c, version)
}

func (p *QueryParams) decode(c *cursor, version byte) {
	*p = QueryParams{Values: p.Values[:0], Names: p.Names[:0]}
	p.Consistency = c.consistency()
	flags := c.flags(version)
	p.SkipMetadata = flags&querySkipMetadata != 0
	if flags&queryValues != 0 {
		p.decodeValues(c, version, flags&queryNames != 0)
	}
	if flags&queryPageSize != 0 {
		p.PageSize = c.int()
	}
	if flags&queryPagingState != 0 {
		p.PagingState = c.bytes()
	}
	p.Tail = c.tail(flags)
}

// flags reads the flags of parameters. Those that a version does not know are ignored.
func (c *cursor) flags(version byte) uint32 {
	if version >= 5 {
		return uint32(c.int())
	}
	return uint32(c.byte()) &^ queryKeyspace
}

func appendFlags(dst []byte, version byte, flags uint32) []byte {
	if version >= 5 {
		return AppendInt(dst, int32(flags))
	}
	return append(dst, byte(flags))
}

func (p *QueryParams) decodeValues(c *cursor, version byte, named bool) {
	n := c.short()
	for i := 0; i < n && c.err == nil; i++ {
		if named {
			p.Names = append(p.Names, c.string())
		}
		p.Values = append(p.Values, c.value(version))
	}
}

func (c *cursor) tail(flags uint32) (t Tail) {
	if flags&querySerialConsistency != 0 {
		t.SerialConsistency = c.consistency()
		if c.err == nil && t.SerialConsistency != Serial && t.SerialConsistency != LocalSerial {
			c.fail(invalidf("invalid serial consistency %s: must be SERIAL or LOCAL_SERIAL", t.SerialConsistency))
		}
	}
	if flags&queryTimestamp != 0 {
		t.DefaultTimestamp, t.HasTimestamp = c.long(), true
		if t.DefaultTimestamp == math.MinInt64 {
			c.fail(protocolf("default timestamp out of bounds, must be in [%d, %d]", int64(math.MinInt64+1), int64(math.MaxInt64)))
		}
	}
	if flags&queryKeyspace != 0 {
		t.Keyspace = c.take(c.short(), "keyspace")
	}
	if flags&queryNow != 0 {
		t.NowSeconds, t.HasNow = uint32(c.int()), true
	}
	return t
}

func (m *Query) appendBody(dst []byte, version byte) ([]byte, error) {
	dst, err := appendLongString(dst, m.Text)
	if err != nil {
		return nil, err
	}
	return m.Params.append(dst, version)
}

func (m *Execute) appendBody(dst []byte, version byte) ([]byte, error) {
	dst, err := appendID(dst, m.ID)
	if err == nil && version >= 5 {
		dst, err = appendID(dst, m.ResultID)
	}
	if err != nil {
		return nil, err
	}
	return m.Params.append(dst, version)
}

func (p *QueryParams) flags() uint32 {
	flags := p.Tail.flags()
	set := func(on bool, flag uint32) {
		if on {
			flags |= flag
		}
	}
	set(len(p.Values) > 0, queryValues)
	set(len(p.Names) > 0, queryNames)
	set(p.SkipMetadata, querySkipMetadata)
	set(p.PageSize > 0, queryPageSize)
	set(p.PagingState != nil, queryPagingState)
	return flags
}

func (t *Tail) flags() uint32 {
	var flags uint32
	set := func(on bool, flag uint32) {
		if on {
			flags |= flag
		}
	}
	set(t.SerialConsistency != 0, querySerialConsistency)
	set(t.HasTimestamp, queryTimestamp)
	set(t.Keyspace != nil, queryKeyspace)
	set(t.HasNow, queryNow)
	return flags
}

func (p *QueryParams) append(dst []byte, version byte) ([]byte, error) {
	flags := p.flags()
	dst = appendFlags(appendShort(dst, int(p.Consistency)), version, flags)
	if flags&queryValues != 0 {
		var err error
		if dst, err = appendValues(dst, version, p.Values, p.Names); err != nil {
			return nil, err
		}
	}
	if flags&queryPageSize != 0 {
		dst = AppendInt(dst, p.PageSize)
	}
	if flags&queryPagingState != 0 {
		dst = AppendBytes(dst, p.PagingState)
	}
	return p.Tail.append(dst, version)
}

func (t *Tail) append(dst []byte, version byte) ([]byte, error) {
	if version < 5 && (t.Keyspace != nil || t.HasNow) {
		return nil, fmt.Errorf("request: a keyspace and a moment of its own need protocol version 5")
	}
	if t.SerialConsistency != 0 {
		dst = appendShort(dst, int(t.SerialConsistency))
	}
	if t.HasTimestamp {
		dst = appendLong(dst, t.DefaultTimestamp)
	}
	if t.Keyspace != nil {
		if len(t.Keyspace) > shortMax {
			return nil, fmt.Errorf("request: keyspace of %d bytes exceeds the maximum of %d", len(t.Keyspace), shortMax)
		}
		dst = appendShortBytes(dst, t.Keyspace)
	}
	if t.HasNow {
		dst = AppendInt(dst, int32(t.NowSeconds))
	}
	return dst, nil
}

func appendValues(dst []byte, version byte, values []Value, names []string) ([]byte, error) {
	if len(values) > shortMax {
		return nil, fmt.Errorf("request: %d values exceed the maximum of %d", len(values), shortMax)
	}
	if len(names) > 0 && len(names) != len(values) {
		return nil, fmt.Errorf("request: %d names for %d values", len(names), len(values))
	}
	dst = appendShort(dst, len(values))
	for i, v := range values {
		if len(names) > 0 {
			if len(names[i]) > shortMax {
				return nil, fmt.Errorf("request: name of value %d is longer than %d bytes", i, shortMax)
			}
			dst = appendString(dst, names[i])
		}
		var err error
		if dst, err = appendValue(dst, version, v); err != nil {
			return nil, fmt.Errorf("request: value %d: %w", i, err)
		}
	}
	return dst, nil
}

func appendValue(dst []byte, version byte, v Value) ([]byte, error) {
	switch v.State {
	case ValueNull:
		return AppendNull(dst), nil
	case ValueUnset:
		if version < 4 {
			return nil, fmt.Errorf("unset values need protocol version 4")
		}
		return AppendInt(dst, -2), nil
	}
	if len(v.Bytes) > lengthMax {
		return nil, fmt.Errorf("%d bytes exceed the maximum of %d", len(v.Bytes), lengthMax)
	}
	return AppendBytes(dst, v.Bytes), nil
}

func appendLongString(dst, text []byte) ([]byte, error) {
	if len(text) > lengthMax {
		return nil, fmt.Errorf("request: text of %d bytes exceeds the maximum of %d", len(text), lengthMax)
	}
	return AppendBytes(dst, text), nil
}

func appendID(dst, id []byte) ([]byte, error) {
	if len(id) > shortMax {
		return nil, fmt.Errorf("request: statement id of %d bytes exceeds the maximum of %d", len(id), shortMax)
	}
	return appendShortBytes(dst, id), nil
}
