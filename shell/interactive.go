package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peterh/liner"

	"github.com/eskerdb/esker/cql"
)

// historyName is the file in the home directory that keeps the lines of earlier sessions.
const historyName = ".esker_history"

// interactive reads lines from a terminal until EXIT or the end of input.
func (s *Shell) interactive(ctx context.Context) int {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	line.SetCompleter(complete)
	loadHistory(line)
	defer saveHistory(line)
	if err := s.banner(ctx); err != nil {
		s.complain(err)
		return exitConnection
	}
	pending := ""
	for {
		text, err := line.Prompt(s.prompt(pending))
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			pending = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.opts.Out)
			return exitOK
		case err != nil:
			s.complain(err)
			return exitConnection
		}
		if strings.TrimSpace(text) != "" && !tellsSecret(pending+text) {
			line.AppendHistory(text)
		}
		if pending, err = s.line(ctx, pending, text); errors.Is(err, errExit) {
			return exitOK
		}
	}
}

// line adds a line to the statement being typed and runs what is complete; it returns what is left.
func (s *Shell) line(ctx context.Context, pending, text string) (string, error) {
	if pending == "" {
		if run := s.command(text); run != nil {
			err := run(ctx)
			if err != nil && !errors.Is(err, errExit) {
				s.complain(err)
			}
			return "", err
		}
	}
	pending += text + "\n"
	fragments := cql.Split(pending)
	if len(fragments) == 0 {
		return "", nil
	}
	for _, f := range fragments {
		if !f.Complete {
			return pending[f.Offset:], nil
		}
		if err := s.statement(ctx, f.Text); err != nil {
			s.complain(err)
		}
	}
	return "", nil
}

func (s *Shell) prompt(pending string) string {
	if pending != "" {
		return "   ... "
	}
	if k := s.conn.Keyspace(); k != "" {
		return "cqlsh:" + k + "> "
	}
	return "cqlsh> "
}

func (s *Shell) banner(ctx context.Context) error {
	cells, err := s.localRow(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.opts.Out, "Connected to %s at %s\n", cells[0], s.opts.Server.Addr)
	if err := s.showVersion(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.opts.Out, "Use HELP for help.")
	return nil
}

// commandWords are completed beside the keywords of CQL.
var commandWords = []string{"CLEAR", "DESCRIBE", "EXIT", "EXPAND", "HELP", "LOGIN", "PAGING", "QUIT", "SHOW VERSION", "SOURCE"}

// complete offers the keywords that begin with the last word of the line, in the case it is typed in.
func complete(line string) []string {
	cut := strings.LastIndexAny(line, " (,;=<>") + 1
	word := line[cut:]
	if word == "" {
		return nil
	}
	var out []string
	for _, k := range slices.Concat(cql.Keywords(), commandWords) {
		if len(k) >= len(word) && strings.EqualFold(k[:len(word)], word) {
			if word == strings.ToLower(word) {
				k = strings.ToLower(k)
			} else {
				k = strings.ToUpper(k)
			}
			out = append(out, line[:cut]+k+" ")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func historyFile() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "" // no home, no history
	}
	return filepath.Join(home, historyName)
}

func loadHistory(line *liner.State) {
	f, err := os.Open(historyFile())
	if err != nil {
		return // the first session
	}
	defer f.Close()
	_, _ = line.ReadHistory(f) // a history that cannot be read is no reason not to start
}

func saveHistory(line *liner.State) {
	f, err := os.OpenFile(historyFile(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = line.WriteHistory(f) // nor is one that cannot be written a reason to fail at the end
}
