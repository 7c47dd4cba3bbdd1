package holdfasthttp

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// ProxyError is the refusal of a CONNECT by a proxy: the request was never sent to the server.
// OnProxyConnect makes it.
type ProxyError struct {
	Proxy      string // the proxy's host
	StatusCode int    // with which it refused
	Header     http.Header

	retryAfter time.Duration
}

// OnProxyConnect is for the field OnProxyConnectResponse of an http.Transport that is not itself
// the base of a Transport, but stands inside of one, such as an instrumented one's:
//
//	inner.OnProxyConnectResponse = holdfasthttp.OnProxyConnect
//
// net/http's own error for a CONNECT that a proxy refuses is the status's text, which proves
// nothing. Where an *http.Transport is the base itself, a Transport can tell without it, but for
// the proxy's Retry-After.
func OnProxyConnect(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &ProxyError{StatusCode: resp.StatusCode, Header: resp.Header, retryAfter: retryAfter(resp.Header, time.Now())}
	if proxy != nil {
		e.Proxy = proxy.Host
	}
	return e
}

// Error returns "the proxy proxy.example:3128 refused CONNECT: 502 Bad Gateway".
func (e *ProxyError) Error() string {
	return "the proxy " + e.Proxy + " refused CONNECT: " + strconv.Itoa(e.StatusCode) + " " + http.StatusText(e.StatusCode)
}

// Unsent reports that nothing was sent to the server.
func (e *ProxyError) Unsent() bool { return true }

// RetryAfter is how long the proxy asked to be left alone, 0 if it did not.
func (e *ProxyError) RetryAfter() time.Duration { return e.retryAfter }

// Verdict is Permanent for what the proxy will refuse again, a 407 for one, and else Transient or
// Overload.
func (e *ProxyError) Verdict() resilience.Verdict {
	switch {
	case e.StatusCode == http.StatusTooManyRequests, e.retryAfter > 0 && e.StatusCode >= 500:
		return resilience.Overload
	case e.StatusCode >= 400 && e.StatusCode <= 499 && !defaultStatuses.has(e.StatusCode):
		return resilience.Permanent
	}
	return resilience.Transient
}
