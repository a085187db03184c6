package cqltest

import (
	"regexp"
	"slices"
	"strings"
)

// meantDifference is a difference from Cassandra that programs may meet.
type meantDifference struct {
	reason string
	fits   func(*Disagreement) bool
}

// meant are the differences that are on purpose, and those that are known and open: their reasons begin so.
var meant = []meantDifference{
	{"a page that is full and the last says so; Cassandra sends an empty one after it", func(d *Disagreement) bool {
		last := len(d.Judges.pages()) - 1
		return d.Kind == "pages" && last > 0 && d.Judges.Pages[last] == 0 && slices.Equal(d.Ours.Pages, d.Judges.Pages[:last])
	}},
	{"Cassandra fails with an error of its own", func(d *Disagreement) bool {
		return d.Error != nil && d.OurErr == nil && (d.Error.Code == 0 || d.Error.Code == 0x1300 || strings.Contains(d.Error.Message, "Invalid value for the paging state"))
	}},
	refusing("Cassandra has no cast of a type to itself in descending order", "judge refuses", `Invalid call to function system\.cast_as_`),
	refusing("the entries of a frozen map can be restricted", "judge refuses", `Map-entry equality predicates on frozen map`),
	refusing("where nothing can be found Cassandra does not look at pages", "ours refuses", `Cannot page queries with both ORDER BY`),
	refusing("a minus subtracts also where no blank follows it", "judge refuses", `(no viable|mismatched) .*input '-\d`),
	{"Cassandra adds a number that stands behind a column without a sign", func(d *Disagreement) bool {
		return d.Kind == "ours refuses" && unsigned.MatchString(d.Step.Text)
	}},
	{"days before 1970 begin at midnight; Cassandra rounds towards 1970", func(d *Disagreement) bool {
		return d.Kind == "rows" && toDate.MatchString(d.Step.Text)
	}},
	refusing("open: not supported by this build", "ours refuses", `not supported by this build|cannot be selected in this build`),
	refusing("open: rows are named though only statics are selected", "judge refuses", `when selecting only static columns`),
	refusing("open: several restrictions of one collection", "judge refuses",
		`restricted by more than one relation|can only be restricted by CONTAINS|Cannot use CONTAINS on non-collection|cannot be restricted by a '.{1,2}' relation`),
	refusing("open: equal keys in IN are one partition to pages", "judge refuses", `Cannot page queries with both ORDER BY`),
	{"open: NOT IN is no word of this Cassandra's grammar", func(d *Disagreement) bool {
		return d.Kind == "code" && strings.Contains(strings.ToUpper(d.Step.Text), "NOT IN")
	}},
	{"open: the name of a cast to the own type", func(d *Disagreement) bool {
		return d.Kind == "columns" && strings.Contains(strings.ToUpper(d.Step.Text), "CAST")
	}},
}

// Parts of texts by which differences are known.
var (
	unsigned = regexp.MustCompile(`(?i)\bSET .*= \w+ \d`)
	toDate   = regexp.MustCompile(`(?i)to_?date|as date|dateof`)
)

// refusing are differences of a kind where either server says such words.
func refusing(reason, kind, words string) meantDifference {
	look := regexp.MustCompile(words)
	return meantDifference{reason, func(d *Disagreement) bool {
		if d.Kind != kind {
			return false
		}
		return d.Error != nil && look.MatchString(d.Error.Message) || d.OurErr != nil && look.MatchString(d.OurErr.Message)
	}}
}

// MeantToDiffer is the reason why a disagreement is meant to be, or known; "" if it is not.
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
