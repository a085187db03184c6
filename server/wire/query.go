package wire

import (
	"fmt"
	"math"
)

// Flags of query parameters.
const (
	queryValues            byte = 0x01
	querySkipMetadata      byte = 0x02
	queryPageSize          byte = 0x04
	queryPagingState       byte = 0x08
	querySerialConsistency byte = 0x10
	queryTimestamp         byte = 0x20
	queryNames             byte = 0x40
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

// QueryParams go with QUERY and EXECUTE.
type QueryParams struct {
	Consistency       Consistency
	SkipMetadata      bool
	HasTimestamp      bool
	PageSize          int32       // rows; 0 or less means no paging
	SerialConsistency Consistency // Serial or LocalSerial; 0 if absent
	DefaultTimestamp  int64       // microseconds; counts if HasTimestamp
	PagingState       []byte      // nil if absent
	Values            []Value
	Names             []string // empty: the values are positional; else one for each
}

// Query runs a statement's text.
type Query struct {
	Text   []byte
	Params QueryParams
}

// Execute runs a prepared statement.
type Execute struct {
	ID     []byte
	Params QueryParams
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
	m.ID = c.shortBytes()
	m.Params.decode(c, version)
}

func (p *QueryParams) decode(c *cursor, version byte) {
	*p = QueryParams{Values: p.Values[:0], Names: p.Names[:0]}
	p.Consistency = c.consistency()
	flags := c.byte()
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
	p.SerialConsistency, p.DefaultTimestamp, p.HasTimestamp = c.serialAndTimestamp(flags)
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

// serialAndTimestamp reads what QUERY, EXECUTE and BATCH end with.
func (c *cursor) serialAndTimestamp(flags byte) (serial Consistency, timestamp int64, has bool) {
	if flags&querySerialConsistency != 0 {
		serial = c.consistency()
		if c.err == nil && serial != Serial && serial != LocalSerial {
			c.fail(invalidf("invalid serial consistency %s: must be SERIAL or LOCAL_SERIAL", serial))
		}
	}
	if flags&queryTimestamp != 0 {
		timestamp, has = c.long(), true
		if timestamp == math.MinInt64 {
			c.fail(protocolf("default timestamp out of bounds, must be in [%d, %d]", int64(math.MinInt64+1), int64(math.MaxInt64)))
		}
	}
	return serial, timestamp, has
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
	if err != nil {
		return nil, err
	}
	return m.Params.append(dst, version)
}

func (p *QueryParams) flags() byte {
	var flags byte
	set := func(on bool, flag byte) {
		if on {
			flags |= flag
		}
	}
	set(len(p.Values) > 0, queryValues)
	set(len(p.Names) > 0, queryNames)
	set(p.SkipMetadata, querySkipMetadata)
	set(p.PageSize > 0, queryPageSize)
	set(p.PagingState != nil, queryPagingState)
	set(p.SerialConsistency != 0, querySerialConsistency)
	set(p.HasTimestamp, queryTimestamp)
	return flags
}

func (p *QueryParams) append(dst []byte, version byte) ([]byte, error) {
	flags := p.flags()
	dst = append(appendShort(dst, int(p.Consistency)), flags)
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
	return appendSerialAndTimestamp(dst, flags, p.SerialConsistency, p.DefaultTimestamp), nil
}

func appendSerialAndTimestamp(dst []byte, flags byte, serial Consistency, timestamp int64) []byte {
	if flags&querySerialConsistency != 0 {
		dst = appendShort(dst, int(serial))
	}
	if flags&queryTimestamp != 0 {
		dst = appendLong(dst, timestamp)
	}
	return dst
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
