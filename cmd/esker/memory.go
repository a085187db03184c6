package main

import (
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/lsm"
)

// What --memory is when it is not given: a quarter of the machine's, within these bounds.
const (
	memoryDefaultMin = 128 << 20
	memoryDefaultMax = 2 << 30
)

// memoryUnits are the units that a size may have, longest first.
var memoryUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1000}, {"MB", 1_000_000}, {"GB", 1_000_000_000}, {"B", 1}}

// parseMemory reads a size like 256MiB; empty is a quarter of the machine's.
func parseMemory(s string) (int64, error) {
	if s == "" {
		return min(max(machineMemory()/4, memoryDefaultMin), memoryDefaultMax), nil
	}
	number, unit := s, int64(1)
	for _, u := range memoryUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("--memory %s: want a size such as 256MiB or 2GiB", s)
	}
	if n *= unit; n < memory.TotalMin {
		return 0, fmt.Errorf("--memory %s: the least a server runs with is %d MiB", s, memory.TotalMin>>20)
	}
	return n, nil
}

// machineMemory is what the machine has, or what the control group of the process may take; 0: not known.
func machineMemory() int64 {
	total := int64(0)
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			var kib int64
			if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
				total = kib << 10
			}
		}
	}
	if group, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(group)), 10, 64); err == nil && (total == 0 || n < total) {
			total = n
		}
	}
	return total
}

// memoryUses tells what the process takes now, by use.
func memoryUses(budget *memory.Budget, store *lsm.Store) []memory.Use {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	heap := int64(0)
	if sample[0].Value.Kind() == metrics.KindUint64 {
		heap = int64(sample[0].Value.Uint64())
	}
	st := store.Statistics()
	return budget.Uses(st.MemoryBytes, st.CacheBytes, heap)
}
