package storm

import (
	"context"
	"math"
	"time"
)

// call is what is known of a call in the end. A long storm holds millions.
type call struct {
	begun  time.Duration
	took   time.Duration
	client int32
	good   bool
}

// flight is a call under way.
type flight struct {
	*call
	server   *server
	number   int  // of the calls to that server
	root     int  // the number of the client's call that it belongs to
	key      int  // -1: none
	entered  bool // an attempt has been about to be made
	attempts int
}

// callOpenly begins calls when the load says so.
func (l *lab) callOpenly(ctx context.Context, calls *crew) {
	next := l.scenario.Load.arrivals(l.scenario.For, l.rnd(forArrivals, 0))
	choice := l.rnd(forChoice, 0)
	at, more := next()
	at = l.take(at)
	for n := 0; more; n++ {
		time.Sleep(at - l.now())
		client := n % len(l.doers)
		if l.scenario.Load.kind == poisson {
			client = choice.IntN(len(l.doers))
		}
		if at, more = next(); more { // before anyone else can take the instant
			at = l.take(at)
		}
		c := l.begin(client)
		calls.run(func() { l.do(ctx, c) })
	}
}

// callInLoops has each caller think, call, and think again.
func (l *lab) callInLoops(ctx context.Context, calls *crew) {
	for i := range l.scenario.Load.loops {
		rnd := l.rnd(forThinking, uint64(i))
		at := l.take(draw(l.scenario.Load.think, rnd))
		calls.run(func() {
			for at < l.scenario.For {
				time.Sleep(at - l.now())
				c := l.begin(i % len(l.doers))
				l.do(ctx, c)
				l.lineUp(c, 0)
				at = l.take(l.now() + draw(l.scenario.Load.think, rnd))
			}
		})
	}
}

// begin notes that a client's call begins.
func (l *lab) begin(client int) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := len(l.calls)
	c := &flight{call: l.record(client), server: &l.server, number: number, root: number, key: -1}
	if l.scenario.Keys > 0 {
		c.key = l.keys.IntN(l.scenario.Keys)
	}
	l.calls = append(l.calls, c.call)
	return c
}

// mostExpected bounds what is allocated before the first call begins.
const mostExpected = 10_000_000

// record returns a new call that begins now. Calls are allocated many at a time.
func (l *lab) record(client int) *call {
	if len(l.blank) == 0 {
		l.blank = make([]call, 1024)
	}
	c := &l.blank[0]
	l.blank = l.blank[1:]
	c.begun, c.client = l.now(), int32(client)
	return c
}

// do makes the call c.
func (l *lab) do(ctx context.Context, c *flight) {
	ctx = context.WithValue(ctx, callKey{}, c)
	limit := time.Duration(math.MaxInt64)
	if l.scenario.Deadline > 0 {
		limit = l.scenario.Deadline
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := l.through(ctx, l.doers[c.client], c, func(ctx context.Context) error { return l.attempt(ctx, c) })
	l.mu.Lock()
	defer l.mu.Unlock()
	c.took = l.now() - c.begun
	c.good = err == nil && c.took <= limit
}

// attempt is the op: it goes to the server and waits for the answer, or for the end of ctx. What a
// Doer has left running when it returned ends with the storm, as if ctx had been canceled.
func (l *lab) attempt(ctx context.Context, c *flight) error {
	if !l.first(c) { // who knows what it has waited for
		l.lineUp(c, 0)
	}
	a := l.send(ctx, c)
	if a == nil {
		return context.Canceled
	}
	select {
	case <-l.over:
		return context.Canceled
	case <-a.done:
		return a.err
	case <-ctx.Done():
		l.lineUp(c, a.number)
		l.leave(a)
		return ctx.Err()
	}
}

// first reports whether c is about to make its first attempt, without having waited. Of attempts
// that it makes at one instant, it is true for one.
func (l *lab) first(c *flight) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !c.entered && c.begun == l.now()
	c.entered = true
	return first
}

// send sends an attempt on its way. It returns nil if the storm is over.
func (l *lab) send(ctx context.Context, c *flight) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	c.attempts++
	l.count(c, func(b *Bucket) { b.Attempts++ })
	a := &attempt{
		call: c, number: c.attempts, rnd: l.rnd(c.server.depth<<8|forAttempts, uint64(c.number)<<20+uint64(c.attempts)),
		deadline: math.MaxInt64, done: make(chan struct{}),
	}
	if deadline, ok := ctx.Deadline(); ok {
		a.deadline = deadline.Sub(time.Unix(0, l.start)) // which may be beyond UnixNano's 2262
	}
	c.server.travel(a, func() { c.server.arrive(a) })
	return a
}

// leave notes that a's caller goes.
func (l *lab) leave(a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.call.server.leave(a)
}
