package settings

import (
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/internal/memory"
)

// Setting is one row of the table.
type Setting struct {
	Name    string // in the file: that of cassandra.yaml where it has one; dots are levels
	Flag    string // without dashes; several settings may share one
	Default string
	Help    string // one line; `WORD` stands for the value
	List    bool   // the file may write it as a list of one
	Class   bool   // the file may write it as a level with class_name, with or without a package

	bind binding
	// part is what the text of a shared flag, or of its variable, says of this setting.
	part func(text string) (value string, ok bool, err error)
}

// Flag is a flag of `esker server`.
type Flag struct {
	Name, Default, Help string
	Boolean             bool
}

const (
	listenFlag    = "listen"
	guardrailFlag = "guardrail"
	authFlag      = "auth"
)

// Classes of Cassandra that mean something here.
const (
	allowAllAuthenticator = "AllowAllAuthenticator"
	passwordAuthenticator = "PasswordAuthenticator"
	allowAllAuthorizer    = "AllowAllAuthorizer"
	cassandraAuthorizer   = "CassandraAuthorizer"
)

// sharedFlags are those that set several settings.
var sharedFlags = []Flag{
	{Name: listenFlag, Default: "127.0.0.1:9042", Help: "`HOST:PORT` to listen on; port 0 takes a free one"},
	{Name: authFlag, Default: "false", Boolean: true, Help: "clients log in, and may do what their roles are granted"},
	{Name: guardrailFlag, Help: "sets a guardrail, as `NAME=VALUE` such as tombstone_warn_threshold=5000; may be repeated"},
}

