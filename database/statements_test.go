package database

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/planner"
)

func TestPagingStates(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c))", "CREATE TABLE u (k int, c int, PRIMARY KEY (k, c))")
	for i := range 25 {
		w.run(fmt.Sprintf("INSERT INTO t (k, c) VALUES (%d, %d)", i%3, i), fmt.Sprintf("INSERT INTO u (k, c) VALUES (%d, %d)", i%3, i))
	}
	page := func(text string, state []byte) (*Result, error) {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		return w.db.Execute(st, Request{PageSize: 4, PagingState: state})
	}
	const text = "SELECT k, c FROM t"
	var all []string
	var state []byte
	for {
		r, err := page(text, state)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, decodeRows(t, r)...)
		if state = r.PagingState; state == nil {
			break
		}
		if _, err := page("SELECT k, c FROM u", state); err == nil {
			t.Error("the state of another statement is taken")
		}
		for i := range state {
			forged := bytes.Clone(state)
			forged[i] ^= 1
			var invalid *planner.InvalidError
			if _, err := page(text, forged); !errors.As(err, &invalid) {
				t.Errorf("a state forged at byte %d: %v", i, err)
			}
		}
		for _, broken := range [][]byte{{}, state[:5], append(bytes.Clone(state), 0)} {
			if _, err := page(text, broken); err == nil {
				t.Errorf("state %x is taken", broken)
			}
		}
		w.reopen() // a state outlives the server
	}
	slices.Sort(all)
	if want := w.sorted(text); !slices.Equal(all, want) {
		t.Errorf("pages %q\nwhole %q", all, want)
	}
}

func TestStatementIDs(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	prepare := func(keyspace, text string) *Statement {
		st, err := w.db.Prepare(keyspace, text)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	a := prepare("ks", "SELECT * FROM ks.t")
	if prepare("ks", "SELECT * FROM ks.t") != a || w.db.Prepared(a.ID[:]) != a {
		t.Error("prepared twice")
	}
	if prepare("", "SELECT * FROM ks.t").ID == a.ID {
		t.Error("the keyspace is no part of the id")
	}
	if statementID("explain ", "select") == statementID("", "explain select") {
		t.Error("keyspace and text run together")
	}
	id := a.ID
	w.reopen()
	if w.db.Prepared(id[:]) != nil || w.db.Prepared([]byte("short")) != nil {
		t.Error("found what was never prepared")
	}
	if prepare("ks", "SELECT * FROM ks.t").ID != id {
		t.Error("another id after a restart")
	}
}

func TestStatementsFollowTheSchema(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	star, _ := w.db.Prepare("ks", "SELECT * FROM t")
	named, _ := w.db.Prepare("ks", "SELECT k FROM t")
	insert, _ := w.db.Prepare("ks", "INSERT INTO t (k, v) VALUES (?, ?)")
	w.run("ALTER TABLE t ADD w int")
	if w.db.Prepared(star.ID[:]) != nil {
		t.Error("SELECT * has other columns now: the client has to prepare it again")
	}
	if w.db.Prepared(named.ID[:]) == nil || w.db.Prepared(insert.ID[:]) == nil {
		t.Error("forgotten though nothing changed for it")
	}
	w.run("DROP TABLE t")
	if w.db.Prepared(insert.ID[:]) != nil {
		t.Error("a statement of a dropped table is left")
	}
	if _, err := w.db.Execute(insert, Request{Values: []planner.Value{number(1), number(2)}}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a plan of the old schema: %v", err)
	}
	w.run("CREATE TABLE t (k int PRIMARY KEY, v int)")
	if _, err := w.db.Execute(insert, Request{Values: []planner.Value{number(1), number(2)}}); err == nil {
		t.Error("a plan of another table of that name is carried out")
	}
}

func TestTheStatementCacheIsBounded(t *testing.T) {
	c := newStatementCache(3, 1<<30)
	for i := range byte(5) {
		c.put(&Statement{ID: [16]byte{i}})
		c.get([16]byte{0}) // stays, being used
	}
	for i, want := range []bool{true, false, false, true, true} {
		if got := c.get([16]byte{byte(i)}) != nil; got != want {
			t.Errorf("statement %d is there: %t", i, got)
		}
	}
}

// Long texts push out others before there are too many, and one that is too long by itself is kept until the next.
func TestTheStatementCacheIsBoundedInBytes(t *testing.T) {
	long := &Statement{ID: [16]byte{9}, Text: strings.Repeat("x", 1<<20)}
	c := newStatementCache(100, 2*long.size())
	c.put(&Statement{ID: [16]byte{1}})
	c.put(long)
	c.put(&Statement{ID: [16]byte{10}, Text: long.Text})
	if c.get([16]byte{1}) != nil || c.get(long.ID) == nil || c.bytes != 2*long.size() {
		t.Errorf("%d bytes are kept, at most %d are allowed", c.bytes, c.bytesMax)
	}
	huge := &Statement{ID: [16]byte{11}, Text: strings.Repeat("x", 3<<20)}
	c.put(huge)
	if c.get(huge.ID) == nil || c.order.Len() != 1 {
		t.Error("the statement just prepared is not the only one kept")
	}
	c.remove(huge.ID)
	if c.bytes != 0 || c.order.Len() != 0 {
		t.Errorf("%d bytes are counted in an empty cache", c.bytes)
	}
}

func TestValuesByName(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int, x int)")
	st, err := w.db.Prepare("ks", "INSERT INTO t (k, v, x) VALUES (:a, :b, :a)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Execute(st, Request{Names: []string{"b", "a"}, Values: []planner.Value{number(2), number(1)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Execute(st, Request{Names: []string{"a"}, Values: []planner.Value{number(5)}}); err != nil {
		t.Fatal(err) // b is unset
	}
	w.expect("SELECT k, v, x FROM t WHERE k IN (1, 5)", "1 2 1", "5 null 5")
	if _, err := w.db.Execute(st, Request{Names: []string{"a", "b"}, Values: []planner.Value{number(5)}}); err == nil {
		t.Error("more names than values")
	}
	if _, err := w.db.Execute(st, Request{Values: []planner.Value{number(5)}}); err == nil || !strings.Contains(err.Error(), "Invalid amount of bind variables") {
		t.Errorf("got %v", err)
	}
}

