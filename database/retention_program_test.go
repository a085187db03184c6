package database

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/model"
)

// retentionWriter makes histories of a table whose retention changes.
type retentionWriter struct {
	rng   *rand.Rand
	now   time.Time
	stamp int64    // the next write timestamp
	names []string // of the policies that there are
	made  int
}

const day = 24 * time.Hour

func (g *retentionWriter) step() programStep {
	switch n := g.rng.IntN(100); {
	case n < 15:
		by := []time.Duration{time.Millisecond, time.Hour, day, 5 * day, 12 * day}[g.rng.IntN(5)]
		g.now = g.now.Add(by)
		return programStep{advance: by}
	case n < 30:
		return programStep{weather: []string{"flush", "compact", "compact", "reopen", "crash"}[g.rng.IntN(5)], seed: g.rng.Uint64()}
	case n < 45:
		return g.change()
	}
	g.stamp++
	return g.write()
}

// keep is how long rows are kept, with its text.
func (g *retentionWriter) keep() (string, time.Duration) {
	days := []int{0, 2, 5, 10, 20, 60}[g.rng.IntN(6)]
	if days == 0 {
		return "FOREVER", 0
	}
	return fmt.Sprintf("%dd", days), time.Duration(days) * day
}

func (g *retentionWriter) change() programStep {
	text, keep := g.keep()
	switch n := g.rng.IntN(10); {
	case n < 4:
		if keep == 0 {
			return programStep{text: "ALTER TABLE t WITH retention = 'forever'", retain: func(c *keeping) { c.keep = 0 }}
		}
		return programStep{
			text:   fmt.Sprintf("ALTER TABLE t WITH retention = {'duration': '%s', 'by': 'ts'}", text),
			retain: func(c *keeping) { c.keep = keep },
		}
	case n < 8 || len(g.names) == 0:
		g.made++
		p := policy{name: fmt.Sprintf("p%d", g.made), keep: keep}
		switch g.rng.IntN(3) {
		case 0:
			p.where, p.matches = "k = 1", func(k int, _ string) bool { return k == 1 }
		case 1:
			p.where, p.matches = "tier = 'gold'", func(_ int, tier string) bool { return tier == "gold" }
		default:
			p.where, p.matches = "k >= 1 AND tier IN ('gold', 'silver')", func(k int, tier string) bool {
				return k >= 1 && (tier == "gold" || tier == "silver")
			}
		}
		g.names = append(g.names, p.name)
		return programStep{
			text:   fmt.Sprintf("CREATE RETENTION POLICY %s ON t WHERE %s KEEP %s", p.name, p.where, text),
			retain: func(c *keeping) { c.policies = append(slices.Clone(c.policies), p) },
		}
	}
	at := g.rng.IntN(len(g.names))
	name := g.names[at]
	if g.rng.IntN(2) == 0 {
		return programStep{text: fmt.Sprintf("ALTER RETENTION POLICY %s KEEP %s", name, text), retain: func(c *keeping) {
			c.policies = slices.Clone(c.policies)
			for i := range c.policies {
				if c.policies[i].name == name {
					c.policies[i].keep = keep
				}
			}
		}}
	}
	g.names = slices.Delete(g.names, at, at+1)
	return programStep{text: "DROP RETENTION POLICY " + name, retain: func(c *keeping) {
		c.policies = slices.DeleteFunc(slices.Clone(c.policies), func(p policy) bool { return p.name == name })
	}}
}

func (g *retentionWriter) write() programStep {
	k := g.rng.IntN(retentionPartitions)
	op := model.Op{Key: intKey(k), Timestamp: g.stamp}
	using := fmt.Sprintf("USING TIMESTAMP %d", g.stamp)
	at := g.now.Add(-time.Duration(g.rng.IntN(30)) * 13 * time.Hour).Truncate(time.Hour)
	ts := types.AppendTimestampMillis(nil, at.UnixMilli())
	tier := []string{"gold", "silver", "none"}[g.rng.IntN(3)]
	static := model.Cell{Column: "tier", Value: []byte(tier)}
	switch n := g.rng.IntN(20); {
	case n < 3:
		op.Cells = []model.Cell{static}
		return programStep{text: fmt.Sprintf("UPDATE t %s SET tier = '%s' WHERE k = %d", using, tier, k), ops: []model.Op{op}}
	case n < 4:
		op.Cells = []model.Cell{{Column: "tier"}}
		return programStep{text: fmt.Sprintf("DELETE tier FROM t %s WHERE k = %d", using, k), ops: []model.Op{op}}
	case n < 5:
		op.DeletePartition = true
		return programStep{text: fmt.Sprintf("DELETE FROM t %s WHERE k = %d", using, k), ops: []model.Op{op}}
	case n < 7:
		op.Clustering, op.DeleteRow = [][]byte{ts}, true
		return programStep{text: fmt.Sprintf("DELETE FROM t %s WHERE k = %d AND ts = %d", using, k, at.UnixMilli()), ops: []model.Op{op}}
	case n < 8: // of what is not later; ts descends
		slice := clustering.Whole()
		slice.Start = clustering.Before(clusteringOf(ts))
		op.DeleteRange = &slice
		return programStep{text: fmt.Sprintf("DELETE FROM t %s WHERE k = %d AND ts <= %d", using, k, at.UnixMilli()), ops: []model.Op{op}}
	}
	v := g.rng.IntN(100)
	op.Clustering, op.Insert, op.Cells = [][]byte{ts}, true, []model.Cell{{Column: "v", Value: types.AppendInt(nil, int32(v))}}
	names, values := "k, ts, v", fmt.Sprintf("%d, %d, %d", k, at.UnixMilli(), v)
	if g.rng.IntN(5) == 0 {
		op.Cells = append(op.Cells, static)
		names, values = names+", tier", values+", '"+tier+"'"
	} else if g.rng.IntN(5) == 0 {
		op.TTL = int64(1 + g.rng.IntN(20*86_400))
		using += fmt.Sprintf(" AND TTL %d", op.TTL)
	}
	return programStep{text: fmt.Sprintf("INSERT INTO t (%s) VALUES (%s) %s", names, values, using), ops: []model.Op{op}}
}

// clusteringOf is the encoded key of a row of the retained table.
func clusteringOf(ts []byte) []byte {
	enc, err := clustering.Layout{{Type: types.Timestamp, Desc: true}}.Encode([][]byte{ts})
	if err != nil {
		panic(err)
	}
	return enc
}
