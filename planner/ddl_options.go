package planner

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// syntaxf is a syntax error found after parsing, e.g. a property that does not exist. Like Cassandra's it names no place.
func syntaxf(format string, args ...any) error {
	return &cql.SyntaxError{Message: fmt.Sprintf(format, args...)}
}

func configf(format string, args ...any) error {
	return &ConfigError{Message: fmt.Sprintf(format, args...)}
}

// optionText is an option's value as text: strings without quotes, the others as written.
func optionText(o cql.Option) (string, error) {
	if l, ok := o.Value.(*cql.Literal); ok {
		return l.Text, nil
	}
	return "", syntaxf("Invalid value for property '%s'. It should be a string", o.Name)
}

// optionMap is an option's value as a map: a map literal, or a string that holds one.
func optionMap(o cql.Option) (map[string]string, error) {
	value := o.Value
	if l, ok := value.(*cql.Literal); ok && l.Class == cql.LiteralString {
		parsed, err := cql.ParseTerm(l.Text)
		if err != nil {
			return nil, syntaxf("Invalid value for property '%s'. It should be a map.", o.Name)
		}
		value = parsed
	}
	if s, ok := value.(*cql.SetLiteral); ok && len(s.Elems) == 0 {
		return map[string]string{}, nil
	}
	m, ok := value.(*cql.MapLiteral)
	if !ok {
		return nil, syntaxf("Invalid value for property '%s'. It should be a map.", o.Name)
	}
	out := make(map[string]string, len(m.Entries))
	for _, e := range m.Entries {
		k, isKey := e.Key.(*cql.Literal)
		v, isValue := e.Value.(*cql.Literal)
		if !isKey || !isValue {
			return nil, syntaxf("Invalid value for property '%s'. Keys and values must be constants", o.Name)
		}
		out[k.Text] = v.Text
	}
	return out, nil
}

func optionBool(o cql.Option) (bool, error) {
	text, err := optionText(o)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes":
		return true, nil
	case "false", "0", "no":
		return false, nil
	}
	return false, syntaxf("Invalid boolean value %s for '%s'. Positive values can be '1', 'true' or 'yes'. Negative values can be '0', 'false' or 'no'.", text, o.Name)
}

func optionInt(o cql.Option, low, high int64) (int64, error) {
	text, err := optionText(o)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, syntaxf("Invalid integer value %s for '%s'", text, o.Name)
	}
	if n < low {
		return 0, configf("%s must be greater than or equal to %d (got %d)", o.Name, low, n)
	}
	if n > high {
		return 0, configf("%s must be less than or equal to %d (got %d)", o.Name, high, n)
	}
	return n, nil
}

// requireOnce refuses properties that are given twice.
func requireOnce(options []cql.Option) error {
	seen := make(map[string]bool, len(options))
	for _, o := range options {
		if seen[o.Name] {
			return syntaxf("Multiple definitions for property '%s'", o.Name)
		}
		seen[o.Name] = true
	}
	return nil
}

// tableOptions applies WITH options to a table.
func (c *compiler) tableOptions(t *schema.Table, options []cql.Option) (warnings []string, err error) {
	if err := requireOnce(options); err != nil {
		return nil, err
	}
	for _, o := range options {
		var w string
		switch o.Name {
		case "time_bucket":
			t.Options.TimeBucketOption, err = optionMap(o)
		case "rollups":
			t.Options.RollupsOption, err = optionMap(o)
		case "append_only":
			t.AppendOnly, err = optionBool(o)
		case "partition_write_rate_max":
			t.Options.PartitionWriteRateMax, err = optionInt(o, 0, partitionWriteRateMax)
		case "retention": // once it is known what the time column counts
		case "id":
			err = setID(t, o)
		case "extensions":
			_, err = optionMap(o)
		default:
			w, err = cassandraOption(&t.Options, o)
		}
		if err != nil {
			return nil, err
		}
		if w != "" {
			warnings = append(warnings, "table "+t.QualifiedName()+": "+w)
		}
	}
	if changesBucket(t, options) {
		if err := layBucket(t, t.Bucket); err != nil {
			return nil, err
		}
	}
	if err := layRetention(t, options); err != nil {
		return nil, err
	}
	if err := checkCounterOptions(t); err != nil {
		return nil, err
	}
	return warnings, checkIntervals(&t.Options)
}

// checkIntervals compares two options that Cassandra has for its index summaries.
func checkIntervals(o *schema.Options) error {
	low, high := o.Echo("min_index_interval"), o.Echo("max_index_interval")
	if a, _ := strconv.Atoi(low); a > 0 {
		if b, _ := strconv.Atoi(high); b < a {
			return configf("max_index_interval must be greater than or equal to min_index_interval (%s) (got %s)", low, high)
		}
	}
	return nil
}

// setID takes the table's id from the text, as Cassandra does for restored schemas.
func setID(t *schema.Table, o cql.Option) error {
	text, err := optionText(o)
	if err != nil {
		return err
	}
	id, err := types.UUID.ParseLiteral(types.Literal{Class: types.LitUUID, Text: text})
	if err != nil || len(id) != 16 {
		return &ConfigError{Message: "Invalid table id"}
	}
	copy(t.ID[:], id)
	return nil
}

