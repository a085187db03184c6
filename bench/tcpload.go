package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// batchRows is how many rows a batch over TCP has.
const batchRows = 100

// slot is the memory of one request in flight; it is kept until the answer is there, for a server that
// refuses may be asked again.
type slot struct {
	rows    int
	entries []client.BatchEntry
	values  []wire.Value
	buf     []byte
	call    *client.Call
}

// feed makes the requests of one connection.
type feed interface {
	// next fills a slot with the next request; false at the end.
	next(s *slot) bool
	send(ctx context.Context, conn *client.Conn, s *slot) (*client.Call, error)
}

// load is one way to write: so many connections with so many requests in flight on each.
type load struct {
	name, cpuName         string
	detail                string
	connections, inFlight int
	feed                  func(conn *client.Conn, connection int) (feed, error)
}

// loadBatches writes everything: batches of rows that follow one another in one partition.
func (r *tcpRun) loadBatches(ctx context.Context) error {
	w := r.work.Again()
	return r.load(ctx, &load{
		name: tcpBatches, cpuName: tcpBatchesCPU, connections: 4, inFlight: 8, detail: "prepared, UNLOGGED, of one partition",
		feed: func(conn *client.Conn, connection int) (feed, error) {
			statement, err := conn.Prepare(ctx, w.Insert(batchesTable))
			return &batchFeed{rowFeed: rowFeed{work: w, statement: statement, device: connection, step: 4}}, err
		},
	})
}

// loadSingles writes rows one by one, as they arrive: every tick all devices report.
func (r *tcpRun) loadSingles(ctx context.Context) error {
	const connections = 8
	w := r.work.Again()
	return r.load(ctx, &load{
		name: tcpSingles, cpuName: tcpSinglesCPU, connections: connections, inFlight: 128, detail: "prepared, merged arrival",
		feed: func(conn *client.Conn, connection int) (feed, error) {
			statement, err := conn.Prepare(ctx, w.Insert(singlesTable))
			return &rowFeed{work: w, statement: statement, device: connection, step: connections, rowsMax: r.tcp.Singles / connections}, err
		},
	})
}

// loadLiterals writes statements with their values in the text, as they arrive.
func (r *tcpRun) loadLiterals(ctx context.Context) error {
	const connections = 4
	w := r.work.Again()
	return r.load(ctx, &load{
		name: tcpLiterals, cpuName: tcpLiterals + ", server cpu", connections: connections, inFlight: 8, detail: "LOGGED, merged arrival",
		feed: func(_ *client.Conn, connection int) (feed, error) {
			return &literalFeed{rowFeed{work: w, device: connection, step: connections, rowsMax: r.tcp.Literals / connections}}, nil
		},
	})
}

// load writes and notes how fast, with the processor time of the server and ours.
func (r *tcpRun) load(ctx context.Context, l *load) error {
	conns, err := r.dial(ctx, l.connections, l.inFlight)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	feeds := make([]feed, len(conns))
	for i, conn := range conns {
		if feeds[i], err = l.feed(conn, i); err != nil {
			return err
		}
	}
	var rows, refused atomic.Int64
	failures := make([]error, len(conns))
	server, started, own := startUsage(r.pid), r.Clock.Now(), cpuTime()
	var wait sync.WaitGroup
	for i, conn := range conns {
		p := pump{conn: conn, feed: feeds[i], slots: make([]slot, l.inFlight), rows: &rows, refused: &refused}
		wait.Go(func() { failures[i] = p.run(ctx) })
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("bench: %s: %w", l.name, err)
	}
	took, n := r.Clock.Now().Sub(started), float64(rows.Load())
	r.note(l.name, n/took.Seconds(), "rows/s", fmt.Sprintf("%s; %.0f rows, %d connections × %d in flight, acknowledged is durable", l.detail, n, l.connections, l.inFlight))
	if spent, ok := server.spent(); ok {
		r.note(l.cpuName, micros(spent)/n, "µs/row", "")
	}
	r.note(l.name+", client cpu", micros(cpuTime()-own)/n, "µs/row", "making the rows included")
	if refused.Load() > 0 {
		r.note(l.name+", refused", float64(refused.Load()), "requests", "overloaded; each was sent again")
	}
	return nil
}

