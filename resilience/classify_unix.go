//go:build unix || js || wasip1

package resilience

import "syscall"

// brokenConnection reports whether err is an error number of the operating system for a peer or a
// network that cannot be reached, a connection that broke, or a lack of what a connection needs,
// such as file descriptors.
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
