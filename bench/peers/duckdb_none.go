//go:build !cgo

package main

import (
	"context"
	"errors"

	"github.com/eskerdb/esker/bench"
)

// openDuckDB says why there is no DuckDB.
func openDuckDB(context.Context, *config, *bench.Workload, string) (store, error) {
	return nil, errors.New("built without cgo")
}
