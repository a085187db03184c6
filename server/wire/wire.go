// Package wire is the CQL native protocol, versions 3 to 5, as bytes: segments, frame headers, requests and responses, each
// both encoded and decoded. It knows the layout of messages, their limits and their compression; it does not know
// sockets, CQL, what a value means or who answers. Decoded requests are slices of the frame's body: they live as long
// as the body does.
package wire

import "fmt"

// Protocol versions that this package speaks.
const (
	VersionMin byte = 3
	VersionMax byte = 5
)

// Flags of a frame's header.
const (
	FlagCompressed    byte = 0x01 // the body is compressed
	FlagTracing       byte = 0x02 // request: trace it; response: a tracing id opens the body
	FlagCustomPayload byte = 0x04 // a [bytes map] stands in the body; read over, never written
	FlagWarning       byte = 0x08 // response: warnings stand before the message
)

// Opcode tells which message a body holds.
type Opcode byte

// Opcodes of requests and responses.
const (
	OpError         Opcode = 0x00
	OpStartup       Opcode = 0x01
	OpReady         Opcode = 0x02
	OpAuthenticate  Opcode = 0x03
	OpOptions       Opcode = 0x05
	OpSupported     Opcode = 0x06
	OpQuery         Opcode = 0x07
	OpResult        Opcode = 0x08
	OpPrepare       Opcode = 0x09
	OpExecute       Opcode = 0x0A
	OpRegister      Opcode = 0x0B
	OpEvent         Opcode = 0x0C
	OpBatch         Opcode = 0x0D
	OpAuthChallenge Opcode = 0x0E
	OpAuthResponse  Opcode = 0x0F
	OpAuthSuccess   Opcode = 0x10
)

var opcodeNames = map[Opcode]string{
	OpError: "ERROR", OpStartup: "STARTUP", OpReady: "READY", OpAuthenticate: "AUTHENTICATE", OpOptions: "OPTIONS",
	OpSupported: "SUPPORTED", OpQuery: "QUERY", OpResult: "RESULT", OpPrepare: "PREPARE", OpExecute: "EXECUTE",
	OpRegister: "REGISTER", OpEvent: "EVENT", OpBatch: "BATCH", OpAuthChallenge: "AUTH_CHALLENGE",
	OpAuthResponse: "AUTH_RESPONSE", OpAuthSuccess: "AUTH_SUCCESS",
}

// String returns the name that the protocol's specification uses.
func (o Opcode) String() string {
	if name, ok := opcodeNames[o]; ok {
		return name
	}
	return fmt.Sprintf("opcode 0x%02X", byte(o))
}
