// Asks the Node driver for the features of TestClients. Arguments: HOST PORT CA USER PASSWORD FEATURES WRITES, the
// features with commas between. Prints "ok FEATURE DETAIL" or "fail FEATURE REASON" for each.
'use strict';
const assert = require('assert');
const fs = require('fs');
const readline = require('readline');
const cassandra = require('cassandra-driver');
const { types } = cassandra;
const { BigDecimal, Duration, Integer, LocalDate, LocalTime, Long, InetAddress, TimeUuid, Tuple, Uuid, responseErrorCodes } = types;

const [host, port, ca, user, password, features, writes] = process.argv.slice(2);
const clients = [];
const patience = { connectTimeout: 60000, readTimeout: 60000 }; // the machine may be busy
const input = readline.createInterface({ input: process.stdin });

function open(options = {}) {
  const all = { contactPoints: [`${host}:${port}`], localDataCenter: 'datacenter1', keyspace: 'k', refreshSchemaDelay: 50, socketOptions: patience, ...options };
  if (ca && !all.sslOptions) all.sslOptions = { ca: [fs.readFileSync(ca)], servername: 'localhost', rejectUnauthorized: true };
  if (user && !all.authProvider) all.authProvider = new cassandra.auth.PlainTextAuthProvider(user, password);
  const client = new cassandra.Client(all);
  clients.push(client);
  return client;
}

const prepared = { prepare: true };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function refused(client, code, text, values, options) {
  try {
    await client.execute(text, values, options);
  } catch (e) {
    assert.ok(e instanceof cassandra.errors.ResponseError, `${text}: ${e}`);
    assert.strictEqual(e.code, code, `${text}: ${e.code} ${e.message}`);
    return e;
  }
  throw new Error('not refused: ' + text);
}

async function connect(client) {
  const row = (await client.execute("SELECT release_version FROM system.local WHERE key = 'local'")).first();
  assert.ok(row.release_version >= '4');
  return 'v' + client.controlConnection.protocolVersion;
}

const VALUES = {
  ascii: ['', 'plain', "it's"],
  bigint: [Long.ZERO, Long.MAX_VALUE, Long.MIN_VALUE],
  blob: [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(65536, 7)],
  boolean: [true, false],
  date: [new LocalDate(1970, 1, 1), new LocalDate(1969, 12, 31), new LocalDate(2024, 2, 29), new LocalDate(2147483647), new LocalDate(-2147483648)],
  decimal: ['0', '123456.789', '-5000', '-0.000000000000000000000000000000000001'].map((s) => BigDecimal.fromString(s)),
  double: [0, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE, NaN, -0],
  duration: [new Duration(0, 0, 0), new Duration(1, 2, Long.fromNumber(3)), new Duration(-1, -2, Long.fromNumber(-3)), new Duration(2147483647, 2147483647, Long.MAX_VALUE)],
  float: [0, Infinity, -1.5],
  inet: [InetAddress.fromString('127.0.0.1'), InetAddress.fromString('2001:db8::1')],
  int: [0, 2147483647, -2147483648],
  smallint: [32767, -32768],
  text: ['', 'grün, 漢字, 🌡', 'long '.repeat(10000)],
  time: [LocalTime.fromString('00:00:00'), LocalTime.fromString('23:59:59.999999999')],
  timestamp: [new Date(0), new Date(-1), new Date(1700000000123)],
  timeuuid: [TimeUuid.fromString('966a4e00-b65a-11ee-8f01-010203040506')],
  tinyint: [127, -128],
  uuid: [Uuid.fromString('00000000-0000-0000-0000-000000000000'), Uuid.fromString('deadbeef-0000-4000-8000-000000000001')],
  varchar: ['v'],
  varint: ['0', '-1', '128', '-' + '9'.repeat(80)].map((s) => Integer.fromString(s)),
  'frozen<list<int>>': [[3, -1, 3]], // the driver sends null for an empty collection
  'frozen<set<text>>': [['a', 'grün']],
  'frozen<map<text, double>>': [{ '': Infinity, a: 1 }],
  'frozen<tuple<int, text>>': [new Tuple(7, 'seven'), new Tuple(null, '')],
  'frozen<list<frozen<map<text, frozen<tuple<int, frozen<set<int>>>>>>>>': [[{ a: new Tuple(1, [1, 2]) }]],
};

// The driver does not know these by the names that version 3 has for them.
const NEWER = ['date', 'duration', 'smallint', 'time', 'tinyint'];

