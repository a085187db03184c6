package live

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

const (
	killRounds      = 20
	killRoundsSoak  = 1000
	killConnections = 4
	killSensors     = 4   // a connection
	killRowsMax     = 600 // a sensor, each of up to three versions; more than a round gets done
	killCleanEvery  = 8   // rounds between two orderly restarts, which leave table files and a short log
	killFullEvery   = 25  // rounds between two readings of everything in a long run
)

// killSchema has a table, a copy by another key and a rollup.
var killSchema = []string{
	createKeyspace,
	`CREATE TABLE k.readings (sensor text, ts timestamp, site text, value bigint, PRIMARY KEY ((sensor), ts))
		WITH CLUSTERING ORDER BY (ts DESC) AND time_bucket = {'column': 'ts', 'size': '1d'} AND rollups = {'1h': 'forever'}`,
	`CREATE QUERY TABLE k.readings_by_site ON k.readings (value)
		PRIMARY KEY ((site), ts, sensor) WITH CLUSTERING ORDER BY (ts DESC, sensor ASC)`,
}

// A row lives through versions: 1 inserted, 2 written over with another site, 3 deleted; most rows stop
// earlier. The write timestamp is the version, so the order in which versions arrive does not count.
type killRow struct {
	sent  int             // the last version sent; the sender's alone until the round is over
	acked [4]atomic.Int32 // by version: 1 once it is acknowledged
}

func (r *killRow) ackedMax() int {
	for v := 3; v > 0; v-- {
		if r.acked[v].Load() == 1 {
			return v
		}
	}
	return 0
}

// killKey names a row; everything else in it follows from that.
type killKey struct {
	sensor string
	ms     int64
}

func (k killKey) hash() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, k.sensor, k.ms)
	return h.Sum64()
}

// versions is how many versions the row goes through.
func (k killKey) versions() int {
	switch h := k.hash() % 16; {
	case h == 0:
		return 3
	case h < 5:
		return 2
	}
	return 1
}

func (k killKey) site(version int) string {
	return "site" + strconv.Itoa(int(k.hash()>>8+uint64(version))%7)
}

// value carries the version, so that a row can be told whole or not.
func (k killKey) value(version int) int64 { return int64(k.hash()>>40)<<2 | int64(version) }

// killLoad is all that was ever sent.
type killLoad struct {
	rows  map[killKey]*killRow
	acks  atomic.Int64
	kills int                    // rounds in which the server had not yet ended by itself
	fatal atomic.Pointer[string] // what the server answered instead of an acknowledgement
}

