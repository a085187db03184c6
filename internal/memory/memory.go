// Package memory divides what the process may take: one budget, an account for each use. Whatever is
// sized by data or by clients reserves here first, and waits or is refused when there is no more.
//
// It knows numbers of bytes and whom they are for, and tells them to Go's collector. It does not allocate anything.
package memory

import (
	"fmt"
	"sync/atomic"
)

// Shares of a budget, in percent. What is left is for the program itself: stacks, schema, statements,
// garbage that is not collected yet.
const (
	memtablesPercent  = 40
	blocksPercent     = 25
	compactionPercent = 10
	requestsPercent   = 10
)

// TotalMin is the smallest budget a server runs with.
const TotalMin = 64 << 20

// Budget is the memory of a process by use.
type Budget struct {
	Total      int64
	Memtables  int64 // active ones and those being flushed; outside of the Go heap
	Blocks     int64 // metadata of table files and blocks of them that are kept
	Compaction int64 // what flush and compaction have in hand
	Requests   *Account
}

// Divide divides total bytes, at least TotalMin.
func Divide(total int64) Budget {
	total = max(total, TotalMin)
	part := func(percent int64) int64 { return total / 100 * percent }
	return Budget{
		Total: total, Memtables: part(memtablesPercent), Blocks: part(blocksPercent), Compaction: part(compactionPercent),
		Requests: NewAccount("requests and answers", part(requestsPercent)),
	}
}

// HeapMax is what the Go heap may grow to: the whole but for memory outside of it.
func (b *Budget) HeapMax() int64 { return b.Total - b.Memtables }

// Use is what one use has of a budget, as shown to whoever looks.
type Use struct {
	Name string
	Used int64 // bytes
	Max  int64 // bytes
}

// Uses lists the uses; memtables, blocks and heap are what those take now.
func (b *Budget) Uses(memtables, blocks, heap int64) []Use {
	return []Use{
		{"memtables", memtables, b.Memtables}, {"blocks", blocks, b.Blocks},
		{"requests", b.Requests.Used(), b.Requests.Limit()}, {"heap", heap, b.HeapMax()},
	}
}

// FullError says that an account has no room for what was asked.
type FullError struct {
	Account string
	Asked   int64 // bytes
	Limit   int64 // bytes of the account
}

// Error names the account and its limit.
func (e *FullError) Error() string {
	return fmt.Sprintf("overloaded: %s would take more than %d bytes of memory with %d more; try again, or ask for less at a time",
		e.Account, e.Limit, e.Asked)
}

// Account counts what one use takes. Its methods may be called from several goroutines.
type Account struct {
	name  string
	limit int64
	used  atomic.Int64
	peak  atomic.Int64
}

// NewAccount returns an account of limit bytes.
func NewAccount(name string, limit int64) *Account { return &Account{name: name, limit: limit} }

// Name returns what the account is for.
func (a *Account) Name() string { return a.name }

// Limit returns how many bytes may be reserved.
func (a *Account) Limit() int64 { return a.limit }

// Used returns how many bytes are reserved.
func (a *Account) Used() int64 { return a.used.Load() }

// Peak returns the most that was ever reserved.
func (a *Account) Peak() int64 { return a.peak.Load() }

// Reserve takes n bytes, or none and returns a *FullError.
func (a *Account) Reserve(n int64) error {
	for {
		used := a.used.Load()
		if used+n > a.limit {
			return &FullError{Account: a.name, Asked: n, Limit: a.limit}
		}
		if a.used.CompareAndSwap(used, used+n) {
			a.raise(used + n)
			return nil
		}
	}
}

// Take counts n bytes that are there already, beyond the limit if need be: those who ask next are refused.
func (a *Account) Take(n int64) { a.raise(a.used.Add(n)) }

func (a *Account) raise(used int64) {
	for peak := a.peak.Load(); used > peak && !a.peak.CompareAndSwap(peak, used); peak = a.peak.Load() {
	}
}

// Release gives n bytes back.
func (a *Account) Release(n int64) { a.used.Add(-n) }

// Lease is what one request holds of an account. It belongs to one goroutine at a time. A nil lease
// holds whatever is asked and counts nothing.
type Lease struct {
	account *Account
	held    int64
}

// Lease returns a lease that holds n bytes which are reserved already.
func (a *Account) Lease(n int64) *Lease { return &Lease{account: a, held: n} }

// Grow takes n bytes more, or none and returns a *FullError.
func (l *Lease) Grow(n int64) error {
	if l == nil {
		return nil
	}
	if err := l.account.Reserve(n); err != nil {
		return err
	}
	l.held += n
	return nil
}

// Free gives everything back.
func (l *Lease) Free() {
	if l != nil {
		l.account.Release(l.held)
		l.held = 0
	}
}
