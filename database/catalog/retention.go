package catalog

import (
	"math"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Retention is what a table has past its end, and what has left it.
type Retention struct {
	NowMillis                 int64
	RowsWaiting, BytesWaiting int64 // in files that hold something past its end
	RowsExpired               int64 // removed for being past a retention, since the start; versions in several files count several times
	LateExpired               int64 // rows that were past their retention when they were written, since the start
}

// retention is a row for a table whose rows end by their time or a column, and one for each of its policies.
func (s *Source) retention(t *schema.Table, _ *mutation.ReadRequest) (int, func(int) values, error) {
	if t.Retention.IsNone() {
		return 0, nil, nil
	}
	r := s.catalog.status.Retention(t)
	none := func(*schema.Column) ([]byte, bool) { return nil, true }
	return 1 + len(t.Retention.Policies), func(i int) values {
		if i > 0 {
			p := &t.Retention.Policies[i-1]
			row := values{"policy_name": text(p.Name), "keep": text(schema.KeepText(p.Millis)), "predicate": text(t.PredicateText(p)), "counts_from": text(t.Retention.By)}
			if p.Millis > 0 {
				row["visible_from"] = types.AppendTimestampMillis(nil, r.NowMillis-p.Millis+1)
			}
			return row
		}
		row := values{
			"policy_name": text(""), "rows_waiting": bigint(r.RowsWaiting), "bytes_waiting": bigint(r.BytesWaiting),
			"rows_expired": bigint(r.RowsExpired), "late_expired": bigint(r.LateExpired),
		}
		if t.Retention.By != "" {
			row["keep"], row["counts_from"] = text(schema.KeepText(t.Retention.Millis)), text(t.Retention.By)
		}
		if t.Retention.Column != "" {
			row["end_column"] = text(t.Retention.Column)
		}
		if from := t.VisibleFrom(none, r.NowMillis); from != math.MinInt64 {
			row["visible_from"] = types.AppendTimestampMillis(nil, from)
		}
		return row
	}, nil
}
