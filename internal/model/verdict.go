package model

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Answer is what an op answers, named after how its error is made.
type Answer string

// The answers.
const (
	OK           Answer = "ok"            // nil
	Transient    Answer = "transient"     // MarkTransient
	Overload     Answer = "overload"      // MarkOverload, with a retry-after that may be 0
	RateLimit    Answer = "rate limit"    // an Error of KindRateLimit, likewise
	Unavailable  Answer = "unavailable"   // an Error of KindServiceUnavailable, likewise
	Permanent    Answer = "permanent"     // MarkPermanent
	NoRetry      Answer = "no retry"      // MarkNoRetry, Transient
	Unknown      Answer = "unknown"       // errors.New
	Known        Answer = "known"         // one that the classifier calls Transient
	Fine         Answer = "fine"          // one that the classifier calls a Success
	OthersCancel Answer = "others cancel" // context.Canceled, though the ctx may live
	Timeout      Answer = "timeout"       // context.DeadlineExceeded, though the ctx may live
	Dial         Answer = "dial"          // a *net.OpError whose Op is "dial"
	Rejects      Answer = "rejects"       // MarkRejected
	Panics       Answer = "panics"
	Exits        Answer = "exits"   // its goroutine ends
	CtxErr       Answer = "ctx err" // how its ctx ended
)

// Ending is how a ctx had ended when the op returned.
type Ending int

// The endings.
const (
	Lives    Ending = iota
	Canceled        // by the caller
	RanOut          // a deadline passed
)

// Assess is the list in the documentation of resilience.Assess. classified says that there is a
// classifier that knows Known and Fine.
func Assess(a Answer, hint time.Duration, ctx Ending, classified bool) resilience.Judgment {
	same := func(v resilience.Verdict) resilience.Judgment { return resilience.Judgment{Dependency: v, Retry: v} }
	switch {
	case a == OK: // 1
		return same(resilience.Success)
	case ctx == Canceled: // 2
		return same(resilience.Canceled)
	}
	switch a { // 3 and 4
	case Transient, OthersCancel:
		return same(resilience.Transient)
	case Overload, RateLimit:
		return same(resilience.Overload)
	case Unavailable:
		if hint > 0 {
			return same(resilience.Overload)
		}
		return same(resilience.Transient)
	case Permanent:
		return same(resilience.Permanent)
	case NoRetry:
		return resilience.Judgment{Dependency: resilience.Transient, Retry: resilience.Permanent}
	case Rejects:
		return same(resilience.Rejected)
	default: // it does not explain itself
	}
	switch { // 5
	case a == Known && classified:
		return same(resilience.Transient)
	case a == Fine && classified:
		return same(resilience.Permanent)
	case a == Timeout, a == Dial:
		return same(resilience.Transient)
	case ctx == RanOut: // 6
		return same(resilience.Transient)
	}
	return same(resilience.Unclassified) // 7
}

// Hinted reports whether an answer carries its retry-after.
func Hinted(a Answer) bool { return a == Overload || a == RateLimit || a == Unavailable }
