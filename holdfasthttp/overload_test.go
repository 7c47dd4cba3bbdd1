package holdfasthttp_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// workers is a handler with 10 workers and a queue. A request takes a worker for 100 ms, so that it
// can answer 100 requests a second. Work that has begun is done, also for nobody.
func workers() http.HandlerFunc {
	places := make(chan struct{}, 10)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		<-time.After(100 * ms)
		<-places
		if r.Context().Err() == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// overloaded sends 300 requests a second for 30 s to workers in p, and returns how many were
// answered in each way.
func overloaded(t *testing.T, p *holdfast.Pipeline) map[int]int {
	t.Helper()
	handler := protected(t, p, workers())
	codes := map[int]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 30 * 300 {
		group.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			mu.Lock()
			defer mu.Unlock()
			codes[w.Code]++
		})
		<-time.After(time.Second / 300)
	}
	group.Wait()
	return codes
}

// Pins what an adaptive bulkhead is for on a server: at three times what it can do, it answers
// nearly as many as it can, and refuses the others at once. With a deadline alone, nearly all
// requests wait in vain, and the work is done for nobody.
func TestGoodputUnderOverload(t *testing.T) {
	const possible = 30 * 100
	for name, c := range map[string]struct {
		stages      []resilience.Stage
		least, most float64 // of what is possible
	}{
		"deadline": {[]resilience.Stage{deadline.In(time.Second)}, 0, 0.2},
		"adaptive": {[]resilience.Stage{bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, deadline.In(time.Second)}, 0.8, 1.01},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codes := overloaded(t, newPipeline(t, c.stages...))
				t.Log(codes)
				good := float64(codes[http.StatusNoContent]) / possible
				require.GreaterOrEqual(t, good, c.least)
				require.LessOrEqual(t, good, c.most)
			})
		})
	}
}
