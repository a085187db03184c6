package cqltest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/eskerdb/esker/internal/cqltest/cassandra"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/schema"
)

const (
	programLength = 200
	programs      = 20   // of each shape in the quick run
	soakPrograms  = 1000 // of each shape with ESKER_SOAK=1: 10⁶ actions in all
)

// seeds are where random runs begin: ESKER_SEED, or a new one.
func firstSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("ESKER_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// created is an empty database with the table of a shape.
func created(create string, o Options) (*Embedded, *schema.Table, error) {
	e, err := Open(o)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range []string{
		"CREATE KEYSPACE random WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE random", create,
	} {
		if _, err := e.Query(text, 0); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	return e, e.db.Schema().Table("random", "t"), nil
}

// playEmbedded runs a program in process.
func (g *generator) playEmbedded(create string, program []action, o Options) (what string, err error) {
	e, _, err := created(create, o)
	if err != nil {
		return "", err
	}
	defer func() {
		if e := e.Close(); err == nil {
			err = e
		}
	}()
	return g.play(e, program, func() int64 { return e.clock.Now().Unix() })
}

// The database answers as the model does, whatever is written and whenever it is flushed, compacted,
// restarted or crashed. A failing run prints its seed and the shortest script that shows it.
func TestModel(t *testing.T) {
	runs := programs
	if os.Getenv("ESKER_SOAK") != "" {
		runs = soakPrograms
	}
	first := firstSeed(t)
	for number, create := range shapes {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			t.Parallel()
			e, table, err := created(create, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			for seed := first; seed < first+uint64(runs); seed++ {
				options := Options{Seed: seed, Tuning: lsm.Tuning{NoBackground: seed%4 != 0, NoFastLane: seed%2 == 0}}
				g := newGenerator(seed, table, false)
				program := g.program(programLength)
				what, err := g.playEmbedded(create, program, options)
				if err != nil {
					t.Fatalf("ESKER_SEED=%d: %v", seed, err)
				}
				if what == "" {
					continue
				}
				shortest := model.Shrink(program, func(p []action) bool {
					what, err := g.playEmbedded(create, p, options)
					return err == nil && what != ""
				})
				what, _ = g.playEmbedded(create, shortest, options)
				t.Fatalf("ESKER_SEED=%d: %s\n\n%s", seed, what, script(create, shortest))
			}
		})
	}
}

// Cassandra answers as the model does: the model is right.
func TestModelOnCassandra(t *testing.T) {
	node := cassandra.Shared(t)
	first := firstSeed(t)
	for number, create := range shapes {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			e, table, err := created(create, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			conn, err := Dial(t.Context(), node.Addr(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for _, text := range []string{
				"CREATE KEYSPACE IF NOT EXISTS random WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE random",
				"DROP TABLE IF EXISTS t", create,
			} {
				if _, err := conn.Query(text, 0); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			g := newGenerator(first, table, true)
			program := g.program(4 * programLength)
			what, err := g.play(conn, program, Epoch.Unix)
			if err != nil {
				t.Fatal(err)
			}
			if what != "" {
				t.Fatalf("ESKER_SEED=%d: %s", first, what)
			}
		})
	}
}
