package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// traffic makes calls through a registry, and counts how they ended.
type traffic struct {
	registry *holdfast.Registry
	reloaded *bell
	over     chan struct{}
	met      map[*holdfast.Pipeline]bool // every pipeline that was found: the map keeps them alive
	calls    uint64
	attempts uint64
	missed   uint64 // lookups of services that did not exist
	across   uint64 // calls during which the file was reloaded
	errs     []error
}

var errBlip = resilience.MarkTransient(errors.New("blip"))

// bell wakes the goroutines that wait for the next reload.
type bell struct{ next atomic.Pointer[chan struct{}] }

func (b *bell) ring() {
	fresh := make(chan struct{})
	if was := b.next.Swap(&fresh); was != nil {
		close(*was)
	}
}

// call makes calls until the test is over. One in ten is retried. One in fifty lasts until the
// next reload, if this caller's calls may wait. (One caller's may not, so that there are calls at
// every moment of a reload.)
func (c *traffic) call(seed int, mayWait bool) {
	names := []string{"always", "sometimes", "seldom"}
	for i := seed; ; i++ {
		select {
		case <-c.over:
			return
		default:
			runtime.Gosched()
		}
		p, ok := c.registry.Get(names[i%3])
		if !ok {
			c.missed++
			continue
		}
		c.met[p] = true
		c.calls++
		tries := 0
		err := p.Do(context.Background(), func(context.Context) error {
			c.attempts++
			if tries++; i%10 == 0 && tries == 1 {
				return errBlip
			}
			if mayWait && i%50 == 1 {
				select {
				case <-*c.reloaded.next.Load():
					c.across++
				case <-c.over:
				}
			}
			return nil
		})
		if err != nil {
			c.errs = append(c.errs, err)
		}
	}
}

// numbered reads a file that holds one number, which decides the services and their settings.
func numbered(content []byte) (holdfast.ServiceSet, error) {
	var n int
	if _, err := fmt.Sscanf(string(content), "generation %d.\n", &n); err != nil {
		return nil, fmt.Errorf("half a file: %q", content)
	}
	stages := []resilience.Stage{
		bulkhead.Config{MaxConcurrent: 100 + n%3}, budget.Config{Ratio: 1, Burst: 100 + n%5},
		retry.Custom(2+n%4, time.Microsecond, time.Millisecond, false), breaker.Config{MinRequests: 20 + n/50},
	}
	set := holdfast.Services{"always": stages}
	if n%4 == 0 {
		set["sometimes"] = stages
	}
	if n%5 == 0 {
		set["seldom"] = stages
	}
	switch n % 10 {
	case 3:
		return nil, fmt.Errorf("generation %d does not parse", n)
	case 7:
		set["refused"] = []resilience.Stage{retry.Config{MaxRetries: -7}}
	}
	return set, nil
}

// A reload under load loses no call and no count, and delays no call.
func TestReloadsUnderLoad(t *testing.T) {
	const callers, rewrites = 4, 1000
	dir := realDir(t)
	file, fresh := dir+"/services", dir+"/services.new"
	write(t, file, "generation 0.\n")
	var events, good, bad, added, removed atomic.Uint64
	reloaded, over := &bell{}, make(chan struct{})
	reloaded.ring()
	r := holdfast.NewRegistry(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventCall {
			events.Add(1)
		}
	}))
	var loaded int // on the watcher's goroutine
	told := make(chan int, rewrites)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, file, optionsFor(t, WithDebounce(200*time.Microsecond), WithOnReload(func(reload Reload) {
		if reload.Err != nil {
			bad.Add(1)
		} else {
			good.Add(1)
		}
		added.Add(uint64(len(reload.Added)))
		removed.Add(uint64(len(reload.Removed)))
		reloaded.ring()
		told <- loaded
	})), func(content []byte) (holdfast.ServiceSet, error) {
		_, _ = fmt.Sscanf(string(content), "generation %d.\n", &loaded)
		return numbered(content)
	}, r)
	require.NoError(t, err)

	var wg sync.WaitGroup
	all := make([]*traffic, callers)
	for i := range all {
		all[i] = &traffic{registry: r, reloaded: reloaded, over: over, met: map[*holdfast.Pipeline]bool{}}
		wg.Go(func() { all[i].call(i*100, i > 0) })
	}
	for n := 1; n <= rewrites; n++ {
		content := fmt.Appendf(nil, "generation %d.\n", n)
		if n%4 == 0 { // in place: the file is empty for a moment
			require.NoError(t, os.WriteFile(file, content, 0o600))
		} else {
			require.NoError(t, os.WriteFile(fresh, content, 0o600))
			require.NoError(t, os.Rename(fresh, file))
		}
		if n%2 == 0 || n%10 == 3 || n%10 == 7 || n == rewrites { // the others make bursts
			for deadline := time.After(20 * time.Second); ; {
				select {
				case seen := <-told:
					if seen < n {
						continue
					}
				case <-deadline:
					require.FailNow(t, "a rewrite was not noticed", "generation %d", n)
				}
				break
			}
		}
	}
	cancel()
	w.Wait()
	close(over)
	wg.Wait()

	met := map[*holdfast.Pipeline]bool{}
	var sum traffic
	for _, c := range all {
		require.Empty(t, c.errs)
		maps.Copy(met, c.met)
		sum.calls += c.calls
		sum.attempts += c.attempts
		sum.missed += c.missed
		sum.across += c.across
	}
	var calls, attempts, failed uint64
	for p := range met {
		s := p.Snapshot()
		calls += s.Calls
		attempts += s.Attempts
		failed += s.Failed
		require.Zero(t, s.Live, s.Name)
	}
	require.Equal(t, sum.calls, calls, "every call is counted, by its pipeline")
	require.Equal(t, sum.attempts, attempts)
	require.Equal(t, sum.calls, events.Load(), "and by the observer")
	require.Zero(t, failed)
	require.Empty(t, r.Draining())

	t.Logf("%d reloads (%d good, %d bad; %d services added, %d removed) under %d calls, %d across a reload, %d pipelines",
		good.Load()+bad.Load(), good.Load(), bad.Load(), added.Load(), removed.Load(), sum.calls, sum.across, len(met))
	require.GreaterOrEqual(t, good.Load(), uint64(500))
	require.GreaterOrEqual(t, bad.Load(), uint64(190))
	require.GreaterOrEqual(t, added.Load(), uint64(300))
	require.GreaterOrEqual(t, removed.Load(), uint64(300))
	require.Positive(t, sum.missed)
	require.Greater(t, sum.across, uint64(100))
	require.Greater(t, sum.calls, uint64(10_000))
	require.Len(t, met, 3, "what comes back while it is held is the same")
}
