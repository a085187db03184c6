package database

import (
	"container/list"
	"crypto/md5"
	"sync"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/planner"
)

// StatementBytesMax is how long the text of a statement may be.
const StatementBytesMax = 16 << 20

// Statement is a statement that was parsed and planned. It is shared and immutable.
type Statement struct {
	ID       [16]byte // hash of keyspace and text: the same on every connection, before and after a restart; 0 if Parse knew its shape
	Text     string
	Keyspace string // of the connection that prepared it
	Plan     *planner.Prepared
	Kind     Kind
	ResultID [16]byte // hash of the result's columns; of a statement that is kept

	tree    cql.Statement // nil if Parse knew its shape
	version [16]byte      // of the schema it was planned against
	needs   []need        // permissions
}

// Estimates of what a kept statement takes: its plan and tree grow with its text.
const (
	statementBytes       = 4 << 10
	statementBytesFactor = 16
)

// size is about how much memory keeping st takes.
func (st *Statement) size() int64 { return statementBytes + statementBytesFactor*int64(len(st.Text)) }

// statementCache keeps the statements used last, by id.
type statementCache struct {
	max      int
	bytesMax int64
	bytes    int64 // guarded by mu; of all that are kept
	mu       sync.Mutex
	byID     map[[16]byte]*list.Element // guarded by mu; values are *Statement
	order    *list.List                 // guarded by mu; front is used last
	counted  StatementStatistics        // guarded by mu; what it counts of them
}

func newStatementCache(limit int, bytesMax int64) *statementCache {
	return &statementCache{max: limit, bytesMax: bytesMax, byID: map[[16]byte]*list.Element{}, order: list.New()}
}

func (c *statementCache) get(id [16]byte) *Statement {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		c.counted.Misses++
		return nil
	}
	c.counted.Hits++
	c.order.MoveToFront(e)
	return e.Value.(*Statement)
}

func (c *statementCache) put(st *Statement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[st.ID]; e != nil {
		e.Value = st
		c.order.MoveToFront(e)
		return
	}
	c.byID[st.ID] = c.order.PushFront(st)
	c.bytes += st.size()
	// The one just prepared stays, however long it is: whoever prepared it is about to use it.
	for c.order.Len() > 1 && (c.order.Len() > c.max || c.bytes > c.bytesMax) {
		c.forget(c.order.Back())
		c.counted.Evicted++
	}
}

// statistics says how the cache does.
func (c *statementCache) statistics() StatementStatistics {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.counted
	out.Kept, out.Bytes, out.BytesMax = c.order.Len(), c.bytes, c.bytesMax
	return out
}

// forget takes a statement out. mu is held.
func (c *statementCache) forget(e *list.Element) {
	st := e.Value.(*Statement)
	delete(c.byID, st.ID)
	c.order.Remove(e)
	c.bytes -= st.size()
}

func (c *statementCache) remove(id [16]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[id]; e != nil {
		c.forget(e)
	}
}

func statementID(keyspace, text string) [16]byte {
	return md5.Sum([]byte(keyspace + "\x00" + text))
}

// parse parses and plans a statement.
func (d *Database) parse(keyspace, text string) (*Statement, error) {
	d.shapes.parsed.Add(1)
	tree, err := cql.Parse(text)
	if err != nil {
		return nil, err
	}
	return d.planTree(keyspace, text, tree)
}

func (d *Database) planTree(keyspace, text string, tree cql.Statement) (*Statement, error) {
	return d.planWith(keyspace, text, tree, estimates{d})
}

func (d *Database) planWith(keyspace, text string, tree cql.Statement, statistics planner.Statistics) (*Statement, error) {
	s := d.Schema()
	plan, err := planner.Prepare(s, keyspace, tree, statistics)
	if err != nil {
		return nil, err
	}
	return &Statement{ID: statementID(keyspace, text), Text: text, Keyspace: keyspace, Plan: plan, Kind: kindOf(tree), tree: tree, version: s.Version, needs: needsOf(s, keyspace, tree)}, nil
}

// Prepare parses and plans a statement and keeps it under its ID.
func (d *Database) Prepare(keyspace, text string) (*Statement, error) {
	if st, err := d.current(d.statements.get(statementID(keyspace, text))); st != nil && err == nil {
		return st, nil
	}
	st, err := d.parse(keyspace, text)
	if err != nil {
		return nil, err
	}
	st.ResultID = ResultID(st.Plan.Result)
	d.statements.put(st)
	return st, nil
}

// ResultID is a hash of columns: the same on every connection, before and after a restart.
func ResultID(columns []planner.ColumnSpec) [16]byte {
	var text []byte
	for _, c := range columns {
		for _, part := range []string{c.Keyspace, c.Table, c.Name, c.Type.Structure()} {
			text = append(append(text, part...), 0)
		}
	}
	return md5.Sum(text)
}

// Prepared returns the statement with that id, or nil when there is none: never prepared, forgotten,
// or changed in its columns by a schema change, so that the client must prepare it again.
func (d *Database) Prepared(id []byte) *Statement {
	if len(id) != 16 {
		return nil
	}
	st, err := d.current(d.statements.get([16]byte(id)))
	if err != nil {
		return nil
	}
	return st
}

// current plans a statement again if the schema changed since. A statement whose markers or columns
// came out differently is forgotten.
func (d *Database) current(st *Statement) (*Statement, error) {
	if st == nil || st.version == d.Schema().Version {
		return st, nil
	}
	fresh, err := d.planTree(st.Keyspace, st.Text, st.tree)
	if err != nil || !sameColumns(st.Plan.Markers, fresh.Plan.Markers) || !sameColumns(st.Plan.Result, fresh.Plan.Result) {
		d.statements.remove(st.ID)
		return nil, err
	}
	fresh.ResultID = ResultID(fresh.Plan.Result)
	d.statements.put(fresh)
	return fresh, nil
}

func sameColumns(a, b []planner.ColumnSpec) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || !a[i].Type.Equal(b[i].Type) {
			return false
		}
	}
	return true
}
