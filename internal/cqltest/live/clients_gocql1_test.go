package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"github.com/pierrec/lz4/v4"
)

// gocql1 is github.com/gocql/gocql, the library of before it moved to Apache.
type gocql1 struct{}

func (gocql1) unset() any                       { return gocql.UnsetValue }
func (gocql1) named(name string, value any) any { return gocql.NamedValue(name, value) }
func (gocql1) duration(months, days int32, nanoseconds int64) any {
	return gocql.Duration{Months: months, Days: days, Nanoseconds: nanoseconds}
}

func (gocql1) code(err error) int {
	var e gocql.RequestError
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func (gocql1) exists(err error) (keyspace, table string, ok bool) {
	var e *gocql.RequestErrAlreadyExists
	if !errors.As(err, &e) {
		return "", "", false
	}
	return e.Keyspace, e.Table, true
}

func (gocql1) open(o goOptions) (goSession, error) {
	cluster := gocql.NewCluster(o.addr)
	cluster.ProtoVersion = o.version
	cluster.Dialer = watching{o.spoken}
	cluster.Timeout, cluster.ConnectTimeout = time.Minute, time.Minute // the machine may be busy
	cluster.ReconnectInterval = 50 * time.Millisecond
	cluster.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 100, Interval: 50 * time.Millisecond}
	switch o.compression {
	case "lz4":
		cluster.Compressor = gocql1LZ4{}
	case "snappy":
		cluster.Compressor = gocql.SnappyCompressor{}
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
	return gocql1Session{s}, nil
}

type gocql1Session struct{ *gocql.Session }

func (s gocql1Session) close() { s.Session.Close() }

func (s gocql1Session) exec(text string, values ...any) error { return s.Query(text, values...).Exec() }

func (s gocql1Session) scan(text string, values []any, dest ...any) error {
	return s.Query(text, values...).Scan(dest...)
}

func (s gocql1Session) page(text string, values []any, size int, state []byte, each func(scan func(...any) bool)) ([]byte, error) {
	iter := s.Query(text, values...).PageSize(size).PageState(state).Iter()
	next := iter.PageState()
	each(iter.Scan)
	return next, iter.Close()
}

func (s gocql1Session) batch(logged bool, entries []goEntry) error {
	kind := gocql.UnloggedBatch
	if logged {
		kind = gocql.LoggedBatch
	}
	b := s.NewBatch(kind)
	for _, e := range entries {
		b.Query(e.text, e.values...)
	}
	return s.ExecuteBatch(b)
}

func (s gocql1Session) cas(text string, values ...any) (bool, map[string]any, error) {
	was := map[string]any{}
	applied, err := s.Query(text, values...).MapScanCAS(was)
	return applied, was, err
}

func (s gocql1Session) columns(keyspace, table string) (map[string]string, error) {
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

func (s gocql1Session) routing(text string, _ []int, key string, values ...any) error {
	got, err := s.Query(text, values...).GetRoutingKey()
	if err == nil && string(got) != key {
		err = fmt.Errorf("routing key %q, want %q", got, key)
	}
	return err
}

// gocql1LZ4 is the compressor that is a module of its own beside the library.
type gocql1LZ4 struct{}

func (gocql1LZ4) Name() string { return "lz4" }

func (gocql1LZ4) Encode(data []byte) ([]byte, error) {
	buf := make([]byte, lz4.CompressBlockBound(len(data))+4)
	var c lz4.Compressor
	n, err := c.CompressBlock(data, buf[4:])
	binary.BigEndian.PutUint32(buf, uint32(len(data)))
	return buf[:n+4], err
}

func (gocql1LZ4) Decode(data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("lz4: %d bytes", len(data))
	}
	buf := make([]byte, binary.BigEndian.Uint32(data))
	if len(buf) == 0 {
		return nil, nil
	}
	n, err := lz4.UncompressBlock(data[4:], buf)
	return buf[:n], err
}
