// Package floors holds the architecture: which room may import which, where the doors to the outside
// are, and how long files and functions may grow.
package floors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/eskerdb/esker/"

// floorOf is the house. A room imports only rooms of lower floors.
var floorOf = map[string]int{
	"cmd/esker": 10, "cmd/esker/demo": 9,
	"server": 8, "shell": 8, "ingest": 8, "bench": 8,
	"database":      7,
	"database/exec": 6, "database/catalog": 6, "database/jobs": 6, "lsm": 6,
	"planner": 5, "querytable": 5, "lsm/compaction": 5, "internal/model": 5,
	"schema": 4, "lsm/commitlog": 4, "lsm/memtable": 4, "lsm/sstable": 4, "lsm/manifest": 4,
	"downsample": 3, "ttl": 3, "client": 3, "lsm/encoding": 3,
	"mutation": 2, "server/wire": 2,
	"partition": 1, "clustering": 1, "cql": 1,
	"cql/types": 0, "internal/vfs": 0, "internal/clock": 0, "internal/invariants": 0,
}

// outside the house: programs and packages for tests and CI alone.
var testRooms = []string{"internal/cqltest", "internal/floors", "internal/ci"}

// curtains are imports that the floors would allow and the house does not.
var curtains = []struct {
	room   string // and the rooms inside it, with a trailing /
	never  []string
	reason string
}{
	{"planner", []string{"lsm"}, "a plan opens nothing"},
	{"querytable", []string{"lsm"}, "it is pure"},
	{"database/exec", []string{"lsm"}, "it runs over vectors from any store"},
	{"database/jobs", []string{"lsm"}, "it works on any store"},
	{"database/catalog", []string{"lsm"}, "it knows no store"},
	{"lsm/", []string{"cql", "schema", "planner", "database"}, "to the store a key is bytes"},
	{"shell", []string{"database", "lsm"}, "it talks to a server over TCP"},
	{"ingest", []string{"database", "lsm"}, "it talks to a server over TCP"},
}

// modelImports are all that internal/model may import of the house: it shares no code with what it judges.
var modelImports = []string{"cql/types", "partition", "clustering", "schema"}

// pure rooms touch no files, no network, no clock and start nothing.
var pureRooms = []string{"cql", "cql/types", "partition", "clustering", "mutation", "ttl", "downsample", "querytable", "planner", "server/wire"}

var impureImports = []string{"os", "net", "log", "log/slog", "os/exec", "syscall"}

// doors are libraries and packages that only some rooms may import, tests aside.
var doors = map[string][]string{
	"github.com/alecthomas/participle":    {"cql"},
	"github.com/peterh/liner":             {"shell"},
	"github.com/golang/snappy":            {"lsm/encoding", "server/wire"},
	"github.com/klauspost/compress":       {"lsm/encoding", "ingest"},
	"github.com/pierrec/lz4":              {"server/wire"},
	"github.com/spf13/cobra":              {"cmd/esker"},
	"github.com/vbauerster/mpb":           {"ingest"},
	"github.com/guptarohit/asciigraph":    {"shell"},
	"github.com/apache/cassandra-gocql":   {"bench"},
	"github.com/datastax/go-cassandra":    {},
	"github.com/cockroachdb":              {},
	"golang.org/x/sys":                    {"internal/vfs", "lsm/memtable"},
	"gopkg.in/inf.v0":                     {"cql/types", "downsample", "planner"},
	"os":                                  {"internal/vfs", "cmd/esker", "cmd/esker/demo", "shell", "ingest", "bench", "server"},
	"net":                                 {"server", "client", "cmd/esker", "cmd/esker/demo"},
	"github.com/mattn/go-runewidth":       {"shell"},
	"github.com/prometheus/client_golang": {"cmd/esker"},
	"github.com/DataDog/sketches-go":      {"downsample"},
	"github.com/axiomhq/hyperloglog":      {"downsample"},
	"github.com/parquet-go/parquet-go":    {"ingest"},
	"github.com/influxdata/line-protocol": {"ingest"},
	"github.com/goccy/go-yaml":            {"cmd/esker"},
	"golang.org/x/crypto/bcrypt":          {"database/auth"},
	"github.com/coreos/go-systemd":        {"cmd/esker"},
}