async function everyType(client, table = 'types') {
  const names = Object.keys(VALUES).filter((name) => table !== 'types_v3' || !NEWER.includes(name));
  await client.execute(`CREATE TABLE ${table} (k int PRIMARY KEY, ${names.map((n, i) => `c${i} ${n}`).join(', ')})`);
  for (const [c, name] of names.entries()) {
    for (const [k, value] of VALUES[name].entries()) {
      await client.execute(`INSERT INTO ${table} (k, c${c}) VALUES (?, ?)`, [k, value], prepared);
      let got = (await client.execute(`SELECT c${c} FROM ${table} WHERE k = ?`, [k], prepared)).first().get(0);
      if (value && value.equals && got) {
        assert.ok(got.equals(value), `${name}: wrote ${value}, read ${got}`);
      } else {
        assert.deepStrictEqual(got, value, name);
      }
    }
  }
}

function speaks(version) {
  return async () => {
    const client = open({ protocolOptions: { maxVersion: version } });
    await client.connect();
    assert.strictEqual(client.controlConnection.protocolVersion, version);
    await everyType(client, 'types_v' + version);
  };
}

async function schema(client) {
  await client.execute(`CREATE TABLE schema_ (a int, "B" text, c timestamp, d timeuuid, s text static, v frozen<map<text, frozen<list<int>>>>,
    w decimal, PRIMARY KEY ((a, "B"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC) AND comment = 'it''s'`);
  const table = await open().metadata.getTable('k', 'schema_').catch(() => null) || await client.metadata.getTable('k', 'schema_');
  assert.deepStrictEqual(table.partitionKeys.map((c) => c.name), ['a', 'B']);
  assert.deepStrictEqual(table.clusteringKeys.map((c) => c.name), ['c', 'd']);
  assert.deepStrictEqual(table.clusteringOrder, ['DESC', 'ASC']);
  const codes = { a: 'int', B: 'text', c: 'timestamp', d: 'timeuuid', s: 'text', v: 'map', w: 'decimal' };
  for (const [name, type] of Object.entries(codes)) {
    assert.strictEqual(types.getDataTypeNameByCode(table.columnsByName[name].type).replace('varchar', 'text').split('<')[0], type, name);
  }
  assert.strictEqual(table.columns.length, 7);
  assert.strictEqual(table.comment, "it's");
}

async function nulls(client) {
  await client.execute('CREATE TABLE nulls (k text, c int, a bigint, b text, e blob, PRIMARY KEY (k, c))');
  const unset = types.unset;
  const one = Long.ONE;
  for (const [a, b, want] of [[one, 'one', ['1', 'one']], [unset, 'two', ['1', 'two']], [null, unset, [null, 'two']], [unset, '', [null, '']], [unset, null, [null, null]]]) {
    await client.execute('INSERT INTO nulls (k, c, a, b) VALUES (?, ?, ?, ?)', ['x', 1, a, b], prepared);
    const row = (await client.execute("SELECT a, b FROM nulls WHERE k = 'x' AND c = 1")).first();
    assert.deepStrictEqual([row.a && row.a.toString(), row.b], want);
  }
  await refused(client, responseErrorCodes.invalid, 'INSERT INTO nulls (k, c, a) VALUES (?, ?, ?)', ['x', null, one], prepared);
  await client.execute("INSERT INTO nulls (k, c, e) VALUES ('x', 2, ?)", [Buffer.alloc(0)], prepared);
  assert.strictEqual((await client.execute("SELECT e FROM nulls WHERE k = 'x' AND c = 2")).first().e.length, 0);
}

async function concurrent(client) {
  await client.execute('CREATE TABLE async_ (k text, n int, v double, PRIMARY KEY (k, n))');
  const count = Number(writes);
  const begun = Date.now();
  const values = Array.from({ length: count }, (_, n) => ['p' + n % 10, n, n / 4]);
  const result = await cassandra.concurrent.executeConcurrent(client, 'INSERT INTO async_ (k, n, v) VALUES (?, ?, ?)', values, { concurrencyLevel: 512 });
  assert.strictEqual(result.totalExecuted, count);
  const took = Date.now() - begun;
  const seen = new Set();
  for await (const row of client.stream('SELECT n, v FROM async_', [], { prepare: true, autoPage: true })) {
    assert.strictEqual(row.v, row.n / 4);
    seen.add(row.n);
  }
  assert.strictEqual(seen.size, count);
  return `${count} writes in ${took} ms`;
}

