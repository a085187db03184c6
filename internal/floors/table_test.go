package floors

const module = "github.com/eskerdb/esker/"

// floorOf is the house. A room imports only rooms of lower floors.
var floorOf = map[string]int{
	"cmd/esker":      10, // above its own demo
	"cmd/esker/demo": 9, "cmd/esker/settings": 9,
	"server": 8, "shell": 8, "ingest": 8, "bench": 8,
	"database":      7,
	"database/exec": 6, "database/traffic": 6, "database/catalog": 6, "database/jobs": 6, "database/auth": 6, "lsm": 6,
	"planner": 5, "querytable": 5, "lsm/compaction": 5, "internal/model": 5, "database/tracing": 5,
	"schema": 4, "lsm/commitlog": 4, "lsm/memtable": 4, "lsm/sstable": 4, "lsm/manifest": 4,
	"downsample": 3, "ttl": 3, "client": 3, "lsm/encoding": 3,
	"mutation": 2, "server/wire": 2,
	"partition": 1, "clustering": 1, "cql": 1,
	"cql/types": 0, "internal/vfs": 0, "internal/clock": 0, "internal/invariants": 0, "internal/memory": 0,
}

// testRooms are outside the house: for tests and CI alone. They and the rooms in them may import what
// they need; only their files and functions are measured. The house never imports them.
var testRooms = []string{"internal/cqltest", "internal/floors", "internal/ci", "internal/mutationtest"}

// curtains are imports that the floors would allow and the house does not. A room stands for itself
// and the rooms in it; so does what it never imports, except where it is in but.
var curtains = []struct {
	room   string
	never  []string
	but    []string
	reason string
}{
	{"planner", []string{"lsm"}, nil, "a plan opens nothing"},
	{"querytable", []string{"lsm"}, nil, "it is pure"},
	{"database/exec", []string{"lsm"}, nil, "it runs over vectors from any store"},
	{"database/jobs", []string{"lsm"}, nil, "it works on any store"},
	{"database/catalog", []string{"lsm"}, nil, "it knows no store"},
	{"database/auth", []string{"lsm"}, nil, "it knows no store"},
	{"database/traffic", []string{"lsm"}, nil, "it knows no store"},
	{"lsm", []string{"cql", "schema", "planner", "database"}, []string{"cql/types"}, "to the store a key is bytes"},
	{"shell", []string{"database", "lsm"}, nil, "it talks to a server over TCP"},
	{"ingest", []string{"database", "lsm"}, nil, "it talks to a server over TCP"},
}

// modelImports are all that internal/model may import of the house: it shares no code with what it judges.
var modelImports = []string{"cql/types", "partition", "clustering", "schema"}

// pureRooms touch no files, no network, no clock, write no log and start nothing.
var pureRooms = []string{
	"cql", "cql/types", "partition", "clustering", "mutation", "ttl", "downsample", "querytable", "planner", "server/wire",
}

// pureFiles are pure though their room is not.
var pureFiles = []string{"lsm/compaction/pick.go"}

// impureImports are closed to the pure, with the packages in them. The values of net/netip touch no network.
var impureImports = []string{"os", "net", "log", "syscall", "golang.org/x/sys", "internal/vfs", "internal/clock"}

var pureThoughInside = []string{"net/netip"}

// doors are libraries, with their major versions and packages, and packages of the standard library,
// alone, that only some rooms may import. Tests may import all of them.
var doors = map[string][]string{
	"github.com/alecthomas/participle":    {"cql"},
	"github.com/apache/cassandra-gocql":   {"bench"},
	"github.com/cockroachdb":              {},
	"github.com/coreos/go-systemd":        {"cmd/esker"},
	"github.com/datastax/go-cassandra":    {},
	"github.com/goccy/go-yaml":            {"cmd/esker/settings"},
	"github.com/gocql/gocql":              {"bench"},
	"github.com/golang/snappy":            {"lsm/encoding", "server/wire"},
	"github.com/guptarohit/asciigraph":    {"shell"},
	"github.com/influxdata/line-protocol": {"ingest"},
	"github.com/klauspost/compress":       {"lsm/encoding", "server/wire", "ingest"},
	"github.com/mattn/go-runewidth":       {"shell"},
	"github.com/parquet-go/parquet-go":    {"ingest"},
	"github.com/peterh/liner":             {"shell"},
	"github.com/pierrec/lz4":              {"lsm/encoding", "server/wire"},
	"github.com/prometheus/client_golang": {"cmd/esker"},
	"github.com/spf13/cobra":              {"cmd/esker"},
	"github.com/vbauerster/mpb":           {"ingest"},
	"golang.org/x/crypto/bcrypt":          {"database/auth"},
	"golang.org/x/sys":                    {"internal/vfs", "lsm/memtable", "cmd/esker"},
	"gopkg.in/inf.v0":                     {"cql/types", "downsample", "planner"},
	"net":                                 {"server", "client", "cmd/esker", "cmd/esker/demo", "cmd/esker/settings"},
	"net/http":                            {"cmd/esker", "cmd/esker/demo"},
	"os":                                  {"internal/vfs", "cmd/esker", "cmd/esker/demo", "shell", "ingest", "bench", "server"},
	"os/exec":                             {"cmd/esker/demo", "bench"},
}

// calls are functions that only some rooms may use; in tests, only those that inTests names. The key is
// the import path and the name.
var calls = []struct {
	pkg     string
	names   []string
	rooms   []string
	inTests []string // nil: all
	reason  string
}{
	{
		"time", []string{"Now", "Since", "Until"}, []string{"internal/clock"},
		[]string{"client", "server", "shell", "ingest", "bench", "cmd/esker", "cmd/esker/demo", "internal/cqltest/cassandra", "internal/cqltest/live"},
		"the time of day comes from internal/clock",
	},
	{
		module + "internal/clock", []string{"System"}, []string{"client", "server", "shell", "ingest", "bench", "cmd/esker", "cmd/esker/demo"},
		nil, "who takes the clock as an argument can be tested at any time",
	},
	{
		"os", []string{
			"Open", "OpenFile", "OpenRoot", "OpenInRoot", "Create", "CreateTemp", "MkdirTemp", "Mkdir", "MkdirAll", "ReadFile", "WriteFile",
			"ReadDir", "Remove", "RemoveAll", "Rename", "Link", "Symlink", "Truncate", "Stat", "Lstat", "Chmod", "Chtimes", "CopyFS", "DirFS",
		},
		[]string{"internal/vfs", "cmd/esker", "cmd/esker/demo", "shell", "ingest", "bench"},
		nil, "file calls are internal/vfs alone, or for the files of users",
	},
}

// badNames say nothing about what a room knows.
var badNames = []string{"common", "utils", "util", "helpers", "helper", "base", "misc", "pkg", "core"}

// Limits of style; tests may be longer.
const (
	fileLinesMax     = 500
	functionLinesMax = 60
)

// exemptions are files, or "file function", that may be longer, with the reason.
var exemptions = map[string]string{}