var badNames = []string{"common", "utils", "util", "helpers", "base", "misc", "pkg", "core"}

// Limits of style.
const (
	fileLinesMax     = 500
	functionLinesMax = 60
)

func TestHouse(t *testing.T) {
	root := "../.."
	for _, problem := range inspect(os.DirFS(root)) {
		t.Error(problem)
	}
}

// inspect returns what breaks the rules in a tree of Go files.
func inspect(tree fs.FS) []string {
	var problems []string
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if strings.HasPrefix(name, ".") && name != "." || name == "testdata" || path == "bin" || path == "bench/peers" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		inspectFile(files, file, path, complain)
		return nil
	})
	if err != nil {
		complain("%v", err)
	}
	return problems
}

func inspectFile(files *token.FileSet, file *ast.File, path string, complain func(string, ...any)) {
	room := filepath.ToSlash(filepath.Dir(path))
	isTest := strings.HasSuffix(path, "_test.go")
	inTestRoom := slices.ContainsFunc(testRooms, func(r string) bool { return room == r || strings.HasPrefix(room, r+"/") })
	if _, known := floorOf[room]; !known && !inTestRoom {
		complain("%s: room %s has no floor", path, room)
		return
	}
	if slices.Contains(badNames, filepath.Base(room)) {
		complain("%s: a room is not called %s", path, filepath.Base(room))
	}
	if isTest || inTestRoom {
		return
	}
	for _, spec := range file.Imports {
		inspectImport(path, room, strings.Trim(spec.Path.Value, `"`), complain)
	}
	inspectCode(files, file, path, room, complain)
}

func inspectImport(path, room, imported string, complain func(string, ...any)) {
	for door, rooms := range doors {
		if isDoor(imported, door) && !slices.Contains(rooms, room) {
			complain("%s: %s is imported only by %v", path, door, rooms)
		}
	}
	if slices.Contains(pureRooms, room) && slices.Contains(impureImports, imported) {
		complain("%s: the pure room %s imports %s", path, room, imported)
	}
	other, ours := strings.CutPrefix(imported, module)
	if !ours {
		return
	}
	switch floor, known := floorOf[other]; {
	case !known:
		complain("%s: imports %s, which has no floor", path, other)
	case floor >= floorOf[room]:
		complain("%s: %s (floor %d) imports %s (floor %d)", path, room, floorOf[room], other, floor)
	}
	for _, c := range curtains {
		inside := room == strings.TrimSuffix(c.room, "/") || strings.HasSuffix(c.room, "/") && strings.HasPrefix(room, c.room)
		for _, never := range c.never {
			if inside && (other == never || strings.HasPrefix(other, never+"/") && never != "cql") {
				complain("%s: %s never imports %s: %s", path, room, other, c.reason)
			}
		}
	}
	if room == "internal/model" && !slices.Contains(modelImports, other) {
		complain("%s: internal/model imports only %v", path, modelImports)
	}
}

func inspectCode(files *token.FileSet, file *ast.File, path, room string, complain func(string, ...any)) {
	if n := files.Position(file.End()).Line; n > fileLinesMax {
		complain("%s: %d lines; a file has at most %d", path, n, fileLinesMax)
	}
	pure := slices.Contains(pureRooms, room)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1; lines > functionLinesMax {
				complain("%s: function %s has %d lines; at most %d", path, n.Name.Name, lines, functionLinesMax)
			}
		case *ast.GoStmt:
			if pure {
				complain("%s: the pure room %s starts a goroutine", path, room)
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && n.Sel.Name == "Now" && room != "internal/clock" {
				complain("%s: time.Now outside internal/clock", path)
			}
		}
		return true
	})
}

// isDoor compares an import with a door: a library is meant with its major versions and packages
// inside, a package of the standard library alone (net/netip parses addresses and opens nothing).
func isDoor(imported, door string) bool {
	if strings.Contains(door, ".") {
		return strings.HasPrefix(imported, door)
	}
	return imported == door
}
