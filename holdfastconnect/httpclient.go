package holdfastconnect

import (
	"net/http"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

// NewHTTPClient returns base, the HTTP client of a Connect client, as one that works together with
// the client interceptor. Give it to the constructor of the client, instead of base. A client whose
// calls must not be carried out twice needs it.
//
// It keeps net/http from repeating the request of a call that may not be repeated, unless the
// server has not processed it: then it repeats the request once, at once. Without it the
// interceptor ends such an attempt, and cannot tell whether the server has processed it. A call
// that may be repeated is not changed.
//
// It also tells the interceptor of HTTP responses which are no answers of a Connect server, such as
// the 503 of a load balancer: Connect's error has neither their status nor their headers. So the
// interceptor waits as long as Retry-After asks, and takes 429 for an Overload.
//
// The error says that base is nil. The client is safe for concurrent use if base is. It does not
// allocate for an answer with status 200.
func NewHTTPClient(base connect.HTTPClient) (connect.HTTPClient, error) {
	check := &adapter.Check{Package: "holdfastconnect"}
	check.NotNil("base", base, "want the client's connect.HTTPClient, such as http.DefaultClient")
	if err := check.Err(); err != nil {
		return nil, err
	}
	return httpClient{base}, nil
}

type httpClient struct{ base connect.HTTPClient }

func (c httpClient) Do(req *http.Request) (*http.Response, error) {
	w, _ := req.Context().Value(wireKey{}).(*wire)
	if w == nil {
		return c.base.Do(req)
	}
	w.enter()
	defer w.leave()
	resp, err := c.send(req, w)
	if err == nil && resp != nil && resp.StatusCode != http.StatusOK {
		w.answer.Store(&httpAnswer{status: resp.StatusCode, pause: holdfasthttp.RetryAfter(resp.Header)})
	}
	return resp, err
}

func (c httpClient) send(req *http.Request, w *wire) (*http.Response, error) {
	if !w.repeat.never {
		return c.base.Do(req)
	}
	client, ok := c.base.(*http.Client)
	if !ok || client == nil {
		return w.send(req, true, c.base.Do)
	}
	once := *client
	if once.Transport == nil {
		once.Transport = http.DefaultTransport
	}
	once.Transport = onceTransport{once.Transport, w}
	return once.Do(req)
}
