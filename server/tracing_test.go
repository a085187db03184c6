package server

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// traceOf reads a trace as cqlsh and the drivers do: the session, then its steps in order.
func traceOf(t *testing.T, c *client.Conn, id [16]byte) (request, command string, parameters []byte, steps []string) {
	t.Helper()
	if id == [16]byte{} {
		t.Fatal("the request was not traced")
	}
	session := wire.Value{Bytes: id[:]}
	r := mustQuery(t, c, "SELECT request, command, parameters, duration, started_at, coordinator, client FROM system_traces.sessions WHERE session_id = ?", session)
	row, err := r.Next(t.Context())
	if err != nil || row == nil || row[3] == nil || row[4] == nil || row[6] == nil {
		t.Fatalf("session %x: %q, %v", id, row, err)
	}
	request, command, parameters = string(row[0]), string(row[1]), row[2]
	r = mustQuery(t, c, "SELECT activity, event_id, source, source_elapsed, thread FROM system_traces.events WHERE session_id = ?", session)
	last := int32(0)
	for {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return request, command, parameters, steps
		}
		elapsed := int32(binary.BigEndian.Uint32(row[3]))
		if elapsed < last {
			t.Errorf("step %q was %d µs after the begin, the one before %d", row[0], elapsed, last)
		}
		last = elapsed
		steps = append(steps, string(row[0]))
	}
}

// What a client asked to be traced can be read from system_traces at once; what it did not leaves nothing.
func TestTracing(t *testing.T) {
	s := startReal(t)
	for _, version := range []byte{3, 4, 5} {
		c := dial(t, s, client.Options{ProtocolVersion: version})
		keyspace := "traced" + string('0'+version)
		mustQuery(t, c, "CREATE KEYSPACE "+keyspace+" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
		mustQuery(t, c, "CREATE TABLE "+keyspace+".t (k int, c int, v text, PRIMARY KEY (k, c))")
		mustQuery(t, c, "INSERT INTO "+keyspace+".t (k, c, v) VALUES (1, 0, 'untraced')")
		traced := client.RequestOptions{Trace: true}
		query := func(text string) [16]byte {
			t.Helper()
			r, err := c.QueryWith(t.Context(), text, nil, traced)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return r.TracingID
		}
		expect := func(id [16]byte, request string, words ...string) {
			t.Helper()
			got, command, parameters, steps := traceOf(t, c, id)
			text := string(parameters) + "\n" + strings.Join(steps, "\n")
			if got != request || command != "QUERY" {
				t.Errorf("request %q, command %q", got, command)
			}
			for _, w := range words {
				if !strings.Contains(text, w) {
					t.Errorf("nothing says %q in\n%s", w, text)
				}
			}
		}
		expect(query("INSERT INTO "+keyspace+".t (k, c, v) VALUES (1, 1, 'x')"), "Execute CQL3 query",
			"INSERT INTO", "LOCAL_ONE", "Binding 0 values", "Wrote 1 row in 1 change of ["+keyspace+".t]", "commit log")
		expect(query("SELECT v FROM "+keyspace+".t WHERE k = 1"), "Execute CQL3 query",
			"Reading table "+keyspace+".t", "Read 1 partition", "row group", "Returned 2 rows")
		st, err := c.Prepare(t.Context(), "SELECT v FROM "+keyspace+".t WHERE k = ? AND c = ?")
		if err != nil {
			t.Fatal(err)
		}
		one := wire.Value{Bytes: types.AppendInt(nil, 1)}
		r, err := c.Execute(t.Context(), st, []wire.Value{one, one}, traced)
		if err != nil {
			t.Fatal(err)
		}
		expect(r.TracingID, "Execute CQL3 prepared query", "prepared statement: SELECT v", "Binding 2 values", "Returned 1 row ")
		r, err = c.Batch(t.Context(), wire.BatchLogged, []client.BatchEntry{{Text: "INSERT INTO " + keyspace + ".t (k, c) VALUES (2, 2)"}}, traced)
		if err != nil {
			t.Fatal(err)
		}
		expect(r.TracingID, "Execute batch of CQL3 queries", "Wrote 1 row")
	}
	c := dial(t, s, client.Options{})
	if n := countRows(t, mustQuery(t, c, "SELECT session_id FROM system_traces.sessions")); n != 3*4 {
		t.Errorf("%d requests are kept", n)
	}
	if n := countRows(t, mustQuery(t, c, "SELECT activity FROM system_traces.events")); n < 3*4*3 {
		t.Errorf("%d steps are kept", n)
	}
}

// An error of a traced request is traced, and passwords are not shown.
func TestTracesOfRefusals(t *testing.T) {
	r := dialRaw(t, startReal(t))
	r.ready()
	frame, err := wire.AppendRequest(nil, wire.Header{Version: 4, Stream: 3, Flags: wire.FlagTracing},
		&wire.Query{Text: []byte("CREATE ROLE ann WITH PASSWORD = 'secret' AND nonsense")}, wire.CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	r.write(frame)
	f, err := r.frames.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := wire.DecodeAnswer(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Message.(*wire.Error); !ok || a.TracingID == [16]byte{} {
		t.Fatalf("answer %+v", a)
	}
	for _, table := range []string{"sessions", "events"} {
		r.ask(4, 1, &wire.Query{Text: []byte("SELECT * FROM system_traces." + table)})
		_, m := r.answer()
		rows, ok := m.(*wire.Rows)
		if !ok {
			t.Fatalf("answer %+v", m)
		}
		if rows.RowCount == 0 || strings.Contains(string(rows.Content), "secret") {
			t.Errorf("%s: %q", table, rows.Content)
		}
	}
}
