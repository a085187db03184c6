package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// noise is how far two measurements of one thing may lie apart before it is worth a mark.
const noise = 0.10

// Change is one measurement in two reports.
type Change struct {
	Section, Name, Unit string
	Before, After       float64
	Ratio               float64 // After ÷ Before; 0 when Before is 0
	Verdict             string  // "better" or "worse" where they differ by more than a tenth, else empty
}

// Compare finds the measurements that both reports have, in the order of the later one. Sections match by
// name and size: measurements of other sizes do not compare.
func Compare(before, after *Report) []Change {
	type key struct{ section, name string }
	old := map[key]Measurement{}
	for i := range before.Sections {
		s := &before.Sections[i]
		for _, m := range s.Measurements {
			old[key{s.title(), m.Name}] = m
		}
	}
	var changes []Change
	for i := range after.Sections {
		s := &after.Sections[i]
		for _, m := range s.Measurements {
			if was, ok := old[key{s.title(), m.Name}]; ok && was.Unit == m.Unit {
				changes = append(changes, change(s.title(), &was, &m))
			}
		}
	}
	return changes
}

func change(section string, before, after *Measurement) Change {
	c := Change{Section: section, Name: after.Name, Unit: after.Unit, Before: before.Value, After: after.Value}
	if c.Before == 0 {
		return c
	}
	c.Ratio = c.After / c.Before
	if c.Ratio < 1+noise && c.Ratio > 1-noise {
		return c
	}
	c.Verdict = "worse"
	if (c.Ratio > 1) == after.MoreIsBetter() {
		c.Verdict = "better"
	}
	return c
}

// WriteChanges prints changes as a table, section by section.
func WriteChanges(out io.Writer, changes []Change) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	section := ""
	for _, c := range changes {
		if c.Section != section {
			section = c.Section
			fmt.Fprintf(t, "\n%s\tbefore\tafter\t\tratio\t\n", section)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%.2f\t%s\n", c.Name, Number(c.Before), Number(c.After), c.Unit, c.Ratio, c.Verdict)
	}
	return t.Flush()
}
