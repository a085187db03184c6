package planner

import (
	"slices"
	"strings"

	"github.com/eskerdb/esker/cql"
	"github.com/eskerdb/esker/cql/types"
	"github.com/eskerdb/esker/schema"
)

const (
	// fieldsMax is how many fields a user type may have.
	fieldsMax = 1024
	// typePartsMax and typeDepthMax bound what a type is made of, user types counted with all that is in them: a few short
	// statements could make one that is larger than any memory.
	typePartsMax = 10_000
	typeDepthMax = 30
)

// checkParts refuses a type that is made of too much.
func checkParts(of *types.Type) error {
	switch {
	case of.Depth() > typeDepthMax:
		return invalidf("type %s nests deeper than %d, user types counted with what is in them", of, typeDepthMax)
	case of.Parts() > typePartsMax:
		return invalidf("type %s is made of more than %d types, user types counted with what is in them", of, typePartsMax)
	}
	return nil
}

func (c *compiler) createType(stmt *cql.CreateType) (*Alter, error) {
	keyspace, err := c.writableKeyspace(stmt.Name)
	if err != nil {
		return nil, err
	}
	name := stmt.Name.Name
	if c.schema.Keyspaces[keyspace].Types[name] != nil {
		if stmt.IfNotExists {
			return &Alter{Keyspace: keyspace, Name: name}, nil
		}
		return nil, invalidf("A user type with name '%s' already exists", name)
	}
	if len(stmt.Fields) > fieldsMax {
		return nil, invalidf("type %s.%s has %d fields; the most is %d", keyspace, name, len(stmt.Fields), fieldsMax)
	}
	var names []string
	for _, f := range stmt.Fields {
		if slices.Contains(names, f.Name.Text) {
			return nil, invalidf("Duplicate field name '%s' in type '%s'", f.Name.Text, name)
		}
		names = append(names, f.Name.Text)
	}
	var elems []*types.Type
	parts := 1
	for _, f := range stmt.Fields {
		of, err := c.fieldType(keyspace, f)
		if err != nil {
			return nil, err
		}
		if parts += of.Parts(); parts > typePartsMax {
			return nil, invalidf("type %s.%s is made of more than %d types, user types counted with what is in them", keyspace, name, typePartsMax)
		}
		elems = append(elems, of)
	}
	u := types.UDTOf(keyspace, name, names, elems)
	if err := checkParts(u); err != nil {
		return nil, err
	}
	next := c.schema.WithType(u)
	return &Alter{Next: next, Change: changeCreated, Target: targetType, Keyspace: keyspace, Name: name}, nil
}

// fieldType is the type of a field of a user type. User types in it are frozen.
func (c *compiler) fieldType(keyspace string, f cql.FieldDefinition) (*types.Type, error) {
	switch builtIn := !f.Type.Custom && f.Type.Keyspace == "" && types.BuiltIn(f.Type.Name); {
	case builtIn && f.Type.Name == "counter":
		return nil, invalidf("A user type cannot contain counters")
	case !builtIn && !f.Type.Custom:
		return nil, invalidf("A user type cannot contain non-frozen UDTs")
	}
	of, err := c.dataType(keyspace, f.Type)
	if err != nil {
		return nil, err
	}
	if err := of.Check(); err != nil {
		return nil, invalidf("%v", err)
	}
	return of, checkParts(of)
}

// userType finds the type that ALTER and DROP name; nil: there is none.
func (c *compiler) userType(name cql.QualifiedName) (keyspace string, u *types.Type, err error) {
	keyspace = name.Keyspace
	if keyspace == "" {
		keyspace = c.keyspace
	}
	if keyspace == "" {
		_, err = c.keyspaceOf(name)
		return "", nil, err
	}
	if k := c.schema.Keyspaces[keyspace]; k != nil {
		if k.System() {
			return keyspace, nil, invalidf("keyspace %s is the server's own: its types cannot be changed", keyspace)
		}
		u = k.Types[name.Name]
	}
	return keyspace, u, nil
}

