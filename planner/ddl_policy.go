package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

// policiesMax is how many retention policies a table may have.
const policiesMax = 64

// changePolicy is the change of a statement about retention policies.
func (c *compiler) changePolicy(stmt cql.Statement) (*Alter, error) {
	switch stmt := stmt.(type) {
	case *cql.CreateRetentionPolicy:
		return c.createPolicy(stmt)
	case *cql.AlterRetentionPolicy:
		return c.alterPolicy(stmt)
	case *cql.DropRetentionPolicy:
		return c.dropPolicy(stmt)
	}
	return nil, invalidf("this statement is not supported by this build")
}

// createPolicy adds a retention policy to a base table.
func (c *compiler) createPolicy(stmt *cql.CreateRetentionPolicy) (*Alter, error) {
	base, err := c.table(stmt.Table)
	if err != nil {
		return nil, err
	}
	if base.Kind != schema.Base {
		return nil, invalidf("retention policy %s is for a base table, which %s is not", stmt.Name.Name, base.QualifiedName())
	}
	if stmt.Name.Keyspace != "" && stmt.Name.Keyspace != base.Keyspace {
		return nil, invalidf("retention policy %s belongs to the keyspace of its table, %s", stmt.Name, base.Keyspace)
	}
	if err := checkTableName(base.Keyspace, stmt.Name.Name); err != nil {
		return nil, err
	}
	if t, _ := policyNamed(c.schema.Keyspaces[base.Keyspace], stmt.Name.Name); t != nil {
		if stmt.IfNotExists {
			return &Alter{Keyspace: base.Keyspace, Name: t.Name}, nil
		}
		return nil, invalidf("retention policy %s exists already, on table %s", stmt.Name.Name, t.QualifiedName())
	}
	p, static := schema.Policy{Name: stmt.Name.Name}, false
	for _, r := range stmt.Where {
		f, err := c.policyFilter(base, p.Name, r)
		if err != nil {
			return nil, err
		}
		p.Where = append(p.Where, *f)
		static = static || base.Column(f.Column).Kind == schema.Static
	}
	if p.Millis, err = policyMillis(p.Name, stmt.Keep); err != nil {
		return nil, err
	}
	next := schema.Retention{}
	if base.Retention != nil {
		next = *base.Retention
	}
	if next.By == "" {
		if next.By, err = retentionBy(base, ""); err != nil {
			return nil, err
		}
	}
	if len(next.Policies) >= policiesMax {
		return nil, invalidf("table %s has %d retention policies already, the most there may be", base.QualifiedName(), policiesMax)
	}
	at, _ := slices.BinarySearchFunc(next.Policies, p.Name, func(p schema.Policy, name string) int { return strings.Compare(p.Name, name) })
	next.Policies, next.Floored = slices.Insert(slices.Clone(next.Policies), at, p), next.Floored || static
	return c.retain(base, &next)
}

// retain gives a table another retention.
func (c *compiler) retain(old *schema.Table, next *schema.Retention) (*Alter, error) {
	t := old.Clone()
	t.Retention = t.Retention.Follow(next)
	if err := layRetentionBucket(t); err != nil {
		return nil, err
	}
	if err := checkRetention(c.schema, t); err != nil {
		return nil, err
	}
	return &Alter{Next: c.schema.WithTable(t), Change: changeUpdated, Target: targetTable, Keyspace: t.Keyspace, Name: t.Name}, nil
}

// policyNamed finds a policy of a keyspace and its table; nil where there is none.
func policyNamed(k *schema.Keyspace, name string) (*schema.Table, int) {
	for _, t := range k.SortedTables() {
		if t.Retention == nil {
			continue
		}
		if i := slices.IndexFunc(t.Retention.Policies, func(p schema.Policy) bool { return p.Name == name }); i >= 0 {
			return t, i
		}
	}
	return nil, 0
}

// policyMillis is how long a policy keeps rows; 0 is for ever.
func policyMillis(policy string, keep *cql.Literal) (int64, error) {
	if keep == nil {
		return 0, nil
	}
	millis, err := parseStep(keep.Text)
	if err != nil {
		return 0, invalidf("retention policy %s: KEEP %s is not a fixed length above zero, such as 90d or 12h; KEEP FOREVER has no end", policy, keep.Text)
	}
	return millis, nil
}

