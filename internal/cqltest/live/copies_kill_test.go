package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
)

const (
	copiesRounds     = 6
	copiesRoundsSoak = 500
	writers          = 16
	copiesBallast    = 5000 // rows that nobody changes, so that a build takes several records
)

// copiesTables are kept of k.items: by a regular column, a static one, the elements of a set, a filter, and in Cassandra's words.
var copiesTables = []string{
	"CREATE QUERY TABLE k.by_site ON k.items (v) PRIMARY KEY ((site), k, c)",
	"CREATE QUERY TABLE k.by_owner ON k.items (site, v) PRIMARY KEY ((owner), k, c)",
	"CREATE QUERY TABLE k.by_tag ON k.items (v) PRIMARY KEY ((UNNEST(tags) AS tag), k, c)",
	"CREATE QUERY TABLE k.high ON k.items * WHERE v > 4 PRIMARY KEY ((k), v, c)",
	"CREATE MATERIALIZED VIEW k.mv AS SELECT v, k, c, site FROM k.items WHERE v IS NOT NULL AND k IS NOT NULL AND c IS NOT NULL PRIMARY KEY (v, k, c)",
}

// copiesLate is made again and again while others write.
const copiesLate = "CREATE QUERY TABLE k.late ON k.items (v, tags) PRIMARY KEY ((site), c, k)"

// writersLoad counts what is done to a server.
type writersLoad struct {
	statements, changes atomic.Int64
	fatal               atomic.Pointer[string]
}

// itemWrite is a statement on one of the ten rows: they come, change, move in the copies, end and go.
func itemWrite(rng *rand.Rand) string {
	k, c, v := rng.IntN(2), rng.IntN(5), rng.IntN(9)
	at := fmt.Sprintf("WHERE k = %d AND c = %d", k, c)
	switch rng.IntN(12) {
	case 0:
		return "DELETE FROM k.items " + at
	case 1:
		return fmt.Sprintf("DELETE FROM k.items WHERE k = %d AND c > %d", k, c)
	case 2:
		return fmt.Sprintf("UPDATE k.items SET owner = 'o%d' WHERE k = %d", v%3, k)
	case 3:
		return fmt.Sprintf("UPDATE k.items SET tags = {'t%d', 't%d'} %s", v%4, v%3, at)
	case 4:
		return fmt.Sprintf("UPDATE k.items USING TTL 1 SET v = %d %s", v, at)
	case 5:
		return fmt.Sprintf("BEGIN BATCH UPDATE k.items SET site = 's%d' %s; INSERT INTO k.items (k, c, v) VALUES (%d, %d, %d); APPLY BATCH", v%3, at, 1-k, c, v)
	case 6:
		return fmt.Sprintf("DELETE site, tags FROM k.items %s", at)
	case 7:
		return fmt.Sprintf("UPDATE k.items SET site = 's%d' %s", v%3, at)
	case 8:
		if c == 0 {
			return fmt.Sprintf("DELETE FROM k.items WHERE k = %d", k)
		}
	}
	return fmt.Sprintf("INSERT INTO k.items (k, c, owner, site, v, tags) VALUES (%d, %d, 'o%d', 's%d', %d, {'t%d'})", k, c, v%3, v%3, v, v%4)
}

