package client

import (
	"errors"
	"reflect"
	"testing"

	"github.com/eskerdb/esker/server/wire"
)

var textColumn = []wire.Column{{Keyspace: "ks", Table: "t", Name: "c", Type: wire.Type{ID: wire.TypeVarchar}}}

func prepared(id string) *wire.Prepared {
	return &wire.Prepared{ID: []byte(id), Binds: textColumn, KeyBinds: []uint16{0}, Result: textColumn}
}

func unprepared(id string) *wire.Error {
	return &wire.Error{Code: wire.CodeUnprepared, Message: "unknown", Detail: wire.Unprepared{ID: []byte(id)}}
}

func TestPrepareAndExecute(t *testing.T) {
	var executed wire.QueryParams
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Prepare](s)
		s.say(prepared("id"))
		m := expect[*wire.Execute](s)
		executed = m.Params
		s.answer(wire.Answer{TracingID: [16]byte{1}, Warnings: []string{"slow"}, Message: &wire.Void{}})
		if s.flags&wire.FlagTracing == 0 {
			t.Error("not traced")
		}
	})
	s, err := c.Prepare(t.Context(), "SELECT")
	want := &Statement{Text: "SELECT", ID: []byte("id"), ResultID: []byte{}, Binds: textColumn, KeyBinds: []uint16{0}, Result: textColumn}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Fatalf("statement %+v, %v", s, err)
	}
	values := []wire.Value{{Bytes: []byte("v")}}
	o := RequestOptions{Consistency: wire.Quorum, HasTimestamp: true, Timestamp: 7, SerialConsistency: wire.LocalSerial, Trace: true}
	r, err := c.Execute(t.Context(), s, values, o)
	if err != nil || !reflect.DeepEqual(r.Warnings, []string{"slow"}) || r.TracingID != [16]byte{1} || r.HasRows() {
		t.Errorf("result %+v, %v", r, err)
	}
	if row, err := r.Next(t.Context()); row != nil || err != nil {
		t.Errorf("row of a write: %q, %v", row, err)
	}
	wantParams := wire.QueryParams{Consistency: wire.Quorum, PageSize: pageRowsDefault, Values: values,
		Tail: wire.Tail{HasTimestamp: true, DefaultTimestamp: 7, SerialConsistency: wire.LocalSerial}}
	if !reflect.DeepEqual(executed, wantParams) {
		t.Errorf("executed with %+v", executed)
	}
}

func TestForgottenStatementIsPreparedAgain(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Execute](s)
		s.say(unprepared("id"))
		if m := expect[*wire.Prepare](s); string(m.Text) != "SELECT" {
			t.Errorf("prepared %s", m.Text)
		}
		s.say(prepared("id"))
		expect[*wire.Execute](s)
		s.say(oneCell("x"))

		expect[*wire.Execute](s)
		s.say(unprepared("id"))
		expect[*wire.Prepare](s)
		s.say(prepared("another"))

		expect[*wire.Execute](s)
		s.say(unprepared("id"))
		expect[*wire.Prepare](s)
		s.say(&wire.Error{Code: wire.CodeInvalid, Message: "table is gone"})
	})
	statement := &Statement{Text: "SELECT", ID: []byte("id")}
	r, err := c.Execute(t.Context(), statement, nil, RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(t.Context()); err != nil || string(row[0]) != "x" {
		t.Errorf("row %q, %v", row, err)
	}
	if _, err := c.Execute(t.Context(), statement, nil, RequestOptions{}); err == nil {
		t.Error("values of one statement were sent to another")
	}
	var refused *Error
	if _, err := c.Execute(t.Context(), statement, nil, RequestOptions{}); !errors.As(err, &refused) || refused.Code != wire.CodeInvalid {
		t.Errorf("statement on a table that is gone: %v", err)
	}
}

func TestBatchPreparesWhatIsForgotten(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		for _, id := range []string{"a", "b"} {
			expect[*wire.Batch](s)
			s.say(unprepared(id))
			if m := expect[*wire.Prepare](s); string(m.Text) != "INSERT "+id {
				t.Errorf("prepared %s", m.Text)
			}
			s.say(prepared(id))
		}
		m := expect[*wire.Batch](s)
		if m.Kind != wire.BatchUnlogged || len(m.Entries) != 3 || string(m.Entries[2].Text) != "DELETE" || m.Consistency != wire.LocalOne {
			t.Errorf("batch %+v", m)
		}
		s.say(&wire.Void{})

		// A server that never learns must not be asked for ever.
		for range 2 {
			expect[*wire.Batch](s)
			s.say(unprepared("a"))
			if _, ok := s.request().(*wire.Prepare); ok {
				s.say(prepared("a"))
			}
		}
	})
	a, b := &Statement{Text: "INSERT a", ID: []byte("a")}, &Statement{Text: "INSERT b", ID: []byte("b")}
	value := []wire.Value{{Bytes: []byte("v")}}
	entries := []BatchEntry{{Statement: a, Values: value}, {Statement: b, Values: value}, {Text: "DELETE"}}
	if _, err := c.Batch(t.Context(), wire.BatchUnlogged, entries, RequestOptions{}); err != nil {
		t.Error(err)
	}
	var refused *Error
	if _, err := c.Batch(t.Context(), wire.BatchLogged, entries[:1], RequestOptions{}); !errors.As(err, &refused) || refused.Code != wire.CodeUnprepared {
		t.Errorf("got %v", err)
	}
}

