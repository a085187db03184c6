package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/bench"
)

// `esker bench run --over tcp` loads a server of its own in three ways and reads back what it loaded, of every shape;
// `esker bench compare` reads what it wrote.
func TestBenchOverTCP(t *testing.T) {
	t.Parallel()
	var files []string
	for _, shape := range bench.Shapes {
		out := Run(t, Command{Args: []string{
			"bench", "run", "--over", "tcp", "--shape", string(shape), "--devices", "10", "--readings", "450", "--reads", "20", "--output", "json",
		}})
		if out.Code != 0 {
			t.Fatal(out)
		}
		report, err := bench.Read(strings.NewReader(out.Stdout))
		if err != nil {
			t.Fatal(err)
		}
		compared := 0.0
		for _, m := range report.Sections[0].Measurements {
			if m.Name == "rows read back and compared" {
				compared = m.Value
			}
		}
		if compared != 3*10*450 {
			t.Errorf("%s: %v rows were compared, want those of three tables", shape, compared)
		}
		files = append(files, filepath.Join(t.TempDir(), string(shape)+".json"))
		if err := os.WriteFile(files[len(files)-1], []byte(out.Stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := Run(t, Command{Args: []string{"bench", "compare", files[0], files[0]}}); out.Code != 0 || !strings.Contains(out.Stdout, "1.00") {
		t.Error(out)
	}
	if out := Run(t, Command{Args: []string{"bench", "compare", files[0], files[1]}}); out.Code == 0 {
		t.Errorf("other shapes compare: %s", out)
	}
}
