//go:build unix || js || wasip1

package resilience

import "syscall"

// brokenConnection reports whether err is the operating system's word for a peer that is not
// there, or no longer, for a way to it that is cut, or for want of what a connection takes.
func brokenConnection(err error) bool {
	no, ok := err.(syscall.Errno) //nolint:errorlint // one step of the walk
	if !ok {
		return false
	}
	switch no {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ENOTCONN,
		syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR:
		return true
	}
	return no == hostDown
}
