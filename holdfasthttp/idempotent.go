package holdfasthttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// Why a request that failed was not sent again, where the failure alone would have allowed it. By
// errors.Is they are found in the error, and in what Stopped returns.
var (
	ErrNotIdempotent = errors.New("not sent again: the request is not idempotent")
	ErrNotReplayable = errors.New("not sent again: the request's body cannot be replayed (it has no GetBody)")
)

// mayRepeat reports whether the server may get the request twice.
func (c *call) mayRepeat() bool {
	switch resilience.RepetitionOf(c.req.Context()) {
	case resilience.Idempotent:
		return true
	case resilience.Once:
		return false
	default: // the ctx does not say
	}
	if c.idempotent != nil {
		return c.idempotent(c.req)
	}
	return c.byProtocol()
}

// byProtocol reports whether the request's method or its key lets the server get it twice.
func (c *call) byProtocol() bool {
	switch c.req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	for _, key := range c.req.Header[c.idempotencyKey] {
		if strings.TrimSpace(key) != "" {
			return true
		}
	}
	return false
}

// onlyReads reports whether the request cannot change anything on the server: its method is safe,
// and nobody has said that it must be sent at most once.
func (c *call) onlyReads() bool {
	switch c.req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace: // RFC 9110, 9.2.1
		return c.mayRepeat()
	}
	return false
}

// replayable reports whether the body can be sent again.
func (c *call) replayable() bool {
	return c.req.Body == nil || c.req.Body == http.NoBody || c.req.GetBody != nil || c.kept != nil && c.kept.whole()
}

// ended completes what is known of an attempt that ended under ctx: whether the request was carried
// out, and whether it may and can be sent again.
func (c *call) ended(ctx context.Context, known *resilience.CallError, effect resilience.Effect) error {
	unsent := effect == resilience.EffectUnsent
	mayRepeat := unsent || c.mayRepeat()
	if effect == resilience.EffectUnknown && c.onlyReads() {
		effect = resilience.EffectNone
	}
	if !mayRepeat || !c.replayable() || known.Final {
		known.Judgment = resilience.Judgment{Dependency: resilience.Judge(ctx, nil, known), Retry: resilience.Permanent}
		known.Final = true
	}
	if known.Final && known.Why == nil && known.Dependency.Failure() {
		known.Why = ErrNotReplayable
		if !mayRepeat {
			known.Why = ErrNotIdempotent
		}
	}
	if effect == resilience.EffectUnknown || known.Reason == resilience.ReasonOutcomeUnknown {
		c.doubt = true
		known.Effect, known.Repeatable = resilience.EffectUnknown, mayRepeat && known.Reason != resilience.ReasonOutcomeUnknown
	} else {
		known.Effect = effect
	}
	return known
}
