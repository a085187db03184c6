package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cmd/esker/settings"
)

// The unit of the package starts the server with flags that it has, and every line of its file of settings can be taken in.
func TestPackaging(t *testing.T) {
	unit, err := os.ReadFile("../../packaging/esker.service")
	if err != nil {
		t.Fatal(err)
	}
	_, start, found := strings.Cut(string(unit), "\nExecStart=/usr/bin/esker ")
	start, _, _ = strings.Cut(start, "\n")
	if !found || !strings.HasPrefix(start, "server ") {
		t.Fatalf("it starts %q", start)
	}
	cmd := newServerCommand()
	for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(start, -1) {
		if cmd.Flags().Lookup(flag[1]) == nil {
			t.Errorf("there is no flag --%s", flag[1])
		}
	}
	file, err := os.ReadFile("../../packaging/esker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^# ([a-z_]+: )`).ReplaceAll(file, []byte("$1"))
	f, err := settings.ReadFile("esker.yaml", all)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := settings.Resolve(settings.Sources{File: f}); err != nil || len(f.Ignored()) > 0 {
		t.Errorf("%v, %v", err, f.Ignored())
	}
	if strings.Count(string(all), "\n#") == strings.Count(string(file), "\n#") {
		t.Error("no line was taken in")
	}
}