async function paging(client) {
  await client.execute('CREATE TABLE paging (k text, n int, PRIMARY KEY (k, n))');
  await cassandra.concurrent.executeConcurrent(client, 'INSERT INTO paging (k, n) VALUES (?, ?)', Array.from({ length: 1000 }, (_, n) => ['p', n]));
  const all = [client, open()];
  const got = [];
  let pages = 0;
  let pageState;
  do {
    const page = await all[pages++ % 2].execute('SELECT n FROM paging WHERE k = ?', ['p'], { prepare: true, fetchSize: 7, pageState });
    assert.ok(page.rows.length === 7 || page.rows.length === 1000 % 7);
    got.push(...page.rows.map((r) => r.n));
    pageState = page.pageState;
  } while (pageState);
  assert.deepStrictEqual(got, Array.from({ length: 1000 }, (_, n) => n));
  await refused(client, responseErrorCodes.invalid, "SELECT n FROM paging WHERE k = 'p'", [], { fetchSize: 7, pageState: Buffer.from('not a state') });
}

async function batches(client) {
  await client.execute('CREATE TABLE batches (k text, n int, PRIMARY KEY (k, n))');
  for (const logged of [true, false]) {
    for (const prepare of [true, false]) {
      const key = `${logged} ${prepare}`;
      const queries = [];
      for (let n = 0; n < 900; n++) {
        queries.push(prepare ? { query: 'INSERT INTO batches (k, n) VALUES (?, ?)', params: [key, n] } : `INSERT INTO batches (k, n) VALUES ('${key}', ${n})`);
      }
      await client.batch(queries, { prepare, logged, consistency: types.consistencies.all });
      const count = (await client.execute('SELECT count(*) AS n FROM batches WHERE k = ?', [key], prepared)).first().n;
      assert.strictEqual(count.toString(), '900', key);
    }
  }
}

async function named(client) {
  await client.execute('CREATE TABLE named (k text, n int, v text, PRIMARY KEY (k, n))');
  const insert = 'INSERT INTO named (k, n, v) VALUES (:key, :number, :value)';
  await client.execute(insert, { value: 'v', key: 'p', number: 7 }, prepared);
  await client.execute(insert, { value: 'w', key: 'p', number: 8 }, { hints: { number: 'int' } }); // as text, with names on the wire
  const rows = (await client.execute("SELECT n, v FROM named WHERE k = 'p'")).rows;
  assert.deepStrictEqual(rows.map((r) => [r.n, r.v]), [[7, 'v'], [8, 'w']]);
}

async function routing() {
  const client = open({ policies: { loadBalancing: new cassandra.policies.loadBalancing.TokenAwarePolicy(new cassandra.policies.loadBalancing.DCAwareRoundRobinPolicy('datacenter1')) } });
  await client.execute('CREATE TABLE routing (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))');
  for (let n = 0; n < 50; n++) {
    await client.execute('INSERT INTO routing (v, c, b, a) VALUES (?, ?, ?, ?)', [n, 0, 'grün' + n, -n], prepared);
    const row = (await client.execute('SELECT token(a, b) AS t FROM routing WHERE a = ? AND b = ?', [-n, 'grün' + n], prepared)).first();
    const a = Buffer.alloc(4);
    a.writeInt32BE(-n);
    const b = Buffer.from('grün' + n);
    const part = (x) => Buffer.concat([Buffer.from([0, x.length]), x, Buffer.from([0])]);
    const token = client.metadata.newToken(Buffer.concat([part(a), part(b)]));
    assert.strictEqual(token.getValue().toString(), row.t.toString());
    assert.strictEqual(client.metadata.getReplicas('k', token).length, 1);
  }
}

async function events() {
  const client = open();
  const elsewhere = open();
  await client.connect();
  const until = async (what, there) => {
    for (let i = 0; i < 400; i++) {
      if (there(await client.metadata.getTable('k', 'events'))) return;
      await pause(25);
    }
    throw new Error('the metadata does not follow ' + what);
  };
  await until('nothing', (t) => !t);
  await elsewhere.execute('CREATE TABLE events (k int PRIMARY KEY, v int)');
  await until('CREATE', (t) => t);
  await elsewhere.execute('ALTER TABLE events ADD later text');
  await until('ALTER', (t) => t && t.columnsByName.later);
  await elsewhere.execute('DROP TABLE events');
  await until('DROP', (t) => !t);
}

