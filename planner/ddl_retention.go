package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// forever is the duration of what does not end.
const forever = "forever"

// layRetention applies the option retention where options have it: `{'duration': …, 'by': …}`, `{'column': …}`, both, or
// 'forever'. Policies stay.
func layRetention(t *schema.Table, options []cql.Option) error {
	i := slices.IndexFunc(options, func(o cql.Option) bool { return o.Name == "retention" })
	if i < 0 {
		return nil
	}
	m, err := retentionOption(t, options[i])
	if err != nil {
		return err
	}
	next := schema.Retention{}
	if t.Retention != nil {
		next = *t.Retention
		next.Millis, next.Column = 0, ""
	}
	if _, given := m["duration"]; given || m["by"] != "" {
		if err := readDuration(t, &next, m); err != nil {
			return err
		}
	}
	if name, given := m["column"]; given {
		if err := checkEndColumn(t, name); err != nil {
			return err
		}
		next.Column = name
	}
	t.Retention = t.Retention.Follow(&next)
	if t.Retention.IsNone() {
		t.Retention = nil
	}
	return layRetentionBucket(t)
}

// retentionOption is the option as a map; 'forever' and {} are an empty one.
func retentionOption(t *schema.Table, o cql.Option) (map[string]string, error) {
	if l, ok := o.Value.(*cql.Literal); ok && strings.EqualFold(l.Text, forever) {
		return nil, nil
	}
	m, err := optionMap(o)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key != "duration" && key != "by" && key != "column" {
			return nil, retentionErrorf(t, "key '%s' is unknown; the keys are 'duration', 'by' and 'column', such as {'duration': '90d', 'by': 'ts'}", key)
		}
	}
	return m, nil
}

func retentionErrorf(t *schema.Table, format string, args ...any) error {
	return invalidf("retention of "+KindText(t)+" "+strings.ReplaceAll(t.QualifiedName(), "%", "%%")+": "+format, args...)
}

// readDuration takes 'duration' and 'by' into a retention.
func readDuration(t *schema.Table, into *schema.Retention, m map[string]string) error {
	text, given := m["duration"]
	if !given {
		return retentionErrorf(t, "'duration' is missing: it says how long after the time in column '%s' a row shows", m["by"])
	}
	if !strings.EqualFold(text, forever) {
		millis, err := parseStep(text)
		if err != nil {
			return retentionErrorf(t, "duration '%s' is not a fixed length above zero, such as '90d' or '12h', nor 'forever'", text)
		}
		into.Millis = millis
	}
	by, err := retentionBy(t, m["by"])
	if err != nil {
		return err
	}
	if into.By != "" && into.By != by {
		return retentionErrorf(t, "it counts from column '%s' and cannot count from '%s': what has ended stays so", into.By, by)
	}
	into.By = by
	return nil
}

// retentionBy is the clustering column that a retention counts from: the one that is named, else the first.
func retentionBy(t *schema.Table, name string) (string, error) {
	if len(t.Clustering) == 0 {
		return "", retentionErrorf(t, "there is no clustering column with the time of a row; {'column': …} takes the end of a row from a regular column")
	}
	if name == "" {
		name = t.Clustering[0].Name
	}
	col := t.Column(name)
	switch {
	case col == nil:
		return "", retentionErrorf(t, "by '%s' is not a column", name)
	case col.Kind != schema.ClusteringKey:
		return "", retentionErrorf(t, "by '%s' is not a clustering column: the time of a row must be part of its key; {'column': …} takes the end of a row from a regular column", name)
	case holdsTime(col.Type), countsTime(col.Type) && col.Position == 0 && t.UnitNanos() > 0:
		return name, nil
	case countsTime(col.Type) && col.Position == 0:
		return "", retentionErrorf(t, "column '%s' is of type %s: declare what it counts, with time_bucket = {'column': '%s', 'unit': 'ms', …}", name, col.Type, name)
	}
	return "", retentionErrorf(t, "column '%s' is of type %s; it must be a timestamp, timeuuid or date, or an integer with the unit of time_bucket", name, col.Type)
}

// checkEndColumn refuses a column that cannot hold the end of a row.
func checkEndColumn(t *schema.Table, name string) error {
	col := t.Column(name)
	switch {
	case t.Kind != schema.Base:
		return retentionErrorf(t, "'column' belongs to base tables: rows of this one have no column with their end")
	case col == nil:
		return retentionErrorf(t, "column '%s' does not exist", name)
	case col.Kind != schema.Regular:
		return retentionErrorf(t, "column '%s' is not a regular column, and must be one: it holds the end of its row", name)
	case col.Type.Kind() != types.KindTimestamp:
		return retentionErrorf(t, "column '%s' is of type %s, and must be a timestamp: it holds the end of its row", name, col.Type)
	}
	return nil
}

// renameRetention follows the new name of a key column.
func renameRetention(t *schema.Table, from, to string) {
	if t.Retention == nil {
		return
	}
	next := *t.Retention
	if next.By == from {
		next.By = to
	}
	rename := func(policies []schema.Policy) []schema.Policy {
		policies = slices.Clone(policies)
		for i := range policies {
			policies[i].Where = slices.Clone(policies[i].Where)
			for j := range policies[i].Where {
				if policies[i].Where[j].Column == from {
					policies[i].Where[j].Column = to
				}
			}
		}
		return policies
	}
	next.Policies, next.Former = rename(next.Policies), slices.Clone(next.Former)
	for i := range next.Former {
		next.Former[i].Policies = rename(next.Former[i].Policies)
	}
	t.Retention = &next
}

// retainedBy says what of the retention of a table needs a column that shall be dropped; it is empty where nothing does.
func retainedBy(t *schema.Table, col *schema.Column) string {
	switch {
	case t.Retention == nil:
		return ""
	case t.Retention.Column == col.Name:
		return "its retention, which takes the end of a row from it"
	case slices.ContainsFunc(t.Retention.Former, func(f schema.FormerRetention) bool { return f.Column == col.Name }):
		return "a retention it had, by which rows have ended: they stay so"
	case slices.Contains(t.RetentionReads(), col):
		for _, p := range t.Retention.Policies {
			if slices.ContainsFunc(p.Where, func(f schema.CopyFilter) bool { return f.Column == col.Name }) {
				return "retention policy " + p.Name
			}
		}
		return "a retention policy it had, by which rows have ended: they stay so"
	}
	return ""
}
