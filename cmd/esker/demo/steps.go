package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
	"github.com/eskerdb/esker/shell"
)

// schemaTexts are the demo's keyspace and tables.
var schemaTexts = []string{
	`CREATE KEYSPACE IF NOT EXISTS demo WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
	`CREATE TABLE IF NOT EXISTS demo.readings (
    sensor text, ts timestamp, value double,
    PRIMARY KEY ((sensor), ts)
) WITH CLUSTERING ORDER BY (ts DESC)
   AND time_bucket = {'column': 'ts', 'size': '1d'}`,
	`CREATE TABLE IF NOT EXISTS demo.climate (
    room text, ts timestamp, temperature double, humidity double, light double, co2 double, humidityratio double, occupancy int,
    PRIMARY KEY ((room), ts)
) WITH CLUSTERING ORDER BY (ts DESC)
   AND time_bucket = {'column': 'ts', 'size': '1d'}
   AND rollups = {'1h': 'forever', '1d': 'forever'}`,
	`CREATE QUERY TABLE IF NOT EXISTS demo.climate_by_occupancy ON demo.climate (temperature, co2)
    PRIMARY KEY ((occupancy), ts, room) WITH CLUSTERING ORDER BY (ts DESC, room ASC)`,
}

func (d *demo) createSchema(ctx context.Context) error {
	d.title("A schema: time buckets of a day, hourly and daily rollups, a second table by another key")
	for _, text := range schemaTexts {
		d.say("%s;", text)
		if _, err := d.conn.Query(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// load runs the bulk loader as a user would.
func (d *demo) load(ctx context.Context) error {
	d.title("%d real series of machines, servers and roads, then an office room: the bulk loader over TCP", len(d.truth.sensorFiles))
	started := d.Clock.Now()
	if err := d.ingest(ctx, append([]string{"--device-from-filename", "sensor", "--map", "timestamp=ts", "demo.readings"}, d.truth.sensorFiles...)); err != nil {
		return err
	}
	d.say("   loaded in %s", d.Clock.Now().Sub(started).Round(time.Millisecond))
	if err := d.ingest(ctx, append([]string{"--set", "room=office", "--map", "date=ts", "demo.climate"}, d.truth.climateFiles...)); err != nil {
		return err
	}
	n, err := d.count(ctx, "SELECT count(*) FROM demo.readings")
	if err != nil {
		return err
	}
	d.check(fmt.Sprintf("distinct readings of %d lines", d.truth.sensorRows), n, d.truth.distinct())
	if n, err = d.count(ctx, "SELECT count(*) FROM demo.climate"); err != nil {
		return err
	}
	d.check("minutes of room climate", n, len(d.truth.climate))
	return nil
}

func (d *demo) ingest(ctx context.Context, args []string) error {
	host, port := d.server.hostPort()
	cmd := exec.CommandContext(ctx, d.Program, append([]string{"ingest", "--host", host, "--port", port}, args...)...)
	cmd.Dir = os.TempDir()
	cmd.Stdout, cmd.Stderr = d.Out, d.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("esker ingest: %w", err)
	}
	return nil
}

// count runs a statement that answers one bigint.
func (d *demo) count(ctx context.Context, text string) (int64, error) {
	result, err := d.conn.Query(ctx, text)
	if err != nil {
		return 0, err
	}
	cells, err := result.Next(ctx)
	if err != nil || len(cells) == 0 {
		return 0, err
	}
	return types.DecodeInt64(cells[0]), nil
}

// show prints a statement and its answer as the shell does, and returns the cells.
func (d *demo) show(ctx context.Context, text string, rowsMax int) ([][][]byte, error) {
	d.say("\ncqlsh> %s;", text)
	started := d.Clock.Now()
	result, err := d.conn.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	took := d.Clock.Now().Sub(started)
	var all [][][]byte
	for {
		cells, err := result.Next(ctx)
		if err != nil {
			return nil, err
		}
		if cells == nil {
			break
		}
		row := make([][]byte, len(cells))
		for i, c := range cells {
			if c != nil {
				row[i] = append([]byte{}, c...)
			}
		}
		all = append(all, row)
	}
	table, err := shell.FormatTable(result.Columns, all[:min(len(all), rowsMax)])
	if err != nil {
		return nil, err
	}
	d.say("\n%s\n(%d rows, %s)", table, len(all), took.Round(10*time.Microsecond))
	for _, w := range result.Warnings {
		d.say("warning: %s", w)
	}
	return all, nil
}

const shownSensor = "machine_temperature_system_failure"

func (d *demo) lastHour(ctx context.Context) error {
	d.title("The last hour of a sensor")
	from := d.truth.latest(shownSensor).at.Add(-time.Hour)
	rows, err := d.show(ctx, fmt.Sprintf("SELECT ts, value FROM demo.readings WHERE sensor = '%s' AND ts >= '%s'", shownSensor, from.Format(timeLayout)), 20)
	if err != nil {
		return err
	}
	want := d.truth.since(shownSensor, from)
	d.check("rows", len(rows), len(want))
	for i := range min(len(rows), len(want)) {
		if got := asReading(rows[i]); got != want[i] {
			d.check(fmt.Sprintf("row %d", i), got, want[i])
		}
	}
	return nil
}

// asReading reads a time and a double.
func asReading(cells [][]byte) reading {
	return reading{time.UnixMilli(types.DecodeInt64(cells[0])).UTC(), types.DecodeFloat64(cells[1])}
}

func (d *demo) latest(ctx context.Context) error {
	d.title("The latest reading of every sensor")
	rows, err := d.show(ctx, "SELECT ts, value, sensor FROM demo.readings PER PARTITION LIMIT 1", 8)
	if err != nil {
		return err
	}
	d.check("sensors", len(rows), len(d.truth.sensors))
	right := 0
	for _, row := range rows {
		if asReading(row) == d.truth.latest(string(row[2])) {
			right++
		}
	}
	d.check("latest readings as in the files", right, len(d.truth.sensors))
	return nil
}

func (d *demo) byOccupancy(ctx context.Context) error {
	d.title("The same rows by another key: when somebody was in the room")
	rows, err := d.show(ctx, "SELECT ts, room, temperature, co2 FROM demo.climate_by_occupancy WHERE occupancy = 1 LIMIT 5", 5)
	if err != nil {
		return err
	}
	n, err := d.count(ctx, "SELECT count(*) FROM demo.climate_by_occupancy WHERE occupancy = 1")
	if err != nil {
		return err
	}
	wantRows, wantLast := d.truth.occupied()
	d.check("minutes with somebody there", n, wantRows)
	if len(rows) > 0 {
		d.check("last of them", time.UnixMilli(types.DecodeInt64(rows[0][0])).UTC().Format(timeLayout), wantLast.Format(timeLayout))
	}
	return nil
}

// expirySec is how long the row lives that is watched.
const expirySec = 2

func (d *demo) expiry(ctx context.Context) error {
	d.title("A row that expires while you watch")
	const insert = "INSERT INTO demo.readings (sensor, ts, value) VALUES ('short-lived', '2026-01-01 00:00:00', 42) USING TTL "
	if _, err := d.conn.Query(ctx, insert+fmt.Sprint(expirySec)); err != nil {
		return err
	}
	d.say("cqlsh> %s%d;", insert, expirySec)
	const query = "SELECT count(*) FROM demo.readings WHERE sensor = 'short-lived'"
	n, err := d.count(ctx, query)
	if err != nil {
		return err
	}
	d.check("rows now", n, 1)
	err = d.wait(ctx, "expiry", func() (bool, error) {
		n, err = d.count(ctx, query)
		return n == 0, err
	})
	if err != nil {
		return err
	}
	d.check(fmt.Sprintf("rows %d seconds later", expirySec), n, 0)
	return nil
}

// crashAfter is how many rows of the second load are acknowledged before the server is killed.
const crashAfter = 5000

// crash kills the server with SIGKILL in the middle of a load and looks for what was acknowledged.
func (d *demo) crash(ctx context.Context) error {
	d.title("SIGKILL in the middle of a second load")
	if _, err := d.conn.Query(ctx, "CREATE TABLE IF NOT EXISTS demo.second (room text, ts timestamp, temperature double, PRIMARY KEY (room, ts))"); err != nil {
		return err
	}
	acknowledged, err := d.secondLoad(ctx)
	if err != nil {
		return err
	}
	d.conn.Close()
	addr := d.server.addr
	started := d.Clock.Now()
	if err := d.start(ctx, addr); err != nil {
		return fmt.Errorf("start after the crash: %w", err)
	}
	d.say("   the server was killed with %d rows acknowledged, and was ready again %s after it was started", len(acknowledged), d.Clock.Now().Sub(started).Round(time.Millisecond))
	found := 0
	result, err := d.conn.Query(ctx, "SELECT ts FROM demo.second WHERE room = 'office'")
	if err != nil {
		return err
	}
	for {
		cells, err := result.Next(ctx)
		if err != nil {
			return err
		}
		if cells == nil {
			break
		}
		if acknowledged[types.DecodeInt64(cells[0])] {
			found++
		}
	}
	d.check("acknowledged rows found", found, len(acknowledged))
	n, err := d.count(ctx, "SELECT count(*) FROM demo.readings")
	if err != nil {
		return err
	}
	d.check("readings of the first load", n, d.truth.distinct())
	return nil
}

// secondLoad writes the room's temperatures one by one, many in flight, until the server dies.
func (d *demo) secondLoad(ctx context.Context) (map[int64]bool, error) {
	insert, err := d.conn.Prepare(ctx, "INSERT INTO demo.second (room, ts, temperature) VALUES ('office', ?, ?)")
	if err != nil {
		return nil, err
	}
	type sent struct {
		millis int64
		call   *client.Call
	}
	acknowledged := map[int64]bool{}
	var calls []sent
	collect := func(leave int) {
		for len(calls) > leave {
			if _, err := calls[0].call.Wait(ctx); err == nil {
				acknowledged[calls[0].millis] = true
			}
			calls = calls[1:]
		}
	}
	for at, row := range d.truth.climate {
		values := bindReading(at, row["Temperature"])
		call, err := d.conn.SendExecute(ctx, insert, values, client.RequestOptions{})
		if err != nil {
			break // the server is gone
		}
		calls = append(calls, sent{at.UnixMilli(), call})
		collect(100)
		if len(acknowledged) == crashAfter {
			d.server.kill()
		}
	}
	collect(0)
	if len(acknowledged) < crashAfter {
		return nil, fmt.Errorf("the second load ended after %d rows", len(acknowledged))
	}
	return acknowledged, nil
}

func bindReading(at time.Time, value float64) []wire.Value {
	return []wire.Value{
		{Bytes: types.AppendTimestampMillis(nil, at.UnixMilli())},
		{Bytes: types.AppendDouble(nil, value)},
	}
}
