package server

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// Each kind of error has the code by which drivers decide what to do, also when it is wrapped, and
// only what is the server's fault is reported to the operator.
func TestErrorCodes(t *testing.T) {
	_, syntax := cql.Parse("SELEKT 1")
	if syntax == nil {
		t.Fatal("no syntax error")
	}
	for _, c := range []struct {
		err    error
		code   wire.ErrorCode
		detail wire.ErrorDetail
	}{
		{syntax, wire.CodeSyntax, nil},
		{&planner.InvalidError{Message: "no such table"}, wire.CodeInvalid, nil},
		{&planner.ConfigError{Message: "no such option"}, wire.CodeConfig, nil},
		{&planner.ExistsError{Keyspace: "ks", Table: "t"}, wire.CodeAlreadyExists, wire.AlreadyExists{Keyspace: "ks", Table: "t"}},
		{&planner.ExistsError{Keyspace: "ks"}, wire.CodeAlreadyExists, wire.AlreadyExists{Keyspace: "ks"}},
		{lsm.ErrOverloaded, wire.CodeOverloaded, nil},
		{lsm.ErrDiskFull, wire.CodeOverloaded, nil},
		{&database.RateError{Message: "too much"}, wire.CodeOverloaded, nil},
		{&database.ReadFailureError{Message: "too many tombstones"}, wire.CodeReadFailure, tombstoneFailure},
		{lsm.ErrTooLarge, wire.CodeInvalid, nil},
		{lsm.ErrUnknownTable, wire.CodeInvalid, nil},
		{lsm.ErrReadOnly, wire.CodeServer, nil},
		{fmt.Errorf("%w: %w", lsm.ErrReadOnly, lsm.ErrDiskFull), wire.CodeServer, nil},
		{lsm.ErrCorrupt, wire.CodeServer, nil},
		{lsm.ErrClosed, wire.CodeServer, nil},
		{errors.New("unforeseen"), wire.CodeServer, nil},
	} {
		reported := make(chan error, 1)
		db := echo()
		wrapped := fmt.Errorf("ks.t: %w", c.err)
		db.execute = func(*database.Statement, database.Request) (*database.Result, error) { return nil, wrapped }
		s := start(t, Options{Database: db, Events: Events{Failed: func(_ net.Addr, err error) { reported <- err }}})
		_, err := dial(t, s, client.Options{}).Query(t.Context(), "q")
		var e *client.Error
		if !errors.As(err, &e) {
			t.Errorf("%v: got %v", c.err, err)
			continue
		}
		if e.Code != c.code || !reflect.DeepEqual(e.Detail, c.detail) || !strings.Contains(e.Message, c.err.Error()) {
			t.Errorf("%v: got %+v", c.err, e)
		}
		if (len(reported) == 1) != (c.code == wire.CodeServer) {
			t.Errorf("%v: reported %d times", c.err, len(reported))
		}
	}
}

// A lone `;` and an empty statement, which cqlsh sends, are syntax errors, and the connection stays.
func TestErrorsOfParsing(t *testing.T) {
	db := echo()
	db.parse = func(_, text string) error {
		_, err := cql.Parse(text)
		return err
	}
	r := dialRaw(t, start(t, Options{Database: db}))
	r.ready()
	for _, text := range []string{";", "", "SELECT FROM"} {
		r.ask(4, 1, &wire.Query{Text: []byte(text)})
		r.expectError(1, wire.CodeSyntax, "")
		r.ask(4, 2, &wire.Prepare{Text: []byte(text)})
		r.expectError(2, wire.CodeSyntax, "")
	}
}
