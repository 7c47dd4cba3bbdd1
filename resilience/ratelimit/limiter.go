package ratelimit

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// Limiter is a bucket of tokens over calls, and a Guard. It is safe for concurrent use, and is made
// by New. A zero Limiter, and a nil one, let nobody in: Acquire returns an error that says so.
//
// One Limiter belongs to one quota: share it between all pipelines that use it up.
type Limiter struct {
	// mu guards all fields. The clock is read under it: if the bank saw time go back, it would pay
	// twice for the time between.
	mu       sync.Mutex
	config   Config
	bank     *rate.Limiter
	queue    list.List // of *waiter, the first to come at the front
	rejected uint64

	// refusals are the errors of calls that are refused now: the first where a token comes too late
	// for MaxWait, the second where it comes too late for the ctx's deadline. nil: not built yet.
	// They hold until a token is taken or given back, or the queue or the settings change.
	refusals [2]*LimitedError
}

// New returns a limiter with a full bucket, or an error that names every field of c that is wrong.
func New(c Config) (*Limiter, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return &Limiter{config: r, bank: rate.NewLimiter(r.limit(), r.Burst)}, nil
}

// limit returns the Rate as the bank has it.
func (c Config) limit() rate.Limit {
	if c.Rate == check.Off {
		return rate.Inf
	}
	return rate.Limit(c.Rate)
}

// Build returns l itself, so that a Limiter can be a stage of several pipelines.
func (l *Limiter) Build() (resilience.Policy, error) {
	if err := l.unmade(); err != nil {
		return nil, err
	}
	return l, nil
}

// unmade returns what to say of a Limiter that New did not make, else nil.
func (l *Limiter) unmade() error {
	if l == nil {
		return errors.New("ratelimit: a nil *Limiter; make one with ratelimit.New")
	}
	if l.bank == nil {
		return errors.New("ratelimit: a zero Limiter; make one with ratelimit.New")
	}
	return nil
}

// Wrap returns next behind l.
func (l *Limiter) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(l, next) }

// Acquire takes a token, waiting for it if the Config says so. It returns a *LimitedError if none
// comes in time, or ctx's error if that has ended, which takes no token and counts as no refusal.
// It allocates nothing if there is a token. Nor does a refusal if calls do not wait, but for the
// first one since a token was taken.
func (l *Limiter) Acquire(ctx context.Context) error {
	if l == nil || l.bank == nil {
		return l.unmade()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	now := time.Now()
	if l.queue.Len() == 0 && l.take(now) {
		l.mu.Unlock()
		return nil
	}
	if l.config.MaxWait == 0 {
		err := l.refuse(now.Add(l.due(now, l.queue.Len()+1)), &waiter{})
		l.mu.Unlock()
		return err
	}
	l.mu.Unlock()
	return l.wait(ctx)
}

// Release gives the token back if the call never reached the dependency, which counts only what
// does: a stage further in refused it, or its ctx ended first. See [resilience.Unasked].
func (l *Limiter) Release(_ context.Context, err error) {
	if err == nil || !resilience.Unasked(err) || l.unmade() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveBack(time.Now())
}

// Config returns the settings in force, with every default filled in.
func (l *Limiter) Config() Config {
	if l.unmade() != nil {
		return Config{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.config
}

// Update changes the settings of a limiter in use. The tokens stay, cut to the new Burst: a higher
// one does not fill the bucket. Those who wait go on waiting, for as long as the MaxWait with which
// they came allows; whoever cannot have a token in time any more is refused at once. If c is wrong,
// it returns an error that names every wrong field, and changes nothing.
func (l *Limiter) Update(c Config) error {
	if err := l.unmade(); err != nil {
		return err
	}
	r, err := c.Resolve()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.goBy(r)
	return nil
}

// tune is Update for a change that was made of the settings from, both with every default filled
// in. What others have changed meanwhile stays: no field's bounds depend on another field. It
// returns the settings from just before and just after.
func (l *Limiter) tune(from, to Config) (was, is Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, is = l.config, stage.Changed(l.config, from, to)
	if is != was {
		l.goBy(is)
	}
	return was, is
}

// goBy puts settings into force. The caller holds mu.
func (l *Limiter) goBy(c Config) {
	now := time.Now()
	l.bank.SetLimitAt(now, c.limit())
	l.bank.SetBurstAt(now, c.Burst)
	l.config = c
	l.changed()
	l.refuseLate(now)
}

// Stats is what a limiter is doing, and has done so far.
type Stats struct {
	Rate     float64 `json:"rate"`     // calls a second; -1: no limit
	Burst    int     `json:"burst"`    // the most tokens that the bucket holds
	Tokens   float64 `json:"tokens"`   // in it now; Burst, without a limit
	Waiting  int     `json:"waiting"`  // calls that wait for a token
	Rejected uint64  `json:"rejected"` // calls that were refused
}

// Stats returns the numbers, all of one moment.
func (l *Limiter) Stats() Stats {
	if l.unmade() != nil {
		return Stats{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Rate: l.config.Rate, Burst: l.config.Burst, Tokens: float64(l.config.Burst), Waiting: l.queue.Len(), Rejected: l.rejected}
	if s.Rate != check.Off {
		s.Tokens = max(0, l.bank.TokensAt(time.Now()))
	}
	return s
}

// String returns the limiter in words: "ratelimit 100/s", "ratelimit 100/s (burst 20, wait 50ms)".
// A burst of one second is not mentioned.
func (l *Limiter) String() string {
	c := l.Config()
	if c.Rate == check.Off {
		return "ratelimit unlimited"
	}
	var more []string
	if usual, err := (Config{Rate: c.Rate}).Resolve(); err == nil && usual.Burst != c.Burst {
		more = append(more, fmt.Sprintf("burst %d", c.Burst))
	}
	switch {
	case c.MaxWait > 0:
		more = append(more, fmt.Sprintf("wait %v", c.MaxWait))
	case c.MaxWait < 0:
		more = append(more, "wait")
	}
	s := "ratelimit " + perSecond(c.Rate)
	if len(more) > 0 {
		s += " (" + strings.Join(more, ", ") + ")"
	}
	return s
}

func perSecond(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) + "/s" }
