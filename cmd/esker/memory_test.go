package main

import (
	"strings"
	"testing"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"256MiB": 256 << 20, "1GiB": 1 << 30, "100MB": 100_000_000, "2 GiB": 2 << 30, "67108864": 64 << 20, "90000000B": 90_000_000, "70000KiB": 70000 << 10,
	} {
		if got, err := parseMemory(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"1MiB": "the least is 64MiB", "0": "the least is 64MiB", "-1GiB": "want a size", "lots": "want a size", "9999999999GiB": "want a size", "MiB": "want a size",
	} {
		if _, err := parseMemory(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if got, err := parseMemory(""); err != nil || got < memoryDefaultMin || got > memoryDefaultMax {
		t.Errorf("the default is %d, %v", got, err)
	}
}
