# Asks cassandra-driver for the features of TestClients. Arguments: HOST PORT CA USER PASSWORD FEATURES WRITES, the
# features with commas between. Prints "ok FEATURE DETAIL" or "fail FEATURE REASON" for each.
import datetime
import decimal
import ipaddress
import ssl
import struct
import sys
import time
import traceback
import uuid

import cassandra.connection
from cassandra import AlreadyExists, AuthenticationFailed, ConsistencyLevel, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import Murmur3Token
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import ConfigurationException, SyntaxException
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, SimpleStatement
from cassandra.util import Date, Duration, OrderedMapSerializedKey, SortedSet, Time

host, port, ca, user, password, features, writes = sys.argv[1:]
clusters = []


def open_cluster(**options):
    if ca:
        context = ssl.create_default_context(cafile=ca)
        options.setdefault("ssl_context", context)
        options.setdefault("ssl_options", {"server_hostname": host})
    if user:
        options.setdefault("auth_provider", PlainTextAuthProvider(user, password))
    # Default settings, with patience: the machine may be busy.
    policy = TokenAwarePolicy(RoundRobinPolicy())
    options.setdefault("execution_profiles", {EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=policy, request_timeout=60)})
    cluster = Cluster([host], port=int(port), connect_timeout=60, control_connection_timeout=60, **options)
    clusters.append(cluster)
    return cluster


def open_session(**options):
    return open_cluster(**options).connect("k")


def equal(got, want, what):
    if got != want:
        raise AssertionError("%s: got %.200r, want %.200r" % (what, got, want))


def refused(error, session, text, *values):
    try:
        session.execute(text, *values)
    except error as e:
        return e
    raise AssertionError("not refused: " + text)


def connect(session):
    release = session.execute("SELECT release_version FROM system.local").one().release_version
    equal(release >= "4", True, "release")
    return "v%d" % session.cluster.protocol_version


VALUES = {
    "ascii": ["", "plain", "it's"],
    "bigint": [0, 2 ** 63 - 1, -2 ** 63],
    "blob": [b"", b"\x00\xff", b"\x07" * 65536],
    "boolean": [True, False],
    "date": [Date(0), Date(-1), Date("2024-02-29"), Date(2 ** 31 - 1), Date(-2 ** 31)],
    "decimal": [decimal.Decimal(0), decimal.Decimal("123456.789"), decimal.Decimal("-5E3"), decimal.Decimal("-1E-36")],
    "double": [0.0, -0.0, float("inf"), float("-inf"), sys.float_info.max, 5e-324],
    "duration": [Duration(0, 0, 0), Duration(1, 2, 3), Duration(-1, -2, -3), Duration(2 ** 31 - 1, 2 ** 31 - 1, 2 ** 63 - 1)],
    "float": [0.0, float("inf"), -1.5, 1.401298464324817e-45],
    "inet": ["127.0.0.1", "2001:db8::1"],
    "int": [0, 2 ** 31 - 1, -2 ** 31],
    "smallint": [2 ** 15 - 1, -2 ** 15],
    "text": ["", "grün, 漢字, 🌡", "long " * 10000],
    "time": [Time(0), Time(24 * 3600 * 10 ** 9 - 1)],
    "timestamp": [datetime.datetime(1970, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999000), datetime.datetime(2024, 2, 29, 12, 0, 0, 123000)],
    "timeuuid": [uuid.UUID("966a4e00-b65a-11ee-8f01-010203040506")],
    "tinyint": [127, -128],
    "uuid": [uuid.UUID(int=0), uuid.UUID("deadbeef-0000-4000-8000-000000000001")],
    "varchar": ["v"],
    "varint": [0, -1, 128, -10 ** 80],
    "frozen<list<int>>": [[], [3, -1, 3]],
    "frozen<set<text>>": [{"a", "grün"}],
    "frozen<map<text, double>>": [{"a": 1.0, "": float("inf")}],
    "frozen<tuple<int, text>>": [(7, "seven"), (None, "")],
    "frozen<list<frozen<map<uuid, frozen<tuple<int, frozen<set<bigint>>>>>>>>": [[{uuid.UUID(int=5): (1, {1, 2})}, {}]],
}


def plain(v):
    """plain is what a value of a collection is made of, to be compared."""
    if isinstance(v, (OrderedMapSerializedKey, dict)):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (SortedSet, set, frozenset)):
        return sorted(plain(x) for x in v)
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, tuple):
        return tuple(plain(x) for x in v)
    if isinstance(v, float):
        return struct.pack(">d", v)
    return v


