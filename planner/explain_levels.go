package planner

import "github.com/eskerdb/esker/cql"

// addLevels adds the steps that read rollups, in the order in which they are asked for a range of time.
func (e *explainer) addLevels() {
	if e.read.Levels == nil {
		return
	}
	for i := range e.read.Levels.Levels {
		level := &e.read.Levels.Levels[i]
		names := make([]string, len(level.Fetch))
		for j, col := range level.Fetch {
			names[j] = cql.QuoteIdentifier(col.Name)
		}
		detail := "its windows of " + stepText(level.Windows()) + " where they are final"
		if i > 0 {
			detail += " and no longer ones are"
		}
		detail += "; fetches " + few(names, ", ")
		if len(e.outlook.Levels) > i && e.outlook.Levels[i] != "" {
			detail += "; " + e.outlook.Levels[i]
		}
		e.out = append(e.out, ExplainRow{Operation: "read rollup", Object: objectName(level.Table), Detail: detail, Kind: StepLevel, Rows: Unknown})
	}
}
