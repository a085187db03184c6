package vfs

import (
	"maps"
	"math/rand/v2"
	"sort"
)

// CrashClone is the tree as it may be found after the power failed now: synced bytes under synced
// names, and of what was not synced each page of data, and each changed name, with the given chance in percent.
func (m *Mem) CrashClone(rng *rand.Rand, unsyncedPercent int) *Mem {
	survives := func() bool { return rng.IntN(100) < unsyncedPercent }
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.freeze()()
	out := NewMem()
	maps.Copy(out.dirs, m.dirs)
	clones := map[*memNode]*memNode{}
	keep := func(p string, n *memNode) {
		c := clones[n]
		if c == nil {
			c = n.crashed(survives)
			clones[n] = c
		}
		out.live[p], out.synced[p] = c, c
	}
	for _, p := range sortedNames(m.synced, m.live) {
		was, is := m.synced[p], m.live[p]
		switch {
		case was == is:
			keep(p, is)
		case survives() && is != nil:
			keep(p, is)
		case was != nil && (is != nil || !survives()):
			keep(p, was)
		}
	}
	return out
}

// freeze keeps all files as they are until thaw is called: the power fails for all of them at one moment, whoever writes
// to them meanwhile. mu is held.
func (m *Mem) freeze() (thaw func()) {
	frozen := map[*memNode]bool{}
	for _, names := range []map[string]*memNode{m.live, m.synced} {
		for _, n := range names {
			if !frozen[n] {
				frozen[n] = true
				n.mu.Lock()
			}
		}
	}
	return func() {
		for n := range frozen {
			n.mu.Unlock()
		}
	}
}

// sortedNames are the names of both maps, so that one seed gives one outcome.
func sortedNames(a, b map[string]*memNode) []string {
	all := map[string]bool{}
	for p := range a {
		all[p] = true
	}
	for p := range b {
		all[p] = true
	}
	out := make([]string, 0, len(all))
	for p := range all {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// crashed is the content after a power failure, page by page old or new. A file that was cut may be
// found uncut; one that grew ends with the last page that survived. mu is held.
func (n *memNode) crashed(survives func() bool) *memNode {
	data := append([]byte(nil), n.synced...)
	for off := 0; off < max(len(n.data), len(n.synced)); off += pageBytes {
		end := min(off+pageBytes, len(n.data))
		if off >= end || string(slice(n.synced, off, end)) == string(n.data[off:end]) || !survives() {
			continue
		}
		if end > len(data) {
			data = append(data, make([]byte, end-len(data))...)
		}
		copy(data[off:end], n.data[off:end])
	}
	if len(n.data) < len(data) && survives() {
		data = data[:len(n.data)]
	}
	return &memNode{data: data, synced: append([]byte(nil), data...)}
}

func slice(b []byte, from, to int) []byte {
	return b[min(from, len(b)):min(to, len(b))]
}