// cassandraOption applies an option that Cassandra has.
func cassandraOption(to *schema.Options, o cql.Option) (warning string, err error) {
	switch o.Name {
	case "comment":
		to.Comment, err = optionText(o)
	case "default_time_to_live":
		var n int64
		n, err = optionInt(o, 0, ttlMaxSec)
		to.DefaultTTLSec = int32(n)
	case "gc_grace_seconds":
		to.GCGraceSec, err = optionInt(o, 0, math.MaxInt32)
	case "compaction":
		to.Compaction, err = classOption(o, "org.apache.cassandra.db.compaction.", compactionClasses, "Missing sub-option 'class' for the 'compaction' option", "compaction strategy")
		if err == nil {
			err = checkWindow(to.Compaction)
		}
	case "compression":
		to.Compression, err = compressionOption(o)
	case "caching":
		to.Caching, err = optionMap(o)
	default:
		return echoedOption(to, o)
	}
	return "", err
}

// ttlMaxSec is the longest TTL: 20 years (R19).
const ttlMaxSec = 630720000

func echoedOption(to *schema.Options, o cql.Option) (warning string, err error) {
	info, ok := schema.EchoedOption(o.Name)
	if !ok {
		return "", syntaxf("Unknown property '%s'", o.Name)
	}
	text, err := echoedText(&info, o)
	if err != nil {
		return "", err
	}
	if !info.Hidden {
		to.SetEcho(o.Name, text)
	}
	if info.Cluster && text != info.Default {
		return "option " + o.Name + " has a meaning only in a cluster; it is stored and shown, no more", nil
	}
	return "", nil
}

// echoedText checks the value of an echoed option and returns it as Cassandra would show it.
func echoedText(info *schema.OptionInfo, o cql.Option) (string, error) {
	switch info.Kind {
	case schema.OptionInteger:
		n, err := optionInt(o, info.Low, math.MaxInt32)
		return strconv.FormatInt(n, 10), err
	case schema.OptionNumber:
		return fractionText(o)
	case schema.OptionBool:
		b, err := optionBool(o)
		return strconv.FormatBool(b), err
	}
	return optionText(o)
}

// bloomChanceMin is the smallest chance for which Cassandra can build a Bloom filter.
const bloomChanceMin = 6.71e-5

// fractionText checks an option that is a chance between 0 and 1.
func fractionText(o cql.Option) (string, error) {
	text, err := optionText(o)
	if err != nil {
		return "", err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", syntaxf("Invalid double value %s for '%s'", text, o.Name)
	}
	shown := strconv.FormatFloat(f, 'f', -1, 64)
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		shown += ".0" // as Java writes it
	}
	switch {
	case o.Name == "bloom_filter_fp_chance" && !(f > bloomChanceMin && f <= 1):
		return "", configf("bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0 (got %s)", shown)
	case !(f >= 0 && f <= 1):
		return "", configf("%s must be larger than or equal to 0 and smaller than or equal to 1.0 (got %s)", o.Name, shown)
	}
	return shown, nil
}

var compactionClasses = []string{"SizeTieredCompactionStrategy", "TimeWindowCompactionStrategy", "LeveledCompactionStrategy", "UnifiedCompactionStrategy", "DateTieredCompactionStrategy"}

var compressionClasses = []string{"LZ4Compressor", "SnappyCompressor", "DeflateCompressor", "ZstdCompressor", "NoopCompressor"}

// classOption is a map option with a class whose package may be left out.
func classOption(o cql.Option, pkg string, classes []string, missing, what string) (map[string]string, error) {
	m, err := optionMap(o)
	if err != nil {
		return nil, err
	}
	if m["class"] == "" {
		return nil, &ConfigError{Message: missing}
	}
	short := strings.TrimPrefix(m["class"], pkg)
	if !slices.Contains(classes, short) {
		return nil, configf("Unable to find %s class '%s'", what, pkg+short)
	}
	m["class"] = pkg + short
	return m, nil
}

// compressionOption accepts the old names of its sub-options, and turning compression off.
func compressionOption(o cql.Option) (map[string]string, error) {
	m, err := optionMap(o)
	if err != nil {
		return nil, err
	}
	if old, ok := m["sstable_compression"]; ok {
		delete(m, "sstable_compression")
		if m["class"] = old; old == "" {
			delete(m, "class")
			m["enabled"] = "false"
		}
	}
	if old, ok := m["chunk_length_kb"]; ok {
		delete(m, "chunk_length_kb")
		m["chunk_length_in_kb"] = old
	}
	if len(m) == 0 || m["enabled"] == "false" {
		return map[string]string{"enabled": "false"}, nil
	}
	const pkg = "org.apache.cassandra.io.compress."
	short := strings.TrimPrefix(m["class"], pkg)
	if !slices.Contains(compressionClasses, short) {
		return nil, configf("Could not create Compression for type %s", pkg+short)
	}
	m["class"] = pkg + short
	if m["chunk_length_in_kb"] == "" {
		m["chunk_length_in_kb"] = "16"
	}
	return m, nil
}

// partitionWriteRateMax is the highest limit that a table may set to the rows a second of a partition.
const partitionWriteRateMax = 1_000_000_000

// parseStep reads a duration of fixed length, in milliseconds: days, hours, minutes, seconds, milliseconds.
func parseStep(text string) (int64, error) {
	v, err := types.Duration.ParseLiteral(types.Literal{Class: types.LitDuration, Text: text})
	if err != nil {
		return 0, err
	}
	months, days, nanos, err := types.DecodeDuration(v)
	if err != nil {
		return 0, err
	}
	if months != 0 || nanos%1_000_000 != 0 || days < 0 || nanos < 0 || (days == 0 && nanos == 0) {
		return 0, fmt.Errorf("%q is not a positive duration of fixed length", text)
	}
	return int64(days)*86_400_000 + nanos/1_000_000, nil
}
