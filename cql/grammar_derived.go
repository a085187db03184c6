package cql

import "github.com/alecthomas/participle/v2/lexer"

type createQueryTableGrammar struct {
	Pos     lexer.Position
	Absent  bool                 `parser:"'CREATE' 'QUERY' 'TABLE' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name    qualified            `parser:"@@"`
	Base    qualified            `parser:"'ON' @@"`
	Star    lexer.Token          `parser:"( @'*'"`
	Columns []selectorNode       `parser:"| '(' @@ ( ',' @@ )* ')' )?"`
	Where   []relationNode       `parser:"( 'WHERE' @@ ( 'AND' @@ )* )?"`
	Key     queryKeyGrammar      `parser:"@@"`
	Options *tableOptionsGrammar `parser:"@@?"`
}

type queryKeyGrammar struct {
	Pos        lexer.Position
	Composite  []selectorNode `parser:"'PRIMARY' 'KEY' '(' ( '(' @@ ( ',' @@ )* ')'"`
	Single     *selectorNode  `parser:"| @@ )"`
	Clustering []selectorNode `parser:"( ',' @@ )* ')'"`
}

type createViewGrammar struct {
	Pos       lexer.Position
	Absent    bool                 `parser:"'CREATE' 'MATERIALIZED' 'VIEW' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name      qualified            `parser:"@@"`
	SelectPos lexer.Token          `parser:"'AS' @'SELECT'"`
	Selection selection            `parser:"@@"`
	From      qualified            `parser:"'FROM' @@"`
	Where     []relationNode       `parser:"( 'WHERE' @@ ( 'AND' @@ )* )?"`
	Key       primaryKeyGrammar    `parser:"@@"`
	Options   *tableOptionsGrammar `parser:"@@?"`
}

type createRollupGrammar struct {
	Pos       lexer.Position
	Absent    bool            `parser:"'CREATE' 'ROLLUP' ( 'IF' 'NOT' @'EXISTS' )?"`
	Name      qualified       `parser:"@@"`
	Source    qualified       `parser:"'ON' @@"`
	SelectPos lexer.Token     `parser:"'AS' @'SELECT'"`
	Selection selection       `parser:"@@"`
	Group     *groupGrammar   `parser:"@@?"`
	Options   *optionsGrammar `parser:"@@?"`
}

type alterDerivedGrammar struct {
	Pos     lexer.Position
	Kind    string              `parser:"'ALTER' @( 'QUERY' 'TABLE' | 'MATERIALIZED' 'VIEW' )"`
	Exists  bool                `parser:"( 'IF' @'EXISTS' )?"`
	Name    qualified           `parser:"@@"`
	Options tableOptionsGrammar `parser:"@@"`
}

type alterRollupGrammar struct {
	Pos     lexer.Position
	Exists  bool           `parser:"'ALTER' 'ROLLUP' ( 'IF' @'EXISTS' )?"`
	Name    qualified      `parser:"@@"`
	Options optionsGrammar `parser:"@@"`
}

type checkQueryTableGrammar struct {
	Pos    lexer.Position
	Name   qualified `parser:"'CHECK' 'QUERY' 'TABLE' @@"`
	Repair bool      `parser:"@'REPAIR'?"`
}

type checkRollupGrammar struct {
	Pos    lexer.Position
	Name   qualified        `parser:"'CHECK' 'ROLLUP' @@"`
	Sample *integerOrMarker `parser:"( 'SAMPLE' @@ )?"`
	Repair bool             `parser:"@'REPAIR'?"`
}

type refreshGrammar struct {
	Pos   lexer.Position
	Name  qualified      `parser:"'REFRESH' 'ROLLUP' @@"`
	Where []relationNode `parser:"( 'WHERE' @@ ( 'AND' @@ )* )?"`
}

type pauseGrammar struct {
	Pos  lexer.Position
	Verb string    `parser:"@( 'PAUSE' | 'RESUME' ) 'ROLLUP'"`
	Name qualified `parser:"@@"`
}

type rebuildGrammar struct {
	Pos  lexer.Position
	Name qualified `parser:"'REBUILD' 'QUERY' 'TABLE' @@"`
}
