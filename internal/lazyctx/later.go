package lazyctx

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Later is the limit of a call as a number, and a Ctx that ends by it as soon as somebody needs
// one. Most calls need none: the attempt's own limit ends sooner. The zero Later has no limit, and
// neither has a nil one. It is for one goroutine.
type Later struct {
	until mono.Time
	cause error // nil: there is no limit
	made  *Ctx
}

// At returns the Later of a limit that ends at until with the given cause, as New has it.
func At(until mono.Time, cause error) Later { return Later{until: until, cause: cause} }

// Ctx returns a Ctx under parent that ends by the limit, the same at each call; parent itself if
// there is no limit. It allocates once.
func (l *Later) Ctx(parent context.Context) context.Context {
	if l == nil || l.cause == nil {
		return parent
	}
	if l.made == nil {
		l.made = New(parent, l.until, l.cause)
	}
	return l.made
}

// CtxIfOver is Ctx if there is one by now, or the limit has come, and else parent. It saves the Ctx
// of a call that is about to end anyway.
func (l *Later) CtxIfOver(parent context.Context) context.Context {
	if c := l.Over(parent); c != nil {
		return c
	}
	return parent
}

// Over returns the Ctx if there is one by now, or the limit has come, and else nil.
func (l *Later) Over(parent context.Context) *Ctx {
	if l == nil || l.cause == nil || l.made == nil && mono.Now() < l.until {
		return nil
	}
	l.Ctx(parent)
	return l.made
}

// Cut returns d, and less if the limit comes sooner.
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
