package ingest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is a server with one table, ks.t (device text, ts timestamp, value double, note text), and the rows sent to it.
type stub struct {
	t        *testing.T
	listener net.Listener
	join     sync.WaitGroup

	// answer says what a batch gets, by its number from 1; nil takes all.
	answer func(number int, m *wire.Batch) stubAnswer
	// bucket is the time_bucket of the table; empty without one.
	bucket string

	mu         sync.Mutex
	sockets    []net.Conn                   // guarded by mu
	batches    int                          // guarded by mu
	rowsSent   int                          // guarded by mu
	rows       map[string]map[string]string // guarded by mu; key → column → value as text, larger values winning
	timestamps map[int64]bool               // guarded by mu
	forgets    int                          // guarded by mu; batches to be answered by UNPREPARED
	mixed      int                          // guarded by mu; batches of more than one partition
}

type stubAnswer struct {
	code wire.ErrorCode // 0: Void
	text string
	hang bool // no answer: the connection ends
}

var stubColumns = []column{
	{name: "device", kind: kindPartition, typ: types.Text}, {name: "ts", kind: kindClustering, typ: types.Timestamp},
	{name: "value", kind: "regular", position: -1, typ: types.Double}, {name: "note", kind: "regular", position: -1, typ: types.Text},
}

func startStub(t *testing.T) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{t: t, listener: l, rows: map[string]map[string]string{}, timestamps: map[int64]bool{}}
	s.join.Go(func() {
		for {
			socket, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.sockets = append(s.sockets, socket)
			s.mu.Unlock()
			s.join.Go(func() { s.serve(socket) })
		}
	})
	t.Cleanup(s.stop)
	return s
}

// stop ends the stub and all connections; it may be called more than once.
func (s *stub) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	for _, socket := range s.sockets {
		_ = socket.Close()
	}
	s.mu.Unlock()
	s.join.Wait()
}

func (s *stub) serve(socket net.Conn) {
	defer func() { _ = socket.Close() }()
	source := bufio.NewReader(socket)
	frames := wire.NewRequestReader(source)
	segmented := false
	var decoder wire.RequestDecoder
	for {
		f, err := frames.Next(nil)
		if err != nil {
			return
		}
		m, err := decoder.Decode(f)
		if err != nil {
			s.t.Errorf("stub: %v", err)
			return
		}
		answer := s.respond(m)
		if answer == nil {
			return
		}
		raw, err := wire.AppendAnswer(nil, wire.Header{Version: f.Header.Version, Stream: f.Header.Stream}, wire.Answer{Message: answer}, wire.CompressionNone)
		if err != nil {
			s.t.Errorf("stub: %v", err)
		}
		if segmented {
			if raw, _, err = new(wire.Segmenter).Append(nil, raw, len(raw)+1); err != nil {
				s.t.Errorf("stub: %v", err)
			}
		}
		if _, err := socket.Write(raw); err != nil {
			return
		}
		if f.Header.Version >= 5 && !segmented {
			segmented = true
			frames.ReadFrom(wire.NewSegmentReader(source, wire.CompressionNone))
		}
	}
}

func (s *stub) respond(m wire.Request) wire.Response {
	switch m := m.(type) {
	case *wire.Startup:
		return &wire.Ready{}
	case *wire.Query:
		return s.query(string(m.Text))
	case *wire.Prepare:
		return &wire.Prepared{ID: slices.Clone(m.Text)} // the text says which columns the values are of
	case *wire.Batch:
		return s.batch(m)
	}
	s.t.Errorf("stub: %T", m)
	return nil
}

func (s *stub) query(text string) wire.Response {
	if strings.Contains(text, "system_schema.keyspaces") {
		rows := &wire.Rows{Metadata: stubMetadata("keyspace_name")}
		if strings.Contains(text, "'ks'") {
			rows.RowCount, rows.Content = 1, wire.AppendBytes(nil, []byte("ks"))
		}
		return rows
	}
	if strings.Contains(text, "system_schema.tables") {
		rows := &wire.Rows{Metadata: stubMetadata("extensions")}
		if s.bucket != "" {
			extensions := types.MapOf(types.Text, types.Blob).AppendCollection(nil, [][]byte{[]byte("esker.time_bucket"), []byte(s.bucket)})
			rows.RowCount, rows.Content = 1, wire.AppendBytes(nil, extensions)
		}
		return rows
	}
	rows := &wire.Rows{Metadata: stubMetadata("column_name", "kind", "position", "type")}
	if strings.Contains(text, "keyspace_name = 'ks' AND table_name = 't'") {
		for _, c := range stubColumns {
			rows.RowCount++
			rows.Content = wire.AppendBytes(wire.AppendBytes(rows.Content, []byte(c.name)), []byte(c.kind))
			rows.Content = wire.AppendBytes(rows.Content, types.AppendInt(nil, int32(c.position)))
			rows.Content = wire.AppendBytes(rows.Content, []byte(c.typ.String()))
		}
	}
	return rows
}

func stubMetadata(names ...string) wire.Metadata {
	var m wire.Metadata
	for _, name := range names {
		m.Columns = append(m.Columns, wire.Column{Keyspace: "system_schema", Table: "columns", Name: name, Type: wire.Type{ID: wire.TypeVarchar}})
	}
	return m
}

func (s *stub) batch(m *wire.Batch) wire.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches++
	if s.forgets > 0 {
		s.forgets--
		return &wire.Error{Code: wire.CodeUnprepared, Message: "forgotten", Detail: wire.Unprepared{ID: m.Entries[0].ID}}
	}
	if m.Kind != wire.BatchUnlogged || !m.HasTimestamp {
		s.t.Errorf("stub: a batch that is %s, with timestamp: %v", m.Kind, m.HasTimestamp)
	}
	if s.answer != nil {
		switch a := s.answer(s.batches, m); {
		case a.hang:
			return nil
		case a.code != 0:
			return &wire.Error{Code: a.code, Message: a.text}
		}
	}
	s.timestamps[m.DefaultTimestamp] = true
	devices := map[string]bool{}
	for _, e := range m.Entries {
		s.rowsSent++
		devices[s.storeLocked(e)] = true
	}
	if len(devices) > 1 {
		s.mixed++
	}
	return &wire.Void{}
}

// storeLocked takes a row as R5 does: of two values of one cell the larger one stays.
func (s *stub) storeLocked(e wire.BatchEntry) (device string) {
	_, rest, _ := strings.Cut(string(e.ID), "(")
	list, _, _ := strings.Cut(rest, ")")
	cells := map[string]string{}
	for i, name := range strings.Split(list, ", ") {
		v := e.Values[i]
		switch {
		case v.IsNull():
			cells[strings.Trim(name, `"`)] = "null"
		case !v.IsUnset():
			cells[strings.Trim(name, `"`)] = string(v.Bytes)
		}
	}
	key := fmt.Sprintf("%s %d", cells["device"], binary.BigEndian.Uint64([]byte(cells["ts"])))
	row := s.rows[key]
	if row == nil {
		row = map[string]string{}
		s.rows[key] = row
	}
	for name, v := range cells {
		row[name] = max(row[name], v)
	}
	return cells["device"]
}
