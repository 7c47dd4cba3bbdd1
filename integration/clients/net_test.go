package clients

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"syscall"
	"testing"

	"golang.org/x/net/http2"
)

func dial(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

func readFrom(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }

func call(name string, no syscall.Errno) error { return os.NewSyscallError(name, no) }

func TestNet(t *testing.T) {
	_, unknownNetwork := (&net.Dialer{}).DialContext(t.Context(), "tpc", "127.0.0.1:1")
	_, missingPort := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1")
	_, noSocket := (&net.Dialer{}).DialContext(t.Context(), "unix", t.TempDir()+"/none.sock")
	get := func(err error) error { return &url.Error{Op: "Get", URL: "https://x", Err: err} }

	check(t, []row{
		{name: "no such host", err: dial(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), should: permanent},
		{name: "DNS server misbehaving", err: dial(&net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}), should: transient},
		{name: "DNS timeout", err: dial(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), should: transient},
		{name: "unknown network", err: unknownNetwork, should: permanent},
		{name: "missing port", err: missingPort, should: permanent},
		{name: "no socket there yet", err: noSocket, should: transient},
		{name: "use of a closed connection", err: readFrom(net.ErrClosed), should: transient},
		{name: "ETIMEDOUT", err: readFrom(call("read", syscall.ETIMEDOUT)), should: transient},
		{name: "ENETRESET", err: readFrom(call("read", syscall.ENETRESET)), should: transient},
		{name: "EMFILE", err: dial(call("socket", syscall.EMFILE)), should: transient},
		{name: "EADDRNOTAVAIL", err: dial(call("connect", syscall.EADDRNOTAVAIL)), should: transient},
		{name: "EHOSTDOWN", err: dial(call("connect", syscall.EHOSTDOWN)), should: transient},
		{name: "EACCES", err: dial(call("connect", syscall.EACCES)), should: permanent, is: unclassified},
		{name: "TLS alert internal_error", err: tls.AlertError(80), should: transient},
		{name: "TLS alert internal_error, remote", err: &net.OpError{Op: "remote error", Err: tls.AlertError(80)}, should: transient},
		{name: "TLS alert bad_certificate", err: tls.AlertError(42), should: permanent},
		{name: "certificate of another host", err: get(x509.HostnameError{Host: "x", Certificate: &x509.Certificate{}}), should: permanent},
		{name: "no TLS on the other side", err: get(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), should: permanent},
		{name: "idle connection closed by the server", err: get(errors.New("http: server closed idle connection")), should: transient},
		{name: "http.ErrSchemeMismatch", err: get(http.ErrSchemeMismatch), should: permanent},
		{name: "HTTP/2 INTERNAL_ERROR", err: http2.StreamError{StreamID: 309, Code: http2.ErrCodeInternal}, should: transient},
		{name: "HTTP/2 ENHANCE_YOUR_CALM", err: http2.StreamError{StreamID: 1, Code: http2.ErrCodeEnhanceYourCalm}, should: overload},
		{name: "HTTP/2 GOAWAY", err: http2.GoAwayError{LastStreamID: 8329}, should: transient}, //nolint:staticcheck // clients return it
		{name: "SMTP 421", err: &textproto.Error{Code: 421, Msg: "service not available"}, should: transient},
		{name: "SMTP 450", err: &textproto.Error{Code: 450, Msg: "mailbox busy"}, should: transient},
		{name: "SMTP 550", err: &textproto.Error{Code: 550, Msg: "no such user"}, should: permanent},
	})
}

func TestDatabaseSQL(t *testing.T) {
	check(t, []row{
		{name: "driver.ErrBadConn", err: driver.ErrBadConn, should: transient},
		{name: "sql.ErrConnDone", err: sql.ErrConnDone, should: permanent},
		{name: "sql.ErrTxDone", err: sql.ErrTxDone, should: permanent},
		{name: "sql.ErrNoRows", err: sql.ErrNoRows, should: permanent},
		{name: "a statement's fate beside a finished transaction", err: errors.Join(driver.ErrBadConn, sql.ErrTxDone), should: transient},
	})
}
