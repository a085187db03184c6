package main

import (
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/internal/memory"
	"github.com/eskerdb/esker/lsm"
)

// What "auto" is of --memory: a quarter of the machine's, within these bounds.
const (
	memoryDefaultMin = 128 << 20
	memoryDefaultMax = 2 << 30
)

// defaultMemory is a quarter of the machine's, within the bounds.
func defaultMemory() int64 { return min(max(machineMemory()/4, memoryDefaultMin), memoryDefaultMax) }

// parseMemory reads a size like 256MiB; empty and "auto" are the default.
func parseMemory(s string) (int64, error) {
	if s == "" {
		return defaultMemory(), nil
	}
	n, err := settings.ParseMemory(s)
	if err != nil {
		return 0, fmt.Errorf("--memory %s: %w", s, err)
	}
	if n == 0 {
		n = defaultMemory()
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
