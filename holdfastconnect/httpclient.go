package holdfastconnect

import (
	"net/http"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

// NewHTTPClient returns base, the HTTP client of a Connect client, as one that tells the client
// interceptor of HTTP responses which are no answers of a Connect server, such as the 503 of a load
// balancer: Connect's error has neither their status nor their headers. With it, the interceptor
// waits as long as Retry-After asks, and takes 429 for an Overload. It changes nothing else, and
// adds no retries. Give it to the constructor of the client, instead of base.
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
	resp, err := c.base.Do(req)
	if err != nil || resp == nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	if w, ok := req.Context().Value(wireKey{}).(*wire); ok {
		w.answer.Store(&httpAnswer{status: resp.StatusCode, pause: holdfasthttp.RetryAfter(resp.Header)})
	}
	return resp, err
}
