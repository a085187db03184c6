package wire

// TypeID is the number of a column type in an [option].
type TypeID uint16

// Column types.
const (
	TypeCustom    TypeID = 0x0000
	TypeASCII     TypeID = 0x0001
	TypeBigint    TypeID = 0x0002
	TypeBlob      TypeID = 0x0003
	TypeBoolean   TypeID = 0x0004
	TypeCounter   TypeID = 0x0005
	TypeDecimal   TypeID = 0x0006
	TypeDouble    TypeID = 0x0007
	TypeFloat     TypeID = 0x0008
	TypeInt       TypeID = 0x0009
	TypeTimestamp TypeID = 0x000B
	TypeUUID      TypeID = 0x000C
	TypeVarchar   TypeID = 0x000D
	TypeVarint    TypeID = 0x000E
	TypeTimeUUID  TypeID = 0x000F
	TypeInet      TypeID = 0x0010
	TypeDate      TypeID = 0x0011
	TypeTime      TypeID = 0x0012
	TypeSmallint  TypeID = 0x0013
	TypeTinyint   TypeID = 0x0014
	TypeDuration  TypeID = 0x0015
	TypeList      TypeID = 0x0020
	TypeMap       TypeID = 0x0021
	TypeSet       TypeID = 0x0022
	TypeUDT       TypeID = 0x0030
	TypeTuple     TypeID = 0x0031
)

// typeDepthMax is how deep types may nest when they are read.
const typeDepthMax = 64

const marshal = "org.apache.cassandra.db.marshal."

// youngTypes came after version 3: to older clients they are custom types with their Java class.
var youngTypes = map[TypeID]struct {
	since byte
	class string
}{
	TypeDate:     {4, marshal + "SimpleDateType"},
	TypeTime:     {4, marshal + "TimeType"},
	TypeSmallint: {4, marshal + "ShortType"},
	TypeTinyint:  {4, marshal + "ByteType"},
	TypeDuration: {5, marshal + "DurationType"},
}

// Type is the type of a column or a bind marker as the protocol describes it.
type Type struct {
	ID     TypeID
	Custom string // TypeCustom: the Java class
	Elems  []Type // list, set: one; map: key and value; tuple: its parts; UDT: its fields' types
	UDT    *UDT   // TypeUDT: its names
}

// UDT names a user-defined type and its fields.
type UDT struct {
	Keyspace string
	Name     string
	Fields   []string // as many as Type.Elems
}

func appendType(dst []byte, version byte, t Type) []byte {
	if young, ok := youngTypes[t.ID]; ok && version < young.since {
		return appendString(appendShort(dst, int(TypeCustom)), young.class)
	}
	dst = appendShort(dst, int(t.ID))
	switch t.ID {
	case TypeCustom:
		return appendString(dst, t.Custom)
	case TypeUDT:
		dst = appendString(appendString(dst, t.UDT.Keyspace), t.UDT.Name)
		dst = appendShort(dst, len(t.Elems))
		for i, elem := range t.Elems {
			dst = appendType(appendString(dst, t.UDT.Fields[i]), version, elem)
		}
		return dst
	case TypeTuple:
		dst = appendShort(dst, len(t.Elems))
	}
	for _, elem := range t.Elems {
		dst = appendType(dst, version, elem)
	}
	return dst
}

func (c *cursor) option(depth int) Type {
	t := Type{ID: TypeID(c.short())}
	if depth > typeDepthMax {
		c.fail(protocolf("type nested deeper than %d", typeDepthMax))
		return t
	}
	switch t.ID {
	case TypeCustom:
		t = typeOfClass(c.string())
	case TypeList, TypeSet:
		t.Elems = []Type{c.option(depth + 1)}
	case TypeMap:
		t.Elems = []Type{c.option(depth + 1), c.option(depth + 1)}
	case TypeTuple:
		for n := c.short(); len(t.Elems) < n && c.err == nil; {
			t.Elems = append(t.Elems, c.option(depth+1))
		}
	case TypeUDT:
		t.UDT = &UDT{Keyspace: c.string(), Name: c.string()}
		for n := c.short(); len(t.Elems) < n && c.err == nil; {
			t.UDT.Fields = append(t.UDT.Fields, c.string())
			t.Elems = append(t.Elems, c.option(depth+1))
		}
	}
	return t
}

// typeOfClass gives back the number of a young type that an old version had to send as a class.
func typeOfClass(class string) Type {
	for id, young := range youngTypes {
		if young.class == class {
			return Type{ID: id}
		}
	}
	return Type{ID: TypeCustom, Custom: class}
}
