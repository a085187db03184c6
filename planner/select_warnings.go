package planner

import "github.com/eskerdb/esker/schema"

// warnOfAggregation warns, in Cassandra's words, of groups that are made of all partitions or of several: how long that takes grows
// with the table. What rollups may answer is not warned of.
func (s *selection) warnOfAggregation() {
	if !s.grouped && len(s.groupBy) == 0 || s.levels != nil {
		return
	}
	named, in := s.access.tokenUsed, false
	for _, col := range s.access.order {
		if col.Kind == schema.PartitionKey {
			named, in = true, in || s.access.columns[col].in
		}
	}
	for _, r := range s.access.contained {
		named = named || r.col.Kind == schema.PartitionKey
	}
	switch {
	case !named:
		s.warnings = append(s.warnings, "Aggregation query used without partition key")
	case in:
		s.warnings = append(s.warnings, "Aggregation query used on multiple partition keys (IN restriction)")
	}
}
