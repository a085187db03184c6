package server

import (
	"bytes"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// captured makes a database that keeps its last request, copied as the database must not keep it.
func captured() (*stub, chan database.Request) {
	seen := make(chan database.Request, 1)
	return &stub{execute: func(_ *database.Statement, req database.Request) (*database.Result, error) {
		kept := req
		kept.Values = nil
		for _, v := range req.Values {
			kept.Values = append(kept.Values, planner.Value{Bytes: bytes.Clone(v.Bytes), Unset: v.Unset})
		}
		kept.Names = slices.Clone(req.Names)
		kept.PagingState = bytes.Clone(req.PagingState)
		if req.Timestamp != nil {
			at := *req.Timestamp
			kept.Timestamp = &at
		}
		seen <- kept
		return void, nil
	}}, seen
}

func TestParametersReachTheDatabase(t *testing.T) {
	db, seen := captured()
	r := dialRaw(t, start(t, Options{Database: db}))
	r.ready()
	at := int64(-5)
	for name, c := range map[string]struct {
		sent wire.QueryParams
		want database.Request
	}{
		"nothing": {wire.QueryParams{}, database.Request{}},
		"values": {
			wire.QueryParams{Values: []wire.Value{{Bytes: []byte("v")}, wire.Null, wire.Unset, {}}},
			database.Request{Values: []planner.Value{{Bytes: []byte("v")}, {}, {Unset: true}, {Bytes: []byte{}}}},
		},
		"names": {
			wire.QueryParams{Values: []wire.Value{{Bytes: []byte("v")}}, Names: []string{"k"}},
			database.Request{Values: []planner.Value{{Bytes: []byte("v")}}, Names: []string{"k"}},
		},
		"page": {
			wire.QueryParams{PageSize: 10, PagingState: []byte("state")},
			database.Request{PageSize: 10, PagingState: []byte("state")},
		},
		"timestamp":   {wire.QueryParams{Tail: wire.Tail{HasTimestamp: true, DefaultTimestamp: at}}, database.Request{Timestamp: &at}},
		"consistency": {wire.QueryParams{Consistency: wire.EachQuorum, Tail: wire.Tail{SerialConsistency: wire.LocalSerial}}, database.Request{}},
	} {
		r.ask(4, 1, &wire.Query{Text: []byte("q"), Params: c.sent})
		if _, m := r.answer(); m.Opcode() != wire.OpResult {
			t.Errorf("%s: answer %+v", name, m)
			continue
		}
		got := <-seen
		if got.Memory == nil {
			t.Errorf("%s: the request has no lease of memory", name)
		}
		got.Memory, got.Buffer = nil, nil
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v reached the database instead of %+v", name, got, c.want)
		}
	}
}

