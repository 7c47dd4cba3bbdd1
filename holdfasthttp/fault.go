package holdfasthttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"reflect"
	"strings"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// proof says of what an error proves that it was not carried out.
type proof uint8

const (
	// provesNothing: a base may also return such an error after it has sent the request. One that
	// writes an answer to a file may. (The error of a failed dial is proof by itself: see unsent.)
	provesNothing   proof = iota
	provesOneTry          // the try that it is of, but not those that the base may have made before
	provesUnwritten       // likewise; the watch knows whether others were written
	provesAll             // any try of that request
)

// callersFaults are the errors of a base that are the fault of the caller, or of the caller's
// configuration: another attempt would fail in the same way, and the server is not to blame. Every
// error that is not in this list is treated as the server's.
var callersFaults = []struct {
	why string
	is  func(f *failure, err error) bool

	proves proof
}{
	{"the request's own body failed", func(f *failure, err error) bool { return f.upload.failed(err) || isAn[*fs.PathError](err) }, provesNothing},
	{"no transport can send such a request", func(f *failure, _ error) bool { return f.req != nil && malformed(f.req) }, provesAll},
	{"the transport does not know the scheme", says("unsupported protocol scheme "), provesAll},
	{"Content-Length without a body", whileWriting(withoutBody), provesUnwritten},
	{"the body is not as long as Content-Length says", wrongLength, provesNothing},
	{"the host does not exist", func(_ *failure, err error) bool {
		e, ok := errors.AsType[*net.DNSError](err)
		return ok && e.IsNotFound
	}, provesNothing},
	{"the address is none", func(_ *failure, err error) bool {
		return isAn[*net.AddrError](err) || isAn[*net.ParseError](err) || isAn[net.InvalidAddrError](err) ||
			isAn[net.UnknownNetworkError](err)
	}, provesNothing},
	{"the system does not allow the connection", func(_ *failure, err error) bool { return errors.Is(err, fs.ErrPermission) }, provesNothing},
	{"the server's certificate is not trusted here", func(_ *failure, err error) bool {
		return isAn[*tls.CertificateVerificationError](err) || isAn[x509.UnknownAuthorityError](err) ||
			isAn[x509.HostnameError](err) || isAn[x509.CertificateInvalidError](err) || isAn[x509.SystemRootsError](err)
	}, provesNothing},
	{"the server takes neither our certificate nor our TLS", func(_ *failure, err error) bool { return aboutUs(err) }, provesOneTry},
	{"the port does not speak TLS", func(f *failure, err error) bool {
		return errors.Is(err, http.ErrSchemeMismatch) || isAn[tls.RecordHeaderError](err) && f.unsent(err)
	}, provesNothing},
	{"the proxy does not let us through", func(f *failure, err error) bool {
		code := f.proxyStatus(err)
		return code >= 400 && code <= 499 && !defaultStatuses.has(code)
	}, provesOneTry},
	{"the SOCKS proxy does not let us through", func(_ *failure, err error) bool {
		e, ok := errors.AsType[*net.OpError](err)
		return ok && strings.HasPrefix(e.Op, "socks ") && e.Err != nil && socksRefuses(foreign.Text(e.Err))
	}, provesOneTry},
}

// failure is what is known of an attempt without a response, in addition to its error.
type failure struct {
	req     *http.Request // the caller's; nil if it is not known
	watch   *watch        // nil if nobody watched
	foreign bool          // the base is no http.Transport: it may use others than the one that is watched, and try several times
	upload  *upload       // nil if the body cannot fail
}

// judge classifies an error of the base that does not carry a verdict itself.
func (f *failure) judge(err error) resilience.Verdict {
	if f.isCallers(err) {
		return resilience.Permanent
	}
	if f.proxyStatus(err) == http.StatusTooManyRequests || asksForCalm(err) || resilience.Classify(err) == resilience.Overload {
		return resilience.Overload
	}
	return resilience.Transient
}

// isCallers reports whether err is the caller's fault.
func (f *failure) isCallers(err error) bool {
	for _, fault := range callersFaults {
		if fault.is(f, err) {
			return true
		}
	}
	return false
}

