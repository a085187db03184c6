package cqltest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/cqltest/cassandra"
	"github.com/eskerdb/esker/internal/cqltest/generate"
	"github.com/eskerdb/esker/lsm"
)

// generated is how long random programs run; the sample is that of a number of programs.
var generated = flag.Duration("generated", 0, "how long random programs are compared with Cassandra (default: a sample of them)")

const (
	generatedPrograms = 6
	generatedSoak     = 2 * time.Hour

	generatedWeather     = 20
	generatedWeatherSoak = 2000
)

// judgeAddr is a Cassandra that runs already, by ESKER_JUDGE, or else the one that the tests share.
func judgeAddr(t *testing.T) string {
	if addr := os.Getenv("ESKER_JUDGE"); addr != "" {
		return addr
	}
	return cassandra.Shared(t).Addr()
}

// openGenerated is a server for the program of a seed.
func openGenerated(t *testing.T, seed uint64) func() (Target, func() error, error) {
	return func() (Target, func() error, error) {
		e, err := OpenServed(t.Context(), Options{Seed: seed, Tuning: lsm.Tuning{NoBackground: seed%4 != 0, NoFastLane: seed%2 == 0}})
		if err != nil {
			return nil, nil, err
		}
		return e, e.Close, nil
	}
}

// Random statements over random tables are answered as Cassandra answers them, whatever is flushed, compacted, restarted and crashed
// meanwhile. A difference is printed with its seed and as the shortest script that shows it.
func TestGeneratedOnCassandra(t *testing.T) {
	conn, err := Dial(t.Context(), judgeAddr(t), "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, over := firstSeed(t), (<-chan time.Time)(nil)
	switch {
	case *generated > 0:
		over = time.After(*generated)
	case os.Getenv("ESKER_SOAK") != "":
		over = time.After(generatedSoak)
	}
	v := &Versus{Judge: conn, Keyspace: fmt.Sprintf("generated_%d", os.Getpid()), Meant: MeantToDiffer}
	seen := map[string]int{}
	seed := first
	for more := true; more; seed++ {
		playGenerated(t, v, seed, seen)
		select {
		case <-over:
			more = false
		default:
			more = over != nil || seed+1 < first+generatedPrograms
		}
	}
	if _, err = conn.Query("DROP KEYSPACE IF EXISTS "+v.Keyspace, 0); err != nil {
		t.Error(err)
	}
	fmt.Fprintf(t.Output(), "sample of random programs, seeds %d to %d: %d statements compared with Cassandra, %d of them refused by both\n", first, seed-1, v.Statements, v.Refused)
	for _, counts := range []map[string]int{v.Reasons, seen} {
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(t.Output(), "  %d × %s\n", counts[what], what)
		}
	}
}

// playGenerated runs the program of a seed, and shrinks it for each disagreement that was not seen before.
func playGenerated(t *testing.T, v *Versus, seed uint64, seen map[string]int) {
	v.Ours = openGenerated(t, seed)
	program := generate.Program(seed, features)
	found, err := v.Run(program)
	if err != nil {
		t.Errorf("ESKER_SEED=%d: %v", seed, err)
	}
	for _, d := range found {
		if seen[d.Signature()]++; seen[d.Signature()] > 1 {
			continue
		}
		short, shorter := v.Shrink(program, d)
		t.Errorf("ESKER_SEED=%d: %v\n\n%s", seed, shorter, ProgramScript(short, shorter))
	}
}

// features are those that the generated programs use.
var features = generate.All()

// Random statements are answered alike whatever is flushed, compacted, restarted and crashed between them (R45), as one lane after the other reads.
func TestGeneratedInWeather(t *testing.T) {
	programs := uint64(generatedWeather)
	if os.Getenv("ESKER_SOAK") != "" {
		programs = generatedWeatherSoak
	}
	first, seen, statements := firstSeed(t), map[string]int{}, 0
	for seed := first; seed < first+programs; seed++ {
		calm, err := OpenServed(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := &Versus{Judge: calm, Keyspace: "generated", Meant: func(d *Disagreement) string { return "" }}
		playGenerated(t, v, seed, seen)
		statements += v.Statements
		if err := calm.Close(); err != nil {
			t.Error(err)
		}
	}
	fmt.Fprintf(t.Output(), "sample %d/%d random programs in weather, %d statements\n", programs, generatedWeatherSoak, statements)
}
