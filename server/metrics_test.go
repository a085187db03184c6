package server

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/server/wire"
)

// A time lies in the first bucket whose bound is not below it.
func TestEveryTimeHasItsBucket(t *testing.T) {
	bounds := DurationBounds()
	for i := 1; i < len(bounds); i++ {
		if bounds[i] <= bounds[i-1] {
			t.Fatalf("bound %d is %v, after %v", i, bounds[i], bounds[i-1])
		}
	}
	check := func(d time.Duration) error {
		at := bucketOf(d)
		if at < len(bounds) && d > bounds[at] || at > 0 && d <= bounds[at-1] {
			return fmt.Errorf("%v is in bucket %d", d, at)
		}
		return nil
	}
	for _, b := range bounds {
		for _, d := range []time.Duration{b - 1, b, b + 1} {
			if err := check(d); err != nil {
				t.Error(err)
			}
		}
	}
	for _, d := range []time.Duration{-1, 0, math.MaxInt64} {
		if err := check(d); err != nil {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := check(time.Duration(rapid.Int64().Draw(t, "d"))); err != nil {
			t.Fatal(err)
		}
	})
}

// What every connection counts is in the sum, whatever stripe it counts on.
func TestCountersAreSums(t *testing.T) {
	s := &Server{}
	const connections, each = 3*stripes + 1, 100
	var join sync.WaitGroup
	for range connections {
		join.Go(func() {
			m := &meter{stripe: s.metrics.join()}
			for i := range each {
				m.begun()
				m.read(2)
				m.wrote(3)
				if i%10 == 0 {
					m.answered(wire.OpExecute, &wire.Error{Code: wire.CodeOverloaded}, time.Millisecond)
					continue
				}
				m.answered(wire.OpExecute, &wire.Void{}, time.Microsecond)
			}
			m.begun() // and is in flight
		})
	}
	join.Wait()
	c := s.Counters()
	writes, failed := c.Answers["write"], c.Answers["failed"]
	const n = connections * each
	if c.Requests["EXECUTE"] != n || writes.Count() != n*9/10 || failed.Count() != n/10 || c.Errors[wire.CodeOverloaded] != n/10 ||
		c.BytesIn != 2*n || c.BytesOut != 3*n || c.InFlight != connections {
		t.Errorf("%+v", c)
	}
	if writes.Sum != n*9/10*time.Microsecond || writes.Counts[0] != n*9/10 || failed.Counts[bucketOf(time.Millisecond)] != n/10 {
		t.Errorf("%+v, %+v", writes, failed)
	}
}

func TestCountingRequestsAllocatesNothing(t *testing.T) {
	var m metrics
	c := &meter{stripe: m.join()}
	var answer wire.Response = &wire.Error{Code: wire.CodeInvalid}
	if n := testing.AllocsPerRun(100, func() {
		c.begun()
		c.answered(wire.OpQuery, answer, time.Second)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A client's requests, errors, bytes and its connection are counted.
func TestRequestsAreCounted(t *testing.T) {
	db := &stub{execute: func(st *database.Statement, _ database.Request) (*database.Result, error) {
		if st.Text == "fail" {
			return nil, &planner.InvalidError{Message: "no"}
		}
		return &database.Result{Kind: database.ResultVoid}, nil
	}}
	ended, events := endings()
	s := start(t, Options{Database: db, Events: events})
	c, err := client.Dial(t.Context(), client.Options{Addr: s.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two", "fail"} {
		_, err := c.Query(t.Context(), text)
		var refused *client.Error
		if errors.As(err, &refused) != (text == "fail") {
			t.Errorf("%s: %v", text, err)
		}
	}
	c.Close()
	<-ended
	got := s.Counters()
	writes, failed := got.Answers["write"], got.Answers["failed"]
	if got.Requests["QUERY"] != 3 || got.Requests["STARTUP"] != 1 || writes.Count() != 2 || failed.Count() != 1 || got.Errors[wire.CodeInvalid] != 1 {
		t.Errorf("%+v", got)
	}
	if got.Opened != 1 || got.Open != 0 || got.Closed["client"] != 1 || got.InFlight != 0 || got.BytesIn < 3*9 || got.BytesOut < 4*9 {
		t.Errorf("%+v", got)
	}
}

// Each cause by which connections are refused or end has its own number.
func TestCausesOfConnections(t *testing.T) {
	s := &Server{}
	for i, cause := range []error{fmt.Errorf("5 %w", errTooMany), fmt.Errorf("5 %w", errTooManyOfAddress), errShutdown, errors.New("accept: too many open files")} {
		s.metrics.refusal(cause)
		if got := s.Counters().Refused[refusals[i]]; got != 1 {
			t.Errorf("%v: %d", cause, got)
		}
	}
	for i, cause := range []error{nil, errShutdown, errStartup, errFrame, errCrowded, fmt.Errorf("%w: 7 bytes", errUnread), timeout{}, &wire.ProtocolError{}, errors.New("reset"), errPlainPort} {
		s.metrics.departure(cause)
		if got := s.Counters().Closed[departures[i]]; got != 1 {
			t.Errorf("%v: %d", cause, got)
		}
	}
}

// timeout is the error of a write that took too long.
type timeout struct{}

func (timeout) Error() string { return "i/o timeout" }

func (timeout) Is(target error) bool { return target == os.ErrDeadlineExceeded }

func BenchmarkCounting(b *testing.B) {
	var m metrics
	var answer wire.Response = &wire.Void{}
	b.RunParallel(func(pb *testing.PB) {
		c := &meter{stripe: m.join()}
		for pb.Next() {
			c.begun()
			c.answered(wire.OpExecute, answer, 20*time.Microsecond)
		}
	})
}