// table has every setting. To add one: a row here, and a field of Server that it binds.
var table = append([]Setting{
	{
		Name: "data_file_directories", Flag: "data", Default: "./data", List: true, Help: "data directory `DIR`; made if it is not there",
		bind: text(func(s *Server) *string { return &s.Data }, "a directory"),
	},
	{
		Name: "memory", Flag: "memory", Default: "auto", Help: "what the process may take, as `SIZE` such as 256MiB; auto is a quarter of the machine's, at least 128MiB, at most 2GiB",
		bind: memoryBinding,
	},
	{
		Name: "commitlog_sync", Flag: "log-mode", Default: "group",
		Help: "when a write is acknowledged: `MODE` group (synced, many writes a sync), batch (synced, one by one) or periodic (before the sync, which follows within commitlog_sync_period)",
		bind: word(func(s *Server) *string { return &s.CommitLog.Mode }, "group", "batch", "periodic"),
	},
	{
		Name: "commitlog_sync_period", Default: "1s", Help: "how long periodic lets a write wait for its sync",
		bind: duration(func(s *Server) *time.Duration { return &s.CommitLog.Period }),
	},
	{
		Name: "commitlog_total_space", Default: "1GiB", Help: "a longer commit log makes the tables flush that hold it back",
		bind: size(func(s *Server) *int64 { return &s.CommitLog.BytesMax }, 64<<20),
	},
	{
		Name: "copy_rows_max", Flag: "copy-rows-max", Default: "1000000", Help: "how many rows of a table with query tables one statement may change; more is refused",
		bind: number(func(s *Server) *int { return &s.CopyRowsMax }, 1, math.MaxInt32),
	},
	{
		Name: "rpc_address", Flag: listenFlag, Default: "127.0.0.1", Help: "the address that CQL clients connect to", part: hostPart,
		bind: text(func(s *Server) *string { return &s.Network.Host }, ""),
	},
	{
		Name: "native_transport_port", Flag: listenFlag, Default: "9042", Help: "its port; 0 takes a free one", part: portPart,
		bind: number(func(s *Server) *int { return &s.Network.Port }, 0, 65535),
	},
	{
		Name: "insecure", Flag: "insecure", Default: "false", Help: "listen also where other machines can connect though nobody must log in",
		bind: boolean(func(s *Server) *bool { return &s.Network.Insecure }),
	},
	{
		Name: "authenticator", Flag: authFlag, Default: allowAllAuthenticator, Help: "whether clients must log in: AllowAllAuthenticator or PasswordAuthenticator", Class: true,
		bind: word(func(s *Server) *string { return &s.Network.Authenticator }, allowAllAuthenticator, passwordAuthenticator),
		part: authPart(allowAllAuthenticator, passwordAuthenticator),
	},
	{
		Name: "authorizer", Flag: authFlag, Default: allowAllAuthorizer, Help: "whether they need permissions: AllowAllAuthorizer, or CassandraAuthorizer with PasswordAuthenticator", Class: true,
		bind: word(func(s *Server) *string { return &s.Network.Authorizer }, allowAllAuthorizer, cassandraAuthorizer),
		part: authPart(allowAllAuthorizer, cassandraAuthorizer),
	},
	{
		Name: "superuser", Default: "", Help: "the superuser that a start with authentication makes if there is none",
		bind: text(func(s *Server) *string { return &s.Superuser.Name }, ""),
	},
	{
		Name: "superuser_password_file", Default: "", Help: "the file with its password",
		bind: text(func(s *Server) *string { return &s.Superuser.PasswordFile }, ""),
	},
	{
		Name: "client_encryption_options.enabled", Default: "false", Help: "true wants tls_cert and tls_key; with these clients connect over TLS either way",
		bind: boolean(func(s *Server) *bool { return &s.Network.Encrypted }),
	},
	{
		Name: "tls_cert", Flag: "tls-cert", Default: "", Help: "`FILE` with the server's certificate, as PEM: clients connect over TLS then",
		bind: text(func(s *Server) *string { return &s.Network.TLS.Cert }, ""),
	},
	{
		Name: "tls_key", Flag: "tls-key", Default: "", Help: "`FILE` with its private key",
		bind: text(func(s *Server) *string { return &s.Network.TLS.Key }, ""),
	},
	{
		Name: "tls_client_ca", Flag: "tls-client-ca", Default: "", Help: "`FILE` with the authorities of clients' certificates; they must show one then",
		bind: text(func(s *Server) *string { return &s.Network.TLS.ClientCA }, ""),
	},
	{
		Name: "native_transport_max_concurrent_connections", Flag: "connections-max", Default: "16384", Help: "how many connections may be open, as `N`; those beyond are closed at once; -1: no limit",
		bind: limit(func(s *Server) *int { return &s.Network.Limits.ConnectionsMax }),
	},
	{
		Name: "native_transport_max_frame_size", Default: "16MiB", Help: "how long the body of a request may be",
		bind: size(func(s *Server) *int { return &s.Network.Limits.FrameBytesMax }, 1<<10),
	},
	{
		Name: "connection_requests_max", Default: "1024", Help: "requests of one connection that are worked on at a time; more wait in the socket",
		bind: number(func(s *Server) *int { return &s.Network.Limits.InFlightMax }, 1, 32768),
	},
	{
		Name: "requests_max", Default: "16384", Help: "the same for all connections together",
		bind: number(func(s *Server) *int { return &s.Network.Limits.InFlightTotalMax }, 1, math.MaxInt32),
	},
	{
		Name: "long_statements_max", Default: "64",
		Help: "how many statements known to take long run at a time: schema changes, ADMIN, CHECK, DESCRIBE, a SELECT of everything",
		bind: number(func(s *Server) *int { return &s.Network.Limits.LongMax }, 1, math.MaxInt32),
	},
	{
		Name: "connection_unread_max", Default: "256MiB", Help: "answers that may wait for a client that does not read them; its connection is closed beyond",
		bind: size(func(s *Server) *int { return &s.Network.Limits.UnreadBytesMax }, 1<<20),
	},
	{
		Name: "connection_stalled_after", Default: "1m", Help: "how long a client may leave a write of at most 256KiB untaken before its connection is closed",
		bind: duration(func(s *Server) *time.Duration { return &s.Network.Limits.StalledAfter }),
	},
	{
		Name: "native_transport_max_concurrent_connections_per_ip", Flag: "connections-per-address-max", Default: "-1",
		Help: "how many connections one address may have, as `N`; those beyond are closed at once; -1: no limit",
		bind: limit(func(s *Server) *int { return &s.Network.Door.PerAddressMax }),
	},
	{
		Name: "startup_timeout", Default: "30s", Help: "how long a client may take until it is ready for statements: TLS, STARTUP and login",
		bind: duration(func(s *Server) *time.Duration { return &s.Network.Door.StartupMax }),
	},
	{
		Name: "frame_timeout", Default: "1m", Help: "how long a frame may take to arrive once its first byte has",
		bind: duration(func(s *Server) *time.Duration { return &s.Network.Door.FrameMax }),
	},
	{
		Name: "drain_timeout", Flag: "drain-timeout", Default: "30s", Help: "how long requests in flight hold up a stop, as `TIME`",
		bind: duration(func(s *Server) *time.Duration { return &s.DrainFor }),
	},
	{
		Name: "metrics_address", Flag: "metrics", Help: "`HOST:PORT` of metrics for Prometheus at /metrics, and of /healthz; without it there are none",
		bind: text(func(s *Server) *string { return &s.Metrics.Address }, ""),
	},
	{
		Name: "metrics_profiles", Flag: "metrics-profiles", Default: "false", Help: "Go's profiles at /debug/pprof/ of the metrics port; whoever reaches it sees what the server does",
		bind: boolean(func(s *Server) *bool { return &s.Metrics.Profiles }),
	},
	{
		Name: "log_level", Flag: "log-level", Default: "info", Help: "`LEVEL` of the log: debug, info, warn or error",
		bind: word(func(s *Server) *string { return &s.Log.Level }, "debug", "info", "warn", "error"),
	},
	{
		Name: "log_format", Flag: "log-format", Default: "text", Help: "`FORMAT` of the log: text or json, a line an event",
		bind: word(func(s *Server) *string { return &s.Log.Format }, "text", "json"),
	},
}, guardrailRows()...)

