package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// terminal is an interactive shell at a terminal of its own. In it, holdfast only notes its
// arguments.
type terminal struct {
	folder  string // where the shell runs, with the files that it may complete
	notes   string // where the arguments and the prompts are noted
	pty     *os.File
	mu      sync.Mutex
	screen  bytes.Buffer
	prompts int // how many prompts have been waited for
}

// start starts a shell that reads rc first. In the arguments {rc} stands for its path.
func start(t *testing.T, name, rc string, args ...string) *terminal {
	t.Helper()
	path := shellPath(t, name)
	term := &terminal{folder: t.TempDir(), notes: t.TempDir()}
	bin := t.TempDir()
	program := "#!/bin/sh\nif [ \"$1\" = __complete ]; then " + asProgram + "=1 exec " + quoted(os.Args[0]) + ` "$@"; fi` + "\n" +
		`printf '%s\0' "$@" > ` + quoted(term.notes+"/new") + "; mv " + quoted(term.notes+"/new") + " " + quoted(term.notes+"/args") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "holdfast"), []byte(program), 0o700))
	rcPath := filepath.Join(t.TempDir(), ".zshrc") // zsh looks for this name in $ZDOTDIR; the others get the path as an argument
	rc = strings.ReplaceAll(rc, "NOTE", "echo >> "+quoted(term.notes+"/prompts")) + "\n"
	require.NoError(t, os.WriteFile(rcPath, []byte(rc+script(t, name)), 0o600))

	pty, tty := openTerminal(t)
	term.pty = pty
	args = slices.Clone(args)
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "{rc}", rcPath)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir = term.folder
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8", "TERM=xterm", "ZDOTDIR="+filepath.Dir(rcPath), "GORACE=atexit_sleep_ms=0")
	command.Stdin, command.Stdout, command.Stderr = tty, tty, tty
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, command.Start())
	require.NoError(t, tty.Close())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(term, pty) // it ends by an error when the shell does
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		<-drained
		_ = pty.Close()
	})
	term.waitForPrompt(t)
	return term
}

// Write adds to the screen.
func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.Write(p)
}

func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.String()
}

func (term *terminal) waitForPrompt(t *testing.T) {
	t.Helper()
	term.prompts++
	defer func() {
		if t.Failed() {
			t.Logf("the screen: %q", term.shown())
		}
	}()
	require.Eventually(t, func() bool {
		notes, _ := os.ReadFile(term.notes + "/prompts")
		return bytes.Count(notes, []byte("\n")) >= term.prompts
	}, time.Minute, 5*time.Millisecond, "no prompt")
}

// enter types a line, and returns the arguments with which holdfast was run.
func (term *terminal) enter(t *testing.T, line string) []string {
	t.Helper()
	require.NoError(t, os.WriteFile(term.notes+"/args", []byte("nothing was run\x00"), 0o600))
	_, err := term.pty.WriteString(line + "\r")
	require.NoError(t, err)
	term.waitForPrompt(t)
	args, err := os.ReadFile(term.notes + "/args")
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
}

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no /dev/ptmx to open a terminal with: mount devpts")
	}
	require.NoError(t, err)
	var number, locked uint32
	ioctl(t, pty, syscall.TIOCGPTN, &number)
	ioctl(t, pty, syscall.TIOCSPTLCK, &locked)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return pty, tty
}

func ioctl(t *testing.T, f *os.File, request uintptr, value *uint32) {
	t.Helper()
	conn, err := f.SyscallConn()
	require.NoError(t, err)
	var errno syscall.Errno
	require.NoError(t, conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(value))) //nolint:gosec // what ioctl takes
	}))
	require.Zero(t, errno)
}
