package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/internal/memory"
)

// TCPOptions say how to reach a server.
type TCPOptions struct {
	Addr string // host:port of a server that runs; empty: one is started
	// Client says who we are to that server, and how to encrypt.
	Client   client.Options
	PID      int    // of the server at Addr, to tell its processor time; 0: not known
	Program  string // the esker binary, to start a server
	Singles  int    // rows written one by one. Default 500,000
	Literals int    // rows written as texts. Default 250,000
	// Peer is set for another store that speaks CQL, at Addr: esker's own options of tables and statements are left out.
	Peer *Peer
}

// Peer is another store that speaks CQL.
type Peer struct {
	Name   string                          // in the report
	Settle func(ctx context.Context) error // flushes and compacts the tables; nil: nothing does
}

// devicesMin is the most connections that write.
const devicesMin = 8

// Keyspace is where the tables of the workload are made; what is in it is lost.
const Keyspace = "esker_bench"

// tcpRun is a load of one shape into a server.
type tcpRun struct {
	*Options
	tcp     TCPOptions
	section Section
	work    *Workload
	dir     string
	server  *Server // nil if it is not ours
	addr    string
	pid     int
}

// clientBytes is what the client may take: it is not to be measured by how often its own memory is collected.
const clientBytes = 512 << 20

// RunTCP loads the first shape of the options into a server through CQL, reads it back and tells what that cost.
func RunTCP(ctx context.Context, o Options, tcp TCPOptions) (*Report, error) {
	o = o.withDefaults()
	if tcp.Singles == 0 {
		tcp.Singles = 500_000
	}
	if tcp.Literals == 0 {
		tcp.Literals = 250_000
	}
	if o.Devices < devicesMin {
		return nil, fmt.Errorf("bench: %d devices: over TCP there must be %d at least, one for each connection", o.Devices, devicesMin)
	}
	budget := memory.Divide(clientBytes)
	defer budget.Govern()()
	work, err := New(o.Seed, o.Shapes[0], o.Devices, o.Ticks)
	if err != nil {
		return nil, err
	}
	const day = dayMillis
	work.Start = o.Clock.Now().UnixMilli() / day * day // its window is open, as in life
	r := &tcpRun{Options: &o, tcp: tcp, work: work, addr: tcp.Addr, pid: tcp.PID}
	name := "over TCP, " + string(work.Shape)
	if tcp.Peer != nil {
		name = tcp.Peer.Name + ", " + name
	}
	r.section = Section{Name: name, Shape: work.Shape, Devices: o.Devices, Readings: o.Ticks}
	if r.dir, err = os.MkdirTemp(o.Dir, "esker-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(r.dir)
	err = r.all(ctx)
	if r.server != nil {
		err = errors.Join(err, r.server.Stop())
	}
	if err != nil {
		return nil, err
	}
	report := o.report()
	report.Sections = []Section{r.section}
	return report, nil
}

func (r *tcpRun) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.start, r.createTables, r.loadBatches, r.loadSingles, r.loadLiterals, r.restart, r.compact, r.verify, r.reads,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *tcpRun) note(name string, value float64, unit, detail string) {
	r.section.Note(name, value, unit, detail)
}

// start starts a server unless there is one.
func (r *tcpRun) start(ctx context.Context) error {
	if r.tcp.Addr != "" {
		return nil
	}
	if err := r.launch(ctx, "start of a server, empty"); err != nil {
		return err
	}
	if err := r.query(ctx, "SELECT release_version FROM system.local"); err != nil {
		return err
	}
	idle, _ := memoryOf(strconv.Itoa(r.pid))
	r.note(tcpMemoryIdle, float64(idle)/mebibyte, "MiB", "resident, after one statement")
	return nil
}

func (r *tcpRun) launch(ctx context.Context, name string) error {
	started := r.Clock.Now()
	server, err := StartServer(ctx, r.tcp.Program, filepath.Join(r.dir, "data"), r.Memory)
	if err != nil {
		return err
	}
	r.note(name, micros(r.Clock.Now().Sub(started))/1000, "ms", "from the start of the process until it is ready")
	r.server, r.addr, r.pid = server, server.Addr, server.PID()
	return nil
}

// restart lets our server flush and come again, so that reads are of files.
func (r *tcpRun) restart(ctx context.Context) error {
	if r.pid != 0 {
		_, peak := memoryOf(strconv.Itoa(r.pid))
		r.note("memory of the server, peak while loading", float64(peak)/mebibyte, "MiB", fmt.Sprintf("resident, of --memory %d MiB", r.Memory/mebibyte))
	}
	if r.server == nil {
		return nil
	}
	started := r.Clock.Now()
	err := r.server.Stop()
	r.server = nil
	if err != nil {
		return err
	}
	r.note("stop of the server", r.Clock.Now().Sub(started).Seconds(), "s", "what is in memory is flushed")
	return r.launch(ctx, "start of a server, with the data")
}

// compact makes the files what they are in a store at rest, and measures those of ours.
func (r *tcpRun) compact(ctx context.Context) error {
	started := r.Clock.Now()
	settle := func(ctx context.Context) error {
		return r.query(ctx, "ADMIN FLUSH "+Keyspace, "ADMIN COMPACT "+Keyspace)
	}
	if r.tcp.Peer != nil {
		if settle = r.tcp.Peer.Settle; settle == nil {
			return nil
		}
	}
	if err := settle(ctx); err != nil {
		return err
	}
	r.note("compaction of everything", r.Clock.Now().Sub(started).Seconds(), "s", "all three tables")
	return nil
}

// client is how we connect to the server.
func (r *tcpRun) client() client.Options {
	o := r.tcp.Client
	o.Addr = r.addr
	return o
}

// query runs statements on a connection of their own.
func (r *tcpRun) query(ctx context.Context, texts ...string) error {
	conn, err := client.Dial(ctx, r.client())
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, text := range texts {
		if _, err := conn.Query(ctx, text); err != nil {
			return fmt.Errorf("bench: %s: %w", text, err)
		}
	}
	return nil
}

// tableOptions are of the workload's tables in esker. A long run goes on beyond tomorrow.
const tableOptions = "time_bucket = {'column': 'ts', 'size': '1d', 'max_future': 'none'}"

// Tables of a run over TCP, in Keyspace.
const (
	batchesTable  = Keyspace + ".batches"
	singlesTable  = Keyspace + ".singles"
	literalsTable = Keyspace + ".literals"
)

func (r *tcpRun) createTables(ctx context.Context) error {
	options := tableOptions
	if r.tcp.Peer != nil {
		options = ""
	}
	return r.query(ctx,
		"DROP KEYSPACE IF EXISTS "+Keyspace,
		"CREATE KEYSPACE "+Keyspace+" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		r.work.CreateTable(batchesTable, options), r.work.CreateTable(singlesTable, options), r.work.CreateTable(literalsTable, options),
	)
}
