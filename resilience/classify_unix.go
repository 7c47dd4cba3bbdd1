//go:build unix || js || wasip1

package resilience

import (
	"errors"
	"syscall"
)

// brokenConnection reports whether err is the operating system's word for a peer that is not
// there, or no longer.
func brokenConnection(err error) bool {
	no, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch no {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH:
		return true
	}
	return false
}
