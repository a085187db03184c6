package wire

import "net/netip"

// EventType is what REGISTER asks for and an EVENT begins with.
type EventType string

// Types of events.
const (
	TopologyChange EventType = "TOPOLOGY_CHANGE"
	StatusChange   EventType = "STATUS_CHANGE"
	SchemaChanged  EventType = "SCHEMA_CHANGE"
)

// Valid tells whether the protocol knows the type.
func (e EventType) Valid() bool {
	return e == TopologyChange || e == StatusChange || e == SchemaChanged
}

// EventStream is the stream of every event.
const EventStream int16 = -1

// Changes and targets of a SchemaChange.
const (
	ChangeCreated = "CREATED"
	ChangeUpdated = "UPDATED"
	ChangeDropped = "DROPPED"

	TargetKeyspace  = "KEYSPACE"
	TargetTable     = "TABLE"
	TargetType      = "TYPE"
	TargetFunction  = "FUNCTION"
	TargetAggregate = "AGGREGATE"
)

// SchemaChange tells what DDL did, as the result of the statement and as an event.
type SchemaChange struct {
	Change    string // ChangeCreated …
	Target    string // TargetKeyspace …; drivers know no other
	Keyspace  string
	Name      string   // empty for a keyspace
	Arguments []string // types of a function's or an aggregate's arguments
}

// Event is a server's unasked message. It goes to EventStream.
type Event struct {
	Type    EventType
	Schema  SchemaChange   // SchemaChanged
	Change  string         // TopologyChange: NEW_NODE, REMOVED_NODE; StatusChange: UP, DOWN
	Address netip.AddrPort // of the node of Change
}

// Opcode returns OpEvent.
func (*Event) Opcode() Opcode { return OpEvent }

func (m *Event) appendBody(dst []byte, version byte) []byte {
	dst = appendString(dst, string(m.Type))
	if m.Type == SchemaChanged {
		return m.Schema.append(dst, version)
	}
	return appendInet(appendString(dst, m.Change), m.Address)
}

func (m *Event) decode(c *cursor) {
	m.Type = EventType(c.string())
	switch m.Type {
	case SchemaChanged:
		m.Schema.decode(c)
	case TopologyChange, StatusChange:
		m.Change = c.string()
		m.Address = c.inet()
	default:
		c.fail(protocolf("unknown event type %q", string(m.Type)))
	}
}

func (s *SchemaChange) append(dst []byte, version byte) []byte {
	callable := s.Target == TargetFunction || s.Target == TargetAggregate
	if callable && version < 4 {
		// Version 3 knows no functions: it is told that their keyspace changed.
		dst = appendString(appendString(dst, ChangeUpdated), TargetKeyspace)
		return appendString(dst, s.Keyspace)
	}
	dst = appendString(appendString(dst, s.Change), s.Target)
	dst = appendString(dst, s.Keyspace)
	if s.Target != TargetKeyspace {
		dst = appendString(dst, s.Name)
	}
	if callable {
		dst = appendStringList(dst, s.Arguments)
	}
	return dst
}

func (s *SchemaChange) decode(c *cursor) {
	s.Change, s.Target, s.Keyspace = c.string(), c.string(), c.string()
	if s.Target != TargetKeyspace {
		s.Name = c.string()
	}
	if s.Target == TargetFunction || s.Target == TargetAggregate {
		s.Arguments = c.stringList()
	}
}
