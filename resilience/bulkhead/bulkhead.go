// Package bulkhead bounds how many calls are in flight at once, so that one slow dependency
// cannot take all the goroutines, connections and memory of its caller.
package bulkhead

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrFull is what every refusal of a bulkhead is, by errors.Is.
var ErrFull = errors.New("bulkhead is full")

// Config is a bulkhead as data. The zero value admits 64 calls at once, and none waits.
type Config struct {
	// MaxConcurrent is how many calls may be in flight. Default 64.
	MaxConcurrent int

	// MaxWait is how long a call may wait for a place, in order of arrival. Default 0: it
	// does not wait; -1: as long as its ctx lives.
	MaxWait time.Duration
}

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	b, err := New(c)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Resolve returns c with every default filled in, or an error that names every wrong field.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("bulkhead")
	c.MaxConcurrent = p.Int("MaxConcurrent", c.MaxConcurrent, 64, math.MaxInt32)
	if c.MaxWait < 0 && c.MaxWait != check.Off {
		p.Fail("MaxWait", c.MaxWait, "want a duration, 0 for no wait, or -1 to wait as long as the ctx lives")
	}
	return c, p.Err()
}

// Bulkhead is a semaphore over calls, and a Guard. It is safe for concurrent use, and is made by New.
type Bulkhead struct {
	config  Config
	refusal *FullError

	// The fast path is inUse alone. A call that waits raises waiting before it tries once
	// more, and a call that ends lowers inUse before it looks at waiting: one of the two
	// always sees the other.
	inUse    atomic.Int64
	waiting  atomic.Int64
	rejected atomic.Uint64

	mu    sync.Mutex
	queue []chan struct{} // of those who wait; closed when a place is handed over
}

// New returns an empty bulkhead, or an error that names every field of c that is wrong.
func New(c Config) (*Bulkhead, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return &Bulkhead{config: r, refusal: &FullError{MaxConcurrent: r.MaxConcurrent, MaxWait: r.MaxWait}}, nil
}

// Build returns b itself, so that a Bulkhead can be a stage of several pipelines.
func (b *Bulkhead) Build() (resilience.Policy, error) {
	if b == nil {
		return nil, errors.New("bulkhead: a nil *Bulkhead; make one with bulkhead.New")
	}
	return b, nil
}

// Wrap returns next behind b.
func (b *Bulkhead) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(b, next) }

// Acquire takes a place, waiting for it if the Config says so. It returns a *FullError if
// there is none, or ctx's error if that ended first. It allocates only if it has to wait.
func (b *Bulkhead) Acquire(ctx context.Context) error {
	if b.waiting.Load() == 0 && b.take() {
		return nil
	}
	if b.config.MaxWait == 0 {
		b.rejected.Add(1)
		return b.refusal
	}
	return b.wait(ctx)
}

// take takes a place if one is free.
func (b *Bulkhead) take() bool {
	for {
		n := b.inUse.Load()
		if n >= int64(b.config.MaxConcurrent) {
			return false
		}
		if b.inUse.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *Bulkhead) wait(ctx context.Context) error {
	place := b.enqueue()
	var expired <-chan time.Time
	if b.config.MaxWait > 0 {
		t := time.NewTimer(chance.Pause(b.config.MaxWait))
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-place:
		return nil
	case <-ctx.Done():
		if !b.dequeue(place) {
			b.Release(ctx, nil) // handed over in the same moment: to the next in the queue
		}
		return ctx.Err()
	case <-expired:
		if b.dequeue(place) {
			b.rejected.Add(1)
			return b.refusal
		}
	}
	return nil // the place was handed over in the meantime
}

func (b *Bulkhead) enqueue() chan struct{} {
	place := make(chan struct{})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, place)
	b.waiting.Add(1)
	b.serve() // a place may have come free just before we raised waiting
	return place
}

// dequeue leaves the queue, and reports false if the place was handed over already.
func (b *Bulkhead) dequeue(place chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, c := range b.queue {
		if c == place {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.waiting.Add(-1)
			return true
		}
	}
	return false
}

// serve hands free places to those who wait, in order. The caller holds mu.
func (b *Bulkhead) serve() {
	for len(b.queue) > 0 && b.take() {
		close(b.queue[0])
		b.queue = b.queue[1:]
		b.waiting.Add(-1)
	}
}

// Release gives the place back.
func (b *Bulkhead) Release(context.Context, error) {
	b.inUse.Add(-1)
	if b.waiting.Load() > 0 {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.serve()
	}
}

// Config returns the settings, with every default filled in.
func (b *Bulkhead) Config() Config { return b.config }

// Stats is what a bulkhead is doing, and has done so far.
type Stats struct {
	MaxConcurrent int    `json:"max_concurrent"`
	InUse         int    `json:"in_use"`
	Waiting       int    `json:"waiting"`
	Rejected      uint64 `json:"rejected"`
}

// Stats returns the counts. They are read one after the other, while calls go on.
func (b *Bulkhead) Stats() Stats {
	return Stats{
		MaxConcurrent: b.config.MaxConcurrent, InUse: int(b.inUse.Load()),
		Waiting: int(b.waiting.Load()), Rejected: b.rejected.Load(),
	}
}

// String returns the bulkhead in words: "bulkhead 64", "bulkhead 64 (wait 50ms)".
func (b *Bulkhead) String() string {
	s := fmt.Sprintf("bulkhead %d", b.config.MaxConcurrent)
	switch {
	case b.config.MaxWait > 0:
		s += fmt.Sprintf(" (wait %v)", b.config.MaxWait)
	case b.config.MaxWait < 0:
		s += " (wait)"
	}
	return s
}

// FullError is a bulkhead's refusal. It is ErrFull by errors.Is. One is built per bulkhead.
type FullError struct {
	MaxConcurrent int
	MaxWait       time.Duration
}

// Error returns "bulkhead is full: 64 calls in flight", with the wait if there was one.
func (e *FullError) Error() string {
	s := fmt.Sprintf("%v: %d calls in flight", ErrFull, e.MaxConcurrent)
	if e.MaxWait > 0 {
		s += fmt.Sprintf(", and none ended within %v", e.MaxWait)
	}
	return s
}

// Is reports whether target is ErrFull.
func (e *FullError) Is(target error) bool { return target == ErrFull } //nolint:errorlint // Is compares, by contract

// Verdict returns Rejected.
func (e *FullError) Verdict() resilience.Verdict { return resilience.Rejected }

// StopReason returns ReasonBulkheadFull.
func (e *FullError) StopReason() resilience.Reason { return resilience.ReasonBulkheadFull }
