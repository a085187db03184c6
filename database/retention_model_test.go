package database

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/internal/vfs"
)

const (
	retentionPrograms     = 60
	retentionProgramsSoak = 10_000
	retentionProgramSteps = 60
)

// policy is a retention policy: of partitions by their key, or by their static column tier.
type policy struct {
	name, where string
	matches     func(k int, tier string) bool
	keep        time.Duration // 0: for ever
}

// keeping is a retention with its policies.
type keeping struct {
	keep     time.Duration
	policies []policy
}

// from is the time below which rows of a partition have ended at a moment: the longest policy that matches counts, else the
// retention of the table (R37).
func (c *keeping) from(k int, tier string, now time.Time) time.Time {
	keep, any := c.keep, false
	for _, p := range c.policies {
		if !p.matches(k, tier) {
			continue
		}
		if !any || keep != 0 && (p.keep == 0 || p.keep > keep) {
			keep = p.keep
		}
		any = true
	}
	if keep == 0 {
		return time.Time{}
	}
	return now.Add(-keep + time.Millisecond)
}

// retentionRun is a history of a table whose retention changes.
type retentionRun struct {
	*world
	rows    *model.Table
	now     keeping
	unclear map[int][]time.Time // by partition: pairs of times between which rows may show or not
	hidden  []hiddenRow         // had ended before a change of a static column
	tally   rollupTally
}

type hiddenRow struct {
	k  int
	at time.Time
}

// tier is the static column of a partition; "" is null.
func (r *retentionRun) tier(k int) string {
	rows, err := r.rows.Read(model.Query{Key: intKey(k), Slice: clustering.Whole(), Whole: true, Now: r.clock.Now().Unix()})
	must(r.world, err)
	if len(rows) == 0 {
		return ""
	}
	return string(rows[0].Columns["tier"].Bytes)
}

func intKey(k int) [][]byte { return [][]byte{types.AppendInt(nil, int32(k))} }

// retentionPartitions are the partitions of the histories.
const retentionPartitions = 3

// TestRetentionModel: whatever is written, whenever retentions, policies and the statics that they look at change, and
// whatever is merged meanwhile, exactly the rows show that have not ended, and what has ended stays so (R37).
func TestRetentionModel(t *testing.T) {
	programs := retentionPrograms
	if os.Getenv("ESKER_SOAK") != "" {
		programs = retentionProgramsSoak
	}
	first := firstRollupSeed(t)
	var total rollupTally
	for seed := first; seed < first+uint64(programs); seed++ {
		g := retentionWriter{rng: rand.New(rand.NewPCG(seed, 7)), now: programStart, stamp: 1}
		program := make([]programStep, retentionProgramSteps)
		for i := range program {
			program[i] = g.step()
		}
		what, tally := playRetention(t, program)
		total.add(tally)
		if what == "" {
			continue
		}
		shortest := model.Shrink(program, func(p []programStep) bool {
			shorter, _ := playRetention(t, p)
			return shorter != "" && strings.Contains(shorter, refusedText) == strings.Contains(what, refusedText)
		})
		what, _ = playRetention(t, shortest)
		text := retainedTable + ";\n"
		for i := range shortest {
			text += shortest[i].String() + "\n"
		}
		t.Fatalf("ESKER_SEED=%d: %s\n\n%s", seed, what, text)
	}
	fmt.Fprintf(t.Output(), "sample %d/%d histories of retentions\n", programs, retentionProgramsSoak)
	t.Logf("%d steps, %d writes, %d changes of retentions, %d restarts; %d rows compared: no difference",
		total.steps, total.writes, total.changes, total.restarts, total.answers)
}

const retainedTable = "CREATE TABLE t (k int, ts timestamp, v int, tier text STATIC, PRIMARY KEY (k, ts)) WITH CLUSTERING ORDER BY (ts DESC)" +
	" AND gc_grace_seconds = 0 AND time_bucket = {'column': 'ts', 'size': '1d', 'max_future': 'none'} AND retention = {'duration': '10d', 'by': 'ts'}"

// lasting is a row that never ends: in a table without rows nothing can have ended, and whether ended rows are still there is not
// to be seen.
const lasting = "INSERT INTO t (k, ts, v) VALUES (99, '2099-01-01', 0)"

func playRetention(t *testing.T, program []programStep) (string, rollupTally) {
	r := &retentionRun{
		world: &world{t: t, fs: vfs.NewMem(), clock: clock.NewManual(programStart), quiet: true},
		now:   keeping{keep: 10 * 24 * time.Hour}, unclear: map[int][]time.Time{},
	}
	r.open()
	defer func() { must(r.world, r.db.Close()) }()
	r.run(createKeyspace, retainedTable, lasting)
	r.rows = model.New(r.db.Schema().Table("ks", "t"))
	r.tally.programs = 1
	for i := range program {
		r.tally.steps++
		what := r.step(&program[i])
		if what == "" {
			what = r.differs()
		}
		if what != "" {
			return fmt.Sprintf("step %d, %s at %s\n%s", i, &program[i], r.clock.Now().UTC().Format(time.RFC3339), what), r.tally
		}
	}
	return "", r.tally
}

