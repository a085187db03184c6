package cql

// QueryKey is the primary key of a query table. A part may be computed from a column, as in `time_bucket(ts, 1h) AS hour`.
type QueryKey struct {
	Pos
	Partition  []Selector // never empty
	Clustering []Selector
}

// CreateQueryTable is CREATE QUERY TABLE.
type CreateQueryTable struct {
	Pos
	Name        QualifiedName
	IfNotExists bool
	Base        QualifiedName
	Columns     []Selector // `*` is one selector whose term is *Star; empty: the key alone
	Where       []Relation
	Key         QueryKey
	Options     TableOptions
}

// DropQueryTable is DROP QUERY TABLE.
type DropQueryTable struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

// AlterQueryTable is `ALTER QUERY TABLE name WITH options`.
type AlterQueryTable struct {
	Pos
	Name     QualifiedName
	IfExists bool
	Options  TableOptions
}

// CheckQueryTable is `CHECK QUERY TABLE name [REPAIR]`.
type CheckQueryTable struct {
	Pos
	Name   QualifiedName
	Repair bool
}

// RebuildQueryTable is `REBUILD QUERY TABLE name`.
type RebuildQueryTable struct {
	Pos
	Name QualifiedName
}

// CreateMaterializedView is CREATE MATERIALIZED VIEW.
type CreateMaterializedView struct {
	Pos
	Name        QualifiedName
	IfNotExists bool
	Select      *Select // selectors, FROM and WHERE only
	PrimaryKey  PrimaryKey
	Options     TableOptions
}

// AlterMaterializedView is `ALTER MATERIALIZED VIEW name WITH options`.
type AlterMaterializedView struct {
	Pos
	Name     QualifiedName
	IfExists bool
	Options  TableOptions
}

// DropMaterializedView is DROP MATERIALIZED VIEW.
type DropMaterializedView struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

// CreateRollup is CREATE ROLLUP.
type CreateRollup struct {
	Pos
	Name        QualifiedName
	IfNotExists bool
	Select      *Select // selectors and GROUP BY only; From is the table or rollup after ON
	Options     []Option
}

// AlterRollup is `ALTER ROLLUP name WITH options`.
type AlterRollup struct {
	Pos
	Name     QualifiedName
	IfExists bool
	Options  []Option
}

// DropRollup is DROP ROLLUP.
type DropRollup struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

// RefreshRollup is `REFRESH ROLLUP name [WHERE …]`.
type RefreshRollup struct {
	Pos
	Name  QualifiedName
	Where []Relation
}

// PauseRollup is `PAUSE ROLLUP name` or `RESUME ROLLUP name`.
type PauseRollup struct {
	Pos
	Name   QualifiedName
	Resume bool
}

// CheckRollup is `CHECK ROLLUP name [SAMPLE n] [REPAIR]`.
type CheckRollup struct {
	Pos
	Name   QualifiedName
	Sample Term // nil without; *Literal of an integer or *Marker
	Repair bool
}

func (*CreateQueryTable) statement()       {}
func (*DropQueryTable) statement()         {}
func (*AlterQueryTable) statement()        {}
func (*CheckQueryTable) statement()        {}
func (*RebuildQueryTable) statement()      {}
func (*CreateMaterializedView) statement() {}
func (*AlterMaterializedView) statement()  {}
func (*DropMaterializedView) statement()   {}
func (*CreateRollup) statement()           {}
func (*AlterRollup) statement()            {}
func (*DropRollup) statement()             {}
func (*RefreshRollup) statement()          {}
func (*PauseRollup) statement()            {}
func (*CheckRollup) statement()            {}
