package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/clock"
	"github.com/eskerdb/esker/internal/vfs"
	"github.com/eskerdb/esker/lsm"
)

func newCreateSuperuserCommand(t *target) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "create-superuser NAME --data DIR",
		Short: "Make a role a superuser that may log in, in the directory of a stopped server",
		Long: `Makes a role a superuser that may log in with a password: a new one, or one that there is, whose password is forgotten then.
The server that has the directory must be stopped. The password is read from --password-file, is asked for at a terminal, or is
the first line of the standard input; it is never an argument, which others on the machine could see.`,
		Example: `  esker admin create-superuser ann --data ./data
  esker admin create-superuser ann --data ./data --password-file /run/secrets/ann`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return errors.New("create-superuser: --data DIR is missing: the data directory of a stopped server")
			}
			if t.password != "" {
				return errors.New("create-superuser: -p is not read, as others on this machine could see it; use --password-file FILE or the standard input")
			}
			password, err := newSecret(args[0], t.passwordFile, os.Stdin)
			if err != nil {
				return err
			}
			if err := createSuperuser(data, args[0], password); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a superuser of %s: esker server --auth --data %s\n", args[0], data, data)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data directory `DIR` of a stopped server; made if it is not there")
	return cmd
}

// newSecret is a password that is to hold from now on: from a file, asked for twice, or from the standard input.
func newSecret(name, file string, in *os.File) (string, error) {
	if file != "" {
		return secretOf(file)
	}
	if !isTerminal(in) {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("the standard input has no password; give it there, or with --password-file FILE")
		}
		return line, nil
	}
	secret, err := readSecret("New password of " + name + ": ")
	if err != nil {
		return "", err
	}
	again, err := readSecret("The same again: ")
	if err == nil && again != secret {
		err = errors.New("the two passwords differ")
	}
	return secret, err
}

// createSuperuser writes a role into a data directory that no server has open.
func createSuperuser(data, name, password string) error {
	store, err := lsm.Open(lsm.Options{FS: vfs.OS, Dir: data, Clock: clock.System{}, Tuning: lsm.Tuning{NoBackground: true}})
	if errors.Is(err, lsm.ErrInUse) {
		return fmt.Errorf("%w; stop it, or let a superuser CREATE ROLE in it", err)
	}
	if err != nil {
		return err
	}
	db, err := database.Open(database.Options{Store: database.Local{Store: store}, Clock: clock.System{}, Auth: true})
	if err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", data, err), store.Close())
	}
	return errors.Join(db.CreateSuperuser(name, password), db.Close())
}
