package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

// config is what all peers are measured with.
type config struct {
	seed           uint64
	shape          bench.Shape
	devices, ticks int
	rounds         int
	reads          int
	singles        int
	program        string // the esker binary
	tools          string // where Cassandra's jars are
	heap           string // of Cassandra
	clock          clock.Clock
	progress       io.Writer
	node           *lazyNode // set by measure
}

// peer is one store to measure.
type peer struct {
	name    string
	how     string // how it is loaded and what durable means
	against string // the peer that ratios are to: esker in process or over CQL
	open    func(ctx context.Context, c *config, w *bench.Workload, dir string) (store, error)
}

// store is a store with one table of the workload.
type store interface {
	// load writes all rows tick by tick and returns once they are durable.
	load(ctx context.Context) error
	// settle flushes and compacts.
	settle(ctx context.Context) error
	// bytes is what the table takes on the disk.
	bytes() (int64, error)
	// hour reads all columns of an hour of a device: the number of rows, and the sum of the first column.
	hour(ctx context.Context, device int, start int64) (rows int, sum float64, err error)
	// last reads the last row of a device and returns its time.
	last(ctx context.Context, device int) (millis int64, err error)
	// hourly makes a day of the first column of a device into averages, minima and maxima by the hour, and
	// returns the averages.
	hourly(ctx context.Context, device int) ([]float64, error)
	// rollup does so for everything and returns how many hours of devices there were.
	rollup(ctx context.Context) (groups int, err error)
	close() error
}

// singles is a store that can also be written row by row, each acknowledged by itself.
type singles interface {
	loadSingles(ctx context.Context, rows int) error
}

// missingError says why a peer cannot be had here.
type missingError struct{ cause error }

// Error is the first line of the cause: a store that does not start may say much.
func (e *missingError) Error() string {
	line, _, _ := strings.Cut(e.cause.Error(), "\n")
	return line
}

const nameSingles = "single rows"

// result is a peer with the medians of all rounds, or why it was not run.
type result struct {
	peer
	section bench.Section
	missing error
}

// measure runs all peers in turn, again and again.
func measure(ctx context.Context, c config, peers []peer) (*report, error) {
	out := &report{Report: bench.Report{Machine: bench.ThisMachine(eskerVersion(c.program)), Seed: c.seed, Started: c.clock.Now().UTC().Format("2006-01-02T15:04:05Z07:00")}}
	rounds := make([][]bench.Section, len(peers))
	missing := make([]error, len(peers))
	c.node = new(lazyNode)
	defer c.node.stop()
	for round := range c.rounds {
		for i, p := range peers {
			if missing[i] != nil {
				continue
			}
			fmt.Fprintf(c.progress, "round %d of %d: %s\n", round+1, c.rounds, p.name)
			section, err := measureOne(ctx, &c, &p)
			var notHere *missingError
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case errors.As(err, &notHere):
				missing[i] = notHere
			case err != nil:
				return nil, fmt.Errorf("%s: %w", p.name, err)
			default:
				rounds[i] = append(rounds[i], *section)
			}
		}
	}
	for i, p := range peers {
		out.results = append(out.results, result{peer: p, section: medians(p.name, rounds[i]), missing: missing[i]})
	}
	out.config = c
	return out, nil
}

// medians is a section with the median of each measurement.
func medians(name string, rounds []bench.Section) bench.Section {
	if len(rounds) == 0 {
		return bench.Section{Name: name}
	}
	out := rounds[0]
	out.Name, out.Measurements = name, slices.Clone(out.Measurements)
	for i := range out.Measurements {
		var values []float64
		for _, s := range rounds {
			values = append(values, s.Measurements[i].Value)
		}
		slices.Sort(values)
		out.Measurements[i].Value = values[len(values)/2]
	}
	return out
}

// measureOne loads a peer into a new directory and asks it.
func measureOne(ctx context.Context, c *config, p *peer) (*bench.Section, error) {
	w, err := bench.New(c.seed, c.shape, c.devices, c.ticks)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "esker-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := p.open(ctx, c, w.Again(), dir)
	if err != nil {
		// It cannot be had here: a line of the table. Once it is open, what goes wrong ends the run.
		return nil, &missingError{err}
	}
	section := &bench.Section{Name: p.name, Devices: c.devices, Readings: c.ticks}
	m := measuring{config: c, ctx: ctx, work: w, store: s, section: section}
	for _, step := range []func() error{m.load, m.settle, m.check, m.hour, m.last, m.hourly, m.rollup, m.singles} {
		if err = step(); err != nil {
			break
		}
	}
	return section, errors.Join(err, s.close())
}

// measuring is one store under measurement.
type measuring struct {
	*config
	ctx     context.Context
	work    *bench.Workload
	store   store
	section *bench.Section
}

func (m *measuring) load() error {
	started := m.clock.Now()
	if err := m.store.load(m.ctx); err != nil {
		return err
	}
	m.section.Note(bench.NameIngest, float64(m.devices*m.ticks)/m.clock.Now().Sub(started).Seconds(), "rows/s", "")
	return nil
}

