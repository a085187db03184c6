package cqltest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eskerdb/esker/cql"
)

// The CQL of the pages runs as it stands there, from top to bottom, each page in one database. What has an ellipsis or an
// alternative in it is no whole statement and is left out. Lines behind a statement that begin "no key of" are its refusal.
func TestDocs(t *testing.T) {
	for page, atLeast := range map[string]int{"cql.md": 25, "recipes.md": 8} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			e := open(t, Options{Auth: true})
			for _, setUp := range []string{"CREATE KEYSPACE iot WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", "USE iot"} {
				if _, err := e.Query(setUp, 0); err != nil {
					t.Fatal(err)
				}
			}
			ran := 0
			for _, block := range docBlocks(string(text)) {
				ran += runBlock(t, e, block)
			}
			if ran < atLeast {
				t.Errorf("%d statements ran, at least %d are there", ran, atLeast)
			}
			t.Logf("%d statements", ran)
		})
	}
}

// docBlocks are the blocks of CQL in a page: fenced as ```cql, or indented by four. Others are fenced and have no language.
func docBlocks(page string) []string {
	var out []string
	var block []string
	fence := ""
	end := func() {
		if len(block) > 0 {
			out = append(out, strings.Join(block, "\n"))
		}
		block = nil
	}
	before := ""
	for _, line := range strings.Split(page, "\n") {
		switch {
		case fence != "" && line == "```":
			end()
			fence = ""
		case fence == "```cql", fence == "" && strings.HasPrefix(line, "    ") && (before == "" || block != nil):
			block = append(block, strings.TrimPrefix(line, "    "))
		case fence == "" && strings.HasPrefix(line, "```"):
			end()
			fence = line
		case fence == "" && line != "":
			end()
		}
		before = line
	}
	end()
	return out
}

// runBlock runs the statements of a block and says how many there were.
func runBlock(t *testing.T, e *Embedded, block string) (ran int) {
	t.Helper()
	block, refusal, refused := strings.Cut(block, "\nno key of ")
	fragments := cql.Split(block)
	for i, f := range fragments {
		text := strings.TrimSpace(f.Text)
		if text == "" || strings.ContainsAny(text, "…|") || strings.HasPrefix(text, "ADMIN BACKUP") {
			continue
		}
		ran++
		if _, err := cql.Parse(text); err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		if err := e.settle(); err != nil {
			t.Fatal(err)
		}
		_, err := e.Query(text, 0)
		if !refused || i < len(fragments)-1 {
			if err != nil {
				t.Errorf("%s\n%v", text, err)
			}
			continue
		}
		want, _, _ := strings.Cut("no key of "+refusal, "scan an estimated")
		var got *Refusal
		if !errors.As(err, &got) || !strings.Contains(strings.Join(strings.Fields(got.Message), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%s\nis not refused as the page says:\n%s\nbut: %v", text, want, err)
		}
	}
	return ran
}
