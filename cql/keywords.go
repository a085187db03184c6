package cql

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql/types"
)

// unreservedWords mean something in their place and are names elsewhere. esker's own words are all here.
var unreservedWords = strings.Fields(`
	ACCESS AGGREGATE AGGREGATES ALL ANN AS ASCII BETWEEN BIGINT BLOB BOOLEAN CALLED CAST CHECK CIDRS CLUSTER CLUSTERING
	COLUMNFAMILIES COMPACT CONTAINS COUNT COUNTER CUSTOM DATACENTERS DATE DECIMAL DEFAULT DISTINCT DOUBLE DURATION EXISTS
	FILTERING FINALFUNC FLOAT FROZEN FUNCTION FUNCTIONS GENERATED GROUP HASHED IDENTITY INDEXES INET INITCOND INPUT INT
	INTERNALS JSON KEY KEYS KEYSPACES LANGUAGE LIKE LIST LOGIN MAP MASKED MAXWRITETIME MBEAN MBEANS NOLOGIN NOSUPERUSER
	ONLY OPTIONS PARTITION PASSWORD PER PERMISSION PERMISSIONS REPLACE RETURNS ROLE ROLES SELECT_MASKED SFUNC SMALLINT
	STATIC STORAGE STYPE SUPERUSER SUPERUSERS TABLES TEXT TIME TIMESTAMP TIMEUUID TINYINT TRIGGER TTL TUPLE TYPE TYPES
	UNMASK UNSET USER USERS UUID VALUES VARCHAR VARINT VECTOR WRITETIME
	ADMIN ANALYZE BACKUP COLUMNS EXPLAIN FILES FILL FLUSH FOREVER KEEP PAUSE POLICY QUERY REBUILD REFRESH REPAIR RESOLUTION RESUME
	RETENTION ROLLUP SAMPLE TABLESTATS`)

// keyword is a word of the language: the text that the grammar matches, and the class of its tokens.
type keyword struct {
	text string
	kind tokenKind
}

// keywords finds a keyword by its text in lower case.
var keywords = buildKeywords()

// keywordBytesMax bounds the length of a word that is looked up at all.
const keywordBytesMax = 16

func buildKeywords() map[string]keyword {
	m := make(map[string]keyword, len(types.ReservedWords)+len(unreservedWords))
	for _, w := range types.ReservedWords {
		m[strings.ToLower(w)] = keyword{w, tokenReserved}
	}
	for _, w := range unreservedWords {
		m[strings.ToLower(w)] = keyword{w, tokenUnreserved}
	}
	m["columnfamily"] = keyword{"TABLE", tokenReserved} // the older word for the same thing
	return m
}

// Keywords lists the words of the language in upper case and in order, for completion.
func Keywords() []string {
	words := slices.Concat(types.ReservedWords, unreservedWords)
	slices.Sort(words)
	return words
}