func (c *compiler) alterType(stmt *cql.AlterType) (*Alter, error) {
	keyspace, u, err := c.userType(stmt.Name)
	if err != nil {
		return nil, err
	}
	name := stmt.Name.Name
	if u == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: keyspace, Name: name}, nil
		}
		return nil, invalidf("Type %s.%s doesn't exist", keyspace, name)
	}
	next := u
	switch action := stmt.Action.(type) {
	case *cql.AddField:
		next, err = c.addField(u, action)
	case *cql.RenameFields:
		next, err = renameFields(u, action)
	default:
		err = invalidf("Altering field types is no longer supported")
	}
	if err != nil {
		return nil, err
	}
	if next == u {
		return &Alter{Keyspace: keyspace, Name: name}, nil
	}
	return &Alter{Next: c.schema.WithType(next), Change: changeUpdated, Target: targetType, Keyspace: keyspace, Name: name}, nil
}

// addField returns the type with another field behind its fields. In a partition key that would be another hash for the values that are there;
// the keys of indexes are without the nulls that they end with.
func (c *compiler) addField(u *types.Type, action *cql.AddField) (*types.Type, error) {
	keyspace, name := u.UDTName()
	field := action.Field.Name.Text
	if at, _ := u.Field(field); at >= 0 {
		if action.IfNotExists {
			return u, nil
		}
		return nil, invalidf("Cannot add field %s to type %s.%s: a field with name %s already exists", field, keyspace, name, field)
	}
	of, err := c.fieldType(keyspace, action.Field)
	if err != nil {
		return nil, err
	}
	written := qualifiedType(keyspace, action.Field.Type).String()
	if of.UsesUserType(keyspace, name) {
		return nil, invalidf("Cannot add new field %s of type %s to user type %s.%s as it would create a circular reference", field, written, keyspace, name)
	}
	var keyed []string
	for _, t := range c.schema.Keyspaces[keyspace].SortedTables() {
		if t.Kind != schema.Index && t.Uses(name, schema.PartitionKey) {
			keyed = append(keyed, t.QualifiedName())
		}
	}
	if len(keyed) > 0 {
		return nil, invalidf("Cannot add new field %s of type %s to user type %s.%s as the type is being used in partition key by the following tables: %s",
			field, written, keyspace, name, strings.Join(keyed, ", "))
	}
	if len(u.Fields()) == fieldsMax {
		return nil, invalidf("type %s.%s has %d fields already, the most there may be", keyspace, name, fieldsMax)
	}
	if err := c.checkGrowth(u, of); err != nil {
		return nil, err
	}
	return types.UDTOf(keyspace, name, append(slices.Clone(u.Fields()), field), append(slices.Clone(u.Elems()), of)), nil
}

// checkGrowth refuses a field of a type for which what the user type is used in would be made of too much.
func (c *compiler) checkGrowth(u, field *types.Type) error {
	keyspace, name := u.UDTName()
	k := c.schema.Keyspaces[keyspace]
	check := func(of *types.Type, where string) error {
		if n := of.CountUserType(keyspace, name); n > 0 && (of.Parts()+n*field.Parts() > typePartsMax || of.Depth()+field.Depth() > typeDepthMax) {
			return invalidf("%s would be made of more than %d types, or nest deeper than %d, user types counted with what is in them", where, typePartsMax, typeDepthMax)
		}
		return nil
	}
	for _, other := range k.SortedTypes() {
		if err := check(other, "type "+other.QualifiedName()); err != nil {
			return err
		}
	}
	for _, t := range k.SortedTables() {
		for _, col := range t.Columns() {
			if err := check(col.Type, "column "+col.Name+" of table "+t.QualifiedName()); err != nil {
				return err
			}
		}
	}
	return nil
}

