// Package demo shows esker's main job on real readings: a server as a child process, the schema, the
// bulk loader, the queries, a crash. Every answer is checked against values computed from the CSV files
// by other code, in truth.go.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/internal/clock"
)

// Options of a demo.
type Options struct {
	Program  string // path of the esker binary
	Data     string // data directory; empty: a temporary one, removed at the end
	Readings string // directory with occupancy/ and nab/
	Exit     bool   // end instead of serving on
	Out      io.Writer
	Err      io.Writer
	Clock    clock.Clock
}

// demo is a demo under way.
type demo struct {
	Options
	server *server
	conn   *client.Conn
	truth  *truth
	wrong  int // answers that were not as computed from the files
}

// ErrWrong says that an answer was not what the files say.
var ErrWrong = errors.New("an answer differs from what the files say")

// Run shows the demo. Cancelling the context ends it early and cleanly.
func Run(ctx context.Context, o Options) error {
	d := &demo{Options: o}
	readings, err := filepath.Abs(o.Readings) // the loader runs in another directory
	if err != nil {
		return err
	}
	truth, err := readTruth(readings)
	if err != nil {
		return fmt.Errorf("readings: %w (run from the repository, or name their directory with --readings)", err)
	}
	d.truth = truth
	if d.Data == "" {
		dir, err := os.MkdirTemp("", "esker-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		d.Data = filepath.Join(dir, "data")
	}
	if err := d.start(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	defer func() { d.stop() }()
	for _, step := range []func(context.Context) error{
		d.createSchema, d.load, d.settled, d.lastHour, d.latest, d.byOccupancy, d.dayByHour, d.lateCorrection, d.backfill, d.advice, d.gaps, d.applications,
		d.sight, d.metrics, d.expiry, d.retention, d.crash, d.backup, d.secure,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if d.wrong > 0 {
		return fmt.Errorf("%w: %d of them", ErrWrong, d.wrong)
	}
	return d.end(ctx)
}

// start starts the server and connects to it.
func (d *demo) start(ctx context.Context, listen string) error {
	s, err := startServer(ctx, d.Program, d.Data, listen)
	if err != nil {
		return err
	}
	d.server = s
	d.conn, err = client.Dial(ctx, client.Options{Addr: s.addr})
	return err
}

func (d *demo) stop() {
	if d.conn != nil {
		d.conn.Close()
	}
	if d.server != nil {
		d.server.stop()
	}
}

// end says how to go on, and serves until it is interrupted where a person sits in front of it.
func (d *demo) end(ctx context.Context) error {
	d.title("Every answer above was checked against the CSV files: all right.")
	if d.Exit || !isTerminal(os.Stdin) || !isTerminal(os.Stdout) {
		return nil
	}
	host, port := d.server.hostPort()
	d.say("The server goes on until you press Ctrl-C. In another terminal:\n\n    cqlsh %s %s\n    %s shell %s %s -k demo\n", host, port, d.Program, host, port)
	d.say("and try:  SELECT * FROM readings WHERE sensor = 'nyc_taxi' LIMIT 10;\n          SELECT floor(ts, 1d), avg(value) FROM readings WHERE sensor = 'nyc_taxi' GROUP BY floor(ts, 1d);\n")
	<-ctx.Done()
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (d *demo) title(format string, args ...any) {
	fmt.Fprintf(d.Out, "\n── "+format+"\n", args...)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

// check compares what the server answered with what the files say.
func (d *demo) check(what string, got, want any) {
	if fmt.Sprint(got) == fmt.Sprint(want) {
		d.say("   ✓ %s: %v", what, got)
		return
	}
	d.wrong++
	d.say("   ✗ %s: the server says %v, the files say %v", what, got, want)
}

// pollEvery is how often the demo looks whether something it waits for has happened.
const pollEvery = 50 * time.Millisecond

// waitMax is how long the demo waits for it.
const waitMax = 60 * time.Second

// wait polls until done says so.
func (d *demo) wait(ctx context.Context, what string, done func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for started := d.Clock.Now(); d.Clock.Now().Sub(started) < waitMax; {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return fmt.Errorf("%s: not within %s", what, waitMax)
}
