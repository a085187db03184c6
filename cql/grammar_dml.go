package cql

import "github.com/alecthomas/participle/v2/lexer"

type usingGrammar struct {
	Items []usingItemGrammar `parser:"'USING' @@ ( 'AND' @@ )*"`
}

type usingItemGrammar struct {
	Pos   lexer.Position
	Kind  string          `parser:"@( 'TIMESTAMP' | 'TTL' )"`
	Value integerOrMarker `parser:"@@"`
}

type ifGrammar struct {
	Exists     bool           `parser:"'IF' ( @'EXISTS'"`
	Conditions []relationNode `parser:"| @@ ( 'AND' @@ )* )"`
}

type selectGrammar struct {
	Pos          lexer.Position
	Selection    selection         `parser:"'SELECT' @@"`
	From         qualified         `parser:"'FROM' @@"`
	Where        []relationNode    `parser:"( 'WHERE' @@ ( 'AND' @@ )* )?"`
	Group        *groupGrammar     `parser:"@@?"`
	OrderBy      []orderingGrammar `parser:"( 'ORDER' 'BY' @@ ( ',' @@ )* )?"`
	PerPartition *integerOrMarker  `parser:"( 'PER' 'PARTITION' 'LIMIT' @@ )?"`
	Limit        *integerOrMarker  `parser:"( 'LIMIT' @@ )?"`
	Allow        bool              `parser:"( @'ALLOW' 'FILTERING' )?"`
	Resolution   lexer.Token       `parser:"( 'USING' 'RESOLUTION' @String )?"`
}

type groupGrammar struct {
	Terms []selectorNode `parser:"'GROUP' 'BY' @@ ( ',' @@ )*"`
	Fill  *selectorNode  `parser:"( 'FILL' '(' @@ ')' )?"`
}

type orderingGrammar struct {
	Column     name `parser:"@@"`
	Descending bool `parser:"( 'ASC' | @'DESC' )?"`
}

type insertGrammar struct {
	Pos     lexer.Position
	Into    qualified     `parser:"'INSERT' 'INTO' @@"`
	JSON    *jsonGrammar  `parser:"( @@"`
	Columns []name        `parser:"| '(' @@ ( ',' @@ )* ')'"`
	Values  []termNode    `parser:"'VALUES' '(' @@ ( ',' @@ )* ')' )"`
	Absent  bool          `parser:"( 'IF' 'NOT' @'EXISTS' )?"`
	Using   *usingGrammar `parser:"@@?"`
}

type jsonGrammar struct {
	Value   termNode `parser:"'JSON' @@"`
	Default string   `parser:"( 'DEFAULT' @( 'NULL' | 'UNSET' ) )?"`
}

type updateGrammar struct {
	Pos   lexer.Position
	Table qualified        `parser:"'UPDATE' @@"`
	Using *usingGrammar    `parser:"@@?"`
	Set   []assignmentNode `parser:"'SET' @@ ( ',' @@ )*"`
	Where []relationNode   `parser:"'WHERE' @@ ( 'AND' @@ )*"`
	If    *ifGrammar       `parser:"@@?"`
}

type deleteGrammar struct {
	Pos     lexer.Position
	Targets []targetGrammar `parser:"'DELETE' ( @@ ( ',' @@ )* )?"`
	From    qualified       `parser:"'FROM' @@"`
	Using   *usingGrammar   `parser:"@@?"`
	Where   []relationNode  `parser:"'WHERE' @@ ( 'AND' @@ )*"`
	If      *ifGrammar      `parser:"@@?"`
}

type targetGrammar struct {
	Column name      `parser:"@@"`
	Key    *termNode `parser:"( '[' @@ ']'"`
	Field  *name     `parser:"| '.' @@ )?"`
}

type batchGrammar struct {
	Pos        lexer.Position
	Kind       string             `parser:"'BEGIN' @( 'UNLOGGED' | 'COUNTER' )? 'BATCH'"`
	Using      *usingGrammar      `parser:"@@?"`
	Statements []batchItemGrammar `parser:"@@* 'APPLY' 'BATCH'"`
}

type batchItemGrammar struct {
	Insert *insertGrammar `parser:"( @@"`
	Update *updateGrammar `parser:"| @@"`
	Delete *deleteGrammar `parser:"| @@ ) ';'?"`
}

type truncateGrammar struct {
	Pos   lexer.Position
	Table qualified `parser:"'TRUNCATE' 'TABLE'? @@"`
}

type describeGrammar struct {
	Pos       lexer.Position
	What      description `parser:"( 'DESCRIBE' | 'DESC' ) @@"`
	Internals bool        `parser:"( 'WITH' @'INTERNALS' )?"`
}

type retentionGrammar struct {
	Pos   lexer.Position
	Table qualified `parser:"'RETENTION' @@"`
}
