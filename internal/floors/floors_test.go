// Package floors holds the architecture: which room may import which, where the doors to the outside
// are, and how long files and functions may grow. The rules are tables, in table_test.go.
package floors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestHouse(t *testing.T) {
	for _, problem := range inspect(os.DirFS("../.."), exemptions) {
		t.Error(problem)
	}
}

// inspection is the search of one tree for what breaks the rules.
type inspection struct {
	exempt   map[string]string
	used     map[string]bool // exemptions that were needed
	problems []string
}

// source is one Go file.
type source struct {
	path  string
	room  string // its folder
	test  bool
	files *token.FileSet
	ast   *ast.File
	names map[string]string // local name → import path
}

// inspect returns what breaks the rules in a tree of Go files.
func inspect(tree fs.FS, exempt map[string]string) []string {
	in := &inspection{exempt: exempt, used: map[string]bool{}}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && isOutside(name, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		in.file(name, text)
		return nil
	})
	if err != nil {
		in.complain("%v", err)
	}
	for key := range exempt {
		if !in.used[key] {
			in.complain("%s needs its exemption no longer", key)
		}
	}
	return in.problems
}

// isOutside says which folders hold no code of this module.
func isOutside(name, last string) bool {
	return strings.HasPrefix(last, ".") && last != "." || last == "testdata" || name == "bin" || name == "bench/peers"
}

func (in *inspection) complain(format string, args ...any) {
	in.problems = append(in.problems, fmt.Sprintf(format, args...))
}

func (in *inspection) file(name string, text []byte) {
	s := &source{path: name, room: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), files: token.NewFileSet()}
	var err error
	if s.ast, err = parser.ParseFile(s.files, name, text, parser.SkipObjectResolution); err != nil {
		in.complain("%v", err)
		return
	}
	s.names = localNames(s.ast)
	if s.names["."] != "" {
		in.complain("%s: a dot import hides what is called", name)
	}
	for _, bad := range badNames {
		if path.Base(s.room) == bad || s.ast.Name.Name == bad {
			in.complain("%s: no room is called %s", name, bad)
		}
	}
	testRoom := slices.ContainsFunc(testRooms, func(r string) bool { return within(s.room, r) })
	if _, known := floorOf[s.room]; !known && !testRoom {
		in.complain("%s: room %s has no floor", name, s.room)
		return
	}
	s.test = s.test || testRoom
	if !strings.HasSuffix(name, "_test.go") {
		in.lengths(s)
	}
	if !s.test {
		for _, spec := range s.ast.Imports {
			in.imported(s, strings.Trim(spec.Path.Value, `"`))
		}
	}
	in.code(s)
}

// imported holds one import of the house against floors, curtains and doors.
func (in *inspection) imported(s *source, imported string) {
	for door, rooms := range doors {
		if isDoor(imported, door) && !slices.Contains(rooms, s.room) {
			in.complain("%s: %s is imported only by %v", s.path, door, rooms)
		}
	}
	other, ours := strings.CutPrefix(imported, module)
	if s.isPure() && !slices.Contains(pureThoughInside, imported) &&
		slices.ContainsFunc(impureImports, func(p string) bool { return within(other, p) }) {
		in.complain("%s: it is pure and imports %s", s.path, other)
	}
	if !ours {
		return
	}
	switch floor, known := floorOf[other]; {
	case slices.ContainsFunc(testRooms, func(r string) bool { return within(other, r) }):
		in.complain("%s: %s is for tests only", s.path, other)
	case !known:
		in.complain("%s: imports %s, which has no floor", s.path, other)
	case floor >= floorOf[s.room]:
		in.complain("%s: %s (floor %d) imports %s (floor %d)", s.path, s.room, floorOf[s.room], other, floor)
	}
	for _, c := range curtains {
		never := slices.ContainsFunc(c.never, func(r string) bool { return within(other, r) })
		if never && within(s.room, c.room) && !slices.Contains(c.but, other) {
			in.complain("%s: %s never imports %s: %s", s.path, c.room, other, c.reason)
		}
	}
	if s.room == "internal/model" && !slices.Contains(modelImports, other) {
		in.complain("%s: internal/model imports only %v", s.path, modelImports)
	}
}

// code holds what is called and started against the rules.
func (in *inspection) code(s *source) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if s.isPure() && !s.test {
				in.complain("%s: it is pure and starts a goroutine", s.path)
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && s.names[x.Name] != "" {
				in.called(s, s.names[x.Name], n.Sel.Name)
			}
		}
		return true
	})
}

func (in *inspection) called(s *source, pkg, name string) {
	for _, c := range calls {
		if c.pkg != pkg || !slices.Contains(c.names, name) || slices.Contains(c.rooms, s.room) {
			continue
		}
		if s.test && (c.inTests == nil || slices.Contains(c.inTests, s.room)) {
			continue
		}
		in.complain("%s: %s.%s: %s", s.path, path.Base(pkg), name, c.reason)
	}
}

// lengths measures a file and its functions.
func (in *inspection) lengths(s *source) {
	line := func(p token.Pos) int { return s.files.Position(p).Line }
	in.long(s.path, line(s.ast.FileEnd-1), fileLinesMax)
	for _, d := range s.ast.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			in.long(s.path+" "+f.Name.Name, line(f.End())-line(f.Pos())+1, functionLinesMax)
		}
	}
}

func (in *inspection) long(what string, lines, most int) {
	if lines <= most {
		return
	}
	if in.exempt[what] != "" {
		in.used[what] = true
		return
	}
	in.complain("%s: %d lines; at most %d", what, lines, most)
}

func (s *source) isPure() bool {
	return slices.Contains(pureRooms, s.room) || slices.Contains(pureFiles, s.path)
}

// localNames are the names by which a file calls its imports.
func localNames(file *ast.File) map[string]string {
	out := map[string]string{}
	for _, spec := range file.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out[name] = imported
	}
	return out
}

// within says whether a room or package is another or lies in it.
func within(room, other string) bool { return room == other || strings.HasPrefix(room, other+"/") }

// isDoor compares an import with a door: a library is meant with its major versions and packages, a
// package of the standard library alone.
func isDoor(imported, door string) bool {
	if strings.Contains(door, ".") {
		return strings.HasPrefix(imported, door)
	}
	return imported == door
}
