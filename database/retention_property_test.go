package database

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A naive model of retention looks at every row after every step. It holds the database to three laws: what is past the end that holds now
// does not show; what has never been past an end shows; what did not show once does not come back unless it is written again.
func TestRowsEndForGood(t *testing.T) {
	runs, steps := 15, 60
	if os.Getenv("ESKER_SOAK") != "" {
		runs, steps = 200, 150
	}
	shown, hidden := 0, 0
	for seed := range runs {
		m := newRetentionModel(t, uint64(seed))
		for range steps {
			m.step()
			if t.Failed() {
				t.Fatalf("seed %d:\n%s", seed, strings.Join(m.history, "\n"))
			}
		}
		shown, hidden = shown+m.shown, hidden+m.hidden
	}
	t.Logf("%d of %d runs, rows looked at: %d showed, %d did not", runs, 200, shown, hidden)
	if shown == 0 || hidden == 0 {
		t.Error("the runs show nothing")
	}
}

const retentionHour = int64(3_600_000)

type modelRow struct {
	millis int64
	end    int64 // of the column until; 0: none
	lost   bool  // it did not show once
	past   bool  // it was past an end once
}

type modelPolicy struct {
	on   string // "d" or "tier"
	is   string
	keep int64 // hours; 0: for ever
}

type retentionModel struct {
	*world
	rng      *rand.Rand
	history  []string
	rows     map[string]map[int64]*modelRow // by partition and time
	tiers    map[string]string
	keep     int64 // hours; 0: none
	column   bool
	policies map[string]modelPolicy
	floors   map[string]int64 // the highest end of rows of a partition that ever held
	ended    int64            // the moment up to which the column counted
	shown    int
	hidden   int
}

var (
	modelPartitions = []string{"a", "b", "c"}
	modelTiers      = []string{"gold", "lead", "tin"}
)

func newRetentionModel(t *testing.T, seed uint64) *retentionModel {
	m := &retentionModel{
		rng: rand.New(rand.NewPCG(seed, 27)), rows: map[string]map[int64]*modelRow{}, tiers: map[string]string{},
		policies: map[string]modelPolicy{}, floors: map[string]int64{}, keep: 10,
	}
	order, bucket := "ASC", ""
	if m.rng.IntN(2) == 0 {
		order = "DESC"
	}
	if m.rng.IntN(2) == 0 {
		bucket = " AND time_bucket = {'column': 'ts', 'size': '4h'}"
	}
	create := "CREATE TABLE t (d text, ts timestamp, v int, until timestamp, tier text static, PRIMARY KEY (d, ts)) WITH CLUSTERING ORDER BY (ts " + order +
		") AND retention = {'duration': '10h', 'by': 'ts'}" + bucket
	m.world = newWorld(t, create, "CREATE QUERY TABLE c ON t (until, tier) PRIMARY KEY ((v), ts, d)")
	for _, p := range modelPartitions {
		m.rows[p] = map[int64]*modelRow{}
		m.floors[p] = -1 << 62
	}
	m.history = append(m.history, create)
	return m
}

// do carries out a statement that the model has taken note of.
func (m *retentionModel) do(text string) {
	m.history = append(m.history, fmt.Sprintf("%d  %s", m.clock.Now().UnixMilli(), text))
	m.run(text)
}

func (m *retentionModel) pick(of []string) string { return of[m.rng.IntN(len(of))] }

// keepOf is how many hours rows of a partition are kept; 0: for ever.
func (m *retentionModel) keepOf(d string) int64 {
	longest := int64(-1)
	for _, p := range m.policies {
		if p.on == "d" && p.is != d || p.on == "tier" && p.is != m.tiers[d] {
			continue
		}
		if p.keep == 0 {
			return 0
		}
		longest = max(longest, p.keep)
	}
	if longest < 0 {
		return m.keep
	}
	return longest
}

// look takes note of what is past its end now.
func (m *retentionModel) look() {
	now := m.clock.Now().UnixMilli()
	if m.column {
		m.ended = now
	}
	for _, d := range modelPartitions {
		if keep := m.keepOf(d); keep > 0 {
			m.floors[d] = max(m.floors[d], now-keep*retentionHour)
		}
		for _, r := range m.rows[d] {
			r.past = r.past || r.millis <= m.floors[d] || r.end != 0 && r.end <= m.ended
		}
	}
}

// now reports whether a row is past an end that holds now.
func (m *retentionModel) now(d string, r *modelRow) bool {
	now, keep := m.clock.Now().UnixMilli(), m.keepOf(d)
	return keep > 0 && r.millis+keep*retentionHour <= now || m.column && r.end != 0 && r.end <= now
}

