package database

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
)

// columnTypes are the columns that random tables have.
var columnTypes = map[string]*types.Type{"a": types.Int, "b": types.Bigint, "f": types.Double, "s": types.Text, "g": types.Text}

// newShape is a random table with rollups.
func newShape(rng *rand.Rand) *shape {
	order := []string{"ASC", "DESC"}[rng.IntN(2)]
	options := fmt.Sprintf("CLUSTERING ORDER BY (ts %s)", order)
	if rng.IntN(2) == 0 {
		options += " AND gc_grace_seconds = 0"
	}
	if rng.IntN(3) == 0 {
		options += " AND time_bucket = {'column': 'ts', 'size': '1d'}"
	}
	steps := []struct {
		word string
		step model.Step
	}{
		{"1m", model.Step{Size: time.Minute}}, {"1h", model.Step{Size: time.Hour}}, {"1d", model.Step{Days: 1}},
	}
	s := steps[rng.IntN(len(steps))]
	options += fmt.Sprintf(" AND rollups = {'%s': 'forever'}", s.word)
	return &shape{
		create: []string{"CREATE TABLE t (k int, ts timestamp, a int, b bigint, f double, s text, g text STATIC, PRIMARY KEY (k, ts)) WITH " + options},
		levels: []level{{name: "t_" + s.word, of: model.Rollup{Step: s.step, Aggregates: oneLine("a", "b", "f")}}},
	}
}

// oneLine are the aggregates of the one-line form.
func oneLine(columns ...string) (out []model.Target) {
	for _, c := range columns {
		for _, function := range strings.Fields("count sum avg min max first last") {
			out = append(out, model.Target{
				Aggregate: model.Aggregate{Function: function, Type: columnTypes[c]}, Of: c, Column: function + "_" + c,
			})
		}
	}
	return out
}
