package cql

// CreateKeyspace is CREATE KEYSPACE.
type CreateKeyspace struct {
	Pos
	Name        string
	IfNotExists bool
	Options     []Option
}

// AlterKeyspace is ALTER KEYSPACE.
type AlterKeyspace struct {
	Pos
	Name     string
	IfExists bool
	Options  []Option
}

// DropKeyspace is DROP KEYSPACE.
type DropKeyspace struct {
	Pos
	Name     string
	IfExists bool
}

// Use is USE.
type Use struct {
	Pos
	Keyspace string
}

// CreateTable is CREATE TABLE.
type CreateTable struct {
	Pos
	Table       QualifiedName
	IfNotExists bool
	Columns     []ColumnDefinition
	// PrimaryKeys holds every PRIMARY KEY of the text, inline ones too. A valid statement has one.
	PrimaryKeys []PrimaryKey
	Options     TableOptions
}

// CreateTableLike is CREATE TABLE … LIKE.
type CreateTableLike struct {
	Pos
	Table       QualifiedName
	IfNotExists bool
	Source      QualifiedName
	Options     []Option
}

// ColumnDefinition is `name type [STATIC]`.
type ColumnDefinition struct {
	Pos
	Name   string
	Type   DataType
	Static bool
}

// PrimaryKey is `PRIMARY KEY ((partition…), clustering…)`.
type PrimaryKey struct {
	Pos
	Partition  []Name // never empty
	Clustering []Name
}

// TableOptions is what follows WITH.
type TableOptions struct {
	ClusteringOrder []Ordering // empty without CLUSTERING ORDER BY
	CompactStorage  bool
	Options         []Option // in the order of the text; a name may come twice
}

// AlterTable is ALTER TABLE.
type AlterTable struct {
	Pos
	Table    QualifiedName
	IfExists bool
	Action   AlterAction
}

// AlterAction is what ALTER TABLE does: a pointer to one of the structs below.
type AlterAction interface {
	Node
	alterAction()
}

// AddColumns is `ADD [IF NOT EXISTS] columns`.
type AddColumns struct {
	Pos
	IfNotExists bool
	Columns     []ColumnDefinition
}

// DropColumns is `DROP [IF EXISTS] columns [USING TIMESTAMP t]`.
type DropColumns struct {
	Pos
	IfExists  bool
	Columns   []Name
	Timestamp *Literal // nil without; microseconds
}

// Rename is `from TO to`.
type Rename struct {
	From Name
	To   Name
}

// RenameColumns is `RENAME [IF EXISTS] a TO b AND …`.
type RenameColumns struct {
	Pos
	IfExists bool
	Renames  []Rename
}

// AlterOptions is `WITH options`.
type AlterOptions struct {
	Pos
	Options TableOptions
}

// AlterColumnType is `ALTER column TYPE type`.
type AlterColumnType struct {
	Pos
	Column Name
	Type   DataType
}

// DropCompactStorage is `DROP COMPACT STORAGE`.
type DropCompactStorage struct {
	Pos
}

func (*AddColumns) alterAction()         {}
func (*DropColumns) alterAction()        {}
func (*RenameColumns) alterAction()      {}
func (*AlterOptions) alterAction()       {}
func (*AlterColumnType) alterAction()    {}
func (*DropCompactStorage) alterAction() {}

// DropTable is DROP TABLE.
type DropTable struct {
	Pos
	Table    QualifiedName
	IfExists bool
}

func (*CreateKeyspace) statement()  {}
func (*AlterKeyspace) statement()   {}
func (*DropKeyspace) statement()    {}
func (*Use) statement()             {}
func (*CreateTable) statement()     {}
func (*CreateTableLike) statement() {}
func (*AlterTable) statement()      {}
func (*DropTable) statement()       {}
