package cqltest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/eskerdb/esker/internal/model"
	"github.com/eskerdb/esker/lsm"
)

// follower is a table that the server keeps of another, and the SELECT of the base that says what must be in it.
type follower struct {
	creates  []string
	copied   string // of the follower
	computed string // of the base: the same columns
	settle   bool   // the follower is behind until it settles
	late     bool   // it is created in the middle of the program, and again later; and CHECK has nothing to say
	keep     func(line string) bool
}

var queryTable = follower{
	creates: []string{
		"CREATE TABLE t (k int, c int, s int static, a int, b text, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC)",
		"CREATE QUERY TABLE by_a ON t (b) PRIMARY KEY ((a), c, k)",
	},
	copied:   "SELECT a, k, c, b, writetime(b), ttl(b) FROM by_a",
	computed: "SELECT a, k, c, b, writetime(b), ttl(b) FROM t",
	keep: func(line string) bool { // rows without a key column, and those with statics alone, have no copy
		cells := strings.Split(line, " | ")
		return cells[0] != "null" && cells[2] != "null"
	},
}

var rollup = follower{
	creates: []string{
		"CREATE TABLE t (k int, c timestamp, a int, b bigint, PRIMARY KEY (k, c)) WITH rollups = {'1h': 'forever'}",
	},
	copied:   "SELECT k, c, count_a, sum_a, min_a, max_a, first_a, last_a, count_b, sum_b FROM t_1h",
	computed: "SELECT k, floor(c, 1h), count(a), sum(a), min(a), max(a), first(a), last(a), count(b), sum(b) FROM t GROUP BY k, floor(c, 1h)",
	settle:   true,
	keep:     func(string) bool { return true },
}

// builtTable is a query table that is made when there are rows, while more of them come and go.
var builtTable = follower{creates: queryTable.creates, copied: queryTable.copied, computed: queryTable.computed, keep: queryTable.keep, settle: true, late: true}

// lines are the rows of an answer in one order.
func (f *follower) lines(t Target, text string) ([]string, error) {
	answer, err := t.Query(text, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	var out []string
	for _, line := range answer.Lines()[1:] {
		if f.keep(line) {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out, nil
}

// differs says where follower and base differ; "" if they do not.
func (f *follower) differs(t Target) (string, error) {
	if f.settle {
		if err := t.Weather(&Step{Verb: VerbSettle}); err != nil {
			return "", err
		}
	}
	if f.late {
		answer, err := t.Query("CHECK QUERY TABLE by_a", 0)
		if err != nil || len(answer.Rows) > 0 {
			return strings.Join(answer.Lines(), "\n"), err
		}
	}
	copied, err := f.lines(t, f.copied)
	if err != nil {
		return "", err
	}
	computed, err := f.lines(t, f.computed)
	if err != nil || slices.Equal(copied, computed) {
		return "", err
	}
	return fmt.Sprintf("the follower has\n\t%s\nits base says\n\t%s", strings.Join(copied, "\n\t"), strings.Join(computed, "\n\t")), nil
}

// play runs a program and compares after every so many actions.
func (f *follower) play(program []action, every int, o Options) (what string, err error) {
	e, _, err := created(f.creates[0], o)
	if err != nil {
		return "", err
	}
	defer func() {
		if e := e.Close(); err == nil {
			err = e
		}
	}()
	begin := 0
	if f.late {
		begin = len(program) / 3
	}
	for i, a := range program {
		if i == begin {
			for _, create := range f.creates[1:] {
				if _, err := e.Query(create, 0); err != nil {
					return "", fmt.Errorf("%s: %w", create, err)
				}
			}
		}
		if a.weather != nil {
			err = e.Weather(a.weather)
		} else {
			_, err = e.Query(a.text, 0)
		}
		if refused := (*Refusal)(nil); errors.As(err, &refused) {
			return fmt.Sprintf("action %d: %s\n%v", i, a.text, err), nil
		}
		if err != nil {
			return "", fmt.Errorf("action %d: %s: %w", i, a.text, err)
		}
		if i < begin || i%every != every-1 && i != len(program)-1 {
			continue
		}
		if what, err = f.differs(e); err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

// hold runs random programs and shrinks one that makes the follower differ.
func (f *follower) hold(t *testing.T, runs, every int, lasting bool) {
	t.Helper()
	first := firstSeed(t)
	e, table, err := created(f.creates[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ESKER_SOAK") != "" {
		runs *= 50
	}
	for seed := first; seed < first+uint64(runs); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			options := Options{Seed: seed, Tuning: lsm.Tuning{NoBackground: seed%2 == 0}, BuildRowsMax: 1 + int(seed%3)}
			g := newGenerator(seed, table, false)
			g.lasting = lasting
			program := slices.DeleteFunc(g.program(programLength), func(a action) bool { return a.query != nil })
			what, err := f.play(program, every, options)
			if err != nil {
				t.Fatalf("ESKER_SEED=%d: %v", seed, err)
			}
			if what == "" {
				return
			}
			shortest := model.Shrink(program, func(p []action) bool {
				what, err := f.play(p, every, options)
				return err == nil && what != ""
			})
			again, _ := f.play(shortest, every, options)
			t.Fatalf("ESKER_SEED=%d: %s\nand shrunk: %s\n\n%s", seed, what, again, script(strings.Join(f.creates, ";\n"), shortest))
		})
	}
}

// A query table equals the projection of its base after every write (R39), also of what expires.
func TestQueryTablesEqualTheirBase(t *testing.T) { queryTable.hold(t, 20, 1, false) }

// A query table that is built in the middle of it all equals the projection of its base once it is live (R39b).
func TestBuiltQueryTablesEqualTheirBase(t *testing.T) { builtTable.hold(t, 20, 30, false) }

// A rollup that has settled equals the aggregates of its base (R40), where nothing expires.
func TestRollupsEqualTheirBase(t *testing.T) { rollup.hold(t, 6, 40, true) }
