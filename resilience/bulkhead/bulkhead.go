// Package bulkhead bounds how many calls are in flight at once, so that one slow dependency
// cannot take all the goroutines, connections and memory of its caller. An adaptive one finds its
// limit by itself, so that too much work does not keep a dependency from doing any.
package bulkhead

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/usual"
	"github.com/media-gateway/holdfast/resilience"
)

// Bulkhead is a semaphore over calls, and a Guard. It is safe for concurrent use, and is made by
// New. A zero Bulkhead, and a nil one, let nobody in: Acquire returns an error that says so.
type Bulkhead struct {
	settings *settings // shared with those of other keys; an update may have put others into force
	shared   *shared   // with those of other places

	counts  bool // calls have a place in state.inUse also while there is no adaptive limit
	looks   bool // at how long successes take
	perCall bool // it sees whole calls, and not attempts
	lenient bool // it never cuts a limit
	hears   bool // the observer wants to know of the limit

	pipeline string
	observer resilience.Observer
	classify resilience.Classifier // the pipeline's; nil if it has none
	limit    time.Duration         // what an attempt may take; 0 if that is not known
	calls    stage.Population      // the pipeline's, if they are not counted here; else nil
}

// settings are a Config, resolved, and the refusals that do not depend on an adaptive limit.
type settings struct {
	Config
	refusal   *FullError
	queueFull *FullError // where it is the queue that has no room
}

// shared is what the bulkheads of several places share, and those before and after an update.
type shared struct {
	atomic.Pointer[state]
	settings atomic.Pointer[settings] // in force, as to who may be inside and who may wait
}

// state is how a bulkhead stands. An adaptive one that does not count has none
// before the first slow failure, since there may be 100,000.
type state struct {
	// The fast path is inUse alone. A call that waits raises waiting before it tries once
	// more, and a call that ends lowers inUse before it looks at waiting: one of the two
	// always sees the other.
	inUse    atomic.Int64
	waiting  atomic.Int64
	rejected atomic.Uint64
	most     atomic.Int64 // how many may be inside, but for an adaptive limit; changed under mu

	mu    sync.Mutex
	queue queue
	older older

	// Of an adaptive one.
	limiter atomic.Pointer[limiter] // nil: there is no adaptive limit
	row     atomic.Uint32           // slow failures in a row
	slowAt  atomic.Int64            // when the latest of them ended: a mono.Time; 0: long ago
	quickAt atomic.Int64            // when a success was quick last, if that was after one of them
	times   *usual.Times            // nil without Adaptive.Times

	cuts, lateCuts atomic.Uint64 // by slow failures, and by late successes
}

// New returns an empty bulkhead, or an error that names every field of c that is wrong.
func New(c Config) (*Bulkhead, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	b := newBulkhead(r)
	b.state() // no call shall have to make it
	return b, nil
}

// newBulkhead returns a bulkhead of a resolved Config. An adaptive one has no state: link knows
// whether it needs one.
func newBulkhead(r Config) *Bulkhead { return alike(settingsOf(r)) }

// settingsOf returns the settings of a resolved Config.
func settingsOf(r Config) *settings {
	return &settings{
		Config:    r,
		refusal:   &FullError{MaxConcurrent: max(0, r.MaxConcurrent), MaxWait: r.MaxWait},
		queueFull: &FullError{MaxConcurrent: max(0, r.MaxConcurrent), Queued: r.QueueLimit},
	}
}

// alike returns an empty bulkhead of these settings.
func alike(s *settings) *Bulkhead {
	b := &Bulkhead{settings: s, shared: &shared{}, counts: true, looks: s.looks()}
	b.shared.settings.Store(s)
	if s.Adaptive == nil {
		b.state()
	}
	return b
}

// state returns the state, and makes it if there is none.
func (b *Bulkhead) state() *state {
	if s := b.shared.Load(); s != nil {
		return s
	}
	s := &state{}
	if b.looks {
		s.times = &usual.Times{}
	}
	s.limit(b.shared.settings.Load())
	if b.shared.CompareAndSwap(nil, s) { // else another call was faster
		s.mu.Lock()
		defer s.mu.Unlock()
		s.limit(b.shared.settings.Load()) // resize may have missed it
	}
	return b.shared.Load()
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
	if b.shared == nil {
		return errors.New("bulkhead: a zero Bulkhead; make one with bulkhead.New")
	}
	return nil
}

