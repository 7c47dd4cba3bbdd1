package lazyctx

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Later is the limit of a call as a number, which makes a Ctx only when one is needed. Most calls
// need none: the attempt's own limit ends sooner. A zero or nil Later has no limit. It is not safe
// for concurrent use.
type Later struct {
	until mono.Time
	cause error // nil: there is no limit
	made  *Ctx
}

// At returns a Later with a limit at until. The cause is as for New.
func At(until mono.Time, cause error) Later { return Later{until: until, cause: cause} }

// Ctx returns a Ctx under parent that ends at the limit. The first call allocates it, and later
// calls return the same. If there is no limit, Ctx returns parent.
func (l *Later) Ctx(parent context.Context) context.Context {
	if l == nil || l.cause == nil {
		return parent
	}
	if l.made == nil {
		l.made = New(parent, l.until, l.cause)
	}
	return l.made
}

// CtxIfOver is Ctx if one was made or the limit has passed, and else parent. This saves the Ctx of
// a call that is about to end anyway.
func (l *Later) CtxIfOver(parent context.Context) context.Context {
	if c := l.Over(parent); c != nil {
		return c
	}
	return parent
}

// Over is Ctx if one was made or the limit has passed, and else nil.
func (l *Later) Over(parent context.Context) *Ctx {
	if l == nil || l.cause == nil || l.made == nil && mono.Now() < l.until {
		return nil
	}
	l.Ctx(parent)
	return l.made
}

// Cut returns d, or the time left until the limit if that is less. It is negative after the limit.
func (l *Later) Cut(d time.Duration) time.Duration {
	if l == nil || l.cause == nil {
		return d
	}
	return min(d, time.Duration(l.until-mono.Now()))
}

// End ends the Ctx, if one was made.
func (l *Later) End() {
	if l.made != nil {
		l.made.End()
	}
}
