package cql

// CreateRole is `CREATE ROLE name WITH …`, or the older `CREATE USER name WITH PASSWORD '…' SUPERUSER`.
type CreateRole struct {
	Pos
	Name        Name
	IfNotExists bool
	User        bool // the older form: the role may log in
	Options     RoleOptions
}

// AlterRole is ALTER ROLE, or the older ALTER USER.
type AlterRole struct {
	Pos
	Name     Name
	IfExists bool
	User     bool // the older form
	Options  RoleOptions
}

// DropRole is DROP ROLE, or the older DROP USER.
type DropRole struct {
	Pos
	Name     Name
	IfExists bool
	User     bool // the older form
}

// RoleOptions are what stands after WITH. What the text does not say is zero.
type RoleOptions struct {
	Password    *Password
	Login       *bool
	Superuser   *bool
	Options     *MapLiteral       // OPTIONS = {…}
	Datacenters *DatacenterAccess // ACCESS TO
	Cidrs       *CidrAccess       // ACCESS FROM
}

// PasswordKind says how a password is given.
type PasswordKind uint8

// The kinds of passwords.
const (
	PasswordPlain     PasswordKind = 1 // PASSWORD = '…'
	PasswordHashed    PasswordKind = 2 // HASHED PASSWORD = '…'
	PasswordGenerated PasswordKind = 3 // GENERATED PASSWORD
)

// Password is the password of a role, or its hash.
type Password struct {
	Kind PasswordKind
	Text string // empty for PasswordGenerated
}

// DatacenterAccess is ACCESS TO ALL DATACENTERS, or TO DATACENTERS {'dc1', …}.
type DatacenterAccess struct {
	All   bool
	Names []string // never empty unless All
}

// CidrAccess is ACCESS FROM ALL CIDRS, or FROM CIDRS {'group', …}.
type CidrAccess struct {
	All    bool
	Groups []string // never empty unless All
}

// GrantRole is `GRANT role TO role`, or `REVOKE role FROM role`.
type GrantRole struct {
	Pos
	Revoke bool
	Role   Name // that is granted
	To     Name
}

// GrantPermission is `GRANT permissions ON resource TO role`, or `REVOKE … FROM role`.
type GrantPermission struct {
	Pos
	Revoke      bool
	Permissions []string // in upper case; nil: ALL
	On          RoleResource
	To          Name
}

// ResourceKind says what permissions are granted on.
type ResourceKind uint8

// The kinds of resources.
const (
	ResourceAllKeyspaces ResourceKind = 1
	ResourceKeyspace     ResourceKind = 2
	ResourceAllTables    ResourceKind = 3 // ALL TABLES IN KEYSPACE
	ResourceTable        ResourceKind = 4
	ResourceAllRoles     ResourceKind = 5
	ResourceRole         ResourceKind = 6
	ResourceFunction     ResourceKind = 7 // functions, in any of their forms: what follows the word is not kept
	ResourceMBean        ResourceKind = 8 // MBeans, in any of their forms: what follows the word is not kept
)

// RoleResource is what permissions are granted on.
type RoleResource struct {
	Pos
	Kind ResourceKind
	Name QualifiedName // of ResourceTable; Name.Name alone of ResourceKeyspace, ResourceAllTables and ResourceRole
}

// ListRoles is `LIST ROLES [OF role] [NORECURSIVE]`, or LIST USERS.
type ListRoles struct {
	Pos
	Users       bool
	Of          *Name // nil: all
	NoRecursive bool
}

// ListPermissions is `LIST permissions [ON resource] [OF role] [NORECURSIVE]`.
type ListPermissions struct {
	Pos
	Permissions []string      // in upper case; nil: ALL
	On          *RoleResource // nil: on anything
	Of          *Name         // nil: of anybody
	NoRecursive bool
}

func (*CreateRole) statement()      {}
func (*AlterRole) statement()       {}
func (*DropRole) statement()        {}
func (*GrantRole) statement()       {}
func (*GrantPermission) statement() {}
func (*ListRoles) statement()       {}
func (*ListPermissions) statement() {}
