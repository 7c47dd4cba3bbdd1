package holdfasthttp

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// ProxyError says that a proxy refused a CONNECT: the request was not sent to the server.
// [OnProxyConnect] returns it.
type ProxyError struct {
	Proxy      string // the proxy's host
	StatusCode int    // of the refusal
	Header     http.Header

	retryAfter time.Duration
}

// OnProxyConnect returns a [*ProxyError] for a proxy's response to CONNECT that is not 200. Set it
// as the OnProxyConnectResponse of an http.Transport that is not itself the base of a Transport,
// but is wrapped by the base, for example by an instrumented RoundTripper:
//
//	inner.OnProxyConnectResponse = holdfasthttp.OnProxyConnect
//
// net/http's own error for a refused CONNECT is only the text of the status, which proves nothing.
// If the base is an *http.Transport itself, OnProxyConnect adds only the proxy's Retry-After.
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

// Unsent returns true: nothing was sent to the server.
func (e *ProxyError) Unsent() bool { return true }

// RetryAfter is the pause that the proxy asked for, 0 if it did not.
func (e *ProxyError) RetryAfter() time.Duration { return e.retryAfter }

// Verdict is Permanent if the proxy would refuse again (a 407, for example), else Transient or
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
