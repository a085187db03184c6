package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// supervisor is systemd, or nobody: without its environment variables nothing is said. The zero value is ready.
type supervisor struct {
	over chan struct{} // closed when the dog is no longer to be fed; nil: there is none
	join sync.WaitGroup
}

// notify sends lines of sd_notify(3).
func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify %q: %w", state, err)
	}
	return nil
}

func (*supervisor) ready() error    { return notify(daemon.SdNotifyReady) }
func (*supervisor) stopping() error { return notify(daemon.SdNotifyStopping) }

// reloading tells also when, so that systemd knows which reload the next ready ends.
func (*supervisor) reloading() error {
	return notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// listener is the socket that systemd listens on for the server; nil: it does not.
func (*supervisor) listener() (net.Listener, error) {
	given, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("socket activation: %w", err)
	}
	switch {
	case len(given) == 0:
		return nil, nil
	case len(given) > 1 || given[0] == nil:
		return nil, fmt.Errorf("socket activation: %d sockets were given; want one ListenStream", len(given))
	}
	return given[0], nil
}

// watch feeds the watchdog, if there is one, twice in its time, as long as alive returns.
func (s *supervisor) watch(alive func()) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return err
	}
	s.over = make(chan struct{})
	s.join.Go(func() {
		tick := time.NewTicker(every / 2)
		defer tick.Stop()
		for {
			select {
			case <-s.over:
				return
			case <-tick.C:
				alive()
				_ = notify(daemon.SdNotifyWatchdog) // who does not hear it restarts the server
			}
		}
	})
	return nil
}

// close stops feeding.
func (s *supervisor) close() {
	if s.over != nil {
		close(s.over)
		s.join.Wait()
	}
}
