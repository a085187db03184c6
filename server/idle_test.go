package server

import (
	"runtime"
	"strings"
	"testing"

	"github.com/eskerdb/esker/server/wire"
)

// A connection that has nothing to do holds no memory to read into or to answer from, whatever it did before; neither
// does one whose client does not go on with a frame.
func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	for name, half := range map[string][]byte{"between frames": nil, "within a header": {4, 0, 0}, "within a body": {4, 0, 0, 1, byte(wire.OpQuery), 0, 0, 100, 0, 'x'}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Database: echo()})
			got := idleBytes(t, s, 300, half)
			t.Logf("an idle connection takes %d bytes, the test's side of it included", got)
			if got >= deskBytes {
				t.Errorf("an idle connection takes %d bytes: as much as a desk of %d", got, deskBytes)
			}
		})
	}
}

// idleBytes is what each of n connections takes after it was busy, and sent the beginning of a frame.
func idleBytes(t *testing.T, s *Server, n int, half []byte) int {
	before := residentBytes()
	sockets := make([]*raw, n)
	for i := range sockets {
		r := dialRaw(t, s)
		r.ready()
		for stream := range int16(3) {
			r.ask(4, stream, &wire.Query{Text: []byte(strings.Repeat("q", 10_000))})
		}
		for range 3 {
			r.answer()
		}
		r.frames, sockets[i] = nil, r
	}
	all := s.Counters().BytesIn + uint64(n*len(half))
	for _, r := range sockets {
		r.write(half)
	}
	for s.Counters().BytesIn < all {
		runtime.Gosched() // until it was read
	}
	return (residentBytes() - before) / n
}

// residentBytes is what the heap and the stacks take once pools are empty: they keep memory for two collections.
func residentBytes() int {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
