package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/downsample"
)

func (t *Table) createRollup(b *strings.Builder) {
	def := t.Rollup
	key, window := names(t.PartitionKey), t.WindowText()
	group := ""
	for _, name := range def.Group {
		group += ", " + cql.QuoteIdentifier(name)
	}
	fmt.Fprintf(b, "CREATE ROLLUP %s ON %s.%s AS\n    SELECT %s, %s AS %s%s", t.fullName(), cql.QuoteIdentifier(t.Keyspace),
		cql.QuoteIdentifier(def.Source), key, window, cql.QuoteIdentifier(t.Clustering[0].Name), group)
	for i := range def.Aggregates {
		if a := &def.Aggregates[i]; t.Column(a.Target) != nil {
			fmt.Fprintf(b, ",\n        %s AS %s", AggregateText(a), cql.QuoteIdentifier(a.Target))
		}
	}
	fmt.Fprintf(b, "\n    GROUP BY %s, %s%s", key, window, group)
	if options := t.rollupOptionTexts(); len(options) > 0 {
		b.WriteString("\n    WITH " + strings.Join(options, "\n    AND "))
	}
	b.WriteByte(';')
}

// AggregateText is the call of an aggregate as CREATE ROLLUP has it.
func AggregateText(a *downsample.Aggregate) string {
	switch {
	case a.Source == "":
		return a.Function + "(*)"
	case a.Function == "percentile":
		return fmt.Sprintf("percentile(%s, %s)", cql.QuoteIdentifier(a.Source), strconv.FormatFloat(a.Fraction, 'f', -1, 64))
	}
	return a.Function + "(" + cql.QuoteIdentifier(a.Source) + ")"
}

// WindowText is the call that gives the start of a window of a rollup: floor(ts, 1h).
func (t *Table) WindowText() string {
	step := t.Rollup.Windows()
	text := bucketText(cql.QuoteIdentifier(t.Rollup.TimeColumn), step)
	if step.Zone == "" && step.OriginMillis == 0 {
		return "floor" + strings.TrimPrefix(text, "time_bucket")
	}
	return text
}

// LatenessOption is the option lateness of a rollup; empty where nothing of it is given.
func (t *Table) LatenessOption() map[string]string {
	out := map[string]string{}
	if n := t.Rollup.GraceMillis; n > 0 {
		out["grace"] = DurationText(n)
	}
	if n := t.Rollup.LatenessMillis; n > 0 {
		out["max"] = DurationText(n)
	}
	return out
}

// rollupOptionTexts are the options of a rollup that are not the usual ones.
func (t *Table) rollupOptionTexts() []string {
	var parts []string
	if r := t.Retention; r != nil && r.Millis > 0 {
		parts = append(parts, "retention = "+MapText(map[string]string{"duration": DurationText(r.Millis)}))
	}
	if lateness := t.LatenessOption(); len(lateness) > 0 {
		parts = append(parts, "lateness = "+MapText(lateness))
	}
	if t.Options.Comment != "" {
		parts = append(parts, "comment = "+quote(t.Options.Comment))
	}
	return parts
}
