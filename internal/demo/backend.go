package demo

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is a service that can be overloaded: a pool of workers behind a bounded
// first-in-first-out queue. A request that finds the queue full is answered 503 at once. One that
// got in is worked on, even if its caller has left meanwhile, as most servers do.
//
// The work is to be busy for a time, not to use the processor, so that eight of them fit on
// a small machine. It is an [http.Handler]; [Backend.Close] ends its workers.
type Backend struct {
	cfg   BackendConfig
	queue chan *job
	slow  atomic.Int64 // the service time is so many times what it should be
	stop  chan struct{}
	work  sync.WaitGroup // the workers and the requests

	closingMu sync.Mutex // held to add a request to work, which must not happen once Close waits
	closing   bool

	faultsMu sync.Mutex
	faults   *rand.Rand

	received, served, failed, shed, wasted, unfinished atomic.Uint64
}

// BackendCounts is what became of a backend's requests. Received is the sum of the others.
type BackendCounts struct {
	Received   uint64 `json:"received"`
	Served     uint64 `json:"served"`     // answered 200
	Failed     uint64 `json:"failed"`     // answered 500: the faults of every day
	Shed       uint64 `json:"shed"`       // answered 503: the queue was full
	Wasted     uint64 `json:"wasted"`     // worked on to the end for a caller who had left
	Unfinished uint64 `json:"unfinished"` // still waiting or worked on when the play was over
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

// Close ends the workers and lets go of the requests that wait. It returns when all of them
// have ended, so that the counts are final.
func (b *Backend) Close() {
	b.closingMu.Lock()
	b.closing = true
	b.closingMu.Unlock()
	close(b.stop)
	b.work.Wait()
}

// enter admits a request unless the backend is being closed. Each one admitted calls work.Done.
func (b *Backend) enter() bool {
	b.closingMu.Lock()
	defer b.closingMu.Unlock()
	if !b.closing {
		b.work.Add(1)
	}
	return !b.closing
}

// SlowDown makes every request whose turn comes from now on take n times its service time.
func (b *Backend) SlowDown(n int) { b.slow.Store(int64(n)) }

// Waiting returns how many requests are in the queue.
func (b *Backend) Waiting() int { return len(b.queue) }

// Counts returns what became of the requests so far.
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
	case <-j.done: // and not r.Context(): the work is done, wanted or not
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

// worker takes one request after the other. A request's work begins when the worker was free
// and the request there, not when the machine got round to waking the worker: otherwise a busy
// machine would take away capacity that the backend is said to have.
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

// sleep waits for d, and reports whether it could: false if stop came first.
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
