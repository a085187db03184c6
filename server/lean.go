package server

import (
	"io"
	"net"
	"os"
	"syscall"
)

// lean reads and writes a TCP socket without waiting, which an ordinary read or write cannot: so a connection that
// waits needs no memory to read into, and a reader that answers never waits for a slow client. It is no use where a
// socket is encrypted, or no socket at all.
type lean struct {
	raw syscall.RawConn // nil: the plain way

	// What the functions below work on: made once, they take no memory at each call.
	reading func(fd uintptr) bool // the reader's alone
	writing func(fd uintptr) bool // the sender's alone
	part    []byte                // to write; the sender's alone
	wrote   int                   // of part
	failed  error                 // of the write
}

// init makes c's socket lean if it can be.
func (l *lean) init(c *conn, socket net.Conn) {
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // the plain way says what is wrong
	}
	l.raw, l.reading, l.writing = raw, c.input.readNow, l.writeNow
}

// try writes what the socket takes at once; the error is not that it takes less.
func (l *lean) try(part []byte) (int, error) {
	l.part, l.wrote, l.failed = part, 0, nil
	err := l.raw.Write(l.writing)
	l.part = nil
	if err == nil {
		err = l.failed
	}
	return l.wrote, err
}

func (l *lean) writeNow(fd uintptr) bool {
	for l.wrote < len(l.part) {
		n, err := syscall.Write(int(fd), l.part[l.wrote:])
		switch {
		case n > 0:
			l.wrote += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		default:
			l.failed = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// readNow reads what is there into p; again says that it is nothing, and that more may come.
func readNow(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch {
		case n > 0:
			return n, false, nil
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, true, nil
		case err != nil:
			return 0, false, os.NewSyscallError("read", err)
		default:
			return 0, false, io.EOF
		}
	}
}
