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
	if len(parts) != 3 || len(parts[1]) == 0 {
		return "", "", &ProtocolError{Code: CodeBadCredentials, Message: "token is not a user name and a password"}
	}
	return string(parts[1]), string(parts[2]), nil
}
