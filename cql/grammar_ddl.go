package cql

import "github.com/alecthomas/participle/v2/lexer"

type optionGrammar struct {
	Name  name        `parser:"@@"`
	Value optionValue `parser:"'=' @@"`
}

type optionsGrammar struct {
	Items []optionGrammar `parser:"'WITH' @@ ( 'AND' @@ )*"`
}

type tableOptionsGrammar struct {
	Pos   lexer.Position
	Items []tableOptionGrammar `parser:"'WITH' @@ ( 'AND' @@ )*"`
}

type tableOptionGrammar struct {
	Order   []orderingGrammar `parser:"'CLUSTERING' 'ORDER' 'BY' '(' @@ ( ',' @@ )* ')'"`
	Compact bool              `parser:"| @'COMPACT' 'STORAGE'"`
	Option  *optionGrammar    `parser:"| @@"`
}

type createKeyspaceGrammar struct {
	Pos     lexer.Position
	Absent  bool           `parser:"'CREATE' ( 'KEYSPACE' | 'SCHEMA' ) ( 'IF' 'NOT' @'EXISTS' )?"`
	Name    name           `parser:"@@"`
	Options optionsGrammar `parser:"@@"`
}

type alterKeyspaceGrammar struct {
	Pos     lexer.Position
	Exists  bool           `parser:"'ALTER' ( 'KEYSPACE' | 'SCHEMA' ) ( 'IF' @'EXISTS' )?"`
	Name    name           `parser:"@@"`
	Options optionsGrammar `parser:"@@"`
}

type dropKeyspaceGrammar struct {
	Pos    lexer.Position
	Exists bool `parser:"'DROP' ( 'KEYSPACE' | 'SCHEMA' ) ( 'IF' @'EXISTS' )?"`
	Name   name `parser:"@@"`
}

type useGrammar struct {
	Pos  lexer.Position
	Name name `parser:"'USE' @@"`
}

type createTableGrammar struct {
	Pos     lexer.Position
	Absent  bool                 `parser:"'CREATE' 'TABLE' ( 'IF' 'NOT' @'EXISTS' )?"`
	Table   qualified            `parser:"@@"`
	Items   []tableItemGrammar   `parser:"( '(' @@ ( ',' @@? )* ')'"`
	Options *tableOptionsGrammar `parser:"@@?"`
	Like    *likeGrammar         `parser:"| @@ )"`
}

type likeGrammar struct {
	Source  qualified       `parser:"'LIKE' @@"`
	Options *optionsGrammar `parser:"@@?"`
}

type tableItemGrammar struct {
	Key    *primaryKeyGrammar `parser:"@@"`
	Column *columnGrammar     `parser:"| @@"`
	Inline lexer.Token        `parser:"( @'PRIMARY' 'KEY' )?"`
}

type columnGrammar struct {
	Name   name     `parser:"@@"`
	Type   typeNode `parser:"@@"`
	Static bool     `parser:"@'STATIC'?"`
}

type primaryKeyGrammar struct {
	Pos        lexer.Position
	Composite  []name `parser:"'PRIMARY' 'KEY' '(' ( '(' @@ ( ',' @@ )* ')'"`
	Single     *name  `parser:"| @@ )"`
	Clustering []name `parser:"( ',' @@ )* ')'"`
}

type alterTableGrammar struct {
	Pos     lexer.Position
	Exists  bool                 `parser:"'ALTER' 'TABLE' ( 'IF' @'EXISTS' )?"`
	Table   qualified            `parser:"@@"`
	Add     *addGrammar          `parser:"( @@"`
	Drop    *dropColumnsGrammar  `parser:"| @@"`
	Rename  *renameGrammar       `parser:"| @@"`
	Retype  *retypeGrammar       `parser:"| @@"`
	Options *tableOptionsGrammar `parser:"| @@ )"`
}

type addGrammar struct {
	Pos     lexer.Position
	Absent  bool            `parser:"'ADD' ( 'IF' 'NOT' @'EXISTS' )?"`
	Columns []columnGrammar `parser:"( '(' @@ ( ',' @@ )* ')' | @@ ( ',' @@ )* )"`
}

type dropColumnsGrammar struct {
	Pos     lexer.Position
	Compact bool        `parser:"'DROP' ( (?= 'COMPACT' 'STORAGE' ) @'COMPACT' 'STORAGE'"`
	Exists  bool        `parser:"| ( 'IF' @'EXISTS' )?"`
	Columns []name      `parser:"( '(' @@ ( ',' @@ )* ')' | @@ ( ',' @@ )* )"`
	Time    lexer.Token `parser:"( 'USING' 'TIMESTAMP' @Integer )? )"`
}

type renameGrammar struct {
	Pos    lexer.Position
	Exists bool                `parser:"'RENAME' ( 'IF' @'EXISTS' )?"`
	Items  []renameItemGrammar `parser:"@@ ( 'AND' @@ )*"`
}

type renameItemGrammar struct {
	From name `parser:"@@"`
	To   name `parser:"'TO' @@"`
}

type retypeGrammar struct {
	Pos    lexer.Position
	Column name     `parser:"'ALTER' @@"`
	Type   typeNode `parser:"'TYPE' @@"`
}

type dropGrammar struct {
	Pos    lexer.Position
	Kind   string    `parser:"'DROP' @( 'TABLE' | 'QUERY' 'TABLE' | 'MATERIALIZED' 'VIEW' | 'ROLLUP' | 'INDEX' )"`
	Exists bool      `parser:"( 'IF' @'EXISTS' )?"`
	Name   qualified `parser:"@@"`
}
