package planner

import (
	"slices"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// copyOptions applies WITH to a copy, and refuses the options that only a base table can have.
func (c *compiler) copyOptions(t, base *schema.Table, options []cql.Option) ([]string, error) {
	var rest []cql.Option
	for _, o := range options {
		switch o.Name {
		case "rollups", "append_only", "partition_write_rate_max":
			return nil, invalidf("option %s belongs to the base table %s", o.Name, base.QualifiedName())
		case "retention":
			if t.Kind == schema.View {
				return nil, invalidf("option retention is not one of materialized views: CREATE QUERY TABLE %s takes it", t.Name)
			}
			if err := setCopyRetention(t, base, o); err != nil {
				return nil, err
			}
			continue
		case "default_time_to_live":
			if t.Kind == schema.View {
				return nil, invalidf("Cannot set default_time_to_live for a materialized view. Data in a materialized view always expire at the same time than the corresponding data in the parent table.")
			}
		}
		rest = append(rest, o)
	}
	if err := requireOnce(options); err != nil {
		return nil, err
	}
	return c.tableOptions(t, rest)
}

// setCopyRetention applies `retention = {'duration': …, 'by': …}`: rows end so long after the time in a column,
// which no row of the copy may lack.
func setCopyRetention(t, base *schema.Table, o cql.Option) error {
	m, err := optionMap(o)
	if err != nil {
		return err
	}
	for key := range m {
		if key != "duration" && key != "by" {
			return invalidf("retention of %s: '%s' is not known; it takes 'duration' and 'by', such as {'duration': '30d', 'by': 'ts'}", t.Name, key)
		}
	}
	millis, err := parseStep(m["duration"])
	if err != nil {
		return invalidf("retention of %s: duration '%s' is not a fixed length, such as '30d' or '12h'", t.Name, m["duration"])
	}
	by := base.Column(m["by"])
	if by == nil {
		return invalidf("retention of %s: by '%s' is not a column of %s", t.Name, m["by"], base.QualifiedName())
	}
	switch by.Type.Kind() {
	case types.KindTimestamp, types.KindTimeUUID, types.KindDate:
	default:
		return invalidf("retention of %s: column %s is a %s; it counts from a timestamp, timeuuid or date", t.Name, by.Name, by.Type)
	}
	filtered := slices.ContainsFunc(t.Copy.Filters, func(f schema.CopyFilter) bool { return f.Column == by.Name })
	if key := t.Column(by.Name); (key == nil || key.Kind == schema.Regular) && !filtered && !slices.Contains(t.Copy.NotNull, by.Name) {
		return invalidf("retention of %s: column %s may be null; add WHERE %s IS NOT NULL", t.Name, by.Name, cql.QuoteIdentifier(by.Name))
	}
	t.Copy.RetentionMillis, t.Copy.RetentionBy = millis, by.Name
	return nil
}
