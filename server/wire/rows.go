package wire

import "encoding/binary"

// Kinds of a RESULT.
const (
	resultVoid         int32 = 0x0001
	resultRows         int32 = 0x0002
	resultSetKeyspace  int32 = 0x0003
	resultPrepared     int32 = 0x0004
	resultSchemaChange int32 = 0x0005
)

// Flags of a result's metadata.
const (
	metadataGlobalTable int32 = 0x0001
	metadataMorePages   int32 = 0x0002
	metadataNone        int32 = 0x0004
	metadataChanged     int32 = 0x0008 // from version 5
)

// columnsMax is how many columns a decoded result may have; a table cannot have more.
const columnsMax = shortMax

// Column describes a column of a result, or a bind marker.
type Column struct {
	Keyspace string
	Table    string
	Name     string
	Type     Type
}

// Metadata describes the columns of rows.
type Metadata struct {
	Columns     []Column
	PagingState []byte // nil on the last page
	ChangedID   []byte // of these columns, if they are not those the client knew; else nil; from version 5
	// Skip leaves the columns' descriptions out, as a client may ask.
	Skip bool
	// Count is how many columns each row has. It is read where the descriptions are left out; written is
	// len(Columns), or Count where there are none.
	Count int
}

// Rows is the result of a SELECT: cells row by row, each as AppendBytes or AppendNull writes them.
type Rows struct {
	Metadata Metadata
	RowCount int32
	Content  []byte
}

// Prepared answers PREPARE.
type Prepared struct {
	ID       []byte
	ResultID []byte   // of Result: EXECUTE brings it back, so that changed columns are found out; from version 5
	Binds    []Column // a bind marker each
	KeyBinds []uint16 // for each partition key column its bind marker; empty if not all are bound; from version 4
	Result   []Column // the columns of what EXECUTE answers; empty for what is not a SELECT
}

// Opcode returns OpResult.
func (*Rows) Opcode() Opcode { return OpResult }

// Opcode returns OpResult.
func (*Prepared) Opcode() Opcode { return OpResult }

func (m *Rows) appendBody(dst []byte, version byte) []byte {
	dst = m.Metadata.append(AppendInt(dst, resultRows), version)
	return append(AppendInt(dst, m.RowCount), m.Content...)
}

func (m *Prepared) appendBody(dst []byte, version byte) []byte {
	dst = appendShortBytes(AppendInt(dst, resultPrepared), m.ID)
	if version >= 5 {
		dst = appendShortBytes(dst, m.ResultID)
	}
	flags := int32(0)
	if oneTable(m.Binds) {
		flags = metadataGlobalTable
	}
	dst = AppendInt(AppendInt(dst, flags), int32(len(m.Binds)))
	if version >= 4 {
		dst = AppendInt(dst, int32(len(m.KeyBinds)))
		for _, at := range m.KeyBinds {
			dst = appendShort(dst, int(at))
		}
	}
	dst = appendColumns(dst, version, m.Binds, flags&metadataGlobalTable != 0)
	result := Metadata{Columns: m.Result, Skip: len(m.Result) == 0}
	return result.append(dst, version)
}

func (m *Metadata) append(dst []byte, version byte) []byte {
	var flags int32
	count := len(m.Columns)
	if m.PagingState != nil {
		flags |= metadataMorePages
	}
	changed := m.ChangedID != nil && version >= 5
	if changed {
		flags |= metadataChanged
	}
	if m.Skip {
		flags |= metadataNone
		if count == 0 {
			count = m.Count
		}
	} else if oneTable(m.Columns) {
		flags |= metadataGlobalTable
	}
	dst = AppendInt(AppendInt(dst, flags), int32(count))
	if m.PagingState != nil {
		dst = AppendBytes(dst, m.PagingState)
	}
	if changed {
		dst = appendShortBytes(dst, m.ChangedID)
	}
	if m.Skip {
		return dst
	}
	return appendColumns(dst, version, m.Columns, flags&metadataGlobalTable != 0)
}

