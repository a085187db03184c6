package database

import (
	"fmt"

	"github.com/eskerdb/esker/planner"
	"github.com/eskerdb/esker/schema"
)

// requireEqualCopies refuses to make a table append_only while a copy differs from it: such copies are written without
// looking at what they have (R39d).
func (d *Database) requireEqualCopies(before, next *schema.Snapshot) error {
	for _, k := range next.Keyspaces {
		for _, t := range k.Tables {
			was := before.Table(t.Keyspace, t.Name)
			if !t.AppendOnly || was == nil || was.AppendOnly {
				continue
			}
			for _, copied := range before.CopiesOf(was) {
				if err := d.requireEqualCopy(t, copied); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *Database) requireEqualCopy(t, copied *schema.Table) error {
	if copied.Copy.State != schema.CopyLive {
		return &planner.InvalidError{Message: fmt.Sprintf("append_only of table %s: query table %s is being built; try again when system_views.query_tables says live",
			t.QualifiedName(), copied.QualifiedName())}
	}
	c := &copyCheck{checkView: checkView{d: d}, id: copied.ID, keyspace: copied.Keyspace, name: copied.Name}
	if err := c.run(); err != nil {
		return err
	}
	if c.found > 0 {
		return &planner.InvalidError{Message: fmt.Sprintf("append_only of table %s: query table %s differs from it, by %d rows; mend it first: CHECK QUERY TABLE %s REPAIR",
			t.QualifiedName(), copied.QualifiedName(), c.found, copied.QualifiedName())}
	}
	return nil
}
