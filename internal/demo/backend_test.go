package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// answer is the answer to a request: its status, and when it came.
type answer struct {
	status int
	after  time.Duration
}

// ask sends n requests to a backend, one right after the other. It returns the answers in the order
// of the requests. Call it in a synctest bubble.
func ask(ctx context.Context, b *Backend, n int) []answer {
	start := time.Now()
	answers := make([]answer, n)
	var requests sync.WaitGroup
	for i := range n {
		requests.Go(func() {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", http.NoBody))
			answers[i] = answer{w.Code, time.Since(start)}
		})
		synctest.Wait() // it waits in the queue, is worked on, or is answered
	}
	requests.Wait()
	return answers
}

func TestBackendTurnsAwayWhatItsQueueCannotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 1, Queue: 2, Service: time.Second}, 1)
		defer b.Close()
		require.Equal(t, []answer{
			{200, time.Second},     // worked on at once
			{200, 2 * time.Second}, // waits first,
			{200, 3 * time.Second}, // in order
			{503, 0},               // no room, no wait
			{503, 0},
		}, ask(t.Context(), b, 5))
		require.Equal(t, BackendCounts{Received: 5, Served: 3, Shed: 2}, b.Counts())
		require.Zero(t, b.Waiting())
	})
}

func TestBackendServesWorkersAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 2, Queue: 10, Service: time.Second}, 1)
		defer b.Close()
		require.Equal(t, []answer{
			{200, time.Second},
			{200, time.Second},
			{200, 2 * time.Second},
			{200, 2 * time.Second},
		}, ask(t.Context(), b, 4))
	})
}

func TestBackendIsSlowForAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 1, Queue: 10, Service: time.Second}, 1)
		defer b.Close()
		b.SlowDown(10)
		require.Equal(t, []answer{{200, 10 * time.Second}}, ask(t.Context(), b, 1))
		b.SlowDown(1)
		require.Equal(t, []answer{{200, time.Second}}, ask(t.Context(), b, 1))
	})
}

func TestBackendWorksForCallersWhoHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 1, Queue: 10, Service: time.Second}, 1)
		defer b.Close()
		ctx, leave := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer leave()
		answers := ask(ctx, b, 3)
		require.Equal(t, 3*time.Second, answers[2].after)
		require.Equal(t, BackendCounts{Received: 3, Served: 1, Wasted: 2}, b.Counts())
	})
}

func TestBackendFailsItsShareOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 10, Queue: 100, Service: time.Second, FaultRate: 1}, 1)
		defer b.Close()
		require.Equal(t, []answer{{500, time.Second}, {500, time.Second}}, ask(t.Context(), b, 2))
		require.Equal(t, BackendCounts{Received: 2, Failed: 2}, b.Counts())
	})
}

func TestBackendLetsGoOfItsRequestsWhenClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(BackendConfig{Workers: 1, Queue: 10, Service: time.Hour}, 1)
		time.AfterFunc(time.Second, b.Close)
		require.Equal(t, []answer{{503, time.Second}, {503, time.Second}}, ask(t.Context(), b, 2))
		require.Equal(t, BackendCounts{Received: 2, Unfinished: 2}, b.Counts())

		require.Equal(t, []answer{{503, 0}}, ask(t.Context(), b, 1))
		require.Equal(t, uint64(2), b.Counts().Received, "a closed backend counts no more")
	})
}
