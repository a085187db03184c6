package database

import (
	"fmt"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/database/exec"
	"github.com/eskerdb/esker/planner"
)

// explain answers EXPLAIN; with ANALYZE a read is run as well, and measured.
func (d *Database) explain(st *Statement, plan *planner.Explain, req *Request) (*Result, error) {
	rows := explainRows(plan.Plan)
	out := &exec.Result{Columns: st.Plan.Result}
	var actual, micros []byte
	if read, ok := plan.Plan.(*planner.Read); ok && plan.Analyze {
		started := d.clock.Now()
		result, err := d.read(st, read, &Request{PageSize: 0, Values: req.Values})
		if err != nil {
			return nil, err
		}
		actual = types.AppendBigint(nil, int64(result.Rows.RowCount))
		micros = types.AppendBigint(nil, d.clock.Now().Sub(started).Microseconds())
	} else if plan.Analyze {
		return nil, &planner.InvalidError{Message: "EXPLAIN ANALYZE runs its statement: this build takes a SELECT"}
	}
	for i, r := range rows {
		last := i == len(rows)-1
		cells := [][]byte{types.AppendInt(nil, int32(r.Step)), []byte(r.Operation), []byte(r.Object), []byte(r.Detail), nil, nil, nil}
		if last {
			cells[5], cells[6] = actual, micros
		}
		for _, c := range cells {
			out.Rows = exec.AppendCell(out.Rows, c)
		}
		out.RowCount++
	}
	return &Result{Kind: ResultRows, Rows: out}, nil
}

// explainRows are the steps of a plan.
func explainRows(plan planner.Plan) []planner.ExplainRow {
	switch plan := plan.(type) {
	case *planner.Read:
		return plan.Explain()
	case *planner.Write:
		if plan.Table == nil {
			return nil
		}
		return []planner.ExplainRow{{Step: 1, Operation: "write", Object: plan.Table.QualifiedName(), Detail: fmt.Sprintf("%d mutations in one record", len(plan.Mutations))}}
	}
	return []planner.ExplainRow{{Step: 1, Operation: fmt.Sprintf("%T", plan)}}
}
