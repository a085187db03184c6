package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
)

// overload is one signature of a scalar function.
type overload struct {
	args   []*types.Type
	result *types.Type
	eval   func(args [][]byte) ([]byte, error)
	moment func(ctx Context) []byte // of a function of the moment, which has no arguments; else nil
	step   stepFunction             // of floor and time_bucket, else nil
}

// family is the scalar functions of one name.
type family struct {
	overloads []overload
	// generic makes the overload for a call, of a function that takes types without number; nil for the others.
	generic func(call *genericCall) (*overload, error)
	// operator is the sign of arithmetic; 0: a function that is called by its name.
	operator byte
}

// families are the scalar functions by name, in lower case.
var families = functionTable{}

// The functions are added here, and not where families is declared, since some of them ask for others by name.
func init() {
	addMomentFunctions(families)
	addTimeFunctions(families)
	addBlobFunctions(families)
	addCasts(families)
	addArithmetic(families)
	addMathFunctions(families)
	addCollectionFunctions(families)
	addJSONFunctions(families)
	addMaskFunctions(families)
	families.addGeneric(tokenOverload, "token")
}

// functionTable is what families is made of.
type functionTable map[string]*family

// add adds an overload under each of several names.
func (t functionTable) add(o overload, names ...string) {
	for _, n := range names {
		t.family(n).overloads = append(t.family(n).overloads, o)
	}
}

// addGeneric adds a function that takes types without number.
func (t functionTable) addGeneric(generic func(call *genericCall) (*overload, error), names ...string) {
	for _, n := range names {
		t.family(n).generic = generic
	}
}

func (t functionTable) family(name string) *family {
	if t[name] == nil {
		t[name] = &family{}
	}
	return t[name]
}

// castPrefix begins the names under which casts are kept, as in Cassandra's errors.
const castPrefix = "cast_as_"

// functionName is the name of a function as it is called.
type functionName struct{ keyspace, name string }

func (n functionName) String() string {
	if n.keyspace == "" {
		return n.name
	}
	return n.keyspace + "." + n.name
}

// builtin reports whether the name can be that of a built-in function.
func (n functionName) builtin() bool { return n.keyspace == "" || n.keyspace == "system" }

// system is the name with the keyspace of the built-in functions.
func system(name string) functionName { return functionName{keyspace: "system", name: name} }

// function finds the function of a call: nil where there is none of that name. The receiver is the type that takes the result; nil
// where any would do.
func (c *compiler) function(name functionName, args []*operand, receiver *types.Type) (*Function, error) {
	of := families[name.name]
	if of == nil || !name.builtin() {
		return nil, nil
	}
	candidates := of.overloads
	if of.generic != nil {
		o, err := of.generic(&genericCall{c: c, name: name.name, args: args, receiver: receiver})
		if err != nil {
			return nil, err
		}
		candidates = append(slices.Clone(candidates), *o)
	}
	if len(candidates) == 1 {
		return candidates[0].function(name.name), candidates[0].check(name.name, args)
	}
	var fits []*overload
	for i := range candidates {
		o := &candidates[i]
		if receiver != nil && typeFits(o.result, receiver) == notAssignable {
			continue
		}
		switch o.accepts(args) {
		case exactMatch:
			return o.function(name.name), nil
		case weaklyAssignable:
			fits = append(fits, o)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0].function(name.name), nil
	case len(fits) == 0 && of.operator != 0:
		return nil, invalidf("the '%c' operation is not supported between %s and %s", of.operator, args[0], args[1])
	case len(fits) == 0:
		return nil, invalidf("Invalid call to function %s, none of its type signatures match (known type signatures: %s)", name, signatures(name.name, candidates))
	}
	return ambiguous(name, of, args, fits, receiver)
}

// ambiguous decides between several overloads that arguments fit. Of an operation without markers that of the receiver's own
// type is meant.
func ambiguous(name functionName, of *family, args []*operand, fits []*overload, receiver *types.Type) (*Function, error) {
	switch {
	case of.operator != 0:
		isMarker := func(o *operand) bool { _, ok := o.term.(*cql.Marker); return ok }
		if receiver != nil && !slices.ContainsFunc(args, isMarker) {
			for _, o := range fits {
				if o.args[0].Equal(receiver) && o.args[1].Equal(receiver) {
					return o.function(name.name), nil
				}
			}
		}
		return nil, invalidf("Ambiguous '%c' operation with args %s and %s: use type hint to disambiguate, example '(int) ?'", of.operator, args[0], args[1])
	case name.name == negateName:
		return nil, invalidf("Ambiguous negation: use type casts to disambiguate")
	}
	all := make([]overload, len(fits))
	for i, o := range fits {
		all[i] = *o
	}
	return nil, invalidf("Ambiguous call to function %s (can be matched by following signatures: %s): use type casts to disambiguate", name, signatures(name.name, all))
}

// accepts reports how well arguments fit a signature.
func (o *overload) accepts(args []*operand) fitness {
	if len(args) != len(o.args) {
		return notAssignable
	}
	out := exactMatch
	for i, a := range args {
		if out = min(out, a.fits(o.args[i])); out == notAssignable {
			break
		}
	}
	return out
}

// check is the error of arguments that do not fit the only signature of a name.
func (o *overload) check(name string, args []*operand) error {
	if len(args) != len(o.args) {
		return invalidf("Invalid number of arguments in call to function system.%s: %d required but %d provided", name, len(o.args), len(args))
	}
	for i, a := range args {
		if a.fits(o.args[i]) == notAssignable {
			return invalidf("Type error: %s cannot be passed as argument %d of function system.%s of type %s", a, i, name, o.args[i])
		}
	}
	return nil
}

func (o *overload) function(name string) *Function {
	return &Function{Name: name, Args: o.args, Result: o.result, Eval: o.eval, moment: o.moment, step: o.step}
}

func signatures(name string, all []overload) string {
	parts := make([]string, len(all))
	for i, o := range all {
		args := make([]string, len(o.args))
		for j, a := range o.args {
			args[j] = a.String()
		}
		parts[i] = "system." + cql.QuoteIdentifier(name) + " : (" + strings.Join(args, ", ") + ") -> " + o.result.String()
	}
	return strings.Join(parts, ", ")
}

// strict makes a function null where an argument is null, and likewise where one of a type that has no
// empty value is empty.
func strict(eval func(args [][]byte) ([]byte, error)) func(args [][]byte) ([]byte, error) {
	return func(args [][]byte) ([]byte, error) {
		for _, a := range args {
			if len(a) == 0 {
				return nil, nil
			}
		}
		return eval(args)
	}
}

// callOf is the name and arguments of a term that a function computes: a call, or arithmetic. ok is false for other terms.
func callOf(t cql.Term) (name functionName, args []cql.Term, ok bool) {
	switch t := t.(type) {
	case *cql.FunctionCall:
		return functionName{keyspace: t.Keyspace, name: t.Name}, t.Args, true
	case *cql.Binary:
		return system(operationNames[t.Op]), []cql.Term{t.Left, t.Right}, true
	case *cql.Negation:
		return system(negateName), []cql.Term{t.Operand}, true
	case *cql.Cast:
		to := strings.ToLower(t.Type.String())
		if of := types.ByName(to); of != nil {
			to = of.String() // varchar is text
		}
		return system(castPrefix + to), []cql.Term{t.Operand}, true
	}
	return functionName{}, nil, false
}
