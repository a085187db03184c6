package cqltest

import "fmt"

// elementStatements are of what the sixth release brought: columns whose elements are cells of their own, user types, counters.
func elementStatements(yield func(text string)) {
	yield("CREATE TYPE place (hall text, floor int)")
	yield("CREATE TYPE site (name text, at frozen<place>)")
	yield(`CREATE TABLE machines (k int, c int, home site STATIC, labels map<text, text> STATIC, tags set<text>, limits map<text, double>, notes list<text>,
		at frozen<place>, moved place, spare set<int>, PRIMARY KEY (k, c))`)
	yield("CREATE INDEX ON machines (VALUES(tags))")
	yield("CREATE QUERY TABLE by_hall ON machines (tags, limits, notes, moved) PRIMARY KEY ((c), at, k)")
	yield("CREATE TABLE counted (k int, c int, total counter STATIC, n counter, m counter, PRIMARY KEY (k, c))")
	for n := range 300 {
		yield(fmt.Sprintf("INSERT INTO machines (k, c, tags, limits, notes, at, moved) VALUES (%d, %d, {'t%d', 't%d'}, {'low': %d.5, 'high': %d}, ['first %d'], {hall: 'h%d', floor: %d}, {hall: 'm', floor: %[9]d})",
			n%4, n%100, n%5, n%7, n, n+10, n, n%3, n%6))
		yield(fmt.Sprintf("UPDATE counted SET n = n + %d, m = m - 1, total = total + 1 WHERE k = %d AND c = %d", n, n%3, n%10))
		switch n {
		case 50, 150:
			yield("flush")
		case 100:
			yield("UPDATE machines SET home = {name: 'north', at: {hall: 'h1', floor: 1}}, labels = labels + {'a': 'b'} WHERE k = 1")
			yield("UPDATE machines USING TTL 86400 SET limits['soon'] = 1, notes = notes + ['ends'], moved.floor = 9 WHERE k = 2 AND c = 2")
			yield("UPDATE machines SET tags = tags - {'t1'}, notes = ['zero'] + notes, limits['low'] = null WHERE k = 1 AND c = 1")
			yield("DELETE limits['high'], moved.hall FROM machines WHERE k = 3 AND c = 3")
			yield("DELETE notes FROM machines WHERE k = 0 AND c = 4")
			yield("DELETE m FROM counted WHERE k = 1 AND c = 1")
		case 200:
			yield("ALTER TYPE place ADD room text")
			yield("UPDATE machines SET notes[0] = 'second', at = {hall: 'h9', floor: 9, room: 'r'} WHERE k = 1 AND c = 97")
			yield("DELETE FROM counted WHERE k = 2 AND c = 5")
		case 250:
			yield("compact")
		}
	}
}

// elementQueries ask for what elementStatements wrote.
var elementQueries = []string{
	"SELECT * FROM r.machines", "SELECT k, c, writetime(limits), ttl(limits), limits['low'], moved.floor, ttl(moved), home.at FROM r.machines", "SELECT * FROM r.by_hall",
	"SELECT k, c FROM r.machines WHERE tags CONTAINS 't3'", "SELECT JSON * FROM r.machines WHERE k = 1", "SELECT * FROM r.counted", "SELECT sum(n), max(m) FROM r.counted",
	"CHECK QUERY TABLE r.by_hall", "SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = 'r'",
}
