// Package shell is the interactive shell: statements and commands in, tables out.
//
// It talks to a server over TCP like any client. It knows the habits of cqlsh; it does not know the
// database or its files.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/internal/clock"
)

// Exit codes, as of cqlsh.
const (
	exitOK         = 0
	exitConnection = 1 // the server could not be reached
	exitStatement  = 2 // a statement of a script failed
)

// Options of a shell.
type Options struct {
	Server client.Options // where to connect, and as whom
	// Secret asks the person at the terminal for a password; nil: there is none.
	Secret   func(question string) (string, error)
	Execute  string // -e: run this and end
	File     string // -f: run this file and end
	Version  string // of esker, for the banner
	In       *os.File
	Out      io.Writer
	Err      io.Writer
	Terminal bool // In and Out are terminals: read lines with history and completion
	Clock    clock.Clock
}

// Shell is a shell under way.
type Shell struct {
	opts     Options
	conn     *client.Conn
	pageSize int32
	expand   bool
	failed   bool // a statement failed
	depth    int  // of SOURCE within SOURCE
}

// pageSizeDefault is how many rows are asked for at a time, as in cqlsh.
const pageSizeDefault = 100

// sourceDepthMax is how deep SOURCE may nest.
const sourceDepthMax = 16

// errExit ends the shell.
var errExit = errors.New("exit")

// Run runs a shell and returns the program's exit code.
func Run(ctx context.Context, o Options) int {
	s := &Shell{opts: o, pageSize: pageSizeDefault}
	conn, err := client.Dial(ctx, o.Server)
	if err != nil {
		fmt.Fprintf(o.Err, "Connection error: %v\nIs a server running there? Start one with: esker server\n", err)
		return exitConnection
	}
	s.conn = conn
	defer s.conn.Close()
	switch {
	case o.Execute != "":
		err = s.script(ctx, o.Execute)
	case o.File != "":
		err = s.source(ctx, o.File)
	case o.Terminal:
		return s.interactive(ctx)
	default:
		err = s.stdin(ctx)
	}
	if err != nil && !errors.Is(err, errExit) {
		s.complain(err)
	}
	if s.failed {
		return exitStatement
	}
	return exitOK
}

// stdin runs what comes on standard input.
func (s *Shell) stdin(ctx context.Context) error {
	text, err := io.ReadAll(s.opts.In)
	if err != nil {
		return err
	}
	return s.script(ctx, string(text))
}

// source runs a file of statements and commands.
func (s *Shell) source(ctx context.Context, name string) error {
	if s.depth >= sourceDepthMax {
		return fmt.Errorf("SOURCE %s: files include each other more than %d deep", name, sourceDepthMax)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("could not open %s: %w", name, errors.Unwrap(err))
	}
	s.depth++
	defer func() { s.depth-- }()
	return s.script(ctx, string(text))
}

// script runs statements and commands one after the other and goes on after one that fails.
func (s *Shell) script(ctx context.Context, text string) error {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if run := s.command(line); run != nil {
			text = rest
			if err := run(ctx); err != nil {
				if errors.Is(err, errExit) {
					return err
				}
				s.complain(err)
			}
			continue
		}
		fragments := cql.Split(text)
		if len(fragments) == 0 {
			return nil
		}
		first := fragments[0]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.statement(ctx, first.Text); err != nil {
			s.complain(err)
		}
		text = text[first.Offset+len(first.Text):]
		text = strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(text, " \t\r\n"), ";"), " \t\r\n")
	}
	return nil
}

// complain prints an error and remembers that something failed.
func (s *Shell) complain(err error) {
	s.failed = true
	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Fprintf(s.opts.Err, "%s: %s\n", refused.Code, refused.Message)
		return
	}
	fmt.Fprintln(s.opts.Err, err)
}

// statement sends one statement and prints its answer.
func (s *Shell) statement(ctx context.Context, text string) error {
	started := s.opts.Clock.Now()
	result, err := s.conn.QueryWith(ctx, text, nil, client.RequestOptions{PageSize: s.pageSize})
	if err != nil {
		return err
	}
	if err := s.print(ctx, result, isDescribe(text)); err != nil {
		return err
	}
	if s.opts.Terminal {
		fmt.Fprintf(s.opts.Out, "(%s)\n", s.opts.Clock.Now().Sub(started).Round(10*time.Microsecond))
	}
	return nil
}

func isDescribe(text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return strings.EqualFold(word, "describe") || strings.EqualFold(word, "desc")
}

// print shows an answer: a table, the texts of DESCRIBE, or nothing.
func (s *Shell) print(ctx context.Context, result *client.Result, describe bool) error {
	if result.HasRows() {
		table, err := newTable(result.Columns)
		if err != nil {
			return err
		}
		switch {
		case describe:
			err = s.printDescribe(ctx, result, table)
		case s.expand:
			err = s.printExpanded(ctx, result, table)
		default:
			err = s.printTable(ctx, result, table)
		}
		if err != nil {
			return err
		}
	}
	if len(result.Warnings) > 0 {
		fmt.Fprintln(s.opts.Out, "\nWarnings :")
		for _, w := range result.Warnings {
			fmt.Fprintln(s.opts.Out, w)
		}
		fmt.Fprintln(s.opts.Out)
	}
	return nil
}
