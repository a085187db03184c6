package cqltest

import (
	"fmt"
	"os"
	"testing"

	"github.com/eskerdb/esker/internal/cqltest/cassandra"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := cassandra.StopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
