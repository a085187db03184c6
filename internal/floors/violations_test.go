package floors

import (
	"strings"
	"testing"
	"testing/fstest"
)

// imports is a Go file of a package with one import.
func imports(pkg, path string) string { return "package " + pkg + "\n\nimport _ \"" + path + "\"\n" }

// lines is a Go file of n lines.
func lines(n int) string { return "package mutation\n" + strings.Repeat("\n", n-2) + "var x int\n" }

// function is a Go file whose function has n lines.
func function(n int) string {
	return "package mutation\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", n-2) + "}\n"
}

// Each rule finds a tree that breaks it, and that alone.
func TestRulesFindWhatBreaksThem(t *testing.T) {
	for name, c := range map[string]struct{ path, text, want string }{
		"higher floor":      {"cql/a.go", imports("cql", module+"planner"), "floor 1) imports planner (floor 5)"},
		"same floor":        {"database/exec/a.go", imports("exec", module+"database/jobs"), "floor 6) imports database/jobs (floor 6)"},
		"no floor":          {"attic/a.go", "package attic", "room attic has no floor"},
		"imports no floor":  {"server/a.go", imports("server", module+"attic"), "which has no floor"},
		"planner, store":    {"planner/a.go", imports("planner", module+"lsm/encoding"), "planner never imports lsm/encoding"},
		"querytable, store": {"querytable/a.go", imports("querytable", module+"lsm/encoding"), "querytable never imports"},
		"exec, store":       {"database/exec/a.go", imports("exec", module+"lsm/sstable"), "database/exec never imports"},
		"auth, store":       {"database/auth/a.go", imports("auth", module+"lsm/sstable"), "database/auth never imports"},
		"store, language":   {"lsm/sstable/a.go", imports("sstable", module+"cql"), "lsm never imports cql: to the store a key is bytes"},
		"store, planner":    {"lsm/a.go", imports("lsm", module+"planner"), "lsm never imports planner"},
		"shell, store":      {"shell/a.go", imports("shell", module+"database/exec"), "shell never imports"},
		"ingest, store":     {"ingest/a.go", imports("ingest", module+"lsm"), "ingest never imports"},
		"model":             {"internal/model/a.go", imports("model", module+"mutation"), "internal/model imports only"},
		"test room":         {"server/a.go", imports("server", module+"internal/cqltest/cassandra"), "for tests only"},
		"pure, os":          {"mutation/a.go", imports("mutation", "log/slog"), "it is pure and imports log/slog"},
		"pure, clock":       {"ttl/a.go", imports("ttl", module+"internal/clock"), "it is pure and imports internal/clock"},
		"pure, goroutine":   {"ttl/a.go", "package ttl; func f() { go f() }", "starts a goroutine"},
		"pure file":         {"lsm/compaction/pick.go", "package compaction; func f() { go f() }", "starts a goroutine"},
		"participle":        {"planner/a.go", imports("planner", "github.com/alecthomas/participle/v2/lexer"), "imported only by [cql]"},
		"liner":             {"cmd/esker/a.go", imports("main", "github.com/peterh/liner"), "imported only by [shell]"},
		"zstd":              {"lsm/sstable/a.go", imports("sstable", "github.com/klauspost/compress/zstd"), "imported only by"},
		"net":               {"lsm/a.go", imports("lsm", "net"), "net is imported only by"},
		"time.Now":          {"server/a.go", `package server; import "time"; var t = time.Now()`, "time.Now"},
		"time.Since":        {"server/a.go", `package server; import "time"; var t = time.Since(time.Time{})`, "time.Since"},
		"renamed time":      {"server/a.go", `package server; import t "time"; var x = t.Now()`, "time.Now"},
		"time in a test":    {"lsm/a_test.go", `package lsm; import "time"; var t = time.Now()`, "time.Now"},
		"dot import":        {"server/a.go", `package server; import . "time"; var t = Now()`, "dot import"},
		"system clock":      {"lsm/a.go", `package lsm; import "` + module + `internal/clock"; var c = clock.System{}`, "clock.System"},
		"file call":         {"server/a.go", `package server; import "os"; var f, _ = os.ReadFile("x")`, "os.ReadFile: file calls"},
		"folder's name":     {"internal/cqltest/utils/a.go", "package x", "no room is called utils"},
		"package's name":    {"schema/a.go", "package common", "no room is called common"},
		"function":          {"mutation/a.go", function(functionLinesMax + 1), "mutation/a.go f: 61 lines"},
		"function of CI":    {"internal/ci/a.go", function(functionLinesMax + 1), "internal/ci/a.go f: 61 lines"},
		"file":              {"mutation/a.go", lines(fileLinesMax + 1), "mutation/a.go: 501 lines"},
		"not Go":            {"mutation/a.go", "pack", "expected 'package'"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := inspect(fstest.MapFS{c.path: {Data: []byte(c.text)}}, nil)
			if len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), c.want) {
				t.Errorf("found %q, want %q", problems, c.want)
			}
		})
	}
}

func TestRulesLetThrough(t *testing.T) {
	for name, c := range map[string]struct{ path, text string }{
		"lower floor":        {"planner/a.go", imports("planner", module+"schema")},
		"types in the store": {"lsm/a.go", imports("lsm", module+"cql/types")},
		"addresses":          {"cql/types/a.go", imports("types", "net/netip")},
		"durations":          {"server/a.go", `package server; import "time"; var d = time.Second`},
		"a test's clock":     {"lsm/a_test.go", `package lsm; import "` + module + `internal/clock"; var c = clock.System{}`},
		"a deadline":         {"client/a_test.go", `package client; import "time"; var t = time.Now()`},
		"a test's imports":   {"lsm/a_test.go", imports("lsm", module+"internal/cqltest")},
		"a user's file":      {"ingest/a.go", `package ingest; import "os"; var f, _ = os.Open("x")`},
		"a field named time": {"server/a.go", `package server; type clocked struct{ Now int }; var time clocked; var n = time.Now`},
		"function at limit":  {"mutation/a.go", function(functionLinesMax)},
		"file at limit":      {"mutation/a.go", lines(fileLinesMax)},
		"a long test":        {"mutation/a_test.go", lines(fileLinesMax + 1)},
		"other trees":        {"testdata/a.go", "package core"},
	} {
		t.Run(name, func(t *testing.T) {
			if problems := inspect(fstest.MapFS{c.path: {Data: []byte(c.text)}}, nil); len(problems) > 0 {
				t.Errorf("found %q", problems)
			}
		})
	}
}

func TestExemptions(t *testing.T) {
	exempt := map[string]string{"mutation/a.go f": "a table"}
	if problems := inspect(fstest.MapFS{"mutation/a.go": {Data: []byte(function(functionLinesMax + 1))}}, exempt); len(problems) > 0 {
		t.Errorf("an exempt function: %q", problems)
	}
	if problems := inspect(fstest.MapFS{"mutation/a.go": {Data: []byte(function(functionLinesMax))}}, exempt); len(problems) != 1 {
		t.Errorf("an exemption that is not needed: %q", problems)
	}
}
