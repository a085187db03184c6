package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// query is a prepared SELECT on one connection.
type query struct {
	conn      *client.Conn
	statement *client.Statement
}

func prepare(ctx context.Context, conn *client.Conn, text string) (*query, error) {
	statement, err := conn.Prepare(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", text, err)
	}
	return &query{conn: conn, statement: statement}, nil
}

// rows executes the query and calls each, if not nil, with every row of all pages.
func (q *query) rows(ctx context.Context, pageSize int32, each func([][]byte) error, values ...[]byte) (n int, err error) {
	binds := make([]wire.Value, len(values))
	for i, v := range values {
		binds[i].Bytes = v
	}
	result, err := q.conn.Execute(ctx, q.statement, binds, client.RequestOptions{PageSize: pageSize, SkipMetadata: true})
	for err == nil {
		var row [][]byte
		if row, err = result.Next(ctx); row == nil {
			break
		}
		n++
		if each != nil {
			err = each(row)
		}
	}
	return n, err
}

// allAtOnce is the page size of answers that are not paged.
const allAtOnce = -1

// timestamp is a time as a value.
func timestamp(millis int64) []byte { return types.AppendTimestampMillis(nil, millis) }

// verify compares the rows of some devices in every table.
func (r *tcpRun) verify(ctx context.Context) error {
	conn, err := client.Dial(ctx, r.client())
	if err != nil {
		return err
	}
	defer conn.Close()
	checked := 0
	for table, most := range map[string]int{batchesTable: r.work.Ticks, singlesTable: r.tcp.Singles / r.Devices, literalsTable: r.tcp.Literals / r.Devices} {
		q, err := prepare(ctx, conn, "SELECT * FROM "+table+" WHERE device = ?")
		if err != nil {
			return err
		}
		again := r.work.Again()
		for _, device := range again.sampled(20) {
			tick, names := 0, columnPlaces(q.statement.Result)
			if _, err := q.rows(ctx, allAtOnce, func(row [][]byte) error {
				if !again.sameCells(device, tick, row, names) {
					return fmt.Errorf("bench: %s: device %d, tick %d: read back wrong", table, device, tick)
				}
				tick++
				return nil
			}, again.names[device]); err != nil {
				return err
			}
			// Rows written one by one end where the last connection had written its share.
			if want := min(most, r.Ticks); tick < want-1 || table == batchesTable && tick != want {
				return fmt.Errorf("bench: %s: device %d: %d rows of %d", table, device, tick, want)
			}
			checked += tick
		}
	}
	r.note("rows read back and compared", float64(checked), "rows", "all right")
	return nil
}

// columnPlaces tells where in a row each column is.
func columnPlaces(columns []wire.Column) map[string]int {
	places := map[string]int{}
	for i, c := range columns {
		places[c.Name] = i
	}
	return places
}

// sameCells makes the next reading of a device and says whether the row is just that.
func (w *Workload) sameCells(device, tick int, row [][]byte, places map[string]int) bool {
	var want Reading
	w.Next(device, tick, &want)
	if string(row[places["ts"]]) != string(timestamp(want.Millis)) {
		return false
	}
	var value []byte
	for i, c := range w.Columns {
		cell := row[places[c.Name]]
		if want.Has(i) != (cell != nil) {
			return false
		}
		if value = appendValue(value[:0], c.Kind, want.Words[i]); want.Has(i) && string(cell) != string(value) {
			return false
		}
	}
	return true
}

// Statements that are timed; %[1]s is the table, %[2]s the first column.
const (
	hourText   = "SELECT * FROM %[1]s WHERE device = ? AND ts >= ? AND ts < ?"
	dayText    = "SELECT ts, %[2]s FROM %[1]s WHERE device = ? AND ts >= ? AND ts < ?"
	hourlyText = "SELECT floor(ts, 1h), avg(%[2]s), min(%[2]s), max(%[2]s) FROM %[1]s WHERE device = ? AND ts >= ? AND ts < ? GROUP BY floor(ts, 1h)"
	lastText   = "SELECT * FROM %[1]s WHERE device = ? ORDER BY ts DESC LIMIT 1"
	rollupText = "SELECT device, floor(ts, 1h), avg(%[2]s), min(%[2]s), max(%[2]s) FROM %[1]s GROUP BY device, floor(ts, 1h)"
)

