package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

const (
	manyOwn      = 900 // connections of the project's own client
	manyGocql    = 100 // connections of gocql
	manyWaves    = 2
	manySoakTime = 10 * time.Minute
	manyRows     = 60 // that a connection writes in a wave
	manyAtOnce   = 8  // requests of a connection on their way
	manyDialling = 64 // connections that are being made at a time

	manyWarm         = 4        // waves until caches, pools and the collector have found their size
	manyGrowthMax    = 48 << 20 // bytes by which later waves may stand above the highest of those
	manyRests        = 10       // waves of which the lowest counts: the collector lets garbage stand up to a share of the budget, and what leaks stays
	manyWorkersMax   = 256      // goroutines of the server that wait for work once there was some
	manyGoroutineMax = 20       // others that may come and go
	manySettles      = 400      // looks at a server that comes to rest
)

// TestManyClients lets a thousand connections write and read, wave after wave, with one in four cut in the middle of a
// frame. What was acknowledged is there, and when everybody has left the server stands where it stood.
func TestManyClients(t *testing.T) {
	server := Start(t, dataDir(t), "--metrics", "127.0.0.1:0", "--memory", memoryBudget)
	w := &watchman{server: server, page: metricsPage(t, server)}
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace, "CREATE TABLE k.many (k int, n int, v text, PRIMARY KEY (k, n))")
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.watch(t, done)
	}()
	before := w.look(t)
	before.goroutines += manyWorkersMax // which the first wave brings
	seed := uint64(20260101)
	var warm int64    // bytes that are resident after one of the first waves
	var rests []int64 // after each wave
	var total crowdCounts
	soak := os.Getenv("ESKER_SOAK") != ""
	waves := 0
	for begun := time.Now(); waves < manyWaves || soak && time.Since(begun) < manySoakTime; waves++ {
		c := &crowd{t: t, server: server, wave: waves, rng: rand.New(rand.NewPCG(seed, uint64(waves)))}
		c.run()
		c.verify(conn)
		total.add(&c.crowdCounts)
		rest := w.settle(t, before)
		if waves == 0 {
			before.goroutines = rest.goroutines
		}
		rests = append(rests, rest.resident)
		if waves < manyWarm {
			warm = max(warm, rest.resident)
		} else if least := slices.Min(rests[max(0, len(rests)-manyRests):]); least > warm+manyGrowthMax {
			t.Errorf("wave %d: %d MiB at least are resident since %d waves, %d when it was warm", waves, least>>20, manyRests, warm>>20)
		}
		if rest.resident > memoryMax {
			t.Errorf("wave %d: %d MiB are resident under a budget of %s", waves, rest.resident>>20, memoryBudget)
		}
		if t.Failed() {
			break
		}
	}
	close(done)
	<-watched
	fmt.Fprintf(t.Output(), "sample %d waves of %d connections: %d writes acknowledged, %d reads, %d connections cut in a frame\n%s",
		waves, manyOwn+manyGocql, total.acked.Load(), total.reads.Load(), total.cut.Load(), w.curves())
	if total.cut.Load() == 0 || total.acked.Load() == 0 {
		t.Error("nobody was cut, or nothing was acknowledged: the test proves nothing")
	}
}

// A sample is what a server takes at one moment.
type sample struct {
	resident   int64 // bytes
	goroutines int
	sockets    int
	files      int // open files beside sockets
}

// watchman takes samples of a server.
type watchman struct {
	server *Server
	page   string // URL of the metrics
	mu     sync.Mutex
	all    []sample // guarded by mu
}

// metricsPage finds the URL that the server prints.
func metricsPage(t *testing.T, s *Server) string {
	t.Helper()
	for line := range strings.Lines(s.Log()) {
		if addr, ok := strings.CutPrefix(line, "metrics on "); ok {
			return "http://" + strings.TrimSpace(addr) + "/metrics"
		}
	}
	t.Fatalf("no address of metrics in %s", s.Log())
	return ""
}

func (w *watchman) watch(t *testing.T, done <-chan struct{}) {
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-done:
			return
		case <-every.C:
			w.look(t)
		}
	}
}

// look takes a sample and keeps it.
func (w *watchman) look(t *testing.T) sample {
	s := sample{resident: w.server.resident(t, "VmRSS")}
	answer, err := http.Get(w.page)
	if err != nil {
		t.Error(err)
		return s
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "go_goroutines %d", &s.goroutines)
	}
	dir := fmt.Sprintf("/proc/%d/fd", w.server.PID())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		switch to, err := os.Readlink(filepath.Join(dir, e.Name())); {
		case err != nil: // closed meanwhile
		case strings.HasPrefix(to, "socket:"):
			s.sockets++
		default:
			s.files++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, s)
	return s
}

