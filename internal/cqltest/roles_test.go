package cqltest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eskerdb/esker/internal/cqltest/cassandra"
	"github.com/eskerdb/esker/lsm"
)

// rolesDir has scripts for a server that asks who its clients are. They begin as the superuser cassandra, and drop what roles they make.
const rolesDir = "../../testdata/roles"

// A database with roles answers the scripts as they say: in process, in weather, and over TCP.
func TestRoleScripts(t *testing.T) {
	for _, s := range loadFrom(t, rolesDir) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			report(t, s, &Run{Target: open(t, Options{Auth: true})})
		})
		t.Run(s.Name+"/weather", func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			})
			e := open(t, Options{Auth: true, Tuning: lsm.Tuning{NoBackground: true}, Seed: seed})
			report(t, s, &Run{Target: e, Rand: rand.New(rand.NewPCG(seed, 2))})
		})
		t.Run(s.Name+"/tcp", func(t *testing.T) {
			t.Parallel()
			served, err := OpenServed(context.Background(), Options{Auth: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := served.Close(); err != nil {
					t.Error(err)
				}
			})
			report(t, s, &Run{Target: served})
		})
	}
}

// A Cassandra with PasswordAuthenticator and CassandraAuthorizer answers them so too.
func TestRoleScriptsOnCassandra(t *testing.T) {
	node := cassandra.ForTest(t, cassandra.Options{
		Authenticator: "PasswordAuthenticator", Authorizer: "CassandraAuthorizer",
		Yaml: "permissions_validity: 0ms\nroles_validity: 0ms\ncredentials_validity: 0ms\n",
	})
	for _, s := range loadFrom(t, rolesDir) {
		t.Run(s.Name, func(t *testing.T) {
			if s.OnlyEsker != "" {
				t.Skipf("only esker: %s", s.OnlyEsker)
			}
			conn := firstLogin(t, node.Addr())
			report(t, s, &Run{Target: conn, Judge: true})
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// firstLogin waits until a fresh node has made its first role, some seconds after it answers.
func firstLogin(t *testing.T, addr string) *Conn {
	t.Helper()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := DialAs(t.Context(), addr, "", firstUser, firstUser)
		if err == nil {
			return conn
		}
		select {
		case <-poll.C:
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}
