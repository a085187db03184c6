// Command peers measures other stores with esker's standard workload, beside esker and in the same run.
//
// It knows how each store is loaded and asked in the way that suits it. It does not know how readings are
// made: package bench gives all of them the same rows. It is a module of its own, so that nothing of the
// stores it drives becomes part of esker.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

// Sizes, if the environment does not say otherwise. A day of readings, for the 24 h reads, of few devices.
const (
	devicesDefault = 200            // PEERS_DEVICES
	ticksDefault   = bench.DayTicks // PEERS_TICKS
	roundsDefault  = 3              // PEERS_ROUNDS
	readsDefault   = 300            // PEERS_READS
	singlesDefault = 50_000         // PEERS_SINGLES: rows written one by one over CQL
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c := config{
		seed: 1, shape: bench.Shape(setting("PEERS_SHAPE", string(bench.Regular))), clock: clock.System{}, progress: os.Stderr,
		program: setting("PEERS_ESKER", filepath.Join("..", "..", "bin", "esker")),
		tools:   setting("ESKER_CASSANDRA", filepath.Join("..", "..", ".tools")),
		heap:    setting("PEERS_CASSANDRA_HEAP", "2G"),
	}
	for _, s := range []struct {
		value    *int
		name     string
		standard int
	}{
		{&c.devices, "PEERS_DEVICES", devicesDefault}, {&c.ticks, "PEERS_TICKS", ticksDefault}, {&c.rounds, "PEERS_ROUNDS", roundsDefault},
		{&c.reads, "PEERS_READS", readsDefault}, {&c.singles, "PEERS_SINGLES", singlesDefault},
	} {
		n, err := strconv.Atoi(setting(s.name, strconv.Itoa(s.standard)))
		if err != nil || n <= 0 {
			return fmt.Errorf("%s must be a positive number", s.name)
		}
		*s.value = n
	}
	if c.ticks > bench.DayTicks || c.shape != bench.Regular && c.shape != bench.Wide {
		return fmt.Errorf("PEERS_TICKS is %d at most, PEERS_SHAPE %s or %s", bench.DayTicks, bench.Regular, bench.Wide)
	}
	report, err := measure(ctx, c, all)
	if err != nil {
		return err
	}
	if report.pipelined, err = measurePipelined(ctx, &c); err != nil {
		return err
	}
	if into := os.Getenv("PEERS_INTO"); into != "" {
		return bench.Replace(into, "peers", report.markdown())
	}
	return report.write(os.Stdout, setting("PEERS_OUTPUT", "table"))
}

// setting is what the environment says, or else what is usual.
func setting(name, usual string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return usual
}
