package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/eskerdb/esker/mutation"
)

// zipf are touches of 50,000 partitions, of which some have much more to do than others.
func zipf(seed uint64, skew float64, n int, touch func(key string, bytes int64)) {
	rng := rand.New(rand.NewPCG(seed, 1))
	z := rand.NewZipf(rng, skew, 1, 49_999)
	for range n {
		touch(fmt.Sprint("device-", z.Uint64()), int64(rng.IntN(200)))
	}
}

// check compares a sketch with exact sums.
func (s *sketch) check(t *testing.T, exact map[string]int64, total int64) {
	t.Helper()
	if len(s.counters) > countersMax || len(s.at) != len(s.counters) || len(s.heap) != len(s.counters) {
		t.Fatalf("%d counters, %d names, %d in the heap", len(s.counters), len(s.at), len(s.heap))
	}
	bound := total / countersMax
	for key, sum := range exact {
		i, counted := s.at[key]
		if !counted {
			if sum > bound {
				t.Errorf("%s has %d of %d and is not counted", key, sum, total)
			}
			continue
		}
		c := &s.counters[i]
		if sum > c.count || sum < c.count-c.slack || c.slack > bound {
			t.Errorf("%s has %d: counted as %d to %d, which may differ by %d", key, sum, c.count-c.slack, c.count, bound)
		}
	}
	for place := 1; place < len(s.heap); place++ {
		if s.countAt(place) < s.countAt((place-1)/2) || s.counters[s.heap[place]].place != int32(place) {
			t.Fatalf("the heap is none at %d", place)
		}
	}
}

// No sum is further from the truth than the bound, on traffic of any skew, also on traffic of none.
func TestSketchBound(t *testing.T) {
	for _, skew := range []float64{1.01, 1.2, 2} {
		var s sketch
		exact, total := map[string]int64{}, int64(0)
		zipf(7, skew, 200_000, func(key string, bytes int64) {
			s.add([]byte(key), bytes)
			exact[key] += bytes
			total += bytes
		})
		s.check(t, exact, total)
	}
	var s sketch
	exact := map[string]int64{}
	for n := range 40_000 {
		key := fmt.Sprint(n % 4000)
		s.add([]byte(key), 3)
		exact[key] += 3
	}
	s.check(t, exact, 120_000)
}

// Below the rate at which samples begin, counts are exact, and those of other tables are not among them.
func TestHotCountsExactlyWhereFew(t *testing.T) {
	h := NewHot(nil)
	touch := func(table mutation.TableID, key string, reads, writes, bytes int64) {
		if w := h.Sample(); w > 0 {
			h.Add(1000, w, &Touch{Table: table, Key: []byte(key), Reads: reads, Writes: writes, Bytes: bytes})
		}
	}
	for n := range 100 {
		touch(tableA, "a", 1, 0, 10)
		touch(tableA, "b", 0, 2, 1)
		touch(tableB, "a", 0, 0, int64(n))
		touch(tableA, strings.Repeat("x", keyBytesMax+1), 1, 1, 1)
	}
	if got := fmt.Sprintf("%+v", h.Top(1000, tableA, 10)); got != fmt.Sprintf("%+v", []Touch{
		{tableA, []byte("a"), 100, 0, 1000}, {tableA, []byte("b"), 0, 200, 100},
	}) {
		t.Error(got)
	}
	if got := h.Top(1000, tableB, 10); len(got) != 1 || got[0].Bytes != 4950 || got[0].Reads != 0 {
		t.Errorf("%+v", got)
	}
	if got := h.Top(1000, tableA, 1); len(got) != 2 {
		t.Errorf("the first by each: %+v", got)
	}
}