// settle looks until goroutines and sockets are what they were, and says what the server takes then.
func (w *watchman) settle(t *testing.T, before sample) sample {
	t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	var s sample
	for range manySettles {
		if s = w.look(t); s.goroutines <= before.goroutines+manyGoroutineMax && s.sockets <= before.sockets+1 {
			return s
		}
		<-every.C
	}
	t.Errorf("everybody has left: %d goroutines and %d sockets, before %d and %d", s.goroutines, s.sockets, before.goroutines, before.sockets)
	return s
}

// curves are the samples, in up to 24 steps.
func (w *watchman) curves() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var resident, goroutines, sockets, files strings.Builder
	step := (len(w.all) + 23) / 24
	for i := 0; i < len(w.all); i += step {
		var top sample // of its step
		for _, s := range w.all[i:min(i+step, len(w.all))] {
			top.resident, top.goroutines = max(top.resident, s.resident), max(top.goroutines, s.goroutines)
			top.sockets, top.files = max(top.sockets, s.sockets), max(top.files, s.files)
		}
		fmt.Fprintf(&resident, "%6d", top.resident>>20)
		fmt.Fprintf(&goroutines, "%6d", top.goroutines)
		fmt.Fprintf(&sockets, "%6d", top.sockets)
		fmt.Fprintf(&files, "%6d", top.files)
	}
	return fmt.Sprintf("resident MiB%s\ngoroutines  %s\nsockets     %s\nother files %s\n", &resident, &goroutines, &sockets, &files)
}

// crowdCounts are what a wave did.
type crowdCounts struct{ acked, reads, cut atomic.Int64 }

func (c *crowdCounts) add(o *crowdCounts) {
	c.acked.Add(o.acked.Load())
	c.reads.Add(o.reads.Load())
	c.cut.Add(o.cut.Load())
}

// crowd is one wave of clients. Each writes rows of a partition of its own.
type crowd struct {
	t      *testing.T
	server *Server
	wave   int
	rng    *rand.Rand
	crowdCounts
	rows [manyOwn + manyGocql][manyRows]atomic.Bool // acknowledged
}

// frayed is a connection that ends within what it writes, once it has written so much.
type frayed struct {
	net.Conn
	left  atomic.Int64 // bytes until it is cut; negative: never
	rude  bool         // cut with a reset
	crowd *crowd
	once  sync.Once
}

func (f *frayed) Write(p []byte) (int, error) {
	before := f.left.Add(-int64(len(p))) + int64(len(p))
	if before < 0 || int64(len(p)) <= before {
		return f.Conn.Write(p)
	}
	n, _ := f.Conn.Write(p[:before]) // the rest is never sent
	f.once.Do(func() { f.crowd.cut.Add(1) })
	if tcp, ok := f.Conn.(*net.TCPConn); ok && f.rude {
		_ = tcp.SetLinger(0)
	}
	_ = f.Conn.Close()
	return n, io.ErrClosedPipe
}

// fraying dials connections; one in four is cut.
type fraying struct {
	crowd *crowd
	mu    sync.Mutex
	rng   *rand.Rand // guarded by mu
}

func (d *fraying) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &frayed{Conn: conn, crowd: d.crowd, rude: d.rng.IntN(2) == 0}
	f.left.Store(-1 << 62)
	if d.rng.IntN(4) == 0 {
		f.left.Store(400 + d.rng.Int64N(6000)) // behind the handshake
	}
	return f, nil
}

func (c *crowd) run() {
	var join sync.WaitGroup
	slots := make(chan struct{}, manyDialling)
	for i := range manyOwn {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), 1))
		join.Go(func() { c.own(i, rng, slots) })
	}
	dialer := &fraying{crowd: c, rng: rand.New(rand.NewPCG(c.rng.Uint64(), 2))}
	cluster := gocql.NewCluster(c.server.Addr)
	cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute
	cluster.NumConns, cluster.Dialer, cluster.Logger = manyGocql, dialer, nopLogger{}
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 100, Interval: 20 * time.Millisecond}
	var session *gocql.Session
	for try := 0; session == nil; try++ { // its first connections are cut too
		var err error
		if session, err = cluster.CreateSession(); err != nil && try == 20 {
			c.t.Errorf("gocql: %v", err)
			break
		}
	}
	if session != nil {
		for i := range manyGocql {
			join.Go(func() { c.gocql(session, manyOwn+i) })
		}
	}
	join.Wait()
	if session != nil {
		session.Close()
	}
}

// nopLogger keeps what gocql says of cut connections to itself.
type nopLogger struct{}

func (nopLogger) Error(string, ...gocql.LogField)   {}
func (nopLogger) Warning(string, ...gocql.LogField) {}
func (nopLogger) Info(string, ...gocql.LogField)    {}
func (nopLogger) Debug(string, ...gocql.LogField)   {}

