package server

import (
	"net"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server/wire"
)

func (e *Events) opened(remote net.Addr) {
	e.metrics.opened.Add(1)
	if e.Opened != nil {
		e.Opened(remote)
	}
}

func (e *Events) closed(remote net.Addr, cause error) {
	e.metrics.departure(cause)
	if e.Closed != nil {
		e.Closed(remote, cause)
	}
}

func (e *Events) refused(remote net.Addr, cause error) {
	e.metrics.refusal(cause)
	if e.Refused != nil {
		e.Refused(remote, cause)
	}
}

func (e *Events) failed(remote net.Addr, err error) {
	if e.Failed != nil {
		e.Failed(remote, err)
	}
}

func (e *Events) panicked(remote net.Addr, value any, stack []byte) {
	if e.Panicked != nil {
		e.Panicked(remote, value, stack)
	}
}

func (e *Events) loginFailed(remote net.Addr, name string, cause error) {
	e.metrics.loginsBad.Add(1)
	if e.LoginFailed != nil {
		e.LoginFailed(remote, name, cause)
	}
}

func (e *Events) loggedIn(remote net.Addr, name string) {
	e.metrics.loggedIn.Add(1)
	if e.LoggedIn != nil {
		e.LoggedIn(remote, name)
	}
}

// schemaChanged tells every client that registered for it.
func (s *Server) schemaChanged(change database.Change) {
	event := wire.Answer{Message: &wire.Event{Type: wire.SchemaChanged, Schema: schemaChange(change)}}
	s.each(func(c *conn) {
		if c.schemaEvents.Load() {
			c.tell(wire.Header{Version: c.speaks(), Stream: wire.EventStream}, event)
		}
	})
}

func schemaChange(c database.Change) wire.SchemaChange {
	return wire.SchemaChange{Change: c.Kind, Target: c.Target, Keyspace: c.Keyspace, Name: c.Name}
}