func (m *measuring) singles() error {
	s, ok := m.store.(singles)
	if !ok {
		return nil
	}
	started := m.clock.Now()
	if err := s.loadSingles(m.ctx, m.config.singles); err != nil {
		return err
	}
	m.section.Note(nameSingles, float64(m.config.singles)/m.clock.Now().Sub(started).Seconds(), "rows/s", "")
	return nil
}

func (m *measuring) settle() error {
	if err := m.store.settle(m.ctx); err != nil {
		return err
	}
	bytes, err := m.store.bytes()
	m.section.Note(bench.NameDisk, float64(bytes)/float64(m.devices*m.ticks), "bytes/row", "")
	return err
}

// checks is how many answers of each kind are compared with the generator.
const checks = 10

const hourMillis = 3_600_000

// check compares answers with what the generator says: a speed counts only when they are right.
func (m *measuring) check() error {
	devices, starts := m.work.Hours(checks)
	for i, device := range devices {
		readings := m.readings(device)
		rows, sum := 0, 0.0
		averages := make([]float64, 0, 24)
		counts := make([]int, 0, 24)
		for _, r := range readings {
			if r.Millis >= starts[i] && r.Millis < starts[i]+hourMillis {
				rows, sum = rows+1, sum+r.Double(0)
			}
			hour := int((r.Millis - m.work.Start) / hourMillis)
			for hour >= len(averages) {
				averages, counts = append(averages, 0), append(counts, 0)
			}
			averages[hour] += r.Double(0)
			counts[hour]++
		}
		for h := range averages {
			averages[h] /= float64(counts[h])
		}
		if err := m.checkOne(device, starts[i], rows, sum, averages[:min(24, len(averages))]); err != nil {
			return err
		}
		last, err := m.store.last(m.ctx, device)
		if want := readings[len(readings)-1].Millis; err != nil || last != want {
			return errors.Join(fmt.Errorf("device %d: last row at %d, want %d", device, last, want), err)
		}
	}
	return nil
}

func (m *measuring) checkOne(device int, start int64, rows int, sum float64, averages []float64) error {
	gotRows, gotSum, err := m.store.hour(m.ctx, device, start)
	if err != nil {
		return err
	}
	if gotRows != rows || !near(gotSum, sum) {
		return fmt.Errorf("device %d, hour at %d: %d rows with sum %v, want %d with %v", device, start, gotRows, gotSum, rows, sum)
	}
	got, err := m.store.hourly(m.ctx, device)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(got, averages, near) {
		return fmt.Errorf("device %d by the hour: %v, want %v", device, got, averages)
	}
	return nil
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

// readings makes all readings of a device.
func (m *measuring) readings(device int) []bench.Reading {
	m.work.Rewind(device)
	all := make([]bench.Reading, m.ticks)
	for tick := range all {
		m.work.Next(device, tick, &all[tick])
	}
	return all
}

func (m *measuring) hour() error {
	devices, starts := m.work.Hours(m.reads)
	took, err := bench.Measure(m.clock, m.reads, func(i int) error {
		_, _, err := m.store.hour(m.ctx, devices[i], starts[i])
		return err
	})
	m.section.Latency(bench.NameHour, took, "")
	return err
}

func (m *measuring) last() error {
	devices, _ := m.work.Hours(m.reads)
	took, err := bench.Measure(m.clock, m.reads, func(i int) error {
		_, err := m.store.last(m.ctx, devices[i])
		return err
	})
	m.section.Latency(bench.NameLast, took, "")
	return err
}

func (m *measuring) hourly() error {
	devices, _ := m.work.Hours(m.reads)
	took, err := bench.Measure(m.clock, m.reads, func(i int) error {
		_, err := m.store.hourly(m.ctx, devices[i])
		return err
	})
	m.section.Latency(bench.NameHourly, took, "")
	return err
}

func (m *measuring) rollup() error {
	hours := (m.ticks*bench.StepMillis + hourMillis - 1) / hourMillis
	took, err := bench.Measure(m.clock, 3, func(int) error {
		groups, err := m.store.rollup(m.ctx)
		if err == nil && groups != hours*m.devices {
			err = fmt.Errorf("the rollup of everything has %d groups, want %d", groups, hours*m.devices)
		}
		return err
	})
	m.section.Note(bench.NameRollup, took.Percentile(50).Seconds(), "s", "")
	return err
}

// merged makes all readings tick by tick, as they arrive, for some of the devices.
func merged(ctx context.Context, w *bench.Workload, from, to int, each func(device int, r *bench.Reading) error) error {
	var r bench.Reading
	for tick := range w.Ticks {
		if err := ctx.Err(); err != nil {
			return err
		}
		for device := from; device < to; device++ {
			w.Next(device, tick, &r)
			if err := each(device, &r); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesBytes adds up the files below a directory.
func filesBytes(dir string) (total int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			total += info.Size()
		}
		return err
	})
	return total, err
}
