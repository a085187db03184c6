package bench

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
)

// A small run of each shape loads, compacts and reads back right.
func TestRunReadsBackWhatItLoaded(t *testing.T) {
	for _, shape := range []Shape{Regular, Jitter} {
		var out bytes.Buffer
		err := Run(Options{Dir: t.TempDir(), Shape: shape, Devices: 20, Ticks: 500, Reads: 20, JSON: true, Out: &out, Clock: clock.System{}})
		if err != nil {
			t.Fatalf("%s: %v", shape, err)
		}
		var report struct{ Measurements []Measurement }
		if err := json.Unmarshal(out.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
		verified := 0.0
		for _, m := range report.Measurements {
			if m.Name == "verified" {
				verified = m.Value
			}
		}
		if verified != 20*500 {
			t.Errorf("%s: %v rows were verified, want all", shape, verified)
		}
	}
	if err := Run(Options{Shape: "square"}); err == nil {
		t.Error("an unknown shape was accepted")
	}
}
