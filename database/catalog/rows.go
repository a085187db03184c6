package catalog

import (
	"maps"
	"slices"
	"strconv"

	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/partition"
	"github.com/eskerdb/esker/schema"
)

// rows computes a virtual table. Tables that have no rows in esker (peers, functions, triggers …) are empty.
func (s *Source) rows(t *schema.Table) []values {
	if traces := traceRows[t.QualifiedName()]; traces != nil {
		return s.traced(traces)
	}
	switch t.QualifiedName() {
	case "system.local":
		return []values{s.local()}
	case "system_schema.keyspaces":
		return s.keyspaces(false)
	case "system_virtual_schema.keyspaces":
		return s.keyspaces(true)
	case "system_schema.tables":
		return s.tableRows(func(t *schema.Table) bool { return t.Copy == nil && !purelyVirtual(t) }, s.tableRow)
	case "system_virtual_schema.tables":
		return s.tableRows(purelyVirtual, virtualTableRow)
	case "system_schema.views":
		return s.tableRows(func(t *schema.Table) bool { return t.Copy != nil && t.Kind != schema.Index }, s.viewRow)
	case "system_schema.columns":
		return s.columns(func(t *schema.Table) bool { return !purelyVirtual(t) && t.Kind != schema.Index })
	case "system_virtual_schema.columns":
		return s.columns(purelyVirtual)
	case "system_schema.indexes":
		return s.tableRows(func(t *schema.Table) bool { return t.Kind == schema.Index }, indexRow)
	case "system_schema.types":
		return s.types()
	case "system_schema.dropped_columns":
		return s.droppedColumns()
	case "system_views.settings":
		return s.settings()
	case "system_views.caches":
		return s.caches()
	case "system_views.clients":
		return s.clients()
	case "system_views.cql_metrics":
		return s.cqlMetrics()
	case "system_views.memory":
		return s.memory()
	case "system_views.rollups":
		return s.tableRows(isRollup, s.rollupRow)
	case "system_views.rollup_progress":
		return s.tableRows(isRollup, s.rollupProgressRow)
	case "system_views.query_tables":
		return s.tableRows(func(t *schema.Table) bool { return t.Copy != nil }, s.queryTableRow)
	}
	return nil
}

// purelyVirtual tells the keyspaces that Cassandra lists in system_virtual_schema.
func purelyVirtual(t *schema.Table) bool { return virtualKeyspace(t.Keyspace) }

func virtualKeyspace(name string) bool {
	return name == "system_views" || name == "system_virtual_schema"
}

func text(s string) []byte      { return []byte(s) }
func integer(v int64) []byte    { return types.AppendInt(nil, int32(v)) }
func number(v float64) []byte   { return types.AppendDouble(nil, v) }
func boolean(v bool) []byte     { return types.AppendBoolean(nil, v) }
func uuid(id [16]byte) []byte   { return id[:] }
func bigint(v int64) []byte     { return types.AppendBigint(nil, v) }
func millis(micro int64) []byte { return types.AppendTimestampMillis(nil, micro/1000) }

var (
	textList    = types.Frozen(types.ListOf(types.Text))
	textSet     = types.Frozen(types.SetOf(types.Text))
	textMap     = types.Frozen(types.MapOf(types.Text, types.Text))
	textBlobMap = types.Frozen(types.MapOf(types.Text, types.Blob))
)

// mapValue is a map of text, keys sorted.
func mapValue(t *types.Type, m map[string]string) []byte {
	elems := make([][]byte, 0, 2*len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		elems = append(elems, text(k), text(m[k]))
	}
	return t.AppendCollection(nil, elems)
}

func (s *Source) local() values {
	n := &s.catalog.node
	return values{
		"key": text("local"), "bootstrapped": text("COMPLETED"),
		"broadcast_address": n.Address, "broadcast_port": integer(int64(n.Port)),
		"listen_address": n.Address, "listen_port": integer(int64(n.Port)),
		"rpc_address": n.Address, "rpc_port": integer(int64(n.Port)),
		"cluster_name": text(n.ClusterName), "cql_version": text(CQLVersion), "release_version": text(ReleaseVersion),
		"native_protocol_version": text(n.ProtocolVersion), "partitioner": text(Partitioner),
		"data_center": text(Datacenter), "rack": text("rack1"),
		"gossip_generation": integer(n.StartedSec), "host_id": uuid(n.HostID), "schema_version": uuid(s.schema.Version),
		"tokens": textSet.AppendCollection(nil, [][]byte{text("-9223372036854775808")}),
	}
}

