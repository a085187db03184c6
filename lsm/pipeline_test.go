package lsm

import (
	"testing"

	"github.com/eskerdb/esker/lsm/commitlog"
)

// TestNobodyWaitsForWhatIsThere: a record that was applied between the publication of whoever waits for a later one and his wait is
// published by him.
func TestNobodyWaitsForWhatIsThere(t *testing.T) {
	p := &pipeline{}
	p.wake.L = &p.mu
	at := func(offset int64) commitlog.Position { return commitlog.Position{Segment: 1, Offset: offset} }
	p.begin(at(10))
	p.begin(at(20))
	p.applied(2)
	p.publish(at(20)) // both are durable; the first is not applied
	p.applied(1)
	p.wait(2) // for ever, if it relied on others
	if visible := p.visibleSequence(); visible != 2 {
		t.Errorf("visible up to %d", visible)
	}
}
