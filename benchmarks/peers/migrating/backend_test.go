package migrating_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// backend is a transport and the server behind it. It answers by a script: one answer for each
// request, the last one for all others.
type backend struct {
	script []answer
	bodies []string // of the requests that came
}

type answer struct {
	status     int
	retryAfter string
	err        error
	hang       bool // until the request's ctx ends
}

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		body = string(text)
	}
	b.bodies = append(b.bodies, body)
	a := b.script[min(len(b.bodies), len(b.script))-1]
	if a.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{}
	if a.retryAfter != "" {
		header.Set("Retry-After", a.retryAfter)
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader("from the server")), Request: r,
	}, nil
}

func pipeline(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	return p
}
