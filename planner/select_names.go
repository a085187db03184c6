package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql"
)

// namer names selectors, given the casts that leave no trace in a name: those of a term to its own type.
type namer map[*cql.Cast]bool

// selectorText is a term as Cassandra writes it in errors.
func selectorText(t cql.Term) string { return namer(nil).text(t) }

// text names a selector in the answer as Cassandra does.
func (n namer) text(t cql.Term) string {
	switch t := t.(type) {
	case *cql.ColumnRef:
		return t.Name
	case *cql.Literal:
		if t.Class == cql.LiteralNull {
			return "NULL"
		}
		return literalText(t)
	case *cql.Marker:
		if t.Name != "" {
			return ":" + t.Name
		}
		return "?"
	case *cql.Cast:
		if n[t] {
			return n.text(t.Operand)
		}
		return "cast(" + n.text(t.Operand) + " as " + strings.ToLower(t.Type.String()) + ")"
	case *cql.TypeHint:
		return "(" + t.Type.String() + ")" + n.text(t.Operand)
	case *cql.Binary:
		return n.text(t.Left) + " " + string(t.Op) + " " + n.text(t.Right)
	case *cql.Negation:
		return "-" + n.text(t.Operand)
	case *cql.FunctionCall:
		return n.call(t)
	case *cql.Element, *cql.Range, *cql.Field:
		return partText(t)
	}
	return n.elements(t)
}

func (n namer) call(t *cql.FunctionCall) string {
	name := strings.ToLower(t.Name)
	switch {
	case name == "count" && len(t.Args) == 1 && countsRows(t.Args[0]):
		return "count"
	case !metaFunction(name):
		name = "system." + name
	}
	return name + "(" + n.list(t.Args) + ")"
}

func (n namer) list(terms []cql.Term) string {
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = n.text(t)
	}
	return strings.Join(out, ", ")
}

// elements names a collection, tuple or user type.
func (n namer) elements(t cql.Term) string {
	switch t := t.(type) {
	case *cql.ListLiteral:
		return "[" + n.list(t.Elems) + "]"
	case *cql.SetLiteral:
		return "{" + n.list(t.Elems) + "}"
	case *cql.TupleLiteral:
		return "(" + n.list(t.Elems) + ")"
	case *cql.MapLiteral:
		parts := make([]string, len(t.Entries))
		for i, e := range t.Entries {
			parts[i] = n.text(e.Key) + ": " + n.text(e.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *cql.UserTypeLiteral:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = f.Name.Text + ": " + n.text(f.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return cql.FormatTerm(t)
}
