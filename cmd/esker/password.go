package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoTerminal says that there is nobody to ask.
var errNoTerminal = errors.New("there is no terminal")

// readSecret asks the person at the terminal, wherever input and output go, and does not show what is typed.
func readSecret(question string) (string, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer terminal.Close()
	shown, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		return "", errNoTerminal
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, &hidden); err != nil {
		return "", errNoTerminal
	}
	restore := func() { _ = unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, shown) }
	defer restore()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	done := make(chan struct{})
	defer close(done)
	go func() { // a terminal must not stay mute when the question is interrupted
		select {
		case <-interrupted:
			restore()
			fmt.Fprintln(terminal)
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	fmt.Fprint(terminal, question)
	line, err := bufio.NewReader(terminal).ReadString('\n')
	fmt.Fprintln(terminal)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
