package floors

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Each rule finds a tree that breaks it.
func TestRulesFindWhatBreaksThem(t *testing.T) {
	long := "package mutation\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", functionLinesMax) + "}\n"
	for name, c := range map[string]struct{ path, text, want string }{
		"floor":     {"cql/a.go", `package cql; import _ "github.com/eskerdb/esker/planner"`, "floor 1"},
		"curtain":   {"database/exec/a.go", `package exec; import _ "github.com/eskerdb/esker/lsm/sstable"`, "never imports"},
		"store":     {"lsm/a.go", `package lsm; import _ "github.com/eskerdb/esker/cql"`, "to the store a key is bytes"},
		"pure":      {"planner/a.go", `package planner; import _ "os"`, "pure room"},
		"goroutine": {"ttl/a.go", "package ttl; func f() { go f() }", "starts a goroutine"},
		"clock":     {"server/a.go", `package server; import "time"; var t = time.Now()`, "time.Now"},
		"door":      {"planner/a.go", `package planner; import _ "github.com/alecthomas/participle/v2"`, "imported only by"},
		"name":      {"internal/utils/a.go", "package utils", "no floor"},
		"model":     {"internal/model/a.go", `package model; import _ "github.com/eskerdb/esker/mutation"`, "imports only"},
		"function":  {"mutation/a.go", long, "at most 60"},
		"file":      {"mutation/a.go", "package mutation\n" + strings.Repeat("\n", fileLinesMax) + "var x int\n", "at most 500"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := inspect(fstest.MapFS{c.path: {Data: []byte(c.text)}})
			if !strings.Contains(strings.Join(problems, "\n"), c.want) {
				t.Errorf("the rule found %q, want %q", problems, c.want)
			}
		})
	}
	if problems := inspect(fstest.MapFS{"lsm/a.go": {Data: []byte(`package lsm; import _ "github.com/eskerdb/esker/cql/types"`)}}); len(problems) > 0 {
		t.Errorf("package cql/types is not cql: %q", problems)
	}
}