func (s *Source) keyspaces(virtual bool) []values {
	var out []values
	for _, name := range s.schema.KeyspaceNames() {
		if virtualKeyspace(name) != virtual {
			continue
		}
		k := s.schema.Keyspaces[name]
		row := values{"keyspace_name": text(name)}
		if !virtual {
			row["durable_writes"] = boolean(k.DurableWrites)
			row["replication"] = mapValue(textMap, k.Replication)
		}
		out = append(out, row)
	}
	return out
}

func (s *Source) tableRows(want func(*schema.Table) bool, make func(*schema.Table) values) []values {
	var out []values
	for _, name := range s.schema.KeyspaceNames() {
		for _, t := range s.schema.Keyspaces[name].SortedTables() {
			if want(t) {
				out = append(out, make(t))
			}
		}
	}
	return out
}

func (s *Source) tableRow(t *schema.Table) values {
	row := s.optionValues(t)
	row["keyspace_name"], row["table_name"] = text(t.Keyspace), text(t.Name)
	// Without `compound` drivers take a table for one WITH COMPACT STORAGE and drop columns.
	flags := [][]byte{text("compound")}
	if t.Counter {
		flags = append(flags, text("counter"))
	}
	row["flags"] = textSet.AppendCollection(nil, flags)
	return row
}

// optionValues are the columns that system_schema.tables and views share.
func (s *Source) optionValues(t *schema.Table) values {
	o := &t.Options
	row := values{
		"id": uuid(t.ID), "comment": text(o.Comment),
		"caching": mapValue(textMap, o.Caching), "compaction": mapValue(textMap, o.Compaction), "compression": mapValue(textMap, o.Compression),
		"default_time_to_live": integer(int64(o.DefaultTTLSec)), "gc_grace_seconds": integer(o.GCGraceSec),
		"dclocal_read_repair_chance": number(0), "read_repair_chance": number(0),
		"extensions": mapValue(textBlobMap, extensions(s.schema.Keyspaces[t.Keyspace], t)),
	}
	for _, info := range schema.EchoedOptions {
		if info.Hidden {
			continue
		}
		v := o.Echo(info.Name)
		switch info.Name {
		case "bloom_filter_fp_chance", "crc_check_chance":
			f, _ := strconv.ParseFloat(v, 64) // was checked when it was set
			row[info.Name] = number(f)
		case "max_index_interval", "memtable_flush_period_in_ms", "min_index_interval":
			n, _ := strconv.ParseFloat(v, 64)
			row[info.Name] = integer(int64(n))
		case "allow_auto_snapshot", "cdc", "incremental_backups":
			row[info.Name] = boolean(v == "true")
		default:
			row[info.Name] = text(v)
		}
	}
	return row
}

// extensions are esker's own options as drivers see them, which is as DESCRIBE has them.
func extensions(k *schema.Keyspace, t *schema.Table) map[string]string {
	out := map[string]string{}
	if len(t.Options.TimeBucketOption) > 0 {
		out["esker.time_bucket"] = schema.MapText(t.Options.TimeBucketOption)
	}
	if levels := k.DescribedLevels(t); len(levels) > 0 {
		out["esker.rollups"] = schema.MapText(levels)
	}
	if t.AppendOnly {
		out["esker.append_only"] = "true"
	}
	if n := t.Options.PartitionWriteRateMax; n > 0 {
		out["esker.partition_write_rate_max"] = strconv.FormatInt(n, 10)
	}
	if t.Rollup != nil {
		out["esker.rollup_of"] = t.Rollup.Source
		out["esker.rollup_step"] = t.WindowText()
		if lateness := t.LatenessOption(); len(lateness) > 0 {
			out["esker.lateness"] = schema.MapText(lateness)
		}
	}
	if retention := t.Retention.Option(); len(retention) > 0 {
		out["esker.retention"] = schema.MapText(retention)
	}
	return out
}

func virtualTableRow(t *schema.Table) values {
	return values{"keyspace_name": text(t.Keyspace), "table_name": text(t.Name), "comment": text(t.Options.Comment)}
}

func (s *Source) viewRow(t *schema.Table) values {
	row := s.optionValues(t)
	row["keyspace_name"], row["view_name"] = text(t.Keyspace), text(t.Name)
	row["base_table_name"] = text(t.Copy.Base)
	if base := s.schema.Table(t.Keyspace, t.Copy.Base); base != nil {
		row["base_table_id"] = uuid(base.ID)
		row["include_all_columns"] = boolean(t.Copy.All || len(t.Columns()) == len(base.Columns()))
		row["where_clause"] = text(t.WhereText(base))
	}
	return row
}

