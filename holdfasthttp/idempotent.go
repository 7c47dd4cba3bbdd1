package holdfasthttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// These errors say why a failed request was not sent again although its failure is worth a retry.
// errors.Is finds them in the error of a call, and in the error that [Stopped] returns.
var (
	ErrNotIdempotent = errors.New("not sent again: the request is not idempotent")
	ErrNotReplayable = errors.New("not sent again: the request's body cannot be replayed (it has no GetBody)")
)

// mayRepeat reports whether it is safe if the server gets the request twice.
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

// byProtocol reports whether the request is idempotent by its method or its idempotency key.
func (c *call) byProtocol() bool {
	switch c.req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	case http.MethodPut, http.MethodDelete:
		if !hasCondition(c.req.Header) {
			return true
		}
	}
	for _, key := range c.req.Header[c.idempotencyKey] {
		if strings.TrimSpace(key) != "" {
			return true
		}
	}
	return false
}

// hasCondition reports whether a write depends on what it meets, and so on what an earlier attempt
// has written. If the answer to that was lost, the next one says that the condition does not hold,
// as if somebody else had written.
func hasCondition(h http.Header) bool {
	for name := range h {
		name = http.CanonicalHeaderKey(name)
		if name == "If" || strings.HasPrefix(name, "If-") || strings.Contains(name, "-If-") { // WebDAV's, HTTP's, vendors'
			return true
		}
	}
	return false
}

// onlyReads reports whether the request changes nothing on the server: its method is safe, and
// neither a mark nor an option says that it must not be repeated.
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

// ended completes known, the error of an attempt under ctx: whether the request was carried out,
// and whether it may and can be sent again.
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
