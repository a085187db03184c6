package cqltest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally counts what was compared with Cassandra. Its zero value is ready; it is safe for concurrent use.
type tally struct {
	mu         sync.Mutex // guards all below
	scripts    int
	skipped    int // scripts that say nothing about Cassandra
	statements int
	wrong      int // differences that are not listed
	reasons    map[string]int
}

func (c *tally) skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped++
}

// add counts a script with that many statements and these differences.
func (c *tally) add(statements int, differences []*Difference, listed Differences) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scripts++
	c.statements += statements
	for _, d := range differences {
		reason, ok := listed[d.key()]
		if !ok {
			c.wrong++
			continue
		}
		if c.reasons == nil {
			c.reasons = map[string]int{}
		}
		c.reasons[reason]++
	}
}

// String is a line of the sums, and a line for each reason why an answer is meant to differ, the frequent ones first.
func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	meant := 0
	for _, n := range c.reasons {
		meant += n
	}
	var out strings.Builder
	fmt.Fprintf(&out, "sample %d scripts compared with Cassandra, %d are only esker's: %d statements, %d answered alike, %d differ on purpose, %d differ\n",
		c.scripts, c.skipped, c.statements, c.statements-meant-c.wrong, meant, c.wrong)
	reasons := slices.SortedFunc(maps.Keys(c.reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.reasons[b], c.reasons[a]), strings.Compare(a, b))
	})
	for _, reason := range reasons {
		fmt.Fprintf(&out, "sample differs on purpose: %d × %s\n", c.reasons[reason], reason)
	}
	return out.String()
}
