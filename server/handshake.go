package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eskerdb/esker/database/catalog"
	"github.com/eskerdb/esker/server/wire"
)

// supported answers OPTIONS; drivers require CQL_VERSION and COMPRESSION.
var supported = map[string][]string{
	"CQL_VERSION":       {catalog.CQLVersion},
	"COMPRESSION":       {wire.CompressionLZ4.String(), wire.CompressionSnappy.String()},
	"PROTOCOL_VERSIONS": {"3/v3", "4/v4", "5/v5"},
}

// converse answers what is no statement. The reader does it itself: the frame after STARTUP may be compressed.
func (c *conn) converse(f wire.Frame) wire.Answer {
	var decoder wire.RequestDecoder
	m, err := decoder.Decode(f)
	if err != nil {
		return wire.Answer{Message: errorMessage(err)}
	}
	if refused := c.login.stage.refuses(f.Header.Opcode); refused != "" {
		return unexpected(refused, f.Header.Opcode)
	}
	switch m := m.(type) {
	case *wire.Options:
		return wire.Answer{Message: &wire.Supported{Options: supported}}
	case *wire.Startup:
		return c.startup(f.Header.Version, m)
	case *wire.Register:
		if slices.Contains(m.Events, wire.SchemaChanged) {
			c.schemaEvents.Store(true)
		}
		return wire.Answer{Message: &wire.Ready{}}
	case *wire.AuthResponse:
		return c.authenticate(m)
	}
	return unexpected("Unexpected message %s", f.Header.Opcode)
}

func unexpected(format string, args ...any) wire.Answer {
	return wire.Answer{Message: &wire.Error{Code: wire.CodeProtocol, Message: fmt.Sprintf(format, args...)}}
}

// startup agrees on version and compression.
func (c *conn) startup(version byte, m *wire.Startup) wire.Answer {
	if refused := checkCQLVersion(m.Options["CQL_VERSION"]); refused != "" {
		return unexpected("%s", refused)
	}
	compression, err := wire.ParseCompression(m.Options["COMPRESSION"])
	if err != nil {
		return wire.Answer{Message: errorMessage(err)}
	}
	if version >= 5 && compression == wire.CompressionSnappy {
		return unexpected("Snappy compression is not supported in protocol V5")
	}
	c.frames.Compression = compression
	c.answers.compress(compression)
	c.version.Store(uint32(version))
	c.introduction.startup(m.Options, c.socket.Conn)
	if c.server.door.Logins != nil {
		c.login.stage = stageLogin
		return wire.Answer{Message: &wire.Authenticate{Class: wire.PasswordAuthenticator}}
	}
	c.letIn()
	return wire.Answer{Message: &wire.Ready{}}
}

// checkCQLVersion says what is wrong with the version of CQL that a client wants: nothing from 3 on.
func checkCQLVersion(version string) string {
	if version == "" {
		return "Missing value CQL_VERSION in STARTUP message"
	}
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return fmt.Sprintf("Invalid version value: %s", version)
	}
	if n < 3 {
		return fmt.Sprintf("CQL version %s is not supported by the binary protocol (supported version are >= 3.0.0)", version)
	}
	return ""
}
