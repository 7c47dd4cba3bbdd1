package storm_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// backend is an http.Handler that does what the lab's server does, in the time of the machine:
// workers behind a FIFO queue, with a limit or without, work whose time is drawn from the
// scenario's distribution, and the scenario's triggers. It answers 200, 503 if the queue is full,
// and 500 in an outage. It works on for callers who have left.
//
// Of the triggers, it knows an ErrorRatio of 1 and a CapacityLoss that leaves a whole number of
// workers. Neither a refusal nor the network costs more than they do on the machine.
type backend struct {
	scenario storm.Scenario
	begun    time.Time

	mu     sync.Mutex
	rnd    *rand.Rand
	busy   int
	queue  []*request
	timers []*time.Timer // for the changes of the capacity
	over   chan struct{} // closed when nobody is answered any more
}

// request is a request that is worked on, or waits for it.
type request struct {
	done chan struct{} // closed when the work is done
}

// newBackend returns a backend whose scenario begins now. close it.
func newBackend(s storm.Scenario, seed uint64) *backend {
	b := &backend{
		scenario: s, begun: time.Now(),
		rnd: rand.New(rand.NewPCG(seed, 0)), over: make(chan struct{}),
	}
	for _, tr := range s.Triggers {
		if tr.CapacityLoss == 0 || tr.For == 0 {
			continue
		}
		for end := tr.At + tr.For; end < s.For+s.Deadline; end += tr.Every {
			b.timers = append(b.timers, time.AfterFunc(end, b.resume))
			if tr.Every == 0 {
				break
			}
		}
	}
	return b
}

func (b *backend) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.timers {
		t.Stop()
	}
	close(b.over)
}

// ServeHTTP does not look at the request's ctx, since the work goes on for those who have left.
func (b *backend) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r, status := b.admit(time.Now())
	if r == nil {
		w.WriteHeader(status)
		return
	}
	select {
	case <-r.done:
		w.WriteHeader(http.StatusOK)
	case <-b.over:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// admit begins the work on a request, has it wait for it, or tells what to answer instead.
func (b *backend) admit(now time.Time) (r *request, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	down, workers := b.conditions(now)
	if down {
		return nil, http.StatusInternalServerError
	}
	limit := b.scenario.Server.QueueLimit
	switch r = (&request{done: make(chan struct{})}); {
	case b.busy < workers:
		b.work(r, now)
	case limit < 0, limit > 0 && len(b.queue) >= limit:
		return nil, http.StatusServiceUnavailable
	default:
		b.queue = append(b.queue, r)
	}
	return r, http.StatusOK
}

// work has a worker begin at that time, which may have passed: a timer that fires late must not
// take capacity away.
func (b *backend) work(r *request, at time.Time) {
	b.busy++
	end := at.Add(b.scenario.Server.Service.Draw(b.rnd))
	time.AfterFunc(time.Until(end), func() {
		close(r.done)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.busy--
		b.next(end)
	})
}

// resume is for workers that are back.
func (b *backend) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next(time.Now())
}

// next has the workers that are free at that time begin with those who wait.
func (b *backend) next(at time.Time) {
	select {
	case <-b.over:
		return
	default:
	}
	_, workers := b.conditions(at)
	for b.busy < workers && len(b.queue) > 0 {
		r := b.queue[0]
		b.queue = b.queue[1:]
		b.work(r, at)
	}
}

// conditions are what the triggers leave at that time.
func (b *backend) conditions(at time.Time) (down bool, workers int) {
	now, left := at.Sub(b.begun), 1.0
	for _, tr := range b.scenario.Triggers {
		since := now - tr.At
		if since < 0 {
			continue
		}
		if tr.Every > 0 {
			since %= tr.Every
		}
		if tr.For > 0 && since >= tr.For {
			continue
		}
		down = down || tr.ErrorRatio == 1
		left -= tr.CapacityLoss
	}
	return down, int(left*float64(b.scenario.Server.Workers) + 0.5)
}
