package holdfasthttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// h2Error has the fields of HTTP/2's stream errors, and an As method like theirs.
type h2Error struct{ code uint32 }

func (h2Error) Error() string { return "stream error: stream ID 1" }

func (e h2Error) As(target any) bool {
	// What the standard library does by reflection.
	return fill(target, e.code)
}

// What an error of the base means: the attempts that a GET and a POST make, and whether a breaker
// counts them.
func TestTransportErrors(t *testing.T) {
	opError := func(op string, err error) error { return &net.OpError{Op: op, Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err       error
		get, post int
		failure   bool
	}{
		"refused":            {opError("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)), 2, 2, true},
		"dial timeout":       {opError("dial", os.ErrDeadlineExceeded), 2, 2, true},
		"no address left":    {opError("dial", syscall.EADDRNOTAVAIL), 2, 2, true},
		"dial, whatever":     {opError("dial", errors.New("whatever")), 2, 2, true},
		"proxy refused":      {opError("proxyconnect", opError("dial", syscall.ECONNREFUSED)), 2, 2, true},
		"not allowed":        {opError("dial", syscall.EACCES), 1, 1, false},
		"no such host":       {opError("dial", &net.DNSError{IsNotFound: true}), 1, 1, false},
		"DNS down":           {opError("dial", &net.DNSError{IsTemporary: true}), 2, 2, true},
		"a bad address":      {opError("dial", &net.AddrError{Err: "missing port"}), 1, 1, false},
		"a bad IP address":   {opError("dial", &net.ParseError{Type: "IP address"}), 1, 1, false},
		"a bad network":      {opError("dial", net.UnknownNetworkError("carrier pigeon")), 1, 1, false},
		"reset":              {opError("read", syscall.ECONNRESET), 2, 1, true},
		"broken pipe":        {opError("write", syscall.EPIPE), 2, 1, true},
		"EOF":                {io.EOF, 2, 1, true},
		"unexpected EOF":     {io.ErrUnexpectedEOF, 2, 1, true},
		"server closed idle": {errors.New("http: server closed idle connection"), 2, 1, true},
		"h2 lost":            {errors.New("http2: client connection lost"), 2, 1, true},
		"h2 GOAWAY, begun":   {errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`), 2, 1, true},
		"h2 GOAWAY, unseen":  {errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), 2, 2, true},
		"h2 refused":         {h2Error{0x7}, 2, 2, true},
		"h2 internal":        {h2Error{0x2}, 2, 1, true},
		"h2 cancel":          {h2Error{0x8}, 2, 1, true},
		"h2 calm":            {h2Error{0xb}, 2, 1, true},
		"h2 protocol":        {h2Error{0x1}, 2, 1, true},
		"x509":               {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, 1, 1, false},
		"x509, by a proxy":   {opError("proxyconnect", &tls.CertificateVerificationError{Err: x509.HostnameError{}}), 1, 1, false},
		"bare x509":          {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, 1, 1, false},
		"no TLS":             {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, 2, 1, true},
		"TLS alert":          {opError("remote error", tls.AlertError(42)), 1, 1, false},
		"handshake timeout":  {timeout("net/http: TLS handshake timeout"), 2, 2, true},
		"header timeout":     {timeout("net/http: timeout awaiting response headers"), 2, 1, true},
		"bad scheme":         {errors.New(`unsupported protocol scheme "gopher"`), 1, 1, false},
		"unknown":            {errors.New("who knows"), 2, 1, true},
		"canceled, not here": {context.Canceled, 2, 1, true},
		"says so itself":     {resilience.MarkTransient(errors.New("again")), 2, 1, true},
		"a refusal":          {resilience.MarkRejected(errors.New("no")), 1, 1, false},
		"a dial, marked":     {resilience.MarkPermanent(opError("dial", syscall.ECONNREFUSED)), 1, 1, false},
		"never twice":        {resilience.MarkNoRetry(io.EOF, resilience.Transient), 1, 1, true},
	} {
		for method, want := range map[string]int{"GET": c.get, "POST": c.post} {
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			attempts := 0
			rt := newTransport(t, newPipeline(t, soon(1), gate), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				attempts++
				return nil, c.err
			})))
			_, err = rt.RoundTrip(newRequest(t, method, strings.NewReader("body")))
			require.Equal(t, want, attempts, "%s, %s", name, method)
			require.True(t, errors.Is(err, c.err) || strings.Contains(err.Error(), c.err.Error()), "%s, %s: %v", name, method, err)
			require.Equal(t, c.failure, gate.Counts().Failures > 0, "%s, %s: a failure to a breaker", name, method)
		}
	}
}

type timeout string

func (e timeout) Error() string { return string(e) }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// A POST that timed out is not sent again, and is a timeout to url.Error.
func TestTimeoutsAreTimeouts(t *testing.T) {
	client := &http.Client{Transport: newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
		return nil, timeout("net/http: timeout awaiting response headers")
	})))}
	_, err := client.Do(newRequest(t, "POST", nil))
	var e net.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Timeout())
	require.ErrorContains(t, err, "not idempotent")
}