async function errors(client) {
  const create = 'CREATE TABLE errors (k text, n int, v double, PRIMARY KEY (k, n))';
  await client.execute(create);
  const e = await refused(client, responseErrorCodes.alreadyExists, create);
  assert.deepStrictEqual([e.keyspace, e.table], ['k', 'errors']);
  await refused(client, responseErrorCodes.syntaxError, 'SELEKT * FROM errors');
  await refused(client, responseErrorCodes.syntaxError, ';');
  await refused(client, responseErrorCodes.invalid, 'SELECT * FROM nothing');
  await refused(client, responseErrorCodes.invalid, 'SELECT nothing FROM errors');
  await refused(client, responseErrorCodes.invalid, 'SELECT * FROM errors WHERE v = 1');
  await refused(client, responseErrorCodes.invalid, 'DROP TABLE nothing');
  await refused(client, responseErrorCodes.configError, "CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}");
  const insert = 'INSERT INTO errors (k, n, v) VALUES (?, ?, ?)';
  await client.execute(insert, ['x', 1, 1.5], prepared);
  await client.execute('DROP TABLE errors');
  await client.execute(create);
  await client.execute(insert, ['x', 1, 1.5], prepared); // the text is the same, the statement another
  assert.strictEqual((await client.execute('SELECT * FROM errors')).rowLength, 1);
}

async function restart() {
  const client = open({ policies: { reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(50) } });
  await client.execute('CREATE TABLE restart (k text, n int, PRIMARY KEY (k, n))');
  const insert = (n) => client.execute('INSERT INTO restart (k, n) VALUES (?, ?)', ['kept', n], prepared);
  for (let n = 0; n < 100; n++) await insert(n);
  const again = new Promise((done) => input.once('line', done));
  console.log('restart');
  await again;
  let tries = 1;
  for (; ; tries++) {
    try {
      await insert(100);
      break;
    } catch (e) {
      assert.ok(!(e instanceof cassandra.errors.ResponseError) && tries < 1000, e);
      await pause(20);
    }
  }
  for (let n = 101; n < 201; n++) await insert(n); // the gap is over
  assert.strictEqual((await client.execute("SELECT count(*) AS n FROM restart WHERE k = 'kept'")).first().n.toString(), '201');
  return `at try ${tries}`;
}

async function lwt(client) {
  await client.execute('CREATE TABLE conditions (k int PRIMARY KEY, v text, n int)');
  const insert = 'INSERT INTO conditions (k, v, n) VALUES (?, ?, ?) IF NOT EXISTS';
  const cas = async (text, values, want) => {
    const result = await client.execute(text, values, prepared);
    assert.strictEqual(result.wasApplied(), want, text);
    return result.first();
  };
  await cas(insert, [1, 'a', 1], true);
  assert.strictEqual((await cas(insert, [1, 'b', 2], false)).v, 'a');
  const update = 'UPDATE conditions SET v = ? WHERE k = ? IF v = ? AND n >= ?';
  await cas(update, ['c', 1, 'b', 1], false);
  await cas(update, ['c', 1, 'a', 1], true);
  await cas('UPDATE conditions SET v = ? WHERE k = ? IF EXISTS', ['d', 2], false);
  await cas('DELETE FROM conditions WHERE k = ? IF EXISTS', [1], true);
  await cas('DELETE FROM conditions WHERE k = ? IF EXISTS', [1], false);
  assert.ok((await client.batch([{ query: insert, params: [7, 'a', 1] }], prepared)).wasApplied());
}

async function tls(client) {
  await connect(client);
  await everyType(client, 'types_tls');
  await assert.rejects(open({ sslOptions: { rejectUnauthorized: true, servername: 'localhost' } }).connect(), (e) => /certificate/.test(JSON.stringify(e.innerErrors, Object.getOwnPropertyNames(Error.prototype)) + Object.values(e.innerErrors).join()));
}

async function login(client) {
  await connect(client);
  const wrong = open({ authProvider: new cassandra.auth.PlainTextAuthProvider(user, 'wrong') });
  await assert.rejects(wrong.connect(), (e) => Object.values(e.innerErrors).every((x) => x instanceof cassandra.errors.AuthenticationError));
}

const RUN = {
  connect, v3: speaks(3), v4: speaks(4), schema, types: everyType, nulls, async: concurrent, paging, batches, named, routing, events, errors, restart, lwt, tls, login,
};

async function main() {
  const first = open({ keyspace: undefined });
  await first.execute("CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await first.shutdown();
  for (const feature of features.split(',')) {
    clients.length = 0;
    try {
      const client = open();
      await client.connect();
      const detail = await RUN[feature](client);
      console.log(`ok ${feature} ${detail || ''}`);
    } catch (e) {
      console.error(e);
      console.log(`fail ${feature} ${String(e).replace(/\n/g, ' ')} ${JSON.stringify(e.innerErrors) || ''}`);
    }
    for (const client of clients) await client.shutdown();
  }
}

main().then(() => process.exit(0)).catch((e) => {
  console.error(e);
  process.exit(1);
});
