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

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/database"
)

func newServerCommand() *cobra.Command {
	var w words
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve a data directory to CQL clients",
		Long: `Serve a data directory to CQL clients over the native protocol.

When it is ready, "ready on HOST:PORT" goes to stderr, before and after it the log.
SIGTERM and SIGINT let the requests in flight be answered, flush, and exit with 0;
a second signal exits at once, and what was acknowledged as synced is there at the next start.

Every flag can be given as an environment variable too, like ESKER_LOG_MODE for --log-mode, and in the file of
--config, where there are more settings: "esker config print" shows them all. A flag wins over the variable, that
over the file, that over the default.

Guardrails warn the client of a statement, or refuse it, once a number is passed; -1 is never:

` + guardrailsHelp(),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := w.resolve()
			if err != nil {
				return err
			}
			return runServer(cmd.Context(), r, cmd.ErrOrStderr())
		},
	}
	w.addFlags(cmd)
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

// newLogger logs to stderr as the settings say.
func newLogger(l settings.Log, stderr io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // the table has no other words
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(stderr, options))
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// runServer serves until a signal comes or the listener fails.
func runServer(ctx context.Context, r *resolved, stderr io.Writer) error {
	set := r.server
	if set.Memory == 0 {
		set.Memory = defaultMemory()
	}
	logger := newLogger(set.Log, stderr)
	if err := checkExposure(ctx, &set.Network, logger); err != nil {
		return err
	}
	if warning := ignored(r.file); warning != "" {
		logger.Warn(warning)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	n, err := openNode(set, rowsOf(r.values), logger)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- n.serve() }()
	logger.Info("serving", "data", set.Data, "log_mode", set.CommitLog.Mode, "memory", set.Memory, "version", buildVersion())
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
	bounded, cancel := context.WithTimeout(context.Background(), set.DrainFor)
	defer cancel()
	if err := errors.Join(n.close(bounded), <-served); err != nil {
		return err
	}
	logger.Info("stopped")
	return nil
}
