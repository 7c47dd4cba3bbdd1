package docs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// callOnce is a client that has no loop.
func callOnce(url string) error {
	resp, err := http.Get(url) //nolint:gosec,noctx // the address is the test's own
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is lost with it
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil
}

// The recipe of docs/clients.md, with a client that does not retry.
func Example_countRequests() {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sent.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	err := callOnce(server.URL) // one call of your client
	fmt.Println(sent.Load(), err)
	http.DefaultClient.CloseIdleConnections()
	// Output: 1 the server answered 503 Service Unavailable
}