def types(session, table="types"):
    columns = "".join(", c%d %s" % (i, t) for i, t in enumerate(VALUES))
    session.execute("CREATE TABLE %s (k int PRIMARY KEY%s)" % (table, columns))
    for c, (name, values) in enumerate(VALUES.items()):
        insert = session.prepare("INSERT INTO %s (k, c%d) VALUES (?, ?)" % (table, c))
        select = session.prepare("SELECT c%d FROM %s WHERE k = ?" % (c, table))
        for k, value in enumerate(values):
            session.execute(insert, (k, value))
            equal(plain(session.execute(select, (k,)).one()[0]), plain(value), name)


def speaks(version):
    def run(_):
        session = open_session(protocol_version=version)
        equal(session.cluster.protocol_version, version, "version")
        types(session, "types_v%d" % version)
    return run


def schema(session):
    session.execute('CREATE TABLE schema_ (a int, "B" text, c timestamp, d timeuuid, s text static, v frozen<map<text, frozen<list<int>>>>, w decimal,'
                    ' PRIMARY KEY ((a, "B"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC) AND comment = \'it\'\'s\'')
    table = open_session().cluster.metadata.keyspaces["k"].tables["schema_"]
    equal([c.name for c in table.partition_key], ["a", "B"], "partition key")
    equal([(c.name, c.is_reversed) for c in table.clustering_key], [("c", True), ("d", False)], "clustering")
    equal({c.name: (c.cql_type, c.is_static) for c in table.columns.values()},
          {"a": ("int", False), "B": ("text", False), "c": ("timestamp", False), "d": ("timeuuid", False), "s": ("text", True),
           "v": ("frozen<map<text, frozen<list<int>>>>", False), "w": ("decimal", False)}, "columns")
    equal(table.options["comment"], "it's", "comment")
    text = table.as_cql_query()
    session.execute("DROP TABLE schema_")
    session.execute(text)


def nulls(session):
    session.execute("CREATE TABLE nulls (k text, c int, a bigint, b text, e blob, PRIMARY KEY (k, c))")
    insert = session.prepare("INSERT INTO nulls (k, c, a, b) VALUES (?, ?, ?, ?)")
    steps = [(1, "one", (1, "one")), (UNSET_VALUE, "two", (1, "two")), (None, UNSET_VALUE, (None, "two")),
             (UNSET_VALUE, "", (None, "")), (UNSET_VALUE, None, (None, None))]
    for a, b, want in steps:
        session.execute(insert, ("x", 1, a, b))
        equal(tuple(session.execute("SELECT a, b FROM nulls WHERE k = 'x' AND c = 1").one()), want, "after %r, %r" % (a, b))
    refused(InvalidRequest, session, insert, ("x", None, 1, "b"))
    session.execute("INSERT INTO nulls (k, c, e) VALUES ('x', 2, %s)", (b"",))
    equal(session.execute("SELECT e FROM nulls WHERE k = 'x' AND c = 2").one().e, b"", "empty blob")


def concurrent(session):
    session.execute("CREATE TABLE async_ (k text, n int, v double, PRIMARY KEY (k, n))")
    insert = session.prepare("INSERT INTO async_ (k, n, v) VALUES (?, ?, ?)")
    begun = time.monotonic()
    count = int(writes)
    results = execute_concurrent_with_args(session, insert, (("p%d" % (n % 10), n, n / 4) for n in range(count)), concurrency=512, raise_on_first_error=True)
    equal(sum(r.success for r in results), count, "acknowledged")
    took = time.monotonic() - begun
    equal(sorted((r.n, r.v) for r in session.execute("SELECT n, v FROM async_")), [(n, n / 4) for n in range(count)], "rows")
    return "%d writes in %.1f s" % (count, took)


