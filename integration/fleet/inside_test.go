package fleet_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// shop is a fleet whose pods are in this process: many of them stand beside each other, and a call
// takes no time. Like a pod that is a process, each has a second pipeline, which no fleet knows.
type shop struct {
	t    *testing.T
	pods []*insidePod
	down atomic.Bool
}

type insidePod struct {
	fleet     *fleet.Fleet
	pipelines [2]*holdfast.Pipeline
	good, all [2]atomic.Int64
	warnings  atomic.Uint64
}

const (
	// shopPods make a call each shopEach. By themselves they need four seconds of an outage to
	// open, and as a fleet two: for a row of failures in half of that time.
	shopPods = 6
	shopEach = 200 * time.Millisecond

	room = "holdfast:{shop/checkout}:" // its keys begin so
)

// patience is how long a test waits for what is to happen, on a machine that has more to do.
const patience = 3 * time.Minute

// newShop makes a fleet whose pods have these clients, one after the other.
func newShop(t *testing.T, clients ...redis.UniversalClient) *shop {
	t.Helper()
	s := &shop{t: t}
	for i := range shopPods {
		s.join(clients[i%len(clients)])
	}
	return s
}

// join adds a pod, until the test ends.
func (s *shop) join(client redis.UniversalClient) *insidePod {
	s.t.Helper()
	p := &insidePod{}
	for which := range p.pipelines {
		pipeline, err := holdfast.New("checkout", breaker.Config{
			FailureRatio: -1, ConsecutiveFailures: 20, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second,
		})
		require.NoError(s.t, err)
		p.pipelines[which] = pipeline
	}
	joined, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "shop", fleet.WithLogger(quiet(&p.warnings)))
	require.NoError(s.t, err)
	joined.Add(p.pipelines[inFleet])
	p.fleet = joined
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		s.call(p, stop)
	}()
	s.t.Cleanup(func() {
		close(stop)
		<-stopped
		joined.Leave()
	})
	s.pods = append(s.pods, p)
	return p
}

// call makes the pod's calls.
func (s *shop) call(p *insidePod, stop <-chan struct{}) {
	ticker := time.NewTicker(shopEach)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		for which, pipeline := range p.pipelines {
			err := pipeline.Do(context.Background(), func(context.Context) error {
				if s.down.Load() {
					return errDown
				}
				return nil
			})
			p.all[which].Add(1)
			if err == nil {
				p.good[which].Add(1)
			} else if strings.Contains(strings.ToLower(err.Error()), "redis") {
				s.t.Errorf("a call's error names Redis: %v", err)
			}
		}
	}
}

// until waits until each pod is so.
func (s *shop) until(what string, is func(*insidePod) bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for _, p := range s.pods {
			if !is(p) {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, what)
}

// together waits until the pods are a fleet, of n pods in all.
func (s *shop) together(n uint64) {
	s.t.Helper()
	s.until("all are together", func(p *insidePod) bool {
		stats := p.fleet.Stats()
		return !stats.Apart && stats.Why == "" && len(stats.Services) == 1 && stats.Services[0].Pods == n
	})
}

// apart waits until all pods go by themselves.
func (s *shop) apart() {
	s.t.Helper()
	s.until("all are apart", func(p *insidePod) bool { return p.fleet.Stats().Apart })
}

// ticks waits for n ticks of each pod.
func (s *shop) ticks(n uint64) {
	s.t.Helper()
	want := map[*insidePod]uint64{}
	for _, p := range s.pods {
		want[p] = p.fleet.Stats().Ticks + n
	}
	s.until("the pods tick", func(p *insidePod) bool { return p.fleet.Stats().Ticks >= want[p] })
}

// tick waits for a tick of any pod.
func (s *shop) tick() {
	s.t.Helper()
	sum := func() (n uint64) {
		for _, p := range s.pods {
			n += p.fleet.Stats().Ticks
		}
		return n
	}
	was := sum()
	require.Eventually(s.t, func() bool { return sum() > was }, patience, 5*time.Millisecond, "a pod ticks")
}

// well requires that no call failed while do ran, of either pipeline.
func (s *shop) well(do func()) {
	s.t.Helper()
	count := func() (good, all int64) {
		for _, p := range s.pods {
			for which := range p.all {
				good, all = good+p.good[which].Load(), all+p.all[which].Load()
			}
		}
		return good, all
	}
	good, all := count()
	do()
	nowGood, nowAll := count()
	require.Equal(s.t, nowAll-all, nowGood-good, "a call failed")
}

// both waits until both breakers of each pod are in one of these states.
func (s *shop) both(states ...breaker.State) {
	s.t.Helper()
	s.until("the breakers", func(p *insidePod) bool {
		for _, pipeline := range p.pipelines {
			found := false
			for _, state := range states {
				found = found || pipeline.Breakers()[0].State() == state
			}
			if !found {
				return false
			}
		}
		return true
	})
}

func (s *shop) advised() (n uint64) {
	for _, p := range s.pods {
		n += p.fleet.Stats().Advised
	}
	return n
}

func (s *shop) refused() (n uint64) {
	for _, p := range s.pods {
		n += p.fleet.Stats().Refused
	}
	return n
}

// byThemselves requires that breakers open and close in an outage as those without a fleet do.
func (s *shop) byThemselves() {
	s.t.Helper()
	before := s.advised()
	s.down.Store(true)
	s.both(breaker.StateOpen, breaker.StateHalfOpen)
	for _, p := range s.pods {
		require.NotContains(s.t, p.pipelines[inFleet].Breakers()[0].Why().Error(), "fleet")
	}
	s.down.Store(false)
	s.both(breaker.StateClosed)
	require.Equal(s.t, before, s.advised())
}

// works requires that the fleet opens a breaker before its own rules do. On a busy machine they may
// come first, so it may try again.
func (s *shop) works() {
	s.t.Helper()
	before := s.advised()
	for tries := 5; s.advised() == before; tries-- {
		require.Positive(s.t, tries, "the fleet does nothing")
		s.down.Store(true)
		s.both(breaker.StateOpen, breaker.StateHalfOpen)
		s.down.Store(false)
		s.both(breaker.StateClosed)
	}
}

// open reports whether the fleet's breaker of the pod keeps calls out.
func (p *insidePod) open() bool {
	state := p.pipelines[inFleet].Breakers()[0].State()
	return state == breaker.StateOpen || state == breaker.StateHalfOpen
}
