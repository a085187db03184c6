// Package catalog computes the tables that drivers and tools read to learn about a server: system,
// system_schema, system_virtual_schema, system_traces and system_views.
//
// It knows a schema snapshot and facts about the node. It does not know stores, plans or connections.
package catalog

import (
	_ "embed"
	"fmt"
	"maps"
	"strings"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/schema"
)

// Versions that the server reports: those of the Cassandra it behaves like. Drivers decide by them
// what to ask (at least 4: peers_v2, system_virtual_schema, DESCRIBE on the server).
const (
	ReleaseVersion = "5.0.5"
	CQLVersion     = "3.4.7"
)

// Partitioner is the name of Cassandra's partitioner whose tokens esker has.
const Partitioner = "org.apache.cassandra.dht.Murmur3Partitioner"

// Datacenter is the one that this node says it is in.
const Datacenter = "datacenter1"

// Node is what the catalogue says of this node.
type Node struct {
	HostID          [16]byte
	ClusterName     string // default "esker"
	Address         []byte // 4 or 16 bytes: where clients connect
	Port            int
	ProtocolVersion string // the highest
	StartedSec      int64  // seconds since 1970: the gossip generation
}

// Catalog computes the rows of virtual tables.
type Catalog struct {
	node     Node
	settings map[string]string
	status   Status
}

// Status is what the catalogue asks the database for.
type Status interface {
	Sight
	RollupSight
	Traces
	// Build tells how far a copy is built, from 0 to 1, and how many rows that wrote.
	Build(t *schema.Table) (built float64, rowsWritten int64)
	// Memory tells what the process takes, by use.
	Memory() []memory.Use
	// Served is what the server knows of its clients.
	Served() Served
	// Statements tells of prepared statements.
	Statements() Statements
}

// New makes a catalogue. Settings are shown in system_views.settings.
func New(node Node, settings map[string]string, status Status) *Catalog {
	if node.ClusterName == "" {
		node.ClusterName = "esker"
	}
	return &Catalog{node: node, settings: maps.Clone(settings), status: status}
}

// ClusterName is the name the server reports.
func (c *Catalog) ClusterName() string { return c.node.ClusterName }

//go:embed tables.txt
var tablesText string

// virtual are the keyspaces of the catalogue. They are built once and never change.
var virtual = mustParse(tablesText, virtualTable)

// WithVirtual returns the snapshot with the catalogue's keyspaces in it.
func WithVirtual(s *schema.Snapshot) *schema.Snapshot {
	out := &schema.Snapshot{Version: s.Version, Keyspaces: maps.Clone(s.Keyspaces)}
	if out.Keyspaces == nil {
		out.Keyspaces = map[string]*schema.Keyspace{}
	}
	maps.Copy(out.Keyspaces, virtual)
	maps.Copy(out.Keyspaces, stored)
	return out
}

func virtualTable(keyspace, name string) *schema.Table {
	return &schema.Table{ID: tableID(keyspace + "." + name), Keyspace: keyspace, Name: name, Kind: schema.Virtual, Options: schema.DefaultOptions()}
}

// mustParse reads tables.txt or auth.txt, which are part of the program.
func mustParse(text string, newTable func(keyspace, name string) *schema.Table) map[string]*schema.Keyspace {
	out := map[string]*schema.Keyspace{}
	var t *schema.Table
	for _, line := range strings.Split(text, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t':
			mustAddColumn(t, line[1:])
		default:
			name, comment, _ := strings.Cut(line, " ")
			keyspace, table, _ := strings.Cut(name, ".")
			k := out[keyspace]
			if k == nil {
				k = &schema.Keyspace{Name: keyspace, DurableWrites: true, Tables: map[string]*schema.Table{},
					Replication: map[string]string{"class": "org.apache.cassandra.locator.LocalStrategy"}}
				out[keyspace] = k
			}
			t = newTable(keyspace, table)
			t.Options.Comment = comment
			if t.Kind == schema.Virtual {
				t.Options.GCGraceSec = 0
			} else {
				k.Replication = map[string]string{"class": "SimpleStrategy", "replication_factor": "1"}
			}
			k.Tables[table] = t
		}
	}
	return out
}

// tableID is an id that is the same in every build.
func tableID(name string) (id mutation.TableID) {
	copy(id[:], "esker:"+name)
	for i, c := range []byte(name) {
		id[i%16] ^= c * byte(i+1)
	}
	return id
}

func mustAddColumn(t *schema.Table, line string) {
	kind := schema.Regular
	// A line of two words is a column, be it named "partition".
	if rest, ok := strings.CutPrefix(line, "partition "); ok && strings.Contains(rest, " ") {
		kind, line = schema.PartitionKey, rest
	} else if rest, ok := strings.CutPrefix(line, "clustering "); ok {
		kind, line = schema.ClusteringKey, rest
	}
	name, typeText, _ := strings.Cut(line, " ")
	of, err := types.Parse(typeText)
	if err != nil {
		panic(fmt.Sprintf("catalog: tables.txt: %s.%s: %v", t.QualifiedName(), name, err))
	}
	c := &schema.Column{Name: name, Kind: kind, Type: of}
	switch kind {
	case schema.PartitionKey:
		c.Position = len(t.PartitionKey)
		t.PartitionKey = append(t.PartitionKey, c)
	case schema.ClusteringKey:
		c.Position = len(t.Clustering)
		t.Clustering = append(t.Clustering, c)
	default:
		t.AddColumn(c)
	}
}

// Source answers reads of virtual tables from one snapshot of the schema.
func (c *Catalog) Source(s *schema.Snapshot) *Source {
	return &Source{catalog: c, schema: s, tables: map[*schema.Table][]virtualPartition{}}
}
