package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const createReadings = "CREATE TABLE k.readings (sensor text, n int, value double, PRIMARY KEY (sensor, n))"

func TestGocqlManyInFlight(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	const rows, writers = 5000, 32
	var join sync.WaitGroup
	for w := range writers {
		join.Go(func() {
			for n := w; n < rows; n += writers {
				err := s.Query("INSERT INTO k.readings (sensor, n, value) VALUES (?, ?, ?)", fmt.Sprint("s", n%10), n, float64(n)/4).Exec()
				if err != nil {
					t.Errorf("row %d: %v", n, err)
					return
				}
			}
		})
	}
	join.Wait()
	seen := map[int]float64{}
	iter := s.Query("SELECT n, value FROM k.readings").Iter()
	var n int
	var value float64
	for iter.Scan(&n, &value) {
		seen[n] = value
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range rows {
		if v, ok := seen[n]; !ok || v != float64(n)/4 {
			t.Fatalf("row %d: %v %v", n, v, ok)
		}
	}
	if len(seen) != rows {
		t.Fatalf("%d rows, want %d", len(seen), rows)
	}
}

// fill writes rows 0 to count-1 of one partition in unlogged batches.
func fill(t *testing.T, s *gocql.Session, sensor string, count int) {
	t.Helper()
	for from := 0; from < count; from += 100 {
		batch := s.Batch(gocql.UnloggedBatch)
		for n := from; n < min(from+100, count); n++ {
			batch.Query("INSERT INTO k.readings (sensor, n, value) VALUES (?, ?, ?)", sensor, n, float64(n))
		}
		if err := batch.Exec(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGocqlPaging(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	const rows, page = 1000, 7
	fill(t, s, "one", rows)
	for _, c := range []struct {
		name, text string
		at         func(i int) int
	}{
		{"forward", "SELECT n FROM k.readings WHERE sensor = 'one'", func(i int) int { return i }},
		{"backward", "SELECT n FROM k.readings WHERE sensor = 'one' ORDER BY n DESC", func(i int) int { return rows - 1 - i }},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := 0
			iter := s.Query(c.text).PageSize(page).Iter()
			for n := 0; iter.Scan(&n); i++ {
				if n != c.at(i) {
					t.Fatalf("row %d is %d", i, n)
				}
			}
			if err := iter.Close(); err != nil || i != rows {
				t.Fatalf("%d rows, %v", i, err)
			}
		})
	}
	t.Run("page by page", func(t *testing.T) {
		var state []byte
		var all []int
		for pages := 1; ; pages++ {
			iter := s.Query("SELECT n FROM k.readings WHERE sensor = 'one'").PageSize(page).PageState(state).Iter()
			state = iter.PageState()
			if got := iter.NumRows(); got != min(page, rows-len(all)) {
				t.Fatalf("page %d has %d rows", pages, got)
			}
			var n int
			for range iter.NumRows() {
				iter.Scan(&n)
				all = append(all, n)
			}
			if len(state) == 0 {
				if err := iter.Close(); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		if len(all) != rows || !slices.IsSorted(all) || all[0] != 0 || all[rows-1] != rows-1 {
			t.Fatalf("%d rows, sorted %v", len(all), slices.IsSorted(all))
		}
	})
	t.Run("forged state", func(t *testing.T) {
		err := s.Query("SELECT n FROM k.readings WHERE sensor = 'one'").PageSize(page).PageState([]byte("not mine")).Exec()
		if code := codeOf(err); code != gocql.ErrCodeInvalid {
			t.Errorf("code %#x, %v", code, err)
		}
	})
}

func TestGocqlPagingOverPartitions(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	want := map[string]bool{}
	for p := range 40 {
		fill(t, s, fmt.Sprint("p", p), p)
		for n := range p {
			want[fmt.Sprint("p", p, " ", n)] = true
		}
	}
	iter := s.Query("SELECT sensor, n FROM k.readings").PageSize(7).Iter()
	var sensor string
	for n := 0; iter.Scan(&sensor, &n); {
		key := fmt.Sprint(sensor, " ", n)
		if !want[key] {
			t.Fatalf("%s: twice, or never written", key)
		}
		delete(want, key)
	}
	if err := iter.Close(); err != nil || len(want) != 0 {
		t.Fatalf("%d rows are missing, %v", len(want), err)
	}
}

func TestGocqlBatches(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	for _, kind := range []gocql.BatchType{gocql.LoggedBatch, gocql.UnloggedBatch} {
		batch := s.Batch(kind)
		for n := range 900 {
			batch.Query("INSERT INTO k.readings (sensor, n, value) VALUES (?, ?, ?)", fmt.Sprintf("b%d-%d", kind, n%3), n, 1.5)
		}
		batch.Query(fmt.Sprintf("INSERT INTO k.readings (sensor, n, value) VALUES ('b%d-0', 900, 1.5)", kind)) // as text
		if err := batch.Exec(); err != nil {
			t.Fatal(err)
		}
		var count int64
		if err := s.Query("SELECT count(*) FROM k.readings WHERE sensor IN ?", []string{fmt.Sprintf("b%d-0", kind), fmt.Sprintf("b%d-1", kind), fmt.Sprintf("b%d-2", kind)}).Scan(&count); err != nil {
			t.Fatal(err)
		}
		if count != 901 {
			t.Errorf("batch of kind %d: %d rows", kind, count)
		}
	}
	bad := s.Batch(gocql.LoggedBatch)
	bad.Query("INSERT INTO k.readings (sensor, n, value) VALUES ('bad', 1, 1)")
	bad.Query("INSERT INTO k.readings (sensor, n, nothing) VALUES ('bad', 2, 1)")
	if code := codeOf(bad.Exec()); code != gocql.ErrCodeInvalid {
		t.Errorf("a batch with an unknown column: code %#x", code)
	}
	var count int64
	if err := s.Query("SELECT count(*) FROM k.readings WHERE sensor = 'bad'").Scan(&count); err != nil || count != 0 {
		t.Errorf("a refused batch left %d rows, %v", count, err)
	}
}

func TestGocqlRoutesByToken(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	s := session(t, server, func(c *gocql.ClusterConfig) {
		c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	})
	run(t, s, createKeyspace, "CREATE TABLE k.t (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))")
	meta, err := s.StatementMetadata(context.Background(), "INSERT INTO k.t (v, c, b, a) VALUES (?, ?, ?, ?)", "k")
	if err != nil {
		t.Fatal(err)
	}
	if meta.Keyspace != "k" || meta.Table != "t" || !slices.Equal(meta.PKBindColumnIndexes, []int{3, 2}) {
		t.Errorf("metadata of the statement: %+v", meta)
	}
	for i := range 50 {
		if err := s.Query("INSERT INTO k.t (v, c, b, a) VALUES (?, ?, ?, ?)", i, 0, fmt.Sprint(i), i).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	hosts := s.GetHosts()
	if len(hosts) != 1 || len(hosts[0].Tokens()) == 0 || hosts[0].Partitioner() != "org.apache.cassandra.dht.Murmur3Partitioner" {
		t.Errorf("hosts: %v", hosts)
	}
}

// tableEvents passes on what gocql hears of tables.
type tableEvents chan string

func (e tableEvents) OnTableCreated(x gocql.OnTableCreatedEvent) { e <- "created " + x.Table.Name }
func (e tableEvents) OnTableUpdated(x gocql.OnTableUpdatedEvent) { e <- "updated " + x.New.Name }
func (e tableEvents) OnTableDropped(x gocql.OnTableDroppedEvent) { e <- "dropped " + x.Table.Name }

func TestGocqlHearsOfSchemaChanges(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	other := session(t, server)
	run(t, other, createKeyspace) // first: gocql tells only of tables in keyspaces that it has seen before
	events := make(tableEvents, 100)
	listener := session(t, server, func(c *gocql.ClusterConfig) { c.Metadata.SchemaListener.TableChangeListener = events })
	await := func(want string) {
		t.Helper()
		for got := range events {
			if got == want {
				return
			}
		}
	}
	run(t, other, createReadings)
	await("created readings")
	keyspace, err := listener.KeyspaceMetadata("k")
	if err != nil {
		t.Fatal(err)
	}
	table := keyspace.Tables["readings"]
	if table == nil || len(table.PartitionKey) != 1 || len(table.ClusteringColumns) != 1 || table.Columns["value"] == nil {
		t.Fatalf("table as gocql sees it: %+v", table)
	}
	run(t, other, "ALTER TABLE k.readings ADD unit text")
	await("updated readings")
	if keyspace, err = listener.KeyspaceMetadata("k"); err != nil || keyspace.Tables["readings"].Columns["unit"] == nil {
		t.Fatalf("the new column is not there, %v", err)
	}
	run(t, other, "CREATE QUERY TABLE k.by_unit ON k.readings (value) PRIMARY KEY (unit, sensor, n)")
	await("created by_unit") // a copy is a table to drivers
	run(t, other, "CREATE TABLE k.rolled (k int, ts timestamp, v double, PRIMARY KEY (k, ts)) WITH rollups = {'1h': 'forever'}")
	await("created rolled")
	if keyspace, err = listener.KeyspaceMetadata("k"); err != nil || keyspace.Tables["rolled_1h"] == nil || keyspace.Tables["by_unit"] == nil {
		t.Fatalf("copy and rollup are not among the tables %v, %v", keyspace.Tables, err)
	}
	run(t, other, "DROP QUERY TABLE k.by_unit", "DROP TABLE k.readings")
	await("dropped readings")
}

// codeOf is the error code of the protocol, or -1.
func codeOf(err error) int {
	var e gocql.RequestError
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func TestGocqlErrors(t *testing.T) {
	t.Parallel()
	s := session(t, Start(t, dataDir(t)))
	run(t, s, createKeyspace, createReadings)
	for text, want := range map[string]int{
		"SELEKT * FROM k.readings":                 gocql.ErrCodeSyntax,
		";":                                        gocql.ErrCodeSyntax,
		"SELECT * FROM k.nothing":                  gocql.ErrCodeInvalid,
		"SELECT * FROM nokeyspace.t":               gocql.ErrCodeInvalid,
		"SELECT nothing FROM k.readings":           gocql.ErrCodeInvalid,
		"SELECT * FROM k.readings WHERE value = 1": gocql.ErrCodeInvalid,
		"INSERT INTO k.readings (sensor, n, value) VALUES (1, 1, 1)":   gocql.ErrCodeInvalid,
		"INSERT INTO k.readings (sensor, n) VALUES ('x', 99999999999)": gocql.ErrCodeInvalid,
		"CREATE KEYSPACE bad WITH replication = {'class': 'NoSuch'}":   gocql.ErrCodeConfig,
		"DROP TABLE k.nothing": gocql.ErrCodeInvalid,
		"INSERT INTO k.readings (sensor, n, value) VALUES (?, ?, 1, 2)": gocql.ErrCodeInvalid,
	} {
		if err := s.Query(text).Exec(); codeOf(err) != want {
			t.Errorf("%s: code %#x, want %#x: %v", text, codeOf(err), want, err)
		}
	}
	var exists *gocql.RequestErrAlreadyExists
	if err := s.Query(createReadings).Exec(); !errors.As(err, &exists) || exists.Keyspace != "k" || exists.Table != "readings" {
		t.Errorf("table that exists: %v", err)
	}
	if err := s.Query(createKeyspace).Exec(); !errors.As(err, &exists) || exists.Keyspace != "k" || exists.Table != "" {
		t.Errorf("keyspace that exists: %v", err)
	}
	run(t, s, "INSERT INTO k.readings (sensor, n, value) VALUES ('still', 1, 1)")
}

func TestGocqlReconnects(t *testing.T) {
	t.Parallel()
	server := Start(t, dataDir(t))
	s := session(t, server, func(c *gocql.ClusterConfig) {
		c.ReconnectInterval = 50 * time.Millisecond
		c.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 100, Interval: 50 * time.Millisecond}
	})
	run(t, s, createKeyspace, createReadings)
	fill(t, s, "kept", 100)
	server.Restart()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	tries := 0
	for ; ; tries++ {
		// The statement is still prepared in gocql, and unknown to the new process only if it has forgotten it.
		err := s.Query("INSERT INTO k.readings (sensor, n, value) VALUES (?, ?, ?)", "kept", 100, 1.0).Exec()
		if err == nil {
			break
		}
		if codeOf(err) != -1 {
			t.Fatalf("the server answered %v", err)
		}
		<-again.C
	}
	var count int64
	if err := s.Query("SELECT count(*) FROM k.readings WHERE sensor = 'kept'").Scan(&count); err != nil || count != 101 {
		t.Fatalf("%d rows after the restart, %v", count, err)
	}
	t.Logf("reconnected at try %d", tries+1)
}