// Adapts reports whether b finds a limit by itself. If it does not, it ignores how calls end.
func (b *Bulkhead) Adapts() bool { return b != nil && b.shared != nil && b.settings.Adaptive != nil }

// MayWait reports whether a call may wait for a place.
func (b *Bulkhead) MayWait() bool { return b.settings.MaxWait != 0 }

// Wrap returns next behind b.
func (b *Bulkhead) Wrap(next resilience.Func) resilience.Func {
	if !b.Adapts() {
		return resilience.WrapGuard(b, next)
	}
	b.state() // no call shall have to make it
	return func(ctx context.Context) error {
		if ctx.Err() != nil {
			return resilience.NotStarted(ctx)
		}
		e := b.Enter(mono.At(mono.Now()))
		if !e.OK() {
			var err error
			if e, err = b.Await(ctx); err != nil {
				return resilience.Refused(err)
			}
		}
		defer func() { b.Abort(&e) }()
		err := next(ctx)
		b.Leave(ctx, &e, err)
		return err
	}
}

// Acquire takes a place, waiting for it if the Config says so. It returns a *FullError if
// there is none, or ctx's error if that has ended, which takes no place and counts as no
// refusal. It allocates only if it has to wait, or if an adaptive limit has changed since the last
// refusal.
func (b *Bulkhead) Acquire(ctx context.Context) error {
	if err := b.unmade(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.state().waiting.Load() == 0 && (b.take() || (b.forget(ctx) || b.forgetOlder()) && b.take()) {
		return nil
	}
	if b.settings.MaxWait == 0 {
		return b.refuse()
	}
	return b.wait(ctx)
}

// take takes a place if one is free.
func (b *Bulkhead) take() bool {
	s := b.state()
	for {
		n := s.inUse.Load()
		if !b.admits(s, n) {
			return false
		}
		if s.inUse.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// admits reports whether one more may come in while so many are counted.
func (b *Bulkhead) admits(s *state, inUse int64) bool {
	if inUse >= s.most.Load() {
		return false
	}
	l := s.limiter.Load()
	return l == nil || l.admits(inUse)
}

// looks reports whether it matters how long successes take.
func (s *settings) looks() bool { return s.Adaptive != nil && s.Adaptive.Times > 0 }

// most returns MaxConcurrent as a number that can be compared.
func (s *settings) most() int64 {
	if s.MaxConcurrent <= 0 {
		return math.MaxInt64
	}
	return int64(s.MaxConcurrent)
}

// Release gives the place back. An adaptive bulkhead learns from err how the call went, but not how
// long it took: a failure is a slow one if it says so itself, such as by context.DeadlineExceeded.
func (b *Bulkhead) Release(ctx context.Context, err error) {
	e := Entry{in: true, counted: true}
	if err == resilience.ErrAborted { //nolint:errorlint // identity: what a pipeline passes
		b.Abort(&e)
		return
	}
	b.Leave(ctx, &e, err)
}

// Config returns the settings, with every default filled in.
func (b *Bulkhead) Config() Config {
	c := b.settings.Config
	if c.Adaptive != nil {
		a := *c.Adaptive
		c.Adaptive = &a
	}
	return c
}

// String returns the bulkhead in words: "bulkhead 64", "bulkhead 64 (wait 50ms)",
// "bulkhead 64 (100 wait 50ms)", "bulkhead adaptive", "bulkhead adaptive up to 64".
func (b *Bulkhead) String() string {
	c, queue := &b.settings.Config, ""
	s := fmt.Sprintf("bulkhead %d", c.MaxConcurrent)
	if c.Adaptive != nil {
		s = "bulkhead adaptive"
		if c.MaxConcurrent > 0 {
			s += fmt.Sprintf(" up to %d", c.MaxConcurrent)
		}
	}
	if c.QueueLimit > 0 {
		queue = fmt.Sprintf("%d ", c.QueueLimit)
	}
	switch {
	case c.MaxWait > 0:
		s += fmt.Sprintf(" (%swait %v)", queue, c.MaxWait)
	case c.MaxWait < 0:
		s += fmt.Sprintf(" (%swait)", queue)
	}
	return s
}