def paging(session):
    session.execute("CREATE TABLE paging (k text, n int, PRIMARY KEY (k, n))")
    insert = session.prepare("INSERT INTO paging (k, n) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [("p", n) for n in range(1000)], raise_on_first_error=True)
    sessions = [session, open_session()]
    selects = [s.prepare("SELECT n FROM paging WHERE k = ?") for s in sessions]
    got, state, pages = [], None, 0
    while pages == 0 or state:
        selects[pages % 2].fetch_size = 7
        page = sessions[pages % 2].execute(selects[pages % 2], ("p",), paging_state=state)
        got += [r.n for r in page.current_rows]
        equal(len(page.current_rows) in (7, 1000 % 7), True, "rows of a page")
        state, pages = page.paging_state, pages + 1
    equal(got, list(range(1000)), "rows by hand")
    equal([r.n for r in session.execute(selects[0], ("p",))], list(range(1000)), "rows by themselves")
    try:
        session.execute(selects[0], ("p",), paging_state=b"not a state")
    except Exception as e:
        equal("0x2200" in repr(e) or isinstance(e, InvalidRequest) or "code=2200" in str(e), True, "forged state: %r" % e)
    else:
        raise AssertionError("a forged state was taken")


def batches(session):
    session.execute("CREATE TABLE batches (k text, n int, PRIMARY KEY (k, n))")
    insert = session.prepare("INSERT INTO batches (k, n) VALUES (?, ?)")
    for kind in (BatchType.LOGGED, BatchType.UNLOGGED):
        for form in ("prepared", "text", "both"):
            key = "%s%s" % (form, kind.value)
            batch = BatchStatement(batch_type=kind, consistency_level=ConsistencyLevel.ALL)
            for n in range(900):
                if form == "prepared" or form == "both" and n % 2:
                    batch.add(insert, (key, n))
                else:
                    batch.add(SimpleStatement("INSERT INTO batches (k, n) VALUES ('%s', %d)" % (key, n)))
            session.execute(batch)
            equal(session.execute("SELECT count(*) FROM batches WHERE k = %s", (key,)).one()[0], 900, key)
    session.execute(BatchStatement())


def named(session):
    session.execute("CREATE TABLE named (k text, n int, v text, PRIMARY KEY (k, n))")
    insert = session.prepare("INSERT INTO named (k, n, v) VALUES (:key, :number, :value)")
    session.execute(insert, {"value": "v", "key": "p", "number": 7})
    session.execute("INSERT INTO named (k, n, v) VALUES (%(key)s, %(number)s, %(value)s)", {"value": "w", "key": "p", "number": 8})
    equal([tuple(r) for r in session.execute("SELECT n, v FROM named WHERE k = 'p'")], [(7, "v"), (8, "w")], "rows")


def routing(session):
    session.execute("CREATE TABLE routing (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))")
    insert = session.prepare("INSERT INTO routing (v, c, b, a) VALUES (?, ?, ?, ?)")
    equal(insert.routing_key_indexes, [3, 2], "routing key")
    for n in range(100):
        bound = insert.bind((n, 0, "grün%d" % n, -n))
        session.execute(bound)
        token = session.execute("SELECT token(a, b) FROM routing WHERE a = %s AND b = %s", (-n, "grün%d" % n)).one()[0]
        equal(Murmur3Token.hash_fn(bound.routing_key), token, "token")


def events(_):
    session = open_session(schema_event_refresh_window=0, protocol_version=4)
    elsewhere = open_session(schema_event_refresh_window=-1)
    tables = lambda: session.cluster.metadata.keyspaces["k"].tables

    def until(what, there):
        for _ in range(400):
            if there():
                return
            time.sleep(0.025)
        raise AssertionError("the metadata does not follow " + what)

    elsewhere.execute("CREATE TABLE events (k int PRIMARY KEY, v int)")
    until("CREATE", lambda: "events" in tables())
    elsewhere.execute("ALTER TABLE events ADD later text")
    until("ALTER", lambda: "later" in tables()["events"].columns)
    elsewhere.execute("DROP TABLE events")
    until("DROP", lambda: "events" not in tables())
    elsewhere.execute("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    until("CREATE KEYSPACE", lambda: "other" in session.cluster.metadata.keyspaces)
    elsewhere.execute("DROP KEYSPACE other")
    until("DROP KEYSPACE", lambda: "other" not in session.cluster.metadata.keyspaces)


def errors(session):
    create = "CREATE TABLE errors (k text, n int, v double, PRIMARY KEY (k, n))"
    session.execute(create)
    e = refused(AlreadyExists, session, create)
    equal((e.keyspace, e.table), ("k", "errors"), "already exists")
    e = refused(AlreadyExists, session, KEYSPACE.replace("IF NOT EXISTS ", ""))
    equal((e.keyspace, e.table), ("k", ""), "already exists")
    refused(SyntaxException, session, "SELEKT * FROM errors")
    refused(SyntaxException, session, ";")
    refused(InvalidRequest, session, "SELECT * FROM nothing")
    refused(InvalidRequest, session, "SELECT nothing FROM errors")
    refused(InvalidRequest, session, "SELECT * FROM errors WHERE v = 1")
    refused(InvalidRequest, session, "DROP TABLE nothing")
    refused(ConfigurationException, session, "CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}")
    insert = session.prepare("INSERT INTO errors (k, n, v) VALUES (?, ?, ?)")
    session.execute(insert, ("x", 1, 1.5))
    session.execute("DROP TABLE errors")
    session.execute(create)
    session.execute(insert, ("x", 1, 1.5))  # the text is the same, the statement another
    equal(len(list(session.execute("SELECT * FROM errors"))), 1, "rows")
    select = session.prepare("SELECT * FROM errors")
    session.execute(select)
    open_session().execute("ALTER TABLE errors ADD w int")
    session.execute("UPDATE errors SET w = 3 WHERE k = 'x' AND n = 1")
    session.execute(select)


def compresses(name):
    def run(_):
        # version 5 has no snappy
        session = open_session(compression=name, **({"protocol_version": 4} if name == "snappy" else {}))
        equal(session.cluster.compression, name, "compression")
        table = "compressed_" + name
        session.execute("CREATE TABLE %s (k int PRIMARY KEY, v text)" % table)
        insert = session.prepare("INSERT INTO %s (k, v) VALUES (?, ?)" % table)
        for k, size in enumerate((0, 1, 511, 512, 1 << 12, 1 << 17, (1 << 17) + 1, 1 << 20)):
            session.execute(insert, (k, "x" * size))
            equal(len(session.execute("SELECT v FROM %s WHERE k = %d" % (table, k)).one().v), size, "length")
    return run


def restart(_):
    session = open_session(reconnection_policy=ConstantReconnectionPolicy(0.1, None))
    session.execute("CREATE TABLE restart (k text, n int, PRIMARY KEY (k, n))")
    insert = session.prepare("INSERT INTO restart (k, n) VALUES (?, ?)")
    for n in range(100):
        session.execute(insert, ("kept", n))
    print("restart", flush=True)
    sys.stdin.readline()
    for tries in range(1, 1000):
        try:
            session.execute(insert, ("kept", 100))
            break
        except (NoHostAvailable, cassandra.connection.ConnectionException, cassandra.OperationTimedOut):
            time.sleep(0.02)
    for n in range(100):  # the gap is over
        session.execute(insert, ("kept", 101 + n))
    equal(session.execute("SELECT count(*) FROM restart WHERE k = 'kept'").one()[0], 201, "rows")
    return "at try %d" % tries


def lwt(session):
    session.execute("CREATE TABLE conditions (k int PRIMARY KEY, v text, n int)")
    insert = session.prepare("INSERT INTO conditions (k, v, n) VALUES (?, ?, ?) IF NOT EXISTS")
    equal(session.execute(insert, (1, "a", 1)).was_applied, True, "insert")
    result = session.execute(insert, (1, "b", 2))
    equal(tuple(result.one()), (False, 1, 1, "a"), "second insert")
    update = session.prepare("UPDATE conditions SET v = ? WHERE k = ? IF v = ? AND n >= ?")
    equal(session.execute(update, ("c", 1, "b", 1)).was_applied, False, "update of another value")
    equal(session.execute(update, ("c", 1, "a", 1)).was_applied, True, "update")
    equal(session.execute("UPDATE conditions SET v = 'x' WHERE k = 2 IF EXISTS").was_applied, False, "update of nothing")
    batch = BatchStatement()
    batch.add(insert, (7, "a", 1))
    equal(session.execute(batch).was_applied, True, "batch")
    equal(session.execute("DELETE FROM conditions WHERE k = 1 IF EXISTS").was_applied, True, "delete")
    equal(session.execute("DELETE FROM conditions WHERE k = 1 IF EXISTS").was_applied, False, "delete of nothing")


def tls(session):
    connect(session)
    types(session, "types_tls")
    try:
        open_cluster(ssl_context=ssl.create_default_context()).connect()
    except NoHostAvailable as e:
        equal("CERTIFICATE_VERIFY_FAILED" in repr(e.errors), True, "refusal of an unknown CA: %r" % e.errors)
    else:
        raise AssertionError("an unknown CA was taken")


def login(session):
    connect(session)
    try:
        open_cluster(auth_provider=PlainTextAuthProvider(user, "wrong")).connect()
    except NoHostAvailable as e:
        equal([type(x) for x in e.errors.values()], [AuthenticationFailed], "refusal of a wrong password")
        equal("are incorrect" in repr(e.errors), True, "refusal of a wrong password: %r" % e.errors)
    else:
        raise AssertionError("a wrong password was taken")


KEYSPACE = "CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
RUN = {"connect": connect, "v3": speaks(3), "v4": speaks(4), "v5": speaks(5), "schema": schema, "types": types, "nulls": nulls, "async": concurrent,
       "paging": paging, "batches": batches, "named": named, "routing": routing, "events": events, "errors": errors, "lz4": compresses("lz4"),
       "snappy": compresses("snappy"), "restart": restart, "lwt": lwt, "tls": tls, "login": login}

session = open_cluster().connect()
session.execute(KEYSPACE)
session.set_keyspace("k")
for feature in features.split(","):
    try:
        print("ok", feature, RUN[feature](session) or "", flush=True)
    except Exception as e:
        traceback.print_exc()
        print("fail", feature, repr(e).replace("\n", " "), flush=True)
    for cluster in clusters[1:]:
        cluster.shutdown()
    del clusters[1:]
clusters[0].shutdown()
