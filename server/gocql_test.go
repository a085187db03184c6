package server

import (
	"errors"
	"net"
	"strconv"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// A driver that knows nothing of esker connects by itself, reads the catalogue, prepares, pages and batches.
func TestGocql(t *testing.T) {
	s := startReal(t)
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{3, 4, 5, 0} { // 0: it tries from its highest downwards
		cluster := gocql.NewCluster(host)
		cluster.Port, err = strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		cluster.ProtoVersion = version
		cluster.PageSize = 40
		session, err := cluster.CreateSession()
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		exercise(t, session, "v"+strconv.Itoa(version))
		session.Close()
	}
}

func exercise(t *testing.T, session *gocql.Session, keyspace string) {
	t.Helper()
	table := keyspace + ".t"
	for _, text := range []string{
		"CREATE KEYSPACE " + keyspace + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE " + table + " (k text, c int, v double, PRIMARY KEY (k, c))",
	} {
		if err := session.Query(text).Exec(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	insert := "INSERT INTO " + table + " (k, c, v) VALUES (?, ?, ?)"
	for i := range 50 {
		if err := session.Query(insert, "k", i, float64(i)/2).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	batch := session.Batch(gocql.UnloggedBatch)
	for i := 50; i < 100; i++ {
		batch.Query(insert, "k", i, float64(i)/2)
	}
	if err := batch.Exec(); err != nil {
		t.Fatal(err)
	}
	rows := session.Query("SELECT c, v FROM "+table+" WHERE k = ?", "k").Iter()
	var c int
	var v float64
	n := 0
	for rows.Scan(&c, &v) {
		if c != n || v != float64(n)/2 {
			t.Errorf("row %d is %d, %v", n, c, v)
		}
		n++
	}
	if err := rows.Close(); err != nil || n != 100 {
		t.Errorf("%d rows, %v", n, err)
	}
	err := session.Query("SELECT * FROM " + keyspace + ".nothing").Exec()
	var refused gocql.RequestError
	if !errors.As(err, &refused) || refused.Code() != gocql.ErrCodeInvalid {
		t.Errorf("missing table: %v", err)
	}
}
