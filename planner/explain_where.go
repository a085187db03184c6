package planner

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// PartitionText is a partition as conditions of CQL on its key, of long values the beginning.
func PartitionText(t *schema.Table, key [][]byte) string { return equalText(t.PartitionKey, key) }

// PartitionsText says which partitions are read, of many only the first.
func PartitionsText(r *Read) string {
	switch {
	case r.Through != nil:
		return "the partitions that the index names"
	case r.Keys == nil && r.Range == (partition.Range{}):
		return "all partitions"
	case r.Keys == nil:
		return "partitions with a token in " + r.Range.String()
	}
	if r.Table.Kind == schema.Index && len(r.Keys) == 1 {
		return indexedText(r.Table, r.Keys[0])
	}
	layout := r.Table.PartitionLayout()
	texts := make([]string, 0, listedMax+2)
	for _, k := range r.Keys[:min(len(r.Keys), listedMax+1)] {
		values, err := layout.Decode(k.Key)
		if err != nil {
			values = nil // it was made by the planner: it decodes
		}
		texts = append(texts, PartitionText(r.Table, values))
	}
	if len(texts) == 1 {
		return "partition " + texts[0]
	}
	if n := len(r.Keys) - listedMax; n > 1 {
		texts = append(texts[:listedMax], "and "+strconv.Itoa(n)+" more")
	}
	return strconv.Itoa(len(r.Keys)) + " partitions: " + strings.Join(texts, ", ")
}

// slicesText says which rows of a partition are read, as conditions of CQL.
func (r *Read) slicesText() string {
	switch {
	case r.Distinct:
		return "one row of each"
	case r.Slices.IsAll():
		return "all rows"
	}
	texts := make([]string, 0, listedMax+2)
	for _, s := range r.Slices[:min(len(r.Slices), listedMax+1)] {
		texts = append(texts, sliceText(r.Table, s))
	}
	if n := len(r.Slices) - listedMax; n > 1 {
		texts = append(texts[:listedMax], strconv.Itoa(n)+" more slices")
	}
	return "rows with " + strings.Join(texts, " OR ")
}

// sliceText is a slice as a condition.
func sliceText(t *schema.Table, s clustering.Slice) string {
	layout := t.ClusteringLayout()
	low, err := layout.Decode(s.Start.Prefix)
	high, err2 := layout.Decode(s.End.Prefix)
	if err != nil || err2 != nil {
		return s.String()
	}
	same := 0
	for same < len(low) && same < len(high) && string(low[same]) == string(high[same]) {
		same++
	}
	var conditions []string
	if same > 0 {
		conditions = append(conditions, equalText(t.Clustering[:same], low[:same]))
	}
	equal := len(conditions)
	if same < len(low) {
		conditions = append(conditions, boundText(t.Clustering[same:len(low)], low[same:], s.Start.Side == clustering.SideBefore, true))
	}
	if same < len(high) {
		conditions = append(conditions, boundText(t.Clustering[same:len(high)], high[same:], s.End.Side == clustering.SideAfter, false))
	}
	if len(conditions) == equal+2 && t.Clustering[same].Desc { // the lower value first
		conditions[equal], conditions[equal+1] = conditions[equal+1], conditions[equal]
	}
	return strings.Join(conditions, " AND ")
}

// boundText is one end of a slice as a condition on the columns where the ends differ.
func boundText(columns []*schema.Column, values [][]byte, inclusive, start bool) string {
	names, literals := make([]string, len(columns)), make([]string, len(columns))
	mixed := false
	for i, col := range columns {
		names[i], literals[i] = cql.QuoteIdentifier(col.Name), shortLiteral(col.Type, values[i])
		mixed = mixed || col.Desc != columns[0].Desc
	}
	name, literal := strings.Join(names, ", "), strings.Join(literals, ", ")
	if len(columns) > 1 {
		name, literal = "("+name+")", "("+literal+")"
	}
	if mixed { // no comparison of CQL says it
		return name + map[bool]string{true: " from ", false: " up to "}[start] + literal + map[bool]string{true: "", false: " exclusive"}[inclusive]
	}
	operator := "<"
	if start != columns[0].Desc {
		operator = ">"
	}
	if inclusive {
		operator += "="
	}
	return name + " " + operator + " " + literal
}

func equalText(columns []*schema.Column, values [][]byte) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = cql.QuoteIdentifier(columns[i].Name) + " = " + shortLiteral(columns[i].Type, v)
	}
	return strings.Join(out, " AND ")
}

// literalBytesMax is how much of a literal a detail shows.
const literalBytesMax = 60

// shortLiteral is a value as a literal, of a long one the beginning.
func shortLiteral(of *types.Type, value []byte) string {
	if value == nil {
		return "null"
	}
	text := string(of.AppendLiteral(nil, value))
	if len(text) <= literalBytesMax {
		return text
	}
	cut := literalBytesMax
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// orderText says in which order rows come.
func (r *Read) orderText() string {
	first := r.Table.Clustering[0]
	switch first.Type.Kind() {
	case types.KindTimestamp, types.KindTimeUUID, types.KindDate:
		if first.Desc != r.Reverse {
			return "newest first"
		}
		return "oldest first"
	}
	if r.Reverse {
		return "against the clustering order"
	}
	return "in clustering order"
}

// fetchText says what is decoded of rows beside their keys.
func (r *Read) fetchText() string {
	names := make([]string, len(r.Fetch))
	for i, col := range r.Fetch {
		names[i] = cql.QuoteIdentifier(col.Name)
	}
	out := "fetches no column but the key"
	if len(names) > 0 {
		out = "fetches " + few(names, ", ")
	}
	if r.Metadata {
		out += " with write times and TTLs"
	}
	return out
}

// operatorTexts are the operators of filters as CQL writes them.
var operatorTexts = map[Operator]string{Eq: "=", Neq: "!=", Lt: "<", Lte: "<=", Gt: ">", Gte: ">=", In: "IN", IsNotNull: "IS NOT NULL",
	Contains: "CONTAINS", ContainsKey: "CONTAINS KEY"}

// String is the filter as a condition of CQL.
func (f Filter) String() string {
	name := cql.QuoteIdentifier(f.Column.Name)
	texts := make([]string, len(f.Values))
	for i, v := range f.Values {
		texts[i] = shortLiteral(f.typeOf(i), v)
	}
	switch f.Op {
	case In:
		return name + " IN (" + few(texts, ", ") + ")"
	case IsNotNull:
		return name + " IS NOT NULL"
	case HasEntry:
		return name + "[" + texts[0] + "] = " + texts[1]
	}
	return name + " " + operatorTexts[f.Op] + " " + strings.Join(texts, "")
}

// typeOf is the type of a value of the filter.
func (f Filter) typeOf(i int) *types.Type {
	elems := f.Column.Type.Elems()
	switch f.Op {
	case Contains:
		return elems[len(elems)-1]
	case ContainsKey:
		return elems[0]
	case HasEntry:
		return elems[i]
	}
	return f.Column.Type
}

// indexedText is the value of a partition of an index.
func indexedText(t *schema.Table, key partition.DecoratedKey) string {
	values, err := t.PartitionLayout().Decode(key.Key)
	if err != nil || len(values) == 0 {
		return "a partition" // it was made by the planner: it decodes
	}
	return "partition " + t.Copy.Index.TargetText() + " = " + shortLiteral(t.PartitionKey[0].Type, values[0])
}

// text says what of an index is read.
func (t *Through) text() string {
	out := indexedText(t.Index, t.Key)
	if !t.Slices.IsAll() {
		out += ", some tokens"
	}
	return out + "; each of its rows names a partition"
}
