package database

// Ticket stands for a write that was applied and need not be durable yet: Await tells when it may be acknowledged.
// The zero Ticket is of a statement that waits for nothing.
type Ticket struct {
	sequence uint64 // of its record; 0: nothing to wait for
}

// Waits reports whether the answer must wait for Await.
func (t Ticket) Waits() bool { return t.sequence != 0 }

// Begin is Execute without the wait for the commit log. Until Await has returned nil for the ticket, the result must
// not be told to anybody. What it is given is no longer used when it returns.
func (d *Database) Begin(st *Statement, req Request) (*Result, Ticket, error) {
	r, err := d.Execute(st, req)
	return r, Ticket{}, err
}

// BeginBatch is Batch without the wait for the commit log, as Begin is.
func (d *Database) BeginBatch(entries []BatchEntry, req Request) (*Result, Ticket, error) {
	r, err := d.Batch(entries, req)
	return r, Ticket{}, err
}

// Await returns when the write of the ticket, and so all before it, are durable by the mode of the log and visible.
func (d *Database) Await(Ticket) error { return nil }
