# What cqlsh's own driver does for programs. Arguments: HOST PORT. Each check prints "ok NAME"; the first
# that fails ends the program.
import datetime
import decimal
import sys
import uuid

from cassandra import AlreadyExists, ConsistencyLevel, InvalidRequest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import Murmur3Token
from cassandra.policies import RoundRobinPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType, SimpleStatement, dict_factory

host, port = sys.argv[1], int(sys.argv[2])
profile = ExecutionProfile(load_balancing_policy=TokenAwarePolicy(RoundRobinPolicy()), row_factory=dict_factory)
cluster = Cluster([host], port=port, execution_profiles={EXEC_PROFILE_DEFAULT: profile})
session = cluster.connect()


def check(name, got, want):
    if got != want:
        sys.exit("%s: got %r, want %r" % (name, got, want))
    print("ok", name)


def refused(name, error, text, *values):
    try:
        session.execute(text, *values)
    except error as e:
        print("ok", name, "-", str(e).splitlines()[0])
        return
    sys.exit(name + ": not refused")


session.execute("CREATE KEYSPACE py WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
session.set_keyspace("py")
session.execute("CREATE TABLE readings (sensor text, day date, ts timestamp, value double, note text, PRIMARY KEY ((sensor, day), ts))"
                " WITH CLUSTERING ORDER BY (ts DESC)")
session.execute("CREATE TABLE kinds (id uuid PRIMARY KEY, d decimal, v varint, b blob, i inet, t time, s smallint, n tinyint, f float, o boolean)")

table = cluster.metadata.keyspaces["py"].tables["readings"]
check("metadata: partition key", [c.name for c in table.partition_key], ["sensor", "day"])
check("metadata: clustering", [(c.name, c.is_reversed) for c in table.clustering_key], [("ts", True)])
check("metadata: columns", {c.name: c.cql_type for c in table.columns.values()},
      {"sensor": "text", "day": "date", "ts": "timestamp", "value": "double", "note": "text"})
check("metadata: statement", "CREATE TABLE py.readings" in table.as_cql_query(), True)
check("metadata: release", cluster.metadata.all_hosts()[0].release_version[0] >= "4", True)

insert = session.prepare("INSERT INTO readings (sensor, day, ts, value, note) VALUES (?, ?, ?, ?, ?)")
check("prepared: key", insert.routing_key_indexes, [0, 1])
day = datetime.date(2024, 2, 29)
start = datetime.datetime(2024, 2, 29)
at = [start + datetime.timedelta(seconds=i) for i in range(2000)]
results = execute_concurrent_with_args(session, insert, [("s", day, t, i / 4.0, None) for i, t in enumerate(at)], concurrency=64)
check("concurrent writes", all(r.success for r in results), True)

select = session.prepare("SELECT ts, value FROM readings WHERE sensor = ? AND day = ?")
select.fetch_size = 7
rows = list(session.execute(select, ("s", day)))
check("paging", [r["value"] for r in rows], [i / 4.0 for i in reversed(range(2000))])
check("timestamps", [r["ts"] for r in rows], at[::-1])
page = session.execute(select, ("s", day))
check("paging by hand", len(page.current_rows), 7)
rest = session.execute(select, ("s", day), paging_state=page.paging_state)
check("paging by state", rest.current_rows[0]["value"], (2000 - 8) / 4.0)

futures = [session.execute_async(select, ("s", day)) for _ in range(20)]
check("execute_async", [len(list(f.result())) for f in futures], [2000] * 20)

bound = insert.bind(("s", day, at[0], 1.0, None))
token = session.execute(SimpleStatement("SELECT token(sensor, day) AS tok FROM readings LIMIT 1")).one()["tok"]
check("token", Murmur3Token.hash_fn(bound.routing_key), token)

for kind in (BatchType.LOGGED, BatchType.UNLOGGED):
    batch = BatchStatement(batch_type=kind, consistency_level=ConsistencyLevel.QUORUM)
    for i in range(300):
        batch.add(insert, ("batch%d" % kind.value, day, at[i], float(i), "x"))
    batch.add("INSERT INTO readings (sensor, day, ts, value) VALUES (%s, %s, %s, %s)", ("batch%d" % kind.value, day, at[300], 300.0))
    session.execute(batch)
    count = session.execute("SELECT count(*) AS n FROM readings WHERE sensor = %s AND day = %s", ("batch%d" % kind.value, day)).one()["n"]
    check("batch %s" % kind, count, 301)

kinds = session.prepare("INSERT INTO kinds (id, d, v, b, i, t, s, n, f, o) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
row = {"id": uuid.UUID(int=7), "d": decimal.Decimal("-1.50"), "v": -10 ** 40, "b": b"\x00\xff", "i": "2001:db8::1",
       "t": datetime.time(23, 59, 59, 999999), "s": -32768, "n": 127, "f": 0.5, "o": True}
session.execute(kinds, [row[c] for c in ("id", "d", "v", "b", "i", "t", "s", "n", "f", "o")])
got = session.execute("SELECT * FROM kinds").one()
got["t"] = got["t"].time()
check("kinds", got, row)

refused("table that exists", AlreadyExists, "CREATE TABLE readings (k int PRIMARY KEY)")
refused("unknown column", InvalidRequest, "SELECT nothing FROM readings")
session.execute("ALTER TABLE readings ADD unit text")
check("metadata after ALTER", "unit" in cluster.metadata.keyspaces["py"].tables["readings"].columns, True)
session.execute("CREATE TABLE plain (k int PRIMARY KEY, a int, b int)")
session.execute("CREATE QUERY TABLE by_a ON plain (b) PRIMARY KEY (a, k)")
session.execute("CREATE MATERIALIZED VIEW by_b AS SELECT * FROM plain WHERE b IS NOT NULL AND k IS NOT NULL PRIMARY KEY (b, k)")
session.execute("CREATE TABLE rolled (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
cluster.refresh_schema_metadata()  # the driver takes its time with events; the rollup comes with one
check("metadata of a rollup", sorted(cluster.metadata.keyspaces["py"].tables), ["kinds", "plain", "readings", "rolled", "rolled_1h"])
check("metadata of copies", sorted(cluster.metadata.keyspaces["py"].views), ["by_a", "by_b"])
check("metadata of copies of a table", sorted(cluster.metadata.keyspaces["py"].tables["plain"].views), ["by_a", "by_b"])
check("export of the schema", "CREATE TABLE py.rolled_1h" in cluster.metadata.export_schema_as_string(), True)
session.execute("DROP TABLE rolled")
session.execute("DROP QUERY TABLE by_a")
session.execute("DROP MATERIALIZED VIEW by_b")
session.execute("DROP TABLE plain")
session.execute("DROP TABLE kinds")
check("metadata after DROP", "kinds" in cluster.metadata.keyspaces["py"].tables, False)
cluster.shutdown()
print("done")
