package planner

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/clustering"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// A range over one column has the same slices as the range of a tuple with that one column.
func TestSlicesOfOneColumnAreThoseOfATuple(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := []*schema.Column{
			{Name: "a", Kind: schema.ClusteringKey, Type: types.Bigint, Desc: rapid.Bool().Draw(t, "a desc")},
			{Name: "b", Kind: schema.ClusteringKey, Position: 1, Type: types.Text, Desc: rapid.Bool().Draw(t, "b desc")},
		}
		layout := clustering.Layout{{Type: types.Bigint, Desc: columns[0].Desc}, {Type: types.Text, Desc: columns[1].Desc}}
		var prefixes [][]byte
		at := rapid.IntRange(0, 1).Draw(t, "column")
		if at == 0 {
			prefixes = [][]byte{nil}
		} else {
			for i := range rapid.IntRange(1, 3).Draw(t, "prefixes") {
				prefixes = append(prefixes, layout[0].Append(nil, types.AppendBigint(nil, int64(3*i))))
			}
		}
		value := func(label string) constant {
			n := rapid.IntRange(0, 3).Draw(t, label)
			if at == 1 {
				return constant(strings.Repeat("x", n))
			}
			return constant(types.AppendBigint(nil, int64(n-1)))
		}
		one, tuple := clusteringPart{first: at, single: &restriction{}}, clusteringPart{first: at}
		for _, side := range []string{"low", "high"} {
			if !rapid.Bool().Draw(t, side) {
				continue
			}
			v, inclusive := value(side+" value"), rapid.Bool().Draw(t, side+" inclusive")
			bound, of := &rangeBound{v, inclusive}, &tupleBound{tuple: tupleTerm{terms: []boundTerm{v}}, inclusive: inclusive}
			tr := &tupleRestriction{first: at, width: 1}
			if side == "low" {
				one.single.low, tr.low = bound, of
			} else {
				one.single.high, tr.high = bound, of
			}
			tuple.tuple = append(tuple.tuple, tr)
		}
		got, err := one.bindRange(layout, columns, prefixes, nil, Context{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := tuple.bindRange(layout, columns, prefixes, nil, Context{})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v\nwant %v, %v", got, want, err)
		}
	})
}