func (m *retentionModel) step() {
	m.look()
	switch n := m.rng.IntN(20); {
	case n < 7:
		m.insert()
	case n < 11:
		by := time.Duration(m.rng.IntN(150)) * time.Minute
		m.history = append(m.history, "advance "+by.String())
		m.clock.Advance(by)
	case n < 13:
		m.alter()
	case n < 15:
		m.policy()
	case n < 17:
		d := m.pick(modelPartitions)
		m.tiers[d] = m.pick(modelTiers)
		m.do("UPDATE t SET tier = '" + m.tiers[d] + "' WHERE d = '" + d + "'")
	case n == 17:
		m.history = append(m.history, "flush and compact")
		if err := m.store.FlushAll(); err != nil {
			m.t.Fatal(err)
		}
		table := m.db.Schema().Table("ks", "t")
		if err := m.store.Compact(table.ID); err != nil {
			m.t.Fatal(err)
		}
	case n == 19 && m.rng.IntN(3) == 0:
		m.do("TRUNCATE t")
		m.tiers, m.ended = map[string]string{}, 0
		for _, d := range modelPartitions {
			m.rows[d], m.floors[d] = map[int64]*modelRow{}, -1<<62
		}
	case n == 18 && m.rng.IntN(2) == 0:
		m.history = append(m.history, "crash")
		m.crash(m.rng)
	case n == 18:
		m.history = append(m.history, "restart")
		m.reopen()
	}
	m.check()
}

func (m *retentionModel) insert() {
	now := m.clock.Now().UnixMilli()
	d, ts := m.pick(modelPartitions), now-now%retentionHour-int64(m.rng.IntN(15))*retentionHour
	r := &modelRow{millis: ts}
	until := "null"
	if m.rng.IntN(3) == 0 {
		r.end = now + int64(m.rng.IntN(10)-2)*retentionHour
		until = fmt.Sprint(r.end)
	}
	m.rows[d][ts] = r
	m.do(fmt.Sprintf("INSERT INTO t (d, ts, v, until) VALUES ('%s', %d, 1, %s)", d, ts, until))
}

func (m *retentionModel) alter() {
	m.keep, m.column = []int64{0, 6, 10, 20, 30}[m.rng.IntN(5)], m.rng.IntN(3) == 0
	var parts []string
	if m.keep > 0 {
		parts = append(parts, fmt.Sprintf("'duration': '%dh', 'by': 'ts'", m.keep))
	}
	if m.column {
		parts = append(parts, "'column': 'until'")
	}
	m.do("ALTER TABLE t WITH retention = {" + strings.Join(parts, ", ") + "}")
}

func (m *retentionModel) policy() {
	name := m.pick([]string{"p", "q", "r"})
	keep := []int64{0, 5, 8, 15, 40}[m.rng.IntN(5)]
	text := "FOREVER"
	if keep > 0 {
		text = fmt.Sprintf("%dh", keep)
	}
	p, there := m.policies[name]
	switch {
	case there && m.rng.IntN(2) == 0:
		delete(m.policies, name)
		m.do("DROP RETENTION POLICY " + name)
	case there:
		p.keep = keep
		m.policies[name] = p
		m.do("ALTER RETENTION POLICY " + name + " KEEP " + text)
	default:
		p = modelPolicy{"d", m.pick(modelPartitions), keep}
		if m.rng.IntN(2) == 0 {
			p.on, p.is = "tier", m.pick(modelTiers)
		}
		m.policies[name] = p
		m.do("CREATE RETENTION POLICY " + name + " ON t WHERE " + p.on + " = '" + p.is + "' KEEP " + text)
	}
}

// check compares what shows, of the table and of its copy.
func (m *retentionModel) check() {
	m.look()
	got := m.sorted("SELECT d, ts FROM t WHERE ts > 0 ALLOW FILTERING")
	if copied := m.sorted("SELECT d, ts FROM c"); !slices.Equal(got, copied) {
		m.t.Errorf("the table shows %q, its copy %q", got, copied)
	}
	for _, d := range modelPartitions {
		count := 0
		for ts, r := range m.rows[d] {
			_, shows := slices.BinarySearch(got, fmt.Sprintf("%s %d", d, ts))
			switch {
			case shows && m.now(d, r):
				m.t.Errorf("%s %d shows and has ended", d, ts)
			case shows && r.lost:
				m.t.Errorf("%s %d has come back", d, ts)
			case !shows && !r.past:
				m.t.Errorf("%s %d does not show and has not ended", d, ts)
			}
			r.lost = !shows
			if shows {
				count++
			}
		}
		m.shown, m.hidden = m.shown+count, m.hidden+len(m.rows[d])-count
		m.expect("SELECT count(v) FROM t WHERE d = '"+d+"'", fmt.Sprint(count))
	}
}
