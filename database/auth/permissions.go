package auth

import (
	"math/bits"
	"strings"
)

// Permissions is a set of them.
type Permissions uint16

// The permissions. They are stored by their names.
const (
	Create       Permissions = 1 << 0
	Alter        Permissions = 1 << 1
	Drop         Permissions = 1 << 2
	Select       Permissions = 1 << 3
	Modify       Permissions = 1 << 4
	Authorize    Permissions = 1 << 5
	Describe     Permissions = 1 << 6
	Execute      Permissions = 1 << 7
	Unmask       Permissions = 1 << 8
	SelectMasked Permissions = 1 << 9
)

// permissionNames are in the order of the bits, which is Cassandra's.
var permissionNames = []string{"CREATE", "ALTER", "DROP", "SELECT", "MODIFY", "AUTHORIZE", "DESCRIBE", "EXECUTE", "UNMASK", "SELECT_MASKED"}

// All is every permission.
const All = SelectMasked<<1 - 1

// ParsePermission finds a permission by its name in upper case; 0: there is none.
func ParsePermission(name string) Permissions {
	for i, n := range permissionNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// Names are the permissions of the set, in order.
func (p Permissions) Names() []string {
	out := make([]string, 0, bits.OnesCount16(uint16(p)))
	for i, name := range permissionNames {
		if p&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// Each are the sets of one permission that make up the set, in order.
func (p Permissions) Each() []Permissions {
	var out []Permissions
	for ; p != 0; p &= p - 1 {
		out = append(out, p&-p)
	}
	return out
}

// String lists the set.
func (p Permissions) String() string { return strings.Join(p.Names(), ", ") }
