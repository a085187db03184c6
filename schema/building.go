package schema

// Live reports whether every row of the table can be found in it: a copy that is being built is not live yet.
func (t *Table) Live() bool { return t.Copy == nil || t.Copy.State == CopyLive }

// WithState returns the copy in another state.
func (t *Table) WithState(state CopyState) *Table {
	out, copied := t.Clone(), *t.Copy
	copied.State = state
	out.Copy = &copied
	return out
}

// BuiltAgain returns the copy as a table that has no rows and no id yet. Whoever installs it gives it another id and
// builds it from its base: what the store held under the old id goes in the same step.
func (t *Table) BuiltAgain() *Table {
	out := t.WithState(CopyBuilding)
	out.ID = [16]byte{}
	return out
}

// buildGraceSec is how long deletions are kept in a copy that is being built: for good. A row that is added later may
// carry an older sequence than they have.
const buildGraceSec = 1 << 40
