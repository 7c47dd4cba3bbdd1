package config

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// checkRegular returns an error for a file that might block for ever when it is opened or read: a
// pipe without a writer, a terminal, an endless device. It accepts a directory, since reading that
// fails at once.
func checkRegular(path string, info fs.FileInfo) error {
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: notRegular(mode)}
	}
	return nil
}

// notRegular is the error for a file of this mode.
type notRegular fs.FileMode

// Error says what the file is, and what would be right.
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

// isDescriptor reports whether a path is a file descriptor of this process, as a shell's <(command)
// makes one. The other end of such a pipe is already open.
func isDescriptor(path string) bool {
	return path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// openRegular opens a file if it is regular or a descriptor.
func openRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !isDescriptor(path) {
		if err := checkRegular(path, info); err != nil {
			return nil, err
		}
	}
	return os.Open(path)
}
