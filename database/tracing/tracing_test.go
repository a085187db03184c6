package tracing

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/eskerdb/esker/internal/clock"
)

func newTraces() (*Traces, *clock.Manual) {
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	tick := int64(17_000_000_000_000_000)
	return New(c, func() int64 { tick++; return tick }, 7), c
}

func TestStepsAreKept(t *testing.T) {
	s, c := newTraces()
	trace := s.Begin(Start{Command: "QUERY", Parameters: map[string]string{"query": "SELECT"}})
	trace.Step("read %d rows", 3)
	c.Advance(2 * time.Millisecond)
	trace.Step("returned")
	if s.Session(trace.ID()) != nil {
		t.Error("a request that is not over is shown")
	}
	trace.End()
	trace.End()
	trace.Step("later")
	got := s.Session(trace.ID())
	if got == nil || got.Duration != 2*time.Millisecond || len(got.Steps) != 2 || got.Steps[0].Activity != "read 3 rows" ||
		got.Steps[1].Elapsed != 2*time.Millisecond || string(got.Steps[0].ID[:]) == string(got.Steps[1].ID[:]) || len(s.Sessions()) != 1 {
		t.Errorf("kept %+v", got)
	}
}

// A request that nobody traces calls the same functions.
func TestNoTrace(t *testing.T) {
	var trace *Trace
	trace.Step("step")
	trace.End()
	if trace.ID() != [16]byte{} {
		t.Error("it has an id")
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	s, c := newTraces()
	first := s.Begin(Start{})
	first.End()
	for range sessionsMax {
		s.Begin(Start{}).End()
	}
	if len(s.Sessions()) != sessionsMax || s.Session(first.ID()) != nil {
		t.Errorf("%d sessions are kept", len(s.Sessions()))
	}
	long := strings.Repeat("€", textBytesMax)
	for range 2 * bytesMax / textBytesMax {
		trace := s.Begin(Start{Parameters: map[string]string{"query": long}})
		trace.End()
		text := s.Session(trace.ID()).Parameters["query"]
		if len(text) > textBytesMax || !utf8.ValidString(text) {
			t.Fatalf("a text of %d bytes is kept", len(text))
		}
		if s.bytes > bytesMax || len(s.byID) != len(s.sessions) {
			t.Fatalf("%d bytes are kept of %d sessions", s.bytes, len(s.byID))
		}
	}
	trace := s.Begin(Start{})
	for range 2 * stepsMax {
		trace.Step("step")
	}
	trace.End()
	if steps := s.Session(trace.ID()).Steps; len(steps) != stepsMax || steps[stepsMax-1].Activity != "There are further steps" {
		t.Errorf("%d steps are kept", len(steps))
	}
	c.Advance(keptFor + time.Nanosecond)
	if n := len(s.Sessions()); n != 0 || s.bytes != 0 {
		t.Errorf("after a day %d sessions are kept, %d bytes", n, s.bytes)
	}
}
