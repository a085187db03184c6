package cql

import "strings"

// roles writes the statements about roles, passwords and all: whoever shows the text passes it through Obfuscate.
func (p *printer) roles(stmt Statement) {
	switch s := stmt.(type) {
	case *CreateRole:
		p.create(roleWord(s.User), s.IfNotExists, quoteRole(s.Name.Text, s.User))
		p.roleOptions(&s.Options, s.User)
	case *AlterRole:
		p.change("ALTER "+roleWord(s.User), s.IfExists, quoteRole(s.Name.Text, s.User))
		p.roleOptions(&s.Options, s.User)
	case *DropRole:
		p.change("DROP "+roleWord(s.User), s.IfExists, quoteRole(s.Name.Text, s.User))
	case *GrantRole:
		p.words(grantWord(s.Revoke), quoteGranted(s.Role.Text), toWord(s.Revoke), quoteRole(s.To.Text, false))
	case *GrantPermission:
		p.words(grantWord(s.Revoke), permissionsText(s.Permissions), " ON ", s.On.String(), toWord(s.Revoke), quoteRole(s.To.Text, false))
	case *ListRoles:
		p.words("LIST ", roleWord(s.Users), "S")
		p.of(s.Of, s.NoRecursive)
	case *ListPermissions:
		p.words("LIST ", permissionsText(s.Permissions))
		if s.On != nil {
			p.words(" ON ", s.On.String())
		}
		p.of(s.Of, s.NoRecursive)
	}
}

func roleWord(user bool) string {
	if user {
		return "USER"
	}
	return "ROLE"
}

func grantWord(revoke bool) string {
	if revoke {
		return "REVOKE "
	}
	return "GRANT "
}

func toWord(revoke bool) string {
	if revoke {
		return " FROM "
	}
	return " TO "
}

// quoteRole writes the name of a role. Names of users keep their case without quotes, so they are written as strings.
func quoteRole(name string, user bool) string {
	if user || name == "" {
		return QuoteString(name)
	}
	return QuoteIdentifier(name)
}

// quoteGranted writes the name of a role where a permission may stand as well.
func quoteGranted(name string) string {
	return quoteAlso(name, "unmask", "select_masked", "all")
}

func permissionsText(words []string) string {
	if words == nil {
		return "ALL PERMISSIONS"
	}
	return strings.Join(words, ", ")
}

// String writes the resource as it stands after ON.
func (r *RoleResource) String() string {
	switch r.Kind {
	case ResourceAllKeyspaces:
		return "ALL KEYSPACES"
	case ResourceKeyspace:
		return "KEYSPACE " + QuoteIdentifier(r.Name.Name)
	case ResourceAllTables:
		return "ALL TABLES IN KEYSPACE " + QuoteIdentifier(r.Name.Name)
	case ResourceAllRoles:
		return "ALL ROLES"
	case ResourceRole:
		return "ROLE " + quoteRole(r.Name.Name, false)
	case ResourceFunction:
		return "ALL FUNCTIONS"
	case ResourceMBean:
		return "ALL MBEANS"
	}
	return "TABLE " + r.Name.String()
}

func (p *printer) of(role *Name, noRecursive bool) {
	if role != nil {
		p.words(" OF ", quoteRole(role.Text, false))
	}
	p.when(noRecursive, " NORECURSIVE")
}

func (p *printer) roleOptions(o *RoleOptions, user bool) {
	if user {
		p.userOptions(o)
		return
	}
	word := " WITH "
	option := func(texts ...string) {
		p.words(word)
		p.words(texts...)
		word = " AND "
	}
	if o.Password != nil {
		option(passwordText(o.Password, " = "))
	}
	if o.Login != nil {
		option("LOGIN = ", booleanText(*o.Login))
	}
	if o.Superuser != nil {
		option("SUPERUSER = ", booleanText(*o.Superuser))
	}
	if o.Options != nil {
		option("OPTIONS = ", FormatTerm(o.Options))
	}
	if d := o.Datacenters; d != nil {
		option("ACCESS TO ", accessText(d.All, "DATACENTERS", d.Names))
	}
	if c := o.Cidrs; c != nil {
		option("ACCESS FROM ", accessText(c.All, "CIDRS", c.Groups))
	}
}

// userOptions writes what follows the name in the older form.
func (p *printer) userOptions(o *RoleOptions) {
	if o.Password != nil {
		p.words(" WITH ", passwordText(o.Password, " "))
	}
	if o.Superuser != nil {
		p.when(*o.Superuser, " SUPERUSER")
		p.when(!*o.Superuser, " NOSUPERUSER")
	}
}

func passwordText(s *Password, sign string) string {
	switch s.Kind {
	case PasswordHashed:
		return "HASHED PASSWORD" + sign + QuoteString(s.Text)
	case PasswordGenerated:
		return "GENERATED PASSWORD"
	}
	return "PASSWORD" + sign + QuoteString(s.Text)
}

func booleanText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func accessText(all bool, what string, names []string) string {
	if all {
		return "ALL " + what
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = QuoteString(n)
	}
	return what + " {" + strings.Join(quoted, ", ") + "}"
}
