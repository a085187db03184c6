package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/database"
)

func newServerCommand() *cobra.Command {
	var w words
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve a data directory to CQL clients",
		Long: `Serve a data directory to CQL clients over the native protocol.

When it is ready, "ready on HOST:PORT" goes to stderr, before and after it the log. With --metrics, "metrics on HOST:PORT" comes
before it: metrics are at /metrics, and /healthz answers 200 while the server serves, or 503 with the reason.
SIGTERM and SIGINT let the requests in flight be answered, flush, and exit with 0;
a second signal exits at once, and what was acknowledged as synced is there at the next start.
SIGHUP reads settings and certificates again: the log level changes; what else differs takes a restart, and the log says so.
Under systemd it says when it is ready, reloads, stops and is alive, and serves on the socket it was given.

Every flag can be given as an environment variable too, like ESKER_LOG_MODE for --log-mode, and in the file of
--config, where there are more settings: "esker config print" shows them all. A flag wins over the variable, that
over the file, that over the default.

Guardrails warn the client of a statement, or refuse it, once a number is passed; -1 is never:

` + guardrailsHelp(),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runServer(cmd.Context(), w.resolve, cmd.ErrOrStderr())
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
