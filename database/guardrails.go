package database

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Threshold is where the server warns, and where it refuses. Beyond it means above the number.
type Threshold struct {
	Warn, Fail int64 // Off: never
}

// Off is a threshold that is never passed.
const Off = -1

// warns reports whether a number is beyond the first threshold.
func (t Threshold) warns(n int64) bool { return t.Warn != Off && n > t.Warn }

// fails reports whether a number is beyond the second threshold.
func (t Threshold) fails(n int64) bool { return t.Fail != Off && n > t.Fail }

// Guardrails keep statements from costing more than whoever sent them may know. They hold for the tables of users.
type Guardrails struct {
	PartitionSize            Threshold // bytes of one partition in files
	Tombstones               Threshold // passed by one page, or for each 10,000 rows of an aggregation
	QueryBuckets             Threshold // ranges of event time of which one page looks into files
	FilteredRows             Threshold // read by one page under ALLOW FILTERING and not wanted
	PageSize                 Threshold // rows a page that a client asks for
	PartitionKeysInSelect    Threshold // partitions that IN names
	InSelectCartesianProduct Threshold // combinations of values that the INs of one statement make
}

// DefaultGuardrails are those that hold where nothing else is said.
func DefaultGuardrails() Guardrails {
	var g Guardrails
	for _, s := range guardrails {
		*s.of(&g) = s.standard
	}
	return g
}

// Guardrail describes one threshold.
type Guardrail struct {
	Name     string
	Value    string
	Standard string // the default value
	What     string // is counted
}

// guardrail is a threshold by its name in cassandra.yaml where it has one there, and in the style of those where not.
type guardrail struct {
	name     string
	what     string
	standard int64
	bytes    bool // the value is a size
	of       func(*Guardrails) *int64
}

var guardrails = []guardrail{
	{"partition_size_warn_threshold", "bytes of one partition in files", 100 << 20, true, func(g *Guardrails) *int64 { return &g.PartitionSize.Warn }},
	{"partition_size_fail_threshold", "the same; writes to the partition are refused", Off, true, func(g *Guardrails) *int64 { return &g.PartitionSize.Fail }},
	{"tombstone_warn_threshold", "deletions that one page has to pass", 1000, false, func(g *Guardrails) *int64 { return &g.Tombstones.Warn }},
	{"tombstone_failure_threshold", "the same; the read is given up", 100_000, false, func(g *Guardrails) *int64 { return &g.Tombstones.Fail }},
	{"query_buckets_warn_threshold", "time buckets that one page looks into", 1000, false, func(g *Guardrails) *int64 { return &g.QueryBuckets.Warn }},
	{"query_buckets_fail_threshold", "the same; the read is given up", Off, false, func(g *Guardrails) *int64 { return &g.QueryBuckets.Fail }},
	{"filtered_rows_warn_threshold", "rows that ALLOW FILTERING reads for one page and drops", 100_000, false, func(g *Guardrails) *int64 { return &g.FilteredRows.Warn }},
	{"filtered_rows_fail_threshold", "the same; the read is given up", Off, false, func(g *Guardrails) *int64 { return &g.FilteredRows.Fail }},
	{"page_size_warn_threshold", "rows a page that a client asks for", Off, false, func(g *Guardrails) *int64 { return &g.PageSize.Warn }},
	{"page_size_fail_threshold", "the same; the statement is refused", Off, false, func(g *Guardrails) *int64 { return &g.PageSize.Fail }},
	{"partition_keys_in_select_warn_threshold", "partitions that a SELECT names with IN", Off, false, func(g *Guardrails) *int64 { return &g.PartitionKeysInSelect.Warn }},
	{"partition_keys_in_select_fail_threshold", "the same; the statement is refused", Off, false, func(g *Guardrails) *int64 { return &g.PartitionKeysInSelect.Fail }},
	{"in_select_cartesian_product_warn_threshold", "combinations that the INs of a SELECT make", Off, false, func(g *Guardrails) *int64 { return &g.InSelectCartesianProduct.Warn }},
	{"in_select_cartesian_product_fail_threshold", "the same; the statement is refused", Off, false, func(g *Guardrails) *int64 { return &g.InSelectCartesianProduct.Fail }},
}

// settings are the rows of system_views.settings: those given, and the guardrails.
func (d *Database) settings(given map[string]string) map[string]string {
	out := make(map[string]string, len(given)+len(guardrails))
	maps.Copy(out, given)
	for _, g := range d.guardrails.List() {
		out[g.Name] = g.Value
	}
	return out
}

// Set changes one threshold: "name=value", where the value is a number above 0, of bytes also a size like 100MiB, or -1 for never.
func (g *Guardrails) Set(assignment string) error {
	name, value, ok := strings.Cut(assignment, "=")
	if !ok {
		return fmt.Errorf("guardrail %q: want name=value", assignment)
	}
	i := slices.IndexFunc(guardrails, func(s guardrail) bool { return s.name == name })
	if i < 0 {
		names := make([]string, len(guardrails))
		for i, s := range guardrails {
			names[i] = s.name
		}
		return fmt.Errorf("guardrail %s: there is none of that name; there are %s", assignment, strings.Join(names, ", "))
	}
	s := &guardrails[i]
	n, err := s.parse(value)
	if err != nil {
		return err
	}
	*s.of(g) = n
	return nil
}

// thresholdUnits are the units of a size, longest first.
var thresholdUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}}

func (s *guardrail) parse(value string) (int64, error) {
	number, unit := value, int64(1)
	if s.bytes {
		for _, u := range thresholdUnits {
			if n, ok := strings.CutSuffix(value, u.name); ok {
				number, unit = n, u.bytes
				break
			}
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err == nil && n == Off && unit == 1 {
		return Off, nil
	}
	if err != nil || n < 1 || n > (1<<62)/unit {
		size := ""
		if s.bytes {
			size = ", or a size like 100MiB"
		}
		return 0, fmt.Errorf("guardrail %s=%s: want a whole number of at least 1%s, or -1 for never", s.name, value, size)
	}
	return n * unit, nil
}

// Check refuses a threshold that fails before it warns.
func (g *Guardrails) Check() error {
	for i := 0; i < len(guardrails); i += 2 {
		warn, fail := &guardrails[i], &guardrails[i+1]
		if w, f := *warn.of(g), *fail.of(g); w != Off && f != Off && f < w {
			return fmt.Errorf("guardrail %s=%d is below %s=%d: it would fail before it warns", fail.name, f, warn.name, w)
		}
	}
	return nil
}

// List describes all thresholds in their order: pairs that warn and fail.
func (g *Guardrails) List() []Guardrail {
	out := make([]Guardrail, len(guardrails))
	for i, s := range guardrails {
		out[i] = Guardrail{Name: s.name, Value: s.text(*s.of(g)), Standard: s.text(s.standard), What: s.what}
	}
	return out
}

func (s *guardrail) text(n int64) string {
	if s.bytes && n != Off && n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + "MiB"
	}
	return strconv.FormatInt(n, 10)
}
