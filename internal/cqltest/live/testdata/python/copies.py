# What the Python driver sees of time buckets, query tables, views and indexes. Arguments: HOST PORT. Each check prints
# "ok NAME"; the first that fails ends the program.
import datetime
import sys
import threading

from cassandra import InvalidRequest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import Murmur3Token
from cassandra.policies import RoundRobinPolicy, TokenAwarePolicy
from cassandra.query import SimpleStatement, dict_factory, tuple_factory

host, port = sys.argv[1], int(sys.argv[2])


def connect():
    profile = ExecutionProfile(load_balancing_policy=TokenAwarePolicy(RoundRobinPolicy()), row_factory=tuple_factory, request_timeout=120)
    return Cluster([host], port=port, execution_profiles={EXEC_PROFILE_DEFAULT: profile}, schema_event_refresh_window=0)


cluster, watcher = connect(), connect()
session = cluster.connect()
watcher.connect()


def check(name, got, want):
    if got != want:
        sys.exit("%s: got %r, want %r" % (name, got, want))
    print("ok", name)


def holds(name, got, part):
    if part not in str(got):
        sys.exit("%s: %r is missing in %r" % (name, part, got))
    print("ok", name)


def hears(name, condition):
    """The other client learns by an event, which comes when it comes."""
    tick = threading.Event()
    while not condition():
        tick.wait(0.01)
    print("ok", name)


def ask(text, values=None, page=None):
    """Rows and warnings of a statement."""
    statement = SimpleStatement(text, fetch_size=page) if page else SimpleStatement(text, fetch_size=None)
    future = session.execute_async(statement, values)
    return list(future.result()), future.warnings or []


