package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

var errBusy = errors.New("as many calls in flight as the dependency is quick for")

// latencyLimiter is a TicketGuard: it bounds how many calls are in flight by how long they take.
// A call that is quick enough adds a place after as many as there are; a slow one halves them
// (additive increase, multiplicative decrease: Chiu and Jain, 1989).
type latencyLimiter struct {
	slow time.Duration        // longer than this is slow
	most float64              // places
	now  func() time.Duration // since some moment

	mu     sync.Mutex
	places float64
	inUse  int
}

// Admit takes a place. The Ticket is the moment at which the call began.
func (l *latencyLimiter) Admit(context.Context) (resilience.Ticket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse >= int(l.places) {
		return resilience.Ticket{}, errBusy
	}
	l.inUse++
	return resilience.Ticket{Number: int64(l.now())}, nil
}

// Done gives the place back, and learns from how long the call took.
func (l *latencyLimiter) Done(_ context.Context, t resilience.Ticket, err error) {
	took := l.now() - time.Duration(t.Number)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
	switch {
	case resilience.Unasked(err), errors.Is(err, resilience.ErrAborted):
		// It says nothing about the dependency.
	case took > l.slow:
		l.places = max(1, l.places/2)
	default:
		l.places = min(l.most, l.places+1/l.places)
	}
}

// Acquire and Release are for use by hand: the place counts, and nothing is learned.
func (l *latencyLimiter) Acquire(ctx context.Context) error {
	_, err := l.Admit(ctx)
	return err
}

func (l *latencyLimiter) Release(context.Context, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
}

func (l *latencyLimiter) Wrap(next resilience.Func) resilience.Func {
	return resilience.WrapGuard(l, next)
}

// The clock is made up, so that the output is the same every time: yours is time.Since(start).
func ExampleTicketGuard() {
	clock := time.Duration(0)
	l := &latencyLimiter{slow: 100 * time.Millisecond, most: 64, places: 8, now: func() time.Duration { return clock }}
	call := func(took time.Duration) {
		_ = l.Wrap(func(context.Context) error { clock += took; return nil })(context.Background())
		fmt.Printf("%v: %.2f places\n", took, l.places)
	}
	call(20 * time.Millisecond)
	call(300 * time.Millisecond)
	call(20 * time.Millisecond)
	// Output:
	// 20ms: 8.12 places
	// 300ms: 4.06 places
	// 20ms: 4.31 places
}
