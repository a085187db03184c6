package cqltest

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	coverageName    = regexp.MustCompile("`([a-z_*/]+)`")
	coverageReasons = regexp.MustCompile(`^none: .{10,}`)
)

// TestCoverage: each line of docs/cql-coverage.md names scripts that are there, or says why there are none; and each script that Cassandra
// answers is named on the page.
func TestCoverage(t *testing.T) {
	text, err := os.ReadFile("../../docs/cql-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := map[string]bool{} // whether they say something about Cassandra
	for _, s := range load(t) {
		scripts[s.Name] = s.OnlyEsker == ""
	}
	for _, s := range loadFrom(t, rolesDir) {
		scripts["roles/"+s.Name] = true
	}
	found := func(pattern string) (any bool) {
		for name := range scripts {
			if ok, err := path.Match(pattern, name); err == nil && ok {
				return true
			}
		}
		return false
	}
	var named []string
	lines := 0
	for _, line := range strings.Split(string(text), "\n") {
		patterns := coverageName.FindAllStringSubmatch(line, -1)
		cells := strings.Split(line, "|")
		if row := len(cells) == 4 && strings.TrimSpace(cells[1]) != "section" && !strings.HasPrefix(cells[1], "--"); row {
			lines++
			if coverageReasons.MatchString(strings.TrimSpace(cells[2])) {
				continue
			}
			any := false
			for _, p := range patterns {
				there := found(p[1])
				any = any || there
				if !there && !strings.HasSuffix(p[1], "*") {
					t.Errorf("there is no script %s: %s", p[1], line)
				}
			}
			if !any {
				t.Errorf("neither a script nor a reason: %s", line)
			}
		}
		for _, p := range patterns {
			named = append(named, p[1])
		}
	}
	if lines < 50 {
		t.Errorf("the page has %d lines", lines)
	}
	for name, compared := range scripts {
		if !compared {
			continue
		}
		covered := false
		for _, pattern := range named {
			ok, err := path.Match(pattern, name)
			covered = covered || err == nil && ok
		}
		if !covered {
			t.Errorf("docs/cql-coverage.md does not name the script %s", name)
		}
	}
}
