package demo

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// dependencies are the names of the backends that every client has.
var dependencies = [...]string{"payments", "auth"}

// server is a backend that listens on a loopback port of its own.
type server struct {
	*Backend
	name string
	url  string
	http *http.Server
	done chan struct{} // closed when Serve has returned
}

func serve(name string, b *Backend) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("demo: cannot listen for the backend %q on the loopback interface: %w", name, err)
	}
	s := &server{
		Backend: b,
		name:    name,
		url:     "http://" + l.Addr().String() + "/",
		done:    make(chan struct{}),
		http: &http.Server{
			Handler:           b,
			ReadHeaderTimeout: 5 * time.Second,
			ErrorLog:          log.New(io.Discard, "", 0), // callers who leave are expected
		},
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // always returns http.ErrServerClosed
	}()
	return s, nil
}

// shutDown returns when the server and its backend have ended. Call it after the calls have ended.
func (s *server) shutDown() {
	_ = s.http.Close()
	<-s.done
	s.Close()
}

// newHTTPClient returns an HTTP client for one client of the demo.
func newHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		// Enough for the connections of a burst: the demo is not about dialing.
		MaxIdleConnsPerHost: 256,
		DisableCompression:  true,
	}}
}

// request makes one attempt. It is a POST: if a connection breaks, the transport sends a GET again
// by itself, and these attempts would not be counted.
func request(ctx context.Context, c *http.Client, service, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // the body was read
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &resilience.Error{Kind: resilience.KindExternalAPI, Service: service, Status: resp.StatusCode}
	}
	return nil
}
