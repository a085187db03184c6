package server

import (
	"bufio"
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// ready5 is the handshake of version 5: STARTUP and its answer stand outside the segments.
func (r *raw) ready5(compression wire.Compression) {
	r.t.Helper()
	source := bufio.NewReader(r.socket)
	r.frames = wire.NewResponseReader(source)
	options := map[string]string{"CQL_VERSION": "3.0.0"}
	if compression != wire.CompressionNone {
		options["COMPRESSION"] = compression.String()
	}
	r.ask(5, 1, &wire.Options{})
	if _, m := r.answer(); m.Opcode() != wire.OpSupported {
		r.t.Fatalf("OPTIONS was answered by %+v", m)
	}
	r.ask(5, 1, &wire.Startup{Options: options})
	if h, m := r.answer(); m.Opcode() != wire.OpReady || h.Version != 5 {
		r.t.Fatalf("STARTUP was answered by %s %+v", h, m)
	}
	r.frames = wire.NewResponseReader(bufio.NewReader(wire.NewSegmentReader(source, compression)))
}

// wrapped is one request in segments.
func wrapped(t *testing.T, stream int16, m wire.Request, compression wire.Compression) []byte {
	t.Helper()
	frame, err := wire.AppendRequest(nil, wire.Header{Version: 5, Stream: stream}, m, wire.CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	segmenter := wire.Segmenter{Compression: compression}
	out, _, err := segmenter.Append(nil, frame, len(frame)+1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSegmentsBothWays(t *testing.T) {
	s := start(t, Options{Database: echo()})
	for _, compression := range []wire.Compression{wire.CompressionNone, wire.CompressionLZ4} {
		r := dialRaw(t, s)
		r.ready5(compression)
		texts := []string{"", "small", strings.Repeat("large ", 100_000), "small again", strings.Repeat("x", 1000)}
		var sent []byte // requests follow each other without waiting
		for i, text := range texts {
			sent = append(sent, wrapped(t, int16(i), &wire.Query{Text: []byte(text)}, compression)...)
		}
		r.write(sent)
		for range texts {
			h, m := r.answer()
			if got := textOf(t, wire.Answer{Message: m}, nil); got != texts[h.Stream] {
				t.Errorf("%q: stream %d: %d bytes instead of %d", compression, h.Stream, len(got), len(texts[h.Stream]))
			}
		}
		r.write(wrapped(t, 3, &wire.Options{}, compression))
		if _, m := r.answer(); m.Opcode() != wire.OpSupported {
			t.Errorf("OPTIONS after STARTUP: %+v", m)
		}
	}
}

// Requests that a client sends behind STARTUP without waiting for its answer are in segments already.
func TestSegmentsBehindStartup(t *testing.T) {
	s := start(t, Options{Database: echo()})
	r := dialRaw(t, s)
	startup, err := wire.AppendRequest(nil, wire.Header{Version: 5}, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}, wire.CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	r.write(append(startup, wrapped(t, 7, &wire.Query{Text: []byte("q")}, wire.CompressionNone)...))
	source := bufio.NewReader(r.socket)
	r.frames = wire.NewResponseReader(source)
	if _, m := r.answer(); m.Opcode() != wire.OpReady {
		t.Fatalf("STARTUP was answered by %+v", m)
	}
	r.frames = wire.NewResponseReader(bufio.NewReader(wire.NewSegmentReader(source, wire.CompressionNone)))
	if h, m := r.answer(); h.Stream != 7 || textOf(t, wire.Answer{Message: m}, nil) != "q" {
		t.Errorf("%s: %+v", h, m)
	}
}

func TestDamagedSegmentEndsTheConnection(t *testing.T) {
	s := start(t, Options{Database: echo()})
	good := wrapped(t, 2, &wire.Query{Text: []byte("q")}, wire.CompressionNone)
	for name, at := range map[string]int{"header": 0, "payload": len(good) / 2, "checksum": len(good) - 1} {
		r := dialRaw(t, s)
		r.ready5(wire.CompressionNone)
		bad := bytes.Clone(good)
		bad[at] ^= 1
		r.write(bad)
		h, m := r.answer()
		if e, ok := m.(*wire.Error); !ok || h.Stream != 0 || e.Code != wire.CodeProtocol || !strings.Contains(e.Message, "damaged") {
			t.Errorf("%s: %s: %+v", name, h, m)
		}
		r.expectEnd()
	}
}

func TestVersion5HasNoSnappy(t *testing.T) {
	s := start(t, Options{Database: echo()})
	r := dialRaw(t, s)
	r.ask(5, 3, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0", "COMPRESSION": "snappy"}})
	r.expectError(3, wire.CodeProtocol, "Snappy compression is not supported in protocol V5")
	c := dial(t, s, client.Options{Compression: wire.CompressionSnappy})
	if c.ProtocolVersion() != 4 {
		t.Errorf("a client that wants snappy speaks version %d", c.ProtocolVersion())
	}
	if c := dial(t, s, client.Options{Compression: wire.CompressionLZ4}); c.ProtocolVersion() != 5 {
		t.Errorf("a client that wants lz4 speaks version %d", c.ProtocolVersion())
	}
}

// What version 5 adds to requests reaches the database.
func TestRequestsOfVersion5(t *testing.T) {
	db := echo()
	var got []database.Request
	db.execute = func(st *database.Statement, req database.Request) (*database.Result, error) {
		req.Memory, req.Buffer = nil, nil
		got = append(got, req)
		return oneText(st.Keyspace), nil
	}
	db.batch = func(entries []database.BatchEntry, req database.Request) (*database.Result, error) {
		for _, e := range entries {
			got = append(got, database.Request{NowSeconds: req.NowSeconds, Names: []string{e.Statement.Keyspace}})
		}
		return void, nil
	}
	c := dial(t, start(t, Options{Database: db}), client.Options{})
	o := client.RequestOptions{Keyspace: "other", HasNow: true, NowSeconds: 1<<32 - 1, PageSize: -1}
	now := int64(1<<32 - 1)
	r, err := c.QueryWith(t.Context(), "q", nil, o)
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(t.Context()); err != nil || string(row[0]) != "other" {
		t.Errorf("ran in keyspace %q, %v", row, err)
	}
	st, err := c.PrepareIn(t.Context(), "third", "q")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Execute(t.Context(), st, nil, client.RequestOptions{PageSize: -1}); err != nil {
		t.Error(err)
	}
	if _, err := c.Batch(t.Context(), wire.BatchLogged, []client.BatchEntry{{Text: "a"}, {Statement: st}}, o); err != nil {
		t.Error(err)
	}
	want := []database.Request{
		{NowSeconds: &now}, {}, {NowSeconds: &now, Names: []string{"other"}}, {NowSeconds: &now, Names: []string{"third"}},
	}
	for i := range got {
		got[i].Values = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// A client that knows other columns than those that come is told, whatever it asked to leave out.
func TestChangedColumnsAreTold(t *testing.T) {
	db := echo()
	r := dialRaw(t, start(t, Options{Database: db}))
	r.ready5(wire.CompressionNone)
	ask := func(m wire.Request) wire.Response {
		t.Helper()
		r.write(wrapped(t, 4, m, wire.CompressionNone))
		_, answer := r.answer()
		return answer
	}
	p, ok := ask(&wire.Prepare{Text: []byte("q")}).(*wire.Prepared)
	if !ok || len(p.ResultID) != 16 {
		t.Fatalf("PREPARE was answered by %+v", p)
	}
	for name, c := range map[string]struct {
		id      []byte
		skip    bool
		changed bool
	}{
		"known":             {p.ResultID, true, false},
		"known and wanted":  {p.ResultID, false, false},
		"others known":      {[]byte("another"), true, true},
		"nothing is known":  {[]byte{}, true, true},
		"others and wanted": {[]byte("another"), false, true},
	} {
		rows, ok := ask(&wire.Execute{ID: p.ID, ResultID: c.id, Params: wire.QueryParams{SkipMetadata: c.skip}}).(*wire.Rows)
		if !ok {
			t.Fatalf("%s: no rows", name)
		}
		described, wantID := c.changed || !c.skip, []byte(nil)
		if c.changed {
			wantID = p.ResultID
		}
		if (len(rows.Metadata.Columns) == 1) != described || rows.Metadata.Skip == described || !bytes.Equal(rows.Metadata.ChangedID, wantID) {
			t.Errorf("%s: %+v", name, rows.Metadata)
		}
	}
}

// The id of columns is of their names and types.
func TestIDOfColumns(t *testing.T) {
	column := func(name string, of *types.Type) planner.ColumnSpec {
		return planner.ColumnSpec{Keyspace: "ks", Table: "t", Name: name, Type: of}
	}
	seen := map[[16]byte]int{}
	for i, columns := range [][]planner.ColumnSpec{
		nil, {column("a", types.Int)}, {column("b", types.Int)}, {column("a", types.Text)}, {column("a", types.Int), column("a", types.Int)},
		{column("ai", types.Int)},
	} {
		id := database.ResultID(columns)
		if at, ok := seen[id]; ok {
			t.Errorf("columns %d and %d have one id", at, i)
		}
		if seen[id] = i; id != database.ResultID(columns) {
			t.Errorf("columns %d have two ids", i)
		}
	}
}
