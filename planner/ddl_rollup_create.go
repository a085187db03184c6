package planner

import (
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/downsample"
	"github.com/eskerdb/esker/schema"
)

// createRollup adds a rollup to a base table, or to a rollup over one.
func (c *compiler) createRollup(stmt *cql.CreateRollup) (*Alter, error) {
	source, err := c.rolledUp(stmt)
	if err != nil {
		return nil, err
	}
	keyspace, name := source.Keyspace, stmt.Name.Name
	if t := c.schema.Table(keyspace, name); t != nil {
		if stmt.IfNotExists && t.Kind == schema.Rollup {
			return &Alter{Keyspace: keyspace, Name: name}, nil
		}
		return nil, &ExistsError{Keyspace: keyspace, Table: name}
	}
	if source.Counter {
		return nil, errCounterRollup
	}
	base := source
	if source.Rollup != nil {
		base = c.schema.Table(keyspace, source.Rollup.BaseTable())
	}
	d := rollupStatement{stmt: stmt, rollupBuilder: rollupBuilder{what: "rollup " + keyspace + "." + name, base: base, source: source}}
	for _, read := range []func() error{d.readForm, d.readGroup, d.readZone, d.begin, d.readSelectors, d.finish, d.readOptions} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	next := c.schema.WithTable(d.out)
	if err := checkLevels(next, base); err != nil {
		return nil, err
	}
	return &Alter{Next: next, Change: changeCreated, Target: targetTable, Keyspace: keyspace, Name: name}, nil
}

// rolledUp finds what a new rollup is declared on.
func (c *compiler) rolledUp(stmt *cql.CreateRollup) (*schema.Table, error) {
	from := stmt.Select.From
	if from.Keyspace == "" {
		from.Keyspace = stmt.Name.Keyspace
	}
	keyspace, err := c.keyspaceOf(from)
	if err != nil {
		return nil, err
	}
	mine := stmt.Name.Keyspace
	if mine == "" {
		mine = keyspace
	}
	switch {
	case mine != keyspace:
		return nil, invalidf("rollup %s.%s: it would be of another keyspace than %s.%s; a rollup lies beside its source", mine, stmt.Name.Name, keyspace, from.Name)
	case stmt.Name.Name == from.Name:
		return nil, invalidf("rollup %s.%s: it cannot be computed from itself", mine, stmt.Name.Name)
	}
	source, err := c.table(cql.QualifiedName{Keyspace: keyspace, Name: from.Name})
	if err != nil {
		return nil, err
	}
	return source, checkRolledUp(stmt.Name.Name, source)
}

// checkRolledUp refuses sources whose rows are not written by statements or by the rollup scheduler.
func checkRolledUp(name string, source *schema.Table) error {
	what := ""
	switch source.Kind {
	case schema.Base, schema.Rollup:
		return nil
	case schema.View, schema.QueryTable:
		return invalidf("rollup %s.%s: %s is a %s, kept of %s.%s, which is the one to name after ON",
			source.Keyspace, name, source.QualifiedName(), KindText(source), source.Keyspace, source.Copy.Base)
	default:
		what = "a system table"
	}
	return invalidf("rollup %s.%s: %s is %s; a rollup is computed from a base table, or from a rollup", source.Keyspace, name, source.QualifiedName(), what)
}

// rollupStatement reads CREATE ROLLUP.
type rollupStatement struct {
	rollupBuilder
	stmt   *cql.CreateRollup
	cut    stepCall
	group  []*schema.Column
	window string // alias of the step
}

// readForm refuses what SELECT can have and a rollup cannot.
func (d *rollupStatement) readForm() error {
	s := d.stmt.Select
	switch {
	case s.JSON:
		return d.refuse("SELECT JSON declares no columns; name the aggregates")
	case s.Distinct:
		return d.refuse("SELECT DISTINCT declares no windows; distinct(column) counts distinct values")
	case s.GroupBy.Fill != nil:
		return d.refuse("FILL belongs to SELECT; a window without rows has no row")
	}
	return requireOnce(d.stmt.Options)
}

// isTime reports whether windows are cut of a column, which has its name in the base or in the rollup that is declared on.
func (d *rollupStatement) isTime(name string) bool {
	return name == d.base.Clustering[0].Name || d.source.Rollup != nil && name == d.source.Clustering[0].Name
}

// groupForm says what GROUP BY has to be.
func (d *rollupStatement) groupForm() string {
	names := make([]string, len(d.base.PartitionKey))
	for i, c := range d.base.PartitionKey {
		names[i] = cql.QuoteIdentifier(c.Name)
	}
	return strings.Join(names, ", ") + ", floor(" + cql.QuoteIdentifier(d.base.Clustering[0].Name) + ", 1h)"
}

