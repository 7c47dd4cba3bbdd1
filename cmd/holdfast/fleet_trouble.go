package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"

	"github.com/media-gateway/holdfast/internal/visible"
)

// said is an error of what the page does: "the page at https://pod/holdfast/ is closed".
func (p *page) said(what string) error {
	u := *p.base
	u.User = nil // its password is a secret, and its name may be
	return fmt.Errorf("the page at %s %s", visible.Name(u.String()), what)
}

// failed says in plain words why a page did not answer to a request of that method.
func (p *page) failed(method string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address, which may have a password
	}
	why := lost(err)
	switch {
	case why == "":
		why = whyNot(err, p.base.Hostname())
	case method == http.MethodPost:
		why += "; whether the order was given is not known"
	}
	return p.said(why)
}

// lost says why an answer did not come that may have been under way, or "".
func lost(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "did not answer in time"
	case errors.Is(err, context.Canceled):
		return "was not waited for"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "broke the connection off"
	}
	return ""
}

func whyNot(err error, host string) string {
	switch {
	case errors.Is(err, errElsewhere):
		return err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "does not answer: nobody listens on that port"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "cannot be found: there is no host of that name"
		}
		return "cannot be found: the name service does not answer"
	}
	if text := ofTLS(err, host); text != "" {
		return text
	}
	return "cannot be asked: " + visible.Line(err.Error())
}

// ofTLS says what is wrong with TLS, or "".
func ofTLS(err error, host string) string {
	const own = "; if that is your own authority, give its certificate by $SSL_CERT_FILE"
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return "speaks no TLS; want -url http://… if that is meant"
	case err.Error() == "http: server gave HTTP response to HTTPS client":
		return "speaks no TLS; want -url http://… if that is meant"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "has a certificate that nobody has signed whom this machine trusts" + own
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		names := e.Certificate.DNSNames
		if len(names) > 3 {
			names = names[:3]
		}
		return fmt.Sprintf("has a certificate for %q, and not for %s", names, visible.Name(host))
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "has a certificate whose time is over, or has not come; are the clocks right?"
	}
	if e, ok := errors.AsType[tls.AlertError](err); ok {
		return "refuses TLS: " + visible.Line(e.Error())
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "has a certificate that is not valid: " + visible.Line(e.Err.Error())
	}
	return ""
}
