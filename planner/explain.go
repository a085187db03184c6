package planner

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// ExplainRow is one step of a plan.
type ExplainRow struct {
	Operation, Object, Detail string
	Kind                      StepKind
	Rows                      int64 // about how many come out of the step; Unknown: that cannot be told before
}

// Unknown is an estimate that there is none.
const Unknown = -1

// StepKind says which measurements of a run belong to a step.
type StepKind uint8

const (
	StepOther     StepKind = iota // none
	StepRead                      // rows of the store
	StepIndex                     // rows of the index that names the partitions
	StepFilter                    // rows that passed the filters
	StepAggregate                 // groups
	StepSort                      // rows
	StepAnswer                    // rows of the answer
	StepLevel                     // rows of a rollup that serves a part
)

// Outlook is what is known of a Read before it runs. The zero value says that nothing is.
type Outlook struct {
	Known                   bool
	Buckets, AllBuckets     int // ranges of event time that have files
	Files, AllFiles         int
	RowGroups, AllRowGroups int64
	Memtables               int
	Rows                    int64    // read, about
	Excludes                bool     // statistics of row groups may exclude them by a filter
	Summaries               bool     // statistics of row groups may be the answer
	Read                    string   // what was read, once it was
	Index                   *Outlook // of the index that names the partitions; nil: of none
	Levels                  []string // what was read of each of Read.Levels, once it was
}

// Explain lists the steps of the plan in the order in which they run.
func (r *Read) Explain(o Outlook) []ExplainRow {
	e := explainer{read: r, outlook: o, rows: Unknown}
	choice := r.Choice
	if choice == "" {
		choice = "the statement names it"
	}
	e.add("use "+KindText(r.Table), StepOther, choice)
	if r.Through != nil {
		e.out = append(e.out, o.indexRow(r.Through))
	}
	e.addLevels()
	e.rows = e.readRows()
	e.add("read", StepRead, e.readText())
	if len(r.Filters) > 0 {
		e.rows = Unknown
		e.add("filter", StepFilter, e.filterText())
	}
	if r.Grouped {
		e.rows = Unknown
		if len(r.GroupBy) == 0 {
			e.rows = 1
		}
		e.add("aggregate", StepAggregate, e.aggregateText())
	}
	if r.Fill != nil {
		e.add("fill", StepAnswer, r.Fill.String())
	}
	if r.Distinct {
		e.limit(len(r.Keys))
		e.add("distinct", StepAnswer, "one row a partition")
	}
	if len(r.Sort) > 0 {
		e.add("sort", StepSort, "by "+sortText(r.Sort)+", because several partitions are asked for")
	}
	if r.PartitionMax > 0 {
		e.limit(r.PartitionMax * len(r.Keys))
		e.add("limit", StepAnswer, counted(int64(r.PartitionMax), "row")+" a partition")
	}
	if r.Limit > 0 {
		e.limit(r.Limit)
		e.add("limit", StepAnswer, counted(int64(r.Limit), "row"))
	}
	names := make([]string, len(r.Output))
	for i, out := range r.Output {
		names[i] = out.Name
	}
	e.add("return", StepAnswer, few(names, ", "))
	return e.out
}

// indexRow is the step that reads the index.
func (o *Outlook) indexRow(t *Through) ExplainRow {
	row := ExplainRow{Operation: "read index", Object: objectName(t.Index), Detail: t.text(), Kind: StepIndex, Rows: Unknown}
	switch {
	case o.Index == nil:
	case o.Index.Read != "":
		row.Detail, row.Rows = row.Detail+"; "+o.Index.Read, o.Index.Rows
	case o.Index.Known:
		row.Detail, row.Rows = row.Detail+"; "+o.Index.text(), o.Index.Rows
	}
	return row
}

// explainer collects steps.
type explainer struct {
	read    *Read
	outlook Outlook
	rows    int64
	out     []ExplainRow
}

func (e *explainer) add(operation string, kind StepKind, detail string) {
	row := ExplainRow{Operation: operation, Object: objectName(e.read.Table), Detail: detail, Kind: kind, Rows: e.rows}
	e.out = append(e.out, row)
}

// limit bounds the estimate; most 0 does not.
func (e *explainer) limit(most int) {
	if most > 0 && e.rows > int64(most) {
		e.rows = int64(most)
	}
}

