package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eskerdb/esker/client"
)

// login connects again as somebody else. If that fails, the connection stays what it was.
func (s *Shell) login(ctx context.Context, rest string) error {
	name, rest, err := cutWord(rest)
	if err != nil || name == "" {
		return errors.New("LOGIN takes a name, and a password unless it is to be asked for: LOGIN ann 'secret'")
	}
	password, rest, err := cutWord(rest)
	if err != nil || rest != "" {
		return errors.New("LOGIN takes a name and a password, in quotes if they are not plain words")
	}
	if password == "" {
		if s.opts.Secret == nil {
			return errors.New("LOGIN: there is no terminal to ask for the password")
		}
		if password, err = s.opts.Secret("Password: "); err != nil {
			return fmt.Errorf("LOGIN: %w", err)
		}
	}
	o := s.opts.Server
	o.Username, o.Password, o.Keyspace = name, password, s.conn.Keyspace()
	conn, err := client.Dial(ctx, o)
	if err != nil {
		return err
	}
	_ = s.conn.Close() // nothing is under way on it
	s.conn = conn
	return nil
}

// cutWord cuts a word off, or a text in quotes in which two of them stand for one.
func cutWord(text string) (word, rest string, err error) {
	text = strings.TrimLeft(text, " \t")
	if text == "" || text[0] != '\'' && text[0] != '"' {
		word, rest, _ = strings.Cut(text, " ")
		return word, strings.TrimSpace(rest), nil
	}
	quote := text[0]
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			i++
			continue
		}
		double := string([]byte{quote, quote})
		return strings.ReplaceAll(text[1:i], double, double[:1]), strings.TrimSpace(text[i+1:]), nil
	}
	return "", "", errors.New("a quote is not closed")
}

// tellsSecret reports whether a line may hold a password, which must not be found in the history.
func tellsSecret(line string) bool {
	upper := strings.ToUpper(strings.TrimSpace(line))
	return strings.HasPrefix(upper, "LOGIN") || strings.Contains(upper, "PASSWORD")
}
