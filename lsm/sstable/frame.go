package sstable

import (
	"encoding/binary"
	"fmt"

	"github.com/eskerdb/esker/mutation"
)

// Types of sections; on disk: never reuse.
const (
	sectionSide       = 1
	sectionDirectory  = 2
	sectionStatistics = 3
	sectionIndex      = 4
	sectionMetadata   = 5
	sectionProfile    = 6
)

const (
	sectionVersion  = 2 // of each of them; on disk: never reuse
	sectionOptional = 1 // flag: may be skipped by who does not know it
)

// section is an entry of the table of contents.
type section struct {
	kind     uint16
	version  uint16
	flags    uint32
	offset   uint64
	length   uint64
	checksum uint32
}

func appendHeader(dst []byte, file uint64, table mutation.TableID) []byte {
	at := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint64(dst, file)
	dst = append(dst, table[:]...)
	dst = append(dst, make([]byte, 24)...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[at:]))
}

func decodeHeader(src []byte) (file uint64, table mutation.TableID, err error) {
	if len(src) != headerBytes || string(src[:8]) != magic {
		return 0, table, fmt.Errorf("header: no table file")
	}
	if binary.LittleEndian.Uint32(src[60:]) != checksum(src[:60]) {
		return 0, table, fmt.Errorf("header: checksum differs")
	}
	if v := binary.LittleEndian.Uint32(src[8:]); v != version {
		return 0, table, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	return binary.LittleEndian.Uint64(src[12:]), mutation.TableID(src[20:36]), nil
}

// footer says where the table of contents is.
type footer struct {
	tocOffset, tocLength uint64
	tocChecksum          uint32
	fileLength           uint64
	file                 uint64
}

func appendFooter(dst []byte, f footer) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, f.tocOffset)
	dst = binary.LittleEndian.AppendUint64(dst, f.tocLength)
	dst = binary.LittleEndian.AppendUint32(dst, f.tocChecksum)
	dst = binary.LittleEndian.AppendUint64(dst, f.fileLength)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint64(dst, f.file)
	dst = append(dst, make([]byte, 12)...)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[at:]))
	return append(dst, magic...)
}

func decodeFooter(src []byte, length int64) (footer, error) {
	var f footer
	if len(src) != footerBytes || string(src[56:]) != magic {
		return f, fmt.Errorf("footer: the file has no end")
	}
	if binary.LittleEndian.Uint32(src[52:]) != checksum(src[:52]) {
		return f, fmt.Errorf("footer: checksum differs")
	}
	if v := binary.LittleEndian.Uint32(src[28:]); v != version {
		return f, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	f.tocOffset = binary.LittleEndian.Uint64(src)
	f.tocLength = binary.LittleEndian.Uint64(src[8:])
	f.tocChecksum = binary.LittleEndian.Uint32(src[16:])
	f.fileLength = binary.LittleEndian.Uint64(src[20:])
	f.file = binary.LittleEndian.Uint64(src[32:])
	end := uint64(length - footerBytes)
	if f.fileLength != uint64(length) || f.tocOffset > end || f.tocLength != end-f.tocOffset ||
		f.tocLength > sectionsMax*tocEntryBytes || f.tocLength%tocEntryBytes != 0 {
		return f, fmt.Errorf("footer: a file of %d bytes with contents of %d at %d is %d bytes long",
			f.fileLength, f.tocLength, f.tocOffset, length)
	}
	return f, nil
}

func appendSection(dst []byte, s section) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, s.kind)
	dst = binary.LittleEndian.AppendUint16(dst, s.version)
	dst = binary.LittleEndian.AppendUint32(dst, s.flags)
	dst = binary.LittleEndian.AppendUint64(dst, s.offset)
	dst = binary.LittleEndian.AppendUint64(dst, s.length)
	dst = binary.LittleEndian.AppendUint32(dst, s.checksum)
	return append(dst, 0, 0, 0, 0)
}

// decodeTOC returns the sections this program knows, by their type. end is where the contents begin.
func decodeTOC(src []byte, end uint64) (map[uint16]section, error) {
	out := map[uint16]section{}
	last := -1
	for ; len(src) >= tocEntryBytes; src = src[tocEntryBytes:] {
		s := section{
			kind: binary.LittleEndian.Uint16(src), version: binary.LittleEndian.Uint16(src[2:]),
			flags: binary.LittleEndian.Uint32(src[4:]), offset: binary.LittleEndian.Uint64(src[8:]),
			length: binary.LittleEndian.Uint64(src[16:]), checksum: binary.LittleEndian.Uint32(src[24:]),
		}
		if int(s.kind) <= last || s.offset < headerBytes || s.offset > end || s.length > end-s.offset {
			return nil, fmt.Errorf("contents: section %d of %d bytes at %d", s.kind, s.length, s.offset)
		}
		last = int(s.kind)
		if s.kind >= sectionSide && s.kind <= sectionProfile && s.version == sectionVersion {
			out[s.kind] = s
		} else if s.flags&sectionOptional == 0 {
			return nil, fmt.Errorf("%w: section %d version %d", ErrVersion, s.kind, s.version)
		}
	}
	for kind := uint16(sectionSide); kind <= sectionMetadata; kind++ {
		if _, ok := out[kind]; !ok && kind != sectionStatistics {
			return nil, fmt.Errorf("contents: section %d is missing", kind)
		}
	}
	return out, nil
}
