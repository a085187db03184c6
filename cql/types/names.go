package types

import "strings"

// ReservedWords cannot name anything unless quoted: the words of Cassandra's ReservedKeywords in upper case,
// less those that its grammar admits as names nevertheless (default, mbean, mbeans, replace, unset).
var ReservedWords = strings.Fields(`
	ADD ALLOW ALTER AND APPLY ASC AUTHORIZE BATCH BEGIN BY COLUMNFAMILY CREATE DELETE DESC DESCRIBE DROP ENTRIES
	EXECUTE FROM FULL GRANT IF IN INDEX INFINITY INSERT INTO IS KEYSPACE LIMIT MATERIALIZED MODIFY NAN NORECURSIVE
	NOT NULL OF ON OR ORDER PRIMARY RENAME REVOKE SCHEMA SELECT SET TABLE TO TOKEN TRUNCATE UNLOGGED UPDATE USE
	USING VIEW WHERE WITH`)

var reserved = func() map[string]bool {
	out := map[string]bool{"true": true, "false": true}
	for _, w := range ReservedWords {
		out[strings.ToLower(w)] = true
	}
	return out
}()

// QuoteName writes a name so that CQL reads it back as itself: bare where that is possible, else in double quotes.
func QuoteName(name string) string {
	if isBareName(name) && !reserved[name] {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func isBareName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return name != ""
}

// keptNames are names that Cassandra keeps for types to come.
var keptNames = map[string]bool{"byte": true, "complex": true, "enum": true, "interval": true, "macaddr": true, "bitstring": true}

// BuiltIn reports whether a name, in lower case, means a type already or is kept for one: a user-defined type cannot have it.
func BuiltIn(name string) bool {
	_, composed := arity[name]
	return scalars[name] != nil || composed || name == "tuple" || name == "vector" || keptNames[name]
}
