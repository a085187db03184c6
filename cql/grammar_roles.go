package cql

import (
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

type createRoleGrammar struct {
	Pos    lexer.Position
	User   bool            `parser:"'CREATE' ( 'ROLE' | @'USER' )"`
	Absent bool            `parser:"( 'IF' 'NOT' @'EXISTS' )?"`
	Name   roleName        `parser:"@@"`
	With   roleOptionsNode `parser:"@@"`
}

type alterRoleGrammar struct {
	Pos    lexer.Position
	User   bool            `parser:"'ALTER' ( 'ROLE' | @'USER' )"`
	Exists bool            `parser:"( 'IF' @'EXISTS' )?"`
	Name   roleName        `parser:"@@"`
	With   roleOptionsNode `parser:"@@"`
}

type dropRoleGrammar struct {
	Pos    lexer.Position
	User   bool     `parser:"'DROP' ( 'ROLE' | @'USER' )"`
	Exists bool     `parser:"( 'IF' @'EXISTS' )?"`
	Name   roleName `parser:"@@"`
}

type grantGrammar struct {
	Pos    lexer.Position
	Revoke bool      `parser:"( 'GRANT' | @'REVOKE' )"`
	What   grantNode `parser:"@@"`
}

type listGrammar struct {
	Pos  lexer.Position
	What listNode `parser:"'LIST' @@"`
}

// roleName is the name of a role, which may be a string.
type roleName struct {
	Name
	quoted bool // in double quotes
}

func (n *roleName) Parse(lex *lexer.PeekingLexer) (err error) {
	t := lex.Peek()
	if t.Type == tokenString {
		n.Name = Name{Pos: position(t.Pos), Text: stringText(lex.Next())}
		return nil
	}
	n.quoted = t.Type == tokenQuoted
	n.Name, err = readName(lex)
	return err
}

// roleOptionsNode is what follows the name of a role, if anything does.
type roleOptionsNode struct {
	RoleOptions
	older, newer bool // it has what CREATE USER alone takes, what CREATE ROLE alone takes
}

func (n *roleOptionsNode) Parse(lex *lexer.PeekingLexer) error {
	if !accept(lex, "WITH") {
		return n.status(lex)
	}
	if next := second(lex); lex.Peek().Value == "PASSWORD" && next.Value != "=" || lex.Peek().Value == "HASHED" && thirdIsString(lex) {
		n.older = true
		if err := n.password(lex, false); err != nil {
			return err
		}
		return n.status(lex)
	}
	seen := map[string]bool{}
	for {
		if err := n.option(lex, seen); err != nil {
			return err
		}
		if !accept(lex, "AND") {
			return n.status(lex)
		}
	}
}

// thirdIsString tells the older HASHED PASSWORD '…' from HASHED PASSWORD = '…'.
func thirdIsString(lex *lexer.PeekingLexer) bool {
	mark := lex.MakeCheckpoint()
	defer lex.LoadCheckpoint(mark)
	lex.Next()
	lex.Next()
	return lex.Peek().Type == tokenString
}

// status reads the SUPERUSER or NOSUPERUSER of the older form.
func (n *roleOptionsNode) status(lex *lexer.PeekingLexer) error {
	yes := accept(lex, "SUPERUSER")
	if yes || accept(lex, "NOSUPERUSER") {
		n.Superuser, n.older = &yes, true
	}
	return nil
}

func (n *roleOptionsNode) option(lex *lexer.PeekingLexer, seen map[string]bool) (err error) {
	t := *lex.Peek()
	what := t.Value
	n.newer = n.newer || what != "GENERATED"
	switch what {
	case "PASSWORD", "HASHED", "GENERATED":
		if n.Password != nil && !seen[what] {
			return participle.Errorf(t.Pos, "Options 'password', 'hashed password' and 'generated password' are mutually exclusive")
		}
		err = n.password(lex, true)
	case "LOGIN":
		n.Login, err = assignedBoolean(lex)
	case "SUPERUSER":
		n.Superuser, err = assignedBoolean(lex)
	case "OPTIONS":
		err = n.options(lex)
	case "ACCESS":
		lex.Next()
		if what = "ACCESS TO"; lex.Peek().Value == "FROM" {
			what = "ACCESS FROM"
		}
		err = n.access(lex)
	default:
		return mismatch(&t, "PASSWORD, HASHED PASSWORD, GENERATED PASSWORD, LOGIN, SUPERUSER, OPTIONS or ACCESS")
	}
	if err == nil && seen[what] {
		return participle.Errorf(t.Pos, "Multiple definition for property '%s'", what)
	}
	seen[what] = true
	return err
}

// password reads one of the forms of a password; the older form has no sign.
func (n *roleOptionsNode) password(lex *lexer.PeekingLexer, sign bool) error {
	n.Password = &Password{Kind: PasswordPlain}
	switch {
	case accept(lex, "HASHED"):
		n.Password.Kind = PasswordHashed
	case accept(lex, "GENERATED"):
		n.Password.Kind = PasswordGenerated
		return expect(lex, "PASSWORD")
	}
	if err := expect(lex, "PASSWORD"); err != nil {
		return err
	}
	if sign {
		if err := expect(lex, "="); err != nil {
			return err
		}
	}
	if lex.Peek().Type != tokenString {
		// The token is not named: it may be a password that lacks its quotes.
		return participle.Errorf(lex.Peek().Pos, "a password is a string in single quotes")
	}
	n.Password.Text = stringText(lex.Next())
	return nil
}

func assignedBoolean(lex *lexer.PeekingLexer) (*bool, error) {
	lex.Next()
	if err := expect(lex, "="); err != nil {
		return nil, err
	}
	if lex.Peek().Type != tokenBoolean {
		return nil, mismatch(lex.Peek(), "BOOLEAN")
	}
	value := lex.Next().Value == "true"
	return &value, nil
}

func (n *roleOptionsNode) options(lex *lexer.PeekingLexer) error {
	lex.Next()
	if err := expect(lex, "="); err != nil {
		return err
	}
	at := lex.Peek().Pos
	var value optionValue
	if err := value.Parse(lex); err != nil {
		return err
	}
	m, ok := value.Term.(*MapLiteral)
	if !ok {
		return participle.Errorf(at, "OPTIONS is a map of literals")
	}
	n.Options = m
	return nil
}

// access reads what follows ACCESS.
func (n *roleOptionsNode) access(lex *lexer.PeekingLexer) error {
	from := accept(lex, "FROM")
	if !from {
		if err := expect(lex, "TO"); err != nil {
			return err
		}
	}
	what := "DATACENTERS"
	if from {
		what = "CIDRS"
	}
	all := accept(lex, "ALL")
	if err := expect(lex, what); err != nil {
		return err
	}
	var names []string
	if !all {
		var err error
		if names, err = stringsInBraces(lex); err != nil {
			return err
		}
	}
	if from {
		n.Cidrs = &CidrAccess{All: all, Groups: names}
	} else {
		n.Datacenters = &DatacenterAccess{All: all, Names: names}
	}
	return nil
}

func stringsInBraces(lex *lexer.PeekingLexer) (out []string, err error) {
	if err := expect(lex, "{"); err != nil {
		return nil, err
	}
	for {
		if lex.Peek().Type != tokenString {
			return nil, mismatch(lex.Peek(), "a string in single quotes")
		}
		out = append(out, stringText(lex.Next()))
		if !accept(lex, ",") {
			return out, expect(lex, "}")
		}
	}
}

// permissionWords are what may be granted.
var permissionWords = []string{"CREATE", "ALTER", "DROP", "SELECT", "MODIFY", "AUTHORIZE", "DESCRIBE", "EXECUTE", "UNMASK", "SELECT_MASKED"}

// permissionsNode is ALL [PERMISSIONS], or permissions with commas between.
type permissionsNode struct{ words []string }

// beginsPermissions tells permissions from the name of a role.
func beginsPermissions(lex *lexer.PeekingLexer) bool {
	next := second(lex).Value
	if lex.Peek().Value == "ALL" {
		return next != "TO" && next != "FROM"
	}
	return slices.Contains(permissionWords, lex.Peek().Value) && next != "TO" && next != "FROM"
}

func (n *permissionsNode) Parse(lex *lexer.PeekingLexer) error {
	if accept(lex, "ALL") {
		accept(lex, "PERMISSIONS")
		return nil
	}
	for {
		t := lex.Peek()
		if !slices.Contains(permissionWords, t.Value) {
			return mismatch(t, "a permission: ALL, CREATE, ALTER, DROP, SELECT, MODIFY, AUTHORIZE, DESCRIBE, EXECUTE, UNMASK or SELECT_MASKED")
		}
		if !slices.Contains(n.words, t.Value) {
			n.words = append(n.words, t.Value)
		}
		lex.Next()
		accept(lex, "PERMISSION")
		if !accept(lex, ",") {
			return nil
		}
	}
}

// resourceNode is what permissions are granted on.
type resourceNode struct{ RoleResource }

func (n *resourceNode) Parse(lex *lexer.PeekingLexer) error {
	t := *lex.Peek()
	n.Pos = position(t.Pos)
	next := second(lex)
	switch named := isName(&next) || next.Type == tokenString; {
	case t.Value == "ALL" && next.Value != ".":
		lex.Next()
		return n.all(lex)
	case t.Value == "KEYSPACE":
		lex.Next()
		return n.named(lex, ResourceKeyspace)
	case t.Value == "TABLE":
		lex.Next()
	case t.Value == "ROLE" && named:
		lex.Next()
		return n.named(lex, ResourceRole)
	case t.Value == "FUNCTION" && named:
		return n.skip(lex, ResourceFunction)
	case (t.Value == "MBEAN" || t.Value == "MBEANS") && named:
		return n.skip(lex, ResourceMBean)
	}
	n.Kind = ResourceTable
	var q qualified
	if err := q.Parse(lex); err != nil {
		if err == participle.NextMatch {
			return mismatch(lex.Peek(), "name")
		}
		return err
	}
	n.Name = q.QualifiedName
	return nil
}

// all reads what follows ALL.
func (n *resourceNode) all(lex *lexer.PeekingLexer) error {
	switch {
	case accept(lex, "KEYSPACES"):
		n.Kind = ResourceAllKeyspaces
	case accept(lex, "ROLES"):
		n.Kind = ResourceAllRoles
	case accept(lex, "TABLES"):
		if err := expect(lex, "IN"); err != nil {
			return err
		}
		if err := expect(lex, "KEYSPACE"); err != nil {
			return err
		}
		return n.named(lex, ResourceAllTables)
	case lex.Peek().Value == "FUNCTIONS":
		return n.skip(lex, ResourceFunction)
	case lex.Peek().Value == "MBEANS":
		return n.skip(lex, ResourceMBean)
	default:
		return mismatch(lex.Peek(), "KEYSPACES, TABLES or ROLES")
	}
	return nil
}

func (n *resourceNode) named(lex *lexer.PeekingLexer, kind ResourceKind) error {
	var name roleName
	if err := name.Parse(lex); err != nil {
		return err
	}
	n.Kind, n.Name = kind, QualifiedName{Pos: name.Pos, Name: name.Text}
	return nil
}

// skip passes a resource that esker does not have, up to what follows it.
func (n *resourceNode) skip(lex *lexer.PeekingLexer, kind ResourceKind) error {
	n.Kind = kind
	for t := lex.Peek(); t.Type != tokenEnd && !slices.Contains([]string{"TO", "FROM", "OF", "NORECURSIVE", ";"}, t.Value); t = lex.Peek() {
		lex.Next()
	}
	return nil
}

// grantNode is what follows GRANT or REVOKE.
type grantNode struct {
	permissions *permissionsNode // nil: a role is granted
	on          resourceNode
	role, to    roleName
}

func (n *grantNode) Parse(lex *lexer.PeekingLexer) error {
	if beginsPermissions(lex) {
		n.permissions = &permissionsNode{}
		if err := n.permissions.Parse(lex); err != nil {
			return err
		}
		if err := expect(lex, "ON"); err != nil {
			return err
		}
		if err := n.on.Parse(lex); err != nil {
			return err
		}
	} else if err := n.role.Parse(lex); err != nil {
		return err
	}
	if !accept(lex, "TO") {
		if err := expect(lex, "FROM"); err != nil {
			return mismatch(lex.Peek(), "TO or FROM")
		}
	}
	return n.to.Parse(lex)
}

// listNode is what follows LIST.
type listNode struct {
	users, roles bool
	permissions  permissionsNode
	on           *resourceNode
	of           *roleName
	noRecursive  bool
}

func (n *listNode) Parse(lex *lexer.PeekingLexer) error {
	switch {
	case accept(lex, "USERS"):
		n.users = true
		return nil
	case accept(lex, "ROLES"):
		n.roles = true
	default:
		if err := n.permissions.Parse(lex); err != nil {
			return err
		}
		if accept(lex, "ON") {
			n.on = &resourceNode{}
			if err := n.on.Parse(lex); err != nil {
				return err
			}
		}
	}
	if accept(lex, "OF") {
		n.of = &roleName{}
		if err := n.of.Parse(lex); err != nil {
			return err
		}
	}
	n.noRecursive = accept(lex, "NORECURSIVE")
	return nil
}

// named is the name of a role. Of users, the older form, names keep their case and are not written in double quotes, as in Cassandra.
func (b *builder) named(n *roleName, user bool) Name {
	out := n.Name
	if !user {
		return out
	}
	if n.quoted {
		b.fail(out.Pos, "Quoted strings are are not supported for user names and USER is deprecated, please use ROLE")
	} else if text := b.text[out.Offset:]; text[0] != '\'' && text[0] != '$' {
		out.Text = text[:len(out.Text)]
	}
	return out
}

// checkForm refuses what only the newer form has in the older one, and the other way round.
func (b *builder) checkForm(pos lexer.Position, o *roleOptionsNode, user bool) {
	switch {
	case user && o.newer:
		b.fail(position(pos), "CREATE and ALTER USER take WITH PASSWORD '…', SUPERUSER and NOSUPERUSER: use CREATE and ALTER ROLE")
	case !user && o.older:
		b.fail(position(pos), "CREATE and ALTER ROLE take WITH PASSWORD = '…' AND SUPERUSER = true and other options: use those, or CREATE and ALTER USER")
	}
}

func (b *builder) createRole(g *createRoleGrammar) Statement {
	out := &CreateRole{Pos: position(g.Pos), Name: b.named(&g.Name, g.User), IfNotExists: g.Absent, User: g.User, Options: g.With.RoleOptions}
	b.checkForm(g.Pos, &g.With, g.User)
	return out
}

func (b *builder) alterRole(g *alterRoleGrammar) Statement {
	out := &AlterRole{Pos: position(g.Pos), Name: b.named(&g.Name, g.User), IfExists: g.Exists, User: g.User, Options: g.With.RoleOptions}
	b.checkForm(g.Pos, &g.With, g.User)
	return out
}

func (b *builder) dropRole(g *dropRoleGrammar) Statement {
	return &DropRole{Pos: position(g.Pos), Name: b.named(&g.Name, g.User), IfExists: g.Exists, User: g.User}
}

func (b *builder) grant(g *grantGrammar) Statement {
	pos, n := position(g.Pos), &g.What
	if n.permissions == nil {
		return &GrantRole{Pos: pos, Revoke: g.Revoke, Role: n.role.Name, To: n.to.Name}
	}
	return &GrantPermission{Pos: pos, Revoke: g.Revoke, Permissions: n.permissions.words, On: n.on.RoleResource, To: n.to.Name}
}

func (b *builder) list(g *listGrammar) Statement {
	pos, n := position(g.Pos), &g.What
	var of *Name
	if n.of != nil {
		of = &n.of.Name
	}
	if n.users || n.roles {
		return &ListRoles{Pos: pos, Users: n.users, Of: of, NoRecursive: n.noRecursive}
	}
	out := &ListPermissions{Pos: pos, Permissions: n.permissions.words, Of: of, NoRecursive: n.noRecursive}
	if n.on != nil {
		out.On = &n.on.RoleResource
	}
	return out
}
