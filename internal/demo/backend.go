package demo

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is a service that can be overloaded: a pool of workers behind a bounded
// first-in-first-out queue. If the queue is full, a request is answered 503 at once. A queued
// request is always worked on, even if its caller has left, as in most servers.
//
// A worker sleeps instead of using the processor, so that eight backends fit on a small machine.
// Backend is an [http.Handler]. [Backend.Close] ends its workers.
type Backend struct {
	cfg   BackendConfig
	queue chan *job
	slow  atomic.Int64 // factor on the service time: 1 outside an outage
	stop  chan struct{}
	work  sync.WaitGroup // the workers and the requests

	closingMu sync.Mutex // guards work.Add, which must not be called once Close waits
	closing   bool

	faultsMu sync.Mutex
	faults   *rand.Rand

	received, served, failed, shed, wasted, unfinished atomic.Uint64
}

// BackendCounts counts a backend's requests by outcome. Received is the sum of the others, once the
// backend is closed.
type BackendCounts struct {
	Received   uint64 `json:"received"`
	Served     uint64 `json:"served"`     // answered 200
	Failed     uint64 `json:"failed"`     // answered 500: a fault of an ordinary day
	Shed       uint64 `json:"shed"`       // answered 503: the queue was full
	Wasted     uint64 `json:"wasted"`     // completed for a caller who had left
	Unfinished uint64 `json:"unfinished"` // still queued or worked on when the play ended
}

type job struct {
	arrived time.Time
	done    chan struct{}
}

// NewBackend returns a backend whose workers are running. The seed decides which requests fail.
func NewBackend(cfg BackendConfig, seed uint64) *Backend {
	b := &Backend{
		cfg:    cfg,
		queue:  make(chan *job, cfg.Queue),
		stop:   make(chan struct{}),
		faults: rand.New(rand.NewPCG(seed, 0)),
	}
	b.slow.Store(1)
	for range cfg.Workers {
		b.work.Go(b.worker)
	}
	return b
}

// Close ends the workers and the requests that wait. It returns when all of them have ended, so
// that the counts are final. Call it once.
func (b *Backend) Close() {
	b.closingMu.Lock()
	b.closing = true
	b.closingMu.Unlock()
	close(b.stop)
	b.work.Wait()
}

// enter admits a request unless the backend is being closed. An admitted request must call
// work.Done.
func (b *Backend) enter() bool {
	b.closingMu.Lock()
	defer b.closingMu.Unlock()
	if !b.closing {
		b.work.Add(1)
	}
	return !b.closing
}

// SlowDown makes every request that a worker begins from now on take n times its service time.
func (b *Backend) SlowDown(n int) { b.slow.Store(int64(n)) }

// Waiting returns how many requests are in the queue.
func (b *Backend) Waiting() int { return len(b.queue) }

// Counts returns the counts so far.
func (b *Backend) Counts() BackendCounts {
	return BackendCounts{
		Received:   b.received.Load(),
		Served:     b.served.Load(),
		Failed:     b.failed.Load(),
		Shed:       b.shed.Load(),
		Wasted:     b.wasted.Load(),
		Unfinished: b.unfinished.Load(),
	}
}

// ServeHTTP answers 200, 500 for a fault, or 503 if the queue is full.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.enter() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer b.work.Done()
	b.received.Add(1)
	j := &job{arrived: time.Now(), done: make(chan struct{})}
	select {
	case b.queue <- j:
	default:
		b.shed.Add(1)
		http.Error(w, "the queue is full", http.StatusServiceUnavailable)
		return
	}
	select {
	case <-j.done: // r.Context() does not count: the work is done whether or not the caller still waits
		b.answer(w, r)
	case <-b.stop:
		b.unfinished.Add(1)
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
	}
}

func (b *Backend) answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Context().Err() != nil:
		b.wasted.Add(1)
	case b.fault():
		b.failed.Add(1)
		http.Error(w, "a fault", http.StatusInternalServerError)
	default:
		b.served.Add(1)
		w.WriteHeader(http.StatusOK)
	}
}

func (b *Backend) fault() bool {
	b.faultsMu.Lock()
	defer b.faultsMu.Unlock()
	return b.faults.Float64() < b.cfg.FaultRate
}

// worker works on one request after the other. By its own clock, work begins as soon as the worker
// is free and the request is there, not when the goroutine wakes up: otherwise a busy machine would
// lower the backend's capacity.
func (b *Backend) worker() {
	var free time.Time
	for {
		select {
		case j := <-b.queue:
			if j.arrived.After(free) {
				free = j.arrived
			}
			free = free.Add(b.cfg.Service * time.Duration(b.slow.Load()))
			if !sleep(b.stop, time.Until(free)) {
				return
			}
			close(j.done)
		case <-b.stop:
			return
		}
	}
}

// sleep waits for d. It returns false if stop is closed first.
func sleep(stop <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}
