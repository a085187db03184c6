package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/eskerdb/esker/bench"
	"github.com/eskerdb/esker/internal/clock"
)

// tiny is a run of a moment.
func tiny() config {
	return config{seed: 1, shape: bench.Regular, devices: 10, ticks: 720, rounds: 2, reads: 10, singles: 20, clock: clock.System{}, progress: &bytes.Buffer{}}
}

// Every peer in this process loads both shapes and answers as the generator says; those that are not here are
// lines of the table with a reason, and esker is compared with each that is.
func TestPeersInProcess(t *testing.T) {
	peers := append([]peer{}, all...)
	for i := range peers {
		if peers[i].against == eskerOverCQL {
			peers[i].open = func(context.Context, *config, *bench.Workload, string) (store, error) {
				return nil, errors.New("no server\nsaid at length")
			}
		}
	}
	for _, shape := range []bench.Shape{bench.Regular, bench.Wide} {
		c := tiny()
		c.shape = shape
		report, err := measure(t.Context(), c, peers)
		if err != nil {
			t.Fatal(err)
		}
		text := report.markdown()
		for _, want := range []string{"| esker, in process |", "| Pebble 2, zstd |", "| SQLite |", "(×", "not run: no server |"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", shape, want, text)
			}
		}
		for _, format := range []string{"table", "json"} {
			if err := report.write(&bytes.Buffer{}, format); err != nil {
				t.Error(err)
			}
		}
	}
}

// A store that answers wrongly is found.
func TestWrongAnswersAreFound(t *testing.T) {
	for name, wrong := range map[string]func(store) store{
		"rows":   func(s store) store { return lossy{store: s, rows: 1} },
		"sum":    func(s store) store { return lossy{store: s, sum: 0.1} },
		"last":   func(s store) store { return lossy{store: s, millis: 1} },
		"hourly": func(s store) store { return lossy{store: s, average: 0.1} },
		"groups": func(s store) store { return lossy{store: s, groups: 1} },
	} {
		p := peer{name: name, open: func(ctx context.Context, c *config, w *bench.Workload, dir string) (store, error) {
			s, err := openEsker(ctx, c, w, dir)
			return wrong(s), err
		}}
		if _, err := measure(t.Context(), tiny(), []peer{p}); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

// lossy is a store that is off by a little.
type lossy struct {
	store
	rows, groups int
	sum, average float64
	millis       int64
}

func (l lossy) hour(ctx context.Context, device int, start int64) (int, float64, error) {
	rows, sum, err := l.store.hour(ctx, device, start)
	return rows + l.rows, sum + l.sum, err
}

func (l lossy) last(ctx context.Context, device int) (int64, error) {
	millis, err := l.store.last(ctx, device)
	return millis + l.millis, err
}

func (l lossy) hourly(ctx context.Context, device int) ([]float64, error) {
	averages, err := l.store.hourly(ctx, device)
	for i := range averages {
		averages[i] += l.average
	}
	return averages, err
}

func (l lossy) rollup(ctx context.Context) (int, error) {
	groups, err := l.store.rollup(ctx)
	return groups + l.groups, err
}
