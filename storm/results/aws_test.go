package results_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errMismatch = resilience.MarkTransient(errors.New("version mismatch"))

// row is a row with a version: a write succeeds if it names the version that is there.
type row struct {
	mu      sync.Mutex
	version int
	writes  int
}

func (r *row) read() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

func (r *row) write(version int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	if version != r.version {
		return false
	}
	r.version++
	return true
}

// network is one client's: each has its own stream of chance, so that it does not matter which
// of two goroutines runs first.
type network struct{ *rand.Rand }

// hops waits while n messages travel, one after the other.
func (w network) hops(n int) {
	var d float64
	for range n {
		d += math.Abs(w.NormFloat64()*2 + 10)
	}
	<-time.After(time.Duration(d * float64(time.Millisecond)))
}

// commit reads the row and writes it, until it has written.
func commit(ctx context.Context, p *retry.Policy, r *row, w network) error {
	w.hops(1)
	return p.Do(ctx, func(context.Context) error {
		version := r.read()
		w.hops(2)
		if r.write(version) {
			w.hops(1)
			return nil
		}
		w.hops(2) // the answer, and the way to the next read
		return errMismatch
	})
}

// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, and the
// simulator published with it (aws-samples/aws-arch-backoff-simulator), whose figures are means of
// 100 trials. N clients commit once each to one row, all from t = 0; a hop takes
// |Normal(10, 2)| ms. Its backoff(n) counts from 1, so its 5·2ⁿ ms is a BaseDelay of 10 ms here.
// Trials: 1000 at N = 10, 100 at N = 100; a quarter of them in a change. Band: 10 % of the
// published figure.
func TestBackoffAndJitter(t *testing.T) {
	exponential := retry.Config{MaxRetries: retry.Unlimited, BaseDelay: 10 * time.Millisecond, MaxDelay: 2 * time.Second}
	decorrelated := exponential
	decorrelated.BaseDelay, decorrelated.Jitter = 5*time.Millisecond, retry.DecorrelatedJitter
	type published struct{ ms, calls float64 }
	strategies := []struct {
		name         string
		config       retry.Config
		ten, hundred published
	}{
		{"exponential", jittered(exponential, retry.NoJitter), published{3470, 51}, published{63206, 1853}},
		{"decorrelated", decorrelated, published{437, 38}, published{4604, 1002}},
		{"equal", jittered(exponential, retry.EqualJitter), published{729, 43}, published{6616, 813}},
		{"full", jittered(exponential, retry.FullJitter), published{440, 38}, published{4900, 795}},
		{"none", atOnce(retry.Unlimited), published{378, 51}, published{2027, 2427}},
	}
	t.Log("  N  jitter        published ms, found  ±SE            published calls, found  ±SE")
	for _, n := range raced([]int{10, 100}, 0) {
		for _, s := range strategies {
			want := s.hundred
			if n == 10 {
				want = s.ten
			}
			ms, calls := commits(t, s.config, n, sample(t, 10_000/n))
			t.Logf("%3d  %-12s  %12.0f  %6.0f  %4.0f (%+4.1f %%)  %15.0f  %6.0f  %4.1f (%+4.1f %%)", n, s.name,
				want.ms, ms.mean(), ms.stdErr(), deviation(want.ms, ms), want.calls, calls.mean(), calls.stdErr(), deviation(want.calls, calls))
			require.InEpsilon(t, want.ms, ms.mean(), 0.1, "%s: milliseconds of %d clients", s.name, n)
			require.InEpsilon(t, want.calls, calls.mean(), 0.1, "%s: calls of %d clients", s.name, n)
		}
	}
}

func jittered(c retry.Config, j retry.Jitter) retry.Config {
	c.Jitter = j
	return c
}

// commits plays the trials, and returns how long each took and how many writes it needed.
func commits(t *testing.T, c retry.Config, clients, trials int) (ms, calls estimate) {
	t.Helper()
	defer chance.Seed(uint64(clients), uint64(trials))() // of the jitters
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, c)
		for trial := range trials {
			var r row
			var wg sync.WaitGroup
			start := time.Now()
			for client := range clients {
				wg.Go(func() {
					w := network{rand.New(rand.NewPCG(uint64(trial), uint64(client)))}
					if err := commit(t.Context(), p, &r, w); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, clients, r.version)
			ms.add(time.Since(start).Seconds() * 1000)
			calls.add(float64(r.writes))
		}
	})
	return ms, calls
}

// deviation returns by how many per cent what was found differs from what was published.
func deviation(want float64, e estimate) float64 { return (e.mean()/want - 1) * 100 }