// TestBatchesShareATimestamp: so that the deletion of a batch wins over its insert, in any order (R11, R23).
func TestBatchesShareATimestamp(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	entry := func(text string, values ...planner.Value) BatchEntry {
		st, err := w.db.Prepare("ks", text)
		if err != nil {
			t.Fatal(err)
		}
		return BatchEntry{Statement: st, Values: values}
	}
	if _, err := w.db.Batch([]BatchEntry{entry("DELETE FROM t WHERE k = 1"), entry("INSERT INTO t (k, v) VALUES (?, 1)", number(1)), entry("INSERT INTO t (k, v) VALUES (2, 2)")}, Request{}); err != nil {
		t.Fatal(err)
	}
	w.expect("SELECT k, v FROM t", "2 2")
	stamp := int64(77)
	if _, err := w.db.Batch([]BatchEntry{entry("INSERT INTO t (k, v) VALUES (3, 3)")}, Request{Timestamp: &stamp}); err != nil {
		t.Fatal(err)
	}
	w.expect("SELECT writetime(v) FROM t WHERE k = 3", "77")
	if _, err := w.db.Batch([]BatchEntry{entry("SELECT * FROM t")}, Request{}); err == nil {
		t.Error("a batch takes a SELECT")
	}
	if _, err := w.db.Batch(make([]BatchEntry, BatchStatementsMax+1), Request{}); err == nil {
		t.Error("a batch of too many statements")
	}
}