// policyFilter is one condition of a policy.
func (c *compiler) policyFilter(base *schema.Table, policy string, r cql.Relation) (*schema.CopyFilter, error) {
	f := &schema.CopyFilter{}
	var terms []cql.Term
	switch r := r.(type) {
	case *cql.ColumnRelation:
		f.Column, f.Op, terms = r.Column.Text, filterOperators[r.Op], []cql.Term{r.Value}
	case *cql.InRelation:
		if f.Column, terms = r.Column.Text, r.Values; r.Marker == nil && !r.Negated {
			f.Op = "IN"
		}
	}
	if f.Op == "" {
		return nil, invalidf("retention policy %s: condition %s is not one of =, <, <=, >, >= and IN with constants on a single column", policy, cql.FormatRelation(r))
	}
	col := base.Column(f.Column)
	switch {
	case col == nil:
		return nil, undefinedColumn(base, f.Column)
	case col.Kind != schema.PartitionKey && col.Kind != schema.Static:
		return nil, invalidf("retention policy %s: column %s belongs to single rows; a policy is for whole partitions and looks at columns of the partition key and static columns", policy, f.Column)
	case base.Multicell(col):
		return nil, invalidf("retention policy %s: column %s is a collection or user type that is not frozen; a policy compares single values", policy, f.Column)
	case col.Type.Kind() == types.KindDuration && f.Op != "=" && f.Op != "IN":
		return nil, invalidf("Slice restrictions are not supported on duration columns")
	}
	for _, t := range terms {
		value, err := c.constantOf(base, col, t)
		if err != nil {
			return nil, err
		}
		if value == nil {
			return nil, invalidf("retention policy %s: condition %s needs constants that are not null", policy, cql.FormatRelation(r))
		}
		if !slices.ContainsFunc(f.Values, func(v []byte) bool { return string(v) == string(value) }) {
			f.Values = append(f.Values, value)
		}
	}
	if len(f.Values) == 0 {
		return nil, invalidf("retention policy %s: condition %s holds for no partition, since its list is empty", policy, cql.FormatRelation(r))
	}
	return f, nil
}

// constantOf is the value of a term for a column; nil if it is null or none that is known beforehand.
func (c *compiler) constantOf(t *schema.Table, col *schema.Column, term cql.Term) ([]byte, error) {
	if _, ok := term.(*cql.Marker); ok {
		return nil, nil
	}
	typed, err := c.columnTerm(t, col, term)
	if err != nil {
		return nil, err
	}
	value, _ := typed.(constant)
	return value, nil
}

// existingPolicy finds the policy that a statement names; nil where there is none and need not be.
func (c *compiler) existingPolicy(name cql.QualifiedName, ifExists bool) (keyspace string, t *schema.Table, at int, err error) {
	if keyspace, err = c.keyspaceOf(name); err != nil {
		return "", nil, 0, err
	}
	if t, at = policyNamed(c.schema.Keyspaces[keyspace], name.Name); t == nil && !ifExists {
		return "", nil, 0, invalidf("retention policy %s.%s does not exist", keyspace, name.Name)
	}
	return keyspace, t, at, nil
}

// alterPolicy changes how long a policy keeps rows.
func (c *compiler) alterPolicy(stmt *cql.AlterRetentionPolicy) (*Alter, error) {
	keyspace, t, at, err := c.existingPolicy(stmt.Name, stmt.IfExists)
	if err != nil || t == nil {
		return &Alter{Keyspace: keyspace, Name: stmt.Name.Name}, err
	}
	millis, err := policyMillis(stmt.Name.Name, stmt.Keep)
	if err != nil {
		return nil, err
	}
	next := *t.Retention
	next.Policies = slices.Clone(next.Policies)
	next.Policies[at].Millis = millis
	return c.retain(t, &next)
}

// dropPolicy takes a policy from its table.
func (c *compiler) dropPolicy(stmt *cql.DropRetentionPolicy) (*Alter, error) {
	keyspace, t, at, err := c.existingPolicy(stmt.Name, stmt.IfExists)
	if err != nil || t == nil {
		return &Alter{Keyspace: keyspace, Name: stmt.Name.Name}, err
	}
	next := *t.Retention
	next.Policies = slices.Delete(slices.Clone(next.Policies), at, at+1)
	return c.retain(t, &next)
}

// checkRetention refuses a retention of a table that its copies or rollups, or its TTL, cannot follow.
func checkRetention(s *schema.Snapshot, t *schema.Table) error {
	if t.Retention.IsNone() {
		return nil
	}
	for _, of := range s.CopiesOf(t) {
		if err := checkCopyRetention(t, of); err != nil {
			return err
		}
	}
	if statics := t.RetentionStatics(); len(statics) > 0 && t.Options.DefaultTTLSec > 0 {
		return retentionErrorf(t, "a policy looks at static column %s, which must not end by a TTL, and default_time_to_live is %d: set it to 0", statics[0].Name, t.Options.DefaultTTLSec)
	}
	for _, r := range s.LevelsOf(t) {
		if err := checkBaseLateness(t, r.QualifiedName(), r.Rollup); err != nil {
			return err
		}
	}
	return nil
}

// checkCopyRetention refuses a copy that lacks a column which decides when rows of its base end: reads of it look there.
func checkCopyRetention(base, t *schema.Table) error {
	if base.Retention.IsNone() || t.Kind == schema.Index {
		return nil
	}
	for _, e := range base.EndColumns(0) {
		if schema.Copied(t, base.Column(e.Name)) == nil {
			return invalidf("%s lacks column %s, in which rows of table %s have their end: a query table of it needs the column", t.QualifiedName(), e.Name, base.QualifiedName())
		}
	}
	for _, col := range base.RetentionStatics() {
		if schema.Copied(t, col) == nil {
			return invalidf("%s lacks static column %s, which a retention policy of table %s looks at: a query table of it needs the column, or a policy that looks at the partition key alone", t.QualifiedName(), col.Name, base.QualifiedName())
		}
	}
	return nil
}
