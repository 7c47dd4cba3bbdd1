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

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Config is a bulkhead as data. The zero value admits 64 calls at once, and none waits.
type Config struct {
	// MaxConcurrent is how many calls may be in flight. Default 64.
	MaxConcurrent int

	// MaxWait is how long a call may wait for a place, in order of arrival. Default 0: it
	// does not wait; -1: as long as its ctx lives.
	MaxWait time.Duration

	// QueueLimit is how many calls may wait at once; one more is refused at once. Default 0: any
	// number. Without MaxWait none waits, whatever it says.
	QueueLimit int
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
	c.MaxConcurrent = check.Number(p, "MaxConcurrent", c.MaxConcurrent, check.Range[int]{Max: math.MaxInt32, Default: 64})
	c.MaxWait = check.Number(p, "MaxWait", c.MaxWait, check.Range[time.Duration]{Zero: "for no wait", Off: "to wait as long as the ctx lives"})
	c.QueueLimit = check.Number(p, "QueueLimit", c.QueueLimit, check.Range[int]{Max: math.MaxInt32, Zero: "for any number"})
	return c, p.Err()
}

// Bulkhead is a semaphore over calls, and a Guard. It is safe for concurrent use, and is made by
// New. A zero Bulkhead, and a nil one, let nobody in: Acquire returns an error that says so.
type Bulkhead struct {
	config    Config
	refusal   *FullError
	queueFull *FullError // where it is the queue that has no room

	// The fast path is inUse alone. A call that waits raises waiting before it tries once
	// more, and a call that ends lowers inUse before it looks at waiting: one of the two
	// always sees the other.
	inUse    atomic.Int64
	waiting  atomic.Int64
	rejected atomic.Uint64

	mu    sync.Mutex
	queue queue
}

// New returns an empty bulkhead, or an error that names every field of c that is wrong.
func New(c Config) (*Bulkhead, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return &Bulkhead{
		config:    r,
		refusal:   &FullError{MaxConcurrent: r.MaxConcurrent, MaxWait: r.MaxWait},
		queueFull: &FullError{MaxConcurrent: r.MaxConcurrent, Queued: r.QueueLimit},
	}, nil
}

// Build returns b itself, so that a Bulkhead can be a stage of several pipelines.
func (b *Bulkhead) Build() (resilience.Policy, error) {
	if err := b.unmade(); err != nil {
		return nil, err
	}
	return b, nil
}

// unmade returns what to say of a Bulkhead that New did not make, else nil.
func (b *Bulkhead) unmade() error {
	if b == nil {
		return errors.New("bulkhead: a nil *Bulkhead; make one with bulkhead.New")
	}
	if b.refusal == nil {
		return errors.New("bulkhead: a zero Bulkhead; make one with bulkhead.New")
	}
	return nil
}

// Wrap returns next behind b.
func (b *Bulkhead) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(b, next) }

// Acquire takes a place, waiting for it if the Config says so. It returns a *FullError if
// there is none, or ctx's error if that has ended, which takes no place and counts as no
// refusal. It allocates only if it has to wait.
func (b *Bulkhead) Acquire(ctx context.Context) error {
	if b == nil || b.refusal == nil {
		return b.unmade()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
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
	QueueLimit    int    `json:"queue_limit"` // how many may wait; 0: any number
	Rejected      uint64 `json:"rejected"`
}

// Stats returns the counts. They are read one after the other, while calls go on.
func (b *Bulkhead) Stats() Stats {
	return Stats{
		MaxConcurrent: b.config.MaxConcurrent, InUse: int(b.inUse.Load()),
		Waiting: int(b.waiting.Load()), QueueLimit: b.config.QueueLimit, Rejected: b.rejected.Load(),
	}
}

// Add adds what another bulkhead does and has done to s, for a sum over several. The zero Stats is
// that of none. Where any number may wait in one of them, any number may in all.
func (s *Stats) Add(other Stats) {
	unlimited := other.QueueLimit == 0 || s.MaxConcurrent > 0 && s.QueueLimit == 0
	s.MaxConcurrent += other.MaxConcurrent
	s.InUse += other.InUse
	s.Waiting += other.Waiting
	s.QueueLimit += other.QueueLimit
	s.Rejected += other.Rejected
	if unlimited {
		s.QueueLimit = 0
	}
}

// String returns the bulkhead in words: "bulkhead 64", "bulkhead 64 (wait 50ms)",
// "bulkhead 64 (100 wait 50ms)".
func (b *Bulkhead) String() string {
	s, queue := fmt.Sprintf("bulkhead %d", b.config.MaxConcurrent), ""
	if b.config.QueueLimit > 0 {
		queue = fmt.Sprintf("%d ", b.config.QueueLimit)
	}
	switch {
	case b.config.MaxWait > 0:
		s += fmt.Sprintf(" (%swait %v)", queue, b.config.MaxWait)
	case b.config.MaxWait < 0:
		s += fmt.Sprintf(" (%swait)", queue)
	}
	return s
}