func TestKill(t *testing.T) {
	t.Parallel()
	rounds := killRounds
	if os.Getenv("ESKER_SOAK") != "" {
		rounds = killRoundsSoak
	}
	seed := rand.Uint64()
	if text := os.Getenv("ESKER_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("ESKER_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	load := &killLoad{rows: map[killKey]*killRow{}}
	data := dataDir(t)
	server := Start(t, data)
	execute(t, dial(t, server, client.Options{}), killSchema...)
	found := 0
	for round := range rounds {
		keys := load.round(t, server, round, 200+random.IntN(1500))
		if round%3 == 1 { // also in the middle of the recovery
			again := Launch(t, data, "127.0.0.1:0")
			again.await(func() bool { return holder(t, data) == again.PID() })
			again.Kill()
		}
		sound(t, data)
		server = Start(t, data)
		conn := dial(t, server, client.Options{})
		if rounds <= killRounds || round%killFullEvery == 0 || round == rounds-1 {
			found = load.check(t, conn, nil)
			awaitRollups(t, conn)
			checkRollup(t, conn)
		} else {
			load.check(t, conn, keys)
		}
		conn.Close()
		if round%killCleanEvery == killCleanEvery-1 {
			if code := server.Terminate(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			server = Start(t, data)
		}
		if t.Failed() {
			t.Fatalf("round %d: see above", round)
		}
	}
	load.restore(t, server)
	acked := 0
	for _, r := range load.rows {
		if r.ackedMax() > 0 {
			acked++
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d kills in the middle of a load\n", rounds, killRoundsSoak)
	t.Logf("%d rounds, %d of them killed before the server had ended by itself; %d writes and %d rows acknowledged; %d rows found, as they must be",
		rounds, load.kills, load.acks.Load(), acked, found)
}

// restore makes a backup of a running server, kills it, restores the backup into a new directory, and audits all that
// was ever acknowledged in there.
func (l *killLoad) restore(t *testing.T, server *Server) {
	t.Helper()
	backup, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	for _, args := range [][]string{
		{"create", "--host", server.Host, "--port", server.Port, backup}, {"verify", backup}, {"restore", backup, "--data", restored},
	} {
		if out := Run(t, Command{Args: append([]string{"backup"}, args...)}); out.Code != 0 {
			t.Fatalf("esker backup %v: %s", args, out)
		}
		if args[0] == "create" {
			server.Kill()
		}
	}
	sound(t, restored)
	conn := dial(t, Start(t, restored), client.Options{})
	defer conn.Close()
	l.check(t, conn, nil)
	awaitRollups(t, conn)
	checkRollup(t, conn)
}

// round loads until so many writes are acknowledged, kills the server in the middle of it, and returns
// the sensors that it wrote.
func (l *killLoad) round(t *testing.T, server *Server, round, acks int) []string {
	t.Helper()
	enough := make(chan struct{})
	var once sync.Once
	left := atomic.Int64{}
	left.Store(int64(acks))
	acknowledged := func(r *killRow, version int) {
		r.acked[version].Store(1)
		l.acks.Add(1)
		if left.Add(-1) <= 0 {
			once.Do(func() { close(enough) })
		}
	}
	var sensors []string
	keys := make([][]killKey, killConnections)
	for c := range keys {
		for s := range killSensors {
			sensor := fmt.Sprintf("r%d-%d-%d", round, c, s)
			sensors = append(sensors, sensor)
			for n := range killRowsMax {
				k := killKey{sensor, 1_600_000_000_000 + int64(n)*60_000}
				keys[c] = append(keys[c], k)
				l.rows[k] = &killRow{}
			}
		}
	}
	var join sync.WaitGroup
	for c := range keys {
		conn := dial(t, server, client.Options{})
		join.Go(func() {
			l.send(conn, keys[c], acknowledged)
			if c == 0 { // it has nothing left to send
				once.Do(func() { close(enough) })
			}
		})
	}
	<-enough
	if round%2 == 1 { // from the second on, in the middle of the flush that an orderly end begins with
		files := tableFiles(t, server)
		server.Signal(syscall.SIGTERM)
		if round%4 == 3 {
			server.await(func() bool { return tableFiles(t, server) != files })
		}
		join.Wait() // the connections are closed once they are drained
	}
	server.Kill()
	join.Wait()
	if server.Wait() == SignalledCode {
		l.kills++
	}
	for _, k := range slices.Concat(keys...) {
		if l.rows[k].sent == 0 {
			delete(l.rows, k) // the server was killed before its turn
		}
	}
	if answer := l.fatal.Load(); answer != nil {
		t.Fatalf("round %d: the server answered a write with: %s", round, *answer)
	}
	return sensors
}

// holder is the process that a data directory names as its own.
func holder(t *testing.T, data string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "LOCK"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 while it is being written
	return pid
}

// tableFiles is how many table files the server has begun.
func tableFiles(t *testing.T, server *Server) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(server.Data, "*.sst*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// await waits until done says so or the server has ended.
func (s *Server) await(done func() bool) {
	again := time.NewTicker(pollEvery / 100)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-s.gone:
			return
		}
	}
}

// flight is a write on its way.
type flight struct {
	call    *client.Call
	row     *killRow
	version int
}

// send writes every version of the rows, many at a time, until the connection breaks.
func (l *killLoad) send(conn *client.Conn, keys []killKey, acknowledged func(*killRow, int)) {
	ctx := context.Background()
	insert, err := conn.Prepare(ctx, "INSERT INTO k.readings (sensor, ts, site, value) VALUES (?, ?, ?, ?)")
	if err != nil {
		return // killed before it began
	}
	remove, err := conn.Prepare(ctx, "DELETE FROM k.readings WHERE sensor = ? AND ts = ?")
	if err != nil {
		return
	}
	flights := make(chan flight, 128)
	var join sync.WaitGroup
	join.Go(func() {
		for f := range flights {
			if _, err := f.call.Wait(ctx); err == nil {
				acknowledged(f.row, f.version)
			} else if answer := new(client.Error); errors.As(err, &answer) {
				text := answer.Error()
				l.fatal.Store(&text)
			}
		}
	})
	defer join.Wait()
	defer close(flights)
	for _, k := range keys {
		row := l.rows[k]
		for version := 1; version <= k.versions(); version++ {
			statement, values := insert, k.key()
			if version == 3 {
				statement = remove
			} else {
				values = append(values, wire.Value{Bytes: []byte(k.site(version))}, wire.Value{Bytes: types.AppendBigint(nil, k.value(version))})
			}
			row.sent = version
			call, err := conn.SendExecute(ctx, statement, values, client.RequestOptions{HasTimestamp: true, Timestamp: int64(version)})
			if err != nil {
				return
			}
			flights <- flight{call, row, version}
		}
	}
}

func (k killKey) key() []wire.Value {
	return []wire.Value{{Bytes: []byte(k.sensor)}, {Bytes: types.AppendTimestampMillis(nil, k.ms)}}
}

// stored is what a row holds.
type stored struct {
	site  string
	value int64
}

// check reads the rows of some sensors, or all, and returns how many there are. Each must be whole and of a
// version between the last acknowledged and the last sent, and the copy must hold the same rows.
func (l *killLoad) check(t *testing.T, conn *client.Conn, sensors []string) int {
	t.Helper()
	base := map[killKey]stored{}
	texts := []string{"SELECT sensor, ts, site, value FROM k.readings"}
	if sensors != nil {
		texts = nil
		for _, s := range sensors {
			texts = append(texts, "SELECT sensor, ts, site, value FROM k.readings WHERE sensor = '"+s+"'")
		}
	}
	for _, text := range texts {
		for _, cells := range rows(t, conn, text) {
			base[killKey{string(cells[0]), types.DecodeInt64(cells[1])}] = stored{string(cells[2]), types.DecodeInt64(cells[3])}
		}
	}
	wanted := map[string]bool{}
	for _, s := range sensors {
		wanted[s] = true
	}
	for k, r := range l.rows {
		if sensors != nil && !wanted[k.sensor] {
			continue
		}
		got, ok := base[k]
		if lowest := r.ackedMax(); !k.allowed(got, ok, lowest, r.sent) {
			t.Errorf("row %v: acknowledged version %d, sent %d, found %+v (there: %v)", k, lowest, r.sent, got, ok)
		}
	}
	for k := range base {
		if l.rows[k] == nil {
			t.Errorf("row %v was never written", k)
		}
	}
	checkCopy(t, conn, base, wanted)
	return len(base)
}

// allowed tells whether a row may look like that.
func (k killKey) allowed(got stored, there bool, lowest, highest int) bool {
	for v := lowest; v <= highest; v++ {
		if absent := v == 0 || v == 3; absent && !there || !absent && there && got == (stored{k.site(v), k.value(v)}) {
			return true
		}
	}
	return false
}

// checkCopy compares the query table with the base rows; of other sensors than those wanted it has more.
func checkCopy(t *testing.T, conn *client.Conn, base map[killKey]stored, wanted map[string]bool) {
	t.Helper()
	count := 0
	for _, cells := range rows(t, conn, "SELECT site, ts, sensor, value FROM k.readings_by_site") {
		k := killKey{string(cells[2]), types.DecodeInt64(cells[1])}
		if len(wanted) > 0 && !wanted[k.sensor] {
			continue
		}
		count++
		if got, want := (stored{string(cells[0]), types.DecodeInt64(cells[3])}), base[k]; got != want {
			t.Errorf("query table, row %v: %+v, the base has %+v", k, got, want)
		}
	}
	if count != len(base) {
		t.Errorf("the query table has %d rows, the base %d", count, len(base))
	}
}

func TestKillJudges(t *testing.T) {
	t.Parallel()
	k := killKey{sensor: "r1-2-3", ms: 1_600_000_000_000}
	at := func(version int) stored { return stored{k.site(version), k.value(version)} }
	for _, c := range []struct {
		name            string
		got             stored
		there           bool
		lowest, highest int
		want            bool
	}{
		{"never acknowledged, absent", stored{}, false, 0, 1, true},
		{"never acknowledged, whole", at(1), true, 0, 1, true},
		{"never sent", at(1), true, 0, 0, false},
		{"acknowledged, there", at(1), true, 1, 1, true},
		{"acknowledged, lost", stored{}, false, 1, 2, false},
		{"written over, the old one found", at(1), true, 2, 2, false},
		{"written over without an answer", at(2), true, 1, 2, true},
		{"torn", stored{k.site(1) + "x", k.value(1)}, true, 1, 1, false},
		{"of two versions", stored{k.site(1), k.value(2)}, true, 1, 2, k.site(1) == k.site(2)},
		{"deleted", stored{}, false, 3, 3, true},
		{"deleted, back again", at(2), true, 3, 3, false},
		{"deleted without an answer", stored{}, false, 2, 3, true},
	} {
		if got := k.allowed(c.got, c.there, c.lowest, c.highest); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