// readGroup reads GROUP BY: the whole partition key, the step, and columns that split windows.
func (d *rollupStatement) readGroup() error {
	if err := d.checkTime(); err != nil {
		return err
	}
	terms, key := d.stmt.Select.GroupBy.Terms, d.base.PartitionKey
	for i, col := range key {
		if i >= len(terms) || columnOf(terms[i]) != col.Name {
			return d.refuse("GROUP BY begins with the whole partition key and the step: GROUP BY %s", d.groupForm())
		}
	}
	if len(terms) == len(key) {
		return d.refuse("GROUP BY has no step of time: GROUP BY %s", d.groupForm())
	}
	call, ok := terms[len(key)].(*cql.FunctionCall)
	if !ok || !isStepCall(call) {
		return d.refuse("behind the partition key GROUP BY has the step, floor or time_bucket of the time column, not %s: GROUP BY %s", cql.FormatTerm(terms[len(key)]), d.groupForm())
	}
	var err error
	if d.cut, err = d.stepOf(call); err != nil {
		return err
	}
	for _, t := range terms[len(key)+1:] {
		if err := d.addGroup(t); err != nil {
			return err
		}
	}
	if d.source.Rollup == nil {
		return nil
	}
	names := make([]string, len(d.group))
	for i, col := range d.group {
		names[i] = col.Name
	}
	if !slices.Equal(names, d.source.Rollup.Group) {
		return d.refuse("its windows must be split by the same columns as those of %s: behind the step GROUP BY has there (%s), here (%s)",
			d.source.QualifiedName(), strings.Join(d.source.Rollup.Group, ", "), strings.Join(names, ", "))
	}
	return nil
}

// columnOf is the name of a term that is a column; empty for others.
func columnOf(t cql.Term) string {
	if ref, ok := t.(*cql.ColumnRef); ok {
		return ref.Name
	}
	return ""
}

// addGroup reads a column behind the step.
func (d *rollupStatement) addGroup(t cql.Term) error {
	name := columnOf(t)
	if name == "" {
		return d.refuse("behind the step GROUP BY has columns, not %s", cql.FormatTerm(t))
	}
	col := d.base.Column(name)
	switch {
	case col == nil:
		return undefinedColumn(d.base, name)
	case slices.Contains(d.group, col):
		return d.refuse("column %s is twice in GROUP BY", name)
	case col.Kind == schema.PartitionKey || col == d.base.Clustering[0]:
		return d.refuse("column %s is in GROUP BY already, or its step is", name)
	case col.Kind == schema.Static:
		return d.refuse("column %s is static: it has one value in a partition, and splits no window", name)
	}
	if err := checkKeyType(col.Type, name); err != nil {
		return err
	}
	d.group = append(d.group, col)
	return nil
}

// stepOf reads the step that windows are cut by.
func (d *rollupStatement) stepOf(call *cql.FunctionCall) (stepCall, error) {
	text := cql.FormatTerm(call)
	if name := columnOf(call.Args[0]); !d.isTime(name) {
		return stepCall{}, d.refuse("%s: windows are cut of column %s, the first clustering column", text, d.base.Clustering[0].Name)
	}
	cut, err := readStepCall(call)
	if err != nil {
		return stepCall{}, d.refuse("%s: %v", text, err)
	}
	return cut, nil
}

// readZone applies the option time_zone to a step that names no zone.
func (d *rollupStatement) readZone() error {
	for _, o := range d.stmt.Options {
		if o.Name != "time_zone" {
			continue
		}
		zone, err := optionText(o)
		if err != nil {
			return err
		}
		if d.cut.zone != "" && d.cut.zone != zone {
			return d.refuse("the step is by the clock of %s, and time_zone says %s; leave one of them out", d.cut.zone, zone)
		}
		d.cut.zone = zone
	}
	var err error
	if d.step, err = d.cut.bucketing(); err != nil {
		return d.refuse("step %s: %v", d.cut.text, err)
	}
	return nil
}

// begin lays out the key. The alias of the step names the column with the starts of windows.
func (d *rollupStatement) begin() error {
	for _, s := range d.stmt.Select.Selectors {
		if call, ok := s.Term.(*cql.FunctionCall); ok && isStepCall(call) && len(call.Args) > 0 {
			cut, err := d.stepOf(call)
			if err != nil {
				return err
			}
			if cut.zone == "" {
				cut.zone = d.cut.zone
			}
			if cut.text = d.cut.text; cut != d.cut {
				return d.refuse("%s is not the step in GROUP BY", cql.FormatTerm(call))
			}
			if d.window != "" {
				return d.refuse("%s is selected twice", cql.FormatTerm(call))
			}
			if d.window = s.Alias; d.window == "" {
				d.window = columnOf(call.Args[0])
			}
		}
	}
	return d.rollupBuilder.begin(d.stmt.Name.Name, d.window, d.group)
}

