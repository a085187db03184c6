//go:build !cgo

package main

import (
	"context"
	"fmt"

	"github.com/eskerdb/esker/bench"
)

// openDuckDB says why there is no DuckDB.
func openDuckDB(context.Context, *config, *bench.Workload, string) (store, error) {
	return nil, fmt.Errorf("built without cgo: %w", errMissing)
}
