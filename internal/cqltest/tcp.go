package cqltest

import (
	"context"
	"errors"

	"github.com/eskerdb/esker/server"
)

// Served is an Embedded behind a server of its own on a loopback port, and a connection to it.
type Served struct {
	*Embedded
	ctx      context.Context
	server   *server.Server
	served   chan error // of capacity 1: what Serve returned
	conn     *Conn
	keyspace string
	login    [2]string // name and password of the connection; empty: nobody asks
}

// OpenServed opens an empty database behind a server; ctx bounds all that is done over the connection.
func OpenServed(ctx context.Context, o Options) (*Served, error) {
	e, err := Open(o)
	if err != nil {
		return nil, err
	}
	s := &Served{Embedded: e, ctx: ctx}
	if o.Auth {
		s.login = [2]string{firstUser, firstUser}
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return s, nil
}

// listen starts the server and connects.
func (s *Served) listen() error {
	var err error
	o := server.Options{Database: s.db, Addr: "127.0.0.1:0", Events: s.options.Events}
	if s.options.Auth {
		o.Door.Logins = s.db
	}
	if s.server, err = server.Listen(o); err != nil {
		return err
	}
	s.served = make(chan error, 1)
	go func() { s.served <- s.server.Serve() }()
	if s.conn, err = DialAs(s.ctx, s.server.Addr().String(), s.keyspace, s.login[0], s.login[1]); err != nil {
		return errors.Join(err, s.hangUp())
	}
	return nil
}

// hangUp ends connection and server. A restart that failed has left none.
func (s *Served) hangUp() error {
	if s.served == nil {
		return nil
	}
	var err error
	if s.conn != nil {
		s.keyspace = s.conn.conn.Keyspace()
		err = s.conn.Close()
	}
	err = errors.Join(err, s.server.Shutdown(context.WithoutCancel(s.ctx)))
	err = errors.Join(err, <-s.served)
	s.conn, s.served = nil, nil
	return err
}

// Close ends all of it.
func (s *Served) Close() error { return errors.Join(s.hangUp(), s.Embedded.Close()) }

// Query implements Target over the connection.
func (s *Served) Query(text string, pageSize int) (*Answer, error) {
	s.clock.Advance(tick)
	return s.conn.Query(text, pageSize)
}

// Execute implements Target over the connection.
func (s *Served) Execute(text string, lines []string, pageSize int) (*Answer, error) {
	s.clock.Advance(tick)
	return s.conn.Execute(text, lines, pageSize)
}

// Login implements LoginTarget over the connection.
func (s *Served) Login(name, password string) error {
	err := s.conn.Login(name, password)
	if err == nil {
		s.login = [2]string{name, password}
	}
	return err
}

// Weather implements Target. A database that goes down takes its server with it.
func (s *Served) Weather(step *Step) error {
	switch step.Verb {
	case VerbSettle:
		return settle(s)
	case VerbRestart, VerbCrash:
		if err := s.hangUp(); err != nil {
			return err
		}
		if err := s.Embedded.Weather(step); err != nil {
			return err
		}
		return s.listen()
	}
	return s.Embedded.Weather(step)
}
