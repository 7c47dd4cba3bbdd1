//go:build !race

package resilience_test

import (
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify does not allocate for errors of the standard library, nor for unknown ones.
func TestClassifyConnectionsAllocatesNothing(t *testing.T) {
	for name, err := range map[string]error{
		"reset, of an HTTP client": &url.Error{Op: "Get", Err: &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}},
		"timeout":                  &url.Error{Op: "Get", Err: timeoutError(true)},
		"EOF, of an HTTP client":   &url.Error{Op: "Get", Err: fmt.Errorf("traced: %w", io.EOF)},
		"certificate":              x509.UnknownAuthorityError{},
		"bad connection":           driver.ErrBadConn,
		"joined":                   errors.Join(errUnknown, syscall.ECONNRESET, errUnknown),
		"SQLSTATE":                 sqlState("40001"),
		"status":                   &httpStatus{503, nil},
		"a team's own":             saying("declined"),
		"a team's own struct":      &status{},
		"refused by its method":    &refusal{false, errUnknown},
	} {
		require.Zero(t, testing.AllocsPerRun(100, func() { resilience.Classify(err) }), name)
	}
}
