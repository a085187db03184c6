package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	// HeaderBytes is the length of a frame's header.
	HeaderBytes = 9
	// FrameBytesMax is the default limit of a frame's body, before and after decompression: 16 MiB.
	FrameBytesMax = 16 << 20

	directionBit byte = 0x80
)

// Header stands before each body.
type Header struct {
	Version  byte // without the direction bit
	Response bool // the direction bit
	Flags    byte
	Stream   int16 // negative for what the server sends unasked
	Opcode   Opcode
	Length   int // bytes of the body on the wire
}

// String is for logs and tests.
func (h Header) String() string {
	direction := "request"
	if h.Response {
		direction = "response"
	}
	return fmt.Sprintf("v%d %s %s stream %d flags 0x%02X length %d", h.Version, direction, h.Opcode, h.Stream, h.Flags, h.Length)
}

// compressed tells whether the body is. From version 5 on segments are compressed instead, and the flag says nothing.
func (h Header) compressed() bool { return h.Flags&FlagCompressed != 0 && h.Version < 5 }

// AppendHeader appends the nine bytes of h.
func AppendHeader(dst []byte, h Header) []byte {
	version := h.Version
	if h.Response {
		version |= directionBit
	}
	dst = append(dst, version, h.Flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Stream))
	dst = append(dst, byte(h.Opcode))
	return binary.BigEndian.AppendUint32(dst, uint32(h.Length))
}

// DecodeHeader reads the nine bytes at the start of src. bodyBytesMax limits the length that is believed; zero means
// FrameBytesMax. An error is a *ProtocolError and fatal to the connection: the next frame cannot be found any more.
func DecodeHeader(src []byte, bodyBytesMax int) (Header, error) {
	if len(src) == 0 {
		return Header{}, fatalf("frame header: 0 bytes instead of %d", HeaderBytes)
	}
	// The version first: older versions have shorter headers.
	if err := checkVersion(src[0]); err != nil {
		return Header{}, err
	}
	if len(src) < HeaderBytes {
		return Header{}, fatalf("frame header: %d bytes instead of %d", len(src), HeaderBytes)
	}
	if bodyBytesMax == 0 {
		bodyBytesMax = FrameBytesMax
	}
	h := Header{
		Version:  src[0] &^ directionBit,
		Response: src[0]&directionBit != 0,
		Flags:    src[1],
		Stream:   int16(binary.BigEndian.Uint16(src[2:])),
		Opcode:   Opcode(src[4]),
	}
	length := binary.BigEndian.Uint32(src[5:])
	if uint64(length) > uint64(bodyBytesMax) {
		e := fatalf("frame of %d bytes exceeds the maximum of %d bytes", length, bodyBytesMax)
		e.Stream = h.Stream
		return Header{}, e
	}
	h.Length = int(length)
	return h, nil
}

func checkVersion(first byte) error {
	version := first &^ directionBit
	if version < VersionMin || version > VersionMax {
		return UnsupportedVersion(version)
	}
	return nil
}

// UnsupportedVersion is the error that answers a version this package does not speak. The words are those that drivers
// look for when they step down to a lower version; the answer goes to stream 0 in VersionMax, then the connection ends.
func UnsupportedVersion(version byte) *ProtocolError {
	return fatalf("Invalid or unsupported protocol version (%d); the lowest supported version is %d and the greatest is %d",
		version, VersionMin, VersionMax)
}