func (r *tcpRun) text(format string) string {
	return fmt.Sprintf(format, batchesTable, r.work.Columns[0].Name)
}

// reads times statements on one connection, one after the other, then one of them on many.
func (r *tcpRun) reads(ctx context.Context) error {
	conn, err := client.Dial(ctx, r.client())
	if err != nil {
		return err
	}
	defer conn.Close()
	devices, starts := r.work.Hours(r.Reads)
	day := r.work.Start
	for _, m := range []struct {
		name, text string
		values     func(i int) [][]byte
	}{
		{tcpHour, hourText, func(i int) [][]byte {
			return [][]byte{r.work.names[devices[i]], timestamp(starts[i]), timestamp(starts[i] + hourMillis)}
		}},
		{tcpDay, dayText, func(i int) [][]byte {
			return [][]byte{r.work.names[devices[i]], timestamp(day), timestamp(day + dayMillis)}
		}},
		{tcpHourly, hourlyText, func(i int) [][]byte {
			return [][]byte{r.work.names[devices[i]], timestamp(day), timestamp(day + dayMillis)}
		}},
		{tcpLast, lastText, func(i int) [][]byte { return [][]byte{r.work.names[devices[i]]} }},
	} {
		q, err := prepare(ctx, conn, r.text(m.text))
		if err != nil {
			return err
		}
		rows := 0
		took, err := Measure(r.Clock, r.Reads, func(i int) error {
			n, err := q.rows(ctx, allAtOnce, nil, m.values(i)...)
			if err == nil && n == 0 {
				err = errors.New("bench: " + m.name + ": no rows")
			}
			rows += n
			return err
		})
		if err != nil {
			return err
		}
		r.section.Latency(m.name, took, fmt.Sprintf("one connection, one request after the other; %.0f rows each", float64(rows)/float64(r.Reads)))
	}
	return errors.Join(r.parallelHours(ctx), r.rollup(ctx, conn))
}

// parallelHours reads hours on many connections at once.
func (r *tcpRun) parallelHours(ctx context.Context) error {
	const connections = 16
	conns, err := r.dial(ctx, connections, 1)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	devices, starts := r.work.Hours(r.Reads)
	queries := make([]*query, len(conns))
	for i, conn := range conns {
		if queries[i], err = prepare(ctx, conn, r.text(hourText)); err != nil {
			return err
		}
	}
	// Each reads all that one alone does: a quarter of the reads would be over in a moment.
	var answered atomic.Int64
	failures := make([]error, len(conns))
	var wait sync.WaitGroup
	server, started := startUsage(r.pid), r.Clock.Now()
	for c, q := range queries {
		wait.Go(func() {
			for i := range devices {
				at := (i + c*len(devices)/connections) % len(devices)
				if _, failures[c] = q.rows(ctx, allAtOnce, nil, r.work.names[devices[at]], timestamp(starts[at]), timestamp(starts[at]+hourMillis)); failures[c] != nil {
					return
				}
				answered.Add(1)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	took := r.Clock.Now().Sub(started)
	r.note(tcpHourParallel, float64(answered.Load())/took.Seconds(), "requests/s", "one request in flight on each; the client on the same cores")
	if spent, ok := server.spent(); ok {
		r.note("over TCP: 1 h, all columns, server cpu", micros(spent)/float64(answered.Load()), "µs/request", "")
	}
	return nil
}

// rollup asks for the hourly values of everything in one statement.
func (r *tcpRun) rollup(ctx context.Context, conn *client.Conn) error {
	q, err := prepare(ctx, conn, r.text(rollupText))
	if err != nil {
		return err
	}
	groups := 0
	took, err := Measure(r.Clock, 3, func(int) error {
		groups, err = q.rows(ctx, 0, nil)
		return err
	})
	if err != nil {
		return err
	}
	r.note("over TCP: hourly rollup of everything", took.Percentile(50).Seconds(), "s", fmt.Sprintf("one statement in pages, %d groups", groups))
	return nil
}
