package settings

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/eskerdb/esker/database"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// sample is a value of a setting that is valid and not the default.
func sample(t *testing.T, row *Setting) string {
	t.Helper()
	for _, candidate := range []string{
		"true", "7", "300MiB", "77s", "batch", "warn", "json", "/somewhere", "2000000", "PasswordAuthenticator", "CassandraAuthorizer", "127.0.0.1:9999",
	} {
		var s Server
		s.Guardrails = database.DefaultGuardrails()
		if row.bind.set(&s, candidate) == nil && row.bind.get(&s) != row.Default && candidate == row.bind.get(&s) {
			return candidate
		}
	}
	return ""
}

// argument is what the setting's flag, or variable, is given for a value.
func argument(row *Setting, value string) string {
	switch {
	case row.Name == "rpc_address":
		return "[" + value + "]:1"
	case row.Name == "native_transport_port":
		return "127.0.0.1:" + value
	case row.Flag == authFlag:
		return strconv.FormatBool(value != row.Default)
	case row.Flag == guardrailFlag:
		return row.Name + "=" + value
	}
	return value
}

func valueOf(t *testing.T, values []Value, name string) Value {
	t.Helper()
	for _, v := range values {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("%s has no value", name)
	return Value{}
}

// Of flag, variable, file and default the first that says something wins, for every setting and every set of them.
func TestPrecedence(t *testing.T) {
	for _, row := range Table() {
		value := sample(t, &row)
		if value == "" {
			continue // a word that has no other
		}
		for given := range 8 {
			var from Sources
			want := Value{Name: row.Name, Text: row.Default, Kind: row.Kind(), Origin: "default"}
			if given&1 != 0 {
				f, err := ReadFile("f.yaml", YAML([]Value{{Name: row.Name, Text: value, Kind: row.Kind()}}, false))
				if err != nil {
					t.Fatal(err)
				}
				from.File = f
				want.Text, want.Origin = value, "f.yaml:1"
				if strings.Contains(row.Name, ".") {
					want.Origin = "f.yaml:2"
				}
			}
			if given&2 != 0 {
				from.Variable = func(name string) (string, bool) { return argument(&row, value), name == row.Variable() }
				want.Text, want.Origin = value, "variable "+row.Variable()
			}
			if given&4 != 0 && row.Flag != "" {
				from.Flag = func(name string) []string {
					if name != row.Flag {
						return nil
					}
					return []string{argument(&row, row.Default), argument(&row, value)}
				}
				want.Text, want.Origin = value, "flag --"+row.Flag
			}
			_, values, err := Resolve(from)
			if len(values) != len(Table()) { // what may not be alone has a value all the same
				t.Errorf("%s, %03b: %v", row.Name, given, err)
				continue
			}
			if got := valueOf(t, values, row.Name); got != want {
				t.Errorf("%s, %03b: %v, want %v", row.Name, given, got, want)
			}
		}
	}
}

// What is printed as YAML reads back as the same values.
func TestEverySettingRoundTripsThroughYAML(t *testing.T) {
	changed := &Sources{Variable: func(name string) (string, bool) {
		for _, row := range Table() {
			if row.Variable() == name && row.Flag != guardrailFlag && row.part == nil {
				if value := sample(t, &row); value != "" {
					return value, true
				}
			}
		}
		return "tombstone_warn_threshold=5000,partition_size_fail_threshold=2048MiB", name == "ESKER_GUARDRAIL"
	}}
	for _, from := range []*Sources{{}, changed} {
		_, values, err := Resolve(*from)
		if err != nil {
			t.Fatal(err)
		}
		text := YAML(values, true)
		f, err := ReadFile("printed.yaml", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(f.values) != len(Table()) {
			t.Errorf("%d settings of %d are in the file", len(f.values), len(Table()))
		}
		_, again, err := Resolve(Sources{File: f})
		if err != nil {
			t.Fatal(err)
		}
		for i := range values {
			if again[i].Text != values[i].Text || !strings.HasPrefix(again[i].Origin, "printed.yaml:") {
				t.Errorf("%v became %v", values[i], again[i])
			}
		}
	}
}

func TestDefaultsAreWrittenAsTheyArePrinted(t *testing.T) {
	_, values, err := Resolve(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range Table() {
		if values[i].Text != row.Default {
			t.Errorf("%s: the table has %q, print shows %q", row.Name, row.Default, values[i].Text)
		}
	}
}

func TestPrintIsTheGoldenFile(t *testing.T) {
	_, values, err := Resolve(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	got := YAML(values, false)
	const name = "testdata/print.yaml"
	if *rewrite {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s", got)
	}
}

// The file that Cassandra comes with loads; what means nothing here is named, and secrets are not.
func TestAFileOfCassandraLoads(t *testing.T) {
	content, err := os.ReadFile("testdata/cassandra.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile("cassandra.yaml", content)
	if err != nil {
		t.Fatal(err)
	}
	s, values, err := Resolve(Sources{File: f})
	if err != nil {
		t.Fatal(err)
	}
	if s.Data != "/var/lib/cassandra/data" || s.CommitLog.Mode != "periodic" || s.CommitLog.Period.Seconds() != 10 || s.Network.Address() != "localhost:9042" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{"cluster_name", "seed_provider", "server_encryption_options", "client_encryption_options.keystore_password", "read_request_timeout"} {
		if !slices.Contains(f.Ignored(), name) {
			t.Errorf("%s is not among %v", name, f.Ignored())
		}
	}
	for _, name := range []string{"commitlog_sync", "rpc_address", "tombstone_warn_threshold", "key_cache_size"} {
		if slices.Contains(f.Ignored(), name) {
			t.Errorf("%s is among %v", name, f.Ignored())
		}
	}
	json, err := JSON(values, true)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(YAML(values, true)) + string(json) + strings.Join(f.Ignored(), " ")
	for _, secret := range []string{"betweennodes", "withclients", "withindisks"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// Every name that cassandra.yaml may have is known, whatever its value is.
func TestEveryNameOfCassandraIsKnown(t *testing.T) {
	for _, name := range cassandra {
		if find(name) != nil || isLevel(name) {
			continue
		}
		above, below, nested := strings.Cut(name, ".")
		line := name + ": {a: [1, {b: c}]}\n"
		if nested {
			line = above + ":\n  class_name: AllowAllAuthenticator\n  " + below + ": [x]\n"
			if above == "client_encryption_options" {
				line = above + ":\n  " + below + ": [x]\n"
			}
		}
		f, err := ReadFile("f", []byte(line))
		if err != nil || !slices.Equal(f.Ignored(), []string{name}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakesNameFileLineAndWhatWasMeant(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"\nnative_transport_prot: 1\n", "f.yaml:2: native_transport_prot: there is no setting of that name; did you mean native_transport_port?"},
		{"log-level: info\n", "f.yaml:1: log-level: there is no setting of that name; did you mean log_level?"},
		{"log_mode: group\n", "f.yaml:1: log_mode: there is no setting of that name; did you mean commitlog_sync?"},
		{"zzzzzz: hunter2\n", "f.yaml:1: zzzzzz: there is no setting of that name; `esker config print` lists them all"},
		{"a: 1\nb: 2\n", "f.yaml:1: a: there is no setting of that name; `esker config print` lists them all\nf.yaml:2: b: there is no setting of that name; `esker config print` lists them all"},
		{"memory: lots\n", "f.yaml:1: memory: lots: want a size such as 256MiB or 2GiB"},
		{"memory: 1MiB\n", "f.yaml:1: memory: 1MiB: the least is 64MiB"},
		{"x: y\nmemory: 1MiB\n", "f.yaml:1: x: there is no setting of that name; `esker config print` lists them all"},
		{"\n\ndrain_timeout: 30\n", "f.yaml:3: drain_timeout: 30: want a time such as 500ms, 30s or 2m"},
		{"commitlog_sync: never\n", "f.yaml:1: commitlog_sync: never: want group, batch or periodic"},
		{"native_transport_port: 65536\n", "f.yaml:1: native_transport_port: 65536: want a number from 0 to 65535"},
		{"insecure: yes\n", "f.yaml:1: insecure: yes: want true or false"},
		{"data_file_directories: [a, b]\n", "f.yaml:1: data_file_directories: want one entry, not 2"},
		{"memory: [1GiB]\n", "f.yaml:1: memory: want one value"},
		{"memory: {a: b}\n", "f.yaml:1: memory: want one value"},
		{"memory: 1GiB\nmemory: 2GiB\n", `f.yaml:2: mapping key "memory" already defined at [1:1]`},
		{"tombstone_warn_threshold: 200000\n", "guardrail tombstone_failure_threshold=100000 is below tombstone_warn_threshold=200000: it would fail before it warns"},
		{"tombstone_warn_threshold: many\n", "f.yaml:1: tombstone_warn_threshold: many: guardrail tombstone_warn_threshold=many: want a whole number of at least 1, or -1 for never"},
		{"authenticator: {parameters: {}}\n", "f.yaml:1: authenticator: want class_name"},
		{"authenticator: Nobody\n", "f.yaml:1: authenticator: Nobody: "},
		{"authenticator: PasswordAuthenticator\n", "authenticator PasswordAuthenticator and authorizer AllowAllAuthorizer: PasswordAuthenticator and CassandraAuthorizer come together; --auth means both"},
		{"tls_cert: c.pem\n", "tls_cert needs tls_key: the file with the certificate's private key"},
		{"tls_key: k.pem\n", "tls_key needs tls_cert: the file with the certificate"},
		{"tls_client_ca: ca.pem\n", "tls_client_ca needs tls_cert and tls_key: clients show certificates over TLS alone"},
		{"client_encryption_options:\n  enabled: true\n", "client_encryption_options.enabled needs tls_cert and tls_key, the certificate and its private key as PEM"},
		{"superuser: ann\n", "superuser and superuser_password_file belong together"},
		{"just text\n", "f.yaml:1: want lines like `name: value`"},
		{"- a\n", "f.yaml:1: want lines like `name: value`"},
		{"memory: 1GiB\n---\nmemory: 2GiB\n", "f.yaml:3: one document is all that a file may have"},
		{"memory: *x\n", "f.yaml:1: "},
		{"memory: \"hunter2\n", "f.yaml:1: "},
	} {
		f, err := ReadFile("f.yaml", []byte(c.content))
		if err == nil {
			_, _, err = Resolve(Sources{File: f})
		}
		if err == nil || err.Error() != c.want && !(strings.HasSuffix(c.want, ": ") && strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%q: %v\nwant %s", c.content, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error shows the value: %v", c.content, err)
		}
	}
	for _, content := range []string{"", "\n", "# nothing\n", "memory:\n", "memory: null\n"} {
		f, err := ReadFile("f.yaml", []byte(content))
		if err != nil || len(f.values) != 0 {
			t.Errorf("%q: %v, %v", content, f, err)
		}
	}
	for _, unit := range []string{"[", "{a: ", "- ", "? "} {
		if _, err := ReadFile("f.yaml", []byte("a: 1\n"+strings.Repeat(unit, 50_000))); err == nil || !strings.Contains(err.Error(), "levels in levels") {
			t.Errorf("%q: %.100v", unit, err)
		}
	}
	for i, ok := range []bool{true, false} {
		deep := strings.Repeat("[", bracketsMax+i) + strings.Repeat("]", bracketsMax+i)
		if _, err := ReadFile("f.yaml", []byte("seed_provider: "+deep+"\n")); (err == nil) != ok {
			t.Errorf("%s: %v", deep, err)
		}
	}
	if _, err := ReadFile("f.yaml", bytes.Repeat([]byte{'\n'}, fileBytesMax)); err != nil {
		t.Error(err)
	}
	if _, err := ReadFile("f.yaml", bytes.Repeat([]byte{'\n'}, fileBytesMax+1)); err == nil {
		t.Error("a file past the limit was read")
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]string{
		"1024MiB": "1GiB", "64MiB": "64MiB", "100000001": "100000001B", "100MB": "100000000B", "2 GiB": "2GiB", "70000KiB": "70000KiB",
	} {
		var s Server
		if err := memoryBinding.set(&s, text); err != nil || memoryBinding.get(&s) != want {
			t.Errorf("%s: %s, %v", text, memoryBinding.get(&s), err)
		}
	}
	drain := find("drain_timeout").bind
	for text, want := range map[string]string{"10000ms": "10s", "90s": "90s", "60m": "1h", "24h": "1d", "1500us": "1500us", "7ns": "7ns"} {
		var s Server
		if err := drain.set(&s, text); err != nil || drain.get(&s) != want {
			t.Errorf("%s: %s, %v", text, drain.get(&s), err)
		}
	}
	for _, text := range []string{"", "s", "-1s", "0s", "1", "1.5s", "1m30s", "99999999999d"} {
		if drain.set(&Server{}, text) == nil {
			t.Errorf("%q is a time", text)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte("memory: 1GiB\nclient_encryption_options: {enabled: true}\nauthenticator: {class_name: a}\n"))
	f.Add([]byte("a: &x [1]\nb: *x\n? c\n: d\n<<: *x\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if file, err := ReadFile("f", content); err == nil {
			_, _, _ = Resolve(Sources{File: file})
		}
	})
}

// The table of the documentation is the table of the program.
func TestTheDocumentationHasTheTable(t *testing.T) {
	const name, head = "../../../docs/configuration.md", "|---|---|---|---|---|\n"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(page), head)
	if !found {
		t.Fatalf("%s has no table", name)
	}
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	var rows strings.Builder
	for _, row := range Table() {
		flag, standard := "", "none"
		if row.Flag != "" {
			flag = "`--" + row.Flag + "`"
		}
		if row.Default != "" {
			standard = "`" + row.Default + "`"
		}
		rows.WriteString("| `" + row.Name + "` | " + flag + " | " + row.Kind() + " | " + standard + " | " + strings.ReplaceAll(row.Help, "`", "") + " |\n")
	}
	want := before + head + rows.String() + after
	if *rewrite {
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("%s is not up to date: run the test with -rewrite", name)
	}
}
