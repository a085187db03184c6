package wire

import (
	"errors"
	"testing"
)

// A token is refused as bad credentials or taken apart, and what is put together is taken apart the same.
func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x00ann\x00secret"))
	f.Add([]byte("\x00\x00"))
	f.Add([]byte("id\x00ann\x00secret\x00"))
	f.Fuzz(func(t *testing.T, token []byte) {
		name, password, err := DecodePlain(token)
		if err != nil {
			if refused := (*ProtocolError)(nil); !errors.As(err, &refused) || refused.Code != CodeBadCredentials || refused.Fatal {
				t.Errorf("%q: %v", token, err)
			}
			return
		}
		again, secret, err := DecodePlain(AppendPlain(nil, name, password))
		if again != name || secret != password || err != nil {
			t.Errorf("%q, %q became %q, %q, %v", name, password, again, secret, err)
		}
	})
}
