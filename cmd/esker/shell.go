package main

import (
	"errors"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/shell"
)

func newShellCommand() *cobra.Command {
	o := shell.Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: buildVersion(), Clock: clock.System{}}
	c := &cobra.Command{
		Use:     "shell [HOST [PORT]]",
		Aliases: []string{"cqlsh"},
		Short:   "Talk CQL to a server: a shell with the habits of cqlsh",
		Long: `Reads CQL statements and shell commands from a terminal, from -e, from -f, or from standard input.
HOST and PORT default to 127.0.0.1 and 9042. HELP inside the shell lists its commands.
Exit codes: 0 all right, 1 no connection, 2 a statement failed.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if o.Execute != "" && o.File != "" {
				return errors.New("-e and -f exclude each other")
			}
			host, port := "127.0.0.1", "9042"
			if len(args) > 0 {
				host = args[0]
			}
			if len(args) > 1 {
				port = args[1]
			}
			o.Addr = net.JoinHostPort(host, port)
			o.Terminal = isTerminal(os.Stdin) && isTerminal(os.Stdout) && o.Execute == "" && o.File == ""
			if code := shell.Run(c.Context(), o); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&o.Keyspace, "keyspace", "k", "", "keyspace to use")
	c.Flags().StringVarP(&o.Execute, "execute", "e", "", "run these statements and end")
	c.Flags().StringVarP(&o.File, "file", "f", "", "run the statements of a file and end")
	return c
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