// TestKillWithCopies: sixteen writers change ten rows of a table with copies of all kinds, one of which is built meanwhile, until the
// server is killed. After each restart CHECK finds no copy that differs from its base.
func TestKillWithCopies(t *testing.T) {
	t.Parallel()
	rounds := copiesRounds
	if os.Getenv("ESKER_SOAK") != "" {
		rounds = copiesRoundsSoak
	}
	seed := rand.Uint64()
	if text := os.Getenv("ESKER_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("ESKER_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	data := dataDir(t)
	server := Start(t, data)
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, "CREATE TABLE k.items (k int, c int, owner text STATIC, site text, v int, tags frozen<set<text>>, PRIMARY KEY (k, c))")
	for i := range copiesBallast / 50 {
		text := "BEGIN UNLOGGED BATCH "
		for j := range 50 {
			text += fmt.Sprintf("INSERT INTO k.items (k, c, owner, site, v, tags) VALUES (%d, %d, 'o', 's%d', %d, {'t1', 'x'}); ", 10+i%7, i*50+j, j%3, j%9)
		}
		execute(t, conn, text+"APPLY BATCH")
	}
	execute(t, conn, copiesTables...)
	load := &writersLoad{}
	kills, checked := 0, 0
	for round := range rounds {
		texts := []string{"DROP QUERY TABLE IF EXISTS k.late", copiesLate, "REBUILD QUERY TABLE k.by_site"}
		load.round(t, server, rng, 200+rng.IntN(1000), itemWrite, texts[:2+round%2])
		if server.Wait() == SignalledCode {
			kills++
		}
		sound(t, data)
		server = Start(t, data)
		checked += checkCopies(t, dial(t, server, client.Options{}))
		if t.Failed() {
			t.Fatalf("round %d: see above", round)
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d kills of a server with copies\n", rounds, copiesRoundsSoak)
	t.Logf("%d statements of %d writers, %d builds begun, %d kills, %d tables checked: 0 differences", load.statements.Load(), writers, load.changes.Load(), kills, checked)
}

// round writes until so many statements are acknowledged, while one connection runs the changes over and over, and kills the
// server in the middle of it.
func (l *writersLoad) round(t *testing.T, server *Server, rng *rand.Rand, acks int, write func(*rand.Rand) string, changes []string) {
	t.Helper()
	enough := make(chan struct{})
	var once sync.Once
	left := atomic.Int64{}
	left.Store(int64(acks))
	var join sync.WaitGroup
	// Whoever runs statements does so until the server is gone, or has answered what it must not.
	run := func(statements func() string, done func()) {
		conn := dial(t, server, client.Options{})
		join.Go(func() {
			for {
				text := statements()
				_, err := conn.Query(context.Background(), text)
				if answer := new(client.Error); errors.As(err, &answer) {
					message := text + ": " + answer.Error()
					l.fatal.Store(&message)
				}
				if err != nil {
					once.Do(func() { close(enough) })
					return
				}
				done()
			}
		})
	}
	for range writers {
		own := rand.New(rand.NewPCG(rng.Uint64(), 1))
		run(func() string { return write(own) }, func() {
			l.statements.Add(1)
			if left.Add(-1) <= 0 {
				once.Do(func() { close(enough) })
			}
		})
	}
	n := -1
	run(func() string { n++; return changes[n%len(changes)] }, func() { l.changes.Add(1) })
	<-enough
	server.Kill()
	join.Wait()
	if answer := l.fatal.Load(); answer != nil {
		t.Fatalf("the server answered %s", *answer)
	}
}

// checkCopies waits for builds, checks every copy and returns how many there are. One of them is compared with its base here too.
func checkCopies(t *testing.T, conn *client.Conn) int {
	t.Helper()
	poll := time.NewTicker(pollEvery / 10)
	defer poll.Stop()
	const states = "SELECT table_name, state, built, rows_written FROM system_views.query_tables WHERE keyspace_name = 'k'"
	var copies [][][]byte
	for {
		copies = rows(t, conn, states)
		if !slices.ContainsFunc(copies, func(row [][]byte) bool { return string(row[1]) != "live" }) {
			break
		}
		<-poll.C
	}
	for _, row := range copies {
		for _, found := range rows(t, conn, "CHECK QUERY TABLE k."+string(row[0])) {
			t.Errorf("%s", bytes.Join(found, []byte(" | ")))
		}
	}
	lines := func(of string) []string {
		var out []string
		for _, row := range rows(t, conn, "SELECT site, k, c, v, writetime(v) FROM k."+of) {
			if row[0] != nil {
				out = append(out, fmt.Sprintf("%s %x", row[0], row[1:]))
			}
		}
		slices.Sort(out)
		return out
	}
	for {
		base, copied := lines("items"), lines("by_site")
		if slices.Equal(base, copied) {
			return len(copies)
		}
		if slices.Equal(base, lines("items")) {
			t.Errorf("k.items says %d rows, k.by_site has %d, or others", len(base), len(copied))
			return len(copies)
		}
		// A value with a TTL ended between the two.
	}
}
