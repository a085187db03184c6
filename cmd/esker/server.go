package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/database"
)

// drainFor bounds how long requests in flight hold up a stop.
const drainFor = 30 * time.Second

// serverFlags are the flags of `esker server`.
type serverFlags struct {
	data     string
	listen   string
	logMode  string
	memory   string
	logLevel string
	insecure bool
	copyRows int
	guards   []string // name=value each
}

func newServerCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve a data directory to CQL clients",
		Long: `Serve a data directory to CQL clients over the native protocol.

When it is ready, "ready on HOST:PORT" goes to stderr, before and after it the log.
SIGTERM and SIGINT let the requests in flight be answered, flush, and exit with 0;
a second signal exits at once, and what was acknowledged as synced is there at the next start.

Guardrails warn the client of a statement, or refuse it, once a number is passed; -1 is never:

` + guardrailsHelp(),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.ErrOrStderr()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.data, "data", "./data", "data directory `DIR`; made if it is not there")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9042", "`HOST:PORT` to listen on; port 0 takes a free one")
	flags.StringVar(&f.logMode, "log-mode", "group", "when a write is acknowledged: group (synced, many writes a sync), batch (synced, one by one) or periodic (before the sync, which follows within a second)")
	flags.StringVar(&f.memory, "memory", "", "what the process may take, as `SIZE` such as 256MiB; default a quarter of the machine's, at least 128MiB, at most 2GiB")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.IntVar(&f.copyRows, "copy-rows-max", database.CopyRowsMax, "how many rows of a table with query tables one statement may change; more is refused")
	flags.BoolVar(&f.insecure, "insecure", false, "listen also where other machines can connect, without login and encryption")
	flags.StringArrayVar(&f.guards, "guardrail", nil, "sets a guardrail, as `NAME=VALUE` such as tombstone_warn_threshold=5000; may be repeated")
	return cmd
}

// guardrailsHelp lists the guardrails and their defaults.
func guardrailsHelp() string {
	var out strings.Builder
	standard := database.DefaultGuardrails()
	for _, g := range standard.List() {
		fmt.Fprintf(&out, "  %-45s %6s  %s\n", g.Name, g.Standard, g.What)
	}
	return strings.TrimRight(out.String(), "\n")
}

// guardrails are the defaults with what --guardrail says.
func (f *serverFlags) guardrails() (*database.Guardrails, error) {
	out := database.DefaultGuardrails()
	for _, assignment := range f.guards {
		if err := out.Set(assignment); err != nil {
			return nil, fmt.Errorf("--guardrail: %w", err)
		}
	}
	return &out, out.Check()
}

// run serves until a signal comes or the listener fails.
func (f *serverFlags) run(ctx context.Context, stderr io.Writer) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return fmt.Errorf("--log-level %s: want debug, info, warn or error", f.logLevel)
	}
	if f.copyRows < 1 {
		return fmt.Errorf("--copy-rows-max %d: want 1 or more", f.copyRows)
	}
	memory, err := parseMemory(f.memory)
	if err != nil {
		return err
	}
	guardrails, err := f.guardrails()
	if err != nil {
		return err
	}
	if !f.insecure {
		if err := requireLoopback(ctx, f.listen); err != nil {
			return err
		}
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	n, err := openNode(nodeOptions{Dir: f.data, Listen: f.listen, LogMode: f.logMode, Memory: memory, CopyRowsMax: f.copyRows, Guardrails: guardrails, Logger: logger})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- n.serve() }()
	logger.Info("serving", "data", f.data, "log_mode", f.logMode, "memory", memory, "version", buildVersion())
	if _, err := fmt.Fprintf(stderr, "ready on %s\n", n.address()); err != nil {
		logger.Warn("stderr", "cause", err)
	}
	select {
	case <-ctx.Done():
		logger.Info("stopping: requests in flight are answered first")
		stop() // a second signal has its usual effect
	case err := <-served:
		served <- err
	}
	bounded, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	if err := errors.Join(n.close(bounded), <-served); err != nil {
		return err
	}
	logger.Info("stopped")
	return nil
}
