package client

import (
	"testing"

	"github.com/eskerdb/esker/server/wire"
)

func TestDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	if o.ProtocolVersion != 0 || o.InFlight != 128 || o.AnswerBytesMax != 256<<20 || o.DialContext == nil {
		t.Errorf("defaults %+v", o)
	}
	for asked, want := range map[int]int{1: 1, inFlightMax: inFlightMax, inFlightMax + 1: inFlightMax, -1: inFlightDefault} {
		if got := (Options{InFlight: asked}).withDefaults().InFlight; got != want {
			t.Errorf("%d in flight became %d, want %d", asked, got, want)
		}
	}
	if p := (RequestOptions{}).params(nil); p.Consistency != wire.LocalOne || p.PageSize != 5000 {
		t.Errorf("default parameters %+v", p)
	}
	if p := (RequestOptions{PageSize: -1}).params(nil); p.PageSize > 0 {
		t.Errorf("unpaged asks for pages of %d", p.PageSize)
	}
}

// Every stream that a connection may use must be one that the protocol has.
func TestStreamsFit(t *testing.T) {
	if last := inFlightMax - 1; int(int16(last)) != last {
		t.Errorf("stream %d does not fit", last)
	}
}
