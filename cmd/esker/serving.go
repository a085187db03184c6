package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/eskerdb/esker/cmd/esker/settings"
)

// serving is a running `esker server`.
type serving struct {
	resolve  func() (*resolved, error) // reads the settings again
	settings *resolved                 // of the start
	stderr   io.Writer
	level    slog.LevelVar
	logger   *slog.Logger
	system   supervisor
	watch    *watch // nil: there are no metrics
	node     *node
}

// runServer serves until a signal comes or the listener fails.
func runServer(ctx context.Context, resolve func() (*resolved, error), stderr io.Writer) error {
	r, err := resolve()
	if err != nil {
		return err
	}
	s := &serving{resolve: resolve, settings: r, stderr: stderr}
	s.logger = newLogger(r.server.Log, &s.level, stderr)
	if r.server.Memory == 0 {
		r.server.Memory = defaultMemory()
	}
	if warning := ignored(r.file); warning != "" {
		s.logger.Warn(warning)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := s.start(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.node.serve() }()
	s.ready()
	for {
		select {
		case <-hangup:
			s.reload()
			continue
		case <-ctx.Done():
			s.logger.Info("stopping: requests in flight are answered first")
			stop() // a second signal has its usual effect
		case err := <-served:
			served <- err
		}
		return errors.Join(s.stop(), <-served)
	}
}

// newLogger logs a line an event.
func newLogger(l settings.Log, level *slog.LevelVar, stderr io.Writer) *slog.Logger {
	setLevel(level, l.Level)
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: addressText}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(stderr, options))
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// addressText shows an address as text in JSON too.
func addressText(_ []string, a slog.Attr) slog.Attr {
	if address, ok := a.Value.Any().(net.Addr); ok {
		a.Value = slog.StringValue(address.String())
	}
	return a
}

func setLevel(level *slog.LevelVar, word string) {
	_ = level.UnmarshalText([]byte(word)) // the table has no other words
}

// start opens the node.
func (s *serving) start(ctx context.Context) error {
	set := s.settings.server
	listener, err := s.system.listener()
	if err != nil {
		return err
	}
	if listener != nil {
		if at, ok := listener.Addr().(*net.TCPAddr); ok {
			set.Network.Host, set.Network.Port = at.IP.String(), at.Port
		}
	}
	if err := checkExposure(ctx, &set.Network, s.logger); err != nil {
		return err
	}
	if set.Metrics.Address != "" {
		if err := checkWatchExposure(ctx, set); err != nil {
			return err
		}
		if s.watch, err = startWatch(set.Metrics.Address, set.Metrics.Profiles); err != nil {
			return err
		}
		s.say("metrics on %s\n", s.watch.listener.Addr())
	}
	if s.node, err = openNode(set, listener, rowsOf(s.settings.values), s.logger); err != nil {
		return errors.Join(err, s.watch.close(ctx))
	}
	return nil
}

// ready tells everybody that clients are served.
func (s *serving) ready() {
	set := s.settings.server
	s.watch.opened(s.node)
	s.logger.Info("serving", "data", set.Data, "log_mode", set.CommitLog.Mode, "memory", set.Memory, "version", buildVersion())
	s.say("ready on %s\n", s.node.address())
	s.warn("systemd", s.system.ready())
	s.warn("systemd", s.system.watch(func() { s.node.store.Statistics() }))
}

// say writes a line that scripts wait for.
func (s *serving) say(format string, args ...any) {
	if _, err := fmt.Fprintf(s.stderr, format, args...); err != nil {
		s.logger.Warn("stderr", "cause", err)
	}
}

func (s *serving) warn(what string, err error) {
	if err != nil {
		s.logger.Warn(what, "cause", err)
	}
}

// reload reads settings and certificates again, and takes what can change while the server runs. Settings with a mistake change nothing.
func (s *serving) reload() {
	s.warn("systemd", s.system.reloading())
	defer func() { s.warn("systemd", s.system.ready()) }()
	again, err := s.resolve()
	if err != nil {
		s.logger.Error("settings are as they were", "cause", err)
		return
	}
	setLevel(&s.level, again.server.Log.Level)
	s.node.shown.readAgain()
	if waiting := differences(s.settings.values, again.values); len(waiting) > 0 {
		s.logger.Warn("settings that differ and take a restart", "names", strings.Join(waiting, ", "))
	}
	s.logger.Info("reloaded", "log_level", again.server.Log.Level)
}

// reloadable are the settings that a reload changes.
var reloadable = map[string]bool{"log_level": true}

// differences are the names of settings with other values that a reload does not change.
func differences(before, after []settings.Value) (names []string) {
	for i := range after {
		if before[i].Text != after[i].Text && !reloadable[after[i].Name] {
			names = append(names, after[i].Name)
		}
	}
	return names
}

// stop lets the requests in flight be answered, for as long as drain_timeout says, and closes everything.
func (s *serving) stop() error {
	s.warn("systemd", s.system.stopping())
	s.system.close()
	s.watch.tell(draining)
	bounded, cancel := context.WithTimeout(context.Background(), s.settings.server.DrainFor)
	defer cancel()
	err := s.node.close(bounded, s.watch.hide)
	s.warn("metrics", s.watch.close(bounded))
	if err == nil {
		s.logger.Info("stopped")
	}
	return err
}