session.execute("CREATE KEYSPACE c WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
session.set_keyspace("c")
session.execute("""CREATE TABLE readings (device text, ts timestamp, site text, level int, value double, tags frozen<set<text>>, note text static,
    PRIMARY KEY ((device), ts)) WITH CLUSTERING ORDER BY (ts DESC)
    AND time_bucket = {'column': 'ts', 'size': '1d', 'timezone': 'Europe/Berlin', 'max_future': 'none'}""")

# Copies and indexes while clients watch.
hears("event of a table", lambda: "readings" in watcher.metadata.keyspaces["c"].tables)
session.execute("CREATE QUERY TABLE by_site ON readings * PRIMARY KEY ((site), ts, device)")
hears("event of a query table", lambda: "by_site" in watcher.metadata.keyspaces["c"].views)
session.execute("CREATE QUERY TABLE by_hour ON readings (value) WHERE value > -1 PRIMARY KEY ((time_bucket(ts, 1h) AS hour), ts, device)")
session.execute("CREATE QUERY TABLE by_tag ON readings (value) PRIMARY KEY ((UNNEST(tags) AS tag), ts, device)")
session.execute("CREATE INDEX ON readings (level)")
hears("event of an index", lambda: "readings_level_idx" in watcher.metadata.keyspaces["c"].tables["readings"].indexes)
session.execute("CREATE TABLE short (a int PRIMARY KEY, b int)")
session.execute("CREATE MATERIALIZED VIEW mv AS SELECT * FROM short WHERE b IS NOT NULL AND a IS NOT NULL PRIMARY KEY (b, a)")
hears("event of a view", lambda: "mv" in watcher.metadata.keyspaces["c"].views)

keyspace = cluster.metadata.keyspaces["c"]
table = keyspace.tables["readings"]
check("metadata: tables", sorted(keyspace.tables), ["readings", "short"])
check("metadata: copies", sorted(keyspace.views), ["by_hour", "by_site", "by_tag", "mv"])
check("metadata: copies of the table", sorted(table.views), ["by_hour", "by_site", "by_tag"])
check("metadata: indexes", sorted(table.indexes), ["readings_level_idx"])
check("metadata: index", table.indexes["readings_level_idx"].as_cql_query(), "CREATE INDEX readings_level_idx ON c.readings (level)")
check("metadata: index of the keyspace", keyspace.indexes["readings_level_idx"].table_name, "readings")
check("metadata: extension", dict(table.extensions)["esker.time_bucket"],
      b"{'column': 'ts', 'max_future': 'none', 'size': '1d', 'timezone': 'Europe/Berlin'}")
hour = keyspace.views["by_hour"]
check("metadata: computed key", [(c.name, c.cql_type) for c in hour.partition_key], [("hour", "timestamp")])
check("metadata: clustering of a copy", [(c.name, c.is_reversed) for c in hour.clustering_key], [("ts", True), ("device", False)])
check("metadata: columns of a copy", sorted(hour.columns), ["device", "hour", "ts", "value"])
check("metadata: base of a copy", (hour.base_table_name, hour.include_all_columns), ("readings", False))
check("metadata: all columns", keyspace.views["by_site"].include_all_columns, True)
for part in ("CREATE TABLE c.readings", "CREATE INDEX readings_level_idx ON c.readings (level);", "CREATE MATERIALIZED VIEW c.by_site"):
    holds("export: " + part, table.export_as_string(), part)
holds("export of the schema", cluster.metadata.export_schema_as_string(), "CREATE MATERIALIZED VIEW c.mv AS")

# Writes of a loader, all in flight.
start = datetime.datetime(2026, 1, 10)
insert = session.prepare("INSERT INTO readings (device, ts, site, level, value, tags) VALUES (?, ?, ?, ?, ?, ?)")
check("prepared insert: key", insert.routing_key_indexes, [0])
ROWS = 3000
values = [("d%d" % (i % 7), start + datetime.timedelta(minutes=i), "s%d" % (i % 3), i % 10, float(i), {"t%d" % (i % 2), "all"}) for i in range(ROWS)]
results = execute_concurrent_with_args(session, insert, values, concurrency=128)
check("writes in flight", all(r.success for r in results), True)
names = [r[0] for r in session.execute("SELECT table_name FROM system_views.query_tables WHERE keyspace_name = 'c'")]
check("copies of the server", sorted(names), ["by_hour", "by_site", "by_tag", "mv", "readings.readings_level_idx"])


def sound(when):
    for name in names:
        rows, warnings = ask('CHECK QUERY TABLE c."%s"' % name)
        check("CHECK QUERY TABLE %s, %s" % (name, when), rows, [])
        holds("CHECK says what it compared", warnings, ", 0 divergences")


sound("after the writes")

# Warnings.
rows, warnings = ask("SELECT value FROM readings WHERE site = 's1' AND ts >= '2026-01-10' AND ts < '2026-01-11'")
check("served by a query table", len(rows), 480)
check("warning of it", warnings, ["query table c.by_site served this query"])
check("a table's own key has no warning", ask("SELECT value FROM readings WHERE device = 'd1' LIMIT 1")[1], [])
check("an index has no warning", [len(r) if r and not isinstance(r[0], str) else r for r in ask("SELECT value FROM readings WHERE level = 3")], [300, []])
try:
    session.execute("SELECT * FROM readings WHERE value = 4.5")
    sys.exit("a SELECT that nothing serves was carried out")
except InvalidRequest as e:
    holds("advice", e, "Create:  CREATE QUERY TABLE c.readings_by_value ON c.readings * PRIMARY KEY ((value), ts, device);")

# Pages of seven are the same rows in the same order.
session.execute("""CREATE TABLE events (sensor text, day date, ts timestamp, value double, PRIMARY KEY ((sensor, day), ts))
    WITH time_bucket = {'column': 'ts', 'size': '1d', 'as': 'day', 'max_future': 'none'}""")
adopted = session.prepare("INSERT INTO events (sensor, ts, value) VALUES (?, ?, ?)")
check("prepared insert without the bucket: no key to route by", adopted.routing_key_indexes or None, None)
execute_concurrent_with_args(session, adopted, [("a", start + datetime.timedelta(hours=5 * i), float(i)) for i in range(200)])
for name, text, count in (
        ("adopted buckets", "SELECT day, ts, value FROM events WHERE sensor = 'a' AND ts >= '2026-01-12' AND ts < '2026-02-01'", 96),
        ("adopted buckets, newest first", "SELECT ts, value FROM events WHERE sensor = 'a' AND ts >= '2026-01-12' ORDER BY ts DESC LIMIT 50", 50),
        ("a query table by time", "SELECT * FROM by_hour WHERE hour = '2026-01-10T05:00:00Z'", 60),
        ("a query table by a range of time", "SELECT device, ts, value FROM readings WHERE ts >= '2026-01-10T03:30:00Z' AND ts < '2026-01-10T06:10:00Z' AND value > 0 ALLOW FILTERING", 160),
        ("a routed query", "SELECT device, ts FROM readings WHERE site = 's2' AND ts > '2026-01-10T12:00:00Z'", 760),
        ("an unnested key", "SELECT * FROM by_tag WHERE tag = 't1' AND ts < '2026-01-10T10:00:00Z'", 300),
        ("an index", "SELECT device, ts, value FROM readings WHERE level = 7", 300),
        ("an index in a partition", "SELECT ts FROM readings WHERE level = 7 AND device = 'd0'", 43),
        ("FILL", "SELECT time_bucket(ts, 10m) AS t, count(*), avg(value) FROM readings WHERE device = 'd0' AND ts >= '2026-01-09' AND ts < '2026-01-11'"
                 " GROUP BY time_bucket(ts, 10m) FILL(linear)", 288),
        ("the newest row of each", "SELECT device, ts FROM readings PER PARTITION LIMIT 1", 7)):
    whole, _ = ask(text)
    check("rows of " + name, len(whole), count)
    check("pages of " + name, ask(text, page=7)[0], whole)

# A client that routes by token must find nothing to route by where another table's key serves, or compute the right one.
for text, key in (
        ("SELECT value FROM readings WHERE device = ? AND ts = ?", [0]), ("SELECT value FROM readings WHERE ts = ? AND device = ?", [1]),
        ("SELECT value FROM readings WHERE site = ? AND ts > ?", None), ("SELECT value FROM readings WHERE level = ?", None),
        ("SELECT value FROM by_site WHERE site = ?", [0]), ("SELECT value FROM by_hour WHERE hour = ?", [0]),
        ("SELECT value FROM events WHERE sensor = ? AND ts >= ? AND ts < ?", None), ("SELECT value FROM events WHERE day = ? AND sensor = ?", [1, 0]),
        ("SELECT value FROM readings WHERE device = ? AND level = ? ALLOW FILTERING", [0]), ("UPDATE events SET value = ? WHERE sensor = ? AND ts = ?", None),
        ("DELETE FROM events WHERE sensor = ? AND day = ? AND ts = ?", [0, 1])):
    check("routing key of " + text, session.prepare(text).routing_key_indexes or None, key)
bound = session.prepare("SELECT token(site), value FROM by_site WHERE site = ? LIMIT 1").bind(("s1",))
check("token of a copy", session.execute(bound).one()[0], Murmur3Token.hash_fn(bound.routing_key))

# Statements that are prepared live through changes of what serves them.
by_site = session.prepare("SELECT device, ts, value FROM readings WHERE site = ? AND ts >= ? AND ts < ?")
by_level = session.prepare("SELECT device, ts FROM readings WHERE level = ?")
window = ("s1", start, start + datetime.timedelta(hours=5))
want = list(session.execute(by_site, window))
check("prepared and routed", len(want), 100)
stop, failures, served = threading.Event(), [], [0]


def reader():
    while not stop.is_set():
        for statement, values in ((by_site, window), (by_level, (3,))):
            try:
                rows = list(session.execute(statement, values))
                served[0] += 1
                if statement is by_site and sorted(rows) != sorted(want):
                    failures.append("%d rows" % len(rows))
            except InvalidRequest as e:
                if "no key of c.readings serves" not in str(e) and "ALLOW FILTERING" not in str(e) and "is being built" not in str(e):
                    failures.append(str(e))
            except Exception as e:
                failures.append(repr(e))


readers = [threading.Thread(target=reader) for _ in range(3)]
for thread in readers:
    thread.start()
for _ in range(5):
    for text in ("DROP QUERY TABLE by_site", "DROP INDEX readings_level_idx", "CREATE QUERY TABLE other ON readings (value) PRIMARY KEY ((site), device, ts)",
                 "CREATE INDEX ON readings (level)", "DROP QUERY TABLE other", "CREATE QUERY TABLE by_site ON readings * PRIMARY KEY ((site), ts, device)",
                 "ALTER TABLE readings WITH time_bucket = {'column': 'ts', 'size': '6h', 'max_future': 'none'}"):
        session.execute(text)
        execute_concurrent_with_args(session, insert, values[:200])
session.execute("REBUILD QUERY TABLE by_site")
stop.set()
for thread in readers:
    thread.join()
check("no reader saw anything else", failures[:3], [])
check("prepared and routed again", sorted(session.execute(by_site, window)), sorted(want))
hears("every copy is whole", lambda: all(r[0] == "live" for r in session.execute("SELECT state FROM system_views.query_tables")))
sound("after the changes")
print("%d reads while the schema changed" % served[0])
for c in (cluster, watcher):
    c.shutdown()
print("done")
