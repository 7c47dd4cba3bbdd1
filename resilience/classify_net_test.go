package resilience_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func dialError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

func readError(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }

func urlError(err error) error { return &url.Error{Op: "Get", URL: "http://x", Err: err} }

type temporaryError bool

func (e temporaryError) Error() string   { return "for now" }
func (e temporaryError) Temporary() bool { return bool(e) }

type unsentError bool

func (e unsentError) Error() string     { return "not sent" }
func (e unsentError) SafeToRetry() bool { return bool(e) }

type sendError struct{ err error }

func (e *sendError) Error() string         { return "request send failed" }
func (e *sendError) Unwrap() error         { return e.err }
func (e *sendError) ConnectionError() bool { return true }

// Errors of the standard library about a connection.
func TestClassifyConnections(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"a dial that failed, nobody knows why":       {dialError(errUnknown), resilience.Transient},
		"a dial by a proxy":                          {&net.OpError{Op: "proxyconnect", Err: errUnknown}, resilience.Transient},
		"a dial by SOCKS":                            {&net.OpError{Op: "socks connect", Err: errUnknown}, resilience.Transient},
		"a dial to a socket that is not there yet":   {dialError(os.NewSyscallError("connect", syscall.ENOENT)), resilience.Transient},
		"a dial without permission":                  {dialError(os.NewSyscallError("connect", syscall.EACCES)), resilience.Unclassified},
		"a dial that is not permitted":               {dialError(syscall.EPERM), resilience.Unclassified},
		"a dial with another error that says so":     {dialError(fs.ErrPermission), resilience.Unclassified},
		"a dial to an address that is none":          {dialError(&net.AddrError{Err: "missing port in address"}), resilience.Permanent},
		"a dial to a number that is none":            {dialError(&net.ParseError{Type: "IP address"}), resilience.Permanent},
		"a dial to a network that is none":           {dialError(net.UnknownNetworkError("tpc")), resilience.Permanent},
		"a dial from an address that is none":        {dialError(net.InvalidAddrError("x")), resilience.Permanent},
		"a read that failed, nobody knows why":       {readError(errUnknown), resilience.Unclassified},
		"closed on this side":                        {readError(net.ErrClosed), resilience.Transient},
		"closed on this side, bare":                  {net.ErrClosed, resilience.Transient},
		"a file that is closed":                      {os.ErrClosed, resilience.Unclassified},
		"bad connection":                             {driver.ErrBadConn, resilience.Transient},
		"no rows":                                    {sql.ErrNoRows, resilience.Permanent},
		"no rows, beside a team's own word for that": {errors.Join(errUnknown, sql.ErrNoRows), resilience.Permanent},
		"transaction done":                           {sql.ErrTxDone, resilience.Permanent},
		"transaction done, in a list of its own":     {errors.Join(sql.ErrTxDone), resilience.Permanent},
		"connection done":                            {sql.ErrConnDone, resilience.Permanent},
		"EOF":                                        {io.EOF, resilience.Unclassified},
		"EOF instead of an answer":                   {urlError(io.EOF), resilience.Transient},
		"EOF instead of an answer, wrapped":          {urlError(fmt.Errorf("traced: %w", io.EOF)), resilience.Transient},
		"EOF around a request":                       {errors.Join(io.EOF, urlError(errUnknown)), resilience.Unclassified},
		"temporary":                                  {temporaryError(true), resilience.Transient},
		"not temporary":                              {temporaryError(false), resilience.Unclassified},
		"not sent":                                   {unsentError(true), resilience.Transient},
		"perhaps sent":                               {unsentError(false), resilience.Unclassified},
		"sending failed":                             {&sendError{errUnknown}, resilience.Transient},
		"sending failed, by the certificate":         {&sendError{x509.UnknownAuthorityError{}}, resilience.Permanent},

		"certificate":                    {urlError(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), resilience.Permanent},
		"certificate of another host":    {x509.HostnameError{Certificate: &x509.Certificate{}}, resilience.Permanent},
		"certificate that is over":       {x509.CertificateInvalidError{Reason: x509.Expired}, resilience.Permanent},
		"no TLS":                         {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, resilience.Permanent},
		"alert: internal_error":          {&net.OpError{Op: "remote error", Err: tls.AlertError(80)}, resilience.Transient},
		"alert: handshake_failure":       {tls.AlertError(40), resilience.Permanent},
		"alert: protocol_version":        {tls.AlertError(70), resilience.Permanent},
		"alert: certificate_required":    {tls.AlertError(116), resilience.Permanent},
		"alert: of whatever cause":       {tls.AlertError(10), resilience.Unclassified},
		"idle connection":                {urlError(errors.New("http: server closed idle connection")), resilience.Transient},
		"GOAWAY":                         {errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1"), resilience.Transient},
		"broken by what nobody knows":    {urlError(fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", errUnknown)), resilience.Transient},
		"scheme":                         {urlError(errors.New(`unsupported protocol scheme "foo"`)), resilience.Permanent},
		"http to https":                  {urlError(http.ErrSchemeMismatch), resilience.Permanent},
		"URL that is none":               {&url.Error{Op: "parse", URL: ":", Err: errors.New("missing protocol scheme")}, resilience.Permanent},
		"escape that is none":            {url.EscapeError("%zz"), resilience.Permanent},
		"host that is none":              {url.InvalidHostError("a b"), resilience.Permanent},
		"the words in a team's own type": {saying("http: server closed idle connection"), resilience.Unclassified},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want.String(), resilience.Classify(c.err).String())
			require.Equal(t, c.want.String(), resilience.Classify(fmt.Errorf("wrapped: %w", c.err)).String(), "wrapped")
		})
	}
}

type saying string

func (e saying) Error() string { return string(e) }

// An error of one of net/http's types that is not a stream's is judged by its text.
func TestAnAnswerThatIsNoHTTP(t *testing.T) {
	_, err := http.ReadResponse(bufio.NewReader(strings.NewReader("+OK POP3 server ready\r\n")), nil)
	require.Error(t, err)
	require.Equal(t, resilience.Transient, resilience.Classify(err), "%T: %v", err, err)
}