func (r *retentionRun) step(s *programStep) string {
	switch {
	case s.advance > 0:
		r.clock.Advance(s.advance)
		return ""
	case s.weather == "flush":
		must(r.world, r.store.FlushAll())
		return ""
	case s.weather == "compact":
		must(r.world, r.store.Compact(r.db.Schema().Table("ks", "t").ID))
		return ""
	case s.weather == "reopen":
		r.tally.restarts++
		r.reopen()
		return ""
	case s.weather == "crash":
		r.tally.restarts++
		r.crash(rand.New(rand.NewPCG(s.seed, 1)))
		return ""
	}
	var before [retentionPartitions]time.Time
	for k := range before {
		before[k] = r.now.from(k, r.tier(k), r.clock.Now())
	}
	var held [retentionPartitions][]model.Row
	for k := range held {
		rows, err := r.rows.Read(model.Query{Key: intKey(k), Slice: clustering.Whole(), Now: r.clock.Now().Unix()})
		must(r.world, err)
		held[k] = rows
	}
	if _, err := r.try(s.text); err != nil {
		return refusedText + err.Error()
	}
	r.tally.writes += len(s.ops)
	for _, op := range s.ops {
		op.Now = r.clock.Now().Unix()
		must(r.world, r.rows.Apply(op))
	}
	if s.retain != nil {
		r.tally.changes++
		s.retain(&r.now)
	}
	for k, was := range before {
		r.followed(k, was, held[k])
	}
	for _, op := range s.ops {
		if op.Insert { // what has been removed meanwhile is a new row, also of a statement that changes a static column
			written := hiddenRow{int(types.DecodeInt64(op.Key[0])), time.UnixMilli(types.DecodeInt64(op.Clustering[0]))}
			r.hidden = slices.DeleteFunc(r.hidden, func(h hiddenRow) bool { return h == written })
		}
	}
	return ""
}

// followed keeps what has ended in a partition just before a change: its rows stay hidden. Whether the time below which they are
// stays so for other rows too, is only to be known where the store still has one of them.
func (r *retentionRun) followed(k int, was time.Time, rows []model.Row) {
	is := r.now.from(k, r.tier(k), r.clock.Now())
	if !is.Before(was) {
		return
	}
	r.unclear[k] = append(r.unclear[k], is, was)
	for _, row := range rows {
		if at := time.UnixMilli(types.DecodeInt64(row.Clustering[0])); !at.Before(is) && at.Before(was) {
			r.hidden = append(r.hidden, hiddenRow{k, at})
		}
	}
}

// differs compares the rows that show.
func (r *retentionRun) differs() string {
	got, err := r.cells("SELECT k, ts, v, tier FROM t WHERE k IN (0, 1, 2)")
	if err != nil {
		return err.Error()
	}
	shown := map[string]string{}
	for _, row := range got {
		if row["ts"] != nil {
			shown[fmt.Sprintf("%d %d", types.DecodeInt64(row["k"]), types.DecodeInt64(row["ts"]))] = fmt.Sprintf("%x %s", row["v"], row["tier"])
		}
	}
	for k := range retentionPartitions {
		from := r.now.from(k, r.tier(k), r.clock.Now())
		rows, err := r.rows.Read(model.Query{Key: intKey(k), Slice: clustering.Whole(), Now: r.clock.Now().Unix()})
		must(r.world, err)
		for _, row := range rows {
			at := types.DecodeInt64(row.Clustering[0])
			name, want := fmt.Sprintf("%d %d", k, at), fmt.Sprintf("%x %s", row.Columns["v"].Bytes, row.Columns["tier"].Bytes)
			is, shows := shown[name]
			delete(shown, name)
			r.tally.answers++
			switch {
			case shows && is != want:
				return fmt.Sprintf("row %s is %q, want %q", name, is, want)
			case slices.Contains(r.hidden, hiddenRow{k, time.UnixMilli(at)}):
				if shows {
					return fmt.Sprintf("row %s had ended before a change, and shows", name)
				}
			case shows && time.UnixMilli(at).Before(from):
				return fmt.Sprintf("row %s has ended, and shows; rows from %s on do", name, from)
			case !shows && !time.UnixMilli(at).Before(from) && !r.isUnclear(k, time.UnixMilli(at)):
				return fmt.Sprintf("row %s has not ended, and does not show; rows from %s on do", name, from)
			}
		}
	}
	for name := range shown {
		return "a row that was never written: " + name
	}
	return ""
}

func (r *retentionRun) isUnclear(k int, at time.Time) bool {
	for i := 0; i < len(r.unclear[k]); i += 2 {
		if !at.Before(r.unclear[k][i]) && at.Before(r.unclear[k][i+1]) {
			return true
		}
	}
	return false
}