// What is shown is of the last five to ten minutes.
func TestHotForgets(t *testing.T) {
	h := NewHot(nil)
	add := func(sec int64, key string) { h.Add(sec, 1, &Touch{Table: tableA, Key: []byte(key), Reads: 1}) }
	sum := func(sec int64) string {
		out := map[string]int64{}
		for _, p := range h.Top(sec, tableA, 10) {
			out[string(p.Key)] = p.Reads
		}
		return fmt.Sprint(out)
	}
	add(1000, "a")
	add(1000+WindowSec-1, "a")
	add(1000+WindowSec, "a")
	add(1000+WindowSec, "b")
	for _, c := range []struct {
		sec  int64
		want string
	}{
		{1000 + WindowSec, "map[a:3 b:1]"}, {1000 + 2*WindowSec - 1, "map[a:3 b:1]"},
		{1000 + 2*WindowSec, "map[a:1 b:1]"}, {1000, "map[a:1 b:1]"}, {1000 + 5*WindowSec, "map[]"},
	} {
		if got := sum(c.sec); got != c.want {
			t.Errorf("at %d: %s, want %s", c.sec-1000, got, c.want)
		}
	}
}

// Under load about 2,000 touches a second are counted, and what is shown stays right: over many runs the mean of the count of a
// partition is its true count, and the work goes back to every touch when the load is over.
func TestHotSamples(t *testing.T) {
	const runs, seconds, perSecond = 12, 8, 60_000
	var sums [3]float64
	for run := range uint64(runs) {
		rng := rand.New(rand.NewPCG(run, 5))
		h := NewHot(rng.Uint32)
		samples := 0
		for n := range seconds * perSecond {
			// Of ten touches five are of partition 0, four of 1, and one of 2.
			key := []byte{"0000011112"[n%10]}
			if w := h.Sample(); w > 0 {
				samples++
				h.Add(int64(1000+n/perSecond), w, &Touch{Table: tableA, Key: key, Writes: 1})
			}
		}
		if mean := samples / seconds; mean > 2*samplesPerSec {
			t.Fatalf("%d samples a second", mean)
		}
		for _, p := range h.Top(1000+seconds-1, tableA, 10) {
			sums[p.Key[0]-'0'] += float64(p.Writes) / runs
		}
		h.Add(1000+seconds+100, int64(h.every.Load()), &Touch{})
		if w := h.Sample(); w != 1 {
			t.Errorf("run %d: after the load one in %d is counted", run, h.every.Load())
		}
	}
	for i, share := range []float64{0.5, 0.4, 0.1} {
		want := share * seconds * perSecond
		// One in 32 of n touches: the standard error of the mean over the runs is √(31·n/runs), 790 of 240,000 for the first.
		if deviation := math.Sqrt(31 * want / runs); math.Abs(sums[i]-want) > 5*deviation {
			t.Errorf("partition %d: %.0f on average, want %.0f ± %.0f", i, sums[i], want, deviation)
		}
	}
}

// The N of a sample is chosen before the touch, and from those before alone.
func TestHotFollowsTheLoad(t *testing.T) {
	h := NewHot(func() uint32 { return 0 })
	for range 2 * samplesPerSec {
		h.Add(1, h.Sample(), &Touch{Table: tableA, Key: []byte("k"), Reads: 1})
	}
	if w := h.Sample(); w != 2 {
		t.Errorf("after %d in a second one in %d is counted", 2*samplesPerSec, w)
	}
	h.Add(2, 2, &Touch{})
	if w := h.Sample(); w != 4 { // 4,000 a second are twice what is wanted; the next power above
		t.Errorf("a second later one in %d", w)
	}
	h.Add(1_000_000, 4, &Touch{})
	if w := h.Sample(); w != 1 {
		t.Errorf("after a long rest one in %d", w)
	}
}

func TestHotFromManyGoroutines(t *testing.T) {
	h := NewHot(nil)
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := range 2000 {
				if w := h.Sample(); w > 0 {
					h.Add(int64(1000+n/1000), w, &Touch{Table: tableA, Key: []byte{byte(g)}, Writes: 1})
				}
				if n%500 == 0 {
					h.Top(1000, tableA, 3)
				}
			}
		}()
	}
	wait.Wait()
	if n := len(h.Top(1001, tableA, 10)); n != 4 {
		t.Errorf("%d partitions", n)
	}
}

func BenchmarkHot(b *testing.B) {
	h := NewHot(nil)
	key := []byte("device-0001")
	perSecond := 100_000
	for n := range b.N {
		if w := h.Sample(); w > 0 {
			key[10] = byte(n)
			h.Add(int64(1000+n/perSecond), w, &Touch{Table: tableA, Key: key, Writes: 1, Bytes: 40})
		}
	}
}
