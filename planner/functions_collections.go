package planner

import (
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/downsample"
)

// What the functions of collections take.
var (
	collectionParameter = wanting("collection", "collection", (*types.Type).IsCollection)
	mapParameter        = wanting("map", "map", func(of *types.Type) bool { return of.Kind() == types.KindMap })
	elementsParameter   = wanting("numeric_set_or_list", "set or list", isSetOrList)
	numbersParameter    = wanting("numeric_set_or_list", "numeric set/list", func(of *types.Type) bool {
		return isSetOrList(of) && downsample.Numeric(of.Elems()[0])
	})
)

func isSetOrList(of *types.Type) bool {
	return of.Kind() == types.KindSet || of.Kind() == types.KindList
}

// addCollectionFunctions adds map_keys, map_values and collection_*.
func addCollectionFunctions(into functionTable) {
	add := func(name string, takes parameter, result func(of *types.Type) *types.Type, eval func(of *types.Type, elems [][]byte) ([]byte, error)) {
		into.addGeneric(func(g *genericCall) (*overload, error) {
			args, err := g.types(takes)
			if err != nil {
				return nil, err
			}
			of := args[0]
			return &overload{args: args, result: result(of), eval: func(args [][]byte) ([]byte, error) {
				if args[0] == nil {
					return nil, nil
				}
				elems, err := of.SplitCollection(args[0])
				if err != nil {
					return nil, invalidf("%v", err)
				}
				return eval(of, elems)
			}}, nil
		}, name)
	}
	keys := func(of *types.Type) *types.Type { return types.Frozen(types.SetOf(of.Elems()[0])) }
	values := func(of *types.Type) *types.Type { return types.Frozen(types.ListOf(of.Elems()[1])) }
	elem := func(of *types.Type) *types.Type { return of.Elems()[0] }
	add("map_keys", mapParameter, keys, func(of *types.Type, entries [][]byte) ([]byte, error) {
		return keys(of).AppendCollection(nil, every(entries, 0, 2)), nil
	})
	add("map_values", mapParameter, values, func(of *types.Type, entries [][]byte) ([]byte, error) {
		return values(of).AppendCollection(nil, every(entries, 1, 2)), nil
	})
	add("collection_count", collectionParameter, func(*types.Type) *types.Type { return types.Int }, func(of *types.Type, elems [][]byte) ([]byte, error) {
		return types.AppendInt(nil, int32(len(elems)/len(of.Elems()))), nil
	})
	for name, takes := range map[string]parameter{"min": elementsParameter, "max": elementsParameter, "sum": numbersParameter, "avg": numbersParameter} {
		add("collection_"+name, takes, elem, func(of *types.Type, elems [][]byte) ([]byte, error) {
			a, err := downsample.NewAccumulator(name, of.Elems()[0])
			if err != nil {
				return nil, err
			}
			for _, e := range elems {
				if e != nil {
					a.Add(e)
				}
			}
			return a.Result(), nil
		})
	}
}

// every is each nth of some values, from the first on.
func every(values [][]byte, first, nth int) [][]byte {
	out := make([][]byte, 0, len(values)/nth)
	for i := first; i < len(values); i += nth {
		out = append(out, values[i])
	}
	return out
}
