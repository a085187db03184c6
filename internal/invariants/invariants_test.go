package invariants

import "testing"

func TestCheck(t *testing.T) {
	Check(true, "not said")
	defer func() {
		if got, want := recover(), "invariant broken: rows out of order: 2, 1"; got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	Check(false, "rows out of order: %d, %d", 2, 1)
}
