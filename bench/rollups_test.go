package bench

import (
	"bytes"
	"testing"

	"github.com/eskerdb/esker/internal/clock"
)

// The first error is found among rollups that have none; no rollup is no error.
func TestErrorsOfRollupsAreFound(t *testing.T) {
	null := []byte{255, 255, 255, 255}
	rows := bytes.Join([][]byte{null, null, {0, 0, 0, 3}, []byte("why"), null}, nil)
	if text, any := firstText(rows); !any || text != "why" {
		t.Errorf("%q, %v", text, any)
	}
	if text, any := firstText(append(null, null...)); any {
		t.Errorf("%q", text)
	}
	e, err := openEmbedded(t.TempDir(), clock.System{}, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := e.failed(); err != nil {
		t.Error(err)
	}
	if err := e.do("CREATE TABLE "+Keyspace+".t (k int, ts timestamp, v int, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}",
		"INSERT INTO "+Keyspace+".t (k, ts, v) VALUES (1, 1000, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := e.settled(); err != nil {
		t.Error(err)
	}
}
