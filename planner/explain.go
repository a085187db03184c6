package planner

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/schema"
)

// ExplainRow is one step of a plan, as far as it is known before the plan runs.
type ExplainRow struct {
	Step                      int
	Operation, Object, Detail string
}

// Explain lists the steps of the plan in the order in which they run.
func (r *Read) Explain() []ExplainRow {
	var out []ExplainRow
	add := func(operation, detail string) {
		out = append(out, ExplainRow{len(out) + 1, operation, r.Table.QualifiedName(), detail})
	}
	order := "in clustering order"
	if r.Reverse {
		order = "against the clustering order"
	}
	where := "all partitions with a token in " + r.Range.String()
	if r.Keys != nil {
		where = plural(len(r.Keys), "partition")
	}
	what := "all rows"
	if !r.Slices.IsAll() {
		what = plural(len(r.Slices), "slice")
	}
	add("read "+kindText(r.Table.Kind), fmt.Sprintf("%s, %s, %s", where, what, order))
	for _, f := range r.Filters {
		add("filter", f.String())
	}
	if r.Grouped {
		add("aggregate", plural(len(r.GroupBy), "grouping term"))
	}
	if r.Distinct {
		add("distinct", "one row a partition")
	}
	if len(r.Sort) > 0 {
		add("sort", "by "+r.Sort[0].Column.Name)
	}
	if r.PartitionMax > 0 {
		add("limit", strconv.Itoa(r.PartitionMax)+" a partition")
	}
	if r.Limit > 0 {
		add("limit", strconv.Itoa(r.Limit))
	}
	return out
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func kindText(k schema.TableKind) string {
	switch k {
	case schema.QueryTable:
		return "query table"
	case schema.View:
		return "view"
	case schema.Rollup:
		return "rollup"
	case schema.Virtual:
		return "virtual table"
	}
	return "table"
}

// operatorTexts are the operators of filters as CQL writes them.
var operatorTexts = map[Operator]string{Eq: "=", Neq: "!=", Lt: "<", Lte: "<=", Gt: ">", Gte: ">=", In: "IN", IsNotNull: "IS NOT NULL"}

// String is the filter as a condition of CQL.
func (f Filter) String() string {
	texts := make([]string, len(f.Values))
	for i, v := range f.Values {
		texts[i] = string(f.Column.Type.AppendLiteral(nil, v))
	}
	switch f.Op {
	case In:
		return f.Column.Name + " IN (" + strings.Join(texts, ", ") + ")"
	case IsNotNull:
		return f.Column.Name + " IS NOT NULL"
	}
	return f.Column.Name + " " + operatorTexts[f.Op] + " " + strings.Join(texts, "")
}