func TestPreparedStatements(t *testing.T) {
	s := start(t, Options{Database: echo()})
	c := dial(t, s, client.Options{})
	st, err := c.Prepare(t.Context(), "text")
	if err != nil {
		t.Fatal(err)
	}
	column := wire.Column{Keyspace: "ks", Table: "t", Name: "k", Type: wire.Type{ID: wire.TypeInt}}
	if !reflect.DeepEqual(st.Binds, []wire.Column{column}) || !slices.Equal(st.KeyBinds, []uint16{0}) || len(st.Result) != 1 {
		t.Errorf("%+v", st)
	}
	// An id is good on every connection: old drivers execute on another one.
	other := dial(t, s, client.Options{})
	for _, skip := range []bool{false, true} {
		result, err := other.Execute(t.Context(), st, []wire.Value{{Bytes: []byte{0, 0, 0, 1}}}, client.RequestOptions{SkipMetadata: skip})
		if err != nil {
			t.Fatal(err)
		}
		if row, err := result.Next(t.Context()); err != nil || string(row[0]) != "text" || result.Columns[0].Name != "v" {
			t.Errorf("row %q, %v", row, err)
		}
	}
	call, err := c.SendExecute(t.Context(), &client.Statement{ID: []byte("who?")}, nil, client.RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = call.Wait(t.Context())
	var e *client.Error
	if !errors.As(err, &e) || e.Code != wire.CodeUnprepared || !reflect.DeepEqual(e.Detail, wire.Unprepared{ID: []byte("who?")}) {
		t.Errorf("unknown id: %v", err)
	}
}

func TestMetadataIsLeftOutOnRequest(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	r.ready()
	for _, skip := range []bool{true, false} {
		r.ask(4, 1, &wire.Query{Text: []byte("q"), Params: wire.QueryParams{SkipMetadata: skip}})
		_, m := r.answer()
		rows, ok := m.(*wire.Rows)
		if !ok || rows.Metadata.Skip != skip || rows.Metadata.Count != 1 || (len(rows.Metadata.Columns) == 0) != skip {
			t.Errorf("skip %v: %+v", skip, m)
		}
	}
}

func TestBatches(t *testing.T) {
	var texts []string
	var values []planner.Value
	var at *int64
	db := echo()
	db.batch = func(entries []database.BatchEntry, req database.Request) (*database.Result, error) {
		texts, values, at = nil, nil, nil
		for _, e := range entries {
			texts = append(texts, e.Statement.Text)
			for _, v := range e.Values {
				values = append(values, planner.Value{Bytes: bytes.Clone(v.Bytes), Unset: v.Unset})
			}
		}
		if req.Timestamp != nil {
			at = new(int64)
			*at = *req.Timestamp
		}
		return &database.Result{Kind: database.ResultVoid, Warnings: []string{"watch out"}}, nil
	}
	c := dial(t, start(t, Options{Database: db}), client.Options{})
	st, err := c.Prepare(t.Context(), "prepared")
	if err != nil {
		t.Fatal(err)
	}
	entries := []client.BatchEntry{{Text: "text"}, {Statement: st, Values: []wire.Value{{Bytes: []byte("1")}}}, {Text: "last", Values: []wire.Value{wire.Unset}}}
	for _, kind := range []wire.BatchKind{wire.BatchLogged, wire.BatchUnlogged} {
		result, err := c.Batch(t.Context(), kind, entries, client.RequestOptions{Consistency: wire.All, HasTimestamp: true, Timestamp: 77})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(texts, []string{"text", "prepared", "last"}) || at == nil || *at != 77 ||
			!reflect.DeepEqual(values, []planner.Value{{Bytes: []byte("1")}, {Unset: true}}) {
			t.Errorf("%s: %q %v %v", kind, texts, values, at)
		}
		if !slices.Equal(result.Warnings, []string{"watch out"}) {
			t.Errorf("warnings %q", result.Warnings)
		}
	}
	if _, err := c.Batch(t.Context(), wire.BatchLogged, nil, client.RequestOptions{}); err != nil || texts != nil || at != nil {
		t.Errorf("empty batch: %v, %q, %v", err, texts, at)
	}
	for range 2 { // more entries than the first batch had: their values must not run into each other
		many := make([]client.BatchEntry, 900)
		for i := range many {
			many[i] = client.BatchEntry{Text: "t", Values: []wire.Value{{Bytes: []byte{byte(i)}}}}
		}
		if _, err := c.Batch(t.Context(), wire.BatchLogged, many, client.RequestOptions{}); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if v.Bytes[0] != byte(i) {
				t.Fatalf("value %d is %v", i, v.Bytes)
			}
		}
	}
	var e *client.Error
	unknown := []client.BatchEntry{{Statement: &client.Statement{ID: []byte("no")}}}
	call, err := c.SendBatch(t.Context(), wire.BatchLogged, unknown, client.RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call.Wait(t.Context()); !errors.As(err, &e) || e.Code != wire.CodeUnprepared {
		t.Errorf("unknown child: %v", err)
	}
}

// USE counts on the connection that said it, for QUERY, PREPARE and the texts of a BATCH.
func TestUseIsPerConnection(t *testing.T) {
	db := &stub{}
	db.execute = func(st *database.Statement, _ database.Request) (*database.Result, error) {
		if name, ok := strings.CutPrefix(st.Text, "USE "); ok {
			return &database.Result{Kind: database.ResultKeyspace, Keyspace: strings.Trim(name, `"`)}, nil
		}
		return oneText(st.Keyspace), nil
	}
	db.batch = func(entries []database.BatchEntry, _ database.Request) (*database.Result, error) {
		return oneText(entries[0].Statement.Keyspace), nil
	}
	s := start(t, Options{Database: db})
	inside, outside := dial(t, s, client.Options{Keyspace: "home"}), dial(t, s, client.Options{})
	for c, want := range map[*client.Conn]string{inside: "home", outside: ""} {
		st, err := c.Prepare(t.Context(), "q")
		if err != nil {
			t.Fatal(err)
		}
		execute, err := c.SendExecute(t.Context(), st, nil, client.RequestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		batch, err := c.SendBatch(t.Context(), wire.BatchLogged, []client.BatchEntry{{Text: "q"}}, client.RequestOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []*client.Call{send(t, c, "q"), execute, batch} {
			a, err := call.Wait(t.Context())
			if got := textOf(t, a, err); got != want {
				t.Errorf("keyspace %q instead of %q", got, want)
			}
		}
	}
}

func TestVersionsAndCompressions(t *testing.T) {
	db := &stub{execute: func(st *database.Statement, _ database.Request) (*database.Result, error) {
		r := oneText(st.Text)
		r.Warnings = []string{"watch out"}
		return r, nil
	}}
	s := start(t, Options{Database: db})
	text := strings.Repeat("long enough to be compressed ", 100)
	for _, version := range []byte{3, 4} {
		for _, compression := range []wire.Compression{wire.CompressionNone, wire.CompressionLZ4, wire.CompressionSnappy} {
			c := dial(t, s, client.Options{ProtocolVersion: version, Compression: compression})
			result, err := c.QueryWith(t.Context(), text, nil, client.RequestOptions{Trace: true})
			if err != nil {
				t.Fatal(err)
			}
			if row, err := result.Next(t.Context()); err != nil || string(row[0]) != text {
				t.Errorf("version %d, compression %q: %v", version, compression, err)
			}
			if (len(result.Warnings) == 1) != (version == 4) {
				t.Errorf("version %d: warnings %q", version, result.Warnings)
			}
		}
	}
}

// A custom payload and the tracing flag are read over.
func TestPayloadIsIgnored(t *testing.T) {
	r := dialRaw(t, start(t, Options{Database: echo()}))
	r.ready()
	b, err := wire.AppendRequest(nil, wire.Header{Version: 4, Stream: 1}, &wire.Query{Text: []byte("q")}, wire.CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte{0, 1, 0, 1, 'k', 0, 0, 0, 1, 'v'}
	header := wire.Header{Version: 4, Stream: 1, Flags: wire.FlagCustomPayload | wire.FlagTracing, Opcode: wire.OpQuery, Length: len(payload) + len(b) - wire.HeaderBytes}
	r.write(append(append(wire.AppendHeader(nil, header), payload...), b[wire.HeaderBytes:]...))
	if h, m := r.answer(); m.Opcode() != wire.OpResult || h.Flags != 0 {
		t.Errorf("%s: %+v", h, m)
	}
}

func TestEventsGoToWhoAskedForThem(t *testing.T) {
	db := echo()
	s := start(t, Options{Database: db})
	type seen struct{ e *wire.Event }
	events := make(chan seen, 4)
	for _, version := range []byte{3, 4} {
		dial(t, s, client.Options{ProtocolVersion: version, Events: func(e *wire.Event) { events <- seen{e} }})
	}
	deaf, status := dialRaw(t, s), dialRaw(t, s)
	deaf.ready()
	status.ready()
	status.ask(4, 2, &wire.Register{Events: []wire.EventType{wire.TopologyChange, wire.StatusChange}})
	if _, m := status.answer(); m.Opcode() != wire.OpReady {
		t.Errorf("REGISTER was answered by %+v", m)
	}
	db.changed(database.Change{Kind: "CREATED", Target: "TABLE", Keyspace: "ks", Name: "t"})
	want := wire.SchemaChange{Change: wire.ChangeCreated, Target: wire.TargetTable, Keyspace: "ks", Name: "t"}
	for range 2 {
		if got := <-events; got.e.Type != wire.SchemaChanged || !reflect.DeepEqual(got.e.Schema, want) {
			t.Errorf("event %+v", got.e)
		}
	}
	for _, r := range []*raw{deaf, status} { // the next frame is an answer, not an event
		r.ask(4, 3, &wire.Query{Text: []byte("q")})
		if h, m := r.answer(); h.Stream != 3 {
			t.Errorf("%s: %+v", h, m)
		}
	}
}

func TestResultsOfDDL(t *testing.T) {
	change := database.Change{Kind: "DROPPED", Target: "KEYSPACE", Keyspace: "ks"}
	db := &stub{execute: func(*database.Statement, database.Request) (*database.Result, error) {
		return &database.Result{Kind: database.ResultSchemaChange, Change: change}, nil
	}}
	c := dial(t, start(t, Options{Database: db}), client.Options{})
	result, err := c.Query(t.Context(), "DROP KEYSPACE ks")
	want := &wire.SchemaChange{Change: wire.ChangeDropped, Target: wire.TargetKeyspace, Keyspace: "ks"}
	if err != nil || !reflect.DeepEqual(result.SchemaChange, want) {
		t.Errorf("%+v, %v", result, err)
	}
}

// A request that breaks a promise inside the program ends alone, and the operator is told where.
func TestPanicEndsOneRequest(t *testing.T) {
	type report struct {
		value any
		stack string
	}
	reports := make(chan report, 1)
	db := &stub{execute: func(st *database.Statement, _ database.Request) (*database.Result, error) {
		if st.Text == "broken" {
			panic("invariant broken: rows out of order")
		}
		return oneText(st.Text), nil
	}}
	s := start(t, Options{Database: db, Events: Events{Panicked: func(_ net.Addr, v any, stack []byte) { reports <- report{v, string(stack)} }}})
	c := dial(t, s, client.Options{})
	_, err := c.Query(t.Context(), "broken")
	var e *client.Error
	if !errors.As(err, &e) || e.Code != wire.CodeServer || strings.Contains(e.Message, "rows") {
		t.Errorf("got %v", err)
	}
	if r := <-reports; r.value != "invariant broken: rows out of order" || !strings.Contains(r.stack, "requests_test.go") {
		t.Errorf("report %+v", r)
	}
	if _, err := c.Query(t.Context(), "sound"); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// What the client makes of the protocol's description is the type again.
func TestTypes(t *testing.T) {
	for _, text := range []string{
		"ascii", "bigint", "blob", "boolean", "counter", "date", "decimal", "double", "duration", "float", "inet", "int",
		"smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varint",
		"list<int>", "set<text>", "map<text, blob>", "frozen<tuple<int, text>>", "map<uuid, list<double>>",
	} {
		of, err := types.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		back, err := client.TypeOf(wireType(of))
		if err != nil || !back.Equal(of) {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
	udt := types.UDTOf("ks", "place", []string{"lat", "lon"}, []*types.Type{types.Double, types.Double})
	if back, err := client.TypeOf(wireType(udt)); err != nil || !back.Equal(udt) {
		t.Errorf("user type came back as %v, %v", back, err)
	}
}
