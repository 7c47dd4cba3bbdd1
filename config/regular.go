package config

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// checkRegular returns an error for what might keep whoever opens or reads it waiting for ever: a
// pipe in which nobody writes, a terminal, a device without an end. A directory is left to the
// reading, which fails at once.
func checkRegular(path string, info fs.FileInfo) error {
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: notRegular(mode)}
	}
	return nil
}

// notRegular is a mode that no configuration file has.
type notRegular fs.FileMode

// Error says what it is, and what would be right.
func (m notRegular) Error() string {
	return fmt.Sprintf("it is %s; want a regular file", kindOfFile(fs.FileMode(m)))
}

func kindOfFile(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode.IsDir():
		return "a directory"
	}
	return "no regular file"
}

// isDescriptor reports whether a path names what this process was started with, as a shell's
// <(command) does: its other end is there already.
func isDescriptor(path string) bool {
	return path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// openRegular opens a file, if it is one.
func openRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !isDescriptor(path) {
		if err := checkRegular(path, info); err != nil {
			return nil, err
		}
	}
	return os.Open(path)
}