func (r *tcpRun) dial(ctx context.Context, connections, inFlight int) ([]*client.Conn, error) {
	var conns []*client.Conn
	for range connections {
		o := r.client()
		o.InFlight = inFlight
		conn, err := client.Dial(ctx, o)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []*client.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// pump keeps the slots of one connection in flight.
type pump struct {
	conn          *client.Conn
	feed          feed
	slots         []slot
	rows, refused *atomic.Int64
}

func (p *pump) run(ctx context.Context) error {
	used := 0
	for ; ; used++ {
		s := &p.slots[used%len(p.slots)]
		if err := p.settle(ctx, s); err != nil {
			return err
		}
		if !p.feed.next(s) {
			break
		}
		if err := p.send(ctx, s); err != nil {
			return err
		}
	}
	for i := range p.slots {
		if err := p.settle(ctx, &p.slots[(used+i)%len(p.slots)]); err != nil {
			return err
		}
	}
	return nil
}

func (p *pump) send(ctx context.Context, s *slot) (err error) {
	s.call, err = p.feed.send(ctx, p.conn, s)
	return err
}

// refusedPause is how long a refused request waits before it is sent again.
const refusedPause = 10 * time.Millisecond

// settle waits for the answer of a slot; what an overloaded server refused is sent again.
func (p *pump) settle(ctx context.Context, s *slot) error {
	for s.call != nil {
		_, err := s.call.Wait(ctx)
		s.call = nil
		var refused *client.Error
		switch {
		case err == nil:
			p.rows.Add(int64(s.rows))
		case errors.As(err, &refused) && refused.Code == wire.CodeOverloaded:
			p.refused.Add(1)
			time.Sleep(refusedPause)
			if err := p.send(ctx, s); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// rowFeed writes single rows of every step-th device, tick by tick.
type rowFeed struct {
	work         *Workload
	statement    *client.Statement
	device, step int // the next device, and how far to the one after it
	tick         int
	rowsMax      int // 0: all
	rows         int
	reading      Reading
}

// advance makes the next reading; false at the end.
func (f *rowFeed) advance() (device int, ok bool) {
	for f.device >= f.work.Devices {
		f.device %= f.step
		f.tick++
	}
	if f.tick >= f.work.Ticks || f.rowsMax > 0 && f.rows >= f.rowsMax {
		return 0, false
	}
	device = f.device
	f.work.Next(device, f.tick, &f.reading)
	f.device += f.step
	f.rows++
	return device, true
}

func (f *rowFeed) next(s *slot) bool {
	s.values, s.buf, s.rows = s.values[:0], s.buf[:0], 1
	device, ok := f.advance()
	if ok {
		f.bind(s, device)
	}
	return ok
}

// bind appends the values of the reading to those of the slot.
func (f *rowFeed) bind(s *slot, device int) {
	add := func(from int) {
		s.values = append(s.values, wire.Value{Bytes: s.buf[from:len(s.buf):len(s.buf)]})
	}
	s.values = append(s.values, wire.Value{Bytes: f.work.names[device]})
	at := len(s.buf)
	s.buf = types.AppendTimestampMillis(s.buf, f.reading.Millis)
	add(at)
	for i, c := range f.work.Columns {
		if !f.reading.Has(i) {
			s.values = append(s.values, wire.Unset)
			continue
		}
		at := len(s.buf)
		s.buf = appendValue(s.buf, c.Kind, f.reading.Words[i])
		add(at)
	}
}

func (f *rowFeed) send(ctx context.Context, conn *client.Conn, s *slot) (*client.Call, error) {
	return conn.SendExecute(ctx, f.statement, s.values, client.RequestOptions{})
}

// batchFeed writes batches of readings of one device that follow one another, device after device.
type batchFeed struct {
	rowFeed
}

func (f *batchFeed) next(s *slot) bool {
	if f.device >= f.work.Devices {
		f.device %= f.step
		f.tick += batchRows
	}
	if f.device >= f.work.Devices || f.tick >= f.work.Ticks {
		return false
	}
	s.values, s.buf, s.entries, s.rows = s.values[:0], s.buf[:0], s.entries[:0], min(batchRows, f.work.Ticks-f.tick)
	binds := 2 + len(f.work.Columns)
	for i := range s.rows {
		f.work.Next(f.device, f.tick+i, &f.reading)
		f.bind(s, f.device)
	}
	for i := range s.rows {
		s.entries = append(s.entries, client.BatchEntry{Statement: f.statement, Values: s.values[i*binds : (i+1)*binds]})
	}
	f.device += f.step
	return true
}

func (f *batchFeed) send(ctx context.Context, conn *client.Conn, s *slot) (*client.Call, error) {
	return conn.SendBatch(ctx, wire.BatchUnlogged, s.entries, client.RequestOptions{})
}

// literalFeed writes batches of INSERT texts.
type literalFeed struct {
	rowFeed
}

func (f *literalFeed) next(s *slot) bool {
	s.entries, s.rows = s.entries[:0], 0
	for s.rows < batchRows {
		device, ok := f.advance()
		if !ok {
			break
		}
		s.buf = f.work.appendInsert(s.buf[:0], literalsTable, device, &f.reading)
		s.entries = append(s.entries, client.BatchEntry{Text: string(s.buf)})
		s.rows++
	}
	return s.rows > 0
}

func (f *literalFeed) send(ctx context.Context, conn *client.Conn, s *slot) (*client.Call, error) {
	return conn.SendBatch(ctx, wire.BatchLogged, s.entries, client.RequestOptions{})
}
