package planner

import (
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// genericCall is a call of a function that takes types without number, before its types are known.
type genericCall struct {
	c        *compiler
	name     string
	args     []*operand
	receiver *types.Type // what takes the result; nil where any type would do
}

// parameter is what a function takes, as errors call it.
type parameter struct {
	text string
	// infer is the type that an argument is given as; nil: nothing tells.
	infer func(arg *operand, receiver *types.Type) *types.Type
	// refuses says what kind of argument is wanted instead of one of a type; empty: it is taken.
	refuses func(of *types.Type) string
	// optional: it may be missing at the end.
	optional bool
}

// orNone is the parameter where it may be missing.
func (p parameter) orNone() parameter {
	p.text, p.optional = "["+p.text+"]", true
	return p
}

func inferCompatible(arg *operand, _ *types.Type) *types.Type {
	return arg.compatible()
}

// wanting is a parameter of the types for which takes is true.
func wanting(text, kind string, takes func(of *types.Type) bool) parameter {
	return parameter{text: text, infer: inferCompatible, refuses: func(of *types.Type) string {
		if takes(of) {
			return ""
		}
		return "a " + kind + " argument"
	}}
}

// anyParameter takes a value of any type; what nothing tells is of the receiver's if fromReceiver is set.
func anyParameter(fromReceiver bool) parameter {
	return parameter{text: "any", infer: func(arg *operand, receiver *types.Type) *types.Type {
		if of := arg.compatible(); of != nil || !fromReceiver {
			return of
		}
		return receiver
	}}
}

// fixedParameter takes a value of one of several types; what nothing tells is of the first.
func fixedParameter(of ...*types.Type) parameter {
	names := make([]string, len(of))
	for i, t := range of {
		names[i] = t.String()
	}
	text := names[0]
	if len(of) > 1 {
		text = "[" + strings.Join(names, "|") + "]"
	}
	return fixedParameterAs(text, of...)
}

// fixedParameterAs is fixedParameter that errors call by a text.
func fixedParameterAs(text string, of ...*types.Type) parameter {
	return parameter{
		text: text,
		infer: func(arg *operand, _ *types.Type) *types.Type {
			if known := arg.compatible(); known != nil {
				return known
			}
			return of[0]
		},
		refuses: func(given *types.Type) string {
			for _, t := range of {
				if typeFits(given, t) != notAssignable {
					return ""
				}
			}
			return "an argument of type " + text
		},
	}
}

// types finds the types of the arguments by the parameters.
func (g *genericCall) types(parameters ...parameter) ([]*types.Type, error) {
	texts := make([]string, len(parameters))
	required := 0
	for i, p := range parameters {
		texts[i] = p.text
		if !p.optional {
			required++
		}
	}
	called := "system." + g.name + "(" + strings.Join(texts, ", ") + ")"
	if len(g.args) < required || len(g.args) > len(parameters) {
		return nil, invalidf("Invalid number of arguments for function %s", called)
	}
	out := make([]*types.Type, 0, len(g.args))
	for i, arg := range g.args {
		of := parameters[i].infer(arg, g.receiver)
		if of == nil {
			return nil, invalidf("Cannot infer type of argument %s in call to function %s: use type casts to disambiguate", arg, called)
		}
		if refuses := parameters[i].refuses; refuses != nil {
			if wanted := refuses(of); wanted != "" {
				return nil, invalidf("Function system.%s requires %s, but found argument %s of type %s", g.name, wanted, arg, of)
			}
		}
		out = append(out, types.Frozen(of))
	}
	return out, nil
}