func (s *Source) columns(want func(*schema.Table) bool) []values {
	var out []values
	for _, name := range s.schema.KeyspaceNames() {
		for _, t := range s.schema.Keyspaces[name].SortedTables() {
			if !want(t) {
				continue
			}
			for _, c := range t.Columns() {
				out = append(out, columnRow(t, c))
			}
		}
	}
	return out
}

var kindNames = map[schema.ColumnKind]string{
	schema.PartitionKey: "partition_key", schema.ClusteringKey: "clustering", schema.Static: "static", schema.Regular: "regular",
}

func columnRow(t *schema.Table, c *schema.Column) values {
	order, position := "none", -1
	switch c.Kind {
	case schema.PartitionKey:
		position = c.Position
	case schema.ClusteringKey:
		if position, order = c.Position, "asc"; c.Desc {
			order = "desc"
		}
	}
	return values{
		"keyspace_name": text(t.Keyspace), "table_name": text(t.Name), "column_name": text(c.Name), "column_name_bytes": text(c.Name),
		"kind": text(kindNames[c.Kind]), "position": integer(int64(position)), "type": text(c.Type.String()), "clustering_order": text(order),
	}
}

// types are the user-defined types of all keyspaces.
func (s *Source) types() []values {
	var out []values
	for _, name := range s.schema.KeyspaceNames() {
		for _, u := range s.schema.Keyspaces[name].SortedTypes() {
			_, typeName := u.UDTName()
			var names, of [][]byte
			for i, field := range u.Fields() {
				names, of = append(names, text(field)), append(of, text(u.Elems()[i].String()))
			}
			out = append(out, values{"keyspace_name": text(name), "type_name": text(typeName),
				"field_names": textList.AppendCollection(nil, names), "field_types": textList.AppendCollection(nil, of)})
		}
	}
	return out
}

func (s *Source) droppedColumns() []values {
	var out []values
	for _, name := range s.schema.KeyspaceNames() {
		for _, t := range s.schema.Keyspaces[name].SortedTables() {
			for _, d := range t.Dropped {
				out = append(out, values{
					"keyspace_name": text(t.Keyspace), "table_name": text(t.Name), "column_name": text(d.Name),
					"dropped_time": millis(d.DroppedMicro), "kind": text(kindNames[d.Kind]), "type": text(d.Type.String()),
				})
			}
		}
	}
	return out
}

func (s *Source) settings() []values {
	var out []values
	for _, name := range slices.Sorted(maps.Keys(s.catalog.settings)) {
		out = append(out, values{"name": text(name), "value": text(s.catalog.settings[name])})
	}
	return out
}

func (s *Source) memory() []values {
	var out []values
	for _, u := range s.catalog.status.Memory() {
		out = append(out, values{"name": text(u.Name), "used_bytes": bigint(u.Used), "max_bytes": bigint(u.Max)})
	}
	return out
}

// stepDuration is the length of windows as a CQL duration.
func stepDuration(step partition.Bucketing) []byte {
	const dayMillis = 86_400_000
	if step.SizeMillis%dayMillis == 0 {
		step.Days += int32(step.SizeMillis / dayMillis)
		step.SizeMillis = 0
	}
	return types.AppendDuration(nil, step.Months, step.Days, step.SizeMillis*1_000_000)
}

func (s *Source) queryTableRow(t *schema.Table) values {
	kind, state := "query table", "live"
	switch t.Kind {
	case schema.View:
		kind = "view"
	case schema.Index:
		kind = "index"
	}
	if !t.Live() {
		state = "building"
	}
	built, rows := s.catalog.status.Build(t)
	return values{
		"keyspace_name": text(t.Keyspace), "base_table_name": text(t.Copy.Base), "table_name": text(t.Name),
		"kind": text(kind), "state": text(state), "built": number(built), "rows_written": bigint(rows),
	}
}

// indexRow is an index as Cassandra describes its own.
func indexRow(t *schema.Table) values {
	of := t.Copy.Index
	kind, options := "COMPOSITES", map[string]string{"target": of.TargetText()}
	if of.Attached() {
		kind, options["class_name"] = "CUSTOM", of.Class
		maps.Copy(options, of.Options)
	}
	return values{
		"keyspace_name": text(t.Keyspace), "table_name": text(t.Copy.Base), "index_name": text(of.Name),
		"kind": text(kind), "options": mapValue(textMap, options),
	}
}
