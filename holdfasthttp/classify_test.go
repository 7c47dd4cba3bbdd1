package holdfasthttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What errors mean without a Transport, as far as the error alone tells.
func TestClassify(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"nil":                    {nil, resilience.Success},
		"refused":                {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, resilience.Transient},
		"reset":                  {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, resilience.Transient},
		"no answer":              {io.EOF, resilience.Transient}, // inside a url.Error
		"a timeout":              {context.DeadlineExceeded, resilience.Transient},
		"somebody's cancel":      {context.Canceled, resilience.Canceled},
		"no such host":           {&net.DNSError{IsNotFound: true}, resilience.Permanent},
		"an unknown authority":   {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, resilience.Permanent},
		"an unknown scheme":      {errors.New("unsupported protocol scheme \"gopher\""), resilience.Permanent},
		"a proxy that refuses":   {&holdfasthttp.ProxyError{StatusCode: 407}, resilience.Permanent},
		"a proxy that is busy":   {&holdfasthttp.ProxyError{StatusCode: 429}, resilience.Overload},
		"less, asks HTTP/2":      {goingAway{ErrCode: 0xb}, resilience.Overload},
		"a mark":                 {resilience.MarkTransient(errors.New("odd")), resilience.Transient},
		"nobody knows":           {errors.New("odd"), resilience.Unclassified},
		"a refusal of the TLS":   {&net.OpError{Op: "remote error", Err: tls.AlertError(48)}, resilience.Permanent},
		"TLS that is in trouble": {&net.OpError{Op: "remote error", Err: tls.AlertError(80)}, resilience.Transient},
	} {
		err := c.err
		if err != nil {
			err = &url.Error{Op: "Post", URL: "https://payments.example", Err: err}
		}
		require.Equal(t, c.want, holdfasthttp.Classify(err), name)
	}
}

// goingAway is net/http's error for a GOAWAY of an HTTP/2 server.
type goingAway struct {
	LastStreamID uint32
	ErrCode      uint32
	DebugData    string
}

func (goingAway) Error() string { return "http2: server sent GOAWAY and closed the connection" }

// Classify is for a Config whose op uses its own client.
func TestClassifyInALoop(t *testing.T) {
	loop := retry.Custom(2, time.Millisecond, time.Millisecond, false)
	loop.Classify = holdfasthttp.Classify
	attempts := 0
	err := retry.Do(t.Context(), loop, func(ctx context.Context) error {
		attempts++
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "gopher://payments.example", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	require.Equal(t, resilience.ReasonPermanent, resilience.ReasonFor(holdfasthttp.Classify(err), err))
	require.Equal(t, 1, attempts)
}
