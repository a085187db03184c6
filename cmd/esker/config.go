package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/server/wire"
)

// words are what was given of the settings: the flags of a command, and through it the environment and the file.
type words struct {
	file   string
	filled map[string]*given
}

// given are the texts of one flag; it is a pflag.Value.
type given struct {
	standard string
	boolean  bool
	texts    []string
}

func (g *given) String() string { return g.standard }

func (g *given) Set(text string) error {
	g.texts = append(g.texts, text)
	return nil
}

// Type makes the default be shown in quotes, and of a boolean not at all.
func (g *given) Type() string {
	if g.boolean {
		return "bool"
	}
	return "string"
}

// IsBoolFlag lets a boolean stand without a value.
func (g *given) IsBoolFlag() bool { return g.boolean }

// configVariable names the file where --config does not.
const configVariable = "ESKER_CONFIG"

// addFlags adds --config and a flag for each setting that has one.
func (w *words) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.file, "config", "", "`FILE` of settings, as YAML with the names of cassandra.yaml; default $"+configVariable+", and none without it")
	w.filled = map[string]*given{}
	for _, f := range settings.Flags() {
		g := &given{standard: f.Default, boolean: f.Boolean}
		w.filled[f.Name] = g
		flag := flags.VarPF(g, f.Name, "", f.Help)
		if f.Boolean {
			flag.NoOptDefVal = "true"
		}
	}
}

// resolved is what the words come to.
type resolved struct {
	server *settings.Server
	values []settings.Value
	file   *settings.File // nil: none
}

// resolve reads the file and finds the value of every setting.
func (w *words) resolve() (*resolved, error) {
	name := w.file
	if name == "" {
		name = os.Getenv(configVariable)
	}
	from := settings.Sources{Flag: func(name string) []string { return w.filled[name].texts }, Variable: os.LookupEnv}
	if name != "" {
		var err error
		if from.File, err = readSettings(name); err != nil {
			return nil, err
		}
	}
	s, values, err := settings.Resolve(from)
	if err != nil {
		return nil, err
	}
	return &resolved{server: s, values: values, file: from.File}, nil
}

func readSettings(name string) (*settings.File, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	return settings.ReadFile(name, content)
}

// ignored is the one warning about names of Cassandra that mean nothing here; empty: there are none.
func ignored(f *settings.File) string {
	if f == nil || len(f.Ignored()) == 0 {
		return ""
	}
	return "settings of Cassandra that mean nothing here are ignored: " + strings.Join(f.Ignored(), ", ")
}

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the settings of the server",
		Long: `Every setting has a name, which is that of cassandra.yaml where it has one, and an environment variable; many have a flag.
A flag wins over the variable, that over the file, that over the default.`,
	}
	cmd.AddCommand(newConfigPrintCommand(), newConfigValidateCommand())
	return cmd
}

func newConfigPrintCommand() *cobra.Command {
	var w words
	var origin bool
	var output string
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show the settings that a server would have which is started with the same flags, environment and file",
		Long: `Shows the settings that a server would have which is started with the same flags, environment and file.
What it prints as YAML is a file for --config.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := w.resolve()
			if err != nil {
				return err
			}
			if warning := ignored(r.file); warning != "" {
				cmd.PrintErrln("esker:", warning)
			}
			return printSettings(cmd.OutOrStdout(), r.values, output, origin)
		},
	}
	w.addFlags(cmd)
	cmd.Flags().BoolVar(&origin, "origin", false, "say of each where it is from")
	cmd.Flags().StringVar(&output, "output", "yaml", "yaml, json or table")
	return cmd
}

func printSettings(out io.Writer, values []settings.Value, output string, origin bool) error {
	switch output {
	case "yaml":
		_, err := out.Write(settings.YAML(values, origin))
		return err
	case "json":
		text, err := settings.JSON(values, origin)
		if err == nil {
			_, err = out.Write(text)
		}
		return err
	case "table":
		a := &answer{columns: textColumns("name", "value")}
		if origin {
			a.columns = textColumns("name", "value", "origin")
		}
		for _, v := range values {
			a.rows = append(a.rows, [][]byte{[]byte(v.Name), []byte(v.Text), []byte(v.Origin)}[:len(a.columns)])
		}
		return (&target{output: "table"}).write(out, a)
	}
	return fmt.Errorf("--output %s: it is yaml, json or table", output)
}

func textColumns(names ...string) (out []wire.Column) {
	for _, name := range names {
		out = append(out, wire.Column{Name: name, Type: wire.Type{ID: wire.TypeID(types.KindText)}})
	}
	return out
}

func newConfigValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a file of settings",
		Long: `Checks a file of settings: its names, its values, and whether they can be together. It says of each mistake the line.
Names of cassandra.yaml that mean nothing here are no mistake; they are listed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := readSettings(args[0])
			if err == nil {
				_, _, err = settings.Resolve(settings.Sources{File: f})
			}
			if err != nil {
				return errors.New(strings.ReplaceAll(err.Error(), "\n", "\nesker: "))
			}
			if warning := ignored(f); warning != "" {
				cmd.PrintErrln("esker:", warning)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid\n", args[0])
			return err
		},
	}
}
