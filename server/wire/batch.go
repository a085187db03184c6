package wire

import "fmt"

// BatchKind is the kind of a BATCH.
type BatchKind byte

// Kinds of a batch.
const (
	BatchLogged   BatchKind = 0
	BatchUnlogged BatchKind = 1
	BatchCounter  BatchKind = 2
)

// String returns the word that CQL uses.
func (k BatchKind) String() string {
	switch k {
	case BatchLogged:
		return "LOGGED"
	case BatchUnlogged:
		return "UNLOGGED"
	case BatchCounter:
		return "COUNTER"
	}
	return fmt.Sprintf("batch kind %d", byte(k))
}

// Kinds of a batch's entry.
const (
	entryText     byte = 0
	entryPrepared byte = 1
)

// BatchEntry is one statement of a batch: a text, or the id of a prepared one.
type BatchEntry struct {
	Text   []byte // counts if ID is nil
	ID     []byte // nil for a text
	Values []Value
}

// Batch runs statements together.
type Batch struct {
	Kind        BatchKind
	Consistency Consistency
	Entries     []BatchEntry
	Tail

	values []Value // memory of all entries' values when decoded
}

// Opcode returns OpBatch.
func (*Batch) Opcode() Opcode { return OpBatch }

func (m *Batch) decode(c *cursor, version byte) {
	*m = Batch{Entries: m.Entries[:0], values: m.values[:0]}
	m.Kind = BatchKind(c.byte())
	if m.Kind > BatchCounter {
		c.fail(protocolf("invalid kind of batch %d", byte(m.Kind)))
	}
	n := c.short()
	for i := 0; i < n && c.err == nil; i++ {
		m.Entries = append(m.Entries, m.decodeEntry(c, version))
	}
	m.Consistency = c.consistency()
	flags := c.flags(version)
	if flags&queryNames != 0 {
		// The names would stand where the entries are read already: the format cannot work.
		c.fail(invalidf("named values are not supported"))
	}
	m.Tail = c.tail(flags)
}

func (m *Batch) decodeEntry(c *cursor, version byte) BatchEntry {
	var e BatchEntry
	switch kind := c.byte(); kind {
	case entryText:
		e.Text = c.longString()
	case entryPrepared:
		e.ID = c.shortBytes()
	default:
		c.fail(protocolf("invalid kind of statement %d: must be 0 or 1", kind))
	}
	from := len(m.values)
	n := c.short()
	for i := 0; i < n && c.err == nil; i++ {
		m.values = append(m.values, c.value(version))
	}
	// If the append moved the values, entries before keep the old memory, which nobody changes.
	e.Values = m.values[from:len(m.values):len(m.values)]
	return e
}

func (m *Batch) appendBody(dst []byte, version byte) ([]byte, error) {
	if len(m.Entries) > shortMax {
		return nil, fmt.Errorf("batch: %d statements exceed the maximum of %d", len(m.Entries), shortMax)
	}
	dst = appendShort(append(dst, byte(m.Kind)), len(m.Entries))
	for i := range m.Entries {
		var err error
		if dst, err = m.Entries[i].append(dst, version); err != nil {
			return nil, fmt.Errorf("batch: statement %d: %w", i, err)
		}
	}
	dst = appendFlags(appendShort(dst, int(m.Consistency)), version, m.Tail.flags())
	return m.Tail.append(dst, version)
}

func (e *BatchEntry) append(dst []byte, version byte) (_ []byte, err error) {
	if e.ID == nil {
		dst, err = appendLongString(append(dst, entryText), e.Text)
	} else {
		dst, err = appendID(append(dst, entryPrepared), e.ID)
	}
	if err != nil {
		return nil, err
	}
	return appendValues(dst, version, e.Values, nil)
}
