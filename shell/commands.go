package shell

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// command returns what a line does if it is a command of the shell rather than CQL, or nil.
func (s *Shell) command(line string) func(context.Context) error {
	words := strings.Fields(strings.TrimRight(strings.TrimSpace(line), "; \t"))
	if len(words) == 0 {
		return nil
	}
	args := words[1:]
	switch strings.ToUpper(words[0]) {
	case "EXIT", "QUIT":
		return func(context.Context) error { return errExit }
	case "HELP", "?":
		return func(context.Context) error { return s.help() }
	case "SOURCE":
		return func(ctx context.Context) error {
			if len(args) != 1 {
				return fmt.Errorf("SOURCE takes one file name: SOURCE 'schema.cql'")
			}
			return s.source(ctx, strings.Trim(args[0], `'"`))
		}
	case "LOGIN":
		_, rest, _ := strings.Cut(strings.TrimRight(strings.TrimSpace(line), "; \t"), words[0])
		return func(ctx context.Context) error { return s.login(ctx, rest) }
	case "PAGING":
		return func(context.Context) error { return s.setPaging(args) }
	case "EXPAND":
		return func(context.Context) error { return s.setExpand(args) }
	case "CLEAR", "CLS":
		return func(context.Context) error {
			fmt.Fprint(s.opts.Out, "\x1b[H\x1b[2J")
			return nil
		}
	case "SHOW":
		if len(args) == 1 && strings.EqualFold(args[0], "VERSION") {
			return func(ctx context.Context) error { return s.showVersion(ctx) }
		}
	}
	return nil
}

const helpText = `
Statements end with a semicolon and may span lines:
  CREATE KEYSPACE/TABLE/QUERY TABLE/ROLLUP, ALTER, DROP, USE, INSERT, UPDATE, DELETE,
  SELECT, BEGIN BATCH … APPLY BATCH, TRUNCATE, EXPLAIN, DESCRIBE,
  ADMIN FLUSH/COMPACT/TABLESTATS/BACKUP

Commands of the shell:
  HELP                this text
  DESCRIBE …          KEYSPACES, TABLES, KEYSPACE k, TABLE t, SCHEMA, CLUSTER
  SOURCE 'file'       run the statements of a file
  PAGING [ON|OFF|n]   rows a page (now %s)
  EXPAND [ON|OFF]     one line a column
  LOGIN name ['pw']   go on as somebody else; without a password it is asked for
  SHOW VERSION        versions of shell and server
  CLEAR               clear the screen
  EXIT, QUIT          leave

Tab completes keywords. Ctrl-R searches the history, Ctrl-C drops the statement being typed.

`

func (s *Shell) help() error {
	paging := "OFF"
	if s.pageSize > 0 {
		paging = strconv.Itoa(int(s.pageSize))
	}
	fmt.Fprintf(s.opts.Out, helpText, paging)
	return nil
}

func (s *Shell) setPaging(args []string) error {
	if len(args) == 0 {
		if s.pageSize > 0 {
			fmt.Fprintf(s.opts.Out, "Query paging is currently enabled. Use PAGING OFF to disable\nPage size: %d\n", s.pageSize)
			return nil
		}
		fmt.Fprintln(s.opts.Out, "Query paging is currently disabled. Use PAGING ON to enable.")
		return nil
	}
	switch n, err := strconv.Atoi(args[0]); {
	case strings.EqualFold(args[0], "ON"):
		s.pageSize = pageSizeDefault
	case strings.EqualFold(args[0], "OFF"):
		s.pageSize = 0
	case err == nil && n > 0 && n < 1<<31:
		s.pageSize = int32(n)
	default:
		return fmt.Errorf("PAGING takes ON, OFF or a number of rows, not %q", args[0])
	}
	return s.setPaging(nil)
}

func (s *Shell) setExpand(args []string) error {
	switch {
	case len(args) == 0:
	case strings.EqualFold(args[0], "ON"):
		s.expand = true
	case strings.EqualFold(args[0], "OFF"):
		s.expand = false
	default:
		return fmt.Errorf("EXPAND takes ON or OFF, not %q", args[0])
	}
	state := "disabled. Use EXPAND ON to enable"
	if s.expand {
		state = "enabled. Use EXPAND OFF to disable"
	}
	fmt.Fprintf(s.opts.Out, "Expanded output is currently %s\n", state)
	return nil
}

// showVersion prints the banner's second line.
func (s *Shell) showVersion(ctx context.Context) error {
	cells, err := s.localRow(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.opts.Out, "[cqlsh %s | Cassandra %s | CQL spec %s | Native protocol v%d]\n",
		"esker-"+s.opts.Version, cells[1], cells[2], s.conn.ProtocolVersion())
	return nil
}

// localRow reads cluster name, release version and CQL version of the server.
func (s *Shell) localRow(ctx context.Context) ([]string, error) {
	result, err := s.conn.Query(ctx, "SELECT cluster_name, release_version, cql_version FROM system.local WHERE key = 'local'")
	if err != nil {
		return nil, err
	}
	cells, err := result.Next(ctx)
	if err != nil {
		return nil, err
	}
	if len(cells) != 3 {
		return nil, fmt.Errorf("the server's system.local is empty")
	}
	return []string{string(cells[0]), string(cells[1]), string(cells[2])}, nil
}
