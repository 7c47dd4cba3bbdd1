package holdfasthttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// slowBase sends each upload twice. It answers after a pause.
type slowBase struct {
	itself   bool // it repeats by GetBody; otherwise it asks for another request
	answerIn time.Duration
	requests int
}

var errRefusedAfterBody = errors.New("http2: Transport: cannot retry err [stream error: stream ID 3; REFUSED_STREAM] " +
	"after Request.Body was written; define Request.GetBody to avoid this error")

func (s *slowBase) RoundTrip(req *http.Request) (*http.Response, error) {
	s.requests++
	if err := read(req.Context(), req.Body); err != nil {
		return nil, err
	}
	if s.itself {
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		_ = req.Body.Close() // late: the other upload has begun
		if err := read(req.Context(), again); err != nil {
			return nil, err
		}
		_ = again.Close()
	} else if s.requests == 1 {
		return nil, errRefusedAfterBody
	}
	select {
	case <-time.After(s.answerIn):
		return response(http.StatusOK, http.NoBody), nil
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
	}
}

// read reads body until it or ctx ends.
func read(ctx context.Context, body io.Reader) error {
	for {
		_, err := body.Read(make([]byte, 1))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// An upload that is sent again in the same attempt has as much time as the first one, and so has
// the answer to it, whether the base or the Transport sends it again.
func TestUploadStallOfARepeatedUpload(t *testing.T) {
	for name, c := range map[string]struct {
		method   string
		base     slowBase
		requests int
		stall    time.Duration
		took     time.Duration
		err      error
	}{
		"by the base":                            {"PUT", slowBase{itself: true, answerIn: 2 * second}, 1, 1500 * ms, 12 * second, nil},
		"by the base, and the answer hangs":      {"PUT", slowBase{itself: true, answerIn: time.Hour}, 1, 1500 * ms, 13 * second, context.DeadlineExceeded},
		"by the Transport":                       {"POST", slowBase{answerIn: 2 * second}, 2, 1500 * ms, 12 * second, nil},
		"by the Transport, and the answer hangs": {"POST", slowBase{answerIn: time.Hour}, 2, 1500 * ms, 13 * second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false), deadline.In(3*second)),
					holdfasthttp.WithBase(&c.base), holdfasthttp.WithUploadStall(c.stall))
				req := newRequest(t, c.method, &drip{5})
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(&drip{5}), nil }
				start := time.Now()
				_, err := rt.RoundTrip(req)
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.took, time.Since(start))
				require.Equal(t, c.requests, c.base.requests)
			})
		})
	}
}