func (c *crowd) key(i int) int { return c.wave*(manyOwn+manyGocql) + i }

const manyInsert = "INSERT INTO k.many (k, n, v) VALUES (?, ?, ?)"

// own is one connection of the project's client.
func (c *crowd) own(i int, rng *rand.Rand, slots chan struct{}) {
	compression := []wire.Compression{wire.CompressionNone, wire.CompressionLZ4, wire.CompressionSnappy}[rng.IntN(3)]
	version := wire.VersionMin + byte(rng.IntN(int(wire.VersionMax-wire.VersionMin)+1))
	if compression == wire.CompressionSnappy {
		version = min(version, 4) // version 5 has none
	}
	dialer := &fraying{crowd: c, rng: rng}
	slots <- struct{}{}
	conn, err := client.Dial(context.Background(), client.Options{Addr: c.server.Addr, ProtocolVersion: version, Compression: compression, DialContext: dialer.DialContext})
	<-slots
	if err != nil {
		if !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, client.ErrLost) {
			c.t.Errorf("connection %d: %v", i, err)
		}
		return
	}
	defer conn.Close()
	if err := c.work(conn, i); err != nil && !errors.Is(err, client.ErrLost) && !errors.Is(err, io.ErrClosedPipe) {
		c.t.Errorf("connection %d: %v", i, err)
	}
}

// work writes the rows of connection i, some at a time, and reads them back.
func (c *crowd) work(conn *client.Conn, i int) error {
	ctx := context.Background()
	insert, err := conn.Prepare(ctx, manyInsert)
	if err != nil {
		return err
	}
	key := types.AppendInt(nil, int32(c.key(i)))
	for n := 0; n < manyRows; n += manyAtOnce {
		var calls []*client.Call
		for row := n; row < min(n+manyAtOnce, manyRows); row++ {
			call, err := conn.SendExecute(ctx, insert, []wire.Value{{Bytes: key}, {Bytes: types.AppendInt(nil, int32(row))}, {Bytes: []byte(manyText(row))}}, client.RequestOptions{})
			if err != nil {
				return err
			}
			calls = append(calls, call)
		}
		for k, call := range calls {
			if _, err := call.Wait(ctx); err != nil {
				return err
			}
			c.rows[i][n+k].Store(true)
			c.acked.Add(1)
		}
		result, err := conn.Query(ctx, "SELECT n, v FROM k.many WHERE k = ?", wire.Value{Bytes: key})
		if err != nil {
			return err
		}
		found := 0
		for {
			cells, err := result.Next(ctx)
			if err != nil {
				return err
			}
			if cells == nil {
				break
			}
			if n := int(types.DecodeInt64(cells[0])); string(cells[1]) != manyText(n) {
				return fmt.Errorf("row %d reads %q", n, cells[1])
			}
			found++
		}
		if found != min(n+manyAtOnce, manyRows) {
			return fmt.Errorf("%d rows read after %d were acknowledged", found, n+manyAtOnce)
		}
		c.reads.Add(1)
	}
	return nil
}

func manyText(row int) string { return fmt.Sprintf("row %d %s", row, strings.Repeat("x", row)) }

// gocql writes the rows of connection i through a session whose connections are cut now and then.
func (c *crowd) gocql(session *gocql.Session, i int) {
	for n := range manyRows {
		err := session.Query(manyInsert, c.key(i), n, manyText(n)).Exec()
		if err == nil {
			c.rows[i][n].Store(true)
			c.acked.Add(1)
		} else if (gocql2{}).code(err) != -1 {
			c.t.Errorf("gocql, row %d: %v", n, err)
			return
		}
		var count int64
		if n%20 == 19 && session.Query("SELECT count(*) FROM k.many WHERE k = ?", c.key(i)).Scan(&count) == nil {
			c.reads.Add(1)
		}
	}
}

// verify reads every partition of the wave: no acknowledged row is missing, and none is another.
func (c *crowd) verify(conn *client.Conn) {
	c.t.Helper()
	for i := range c.rows {
		found := map[int]string{}
		for _, cells := range rows(c.t, conn, fmt.Sprintf("SELECT n, v FROM k.many WHERE k = %d", c.key(i))) {
			found[int(types.DecodeInt64(cells[0]))] = string(cells[1])
		}
		for n := range c.rows[i] {
			if text, ok := found[n]; c.rows[i][n].Load() && !ok || ok && text != manyText(n) {
				c.t.Errorf("wave %d, connection %d, row %d: acknowledged %v, reads %q", c.wave, i, n, c.rows[i][n].Load(), text)
			}
		}
	}
}
