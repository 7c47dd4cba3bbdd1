package storm_test

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// A real server plays shortened storms: it has an HTTP server on the loopback interface, and
// clients with an HTTP client, in the time of the machine. The lab plays the same ones, with the
// same arrivals, and has to put the clients into the same order.

// realClients play side by side, each with a server of its own.
var realClients = []string{ours, "failsafe-go", "gobreaker in cenkalti", sameLoop, noRetries}

var realPresets = []string{"critical", "standard"}

const (
	realLength = 14 * time.Second
	realBegins = 2 * time.Second
)

// realPool can do 200 works a second, twice what is asked of it, as the pool of the other storms.
// A quarter of it is a whole number of workers. A refusal costs what it costs the machine.
var realPool = storm.Server{Workers: 12, Service: storm.Exponential(60 * time.Millisecond), RefusalCost: -1}

// realTroubles are the storms, in the order of the page's columns.
var realTroubles = []trouble{
	{name: "outage", play: shortened(0, 3*time.Second, storm.Trigger{ErrorRatio: 1})},
	{name: "up 1 s, down 1 s", play: shortened(0, time.Second, storm.Trigger{ErrorRatio: 1, Every: 2 * time.Second})},
	{name: "capacity ¼", play: shortened(0, 6*time.Second, storm.Trigger{CapacityLoss: 0.75})},
	{name: "capacity ¼, bounded queue", play: shortened(30, 6*time.Second, storm.Trigger{CapacityLoss: 0.75})},
}

// shortened is what happens to realPool for a while.
func shortened(queue int, during time.Duration, what storm.Trigger) func(n numbers) played {
	return func(n numbers) played {
		s := calm(n, realPool)
		s.Load, s.For, s.Server.QueueLimit = storm.Trace(realArrivals()...), realLength, queue
		what.At, what.For = realBegins, during
		s.Triggers = []storm.Trigger{what}
		p := played{Scenario: s, begin: realBegins}
		if what.Every == 0 {
			p.end = realBegins + during
		}
		return p
	}
}

// realArrivals are those of a Poisson process, the same for all.
func realArrivals() (at []time.Duration) {
	rnd := rand.New(rand.NewPCG(1, 0))
	next := func(t time.Duration) time.Duration {
		return t + time.Duration(rnd.ExpFloat64()/rate*float64(time.Second))
	}
	for t := next(0); t < realLength; t = next(t) {
		at = append(at, t)
	}
	return at
}

// row is a client while it plays: a fleet of Doers, and what becomes of its calls.
type row struct {
	send     func(ctx context.Context) error
	doers    []storm.Doer
	good     []bool // by call
	attempts atomic.Int64
}

// connect makes what reaches a handler: a way to send a request, and what ends it.
type connect func(t *testing.T, h http.Handler) (send func(ctx context.Context) error, end func())

// playFor plays a storm in the time that passes, with all clients side by side. The seed is of the
// times of works. late is the most by which a call began late.
func playFor(t *testing.T, n numbers, p played, clients []string, seed int, via connect) (outcomes []outcome, late time.Duration) {
	t.Helper()
	at := realArrivals()
	rows := make([]*row, len(clients))
	for i, name := range clients {
		r := &row{good: make([]bool, len(at))}
		for range p.Clients {
			r.doers = append(r.doers, find(t, name).new(n))
		}
		rows[i] = r
	}
	start := time.Now()
	for _, r := range rows {
		b := newBackend(p.Scenario, uint64(seed))
		send, end := via(t, b)
		r.send = send
		defer end()
		defer b.close()
	}
	var calls sync.WaitGroup
	for i, arrival := range at {
		<-time.After(time.Until(start.Add(arrival)))
		late = max(late, time.Since(start)-arrival)
		for _, r := range rows {
			calls.Go(func() { r.call(t.Context(), p.Deadline, i) })
		}
	}
	calls.Wait()
	for _, r := range rows {
		outcomes = append(outcomes, r.judge(p, at))
	}
	return outcomes, late
}

func (r *row) call(ctx context.Context, deadline time.Duration, i int) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err := r.doers[i%len(r.doers)].Do(ctx, func(ctx context.Context) error {
		r.attempts.Add(1)
		return r.send(ctx)
	})
	r.good[i] = err == nil && ctx.Err() == nil
}

// judge is played.judge for calls that began at these times.
func (r *row) judge(p played, at []time.Duration) outcome {
	share := func(from time.Duration) float64 {
		good, all := 0, 0
		for i, t := range at {
			if t >= from {
				all++
				if r.good[i] {
					good++
				}
			}
		}
		return float64(good) / float64(all)
	}
	o := outcome{since: share(p.begin), amplification: float64(r.attempts.Load()) / float64(len(at))}
	o.after = o.since
	if p.end > 0 {
		o.after = share(p.end)
	}
	return o
}

// playInLab plays a storm in the lab, in one seed.
func playInLab(t *testing.T, n numbers, tr trouble, client string, seed int) outcome {
	t.Helper()
	outcomes, _ := run(t, n, tr, find(t, client), uint64(seed))
	return outcomes[0]
}

// overLoopback has an HTTP server listen on the loopback interface.
func overLoopback(t *testing.T, h http.Handler) (send func(ctx context.Context) error, end func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // callers who leave are expected
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // always http.ErrServerClosed
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}
	return sendOver(transport, "http://"+l.Addr().String()+"/"), func() {
		transport.CloseIdleConnections()
		_ = server.Close() // all have been answered
		<-served
	}
}

var (
	errStatus500 = resilience.MarkTransient(errors.New("status 500"))
	errStatus503 = resilience.MarkTransient(errors.New("status 503"))
)

// sendOver returns the op: a POST, which no transport repeats by itself. What it returns for an
// answer that is none is to resilience.Classify what the lab's errors are.
func sendOver(over http.RoundTripper, url string) func(ctx context.Context) error {
	client := &http.Client{Transport: over}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // it was read
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		switch resp.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusServiceUnavailable:
			return errStatus503
		}
		return errStatus500
	}
}
