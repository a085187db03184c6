package planner

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

var errCounterRollup = invalidf("Rollups are not supported on counter tables: write each number in a row with its time, and a rollup adds them up")

// layCounters makes a table with counters a counter table: it has nothing else beside the key.
func layCounters(t *schema.Table, columns map[string]*schema.Column) error {
	others := false
	for _, col := range columns {
		switch {
		case col.Kind == schema.PartitionKey || col.Kind == schema.ClusteringKey:
		case col.Type.Kind() == types.KindCounter:
			t.Counter = true
		default:
			others = true
		}
	}
	if t.Counter && others {
		return invalidf("Cannot mix counter and non counter columns in the same table")
	}
	return nil
}

// checkAddedCounter refuses a column that does not fit the table, and a counter whose name another had: in Cassandra its sum might
// come back.
func checkAddedCounter(t *schema.Table, col *schema.Column) error {
	counter := col.Type.Kind() == types.KindCounter
	for _, gone := range t.Dropped {
		if counter && gone.Name == col.Name && gone.Type.Kind() == types.KindCounter {
			return invalidf("Cannot re-add previously dropped counter column %s", col.Name)
		}
	}
	switch {
	case counter && !t.Counter:
		return configf("%s: Cannot have a counter column (\"%s\") in a non counter table", t.QualifiedName(), col.Name)
	case !counter && t.Counter && !wasDropped(t, col.Name):
		return configf("%s: Cannot have a non counter column (\"%s\") in a counter table", t.QualifiedName(), col.Name)
	}
	return nil
}

func wasDropped(t *schema.Table, name string) bool {
	for _, gone := range t.Dropped {
		if gone.Name == name {
			return true
		}
	}
	return false
}

// checkCounterOptions refuses options that counters cannot have.
func checkCounterOptions(t *schema.Table) error {
	switch {
	case !t.Counter:
		return nil
	case t.Options.DefaultTTLSec != 0:
		return invalidf("Cannot set default_time_to_live on a table with counters")
	case t.AppendOnly:
		return invalidf("table %s has counters: it cannot be append_only, for an increment changes a row that is there", t.QualifiedName())
	}
	return nil
}