var memoryBinding = auto(size(func(s *Server) *int64 { return &s.Memory }, memory.TotalMin), func(s *Server) *int64 { return &s.Memory })

// ParseMemory reads the value of the setting memory, in bytes; 0 is "auto".
func ParseMemory(text string) (int64, error) {
	var s Server
	err := memoryBinding.set(&s, text)
	return s.Memory, err
}

// guardrailRows are the thresholds of the database.
func guardrailRows() (out []Setting) {
	standard := database.DefaultGuardrails()
	for _, g := range standard.List() {
		out = append(out, Setting{
			Name: g.Name, Flag: guardrailFlag, Default: g.Standard, Help: g.What, bind: guardrail(g.Name),
			part: func(text string) (string, bool, error) {
				name, value, _ := strings.Cut(text, "=")
				return value, name == g.Name, nil
			},
		})
	}
	return out
}

// Table is every setting, in the order of the documentation.
func Table() []Setting { return append([]Setting(nil), table...) }

// Kind is what kind of value a setting has.
func (row *Setting) Kind() string { return row.bind.kind }

// Variable is the environment variable of a setting: ESKER_ and its flag, or its name, in capitals.
func (row *Setting) Variable() string {
	name := row.Flag
	if name == "" {
		name = row.Name
	}
	return "ESKER_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// Flags are the flags that the table makes.
func Flags() []Flag {
	out := append([]Flag(nil), sharedFlags...)
	shared := map[string]bool{}
	for _, f := range sharedFlags {
		shared[f.Name] = true
	}
	for i := range table {
		row := &table[i]
		if row.Flag != "" && !shared[row.Flag] {
			out = append(out, Flag{Name: row.Flag, Default: row.Default, Help: row.Help, Boolean: row.bind.kind == "boolean"})
		}
	}
	return out
}

// authPart is what a boolean says of a class.
func authPart(off, on string) func(string) (string, bool, error) {
	return func(text string) (string, bool, error) {
		switch text {
		case "true":
			return on, true, nil
		case "false":
			return off, true, nil
		}
		return "", false, fmt.Errorf("%s: want true or false", text)
	}
}

// hostPart is the host of HOST:PORT; without one it is every address.
func hostPart(text string) (string, bool, error) {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		return "", false, fmt.Errorf("%s: want HOST:PORT", text)
	}
	return host, true, nil
}

func portPart(text string) (string, bool, error) {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", false, nil // the host's row says so
	}
	return port, true, nil
}