func TestPages(t *testing.T) {
	page := func(state string, texts ...string) *wire.Rows {
		rows := oneCell(texts...)
		rows.Metadata.Skip = true
		if state != "" {
			rows.Metadata.PagingState = []byte(state)
		}
		return rows
	}
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		for _, p := range []struct {
			state string
			rows  *wire.Rows
		}{{"", page("1", "a", "b")}, {"1", page("2")}, {"2", page("", "c")}} {
			m := expect[*wire.Execute](s)
			if string(m.Params.PagingState) != p.state || m.Params.PageSize != 2 || !m.Params.SkipMetadata {
				t.Errorf("asked for %+v", m.Params)
			}
			s.answer(wire.Answer{Warnings: []string{"page " + p.state}, Message: p.rows})
		}
	})
	s := &Statement{ID: []byte("id"), Result: textColumn}
	r, err := c.Execute(t.Context(), s, nil, RequestOptions{PageSize: 2, SkipMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Columns, textColumn) || string(r.PagingState()) != "1" {
		t.Errorf("columns %+v, state %q", r.Columns, r.PagingState())
	}
	var got []string
	for {
		row, err := r.NextInPage()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			break
		}
		got = append(got, string(row[0]))
	}
	if !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("first page %q", got)
	}
	if row, err := r.Next(t.Context()); err != nil || string(row[0]) != "c" {
		t.Errorf("after an empty page: %q, %v", row, err)
	}
	if row, err := r.Next(t.Context()); err != nil || row != nil {
		t.Errorf("after the last row: %q, %v", row, err)
	}
	if more, err := r.NextPage(t.Context()); more || err != nil || r.PagingState() != nil {
		t.Errorf("after the last page: %v, %v", more, err)
	}
	if !reflect.DeepEqual(r.Warnings, []string{"page ", "page 1", "page 2"}) {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestLostWhilePaging(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		rows := oneCell("a")
		rows.Metadata.PagingState = []byte("more")
		s.say(rows)
		expect[*wire.Query](s)
	})
	r, err := c.Query(t.Context(), "SELECT")
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(t.Context()); err != nil || string(row[0]) != "a" {
		t.Errorf("row %q, %v", row, err)
	}
	if row, err := r.Next(t.Context()); row != nil || !errors.Is(err, ErrLost) {
		t.Errorf("second page: %q, %v", row, err)
	}
}

func TestPageWithoutItsColumns(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Execute](s)
		rows := oneCell("a")
		rows.Metadata = wire.Metadata{Skip: true, Count: 3}
		s.say(rows)
	})
	s := &Statement{ID: []byte("id"), Result: textColumn}
	if _, err := c.Execute(t.Context(), s, nil, RequestOptions{SkipMetadata: true}); err == nil {
		t.Error("three columns were read as one")
	}
}

func TestSchemaChangeOfResult(t *testing.T) {
	change := wire.SchemaChange{Change: wire.ChangeCreated, Target: wire.TargetKeyspace, Keyspace: "ks"}
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Query](s)
		s.say(&wire.SchemaResult{SchemaChange: change})
	})
	r, err := c.Query(t.Context(), "CREATE KEYSPACE")
	if err != nil || !reflect.DeepEqual(r.SchemaChange, &change) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPipelinedExecutionsAndBatches(t *testing.T) {
	c := mustDial(t, Options{}, func(s *stub) {
		s.ready()
		expect[*wire.Execute](s)
		first := s.stream
		if m := expect[*wire.Batch](s); string(m.Entries[0].Values[0].Bytes) != "w" {
			t.Errorf("batch %+v", m)
		}
		s.say(&wire.Void{})
		s.answerOn(first, wire.Answer{Message: unprepared("id")})
	})
	s := &Statement{Text: "INSERT", ID: []byte("id")}
	values := []wire.Value{{Bytes: []byte("v")}}
	execute, err := c.SendExecute(t.Context(), s, values, RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	values[0].Bytes[0] = 'w' // Send has taken what it needs
	batch, err := c.SendBatch(t.Context(), wire.BatchLogged, []BatchEntry{{Statement: s, Values: values}}, RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-batch.Done()
	if _, err := batch.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	var refused *Error
	if _, err := execute.Wait(t.Context()); !errors.As(err, &refused) || refused.Code != wire.CodeUnprepared {
		t.Errorf("execute: %v", err)
	}
}