// readRows is about how many rows are read.
func (e *explainer) readRows() int64 {
	r := e.read
	rows := int64(Unknown)
	if e.outlook.Known {
		rows = e.outlook.Rows
	}
	whole := r.Keys != nil
	for _, s := range r.Slices {
		key, one := s.Row()
		values, err := r.Table.ClusteringLayout().Decode(key)
		whole = whole && one && err == nil && len(values) == len(r.Table.Clustering)
	}
	if most := int64(len(r.Keys)) * int64(len(r.Slices)); whole && (rows == Unknown || rows > most) {
		rows = most
	}
	if r.stopsEarly() {
		rows = min(rows, int64(r.Limit))
	}
	return rows
}

// stopsEarly reports whether the read is over with as many rows as LIMIT says.
func (r *Read) stopsEarly() bool {
	return r.Limit > 0 && len(r.Filters) == 0 && !r.Grouped && !r.Distinct && r.PartitionMax == 0 && len(r.Sort) == 0
}

func (e *explainer) readText() string {
	r := e.read
	if len(r.Slices) == 0 || r.Keys != nil && len(r.Keys) == 0 {
		return "nothing: no row can fulfil the WHERE"
	}
	parts := []string{PartitionsText(r)}
	if len(r.Table.Clustering) > 0 {
		parts = append(parts, r.slicesText(), r.orderText())
	}
	parts = append(parts, r.fetchText())
	if r.Levels != nil {
		parts = append(parts, "only what no rollup serves")
	}
	if r.stopsEarly() {
		parts = append(parts, "stops after "+counted(int64(r.Limit), "row"))
	}
	switch {
	case e.outlook.Read != "":
		parts = append(parts, e.outlook.Read)
	case e.outlook.Known:
		parts = append(parts, e.outlook.text())
	}
	return strings.Join(parts, "; ")
}

// text says what a read would look into.
func (o *Outlook) text() string {
	out := fmt.Sprintf("looks into at most %d of %s", o.Files, counted(int64(o.AllFiles), "file"))
	if o.AllBuckets > 0 {
		out += fmt.Sprintf(" in %d of %s", o.Buckets, counted(int64(o.AllBuckets), "bucket"))
	}
	if o.Files > 0 {
		out += fmt.Sprintf(" (%d of %s)", o.RowGroups, counted(o.AllRowGroups, "row group"))
	}
	return out + " and " + counted(int64(o.Memtables), "memtable")
}

func (e *explainer) filterText() string {
	texts := make([]string, len(e.read.Filters))
	for i, f := range e.read.Filters {
		texts[i] = f.String()
	}
	out := few(texts, " AND ")
	if e.outlook.Excludes {
		out += "; row groups whose statistics rule it out are not decoded"
	}
	return out
}

func (e *explainer) aggregateText() string {
	r := e.read
	out := "all rows are one group"
	if len(r.GroupBy) > 0 {
		terms := make([]string, len(r.GroupBy))
		for i, t := range r.GroupBy {
			terms[i] = exprText(t)
		}
		out = "a group for each " + few(terms, ", ")
	}
	if e.outlook.Summaries {
		out += "; row groups that lie in one group are answered by their statistics"
	}
	return out
}

func sortText(keys []SortKey) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = cql.QuoteIdentifier(k.Column.Name)
		if k.Desc {
			out[i] += " DESC"
		}
	}
	return few(out, ", ")
}

// exprText is an expression as CQL writes it.
func exprText(e Expr) string {
	switch e := e.(type) {
	case *ColumnExpr:
		return cql.QuoteIdentifier(e.Column.Name)
	case *ConstExpr:
		return shortLiteral(e.Of, e.Value)
	case *CallExpr:
		args := make([]string, len(e.Args))
		for i, a := range e.Args {
			args[i] = exprText(a)
		}
		return e.Function.Name + "(" + strings.Join(args, ", ") + ")"
	}
	return "…"
}

// counted is a number with its noun: `1 row`, `2 rows`.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}

// listedMax is how many things of one kind a detail lists.
const listedMax = 4

// few joins texts, of many only the first.
func few(texts []string, between string) string {
	if n := len(texts) - listedMax; n > 1 {
		return strings.Join(texts[:listedMax], between) + fmt.Sprintf("%sand %d more", between, n)
	}
	return strings.Join(texts, between)
}

// KindText is what a table is called in warnings and plans: `table`, `query table`, `rollup`.
func KindText(t *schema.Table) string {
	switch t.Kind {
	case schema.QueryTable:
		return "query table"
	case schema.View:
		return "view"
	case schema.Index:
		return "index"
	case schema.Rollup:
		return "rollup"
	case schema.Virtual:
		return "virtual table"
	}
	return "table"
}

// objectName is the name of a table, or that of an index as statements write it.
func objectName(t *schema.Table) string {
	if t.Kind == schema.Index {
		return indexName(t)
	}
	return t.QualifiedName()
}
