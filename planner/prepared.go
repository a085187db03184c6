package planner

// Prepared is a statement that was parsed and checked against a schema once and can be bound often.
// It is immutable; it is stale once the schema's version changed.
type Prepared struct {
	Keyspace            string       // of the statement's table
	Markers             []ColumnSpec // in order of appearance; names of `?` are those of their columns
	PartitionKeyIndexes []uint16     // markers that make up the whole partition key, in key order; empty if they do not
	Result              []ColumnSpec // columns of the answer; nil if it has no rows
	Conditional         bool         // it has IF: its answer is told when it is run, and the timestamp is the server's
	Counter             bool         // it writes to a counter table
	bind                func(values []Value, ctx Context) (Plan, error)
	// into binds a write behind those that a buffer holds; nil: bind does it.
	into func(b *WriteBuffer, values []Value, ctx *Context) error
	// literals are the values of a statement that has a shape; nil: it has none.
	literals []Value
}

// given are the values to bind: those of the markers, or of the literals.
func (p *Prepared) given(values []Value) []Value {
	if p.literals != nil {
		return p.literals
	}
	return values
}

// Bind makes a plan of the values, one for each marker.
func (p *Prepared) Bind(values []Value, ctx Context) (Plan, error) {
	return p.bind(p.given(values), ctx)
}

// BindInto binds the values behind the writes that a buffer holds. A plan that is no write is returned, and nothing is bound then.
// After an error the buffer is of no use until it is Reset.
func (p *Prepared) BindInto(b *WriteBuffer, values []Value, ctx *Context) (Plan, error) {
	if p.into != nil {
		return nil, p.into(b, p.given(values), ctx)
	}
	plan, err := p.bind(p.given(values), *ctx)
	if w, ok := plan.(*Write); ok && err == nil {
		b.Add(w)
		return nil, nil
	}
	return plan, err
}