func renameFields(u *types.Type, action *cql.RenameFields) (*types.Type, error) {
	keyspace, name := u.UDTName()
	fields := slices.Clone(u.Fields())
	for _, r := range action.Renames {
		at, _ := u.Field(r.From.Text)
		if at < 0 {
			if action.IfExists {
				continue
			}
			return nil, invalidf("Unkown field %s in user type %s.%s", r.From.Text, keyspace, name) // Cassandra's spelling
		}
		fields[at] = r.To.Text
	}
	for i, f := range fields {
		if slices.Contains(fields[:i], f) {
			return nil, invalidf("Duplicate field name %s in type %s.%s", f, keyspace, name)
		}
	}
	return types.UDTOf(keyspace, name, fields, u.Elems()), nil
}

func (c *compiler) dropType(stmt *cql.DropType) (*Alter, error) {
	keyspace, u, err := c.userType(stmt.Name)
	if err != nil {
		return nil, err
	}
	name := stmt.Name.Name
	if u == nil {
		if stmt.IfExists {
			return &Alter{Keyspace: keyspace, Name: name}, nil
		}
		return nil, invalidf("Type '%s.%s' doesn't exist", keyspace, name)
	}
	k := c.schema.Keyspaces[keyspace]
	if users := k.TypesUsing(name); len(users) > 0 {
		return nil, invalidf("Cannot drop user type '%s.%s' as it is still used by user types %s", keyspace, name, strings.Join(users, ", "))
	}
	var users []string
	for _, t := range k.SortedTables() {
		if t.Copy == nil && t.Uses(name) { // copies have what their base has
			users = append(users, t.Name)
		}
	}
	if len(users) > 0 {
		return nil, invalidf("Cannot drop user type '%s.%s' as it is still used by tables %s", keyspace, name, strings.Join(users, ", "))
	}
	return &Alter{Next: c.schema.WithoutType(keyspace, name), Change: changeDropped, Target: targetType, Keyspace: keyspace, Name: name}, nil
}

// dataType resolves a written type in a keyspace, whose user types it may name.
func (c *compiler) dataType(keyspace string, d cql.DataType) (*types.Type, error) {
	composed := len(d.Args) > 0
	switch {
	case d.Custom:
		return nil, invalidf("type '%s': custom Java types are not supported; use a CQL type", d.Name)
	case d.Keyspace != "" || !composed && !types.BuiltIn(d.Name):
		return c.namedType(keyspace, d)
	case d.Name == "vector":
		return nil, invalidf("type %s: vectors are not supported by this build; use frozen<list<float>>", d.String())
	}
	var args []*types.Type
	for _, a := range d.Args {
		of, err := c.dataType(keyspace, a)
		if err != nil {
			return nil, err
		}
		args = append(args, of)
	}
	t, err := types.Build(d.Name, args)
	if err != nil {
		return nil, invalidf("%v", err)
	}
	return t, nil
}

// namedType finds a user type.
func (c *compiler) namedType(keyspace string, d cql.DataType) (*types.Type, error) {
	if d.Keyspace != "" && d.Keyspace != keyspace {
		return nil, invalidf("Statement on keyspace %s cannot refer to a user type in keyspace %s; user types can only be used in the keyspace they are defined in", keyspace, d.Keyspace)
	}
	if k := c.schema.Keyspaces[keyspace]; k != nil && k.Types[d.Name] != nil {
		return k.Types[d.Name], nil
	}
	return nil, invalidf("Unknown type %s.%s", keyspace, d.Name)
}

// qualifiedType is a written type in which user types have their keyspace.
func qualifiedType(keyspace string, d cql.DataType) cql.DataType {
	args := make([]cql.DataType, len(d.Args))
	for i, a := range d.Args {
		args[i] = qualifiedType(keyspace, a)
	}
	d.Args = args
	if !d.Custom && d.Keyspace == "" && len(args) == 0 && !types.BuiltIn(d.Name) {
		d.Keyspace = keyspace
	}
	return d
}
