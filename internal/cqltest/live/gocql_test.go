package live

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const createReadings = "CREATE TABLE k.readings (sensor text, n int, value double, PRIMARY KEY (sensor, n))"

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
