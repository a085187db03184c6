package database

import "github.com/eskerdb/esker/cql"

// Kind says what a statement is like to whoever has to run it.
type Kind uint8

// Kinds of statements.
const (
	KindOther Kind = iota // a moment, such as USE
	KindRead              // a SELECT of what WHERE names
	KindWrite             // INSERT, UPDATE, DELETE, BATCH
	KindLong              // may take as long as there is data: a SELECT of everything, DDL, ADMIN, CHECK, DESCRIBE and the like
)

func kindOf(tree cql.Statement) Kind {
	switch tree := tree.(type) {
	case *cql.Select:
		if len(tree.Where) == 0 {
			return KindLong
		}
		return KindRead
	case *cql.Insert, *cql.Update, *cql.Delete, *cql.Batch:
		return KindWrite
	case *cql.Use:
		return KindOther
	}
	return KindLong
}
