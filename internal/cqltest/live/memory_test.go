package live

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

const (
	memoryBudget = "256MiB"
	memoryMax    = 288 << 20 // what may be resident under that budget

	memoryPartitions     = 150_000
	memoryPartitionsSoak = 10_000_000
	memoryLoadBytes      = 160 << 20
	memoryLoadBytesSoak  = 2560 << 20 // ten times the budget
	memoryGreedy         = 64         // connections that ask for too much
)

// resident reads a size of a process from its status, in bytes: VmRSS now, VmHWM at most.
func (s *Server) resident(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatalf("the status of the process has no %s", name)
	return 0
}

// curve notes the resident memory as a load goes on.
type curve struct {
	server *Server
	points []string
}

func (c *curve) point(t *testing.T, what string) {
	c.points = append(c.points, fmt.Sprintf("%s %d MiB", what, c.server.resident(t, "VmRSS")>>20))
}

// TestMemoryStaysWithinItsBudget loads many partitions and more bytes than the budget, and lets clients ask
// for too much: the process stays within its budget and an eighth, and answers the next request.
func TestMemoryStaysWithinItsBudget(t *testing.T) {
	partitions, bytes := memoryPartitions, memoryLoadBytes
	if os.Getenv("ESKER_SOAK") != "" {
		partitions, bytes = memoryPartitionsSoak, memoryLoadBytesSoak
	}
	server := Start(t, dataDir(t), "--memory", memoryBudget)
	conn := dial(t, server, client.Options{})
	execute(t, conn, createKeyspace,
		"CREATE TABLE k.many (id bigint PRIMARY KEY, v int)",
		"CREATE TABLE k.large (id int, ts timestamp, v text, PRIMARY KEY (id, ts))")
	c := &curve{server: server}
	c.point(t, "empty")
	loadPartitions(t, conn, partitions, c)
	loadBytes(t, conn, bytes, c)
	if got := rows(t, conn, "SELECT v FROM k.many WHERE id = 77"); len(got) != 1 || binary.BigEndian.Uint32(got[0][0]) != 77 {
		t.Errorf("one of many partitions: %v", got)
	}
	askTooMuch(t, server)
	c.point(t, "greedy clients")
	if got := rows(t, conn, "SELECT count(*) FROM k.large WHERE id = 3"); len(got) != 1 || binary.BigEndian.Uint64(got[0][0]) == 0 {
		t.Errorf("after the greedy clients: %v", got)
	}
	most := server.resident(t, "VmHWM")
	t.Logf("resident: %s; at most %d MiB", strings.Join(c.points, ", "), most>>20)
	fmt.Fprintf(t.Output(), "sample %d/%d partitions, %d/%d MiB under a budget of %s\n",
		partitions, memoryPartitionsSoak, bytes>>20, memoryLoadBytesSoak>>20, memoryBudget)
	if most > memoryMax {
		t.Errorf("%d MiB were resident under a budget of %s, at most %d MiB may be", most>>20, memoryBudget, memoryMax>>20)
	}
}

// patiently sends batches, 16 at a time, each again while the server is overloaded.
func patiently(t *testing.T, conn *client.Conn, batches func(yield func([]client.BatchEntry) bool)) {
	t.Helper()
	var join sync.WaitGroup
	slots := make(chan struct{}, 16)
	for entries := range batches {
		slots <- struct{}{}
		join.Go(func() {
			defer func() { <-slots }()
			for {
				_, err := conn.Batch(context.Background(), wire.BatchUnlogged, entries, client.RequestOptions{})
				var refused *client.Error
				if err == nil {
					return
				}
				if !errors.As(err, &refused) || refused.Code != wire.CodeOverloaded {
					t.Error(err)
					return
				}
			}
		})
		if t.Failed() {
			break
		}
	}
	join.Wait()
}

func loadPartitions(t *testing.T, conn *client.Conn, count int, c *curve) {
	t.Helper()
	insert, err := conn.Prepare(context.Background(), "INSERT INTO k.many (id, v) VALUES (?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	patiently(t, conn, func(yield func([]client.BatchEntry) bool) {
		var entries []client.BatchEntry
		for id := range count {
			entries = append(entries, client.BatchEntry{Statement: insert, Values: []wire.Value{
				{Bytes: types.AppendBigint(nil, int64(id))}, {Bytes: types.AppendInt(nil, int32(id))}}})
			if len(entries) < 500 && id+1 < count {
				continue
			}
			if !yield(entries) {
				return
			}
			entries = nil
			if id%(count/5) > count/5-501 {
				c.point(t, fmt.Sprintf("%d partitions", id+1))
			}
		}
	})
}

// loadBytes writes texts that do not compress.
func loadBytes(t *testing.T, conn *client.Conn, bytes int, c *curve) {
	t.Helper()
	insert, err := conn.Prepare(context.Background(), "INSERT INTO k.large (id, ts, v) VALUES (?, ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	rng := rand.New(rand.NewPCG(1, 1))
	patiently(t, conn, func(yield func([]client.BatchEntry) bool) {
		text := make([]byte, 1000)
		for n := range bytes / (100 * len(text)) {
			var entries []client.BatchEntry
			for i := range 100 {
				for k := range text {
					text[k] = letters[rng.IntN(len(letters))]
				}
				entries = append(entries, client.BatchEntry{Statement: insert, Values: []wire.Value{
					{Bytes: types.AppendInt(nil, int32(n%16))}, {Bytes: types.AppendTimestampMillis(nil, int64(n*100+i))}, {Bytes: append([]byte{}, text...)}}})
			}
			if !yield(entries) {
				return
			}
			if total := bytes / (100 * len(text)); n%(total/5) == total/5-1 {
				c.point(t, fmt.Sprintf("%d MiB", (n+1)*100*len(text)>>20))
			}
		}
	})
}

// askTooMuch has clients that ask for everything unpaged, that read no answers, and that begin requests of
// 16 MiB and do not end them.
func askTooMuch(t *testing.T, server *Server) {
	t.Helper()
	var join sync.WaitGroup
	for n := range memoryGreedy {
		conn := dial(t, server, client.Options{})
		join.Go(func() {
			text := "SELECT id, ts, v FROM k.large"
			if n%2 == 0 {
				text = "SELECT id, ts, v FROM k.large WHERE id IN (1, 2, 3, 4) ORDER BY ts"
			}
			_, err := conn.QueryWith(context.Background(), text, nil, client.RequestOptions{PageSize: -1})
			var refused *client.Error
			if err != nil && (!errors.As(err, &refused) || refused.Code != wire.CodeOverloaded) {
				t.Errorf("everything at once: %v", err)
			}
		})
	}
	begun := make([]net.Conn, memoryGreedy)
	for n := range begun {
		socket, err := net.Dial("tcp", server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		begun[n] = socket
		start, err := wire.AppendRequest(nil, wire.Header{Version: 4}, &wire.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}, wire.CompressionNone)
		if err != nil {
			t.Fatal(err)
		}
		body := wire.AppendHeader(start, wire.Header{Version: 4, Stream: 1, Opcode: wire.OpQuery, Length: 16 << 20})
		if _, err := socket.Write(append(body, make([]byte, 4<<20)...)); err != nil {
			t.Fatal(err)
		}
	}
	join.Wait()
	for _, socket := range begun {
		_ = socket.Close() // in the middle of its request
	}
}
