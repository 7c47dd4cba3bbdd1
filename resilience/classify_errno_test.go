//go:build unix

package resilience_test

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func TestClassifyErrorNumbers(t *testing.T) {
	for _, no := range []syscall.Errno{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ENOTCONN,
		syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
		syscall.EHOSTDOWN, syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.EAGAIN, syscall.EINTR,
	} {
		require.Equal(t, resilience.Transient, resilience.Classify(no), "%v", no)
		require.Equal(t, resilience.Transient, resilience.Classify(&net.OpError{
			Op: "read", Err: os.NewSyscallError("read", no),
		}), "%v", no)
	}
	for _, no := range []syscall.Errno{syscall.EACCES, syscall.ENOENT, syscall.EINVAL, syscall.EEXIST} {
		require.Equal(t, resilience.Unclassified, resilience.Classify(os.NewSyscallError("open", no)), "%v", no)
	}
}
