package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server/wire"
)

// startReal runs a server over a store in memory.
func startReal(t *testing.T) *Server {
	t.Helper()
	store, err := lsm.Open(lsm.Options{
		FS: vfs.NewMem(), Dir: "data", Clock: clock.System{},
		Tuning: lsm.Tuning{LogSegmentBytes: 64 << 10}, // a sync in memory copies the file
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(database.Options{Store: database.Local{Store: store}, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the server's
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return start(t, Options{Database: db})
}

func mustQuery(t *testing.T, c *client.Conn, text string, values ...wire.Value) *client.Result {
	t.Helper()
	result, err := c.Query(t.Context(), text, values...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return result
}

func countRows(t *testing.T, r *client.Result) int {
	t.Helper()
	n := 0
	for {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return n
		}
		n++
	}
}

func bigint(v int) wire.Value {
	return wire.Value{Bytes: binary.BigEndian.AppendUint64(nil, uint64(v))}
}

const readings = "CREATE TABLE ks.readings (sensor text, at bigint, value double, PRIMARY KEY (sensor, at))"

func makeReadings(t *testing.T, c *client.Conn) {
	t.Helper()
	mustQuery(t, c, "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	if change := mustQuery(t, c, readings).SchemaChange; change == nil || change.Name != "readings" || change.Change != wire.ChangeCreated {
		t.Errorf("CREATE TABLE answered %+v", change)
	}
}

// Writes pipelined on one connection share syncs and are all there afterwards, page by page.
func TestPipelinedWritesAndPages(t *testing.T) {
	s := startReal(t)
	for _, compression := range []wire.Compression{wire.CompressionNone, wire.CompressionLZ4} {
		c := dial(t, s, client.Options{Compression: compression})
		if compression == wire.CompressionNone {
			makeReadings(t, c)
		}
		sensor := wire.Value{Bytes: []byte("s" + compression.String())}
		insert, err := c.Prepare(t.Context(), "INSERT INTO ks.readings (sensor, at, value) VALUES (?, ?, ?)")
		if err != nil {
			t.Fatal(err)
		}
		if len(insert.KeyBinds) != 1 || len(insert.Binds) != 3 || insert.Binds[2].Type.ID != wire.TypeDouble {
			t.Errorf("%+v", insert)
		}
		var calls []*client.Call
		for i := range 2500 {
			call, err := c.SendExecute(t.Context(), insert, []wire.Value{sensor, bigint(i), bigint(i)}, client.RequestOptions{})
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, call)
		}
		for _, call := range calls {
			if _, err := call.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		query, err := c.Prepare(t.Context(), "SELECT at, value FROM ks.readings WHERE sensor = ?")
		if err != nil {
			t.Fatal(err)
		}
		for _, pageSize := range []int32{1000, 2500, 2501, -1} {
			result, err := c.Execute(t.Context(), query, []wire.Value{sensor}, client.RequestOptions{PageSize: pageSize, SkipMetadata: true})
			if err != nil {
				t.Fatal(err)
			}
			if n := countRows(t, result); n != 2500 {
				t.Errorf("pages of %d rows: %d rows", pageSize, n)
			}
		}
	}
}

func TestClientTimestampsDecide(t *testing.T) {
	c := dial(t, startReal(t), client.Options{})
	makeReadings(t, c)
	for _, at := range []int64{20, 10} {
		text := fmt.Sprintf("INSERT INTO ks.readings (sensor, at, value) VALUES ('s', 1, %d)", at)
		if _, err := c.QueryWith(t.Context(), text, nil, client.RequestOptions{HasTimestamp: true, Timestamp: at}); err != nil {
			t.Fatal(err)
		}
	}
	row, err := mustQuery(t, c, "SELECT writetime(value) FROM ks.readings WHERE sensor = 's'").Next(t.Context())
	if err != nil || len(row) != 1 || binary.BigEndian.Uint64(row[0]) != 20 {
		t.Errorf("row %v, %v", row, err)
	}
}

func TestBatchesOfTextsAndPrepared(t *testing.T) {
	c := dial(t, startReal(t), client.Options{})
	makeReadings(t, c)
	mustQuery(t, c, "USE ks")
	insert, err := c.Prepare(t.Context(), "INSERT INTO readings (sensor, at, value) VALUES (:s, :at, :v)")
	if err != nil {
		t.Fatal(err)
	}
	var entries []client.BatchEntry
	for i := range 900 {
		if i%2 == 0 {
			entries = append(entries, client.BatchEntry{Text: fmt.Sprintf("INSERT INTO readings (sensor, at, value) VALUES ('s', %d, %d)", i, i)})
			continue
		}
		entries = append(entries, client.BatchEntry{Statement: insert, Values: []wire.Value{{Bytes: []byte("s")}, bigint(i), wire.Unset}})
	}
	if _, err := c.Batch(t.Context(), wire.BatchLogged, entries, client.RequestOptions{Consistency: wire.All}); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, mustQuery(t, c, "SELECT * FROM readings WHERE sensor = 's'")); n != 900 {
		t.Errorf("%d rows", n)
	}
}

func TestErrorsOfARealDatabase(t *testing.T) {
	c := dial(t, startReal(t), client.Options{})
	makeReadings(t, c)
	for text, code := range map[string]wire.ErrorCode{
		"SELEKT":                   wire.CodeSyntax,
		"SELECT * FROM ks.nothing": wire.CodeInvalid,
		"SELECT * FROM nowhere.t":  wire.CodeInvalid,
		"SELECT nothing FROM ks.t": wire.CodeInvalid,
		readings:                   wire.CodeAlreadyExists,
		"USE nowhere":              wire.CodeInvalid,
		"SELECT * FROM readings":   wire.CodeInvalid,
		"CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}": wire.CodeAlreadyExists,
	} {
		_, err := c.Query(t.Context(), text)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v instead of %s", text, err, code)
		}
	}
	forged := client.RequestOptions{PagingState: []byte("forged"), PageSize: 5}
	_, err := c.QueryWith(t.Context(), "SELECT * FROM ks.readings", nil, forged)
	var e *client.Error
	if !errors.As(err, &e) || e.Code != wire.CodeInvalid {
		t.Errorf("forged paging state: %v", err)
	}
}

// After ALTER the columns of a prepared SELECT * are others: the client is told to prepare again
// before it can take rows for what they are not.
func TestSchemaChangesReachPreparedStatements(t *testing.T) {
	s := startReal(t)
	events := make(chan wire.SchemaChange, 8)
	c := dial(t, s, client.Options{Events: func(e *wire.Event) { events <- e.Schema }})
	makeReadings(t, c)
	if first, second := <-events, <-events; first.Target != wire.TargetKeyspace || second.Target != wire.TargetTable {
		t.Errorf("events %+v, %+v", first, second)
	}
	query, err := c.Prepare(t.Context(), "SELECT * FROM ks.readings")
	if err != nil {
		t.Fatal(err)
	}
	mustQuery(t, dial(t, s, client.Options{}), "ALTER TABLE ks.readings ADD unit text")
	if e := <-events; e.Change != wire.ChangeUpdated || e.Name != "readings" {
		t.Errorf("event %+v", e)
	}
	call, err := c.SendExecute(t.Context(), query, nil, client.RequestOptions{SkipMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = call.Wait(t.Context())
	var e *client.Error
	if !errors.As(err, &e) || e.Code != wire.CodeUnprepared {
		t.Errorf("execute after ALTER: %v", err)
	}
}

// What drivers read at connect is there.
func TestCatalogue(t *testing.T) {
	c := dial(t, startReal(t), client.Options{})
	for text, rows := range map[string]int{
		"SELECT * FROM system.local WHERE key='local'":  1,
		"SELECT host_id, tokens FROM system.local":      1,
		"SELECT * FROM system.peers":                    0,
		"SELECT * FROM system.peers_v2":                 0,
		"SELECT * FROM system_virtual_schema.keyspaces": -1,
		"SELECT * FROM system_schema.keyspaces":         -1,
		"SELECT * FROM system_schema.tables":            -1,
		"SELECT * FROM system_schema.columns":           -1,
		"SELECT * FROM system_schema.types":             -1,
		"DESCRIBE KEYSPACES":                            -1,
	} {
		n := countRows(t, mustQuery(t, c, text))
		if rows >= 0 && n != rows {
			t.Errorf("%s: %d rows instead of %d", text, n, rows)
		}
	}
}

// Many connections that write, read and change the schema at once do not disturb each other.
func TestManyConnections(t *testing.T) {
	s := startReal(t)
	makeReadings(t, dial(t, s, client.Options{}))
	var join sync.WaitGroup
	for i := range 8 {
		c := dial(t, s, client.Options{ProtocolVersion: 3 + byte(i%2)})
		join.Go(func() {
			table := fmt.Sprintf("ks.t%d", i)
			for n, text := range []string{"CREATE TABLE " + table + " (k int PRIMARY KEY, v text)",
				"INSERT INTO " + table + " (k, v) VALUES (1, 'one')", "SELECT * FROM " + table} {
				result, err := c.Query(t.Context(), text)
				if err != nil {
					t.Errorf("%s: %v", text, err)
					return
				}
				if row, err := result.Next(t.Context()); n == 2 && (err != nil || row == nil) {
					t.Errorf("%s: row %q, %v", text, row, err)
				}
			}
			for n := range 50 {
				if _, err := c.Query(t.Context(), fmt.Sprintf("INSERT INTO ks.readings (sensor, at, value) VALUES ('s%d', %d, 1.5)", i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	join.Wait()
	result := mustQuery(t, dial(t, s, client.Options{}), "SELECT count(*) FROM ks.readings")
	if row, err := result.Next(t.Context()); err != nil || binary.BigEndian.Uint64(row[0]) != 400 {
		t.Errorf("count %v, %v", row, err)
	}
}
