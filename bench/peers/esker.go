package main

import (
	"context"
	"path/filepath"

	"github.com/eskerdb/esker/bench"
)

// eskerStore is esker in this process.
type eskerStore struct{ *bench.Local }

func openEsker(_ context.Context, c *config, w *bench.Workload, dir string) (store, error) {
	l, err := bench.OpenLocal(bench.Options{Seed: c.seed, Group: groupRows, Clock: c.clock}, w, filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	return eskerStore{l}, nil
}

func (s eskerStore) load(context.Context) error                        { return s.Load() }
func (s eskerStore) settle(context.Context) error                      { return s.Compact() }
func (s eskerStore) bytes() (int64, error)                             { return s.Bytes() }
func (s eskerStore) last(_ context.Context, device int) (int64, error) { return s.Last(device) }
func (s eskerStore) rollup(context.Context) (int, error)               { return s.Rollup() }
func (s eskerStore) close() error                                      { return s.Close() }

func (s eskerStore) hour(_ context.Context, device int, start int64) (int, float64, error) {
	return s.Hour(device, start)
}

func (s eskerStore) hourly(_ context.Context, device int) ([]float64, error) {
	return s.Hourly(device)
}
