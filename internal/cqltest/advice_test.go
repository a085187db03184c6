package cqltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eskerdb/esker/cql"
)

// advised pastes the query table that a refusal suggests, asks again, and compares with what filtering finds. It
// drops the query table, so that the script goes on as if nothing had been.
type advised struct {
	*Embedded
	t      *testing.T
	pasted *atomic.Int64
}

// Query implements Target.
func (a advised) Query(text string, pageSize int) (*Answer, error) {
	answer, err := a.Embedded.Query(text, pageSize)
	var refused *Refusal
	if errors.As(err, &refused) {
		if _, advice, found := strings.Cut(refused.Message, "\nCreate:  "); found {
			a.paste(text, advice)
		}
	}
	return answer, err
}

func (a advised) paste(text, advice string) {
	create, rest, _ := strings.Cut(advice, "\n")
	a.pasted.Add(1)
	if err := a.follow(text, create, strings.HasPrefix(rest, "and add ALLOW FILTERING")); err != nil {
		a.t.Errorf("%s\nadvice: %s\n%v", text, create, err)
	}
}

// follow carries out the advice.
func (a advised) follow(text, create string, filtering bool) error {
	tree, err := cql.Parse(create)
	if err != nil {
		return err
	}
	name := tree.(*cql.CreateQueryTable).Name
	if _, err := a.Embedded.Query(create, 0); err != nil {
		return err
	}
	if err := a.settle(); err != nil {
		return err
	}
	ask := strings.TrimSuffix(strings.TrimSpace(text), ";")
	if filtering {
		ask += " ALLOW FILTERING"
	}
	got, err := a.Embedded.Query(ask, 0)
	if err != nil {
		return fmt.Errorf("created, it is still refused: %w", err)
	}
	if !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, name.Name+" served this query") }) {
		return fmt.Errorf("it was served without %s: %q", name.Name, got.Warnings)
	}
	if _, err := a.Embedded.Query("DROP QUERY TABLE "+cql.QuoteIdentifier(name.Keyspace)+"."+cql.QuoteIdentifier(name.Name), 0); err != nil {
		return err
	}
	return a.compare(text, got)
}

// compare holds the answer to that of a scan, where a scan can give it. Rows of several partitions have no order of
// their own, and a LIMIT takes any.
func (a advised) compare(text string, got *Answer) error {
	scan, err := a.Embedded.Query(strings.TrimSuffix(strings.TrimSpace(text), ";")+" ALLOW FILTERING", 0)
	var refused *Refusal
	if errors.As(err, &refused) {
		return nil // it asked for an order or groups that the base table does not have
	}
	if err != nil {
		return err
	}
	if len(got.Rows) != len(scan.Rows) {
		return fmt.Errorf("%d rows, a scan finds %d", len(got.Rows), len(scan.Rows))
	}
	if strings.Contains(strings.ToUpper(text), " LIMIT ") {
		return nil
	}
	x, y := sortedRows(got), sortedRows(scan)
	if !slices.Equal(x, y) {
		return fmt.Errorf("got rows\n%q\na scan finds\n%q", x, y)
	}
	return nil
}

func sortedRows(a *Answer) []string {
	out := make([]string, len(a.Rows))
	for i, row := range a.Rows {
		out[i] = fmt.Sprintf("%q", row)
	}
	slices.Sort(out)
	return out
}

// Whatever query table a refusal suggests can be created, serves the statement, and answers as a scan does.
func TestAdviceServes(t *testing.T) {
	var pasted atomic.Int64
	t.Cleanup(func() { t.Logf("%d suggestions were pasted", pasted.Load()) })
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if _, err := (&Run{Target: advised{open(t, Options{}), t, &pasted}}).Script(s); err != nil {
				t.Error(err)
			}
		})
	}
}
