package resilience

import (
	"errors"
	"syscall"
)

// Winsock's numbers for the conditions that classify_unix.go lists by name.
const (
	wsaENETUNREACH  syscall.Errno = 10051
	wsaEHOSTUNREACH syscall.Errno = 10065
	wsaECONNREFUSED syscall.Errno = 10061
)

func brokenConnection(err error) bool {
	no, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch no {
	case wsaECONNREFUSED, syscall.WSAECONNRESET, syscall.WSAECONNABORTED, syscall.ERROR_BROKEN_PIPE,
		wsaEHOSTUNREACH, wsaENETUNREACH:
		return true
	}
	return false
}
