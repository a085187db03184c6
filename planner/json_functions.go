package planner

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
)

// addJSONFunctions adds to_json and from_json, which take and give values of any type, in both spellings.
func addJSONFunctions(into functionTable) {
	into.addGeneric(toJSONOverload, "to_json", "tojson")
	into.addGeneric(fromJSONOverload, "from_json", "fromjson")
}

func toJSONOverload(g *genericCall) (*overload, error) {
	of, err := g.types(anyParameter(false))
	if err != nil {
		return nil, err
	}
	return &overload{args: of, result: types.Text, eval: toJSON(of[0])}, nil
}

// toJSON is to_json of values of a type.
func toJSON(of *types.Type) func(args [][]byte) ([]byte, error) {
	return func(args [][]byte) ([]byte, error) {
		if k := of.Kind(); len(args[0]) == 0 && k != types.KindText && k != types.KindASCII && k != types.KindBlob {
			return []byte("null"), nil // functions take the empty value of other types for null
		}
		return of.AppendJSON(nil, args[0]), nil
	}
}

func fromJSONOverload(g *genericCall) (*overload, error) {
	if g.receiver == nil {
		return nil, invalidf("%s() cannot be used in the selection clause of a SELECT statement", g.name)
	}
	if _, err := g.types(fixedParameter(types.Text)); err != nil {
		return nil, err
	}
	return &overload{args: []*types.Type{types.Text}, result: g.receiver, eval: fromJSON(g.name, g.receiver)}, nil
}

// fromJSON is from_json of texts, for a receiver.
func fromJSON(name string, of *types.Type) func(args [][]byte) ([]byte, error) {
	failed := func(format string, args ...any) error {
		return functionFailed(name, []*types.Type{types.Text}, fmt.Sprintf(format, args...))
	}
	return func(args [][]byte) ([]byte, error) {
		if args[0] == nil {
			return nil, nil
		}
		j, err := types.ReadJSON(string(args[0]))
		if err != nil {
			return nil, failed("Could not decode JSON string '%s': %v", types.Shown(string(args[0])), err)
		}
		v, err := of.FromJSON(j)
		if err != nil {
			return nil, failed("%v", err)
		}
		return v, nil
	}
}
