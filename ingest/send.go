package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eskerdb/esker/client"
	"github.com/eskerdb/esker/server/wire"
)

const (
	// A server that is overloaded is asked again after a pause that doubles from the first to the longest: about 10 s.
	overloadTriesMax = 13
	overloadPause    = 10 * time.Millisecond
	overloadPauseMax = 2 * time.Second
	// A connection that is lost is made again: for about 6 s, and for one batch so many times in all.
	reconnectTriesMax = 6
	reconnectPause    = 200 * time.Millisecond
	lossesMax         = 5
)

// lane is a connection that is made again when it is lost.
type lane struct {
	dial  func(context.Context) (*client.Conn, error)
	pause func(context.Context, time.Duration) error

	mu   sync.Mutex // held while connecting: all who need the connection wait for it
	conn *client.Conn
}

// get returns the connection.
func (l *lane) get(ctx context.Context) (*client.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		select {
		case <-l.conn.Down():
			_ = l.conn.Close()
			l.conn = nil
		default:
			return l.conn, nil
		}
	}
	wait := reconnectPause
	for try := 1; ; try++ {
		conn, err := l.dial(ctx)
		if err == nil {
			l.conn = conn
			return conn, nil
		}
		if try == reconnectTriesMax || ctx.Err() != nil {
			return nil, err
		}
		if err := l.pause(ctx, wait); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sender has one batch at a time under way. It is not safe for concurrent use; several share a lane.
type sender struct {
	lane    *lane
	message wire.Batch // HasTimestamp, DefaultTimestamp, Kind and Consistency stay as they are
}

func newSender(l *lane, timestamp int64) *sender {
	return &sender{lane: l, message: wire.Batch{
		Kind: wire.BatchUnlogged, Consistency: wire.LocalOne, Tail: wire.Tail{HasTimestamp: true, DefaultTimestamp: timestamp},
	}}
}

// deliver sends a batch and waits until its rows are stored or refused, each. An error ends the load.
func (s *sender) deliver(ctx context.Context, b batch) (stored int, err error) {
	err = s.send(ctx, b)
	if err == nil {
		return len(b.rows), nil
	}
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Code != wire.CodeInvalid {
		return 0, err
	}
	if len(b.rows) == 1 {
		b.chunk.reject(b.rows[0], wholeRecord, "server: "+answer.Message)
		return 0, nil
	}
	// One row is enough for the server to refuse all: find out which.
	for i := range b.rows {
		n, err := s.deliver(ctx, batch{b.chunk, b.rows[i : i+1]})
		if err != nil {
			return stored, err
		}
		stored += n
	}
	return stored, nil
}

// send sends a batch until the server has taken or refused it. What is sent twice is the same cells.
func (s *sender) send(ctx context.Context, b batch) error {
	s.message.Entries = s.message.Entries[:0]
	for _, row := range b.rows {
		s.message.Entries = append(s.message.Entries, wire.BatchEntry{ID: b.chunk.file.layout.id, Values: b.chunk.row(row)})
	}
	losses, refusals, forgotten := 0, 0, 0
	wait := overloadPause
	for {
		conn, err := s.lane.get(ctx)
		if err != nil {
			return err
		}
		err = s.once(ctx, conn)
		var answer *client.Error
		switch {
		case err == nil:
			return nil
		case errors.Is(err, client.ErrLost):
			if losses++; losses == lossesMax {
				return err
			}
		case !errors.As(err, &answer):
			return err
		case answer.Code == wire.CodeUnprepared && forgotten == 0:
			forgotten++
			if err := prepare(ctx, conn, b.chunk.file.layout.insert, b.chunk.file.layout.id); err != nil {
				return err
			}
		case isBusy(answer.Code):
			if refusals++; refusals == overloadTriesMax {
				return fmt.Errorf("server refused a batch %d times: %w", refusals, err)
			}
			if err := s.lane.pause(ctx, wait); err != nil {
				return err
			}
			wait = min(2*wait, overloadPauseMax)
		default:
			return err
		}
	}
}

func (s *sender) once(ctx context.Context, conn *client.Conn) error {
	call, err := conn.Send(ctx, &s.message)
	if err != nil {
		return err
	}
	_, err = call.Wait(ctx)
	return err
}

// isBusy tells whether the same request may succeed later.
func isBusy(code wire.ErrorCode) bool {
	return slices.Contains([]wire.ErrorCode{wire.CodeOverloaded, wire.CodeBootstrapping, wire.CodeUnavailable, wire.CodeWriteTimeout}, code)
}

// prepare makes the server know a statement again, by the id it had.
func prepare(ctx context.Context, conn *client.Conn, text string, id []byte) error {
	again, err := conn.Prepare(ctx, text)
	if err != nil {
		return fmt.Errorf("prepare again: %w", err)
	}
	if string(again.ID) != string(id) {
		return errors.New("the table was altered during the load")
	}
	return nil
}
