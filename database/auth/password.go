package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// Limits of passwords and logins.
const (
	// PasswordBytesMax is all of a password that bcrypt looks at.
	PasswordBytesMax = 72
	// hashCost is that of Cassandra: about 50 ms of a core.
	hashCost = 10
	// hashCostMax bounds what a HASHED PASSWORD may make each login cost: 16 times as much.
	hashCostMax = 14
	// verifiedMax is how many verified passwords are remembered.
	verifiedMax = 1024
)

// Hash is the hash of a password that is stored.
func Hash(password string) (string, error) {
	if len(password) > PasswordBytesMax {
		return "", fmt.Errorf("the password has %d bytes; bcrypt looks at no more than %d", len(password), PasswordBytesMax)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), hashCost)
	return string(hash), err
}

// ErrNoHash is a text that is no hash of bcrypt.
var ErrNoHash = errors.New("not a hash of bcrypt")

// CheckHash reports whether a text is a hash of bcrypt that may be stored.
func CheckHash(hash string) error {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != 60 {
		return ErrNoHash
	}
	if cost > hashCostMax {
		return fmt.Errorf("the hashed password has cost %d; the most is %d: each login would take too long", cost, hashCostMax)
	}
	return nil
}

// Passwords verifies passwords. It remembers those that were right, so that connections after the first cost no bcrypt,
// and lets only half of the processors work at it, so that a flood of logins leaves the rest to statements.
type Passwords struct {
	turns chan struct{} // one for each verification or hash at a time
	key   [32]byte      // of this process: what is remembered is of no use elsewhere

	mu       sync.Mutex
	verified map[string]verifiedPassword // guarded by mu; by role
}

// verifiedPassword is a password that was right for a hash.
type verifiedPassword struct {
	hash string
	mac  [sha256.Size]byte // of the password
}

// NewPasswords verifies passwords.
func NewPasswords() *Passwords {
	p := &Passwords{turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), verified: map[string]verifiedPassword{}}
	if _, err := rand.Read(p.key[:]); err != nil {
		panic("auth: the system gives no random numbers: " + err.Error())
	}
	return p
}

// noPassword is the hash of a password that nobody has, for roles that do not exist: refusing them takes as long.
var noPassword = sync.OnceValue(func() []byte {
	hash, err := Hash(GeneratedPassword())
	if err != nil {
		panic("auth: bcrypt: " + err.Error()) // of a password that is not too long
	}
	return []byte(hash)
})

// Hash is the function Hash, in its turn.
func (p *Passwords) Hash(password string) (string, error) {
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	return Hash(password)
}

func (p *Passwords) mac(password string) (out [sha256.Size]byte) {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(password))
	copy(out[:], mac.Sum(nil))
	return out
}

// Verify reports whether a password is that of a role with a hash; an empty hash has none, and takes as long to say so.
// The error is that of ctx, which may end while others are verified.
func (p *Passwords) Verify(ctx context.Context, role, hash, password string) (bool, error) {
	mac := p.mac(password)
	p.mu.Lock()
	known := p.verified[role]
	p.mu.Unlock()
	if hash != "" && known.hash == hash && hmac.Equal(known.mac[:], mac[:]) {
		return true, nil
	}
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-p.turns }()
	if hash == "" {
		_ = bcrypt.CompareHashAndPassword(noPassword(), []byte(password))
		return false, nil
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil {
		return false, nil
	}
	p.remember(role, verifiedPassword{hash, mac})
	return true, nil
}

// remember keeps a password that was right.
func (p *Passwords) remember(role string, password verifiedPassword) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, there := p.verified[role]; !there && len(p.verified) >= verifiedMax {
		for other := range p.verified {
			delete(p.verified, other)
			break
		}
	}
	p.verified[role] = password
}

// generatedLength is how many characters a generated password has: about 119 bits.
const generatedLength = 20

// GeneratedPassword is a password that nobody can guess, of letters and digits that are not mistaken for one another.
func GeneratedPassword() string {
	const of = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+!*#%"
	var b strings.Builder
	for range generatedLength {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(of))))
		if err != nil {
			panic("auth: the system gives no random numbers: " + err.Error())
		}
		b.WriteByte(of[i.Int64()])
	}
	return b.String()
}
