package traffic

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/mutation"
)

var tableA, tableB = mutation.TableID{1}, mutation.TableID{2}

func demand(key string, rows, perSecond int64) []Demand {
	return []Demand{{Table: tableA, Key: []byte(key), Rows: rows, PerSecond: perSecond}}
}

// Exactly the limit passes, at once and over time; one row more does not, and says when it would.
func TestRatesAtTheLimit(t *testing.T) {
	const sec = nanosPerSec
	r := NewRates(1, 2)
	take := func(at int64, rows int64, want int, wantWait int64) {
		t.Helper()
		if refused, wait := r.Take(at, demand("k", rows, 7)); refused != want || wait != wantWait {
			t.Fatalf("%d rows at %d: refused %d, wait %d; want %d, %d", rows, at, refused, wait, want, wantWait)
		}
	}
	take(0, 8, 0, -1) // never: more than a second's
	take(0, 7, -1, 0)
	take(0, 1, 0, 142_857_143)
	take(142_857_142, 1, 0, 1)
	take(142_857_143, 1, -1, 0)
	take(142_857_143, 1, 0, 142_857_143) // a fraction of a row that came back is kept
	take(sec*2, 7, -1, 0)
	take(sec, 1, 0, 142_857_143) // the clock was set back
	take(sec*3, 8, 0, -1)
	take(sec*3, 7, -1, 0)
	r.Return(demand("k", 7, 7))
	r.Return(demand("unknown", 7, 7))
	take(sec*3, 7, -1, 0)
	take(sec*3, 1, 0, 142_857_143)
}

// All demands of a statement are met or none is, also those of one partition together.
func TestRatesAllOrNothing(t *testing.T) {
	r := NewRates(1, 2)
	both := func(a, b int64) []Demand {
		return []Demand{{tableA, []byte("k"), a, 10}, {tableB, []byte("k"), 5, 10}, {tableA, []byte("k"), b, 10}}
	}
	if refused, wait := r.Take(0, both(6, 5)); refused != 2 || wait != -1 {
		t.Fatalf("11 rows in two parts: %d, %d", refused, wait)
	}
	if refused, _ := r.Take(0, both(6, 4)); refused != -1 {
		t.Fatal("what was refused before was taken all the same")
	}
	if refused, wait := r.Take(0, both(0, 0)); refused != -1 || wait != 0 {
		t.Fatal("the other table has as much left as it needs")
	}
	if refused, wait := r.Take(0, both(0, 0)); refused != 1 || wait != nanosPerSec/2 {
		t.Fatalf("the other table is full: %d, %d", refused, wait)
	}
}

// In no window of any length may more rows pass than the limit gives in it and one burst, and a steady writer at the limit passes.
func TestRatesBound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		perSecond := rapid.SampledFrom([]int64{1, 3, 100, 1_000_000}).Draw(rt, "limit")
		r := NewRates(3, 4)
		type taken struct{ at, rows int64 }
		var passed []taken
		at := int64(0)
		for range rapid.IntRange(1, 60).Draw(rt, "writes") {
			at += rapid.Int64Range(0, nanosPerSec).Draw(rt, "gap")
			rows := rapid.Int64Range(1, min(perSecond, 50)).Draw(rt, "rows")
			refused, wait := r.Take(at, demand("k", rows, perSecond))
			if refused >= 0 {
				if refused, _ := r.Take(at+wait, demand("k", rows, perSecond)); refused >= 0 {
					rt.Fatalf("still refused after the %d ns it asked for", wait)
				}
				at += wait
			}
			passed = append(passed, taken{at, rows})
		}
		for from := range passed {
			sum := int64(0)
			for _, p := range passed[from:] {
				sum += p.rows
				if sum*nanosPerSec > perSecond*(nanosPerSec+p.at-passed[from].at) { // in billionths of a row
					rt.Fatalf("%d rows in %d ns at %d a second", sum, p.at-passed[from].at, perSecond)
				}
			}
		}
	})
}

// A partition at its limit stays known while many times more others are written than are remembered.
func TestRatesForgetTheIdle(t *testing.T) {
	r := NewRates(5, 6)
	rng := rand.New(rand.NewPCG(7, 8))
	if refused, _ := r.Take(0, demand("hot", 1000, 1000)); refused >= 0 {
		t.Fatal("the first second's rows")
	}
	var key [8]byte
	for n := range 4 * ratedMax {
		binary.LittleEndian.PutUint64(key[:], rng.Uint64())
		if refused, _ := r.Take(int64(n), demand(string(key[:]), 1, 1000)); refused >= 0 {
			t.Fatalf("partition %d was refused its first row", n)
		}
	}
	if len(r.rated) != ratedMax || len(r.at) != ratedMax {
		t.Fatalf("%d partitions remembered by %d names; want %d", len(r.rated), len(r.at), ratedMax)
	}
	if refused, _ := r.Take(4*ratedMax, demand("hot", 1, 1000)); refused < 0 {
		t.Error("the busiest partition was forgotten")
	}
}