func TestSchemaChangesAtOnce(t *testing.T) {
	w := newWorld(t)
	before := w.db.Schema().Version
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 4 {
				if _, err := w.try(fmt.Sprintf("CREATE TABLE t%d_%d (k int PRIMARY KEY, v int)", i, j)); err != nil {
					t.Error(err)
				}
				if _, err := w.try(fmt.Sprintf("INSERT INTO t%d_%d (k, v) VALUES (1, 1)", i, j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	w.reopen()
	if n := len(w.db.Schema().Keyspaces["ks"].Tables); n != 32 {
		t.Errorf("%d tables of 32", n)
	}
	if w.db.Schema().Version == before {
		t.Error("the version is the same")
	}
	w.expect("SELECT k FROM t7_3", "1")
}

func TestSchemaChangesAreTold(t *testing.T) {
	w := newWorld(t)
	var heard []Change
	stop := w.db.Listen(func(c Change) { heard = append(heard, c) })
	w.run("CREATE TABLE t (k int PRIMARY KEY)", "CREATE TABLE IF NOT EXISTS t (k int PRIMARY KEY)", "ALTER TABLE t ADD v int", "DROP TABLE t", "DROP KEYSPACE ks")
	stop()
	w.run(createKeyspace)
	want := []Change{{"CREATED", "TABLE", "ks", "t"}, {"UPDATED", "TABLE", "ks", "t"}, {"DROPPED", "TABLE", "ks", "t"}, {"DROPPED", "KEYSPACE", "ks", ""}}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %v", heard)
	}
}

func TestIdentityStays(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY)")
	host, table, version := w.db.HostID(), w.db.Schema().Table("ks", "t").ID, w.db.Schema().Version
	w.reopen()
	if w.db.HostID() != host || w.db.Schema().Table("ks", "t").ID != table || w.db.Schema().Version != version {
		t.Error("another identity after a restart")
	}
	if host == (newWorld(t)).db.HostID() {
		t.Error("two data directories with one identity")
	}
}

// TestIDsAreUnique: an id given in the text must be nobody else's.
func TestIDsAreUnique(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k int PRIMARY KEY, v int)")
	w.run("CREATE QUERY TABLE q ON t (k) PRIMARY KEY ((v), k) WITH id = 5b1b3b5c-3f4f-11ee-be56-0242ac120002", "INSERT INTO t (k, v) VALUES (1, 1)")
	w.expect("SELECT v, k FROM q", "1 1")
	w.refused("CREATE TABLE u (k int PRIMARY KEY) WITH id = 5b1b3b5c-3f4f-11ee-be56-0242ac120002", "is that of ks.q")
	w.refused("CREATE TABLE u (k int PRIMARY KEY) WITH id = e54e1200-0000-0000-0000-000000000001", "is that of esker.dirty_windows")
	w.refused("CREATE TABLE u (k int PRIMARY KEY) WITH id = e54e1200-0000-0000-0000-000000000002", "is that of esker.builds")
}

// TestFrozenKeysOutliveARestart: clustering columns may be of any type that sorts.
func TestFrozenKeysOutliveARestart(t *testing.T) {
	w := newWorld(t, "CREATE TABLE t (k frozen<list<int>>, c frozen<map<text, int>>, d tuple<int, text>, v int, PRIMARY KEY (k, c, d))")
	w.run("INSERT INTO t (k, c, d, v) VALUES ([1, 2], {'a': 1}, (1, 'x'), 7)")
	w.reopen()
	w.expect("SELECT v FROM t WHERE k = [1, 2]", "7")
}

func TestDescribe(t *testing.T) {
	w := newWorld(t, followed...)
	w.expect("DESCRIBE TABLES", "ks table base", "ks table byv", "ks table readings", "ks table readings_1h")
	for text, want := range map[string]string{
		"DESCRIBE TABLE base": "CREATE TABLE ks.base", "DESCRIBE TABLE byv": "CREATE QUERY TABLE ks.byv", "DESCRIBE MATERIALIZED VIEW byc": "CREATE MATERIALIZED VIEW ks.byc",
		"DESCRIBE KEYSPACE ks": "CREATE KEYSPACE ks", "DESCRIBE ks": "CREATE TABLE ks.readings", "DESCRIBE SCHEMA": "CREATE TABLE ks.readings", "DESCRIBE CLUSTER": "esker",
		"DESCRIBE KEYSPACES": "system_schema", "DESCRIBE TABLE readings": "rollups = {'1h': 'forever'}", "DESCRIBE TABLE system.local": "VIRTUAL TABLE system.local",
	} {
		if got := strings.Join(w.rows(text), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	w.refused("DESCRIBE TABLE nope", "'nope' not found in keyspace 'ks'")
	w.refused("DESCRIBE KEYSPACE nope", "'nope' not found in keyspaces")
}

// modest is a store that can do nothing beside reading and writing.
type modest struct{ Local }

func (modest) Capabilities() Capabilities { return Capabilities{} }

func TestAStoreThatCannotKeepCopiesRefusesThem(t *testing.T) {
	w := newWorld(t, "CREATE TABLE ks.t (k int, c timestamp, v int, PRIMARY KEY (k, c))")
	w.db.store = modest{Local{w.store}}
	w.refused("CREATE QUERY TABLE ks.q ON ks.t * PRIMARY KEY ((v), k, c)", "table ks.q cannot be kept by this store")
	w.refused("CREATE TABLE ks.r (k int, c timestamp, v int, PRIMARY KEY (k, c)) WITH rollups = {'1h': 'forever'}", "table ks.r_1h cannot be kept by this store")
	w.run("CREATE TABLE ks.plain (k int PRIMARY KEY)")
}
