package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/cqltest/cassandra"
)

// How CQL stores are loaded: batches of rows that follow one another in one partition.
const (
	batchRows     = 100
	batchWriters  = 32
	singleWriters = 256
	rollupParts   = 8
)

const (
	table        = bench.Keyspace + ".readings"
	singlesTable = bench.Keyspace + ".singles"
)

// cqlServer is what cqlStore needs of the process behind the port.
type cqlServer interface {
	// settle flushes and compacts the tables.
	settle(ctx context.Context, session *gocql.Session) error
	address() string
	bytes() (int64, error)
	close() error
}

// cqlStore is a server that speaks CQL, through gocql.
type cqlStore struct {
	server  cqlServer
	session *gocql.Session
	work    *bench.Workload
}

func openCQL(ctx context.Context, w *bench.Workload, server cqlServer, tableOptions string) (store, error) {
	s := &cqlStore{server: server, work: w}
	err := s.connect(loading)
	for _, text := range []string{
		"DROP KEYSPACE IF EXISTS " + bench.Keyspace,
		"CREATE KEYSPACE " + bench.Keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		w.CreateTable(table, tableOptions), w.CreateTable(singlesTable, tableOptions),
	} {
		if err == nil {
			err = s.session.Query(text).ExecContext(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// How long gocql waits for other requests before it writes one: its default where many are under way, not at
// all where one follows the other.
const (
	loading = 200 * time.Microsecond
	asking  = 0
)

func (s *cqlStore) connect(wait time.Duration) error {
	host, port, err := net.SplitHostPort(s.server.address())
	if err != nil {
		return err
	}
	cluster := gocql.NewCluster(host)
	if cluster.Port, err = strconv.Atoi(port); err != nil {
		return err
	}
	cluster.ProtoVersion, cluster.NumConns, cluster.DisableInitialHostLookup = 4, 4, true
	cluster.Timeout, cluster.ConnectTimeout, cluster.Consistency = 2*time.Minute, time.Minute, gocql.One
	cluster.Logger, cluster.WriteCoalesceWaitTime = silentLogger{}, wait
	s.session, err = cluster.CreateSession()
	return err
}

type silentLogger struct{}

func (silentLogger) Error(string, ...gocql.LogField)   {}
func (silentLogger) Warning(string, ...gocql.LogField) {}
func (silentLogger) Info(string, ...gocql.LogField)    {}
func (silentLogger) Debug(string, ...gocql.LogField)   {}

// values are the arguments of an INSERT of a reading.
func (s *cqlStore) values(device int, r *bench.Reading) []any {
	out := make([]any, 0, 2+len(s.work.Columns))
	out = append(out, s.work.Names[device], r.Millis)
	for i, c := range s.work.Columns {
		switch {
		case !r.Has(i):
			out = append(out, gocql.UnsetValue)
		case c.Kind == bench.Double:
			out = append(out, r.Double(i))
		case c.Kind == bench.Float:
			out = append(out, r.Float(i))
		case c.Kind == bench.Int:
			out = append(out, r.Int(i))
		case c.Kind == bench.Bool:
			out = append(out, r.Bool(i))
		default:
			out = append(out, r.Text(i))
		}
	}
	return out
}

// workers runs some goroutines and joins their errors.
func workers(n int, f func(worker int) error) error {
	failures := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { failures[i] = f(i) })
	}
	wait.Wait()
	return errors.Join(failures...)
}

// load gives each writer some of the devices.
func (s *cqlStore) load(ctx context.Context) error {
	insert, w := s.work.Insert(table), s.work
	return workers(min(batchWriters, w.Devices), func(worker int) error {
		var r bench.Reading
		for from := 0; from < w.Ticks; from += batchRows {
			for device := worker; device < w.Devices; device += batchWriters {
				batch := s.session.Batch(gocql.UnloggedBatch)
				for tick := from; tick < min(from+batchRows, w.Ticks); tick++ {
					w.Next(device, tick, &r)
					batch.Query(insert, s.values(device, &r)...)
				}
				if err := batch.ExecContext(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// loadSingles writes so many rows, one in a request, into a table of their own.
func (s *cqlStore) loadSingles(ctx context.Context, rows int) error {
	insert, w := s.work.Insert(singlesTable), s.work.Again()
	if err := s.reconnect(loading); err != nil {
		return err
	}
	var mu sync.Mutex
	var made, device, tick int
	next := func() []any {
		mu.Lock()
		defer mu.Unlock()
		if made == rows || tick == w.Ticks {
			return nil
		}
		var r bench.Reading
		w.Next(device, tick, &r)
		values := s.values(device, &r)
		made++
		if device++; device == w.Devices {
			device, tick = 0, tick+1
		}
		return values
	}
	return workers(singleWriters, func(int) error {
		for values := next(); values != nil; values = next() {
			if err := s.session.Query(insert, values...).ExecContext(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *cqlStore) settle(ctx context.Context) error {
	return errors.Join(s.server.settle(ctx, s.session), s.reconnect(asking))
}

func (s *cqlStore) reconnect(wait time.Duration) error {
	s.session.Close()
	s.session = nil
	return s.connect(wait)
}

func (s *cqlStore) bytes() (int64, error) { return s.server.bytes() }

func (s *cqlStore) close() error {
	if s.session != nil {
		s.session.Close()
	}
	return s.server.close()
}

// each reads all rows of an answer whose first columns are device and time.
func (s *cqlStore) each(it *gocql.Iter, fn func(millis int64, value float64)) error {
	columns := it.Columns()
	var device string
	var at time.Time
	var value float64
	into := make([]any, len(columns))
	for i, c := range columns {
		switch c.Name {
		case "device":
			into[i] = &device
		case "ts":
			into[i] = &at
		case s.work.Columns[0].Name:
			into[i] = &value
		default:
			into[i] = new(any)
		}
	}
	for it.Scan(into...) {
		fn(at.UnixMilli(), value)
	}
	return it.Close()
}

func (s *cqlStore) hour(ctx context.Context, device int, start int64) (n int, sum float64, err error) {
	it := s.session.Query("SELECT * FROM "+table+" WHERE device = ? AND ts >= ? AND ts < ?", s.work.Names[device], start, start+hourMillis).IterContext(ctx)
	err = s.each(it, func(_ int64, value float64) { n, sum = n+1, sum+value })
	return n, sum, err
}

func (s *cqlStore) last(ctx context.Context, device int) (millis int64, err error) {
	it := s.session.Query("SELECT * FROM "+table+" WHERE device = ? ORDER BY ts DESC LIMIT 1", s.work.Names[device]).IterContext(ctx)
	err = s.each(it, func(at int64, _ float64) { millis = at })
	return millis, err
}

func (s *cqlStore) aggregates() string {
	return fmt.Sprintf("SELECT device, floor(ts, 1h), avg(%[1]s), min(%[1]s), max(%[1]s) FROM %[2]s", s.work.Columns[0].Name, table)
}

const byHour = " GROUP BY device, floor(ts, 1h)"

// groups reads an answer of aggregates and returns the averages.
func groups(it *gocql.Iter) (averages []float64, err error) {
	var device string
	var hour time.Time
	var average, least, most float64
	for it.Scan(&device, &hour, &average, &least, &most) {
		averages = append(averages, average)
	}
	return averages, it.Close()
}

func (s *cqlStore) hourly(ctx context.Context, device int) ([]float64, error) {
	text := s.aggregates() + " WHERE device = ? AND ts >= ? AND ts < ?" + byHour
	return groups(s.session.Query(text, s.work.Names[device], s.work.Start, s.work.Start+24*hourMillis).IterContext(ctx))
}

// rollup asks for parts of the ring of tokens at once.
func (s *cqlStore) rollup(ctx context.Context) (int, error) {
	text := s.aggregates() + " WHERE token(device) > ? AND token(device) <= ?" + byHour
	var found atomic.Int64
	err := workers(rollupParts, func(part int) error {
		const width = math.MaxUint64 / rollupParts
		at := func(i int) int64 { return int64(uint64(i)*width + 1<<63) }
		end := at(part + 1)
		if part == rollupParts-1 {
			end = math.MaxInt64
		}
		averages, err := groups(s.session.Query(text, at(part), end).IterContext(ctx))
		found.Add(int64(len(averages)))
		return err
	})
	return int(found.Load()), err
}

// eskerServer is esker as a process of its own.
type eskerServer struct {
	*bench.Server
	dir string
}

const eskerMemory = 256 << 20

func openEskerServer(ctx context.Context, c *config, w *bench.Workload, dir string) (store, error) {
	if _, err := os.Stat(c.program); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	server, err := bench.StartServer(ctx, c.program, filepath.Join(dir, "data"), eskerMemory)
	if err != nil {
		return nil, err
	}
	return openCQL(ctx, w, &eskerServer{Server: server, dir: dir}, "time_bucket = {'column': 'ts', 'size': '1d'}")
}

func (e *eskerServer) settle(ctx context.Context, session *gocql.Session) error {
	for _, text := range []string{"ADMIN FLUSH " + table, "ADMIN COMPACT " + table} {
		if err := session.Query(text).ExecContext(ctx); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

func (e *eskerServer) address() string { return e.Addr }
func (e *eskerServer) close() error    { return e.Stop() }

func (e *eskerServer) bytes() (int64, error) { return bench.TableFileBytes(e.dir) }

// lazyNode is a Cassandra that is started when it is first needed, for all rounds.
type lazyNode struct {
	node *cassandra.Node
	err  error
}

func (l *lazyNode) start(ctx context.Context, c *config) (*cassandra.Node, error) {
	if l.node == nil && l.err == nil {
		l.node, l.err = cassandra.Start(ctx, cassandra.Options{Tools: c.tools, Heap: c.heap})
	}
	return l.node, l.err
}

func (l *lazyNode) stop() error {
	if l.node == nil {
		return nil
	}
	return l.node.Stop()
}

// cassandraServer is a node that serves all rounds.
type cassandraServer struct{ *cassandra.Node }

func openCassandra(ctx context.Context, c *config, w *bench.Workload, _ string) (store, error) {
	node, err := c.node.start(ctx, c)
	if err != nil {
		return nil, err
	}
	return openCQL(ctx, w, cassandraServer{node}, "")
}

func (s cassandraServer) settle(ctx context.Context, _ *gocql.Session) error {
	for _, command := range [][]string{{"flush", bench.Keyspace}, {"compact", bench.Keyspace}} {
		if _, err := s.Nodetool(ctx, command...); err != nil {
			return err
		}
	}
	return nil
}

func (s cassandraServer) address() string { return s.Addr() }
func (s cassandraServer) close() error    { return nil }

// bytes is that of the table's files; compaction may still have to remove some.
func (s cassandraServer) bytes() (total int64, err error) {
	err = filepath.Walk(filepath.Join(s.Dir(), "data"), func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && strings.Contains(path, filepath.Join(bench.Keyspace, "readings-")) && !info.IsDir() {
			total += info.Size()
		}
		return err
	})
	return total, err
}
