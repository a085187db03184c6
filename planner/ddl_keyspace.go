package planner

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/schema"
)

// Kinds and targets of a schema change, as the protocol spells them.
const (
	changeCreated = "CREATED"
	changeUpdated = "UPDATED"
	changeDropped = "DROPPED"

	targetKeyspace = "KEYSPACE"
	targetTable    = "TABLE"
	targetType     = "TYPE"
)

// prepareDDL prepares a schema change. The change is computed against the schema at bind time
// by whoever holds the schema lock: binding again against a newer snapshot is a new Prepare.
func (c *compiler) prepareDDL(stmt cql.Statement) (*Prepared, error) {
	var alter *Alter
	var err error
	switch stmt := stmt.(type) {
	case *cql.CreateKeyspace:
		alter, err = c.createKeyspace(stmt)
	case *cql.AlterKeyspace:
		alter, err = c.alterKeyspace(stmt)
	case *cql.DropKeyspace:
		alter, err = c.dropKeyspace(stmt)
	case *cql.CreateTable:
		alter, err = c.createTable(stmt)
	case *cql.CreateTableLike:
		alter, err = c.createTableLike(stmt)
	case *cql.AlterTable:
		alter, err = c.alterTable(stmt)
	case *cql.DropTable:
		alter, err = c.dropTable(stmt)
	case *cql.CreateQueryTable:
		alter, err = c.createQueryTable(stmt)
	case *cql.CreateMaterializedView:
		alter, err = c.createView(stmt)
	case *cql.DropQueryTable:
		alter, err = c.dropCopy(stmt.Name, stmt.IfExists, schema.QueryTable)
	case *cql.DropMaterializedView:
		alter, err = c.dropCopy(stmt.Name, stmt.IfExists, schema.View)
	case *cql.CreateIndex:
		alter, err = c.createIndex(stmt)
	case *cql.DropIndex:
		alter, err = c.dropIndex(stmt)
	case *cql.AlterQueryTable:
		alter, err = c.alterCopy(stmt.Name, stmt.IfExists, stmt.Options, schema.QueryTable)
	case *cql.AlterMaterializedView:
		alter, err = c.alterCopy(stmt.Name, stmt.IfExists, stmt.Options, schema.View)
	case *cql.CreateRollup:
		alter, err = c.createRollup(stmt)
	case *cql.AlterRollup:
		alter, err = c.alterRollup(stmt)
	case *cql.PauseRollup:
		alter, err = c.pauseRollup(stmt)
	case *cql.DropRollup:
		alter, err = c.dropRollup(stmt)
	case *cql.CreateType:
		alter, err = c.createType(stmt)
	case *cql.AlterType:
		alter, err = c.alterType(stmt)
	case *cql.DropType:
		alter, err = c.dropType(stmt)
	default:
		alter, err = c.changePolicy(stmt)
	}
	if err != nil {
		return nil, err
	}
	return fixed(alter.Keyspace, alter), nil
}

func (c *compiler) createKeyspace(stmt *cql.CreateKeyspace) (*Alter, error) {
	if old := c.schema.Keyspaces[stmt.Name]; old != nil {
		if stmt.IfNotExists {
			return &Alter{Keyspace: stmt.Name}, nil
		}
		return nil, &ExistsError{Keyspace: stmt.Name}
	}
	if !validName(stmt.Name) {
		return nil, invalidf("Keyspace name must not be empty, more than %d characters long, or contain non-alphanumeric-underscore characters (got '%s')", schema.NameBytesMax, stmt.Name)
	}
	k := &schema.Keyspace{Name: stmt.Name, DurableWrites: true, Tables: map[string]*schema.Table{}}
	warnings, err := keyspaceOptions(k, stmt.Options)
	if err != nil {
		return nil, err
	}
	if k.Replication == nil {
		return nil, invalidf("Missing mandatory option 'replication'")
	}
	return &Alter{Next: c.schema.WithKeyspace(k), Change: changeCreated, Target: targetKeyspace, Keyspace: k.Name, Warnings: warnings}, nil
}

