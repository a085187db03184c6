package cql

import "github.com/alecthomas/participle/v2/lexer"

type groupGrammar struct {
	Terms []selectorNode `parser:"'GROUP' 'BY' @@ ( ',' @@ )*"`
	Fill  *selectorNode  `parser:"( 'FILL' '(' @@ ')' )?"`
}

type orderingGrammar struct {
	Column     name `parser:"@@"`
	Descending bool `parser:"( 'ASC' | @'DESC' )?"`
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
