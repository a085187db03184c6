package server

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/server/wire"
)

// startDatabase runs a server over a database in memory that keeps few prepared statements.
func startDatabase(t *testing.T, o database.Options) *Server {
	t.Helper()
	store, err := lsm.Open(lsm.Options{FS: vfs.NewMem(), Dir: "data", Clock: clock.System{}, Tuning: lsm.Tuning{LogSegmentBytes: 64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	o.Store, o.Clock = database.Local{Store: store}, clock.System{}
	db, err := database.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the server's
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return start(t, Options{Database: db, Events: Events{}})
}

// heap is how many bytes live.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what had finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A flood of statements that are all different, prepared, sent as texts and in batches, right and wrong, takes a bounded
// part of the memory; a client whose statement was forgotten meanwhile is told so, and goes on after preparing it again.
func TestFloodOfDistinctStatements(t *testing.T) {
	const cacheBytes = 1 << 20
	s := startDatabase(t, database.Options{StatementsMax: 200, StatementsBytesMax: cacheBytes})
	c := dial(t, s, client.Options{})
	mustQuery(t, c, "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	mustQuery(t, c, "CREATE TABLE ks.t (k text PRIMARY KEY, v text)")
	kept, err := c.Prepare(t.Context(), "SELECT v FROM ks.t WHERE k = ?")
	if err != nil {
		t.Fatal(err)
	}
	filler := strings.Repeat("x", 2000)
	flood := func(from, to int) {
		for n := from; n < to; n++ {
			text := fmt.Sprintf("SELECT v FROM ks.t WHERE k = '%d %s'", n, filler)
			var err error
			switch n % 4 {
			case 0:
				_, err = c.Prepare(t.Context(), text)
			case 1:
				_, err = c.Query(t.Context(), text)
			case 2:
				_, err = c.Query(t.Context(), fmt.Sprintf("SELEKT %d %s", n, filler))
				if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != wire.CodeSyntax {
					t.Fatalf("%d: %v", n, err)
				}
				continue
			case 3:
				insert := fmt.Appendf(nil, "INSERT INTO ks.t (k, v) VALUES ('k', 'v') /* %d %s */", n, filler)
				var call *client.Call
				if call, err = c.Send(t.Context(), &wire.Batch{Entries: []wire.BatchEntry{{Text: insert}, {Text: insert}}}); err == nil {
					_, err = call.Wait(t.Context())
				}
			}
			if err != nil {
				t.Fatalf("%d: %v", n, err)
			}
		}
	}
	flood(0, 2000) // what is allocated once is there, and the caches are full
	before := heap()
	flood(2000, 6000)
	if grown := heap() - before; grown > 2*cacheBytes {
		t.Errorf("4,000 statements more take %d bytes", grown)
	}
	key := []wire.Value{{Bytes: []byte("k")}}
	execute := &wire.Execute{ID: kept.ID, Params: wire.QueryParams{Consistency: wire.One, Values: key}}
	call, err := c.Send(t.Context(), execute)
	if err != nil {
		t.Fatal(err)
	}
	_, err = call.Wait(t.Context())
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != wire.CodeUnprepared {
		t.Errorf("a statement of before the flood: %v", err)
	}
	r, err := c.Execute(t.Context(), kept, key, client.RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, r); n != 1 {
		t.Errorf("%d rows after preparing it again", n)
	}
}

// hostileNames are what somebody may put between quotes.
var hostileNames = []string{
	`a"b`, `'; DROP KEYSPACE ks; --`, "line\nbreak", "carriage\rreturn", "tab\there", "nul\x00byte", "\u202eright to left\u202c", "zero\u200bwidth",
	`"`, `""`, `'`, `''`, `\`, `\n`, "$$", "/* ", " */", "--", "//", ";", " ", "SELECT", "select", "1", "ünï", "😀", "{'a': 1}", "%s%d%n", "\x1b[31mred\x1b[0m",
	strings.Repeat("q", 48),
}

// Names and texts with whatever in them are refused when they are made, or described so that the description makes the same
// again, and nothing else.
func TestHostileNamesAreDescribedAsTheyAre(t *testing.T) {
	s := startDatabase(t, database.Options{})
	c := dial(t, s, client.Options{})
	mustQuery(t, c, "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
	mustQuery(t, c, "CREATE TABLE ks.untouched (k int PRIMARY KEY)")
	quoted := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	literal := func(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
	made, refusedNames := 0, 0
	for _, name := range hostileNames {
		for _, form := range []string{
			"CREATE TABLE ks." + quoted(name) + " (k int PRIMARY KEY, v int)",
			"CREATE TABLE ks.t (" + quoted(name) + " int PRIMARY KEY, v int)",
			"CREATE TABLE ks.t (k int, c int, " + quoted(name) + " int, PRIMARY KEY (k, c))",
			"CREATE TABLE ks.t (k int PRIMARY KEY, v int) WITH comment = " + literal(name),
		} {
			if _, err := c.Query(t.Context(), form); err != nil {
				if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code == wire.CodeServer || refused.Code == wire.CodeProtocol {
					t.Fatalf("%q: %v", form, err)
				}
				refusedNames++
				continue
			}
			made++
			describedAgain(t, c, form)
			if strings.HasPrefix(form, "CREATE TABLE ks.\"") {
				mustQuery(t, c, "DROP TABLE ks."+quoted(name))
			} else {
				mustQuery(t, c, "DROP TABLE ks.t")
			}
		}
	}
	if got := tablesOf(t, c); !slices.Equal(got, []string{"untouched"}) {
		t.Errorf("tables %q", got)
	}
	t.Logf("%d were made, %d refused", made, refusedNames)
	if made < 2*len(hostileNames) {
		t.Errorf("only %d of %d were made", made, 4*len(hostileNames))
	}
}

func tablesOf(t *testing.T, c *client.Conn) (out []string) {
	t.Helper()
	r := mustQuery(t, c, "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'ks'")
	for {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return out
		}
		out = append(out, string(row[0]))
	}
}

// describedAgain describes the table that was made last, makes it again from that, and compares what is said then.
func describedAgain(t *testing.T, c *client.Conn, form string) {
	t.Helper()
	name := ""
	for _, table := range tablesOf(t, c) {
		if table != "untouched" {
			name = table
		}
	}
	describe := func() string {
		r := mustQuery(t, c, `DESCRIBE TABLE ks."`+strings.ReplaceAll(name, `"`, `""`)+`"`)
		row, err := r.Next(t.Context())
		if err != nil || len(row) != 4 {
			t.Fatalf("%q: %q, %v", form, row, err)
		}
		return string(row[3])
	}
	first := describe()
	mustQuery(t, c, `DROP TABLE ks."`+strings.ReplaceAll(name, `"`, `""`)+`"`)
	if _, err := c.Query(t.Context(), first); err != nil {
		t.Fatalf("%q is described as\n%s\nwhich is refused: %v", form, first, err)
	}
	if second := describe(); second != first {
		t.Errorf("%q is described as\n%s\nand then as\n%s", form, first, second)
	}
}
