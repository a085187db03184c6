//go:build invariants

package invariants

// Enabled says whether costly checks are on: with -tags invariants.
const Enabled = true
