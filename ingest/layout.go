package ingest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/server/wire"
)

// layout says what becomes of the fields of a file's records. It is not changed once it is made.
type layout struct {
	columns    []column // that are written, each a bind marker
	converters []converter
	blank      []wire.Value // a row before its fields: constants, else what an empty field means
	targets    []int        // for each field its place in columns; -1 for fields that are left out
	partition  []int        // places of the partition key's columns that fields give
	insert     string       // the statement
	id         []byte       // of the statement, prepared
}

// planner makes the layouts of a load's files.
type planner struct {
	table   *table
	options Options
	times   *timeFormat
	renamed map[string]string // field → column, from Columns.Map; fields in lower case
	set     []assignment      // from Columns.Set
}

type assignment struct{ name, value string }

func newPlanner(t *table, o Options) (*planner, error) {
	times, err := newTimeFormat(o.Format)
	if err != nil {
		return nil, err
	}
	p := &planner{table: t, options: o, times: times, renamed: map[string]string{}}
	for _, entry := range o.Columns.Map {
		field, name, ok := strings.Cut(entry, "=")
		field = strings.ToLower(strings.TrimSpace(field))
		if !ok || field == "" || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("map %q: must be FIELD=COLUMN", entry)
		}
		if p.renamed[field] != "" {
			return nil, fmt.Errorf("map %q: field %s is mapped twice", entry, field)
		}
		p.renamed[field] = strings.TrimSpace(name)
	}
	for _, entry := range o.Columns.Set {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("set %q: must be COLUMN=VALUE", entry)
		}
		p.set = append(p.set, assignment{strings.TrimSpace(name), value})
	}
	return p, nil
}

// plan makes the layout of a file whose name without folder and extension is device. header is nil without one; fields
// is how many the records have.
func (p *planner) plan(device string, header [][]byte, fields int) (*layout, error) {
	l := &layout{}
	names, err := p.fieldNames(header, fields)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := p.addField(l, name, header != nil); err != nil {
			return nil, err
		}
	}
	constants := p.set
	if name := p.options.Columns.DeviceFromFilename; name != "" {
		constants = append(slices.Clone(constants), assignment{name, device})
	}
	for _, c := range constants {
		if err := p.addConstant(l, c); err != nil {
			return nil, err
		}
	}
	for _, c := range p.table.columns {
		if c.isKey() && c.name != p.table.filled && !slices.ContainsFunc(l.columns, func(has column) bool { return has.name == c.name }) {
			return nil, fmt.Errorf("key column %s of %s is missing: no field gives it", c.name, p.table)
		}
	}
	for _, at := range l.targets {
		if at >= 0 && l.columns[at].kind == kindPartition {
			l.partition = append(l.partition, at)
		}
	}
	l.insert = p.insert(l)
	return l, nil
}

// fieldNames are the columns, or as yet unknown names, that each field goes to; empty for row numbers.
func (p *planner) fieldNames(header [][]byte, fields int) ([]string, error) {
	var names []string
	used := map[string]bool{}
	lookup := func(field, otherwise string) string {
		field = strings.ToLower(field)
		used[field] = true
		if name, ok := p.renamed[field]; ok {
			return name
		}
		return otherwise
	}
	switch {
	case header != nil:
		if fields == len(header)+1 {
			names = append(names, "")
		}
		for _, field := range header {
			name := string(bytes.Trim(field, " \t\"'"))
			names = append(names, lookup(name, name))
		}
	case len(p.renamed) > 0:
		for i := range fields {
			names = append(names, lookup(strconv.Itoa(i+1), ""))
		}
	default:
		given := p.givenByConstants()
		for _, c := range p.table.columns {
			if !given[c.name] {
				names = append(names, c.name)
			}
		}
		if p.table.filled != "" && fields == len(names)-1 {
			names = slices.DeleteFunc(names, func(name string) bool { return name == p.table.filled })
		}
		if fields != len(names) {
			return nil, fmt.Errorf("the first record has %d fields and %s has %d columns to fill: say with a map which field goes where", fields, p.table, len(names))
		}
	}
	for field := range p.renamed {
		if !used[field] {
			return nil, fmt.Errorf("map: there is no field %s", field)
		}
	}
	return names, nil
}

func (p *planner) givenByConstants() map[string]bool {
	given := map[string]bool{}
	names := []string{p.options.Columns.DeviceFromFilename}
	for _, a := range p.set {
		names = append(names, a.name)
	}
	for _, name := range names {
		if at := p.table.find(name); at >= 0 {
			given[p.table.columns[at].name] = true
		}
	}
	return given
}

func (p *planner) addField(l *layout, name string, fromHeader bool) error {
	if name == "" && (!fromHeader || len(l.targets) == 0) {
		l.targets = append(l.targets, -1)
		return nil
	}
	at := p.table.find(name)
	if at < 0 && p.options.Columns.IgnoreUnknown {
		l.targets = append(l.targets, -1)
		return nil
	}
	if at < 0 {
		return fmt.Errorf("%s has no column %q: map the field to another, or ignore unknown ones", p.table, name)
	}
	l.targets = append(l.targets, len(l.columns))
	return p.addColumn(l, p.table.columns[at])
}

func (p *planner) addColumn(l *layout, c column) error {
	if slices.ContainsFunc(l.columns, func(has column) bool { return has.name == c.name }) {
		return fmt.Errorf("column %s is given twice", c.name)
	}
	if c.typ == nil || !loadable(c.typ) {
		return fmt.Errorf("column %s: values of type %s cannot be loaded from text", c.name, c.typeText)
	}
	empty := wire.Unset
	if p.options.Format.NullIsDelete {
		empty = wire.Null
	}
	l.columns = append(l.columns, c)
	l.converters = append(l.converters, converter{typ: c.typ, times: p.times})
	l.blank = append(l.blank, empty)
	return nil
}

func (p *planner) addConstant(l *layout, a assignment) error {
	at := p.table.find(a.name)
	if at < 0 {
		return fmt.Errorf("%s has no column %q", p.table, a.name)
	}
	c := p.table.columns[at]
	if err := p.addColumn(l, c); err != nil {
		return err
	}
	last := len(l.columns) - 1
	if a.value == "" {
		if c.isKey() {
			return fmt.Errorf("key column %s is set to nothing", c.name)
		}
		return nil
	}
	value, err := l.converters[last].append(nil, []byte(a.value))
	if err != nil {
		return fmt.Errorf("column %s: %w", c.name, err)
	}
	l.blank[last] = wire.Value{Bytes: value}
	return nil
}

func (p *planner) insert(l *layout) string {
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = quotedName(c.name)
	}
	text := fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (%s)", quotedName(p.table.keyspace), quotedName(p.table.name),
		strings.Join(names, ", "), strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", "))
	if ttl := p.options.Sending.TTL; ttl > 0 {
		text += fmt.Sprintf(" USING TTL %d", ttl)
	}
	return text
}
