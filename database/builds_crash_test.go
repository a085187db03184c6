package database

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
	"github.com/eskerdb/esker/schema"
)

// crashes takes what a crash would leave after file operations, as many as are wanted.
type crashes struct {
	mu    sync.Mutex
	rng   *rand.Rand // guarded by mu
	fs    *vfs.Mem
	share float64 // of the operations
	ops   int
	left  []*vfs.Mem
}

// judge implements vfs.Faulty's: before each operation the one before is done.
func (c *crashes) judge(vfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fs == nil {
		return nil
	}
	c.ops++
	if c.rng.Float64() < c.share {
		c.left = append(c.left, c.fs.CrashClone(c.rng, c.rng.IntN(101)))
	}
	return nil
}

// watch begins or ends the taking.
func (c *crashes) watch(fs *vfs.Mem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fs = fs
}

// buildCopies are of all kinds: a plain key, a static one, elements of a set, a filter, and indexes, one of which has a row a partition.
var buildCopies = []string{
	"CREATE QUERY TABLE byv ON t (x) PRIMARY KEY ((v), k, c)",
	"CREATE QUERY TABLE bys ON t (x, v) PRIMARY KEY ((s), k, c)",
	"CREATE QUERY TABLE bytag ON t (x) PRIMARY KEY ((UNNEST(tags) AS tag), k, c)",
	"CREATE QUERY TABLE low ON t (x) WHERE v < 2 PRIMARY KEY ((k), v, c)",
	"CREATE INDEX ofs ON t (s)",
	"CREATE INDEX ofv ON t (v)",
	"CREATE INDEX oftags ON t (full(tags))",
}

// loadAll is t with a static column and a set.
func loadAll(w *world, rng *rand.Rand, writes int) {
	w.run("CREATE TABLE t (k int, c int, s text STATIC, n int STATIC, v int, x text, tags frozen<set<text>>, PRIMARY KEY (k, c))")
	for range writes {
		w.run(wideWrite(rng))
	}
}

// wideWrite is a statement on t of loadAll.
func wideWrite(rng *rand.Rand) string {
	k, c := rng.IntN(4), rng.IntN(5)
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("UPDATE t SET s = 's%d' WHERE k = %d", rng.IntN(3), k)
	case 1:
		return fmt.Sprintf("UPDATE t SET n = %d WHERE k = %d", rng.IntN(3), k)
	case 2:
		return fmt.Sprintf("DELETE s FROM t WHERE k = %d", k)
	case 3, 4:
		return fmt.Sprintf("INSERT INTO t (k, c, v, x, tags) VALUES (%d, %d, %d, 'w', {'a%d', 'b%d'})", k, c, rng.IntN(4), rng.IntN(3), rng.IntN(3))
	}
	return anyWrite(rng, 4, 5)
}

// sound waits for builds and checks every copy.
func (w *world) sound() {
	w.t.Helper()
	w.built()
	for _, t := range w.db.Schema().Keyspaces["ks"].SortedTables() {
		switch {
		case t.Kind == schema.Index:
			w.expect("CHECK QUERY TABLE " + t.Copy.Index.Name)
		case t.Copy != nil:
			w.expect("CHECK QUERY TABLE " + t.Name)
		}
	}
}

// TestBuildsSurviveCrashes: after a crash behind any file operation of a build, and another one in what goes on then, the build comes to
// its end and the copies are what their base says.
func TestBuildsSurviveCrashes(t *testing.T) {
	for mode, name := range map[lsm.LogMode]string{lsm.LogGroup: "group", lsm.LogPeriodic: "periodic"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 1))
			share, passes := 0.02, 1
			if os.Getenv("ESKER_SOAK") != "" {
				share, passes = 0.1, 10 // all at once would not fit into memory
			}
			crashed, again, ops := 0, 0, 0
			for range passes {
				c := buildAndWatch(t, rng, mode, share)
				crashed, ops = crashed+len(c.left), ops+c.ops
				for _, fs := range c.left {
					if crashTwice(t, rng, mode, fs) {
						again++
					}
					if t.Failed() {
						return
					}
				}
			}
			fmt.Fprintf(t.Output(), "sample %d/%d crashes while copies are built, %d of them twice\n", crashed, ops, again)
		})
	}
}

// buildAndWatch builds copies of all kinds while rows are written, and returns what crashes would have left.
func buildAndWatch(t *testing.T, rng *rand.Rand, mode lsm.LogMode, share float64) *crashes {
	c := &crashes{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), share: share}
	w := newWorld(t)
	w.judge, w.buildRowsMax, w.mode = c.judge, 3, mode
	w.reopen()
	loadAll(w, rng, 40)
	c.watch(w.fs)
	for i, text := range buildCopies {
		w.run(text)
		for range 5 {
			w.run(wideWrite(rng))
		}
		if i%2 == 0 {
			if err := w.store.FlushAll(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.sound()
	c.watch(nil)
	return c
}

// crashTwice opens what a crash left, and what a crash leaves while that goes on. again is false if the second was over too soon.
func crashTwice(t *testing.T, rng *rand.Rand, mode lsm.LogMode, fs *vfs.Mem) (again bool) {
	second := &crashes{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), share: 0.1}
	left := &world{t: t, fs: fs, clock: clock.NewManual(time.UnixMilli(1_000_000_100_000)), judge: second.judge, buildRowsMax: 2, mode: mode}
	second.watch(fs)
	left.open()
	if left.db.Schema().Table("ks", "t") != nil {
		for range 3 {
			left.run(wideWrite(rng))
		}
	}
	left.sound()
	second.watch(nil)
	if err := left.db.Close(); err != nil {
		t.Fatal(err)
	}
	if len(second.left) == 0 {
		return false
	}
	left = &world{t: t, fs: second.left[rng.IntN(len(second.left))], clock: clock.NewManual(time.UnixMilli(1_000_000_200_000)), mode: mode}
	left.open()
	left.sound()
	if err := left.db.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestBuildsOfAllKinds: copies of every kind are built while rows come, move and go.
func TestBuildsOfAllKinds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 10 {
		w := newWorld(t)
		loadAll(w, rng, 40)
		write := func() {
			for range rng.IntN(4) {
				w.run(wideWrite(rng))
			}
		}
		w.steer(1+rng.IntN(6), write, write)
		w.run(buildCopies...)
		w.sound()
		w.steer(1+rng.IntN(6), write, write)
		w.run("REBUILD QUERY TABLE bys")
		w.sound()
		if t.Failed() {
			return
		}
	}
}
