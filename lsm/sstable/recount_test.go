package sstable

import (
	"math"
	"strings"
	"testing"

	"github.com/eskerdb/esker/mutation"
)

func TestRecount(t *testing.T) {
	row := mutation.Row{
		Sequence: 7, Live: mutation.Liveness{Timestamp: 10, ExpiresAt: mutation.Forever}, Deletion: mutation.Deletion{MarkedAt: 5, LocalSec: 20},
		Cells: []mutation.Cell{{Column: 1, Timestamp: 12, ExpiresAt: 30, TTL: 5}},
	}
	c := NewRecount(mutation.ByTimestamp)
	c.Row(&row)
	c.Side(&mutation.Side{Deletion: mutation.Deletion{MarkedAt: 4, LocalSec: 21}})
	whole := c.seen
	if what := c.Outside(&whole); what != "" {
		t.Errorf("inside of itself: %s", what)
	}
	for want, change := range map[string]func(*Info){
		"write timestamps": func(i *Info) { i.MinTimestamp = 5 }, "deletions' seconds": func(i *Info) { i.MaxLocalDeletion = 20 },
		"ends from": func(i *Info) { i.MaxExpiresAt = 30 }, "ends of rows": func(i *Info) { i.MaxAliveUntil = 30 },
		"sequences": func(i *Info) { i.MaxSequence = 6 }, "cells": func(i *Info) { i.Cells = 0 },
		"partition deletions": func(i *Info) { i.HasPartitionDeletions = false }, "row deletions": func(i *Info) { i.HasRowDeletions = false },
		"expiring": func(i *Info) { i.HasExpiring = false },
	} {
		i := whole
		change(&i)
		if what := c.Outside(&i); !strings.Contains(what, want) {
			t.Errorf("%s: %q", want, what)
		}
	}
	wide := whole
	wide.MinTimestamp, wide.HasCellTombstones, wide.Cells = math.MinInt64, true, 100
	if what := c.Outside(&wide); what != "" {
		t.Errorf("a file may say more: %s", what)
	}
}
