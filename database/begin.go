package database

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
)

// Ticket stands for a write that was applied and need not be durable yet: Await tells when it may be acknowledged.
// The zero Ticket is of a statement that waits for nothing.
type Ticket struct {
	sequence uint64 // of its record; 0: nothing to wait for
}

// TicketOf is the ticket of the record with a sequence, for those who stand in for a Database.
func TicketOf(sequence uint64) Ticket { return Ticket{sequence} }

// Waits reports whether the answer must wait for Await.
func (t Ticket) Waits() bool { return t.sequence != 0 }

// Later is the one of two tickets that is to be awaited: the other one is durable then too.
func (t Ticket) Later(o Ticket) Ticket {
	if o.sequence > t.sequence {
		return o
	}
	return t
}

// Begin is Execute without the wait for the commit log. Until Await has returned nil for the ticket or a later one,
// the result must not be told to anybody. What it is given is no longer used when it returns. A ticket needs no other
// care: one that is never awaited does no harm.
func (d *Database) Begin(st *Statement, req Request) (*Result, Ticket, error) {
	if err := d.permit(req.User, st.needs); err != nil {
		return nil, Ticket{}, err
	}
	values, err := arrange(st.Plan.Markers, &req)
	if err != nil {
		return nil, Ticket{}, err
	}
	w := d.newWriting()
	w.context = d.contextOf(&req)
	plan, err := st.Plan.BindInto(&w.WriteBuffer, values, &w.context)
	if err == nil && plan == nil && !w.Write().ReadsFirst {
		r, ticket, err := d.admitted(w)
		if err == nil {
			traceWrite(req.Trace, w.Write())
		}
		w.done()
		return r, ticket, err
	}
	defer w.done()
	if err != nil {
		return nil, Ticket{}, err
	}
	if conditions, ok := plan.(*planner.Conditional); ok || plan == nil {
		return d.readFirst(w, conditions, &req)
	}
	r, err := d.carryOut(st, plan, req)
	return r, Ticket{}, err
}

// BeginBatch is Batch without the wait for the commit log, as Begin is.
func (d *Database) BeginBatch(entries []BatchEntry, req Request) (*Result, Ticket, error) {
	if err := d.permitBatch(req.User, entries); err != nil {
		return nil, Ticket{}, err
	}
	w := d.newWriting()
	defer w.done()
	plan, err := d.bindBatch(w, entries, &req)
	switch {
	case err != nil:
		return nil, Ticket{}, err
	case plan != nil || w.Write().ReadsFirst:
		return d.readFirst(w, plan, &req)
	}
	r, ticket, err := d.admitted(w)
	if err == nil {
		traceWrite(req.Trace, w.Write())
	}
	return r, ticket, err
}

// Await returns when the write of the ticket, and every other that was begun before it by whomever, is durable by the mode of
// the log and visible. An error says that writes failed which were not durable before: nobody knows whether a
// restart finds them, and nothing is written any more.
func (d *Database) Await(t Ticket) error {
	if !t.Waits() {
		return nil
	}
	err := d.store.WaitDurable(t.sequence)
	if !errors.Is(err, lsm.ErrUncertain) { // else it may become durable yet, and what is held for it counts then
		d.unsynced.end(t.sequence, err != nil)
	}
	return err
}

// awaited is the end of a call that began a write.
func (d *Database) awaited(r *Result, t Ticket, err error) (*Result, error) {
	if err == nil {
		err = d.Await(t)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// excludeWrites takes marksMu alone, and waits until what was written before is durable and visible: a View taken now
// has all of it. If the log has failed it has what it will ever have.
func (d *Database) excludeWrites() (include func()) {
	d.marksMu.Lock()
	_ = d.Await(d.newest())
	return d.marksMu.Unlock
}

// newest is the ticket of what was written last.
func (d *Database) newest() Ticket {
	view := d.store.Newest()
	defer view.Close()
	return Ticket{view.Sequence()}
}

// unsynced is what has to be let go of once a record is durable, or is not to be, by whoever awaits it or a later one.
type unsynced struct {
	count atomic.Int64 // of holds
	mu    sync.Mutex
	holds []hold // guarded by mu
}

// hold is kept for a record that is not durable.
type hold struct {
	sequence uint64
	release  func()
}

func (u *unsynced) add(sequence uint64, release func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.holds = append(u.holds, hold{sequence, release})
	u.count.Add(1)
}

// end releases what is held for records up to a sequence, or for all, each once.
func (u *unsynced) end(sequence uint64, all bool) {
	if u.count.Load() == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.holds = slices.DeleteFunc(u.holds, func(h hold) bool {
		if h.sequence > sequence && !all {
			return false
		}
		h.release()
		u.count.Add(-1)
		return true
	})
}
