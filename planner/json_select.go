package planner

import (
	"github.com/eskerdb/esker/cql/types"
)

// jsonOutputs makes one text of a row's outputs, for SELECT JSON.
func jsonOutputs(outputs []Output) []Output {
	f := &Function{Name: "json", Result: types.Text}
	call := &CallExpr{Function: f}
	names := make([][]byte, len(outputs))
	for i, o := range outputs {
		names[i] = append(types.AppendJSONName(nil, o.Name), ": "...)
		f.Args = append(f.Args, o.Type)
		call.Args = append(call.Args, o.Expr)
	}
	f.Eval = func(args [][]byte) ([]byte, error) {
		out := []byte{'{'}
		for i, v := range args {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = f.Args[i].AppendJSON(append(out, names[i]...), v)
		}
		return append(out, '}'), nil
	}
	return []Output{{Name: "[json]", Type: types.Text, Expr: call}}
}
