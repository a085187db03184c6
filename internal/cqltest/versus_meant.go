package cqltest

import (
	"slices"
	"strings"
)

// meant are the differences from Cassandra that programs may meet, with their reasons.
var meant = []struct {
	reason string
	fits   func(*Disagreement) bool
}{
	{"a page that is full and the last says so; Cassandra sends an empty one after it", func(d *Disagreement) bool {
		last := len(d.Judges.pages()) - 1
		return d.Kind == "pages" && last > 0 && d.Judges.Pages[last] == 0 && slices.Equal(d.Ours.Pages, d.Judges.Pages[:last])
	}},
	{"Cassandra fails with an error of its own", func(d *Disagreement) bool {
		return d.Error != nil && (d.Error.Code == 0 || strings.Contains(d.Error.Message, "Invalid value for the paging state")) && d.OurErr == nil
	}},
}

// MeantToDiffer is the reason why a disagreement is meant to be; "" if it is not.
func MeantToDiffer(d *Disagreement) string {
	for _, m := range meant {
		if m.fits(d) {
			return m.reason
		}
	}
	return ""
}

func (a *Answer) pages() []int {
	if a == nil {
		return nil
	}
	return a.Pages
}
