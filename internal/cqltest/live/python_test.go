package live

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPythonDriver(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	out := Run(t, Command{
		Program: Tool(t, "python"),
		Args:    []string{filepath.Join(Root(t), "internal", "cqltest", "live", "testdata", "driver.py"), server.Host, server.Port},
	})
	if out.Code != 0 || !strings.HasSuffix(out.Stdout, "done\n") {
		t.Fatal(out)
	}
	t.Logf("%d checks", strings.Count(out.Stdout, "ok "))
}
