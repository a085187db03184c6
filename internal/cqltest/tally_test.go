package cqltest

import "testing"

// What is alike, what differs on purpose and what merely differs add up to what was compared.
func TestTallyAddsUp(t *testing.T) {
	var c tally
	listed := Differences{"a: x": "because", "a: y": "because", "b: z": "other"}
	c.add(10, []*Difference{{Script: "a", Statement: "x"}, {Script: "a", Statement: "y"}, {Script: "a", Statement: "new"}}, listed)
	c.add(5, []*Difference{{Script: "b", Statement: "z"}}, listed)
	c.skip()
	want := "sample 2 scripts compared with Cassandra, 1 are only esker's: 15 statements, 11 answered alike, 3 differ on purpose, 1 differ\n" +
		"sample differs on purpose: 2 × because\nsample differs on purpose: 1 × other\n"
	if got := c.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
