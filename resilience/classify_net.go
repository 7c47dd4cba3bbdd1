package resilience

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"reflect"
	"strings"
)

// connectionVerdict judges err itself by what it says of the connection. It sets in.inURL for the
// errors that a *url.Error wraps.
func connectionVerdict(err error, in *place) Verdict {
	if brokenConnection(err) {
		return Transient
	}
	switch e := err.(type) { //nolint:errorlint // one step of the walk
	case *url.Error:
		in.inURL = true
		if e.Op == "parse" {
			return Permanent
		}
		return Unclassified
	case *net.DNSError:
		if !e.IsNotFound && (e.IsTemporary || e.IsTimeout) {
			return Transient
		}
		return Permanent
	case *net.AddrError, *net.ParseError, net.UnknownNetworkError, net.InvalidAddrError,
		url.EscapeError, url.InvalidHostError:
		return Permanent
	}
	switch {
	case err == io.EOF && in.inURL, //nolint:errorlint // one step of the walk, here and below
		err == io.ErrUnexpectedEOF, err == net.ErrClosed, err == driver.ErrBadConn: //nolint:errorlint // likewise
		return Transient
	}
	return libraryVerdict(err)
}

// isDial reports whether e says that there is no connection: "proxyconnect" and "socks connect" are
// net/http's words for one through a proxy.
func isDial(e *net.OpError) bool {
	return e.Op == "dial" || e.Op == "proxyconnect" || e.Op == "socks connect"
}

// guess returns what err itself means, unless something else in the tree says more.
func guess(err error, in place) Verdict {
	switch {
	case err == sql.ErrNoRows: //nolint:errorlint // one step of the walk
		return Permanent
	case err == sql.ErrTxDone, err == sql.ErrConnDone: //nolint:errorlint // likewise
		if in.joined { // a rollback after a failure returns it: it is not what failed
			return Unclassified
		}
		return Permanent
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case *net.OpError:
		if isDial(e) && mayDialLater(e.Err) {
			return Transient
		}
	case interface{ SafeToRetry() bool }: // pgx: nothing was sent
		return yes(e.SafeToRetry())
	case interface{ ConnectionError() bool }: // AWS
		return yes(e.ConnectionError())
	}
	if e, ok := err.(interface{ Temporary() bool }); ok { //nolint:errorlint // likewise
		return yes(e.Temporary())
	}
	return Unclassified
}

// mayDialLater reports whether a dial that failed with err may work later. Without the permission
// it will not. (What else err says, connectionVerdict judges.)
func mayDialLater(err error) bool { return !errors.Is(err, fs.ErrPermission) }

func yes(is bool) Verdict {
	if is {
		return Transient
	}
	return Unclassified
}

// libraryVerdict knows errors of net/http and crypto/tls by the names of their types and by their
// text. Those packages are too large to import for that, and export few of their errors. If a
// release of Go changes one, the error becomes Unclassified, and a test of integration/clients
// fails.
func libraryVerdict(err error) Verdict {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "crypto/x509":
		return Permanent
	case "crypto/tls":
		return tlsVerdict(t.Name(), reflect.ValueOf(err))
	case "net/http", "net/http/internal/http2", "golang.org/x/net/http2":
		if v := streamVerdict(reflect.Indirect(reflect.ValueOf(err))); v != Unclassified {
			return v
		}
		return httpVerdict(err.Error())
	case "fmt":
		return httpVerdict(err.Error())
	case "errors":
		if len(inside(err)) == 0 { // joined errors are judged one by one, not by their common text
			return httpVerdict(err.Error())
		}
	}
	return Unclassified
}

// tlsVerdict judges an error of crypto/tls.
func tlsVerdict(name string, v reflect.Value) Verdict {
	switch name {
	case "CertificateVerificationError", "RecordHeaderError", "ECHRejectionError":
		return Permanent
	case "alert", "AlertError":
		if v.Kind() != reflect.Uint8 {
			return Unclassified
		}
	default:
		return Unclassified
	}
	switch v.Uint() { // RFC 8446, section 6
	case 80: // internal_error
		return Transient
	case 40, 42, 43, 44, 45, 46, 48, 49, // handshake_failure, certificates, access_denied
		70, 71, 86, 109, 110, 112, 115, 116, 120: // versions, extensions, names, protocols
		return Permanent
	}
	return Unclassified
}

// streamVerdict judges the reset of an HTTP/2 stream, by the code of RFC 9113, section 7.
func streamVerdict(v reflect.Value) Verdict {
	code := field(v, "Code")
	if !field(v, "StreamID").IsValid() || code.Kind() != reflect.Uint32 {
		return Unclassified
	}
	switch code.Uint() {
	case 0x2, 0x5, 0x7, 0x8: // INTERNAL_ERROR, STREAM_CLOSED, REFUSED_STREAM, CANCEL
		return Transient
	case 0xb: // ENHANCE_YOUR_CALM
		return Overload
	case 0xd: // HTTP_1_1_REQUIRED
		return Permanent
	}
	return Unclassified
}

// The beginnings of the texts of net/http's errors.
var (
	connectionDied = [...]string{
		"http: server closed idle connection",
		"net/http: HTTP/1.x transport connection broken",
		"malformed HTTP response", "malformed HTTP status code", "malformed HTTP version",
		"http2: client connection lost",
		"http2: client conn not usable", "http2: client conn could not be established",
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: server sent GOAWAY and closed the connection",
	}
	neverSent = [...]string{
		"unsupported protocol scheme", "http: server gave HTTP response to HTTPS client",
		"http: no Host in request URL", "http: nil Request", "http: Request.RequestURI can't be set",
		"http: invalid Host header", "net/http: invalid ", "http: ContentLength=",
		"http2: unsupported scheme", "http2: request body larger than specified content length",
		"stopped after 10 redirects",
	}
)

func httpVerdict(text string) Verdict {
	for _, prefix := range connectionDied {
		if strings.HasPrefix(text, prefix) {
			return Transient
		}
	}
	for _, prefix := range neverSent {
		if strings.HasPrefix(text, prefix) {
			return Permanent
		}
	}
	return Unclassified
}
