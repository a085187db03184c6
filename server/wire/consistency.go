package wire

import (
	"fmt"
	"strings"
)

// Consistency is a consistency level.
type Consistency uint16

// Consistency levels.
const (
	Any         Consistency = 0x0000
	One         Consistency = 0x0001
	Two         Consistency = 0x0002
	Three       Consistency = 0x0003
	Quorum      Consistency = 0x0004
	All         Consistency = 0x0005
	LocalQuorum Consistency = 0x0006
	EachQuorum  Consistency = 0x0007
	Serial      Consistency = 0x0008
	LocalSerial Consistency = 0x0009
	LocalOne    Consistency = 0x000A
)

var consistencyNames = [...]string{
	"ANY", "ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "SERIAL", "LOCAL_SERIAL", "LOCAL_ONE",
}

// Valid tells whether the protocol knows the level.
func (c Consistency) Valid() bool { return int(c) < len(consistencyNames) }

// String returns the name as CQL tools write it, such as LOCAL_QUORUM.
func (c Consistency) String() string {
	if c.Valid() {
		return consistencyNames[c]
	}
	return fmt.Sprintf("consistency 0x%04X", uint16(c))
}

// ParseConsistency reads a name in any case.
func ParseConsistency(name string) (Consistency, error) {
	for i, known := range consistencyNames {
		if strings.EqualFold(name, known) {
			return Consistency(i), nil
		}
	}
	return 0, fmt.Errorf("consistency level %q: unknown", name)
}
