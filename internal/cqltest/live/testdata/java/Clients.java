// Asks the Java driver for the features of TestClients. Arguments: HOST PORT CA USER PASSWORD FEATURES WRITES, the
// features with commas between. Prints "ok FEATURE DETAIL" or "fail FEATURE REASON" for each.

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.CqlSessionBuilder;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.auth.AuthenticationException;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.config.ProgrammaticDriverConfigLoaderBuilder;
import com.datastax.oss.driver.api.core.cql.*;
import com.datastax.oss.driver.api.core.data.CqlDuration;
import com.datastax.oss.driver.api.core.metadata.schema.ClusteringOrder;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.datastax.oss.driver.api.core.metadata.TokenMap;
import com.datastax.oss.driver.api.core.servererrors.*;
import com.datastax.oss.driver.api.core.type.DataTypes;
import com.datastax.oss.driver.api.core.type.TupleType;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.*;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Clients {
  interface Feature {
    String run(CqlSession session) throws Exception;
  }

  static String host, ca, user, password;
  static int port, writes;
  static final List<CqlSession> sessions = new ArrayList<>();
  static final BufferedReader input = new BufferedReader(new InputStreamReader(System.in));

  // The driver's own settings, with patience: the machine may be busy.
  static ProgrammaticDriverConfigLoaderBuilder defaults() {
    ProgrammaticDriverConfigLoaderBuilder b = DriverConfigLoader.programmaticBuilder();
    for (DefaultDriverOption option : List.of(DefaultDriverOption.REQUEST_TIMEOUT, DefaultDriverOption.CONNECTION_CONNECT_TIMEOUT, DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT,
        DefaultDriverOption.CONNECTION_SET_KEYSPACE_TIMEOUT, DefaultDriverOption.CONTROL_CONNECTION_TIMEOUT, DefaultDriverOption.METADATA_SCHEMA_REQUEST_TIMEOUT)) {
      b.withDuration(option, Duration.ofSeconds(60));
    }
    return b;
  }

  static ProgrammaticDriverConfigLoaderBuilder config() {
    return defaults()
        .withDuration(DefaultDriverOption.METADATA_SCHEMA_WINDOW, Duration.ofMillis(20))
        .withInt(DefaultDriverOption.NETTY_IO_SHUTDOWN_QUIET_PERIOD, 0)
        .withInt(DefaultDriverOption.NETTY_ADMIN_SHUTDOWN_QUIET_PERIOD, 0)
        .withDuration(DefaultDriverOption.RECONNECTION_BASE_DELAY, Duration.ofMillis(50))
        .withDuration(DefaultDriverOption.RECONNECTION_MAX_DELAY, Duration.ofMillis(200));
  }

  static CqlSessionBuilder builder(ProgrammaticDriverConfigLoaderBuilder config) throws Exception {
    CqlSessionBuilder b = CqlSession.builder().addContactPoint(new InetSocketAddress(host, port)).withLocalDatacenter("datacenter1").withConfigLoader(config.build());
    if (!ca.isEmpty()) b.withSslContext(trusting(ca));
    if (!user.isEmpty()) b.withAuthCredentials(user, password);
    return b;
  }

  static CqlSession open(ProgrammaticDriverConfigLoaderBuilder config) throws Exception {
    CqlSession s = builder(config).withKeyspace("k").build();
    sessions.add(s);
    return s;
  }

  static SSLContext trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream in = new FileInputStream(file)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }

  static void equal(Object got, Object want, String what) {
    if (!Objects.equals(got, want)) throw new AssertionError(what + ": got " + shorten(got) + ", want " + shorten(want));
  }

  static String shorten(Object o) {
    String s = String.valueOf(o);
    return s.length() > 200 ? s.substring(0, 200) : s;
  }

  static <E extends Throwable> E refused(Class<E> type, CqlSession s, Statement<?> statement) {
    try {
      s.execute(statement);
    } catch (Throwable e) {
      if (type.isInstance(e)) return type.cast(e);
      throw new AssertionError("refused with " + e, e);
    }
    throw new AssertionError("not refused: " + statement);
  }

  static <E extends Throwable> E refused(Class<E> type, CqlSession s, String text) {
    return refused(type, s, SimpleStatement.newInstance(text));
  }

  static void until(String what, BooleanSupplier there) throws InterruptedException {
    for (int i = 0; i < 400; i++) {
      if (there.getAsBoolean()) return;
      Thread.sleep(25);
    }
    throw new AssertionError("the metadata does not follow " + what);
  }

  static String connect(CqlSession s) throws Exception {
    // The session of the features has short delays; this one has nothing but the driver's own settings.
    CqlSession d = builder(defaults()).build();
    sessions.add(d);
    String release = d.execute("SELECT release_version FROM system.local").one().getString(0);
    equal(release.compareTo("4") >= 0, true, "release");
    return d.getContext().getProtocolVersion().toString().toLowerCase();
  }

  static Map<String, List<?>> values(CqlSession s) throws Exception {
    TupleType pair = DataTypes.tupleOf(DataTypes.INT, DataTypes.TEXT);
    TupleType nested = DataTypes.tupleOf(DataTypes.INT, DataTypes.frozenSetOf(DataTypes.BIGINT));
    Map<String, List<?>> v = new LinkedHashMap<>();
    v.put("ascii", List.of("", "plain", "it's"));
    v.put("bigint", List.of(0L, Long.MAX_VALUE, Long.MIN_VALUE));
    v.put("blob", List.of(ByteBuffer.allocate(0), ByteBuffer.wrap(new byte[] {0, -1}), ByteBuffer.allocate(65536)));
    v.put("boolean", List.of(true, false));
    v.put("date", List.of(LocalDate.EPOCH, LocalDate.EPOCH.minusDays(1), LocalDate.of(2024, 2, 29), LocalDate.EPOCH.plusDays(Integer.MAX_VALUE), LocalDate.EPOCH.plusDays(Integer.MIN_VALUE)));
    v.put("decimal", List.of(BigDecimal.ZERO, new BigDecimal("123456.789"), new BigDecimal("-5E+3"), new BigDecimal("-1E-36")));
    v.put("double", List.of(0.0, -0.0, Double.NaN, Double.NEGATIVE_INFINITY, Double.MAX_VALUE, Double.MIN_VALUE));
    v.put("duration", List.of(CqlDuration.newInstance(0, 0, 0), CqlDuration.newInstance(1, 2, 3), CqlDuration.newInstance(-1, -2, -3), CqlDuration.newInstance(Integer.MAX_VALUE, Integer.MAX_VALUE, Long.MAX_VALUE)));
    v.put("float", List.of(0f, Float.POSITIVE_INFINITY, -1.5f, Float.MIN_VALUE));
    v.put("inet", List.of(InetAddress.getByName("127.0.0.1"), InetAddress.getByName("2001:db8::1")));
    v.put("int", List.of(0, Integer.MAX_VALUE, Integer.MIN_VALUE));
    v.put("smallint", List.of(Short.MAX_VALUE, Short.MIN_VALUE));
    v.put("text", List.of("", "grün, 漢字, 🌡", "long ".repeat(10000)));
    v.put("time", List.of(LocalTime.MIN, LocalTime.MAX));
    v.put("timestamp", List.of(Instant.EPOCH, Instant.ofEpochMilli(-1), Instant.ofEpochMilli(1700000000123L), Instant.ofEpochMilli(Long.MAX_VALUE), Instant.ofEpochMilli(Long.MIN_VALUE)));
    v.put("timeuuid", List.of(UUID.fromString("966a4e00-b65a-11ee-8f01-010203040506")));
    v.put("tinyint", List.of(Byte.MAX_VALUE, Byte.MIN_VALUE));
    v.put("uuid", List.of(new UUID(0, 0), UUID.fromString("deadbeef-0000-4000-8000-000000000001")));
    v.put("varchar", List.of("v"));
    v.put("varint", List.of(BigInteger.ZERO, BigInteger.ONE.negate(), BigInteger.valueOf(128), BigInteger.TEN.pow(80).negate()));
    v.put("frozen<list<int>>", List.of(List.of(), List.of(3, -1, 3)));
    v.put("frozen<set<text>>", List.of(Set.of("a", "grün")));
    v.put("frozen<map<text, double>>", List.of(Map.of("a", 1.0, "", Double.POSITIVE_INFINITY)));
    v.put("frozen<tuple<int, text>>", List.of(pair.newValue(7, "seven"), pair.newValue(null, "")));
    v.put("frozen<list<frozen<map<uuid, frozen<tuple<int, frozen<set<bigint>>>>>>>>", List.of(List.of(Map.of(new UUID(1, 2), nested.newValue(1, Set.of(1L, Long.MIN_VALUE))), Map.of())));
    return v;
  }

  static String types(CqlSession s, String table) throws Exception {
    Map<String, List<?>> values = values(s);
    if (table.equals("types_V3")) { // the driver does not know these by the names that version 3 has for them
      values.keySet().removeAll(List.of("date", "duration", "smallint", "time", "tinyint"));
    }
    StringBuilder columns = new StringBuilder();
    int c = 0;
    for (String type : values.keySet()) columns.append(", c").append(c++).append(' ').append(type);
    s.execute("CREATE TABLE " + table + " (k int PRIMARY KEY" + columns + ")");
    c = 0;
    for (Map.Entry<String, List<?>> e : values.entrySet()) {
      PreparedStatement insert = s.prepare("INSERT INTO " + table + " (k, c" + c + ") VALUES (?, ?)");
      PreparedStatement select = s.prepare("SELECT c" + c++ + " FROM " + table + " WHERE k = ?");
      int k = 0;
      for (Object v : e.getValue()) {
        s.execute(insert.bind(k, v));
        equal(s.execute(select.bind(k++)).one().getObject(0), v, e.getKey());
      }
    }
    return "";
  }

  static Feature speaks(String version) {
    return ignored -> {
      CqlSession s = open(config().withString(DefaultDriverOption.PROTOCOL_VERSION, version));
      equal(s.getContext().getProtocolVersion().toString(), version, "version");
      return types(s, "types_" + version);
    };
  }

  static String schema(CqlSession s) throws Exception {
    s.execute("CREATE TABLE schema_ (a int, \"B\" text, c timestamp, d timeuuid, s text static, v frozen<map<text, frozen<list<int>>>>, w decimal,"
        + " PRIMARY KEY ((a, \"B\"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC) AND comment = 'it''s'");
    for (CqlSession each : List.of(s, open(config()))) {
      TableMetadata t = each.getMetadata().getKeyspace("k").get().getTable("schema_").get();
      equal(t.getPartitionKey().stream().map(x -> x.getName().asInternal()).toList(), List.of("a", "B"), "partition key");
      equal(new ArrayList<>(t.getClusteringColumns().values()), List.of(ClusteringOrder.DESC, ClusteringOrder.ASC), "clustering");
      Map<String, String> types = new TreeMap<>();
      t.getColumns().forEach((name, x) -> types.put(name.asInternal(), x.getType().asCql(true, true) + (x.isStatic() ? " static" : "")));
      equal(types, Map.of("a", "int", "B", "text", "c", "timestamp", "d", "timeuuid", "s", "text static", "v", "frozen<map<text, frozen<list<int>>>>", "w", "decimal"), "columns");
      equal(t.getOptions().get(CqlIdentifier.fromInternal("comment")), "it's", "comment");
    }
    String text = s.getMetadata().getKeyspace("k").get().getTable("schema_").get().describe(false);
    s.execute("DROP TABLE schema_");
    s.execute(text); // as the driver writes it
    return "";
  }

  static String nulls(CqlSession s) {
    s.execute("CREATE TABLE nulls (k text, c int, a bigint, b text, e blob, PRIMARY KEY (k, c))");
    PreparedStatement insert = s.prepare("INSERT INTO nulls (k, c, a, b) VALUES (?, ?, ?, ?)");
    BoundStatement first = insert.boundStatementBuilder().setString(0, "x").setInt(1, 1).build();
    String[] want = {"1 one", "1 two", "null two", "null ", "null null"};
    BoundStatement[] steps = {first.setLong(2, 1).setString(3, "one"), first.setString(3, "two"), first.setToNull(2), first.setString(3, ""), first.setToNull(3)};
    for (int i = 0; i < steps.length; i++) {
      s.execute(steps[i]);
      Row row = s.execute("SELECT a, b FROM nulls WHERE k = 'x' AND c = 1").one();
      equal(row.getObject(0) + " " + row.getObject(1), want[i], "step " + i);
    }
    refused(InvalidQueryException.class, s, first.setToNull(1));
    s.execute(s.prepare("INSERT INTO nulls (k, c, e) VALUES ('x', 2, ?)").bind(ByteBuffer.allocate(0)));
    equal(s.execute("SELECT e FROM nulls WHERE k = 'x' AND c = 2").one().getByteBuffer(0).remaining(), 0, "empty blob");
    return "";
  }

  static String async(CqlSession s) throws Exception {
    s.execute("CREATE TABLE async_ (k text, n int, v double, PRIMARY KEY (k, n))");
    PreparedStatement insert = s.prepare("INSERT INTO async_ (k, n, v) VALUES (?, ?, ?)");
    Semaphore slots = new Semaphore(1000);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    long begun = System.nanoTime();
    for (int n = 0; n < writes; n++) {
      slots.acquire();
      CompletionStage<AsyncResultSet> write = s.executeAsync(insert.bind("p" + n % 10, n, n / 4.0));
      write.whenComplete((r, e) -> {
        if (e != null) failure.set(e);
        slots.release();
      });
    }
    slots.acquire(1000);
    if (failure.get() != null) throw new AssertionError("a write", failure.get());
    long took = (System.nanoTime() - begun) / 1_000_000;
    BitSet seen = new BitSet();
    for (Row row : s.execute("SELECT n, v FROM async_")) {
      equal(row.getDouble(1), row.getInt(0) / 4.0, "value");
      seen.set(row.getInt(0));
    }
    equal(seen.cardinality(), writes, "rows");
    return writes + " writes in " + took + " ms";
  }

  static String paging(CqlSession s) throws Exception {
    s.execute("CREATE TABLE paging (k text, n int, PRIMARY KEY (k, n))");
    PreparedStatement insert = s.prepare("INSERT INTO paging (k, n) VALUES (?, ?)");
    for (int n = 0; n < 1000; n++) s.execute(insert.bind("p", n));
    CqlSession[] both = {s, open(config())};
    List<Integer> got = new ArrayList<>();
    ByteBuffer state = null;
    int pages = 0;
    do {
      CqlSession each = both[pages++ % 2];
      BoundStatement select = each.prepare("SELECT n FROM paging WHERE k = ?").bind("p").setPageSize(7).setPagingState(state);
      ResultSet page = each.execute(select);
      int count = page.getAvailableWithoutFetching();
      equal(count == 7 || count == 1000 % 7, true, "rows of a page: " + count);
      for (int i = 0; i < count; i++) got.add(page.one().getInt(0));
      state = page.getExecutionInfo().getPagingState();
    } while (state != null);
    for (int n = 0; n < 1000; n++) equal(got.get(n), n, "row");
    equal(got.size(), 1000, "rows");
    equal(s.execute(SimpleStatement.newInstance("SELECT n FROM paging").setPageSize(7)).all().size(), 1000, "rows by themselves");
    refused(InvalidQueryException.class, s, SimpleStatement.newInstance("SELECT n FROM paging WHERE k = 'p'").setPagingState(ByteBuffer.wrap("not a state".getBytes())));
    return "";
  }

  static String batches(CqlSession s) {
    s.execute("CREATE TABLE batches (k text, n int, PRIMARY KEY (k, n))");
    PreparedStatement insert = s.prepare("INSERT INTO batches (k, n) VALUES (?, ?)");
    for (BatchType type : List.of(DefaultBatchType.LOGGED, DefaultBatchType.UNLOGGED)) {
      for (String form : List.of("prepared", "text", "both")) {
        String key = form + type;
        BatchStatementBuilder batch = BatchStatement.builder(type).setConsistencyLevel(DefaultConsistencyLevel.ALL);
        for (int n = 0; n < 900; n++) {
          if (form.equals("prepared") || form.equals("both") && n % 2 == 0) {
            batch.addStatement(insert.bind(key, n));
          } else if (n % 3 == 0) {
            batch.addStatement(SimpleStatement.newInstance("INSERT INTO batches (k, n) VALUES (?, ?)", key, n));
          } else {
            batch.addStatement(SimpleStatement.newInstance("INSERT INTO batches (k, n) VALUES ('" + key + "', " + n + ")"));
          }
        }
        s.execute(batch.build());
        equal(s.execute("SELECT count(*) FROM batches WHERE k = '" + key + "'").one().getLong(0), 900L, key);
      }
    }
    s.execute(BatchStatement.newInstance(DefaultBatchType.LOGGED));
    return "";
  }

  static String named(CqlSession s) {
    s.execute("CREATE TABLE named (k text, n int, v text, PRIMARY KEY (k, n))");
    String text = "INSERT INTO named (k, n, v) VALUES (:key, :number, :value)";
    s.execute(s.prepare(text).bind().setString("value", "v").setString("key", "p").setInt("number", 7));
    s.execute(SimpleStatement.newInstance(text, Map.of("value", "w", "key", "p", "number", 8))); // with names on the wire
    List<String> rows = new ArrayList<>();
    for (Row r : s.execute("SELECT n, v FROM named WHERE k = 'p'")) rows.add(r.getInt("n") + r.getString("v"));
    equal(rows, List.of("7v", "8w"), "rows");
    return "";
  }

  static String routing(CqlSession s) {
    s.execute("CREATE TABLE routing (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))");
    PreparedStatement insert = s.prepare("INSERT INTO routing (v, c, b, a) VALUES (?, ?, ?, ?)");
    equal(insert.getPartitionKeyIndices(), List.of(3, 2), "markers of the partition key");
    TokenMap tokens = s.getMetadata().getTokenMap().get();
    for (int n = 0; n < 100; n++) {
      BoundStatement bound = insert.bind(n, 0, "grün" + n, -n);
      s.execute(bound);
      Row row = s.execute("SELECT token(a, b) FROM routing WHERE a = " + -n + " AND b = 'grün" + n + "'").one();
      ByteBuffer a = ByteBuffer.allocate(4).putInt(0, -n);
      ByteBuffer b = ByteBuffer.wrap(("grün" + n).getBytes(java.nio.charset.StandardCharsets.UTF_8));
      equal(row.getToken(0), tokens.newToken(a, b), "token");
      equal(tokens.getReplicas("k", bound.getRoutingKey()).size(), 1, "replicas");
    }
    return "";
  }

  static String events(CqlSession ignored) throws Exception {
    CqlSession s = open(config());
    CqlSession elsewhere = open(config());
    elsewhere.execute("CREATE TABLE events (k int PRIMARY KEY, v int)");
    until("CREATE", () -> s.getMetadata().getKeyspace("k").get().getTable("events").isPresent());
    elsewhere.execute("ALTER TABLE events ADD later text");
    until("ALTER", () -> s.getMetadata().getKeyspace("k").get().getTable("events").get().getColumn("later").isPresent());
    elsewhere.execute("DROP TABLE events");
    until("DROP", () -> s.getMetadata().getKeyspace("k").get().getTable("events").isEmpty());
    elsewhere.execute("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    until("CREATE KEYSPACE", () -> s.getMetadata().getKeyspace("other").isPresent());
    elsewhere.execute("DROP KEYSPACE other");
    until("DROP KEYSPACE", () -> s.getMetadata().getKeyspace("other").isEmpty());
    return "";
  }

  static String errors(CqlSession s) throws Exception {
    String create = "CREATE TABLE errors (k text, n int, v double, PRIMARY KEY (k, n))";
    s.execute(create);
    AlreadyExistsException exists = refused(AlreadyExistsException.class, s, create);
    equal(exists.getMessage().contains("errors"), true, "already exists: " + exists.getMessage());
    refused(AlreadyExistsException.class, s, KEYSPACE.replace("IF NOT EXISTS ", ""));
    refused(SyntaxError.class, s, "SELEKT * FROM errors");
    refused(SyntaxError.class, s, ";");
    refused(InvalidQueryException.class, s, "SELECT * FROM nothing");
    refused(InvalidQueryException.class, s, "SELECT nothing FROM errors");
    refused(InvalidQueryException.class, s, "SELECT * FROM errors WHERE v = 1");
    refused(InvalidQueryException.class, s, "DROP TABLE nothing");
    refused(InvalidConfigurationInQueryException.class, s, "CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}");
    PreparedStatement insert = s.prepare("INSERT INTO errors (k, n, v) VALUES (?, ?, ?)");
    s.execute(insert.bind("x", 1, 1.5));
    s.execute("DROP TABLE errors");
    s.execute(create);
    s.execute(insert.bind("x", 1, 1.5)); // the text is the same, the statement another
    PreparedStatement select = s.prepare("SELECT * FROM errors");
    s.execute(select.bind());
    open(config()).execute("ALTER TABLE errors ADD w int");
    s.execute("UPDATE errors SET w = 3 WHERE k = 'x' AND n = 1");
    Row row = s.execute(select.bind()).one();
    equal(row.getDouble("v"), 1.5, "a column of an altered table");
    return "";
  }

  static Feature compresses(String name) {
    return ignored -> {
      ProgrammaticDriverConfigLoaderBuilder config = config().withString(DefaultDriverOption.PROTOCOL_COMPRESSION, name);
      if (name.equals("snappy")) config.withString(DefaultDriverOption.PROTOCOL_VERSION, "V4"); // version 5 has no snappy
      CqlSession s = open(config);
      s.execute("CREATE TABLE compressed_" + name + " (k int PRIMARY KEY, v text)");
      PreparedStatement insert = s.prepare("INSERT INTO compressed_" + name + " (k, v) VALUES (?, ?)");
      int k = 0;
      for (int size : new int[] {0, 1, 511, 512, 1 << 12, 1 << 17, (1 << 17) + 1, 1 << 20}) {
        s.execute(insert.bind(k, "x".repeat(size)));
        equal(s.execute("SELECT v FROM compressed_" + name + " WHERE k = " + k++).one().getString(0).length(), size, "length");
      }
      return "";
    };
  }

  static String restart(CqlSession ignored) throws Exception {
    CqlSession s = open(config().withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(5)));
    s.execute("CREATE TABLE restart (k text, n int, PRIMARY KEY (k, n))");
    PreparedStatement insert = s.prepare("INSERT INTO restart (k, n) VALUES (?, ?)");
    for (int n = 0; n < 100; n++) s.execute(insert.bind("kept", n));
    System.out.println("restart");
    input.readLine();
    int tries = 1;
    for (; ; tries++) {
      try {
        s.execute(insert.bind("kept", 100));
        break;
      } catch (QueryExecutionException | QueryValidationException e) {
        throw e; // the server answered
      } catch (DriverException e) {
        if (tries > 1000) throw e;
        Thread.sleep(20);
      }
    }
    for (int n = 101; n < 201; n++) s.execute(insert.bind("kept", n)); // the gap is over
    equal(s.execute("SELECT count(*) FROM restart WHERE k = 'kept'").one().getLong(0), 201L, "rows");
    return "at try " + tries;
  }

  static String lwt(CqlSession s) {
    s.execute("CREATE TABLE conditions (k int PRIMARY KEY, v text, n int)");
    PreparedStatement insert = s.prepare("INSERT INTO conditions (k, v, n) VALUES (?, ?, ?) IF NOT EXISTS");
    equal(s.execute(insert.bind(1, "a", 1)).wasApplied(), true, "insert");
    ResultSet second = s.execute(insert.bind(1, "b", 2));
    equal(second.wasApplied(), false, "second insert");
    equal(second.one().getString("v"), "a", "what was there");
    PreparedStatement update = s.prepare("UPDATE conditions SET v = ? WHERE k = ? IF v = ? AND n >= ?");
    equal(s.execute(update.bind("c", 1, "b", 1)).wasApplied(), false, "update of another value");
    equal(s.execute(update.bind("c", 1, "a", 1)).wasApplied(), true, "update");
    equal(s.execute("UPDATE conditions SET v = 'x' WHERE k = 2 IF EXISTS").wasApplied(), false, "update of nothing");
    equal(s.execute(BatchStatement.newInstance(DefaultBatchType.LOGGED, insert.bind(7, "a", 1))).wasApplied(), true, "batch");
    equal(s.execute("DELETE FROM conditions WHERE k = 1 IF EXISTS").wasApplied(), true, "delete");
    equal(s.execute("DELETE FROM conditions WHERE k = 1 IF EXISTS").wasApplied(), false, "delete of nothing");
    return "";
  }

  static String tls(CqlSession s) throws Exception {
    String version = connect(s);
    types(s, "types_tls");
    try {
      CqlSessionBuilder b = builder(config()).withSslContext(SSLContext.getDefault());
      b.build().close();
    } catch (AllNodesFailedException e) {
      return version;
    }
    throw new AssertionError("an unknown CA was taken");
  }

  static String login(CqlSession s) throws Exception {
    String version = connect(s);
    try {
      builder(config()).withAuthCredentials(user, "wrong").build().close();
    } catch (AllNodesFailedException e) {
      Throwable cause = e.getAllErrors().values().iterator().next().get(0);
      equal(cause instanceof AuthenticationException, true, "refusal of a wrong password: " + cause);
      equal(cause.getMessage().contains("are incorrect"), true, "refusal of a wrong password: " + cause.getMessage());
      return version;
    }
    throw new AssertionError("a wrong password was taken");
  }

  static final String KEYSPACE = "CREATE KEYSPACE IF NOT EXISTS k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

  public static void main(String[] args) throws Exception {
    host = args[0];
    port = Integer.parseInt(args[1]);
    ca = args[2];
    user = args[3];
    password = args[4];
    writes = Integer.parseInt(args[6]);
    Map<String, Feature> all = new HashMap<>();
    all.put("connect", Clients::connect);
    all.put("v3", speaks("V3"));
    all.put("v4", speaks("V4"));
    all.put("v5", speaks("V5"));
    all.put("schema", Clients::schema);
    all.put("types", s -> types(s, "types"));
    all.put("nulls", Clients::nulls);
    all.put("async", Clients::async);
    all.put("paging", Clients::paging);
    all.put("batches", Clients::batches);
    all.put("named", Clients::named);
    all.put("routing", Clients::routing);
    all.put("events", Clients::events);
    all.put("errors", Clients::errors);
    all.put("lz4", compresses("lz4"));
    all.put("snappy", compresses("snappy"));
    all.put("restart", Clients::restart);
    all.put("lwt", Clients::lwt);
    all.put("tls", Clients::tls);
    all.put("login", Clients::login);
    try (CqlSession first = builder(config()).build()) {
      first.execute(KEYSPACE);
    }
    CqlSession session = builder(config()).withKeyspace("k").build();
    for (String name : args[5].split(",")) {
      try {
        System.out.println("ok " + name + " " + all.get(name).run(session));
      } catch (Throwable e) {
        e.printStackTrace();
        System.out.println("fail " + name + " " + e.toString().replace('\n', ' '));
      }
      for (CqlSession s : sessions) s.close();
      sessions.clear();
    }
    session.close();
    System.exit(0);
  }
}