// isLate reports whether err is the caller's fault, but may come after the request was carried out.
func (f *failure) isLate(err error) bool {
	for _, fault := range callersFaults {
		if fault.is(f, err) {
			switch fault.proves {
			case provesAll:
				return false
			case provesOneTry:
				return f.hidesTries()
			case provesUnwritten:
				return f.watch.mayHaveWritten()
			default:
				return true
			}
		}
	}
	return false
}

func isAn[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// says matches errors of net/http that have no exported type, by the beginning of their text.
func says(prefixes ...string) func(*failure, error) bool {
	return func(_ *failure, err error) bool {
		return everyBranch(err, func(err error) bool {
			for _, prefix := range prefixes {
				if strings.HasPrefix(foreign.Text(err), prefix) {
					return true
				}
			}
			return false
		})
	}
}

// withoutBody matches a Content-Length of a request without a body. HTTP/1.1 sends at most a part
// of its headers.
var withoutBody = says("http: Request.ContentLength=")

// wrongLength matches a body that is longer or shorter than Content-Length says. The server may
// still have received a complete request.
var wrongLength = whileWriting(says("http: ContentLength=", "http2: request body larger than"))

// whileWriting asks is about the error of the RoundTrip, and about that with which the writing of
// the request ended: RoundTrip may return what followed from it.
func whileWriting(is func(*failure, error) bool) func(*failure, error) bool {
	return func(f *failure, err error) bool { return is(f, err) || is(f, f.watch.brokeOff()) }
}

// malformed reports whether no transport can send req, because a required part is missing or HTTP
// does not allow a part.
func malformed(req *http.Request) bool {
	if req.URL == nil || req.Header == nil {
		return true
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return req.URL.Scheme == ""
	}
	return req.URL.Host == "" || req.Method != "" && !validName(req.Method) || badFields(req.Header) || badFields(req.Trailer)
}

func badFields(fields http.Header) bool {
	for name, values := range fields {
		if !validName(name) {
			return true
		}
		for _, value := range values {
			if !validValue(value) {
				return true
			}
		}
	}
	return false
}

// validValue reports whether value is a field value of RFC 9110.
func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// aboutUs reports whether err is a TLS alert that refuses this client, for example its certificate
// or its TLS version. (A server with a problem of its own sends other alerts, such as
// internal_error.)
func aboutUs(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Op != "remote error" || e.Err == nil {
		return false
	}
	alert := reflect.ValueOf(e.Err) // crypto/tls does not export the type
	if alert.Kind() != reflect.Uint8 {
		return false
	}
	switch alert.Uint() { // RFC 8446, section 6
	case 40, // handshake_failure
		42, 43, 44, 45, 46, 48, // bad, unsupported, revoked, expired, unknown certificate; unknown CA
		49,     // access_denied
		70, 71, // protocol_version, insufficient_security
		86,       // inappropriate_fallback
		112,      // unrecognized_name
		116, 120: // certificate_required, no_application_protocol
		return true
	}
	return false
}

// proxyStatus returns the status with which a proxy refused a CONNECT, 0 if it did not. It is in a
// *ProxyError, or in the text of net/http's error, which is only the status text and is trusted
// only if there was no connection to the server.
func (f *failure) proxyStatus(err error) int {
	if e, ok := errors.AsType[*ProxyError](err); ok && e != nil {
		return e.StatusCode
	}
	if f.watch == nil || f.foreign || f.watch.got.Load() > 0 || f.req.URL == nil || f.req.URL.Scheme != "https" {
		return 0
	}
	return statusOf(foreign.Text(err))
}

// statusOf returns the error status with that text, 0 if there is none.
func statusOf(text string) int {
	for code := minStatus; code <= maxStatus; code++ {
		if known := http.StatusText(code); known != "" && strings.EqualFold(known, text) {
			return code
		}
	}
	return 0
}

// socksRefuses reports whether text is a permanent refusal of RFC 1928 or RFC 1929.
func socksRefuses(text string) bool {
	for _, refusal := range []string{
		"connection not allowed by ruleset", "command not supported", "address type not supported",
		"no acceptable authentication methods", "authentication failed", "invalid username/password",
		"FQDN too long", "port number out of range",
	} {
		if strings.Contains(text, refusal) {
			return true
		}
	}
	return false
}
