package cqltest

import (
	"fmt"
	"os"
	"strings"
)

// Differences are the answers that are meant to be other than Cassandra's, by script and statement, with the reason.
type Differences map[string]string

const reasonMark = " -- "

// LoadDifferences reads differences.txt: `script: statement -- reason` on each line.
func LoadDifferences(name string) (Differences, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out := Differences{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, reasonMark)
		if at < 0 || strings.TrimSpace(line[at+len(reasonMark):]) == "" {
			return nil, fmt.Errorf("%s:%d: a reason is missing: statement%sreason", name, i+1, reasonMark)
		}
		out[line[:at]] = line[at+len(reasonMark):]
	}
	return out, nil
}

// key is how a difference is listed.
func (d *Difference) key() string { return d.Script + ": " + d.Statement }

// Judge drops the differences that are listed, and adds those that are listed of this script but no
// longer there: the list must not outlive its reasons.
func (ds Differences) Judge(script string, found []*Difference) []*Difference {
	var out []*Difference
	seen := map[string]bool{}
	for _, d := range found {
		if _, listed := ds[d.key()]; listed {
			seen[d.key()] = true
			continue
		}
		out = append(out, d)
	}
	for key := range ds {
		if strings.HasPrefix(key, script+": ") && !seen[key] {
			out = append(out, &Difference{Script: script, Statement: key, What: "is listed in differences.txt, but is answered alike"})
		}
	}
	return out
}
