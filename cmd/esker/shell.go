package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/shell"
)

func newShellCommand() *cobra.Command {
	o := shell.Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: buildVersion(), Clock: clock.System{}}
	var reach access
	var rc string
	c := &cobra.Command{
		Use:     "shell [HOST [PORT]]",
		Aliases: []string{"cqlsh"},
		Short:   "Talk CQL to a server: a shell with the habits of cqlsh",
		Long: `Reads CQL statements and shell commands from a terminal, from -e, from -f, or from standard input.
HOST and PORT default to 127.0.0.1 and 9042. HELP inside the shell lists its commands.
What the command line leaves open is taken from ~/.cassandra/cqlshrc and ~/.cassandra/credentials, as cqlsh does: hostname, port and
ssl of [connection], username, password and keyspace of [authentication], certfile, validate, usercert and userkey of [ssl].
Exit codes: 0 all right, 1 no connection, 2 a statement failed.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if o.Execute != "" && o.File != "" {
				return errors.New("-e and -f exclude each other")
			}
			if err := reach.connect(&o, args, rc); err != nil {
				return err
			}
			o.Terminal = isTerminal(os.Stdin) && isTerminal(os.Stdout) && o.Execute == "" && o.File == ""
			if code := shell.Run(c.Context(), o); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
	reach.addSecurityFlags(c)
	c.Flags().BoolVar(&reach.tls, "ssl", false, "as --tls")
	c.Flags().StringVar(&rc, "cqlshrc", "", "`FILE` to read instead of ~/.cassandra/cqlshrc")
	c.Flags().StringVarP(&o.Server.Keyspace, "keyspace", "k", "", "keyspace to use")
	c.Flags().StringVarP(&o.Execute, "execute", "e", "", "run these statements and end")
	c.Flags().StringVarP(&o.File, "file", "f", "", "run the statements of a file and end")
	return c
}

// connect says where a shell connects, and as whom: from its arguments, its flags and what cqlsh reads.
func (a *access) connect(o *shell.Options, args []string, rc string) error {
	settings, err := readCqlshrc(rc)
	if err != nil {
		return err
	}
	a.host = first(settings.config.get("connection", "hostname"), "127.0.0.1")
	port := first(settings.config.get("connection", "port"), "9042")
	if len(args) > 0 {
		a.host = args[0]
	}
	if len(args) > 1 {
		port = args[1]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q: want a number", port)
	}
	a.port = uint16(number)
	settings.apply(a)
	keyspace := o.Server.Keyspace
	if o.Server, err = a.options(); err != nil {
		return err
	}
	o.Server.Keyspace = first(keyspace, settings.config.get("authentication", "keyspace"))
	o.Secret = readSecret
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