func (c *compiler) alterKeyspace(stmt *cql.AlterKeyspace) (*Alter, error) {
	old := c.schema.Keyspaces[stmt.Name]
	if old == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: stmt.Name}, nil
		}
		return nil, invalidf("Keyspace '%s' doesn't exist", stmt.Name)
	}
	if old.System() {
		return nil, invalidf("Cannot ALTER system keyspace %s", stmt.Name)
	}
	k := *old
	warnings, err := keyspaceOptions(&k, stmt.Options)
	if err != nil {
		return nil, err
	}
	return &Alter{Next: c.schema.WithKeyspace(&k), Change: changeUpdated, Target: targetKeyspace, Keyspace: k.Name, Warnings: warnings}, nil
}

func (c *compiler) dropKeyspace(stmt *cql.DropKeyspace) (*Alter, error) {
	old := c.schema.Keyspaces[stmt.Name]
	if old == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: stmt.Name}, nil
		}
		return nil, invalidf("Keyspace '%s' doesn't exist", stmt.Name)
	}
	if old.System() {
		return nil, invalidf("Cannot DROP system keyspace %s", stmt.Name)
	}
	return &Alter{Next: c.schema.WithoutKeyspace(stmt.Name), Change: changeDropped, Target: targetKeyspace, Keyspace: stmt.Name}, nil
}

// validName holds names to Cassandra's rule: word characters, at most NameBytesMax of them.
func validName(name string) bool {
	valid := len(name) > 0 && len(name) <= schema.NameBytesMax
	for _, r := range name {
		valid = valid && (r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	return valid
}

func checkTableName(keyspace, name string) error {
	if !validName(name) {
		return configf("%s.%s: Table name must not be empty, more than %d characters long, or contain non-alphanumeric-underscore characters (got \"%s\")", keyspace, name, schema.NameBytesMax, name)
	}
	return nil
}

// keyspaceOptions applies `replication` and `durable_writes`.
func keyspaceOptions(k *schema.Keyspace, options []cql.Option) (warnings []string, err error) {
	if err := requireOnce(options); err != nil {
		return nil, err
	}
	for _, o := range options {
		switch o.Name {
		case "replication":
			m, err := optionMap(o)
			if err != nil {
				return nil, err
			}
			if warnings, err = setReplication(k, m); err != nil {
				return nil, err
			}
		case "durable_writes":
			if k.DurableWrites, err = optionBool(o); err != nil {
				return nil, err
			}
		default:
			return nil, syntaxf("Unknown property '%s'", o.Name)
		}
	}
	return warnings, nil
}

const strategyPackage = "org.apache.cassandra.locator."

func setReplication(k *schema.Keyspace, m map[string]string) (warnings []string, err error) {
	class := m["class"]
	if class == "" {
		return nil, &ConfigError{Message: "Missing replication strategy class"}
	}
	short := strings.TrimPrefix(class, strategyPackage)
	if short != "SimpleStrategy" && short != "NetworkTopologyStrategy" && short != "LocalStrategy" && short != "EverywhereStrategy" {
		return nil, &ConfigError{Message: "Unable to find replication strategy class '" + strategyPackage + short + "'"}
	}
	if _, ok := m["replication_factor"]; short == "SimpleStrategy" && !ok {
		return nil, &ConfigError{Message: "SimpleStrategy requires a replication_factor strategy option."}
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key == "class" {
			continue
		}
		v := m[key]
		n, err := strconv.Atoi(strings.SplitN(v, "/", 2)[0])
		if err != nil || n < 0 {
			return nil, &ConfigError{Message: "Replication factor must be numeric and non-negative, found '" + v + "'"}
		}
		if n > 1 {
			warnings = []string{"keyspace " + k.Name + ": esker keeps one copy on one machine; the replication factor " + v + " is stored and shown, no more"}
		}
	}
	k.Replication = maps.Clone(m)
	k.Replication["class"] = strategyPackage + short
	return warnings, nil
}
