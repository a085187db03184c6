package settings

import (
	_ "embed" // the names of cassandra.yaml
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fileBytesMax is how long a file may be. Cassandra's own, full of comments, has 120 KiB.
const fileBytesMax = 1 << 20

// File is what a file of settings says.
type File struct {
	name     string
	values   map[string]entry
	ignored  []string
	problems []error
}

// entry is the text of a setting and its line.
type entry struct {
	text string
	line int
}

//go:embed cassandra.txt
var cassandraNames string

// cassandra are the names that cassandra.yaml may have, those of earlier releases too.
var cassandra = strings.Fields(cassandraNames)

// Limits of nesting: the parser takes time and memory by the square of it.
const (
	bracketsMax = 32
	columnMax   = 512 // of a colon or a dash: each level of lines begins a column further right
)

// deepLine is the first line that is nested too deep; 0: there is none.
func deepLine(tokens token.Tokens) int {
	open := 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		case token.MappingValueType, token.MappingKeyType, token.SequenceEntryType:
			if t.Position.Column > columnMax {
				return t.Position.Line
			}
		}
		if open > bracketsMax {
			return t.Position.Line
		}
	}
	return 0
}

// Ignored are the names of cassandra.yaml in the file that mean nothing here, in their order.
func (f *File) Ignored() []string { return f.ignored }

// ReadFile reads a file of settings, which is YAML. The error names every line that cannot be, a line each; it never
// shows the text of what it does not know, which may be a secret.
func ReadFile(name string, content []byte) (*File, error) {
	f := &File{name: name, values: map[string]entry{}}
	if len(content) > fileBytesMax {
		return nil, fmt.Errorf("%s: %d bytes; a file of settings has at most %d", name, len(content), fileBytesMax)
	}
	tokens := lexer.Tokenize(string(content))
	if line := deepLine(tokens); line > 0 {
		return nil, fmt.Errorf("%s:%d: levels in levels, more than a file of settings has", name, line)
	}
	parsed, err := parser.Parse(tokens, 0)
	var broken yaml.Error
	switch {
	case errors.As(err, &broken):
		return nil, fmt.Errorf("%s:%d: %s", name, broken.GetToken().Position.Line, broken.GetMessage())
	case err != nil:
		return nil, fmt.Errorf("%s: it is not YAML", name)
	}
	for i, d := range parsed.Docs {
		if d.Body == nil {
			continue
		}
		if i > 0 {
			f.complain(d.Body, "one document is all that a file may have")
			break
		}
		f.level("", d.Body)
	}
	if err := errors.Join(f.problems...); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) complain(at ast.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.name, at.GetToken().Position.Line, fmt.Sprintf(format, args...)))
}

// level reads the names of one level; above is the name of the level with a dot behind it.
func (f *File) level(above string, at ast.Node) {
	var entries []*ast.MappingValueNode
	switch at := at.(type) {
	case *ast.MappingNode:
		entries = at.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{at}
	case *ast.NullNode, *ast.CommentGroupNode:
	default:
		f.complain(at, "want lines like `name: value`")
	}
	for _, e := range entries {
		key, ok := e.Key.(*ast.StringNode)
		if !ok {
			f.complain(e.Key, "want a name before the colon")
			continue
		}
		f.one(above+key.Value, e)
	}
}

// one reads the value of a name.
func (f *File) one(name string, e *ast.MappingValueNode) {
	row := find(name)
	_, null := e.Value.(*ast.NullNode)
	switch {
	case row == nil && isLevel(name):
		f.level(name+".", e.Value)
	case row == nil && slices.Contains(cassandra, name):
		if !null {
			f.ignored = append(f.ignored, name)
		}
	case row == nil:
		f.complain(e.Key, "%s: there is no setting of that name%s", name, suggest(name))
	case null: // as if it were not there
	default:
		if text, ok := f.scalar(row, e.Value); ok {
			f.values[name] = entry{text: text, line: e.Key.GetToken().Position.Line}
		}
	}
}

// scalar is the text of a value. Cassandra writes some as a list of one, and classes as a level with class_name.
func (f *File) scalar(row *Setting, at ast.Node) (string, bool) {
	switch v := at.(type) {
	case *ast.StringNode:
		if row.Class {
			return v.Value[strings.LastIndexByte(v.Value, '.')+1:], true
		}
		return v.Value, true
	case *ast.MappingNode:
		if row.Class {
			return f.class(row, v)
		}
	case *ast.LiteralNode:
		return strings.TrimSuffix(v.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, true
	case *ast.SequenceNode:
		if row.List && len(v.Values) == 1 {
			return f.scalar(row, v.Values[0])
		}
		if row.List {
			f.complain(at, "%s: want one entry, not %d", row.Name, len(v.Values))
			return "", false
		}
	}
	f.complain(at, "%s: want one value", row.Name)
	return "", false
}

// class is the class_name of a level; what else is there must be names of Cassandra.
func (f *File) class(row *Setting, at *ast.MappingNode) (text string, ok bool) {
	for _, e := range at.Values {
		key, _ := e.Key.(*ast.StringNode)
		switch {
		case key != nil && key.Value == "class_name":
			text, ok = f.scalar(row, e.Value)
		case key != nil && slices.Contains(cassandra, row.Name+"."+key.Value):
			f.ignored = append(f.ignored, row.Name+"."+key.Value)
		default:
			f.complain(e.Key, "%s: want class_name", row.Name)
			return "", false
		}
	}
	if !ok {
		f.complain(at, "%s: want class_name", row.Name)
	}
	return text, ok
}

// find is the row of a name.
func find(name string) *Setting {
	for i := range table {
		if table[i].Name == name {
			return &table[i]
		}
	}
	return nil
}

// isLevel reports whether settings stand below a name.
func isLevel(name string) bool {
	return slices.ContainsFunc(table, func(row Setting) bool { return strings.HasPrefix(row.Name, name+".") })
}

// suggest names the setting that may have been meant.
func suggest(name string) string {
	best, least := "", 1+max(2, len(name)/4)
	consider := func(candidate string) {
		if d := distance(name, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	for i := range table {
		consider(table[i].Name)
	}
	for _, candidate := range cassandra {
		consider(candidate)
	}
	for i := range table {
		row := &table[i]
		if strings.ReplaceAll(name, "_", "-") == row.Flag {
			best = row.Name
		}
	}
	if best == "" {
		return "; `esker config print` lists them all"
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters must be added, dropped or changed to make b of a; beyond bound it is any number from there on.
func distance(a, b string, bound int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= bound {
		return bound
	}
	before := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := range len(a) {
		now := make([]int, len(b)+1)
		now[0] = i + 1
		for j := range len(b) {
			change := before[j]
			if a[i] != b[j] {
				change++
			}
			now[j+1] = min(change, before[j+1]+1, now[j]+1)
		}
		before = now
	}
	return before[len(b)]
}
