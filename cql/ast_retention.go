package cql

// CreateRetentionPolicy is `CREATE RETENTION POLICY name ON table WHERE … KEEP 730d`.
type CreateRetentionPolicy struct {
	Pos
	Name        QualifiedName
	IfNotExists bool
	Table       QualifiedName
	Where       []Relation // never empty
	Keep        *Literal   // a duration; nil: FOREVER
}

// AlterRetentionPolicy is `ALTER RETENTION POLICY name KEEP 730d`.
type AlterRetentionPolicy struct {
	Pos
	Name     QualifiedName
	IfExists bool
	Keep     *Literal // a duration; nil: FOREVER
}

// DropRetentionPolicy is DROP RETENTION POLICY.
type DropRetentionPolicy struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

func (*CreateRetentionPolicy) statement() {}
func (*AlterRetentionPolicy) statement()  {}
func (*DropRetentionPolicy) statement()   {}
