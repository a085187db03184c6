package wire

import "bytes"

// PasswordAuthenticator is the class in Authenticate by which drivers choose a login with user name and password.
const PasswordAuthenticator = "org.apache.cassandra.auth.PasswordAuthenticator"

// AppendPlain appends the token of a login with user name and password (SASL PLAIN without a separate identity).
func AppendPlain(dst []byte, username, password string) []byte {
	dst = append(append(dst, 0), username...)
	return append(append(dst, 0), password...)
}

// DecodePlain takes such a token apart. The identity before the first zero byte is ignored, as Cassandra does. An error
// is a *ProtocolError.
func DecodePlain(token []byte) (username, password string, err error) {
	parts := bytes.Split(token, []byte{0})
	refused := ""
	switch {
	case len(parts) > 3:
		refused = `Credential format error: username or password is empty or contains NUL(\0) character`
	case len(parts) < 2 || len(parts[len(parts)-1]) == 0:
		refused = "Password must not be null"
	case len(parts) < 3 || len(parts[1]) == 0:
		refused = "Authentication ID must not be null"
	}
	if refused != "" {
		return "", "", &ProtocolError{Code: CodeBadCredentials, Message: refused}
	}
	return string(parts[1]), string(parts[2]), nil
}
