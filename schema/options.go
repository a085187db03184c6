package schema

import (
	"maps"
	"sort"
	"strings"
)

// OptionKind is the type of a table option's value.
type OptionKind uint8

const (
	OptionText    OptionKind = 1
	OptionNumber  OptionKind = 2
	OptionBool    OptionKind = 3
	OptionInteger OptionKind = 4
)

// OptionInfo describes a table option that is stored and echoed without effect on one node.
type OptionInfo struct {
	Name    string
	Kind    OptionKind
	Default string // of text, numbers and booleans
	Low     int64  // of integers: the smallest
	Cluster bool   // its only meaning is a cluster's: setting it gives a warning
	Hidden  bool   // accepted for old dumps, never echoed
}

// EchoedOptions are the options of Cassandra 3.11 to 5.0 that Options.Other may hold, by name.
var EchoedOptions = []OptionInfo{
	{Name: "additional_write_policy", Kind: OptionText, Default: "99p", Cluster: true},
	{Name: "allow_auto_snapshot", Kind: OptionBool, Default: "true"},
	{Name: "bloom_filter_fp_chance", Kind: OptionNumber, Default: "0.01"},
	{Name: "cdc", Kind: OptionBool, Default: "false"},
	{Name: "crc_check_chance", Kind: OptionNumber, Default: "1.0"},
	{Name: "dclocal_read_repair_chance", Kind: OptionNumber, Default: "0.0", Cluster: true, Hidden: true},
	{Name: "incremental_backups", Kind: OptionBool, Default: "true"},
	{Name: "max_index_interval", Kind: OptionInteger, Low: 1, Default: "2048"},
	{Name: "memtable", Kind: OptionText, Default: "default"},
	{Name: "memtable_flush_period_in_ms", Kind: OptionInteger, Default: "0"},
	{Name: "min_index_interval", Kind: OptionInteger, Low: 1, Default: "128"},
	{Name: "read_repair", Kind: OptionText, Default: "BLOCKING", Cluster: true},
	{Name: "read_repair_chance", Kind: OptionNumber, Default: "0.0", Cluster: true, Hidden: true},
	{Name: "speculative_retry", Kind: OptionText, Default: "99p", Cluster: true},
}

// EchoedOption finds an option by name.
func EchoedOption(name string) (OptionInfo, bool) {
	for _, o := range EchoedOptions {
		if o.Name == name {
			return o, true
		}
	}
	return OptionInfo{}, false
}

// DefaultOptions are the options of a table that names none.
func DefaultOptions() Options {
	return Options{
		GCGraceSec: 864000,
		Compaction: map[string]string{
			"class": "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy", "max_threshold": "32", "min_threshold": "4",
		},
		Compression: map[string]string{"chunk_length_in_kb": "16", "class": "org.apache.cassandra.io.compress.LZ4Compressor"},
		Caching:     map[string]string{"keys": "ALL", "rows_per_partition": "NONE"},
	}
}

// Echo is the value of an echoed option: as set, or its default.
func (o *Options) Echo(name string) string {
	if v, ok := o.Other[name]; ok {
		return v
	}
	info, _ := EchoedOption(name)
	return info.Default
}

// SetEcho stores an echoed option.
func (o *Options) SetEcho(name, value string) {
	o.Other = maps.Clone(o.Other)
	if o.Other == nil {
		o.Other = map[string]string{}
	}
	o.Other[name] = value
}

func (o Options) clone() Options {
	o.Compaction = maps.Clone(o.Compaction)
	o.Compression = maps.Clone(o.Compression)
	o.Caching = maps.Clone(o.Caching)
	o.Other = maps.Clone(o.Other)
	o.TimeBucketOption = maps.Clone(o.TimeBucketOption)
	o.RollupsOption = maps.Clone(o.RollupsOption)
	return o
}

// MapText is a map option as CQL writes it, keys sorted.
func MapText(m map[string]string) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(k) + ": " + quote(m[k]))
	}
	b.WriteByte('}')
	return b.String()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
