package cqltest

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/lsm"
)

func open(t *testing.T, o Options) *Embedded {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// The database answers the scripts as they say.
func TestScripts(t *testing.T) {
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			report(t, s, &Run{Target: open(t, Options{})})
		})
	}
}

// Plans are as the scripts of testdata/plans say, to the file and the row group: nothing happens in the background.
func TestPlans(t *testing.T) {
	for _, s := range loadFrom(t, plansDir) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			report(t, s, &Run{Target: open(t, Options{Tuning: lsm.Tuning{NoBackground: true, ShareRows: 1}})})
		})
	}
}

// Flush, compaction, restart, power failure, small pages and the slow lane never change an answer (R45).
// A failing run names its seed; ESKER_SEED repeats it.
func TestScriptsInWeather(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("ESKER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range load(t) {
		for name, tuning := range map[string]lsm.Tuning{
			"fast": {NoBackground: true},
			"slow": {NoBackground: true, NoFastLane: true},
		} {
			t.Run(s.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("ESKER_SEED=%d", seed)
					}
				})
				e := open(t, Options{Tuning: tuning, Seed: seed})
				report(t, s, &Run{Target: e, Rand: rand.New(rand.NewPCG(seed, 2))})
			})
		}
	}
}

// Texts whose shape is known mean what they mean when they are parsed: answers, errors and all.
func TestScriptsByShape(t *testing.T) {
	var known, parsed atomic.Int64
	t.Cleanup(func() {
		if known.Load() < 1000 {
			t.Errorf("%d texts were read by their shapes, %d were parsed", known.Load(), parsed.Load())
		}
	})
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			e := open(t, Options{Shaped: true})
			report(t, s, &Run{Target: e})
			texts := e.db.TextStatistics()
			known.Add(texts.Known)
			parsed.Add(texts.Parsed)
		})
	}
}

// A server answers the scripts as they say.
func TestScriptsOverTCP(t *testing.T) {
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			overTCP(t, s, 0)
		})
		t.Run(s.Name+"/pages", func(t *testing.T) {
			t.Parallel()
			overTCP(t, s, 2)
		})
	}
}

func overTCP(t *testing.T, s *Script, pageSize int) {
	t.Helper()
	served, err := OpenServed(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	report(t, s, &Run{Target: served, PageSize: pageSize})
}