// readSelectors adds the aggregates. Key columns are in a rollup whether they are selected or not.
func (d *rollupStatement) readSelectors() error {
	for _, s := range d.stmt.Select.Selectors {
		switch t := s.Term.(type) {
		case *cql.Star:
			return d.refuse("* names no aggregate; select aggregates such as avg(temperature)")
		case *cql.ColumnRef:
			if err := d.checkKeySelector(t.Name, s.Alias); err != nil {
				return err
			}
		case *cql.FunctionCall:
			if isStepCall(t) {
				continue
			}
			if err := d.addCall(t, s.Alias); err != nil {
				return err
			}
		default:
			return d.refuse("%s is not an aggregate of a column", cql.FormatTerm(s.Term))
		}
	}
	return nil
}

// checkKeySelector checks a selected column, which must be one of the key.
func (d *rollupStatement) checkKeySelector(name, alias string) error {
	switch {
	case d.base.Column(name) == nil:
		return undefinedColumn(d.base, name)
	case slices.Contains(d.out.Rollup.Group, name) || d.base.Column(name).Kind == schema.PartitionKey:
		if alias != "" && alias != name {
			return d.refuse("column %s keeps its name; AS names aggregates and the step", name)
		}
		return nil
	}
	return d.refuse("column %s is neither in GROUP BY nor in an aggregate; take an aggregate such as last(%s)", name, cql.QuoteIdentifier(name))
}

// rollupAggregates lists the aggregates in errors.
const rollupAggregates = "count, sum, avg, min, max, first, last, stddev, stddev_pop, percentile, median and distinct"

// addCall adds an aggregate; percentile adds one for each fraction.
func (d *rollupStatement) addCall(call *cql.FunctionCall, alias string) error {
	text := cql.FormatTerm(call)
	if call.Keyspace != "" && call.Keyspace != "system" || !slices.Contains(downsample.Functions, call.Name) || len(call.Args) == 0 {
		return d.refuse("%s is not an aggregate of a column: those of rollups are %s", text, rollupAggregates)
	}
	if call.Name == "count" && len(call.Args) == 1 && countsRows(call.Args[0]) {
		if alias == "" {
			alias = "count"
		}
		return d.add(downsample.Aggregate{Function: "count", Target: alias})
	}
	source := columnOf(call.Args[0])
	if source == "" {
		return d.refuse("%s: an aggregate of a rollup takes a column of %s", text, d.base.QualifiedName())
	}
	if call.Name == "percentile" {
		return d.addPercentiles(call, source, alias)
	}
	if len(call.Args) > 1 {
		return d.refuse("%s: %s takes one column", text, call.Name)
	}
	if alias == "" {
		alias = call.Name + "_" + source
	}
	return d.add(downsample.Aggregate{Function: call.Name, Source: source, Target: alias})
}

// addPercentiles adds percentile(column, fraction, …).
func (d *rollupStatement) addPercentiles(call *cql.FunctionCall, source, alias string) error {
	text := cql.FormatTerm(call)
	switch {
	case len(call.Args) == 1:
		return d.refuse("%s: behind the column stand fractions from 0 to 1: percentile(%s, 0.5, 0.99)", text, cql.QuoteIdentifier(source))
	case len(call.Args) > 2 && alias != "":
		return d.refuse("%s AS %s: AS names one column; write percentile once for each fraction, or leave AS out", text, cql.QuoteIdentifier(alias))
	}
	for _, arg := range call.Args[1:] {
		l, ok := arg.(*cql.Literal)
		if !ok {
			return d.refuse("%s: a fraction is a number from 0 to 1, such as 0.99", text)
		}
		fraction, err := strconv.ParseFloat(l.Text, 64)
		if err != nil || !(fraction >= 0 && fraction <= 1) {
			return d.refuse("%s: a fraction is a number from 0 to 1, such as 0.99; %s is not", text, l.Text)
		}
		fraction += 0 // −0 is 0
		target := alias
		if target == "" {
			target = percentileName(fraction) + "_" + source
		}
		if err := d.add(downsample.Aggregate{Function: "percentile", Source: source, Target: target, Fraction: fraction}); err != nil {
			return err
		}
	}
	return nil
}

// percentileName is p99 for 0.99, p99_9 for 0.999, p0_1 for 0.001.
func percentileName(fraction float64) string {
	whole, part, _ := strings.Cut(strconv.FormatFloat(fraction, 'f', -1, 64), ".")
	for len(part) < 2 {
		part += "0"
	}
	name := strings.TrimLeft(whole+part[:2], "0")
	if name == "" {
		name = "0"
	}
	if part = part[2:]; part != "" {
		name += "_" + part
	}
	return "p" + name
}
