package cql

// IndexTargetKind says what of a column an index holds.
type IndexTargetKind uint8

const (
	IndexColumn  IndexTargetKind = 0 // c
	IndexValues  IndexTargetKind = 1 // VALUES(c)
	IndexKeys    IndexTargetKind = 2 // KEYS(c)
	IndexEntries IndexTargetKind = 3 // ENTRIES(c)
	IndexFull    IndexTargetKind = 4 // FULL(c)
)

// indexTargetWords are the words around the column, by kind.
var indexTargetWords = [...]string{IndexColumn: "", IndexValues: "VALUES", IndexKeys: "KEYS", IndexEntries: "ENTRIES", IndexFull: "FULL"}

// IndexTarget is `c` or `KEYS(c)` and the like.
type IndexTarget struct {
	Pos
	Column Name
	Kind   IndexTargetKind
}

// CreateIndex is CREATE [CUSTOM] INDEX.
type CreateIndex struct {
	Pos
	Custom      bool
	Name        Name // its Text is empty if the text names none
	IfNotExists bool
	Table       QualifiedName
	Targets     []IndexTarget // one, in a valid statement
	Class       *Literal      // the string after USING; nil without
	Options     []Option      // what follows WITH; Cassandra knows OPTIONS alone
}

// DropIndex is DROP INDEX.
type DropIndex struct {
	Pos
	Name     QualifiedName
	IfExists bool
}

func (*CreateIndex) statement() {}
func (*DropIndex) statement()   {}