// oneTable tells whether the table can be named once for all columns.
func oneTable(columns []Column) bool {
	for _, col := range columns {
		if col.Keyspace != columns[0].Keyspace || col.Table != columns[0].Table {
			return false
		}
	}
	return len(columns) > 0
}

func appendColumns(dst []byte, version byte, columns []Column, global bool) []byte {
	if global {
		dst = appendString(appendString(dst, columns[0].Keyspace), columns[0].Table)
	}
	for i := range columns {
		col := &columns[i]
		if !global {
			dst = appendString(appendString(dst, col.Keyspace), col.Table)
		}
		dst = appendType(appendString(dst, col.Name), version, col.Type)
	}
	return dst
}

func (c *cursor) rows() *Rows {
	m := &Rows{Metadata: c.metadata()}
	m.RowCount = c.int()
	m.Content = c.take(len(c.rest), "rows")
	if m.RowCount < 0 {
		c.fail(protocolf("%d rows", m.RowCount))
	}
	return m
}

func (c *cursor) metadata() Metadata {
	flags := c.int()
	m := Metadata{Count: c.columnCount(), Skip: flags&metadataNone != 0}
	if flags&metadataMorePages != 0 {
		m.PagingState = c.bytes()
	}
	if flags&metadataChanged != 0 {
		m.ChangedID = c.shortBytes()
	}
	if !m.Skip {
		m.Columns = c.columns(m.Count, flags&metadataGlobalTable != 0)
	}
	return m
}

func (c *cursor) columnCount() int {
	n := c.int()
	if n < 0 || n > columnsMax {
		c.fail(protocolf("%d columns", n))
		return 0
	}
	return int(n)
}

func (c *cursor) columns(n int, global bool) []Column {
	var keyspace, table string
	if global {
		keyspace, table = c.string(), c.string()
	}
	var columns []Column // grows with what is there, not with n
	for i := 0; i < n && c.err == nil; i++ {
		col := Column{Keyspace: keyspace, Table: table}
		if !global {
			col.Keyspace, col.Table = c.string(), c.string()
		}
		col.Name = c.string()
		col.Type = c.option(0)
		columns = append(columns, col)
	}
	return columns
}

func (c *cursor) prepared(version byte) *Prepared {
	m := &Prepared{ID: c.shortBytes()}
	if version >= 5 {
		m.ResultID = c.shortBytes()
	}
	flags, n := c.int(), c.columnCount()
	if version >= 4 {
		keys := c.int()
		for i := int32(0); i < keys && c.err == nil; i++ {
			m.KeyBinds = append(m.KeyBinds, uint16(c.short()))
		}
	}
	m.Binds = c.columns(n, flags&metadataGlobalTable != 0)
	m.Result = c.metadata().Columns
	return m
}

// RowReader walks over the cells of rows.
type RowReader struct {
	cells [][]byte
	left  int32
	c     cursor
}

// NewRowReader reads content as rowCount rows of columns cells each.
func NewRowReader(content []byte, rowCount int32, columns int) *RowReader {
	if columns <= 0 {
		rowCount = 0 // rows without bytes could be claimed without end
	}
	return &RowReader{cells: make([][]byte, min(max(columns, 0), columnsMax)), left: rowCount, c: newCursor(content)}
}

// Next returns the cells of the next row, nil for null, and nil at the end. The slice is valid until the next call, its
// elements as long as the content. An error is a *ProtocolError.
func (r *RowReader) Next() ([][]byte, error) {
	if r.left <= 0 {
		return nil, nil
	}
	r.left--
	rest := r.c.rest
	for i := range r.cells {
		if len(rest) < 4 {
			return nil, r.broken()
		}
		n := int32(binary.BigEndian.Uint32(rest))
		if rest = rest[4:]; n < 0 {
			r.cells[i] = nil
			continue
		}
		if int(n) > len(rest) {
			return nil, r.broken()
		}
		r.cells[i], rest = rest[:n:n], rest[n:]
	}
	r.c.rest = rest
	return r.cells, nil
}

// broken says why the next row cannot be read.
func (r *RowReader) broken() error {
	r.left = 0
	for range r.cells {
		r.c.bytes()
	}
	return r.c.err
}
