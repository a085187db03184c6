//go:build !race

package memtable

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/eskerdb/esker/internal/invariants"
)

// newRegion maps memory that the garbage collector knows nothing of. It is zero.
func newRegion(size int) []byte {
	region, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		// As where the Go heap cannot grow: there is nobody to refuse the write to any more.
		panic(fmt.Sprintf("memtable: no memory for %d bytes: %v", size, err))
	}
	if size >= hugeBytes {
		// A row of many partitions in turn touches a page a column: with small pages most of that is looking
		// up where they are. The advice may be refused, and changes nothing but speed.
		_ = unix.Madvise(region, unix.MADV_HUGEPAGE)
	}
	return region
}

// hugeBytes is how large a huge page is, on the machines we know.
const hugeBytes = 2 << 20

// freeRegion gives memory back. With -tags invariants it stays mapped and cannot be touched, so that
// whoever reads what was freed is found out.
func freeRegion(region []byte) {
	var err error
	if invariants.Enabled {
		if err = unix.Madvise(region, unix.MADV_DONTNEED); err == nil {
			err = unix.Mprotect(region, unix.PROT_NONE)
		}
	} else {
		err = unix.Munmap(region)
	}
	invariants.Check(err == nil, "memtable: freeing %d bytes: %v", len(region), err)
}
