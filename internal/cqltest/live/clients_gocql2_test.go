package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/apache/cassandra-gocql-driver/v2/lz4"
	"github.com/apache/cassandra-gocql-driver/v2/snappy"
)

// gocql2 is github.com/apache/cassandra-gocql-driver/v2.
type gocql2 struct{}

func (gocql2) unset() any                       { return gocql.UnsetValue }
func (gocql2) named(name string, value any) any { return gocql.NamedValue(name, value) }
func (gocql2) duration(months, days int32, nanoseconds int64) any {
	return gocql.Duration{Months: months, Days: days, Nanoseconds: nanoseconds}
}

func (gocql2) code(err error) int {
	var e gocql.RequestError
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func (gocql2) exists(err error) (keyspace, table string, ok bool) {
	var e *gocql.RequestErrAlreadyExists
	if !errors.As(err, &e) {
		return "", "", false
	}
	return e.Keyspace, e.Table, true
}

func (gocql2) open(o goOptions) (goSession, error) {
	cluster := gocql.NewCluster(o.addr)
	cluster.ProtoVersion = o.version
	cluster.Dialer = watching{o.spoken}
	cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute // the machine may be busy
	cluster.ReconnectInterval = 50 * time.Millisecond
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 100, Interval: 50 * time.Millisecond}
	switch o.compression {
	case "lz4":
		cluster.Compressor = lz4.LZ4Compressor{}
	case "snappy":
		cluster.Compressor = snappy.SnappyCompressor{}
	}
	if o.byToken {
		cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	}
	if o.ca != "" {
		cluster.SslOpts = &gocql.SslOptions{CaPath: o.ca, EnableHostVerification: true}
	}
	if o.user != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: o.user, Password: o.password}
	}
	s, err := cluster.CreateSession()
	if err != nil {
		return nil, err
	}
	return gocql2Session{s}, nil
}

type gocql2Session struct{ *gocql.Session }

func (s gocql2Session) close() { s.Session.Close() }

func (s gocql2Session) exec(text string, values ...any) error { return s.Query(text, values...).Exec() }

func (s gocql2Session) scan(text string, values []any, dest ...any) error {
	return s.Query(text, values...).Scan(dest...)
}

func (s gocql2Session) page(text string, values []any, size int, state []byte, each func(scan func(...any) bool)) ([]byte, error) {
	iter := s.Query(text, values...).PageSize(size).PageState(state).Iter()
	next := iter.PageState()
	each(iter.Scan)
	return next, iter.Close()
}

func (s gocql2Session) batch(logged bool, entries []goEntry) error {
	kind := gocql.UnloggedBatch
	if logged {
		kind = gocql.LoggedBatch
	}
	b := s.Batch(kind)
	for _, e := range entries {
		b.Query(e.text, e.values...)
	}
	return b.Exec()
}

func (s gocql2Session) cas(text string, values ...any) (bool, map[string]any, error) {
	was := map[string]any{}
	applied, err := s.Query(text, values...).MapScanCAS(was)
	return applied, was, err
}

func (s gocql2Session) columns(keyspace, table string) (map[string]string, error) {
	meta, err := s.KeyspaceMetadata(keyspace)
	if err != nil || meta.Tables[table] == nil {
		return nil, err
	}
	out := map[string]string{}
	for name, c := range meta.Tables[table].Columns {
		out[name] = c.Kind.String() + " " + c.Validator
		if c.Kind == gocql.ColumnClusteringKey {
			out[name] += " " + c.ClusteringOrder
		}
	}
	for i, c := range meta.Tables[table].PartitionKey {
		if c.ComponentIndex != i {
			return nil, fmt.Errorf("column %s of the partition key is at %d, not %d", c.Name, c.ComponentIndex, i)
		}
	}
	return out, nil
}

func (s gocql2Session) routing(text string, indexes []int, _ string, _ ...any) error {
	meta, err := s.StatementMetadata(context.Background(), text, "k")
	if err == nil && !slices.Equal(meta.PKBindColumnIndexes, indexes) {
		err = fmt.Errorf("markers %v of the partition key, want %v", meta.PKBindColumnIndexes, indexes)
	}
	return err
}
