package bulkhead

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Config is a bulkhead as data. The zero value admits 64 calls at once, and none waits.
type Config struct {
	// MaxConcurrent is how many calls may be in flight. Default 64. With Adaptive, the default is
	// -1: no limit but the adaptive one.
	MaxConcurrent int

	// MaxWait is how long a call may wait for a place, in order of arrival. Default 0: it
	// does not wait; -1: as long as its ctx lives.
	MaxWait time.Duration

	// QueueLimit is how many calls may wait at once; one more is refused at once. Default 0: any
	// number. Without MaxWait none waits, whatever it says.
	QueueLimit int

	// Adaptive, if set, makes the bulkhead find a limit of its own while the dependency has too
	// much to do. It lies below MaxConcurrent, if that is set. Default nil: MaxConcurrent alone.
	Adaptive *Adaptive
}

// Adaptive makes a bulkhead find its limit by itself. The zero value is sound.
//
// At first there is no limit. Slow failures in a row mean that the dependency has too much to do:
// the attempt's time ran out, or more than half of it was used, or the dependency said so
// (resilience.Overload). Then the limit becomes a share of what is in flight. Each success while at
// least half of the limit is in use raises it by 1/limit: by 1 for as many successes as the limit.
// When it has kept nobody waiting, and nothing failed slowly, for a while (CalmFor), there is none
// again. One call is always let through if nothing else is in flight. A limit that is a fraction is
// rounded up.
//
// A call that was canceled, or that a stage further in refused, teaches nothing. A quick failure
// does not end a row. The errors are judged by the pipeline's classifier: see holdfast.Classify.
// What an attempt may take is the limit of the next deadline inside the bulkhead.
//
// Inside a retry loop the limit is one of attempts in flight, outside of one of calls.
//
// As a stage of one pipeline, a bulkhead without MaxConcurrent counts nothing while it has no
// limit: a call that succeeds costs two loads, no lock and no allocation. When it begins to count,
// the pipeline tells it how many first attempts (or calls) are in flight. A bulkhead with a
// MaxConcurrent, in several pipelines, in a Chain or used by hand always counts.
//
// Source: additive increase, multiplicative decrease, as in TCP (Jacobson, "Congestion Avoidance
// and Control", 1988; Chiu and Jain, 1989) and in the AIMDLimit of Netflix' concurrency-limits.
// That the sign of congestion is a row of slow failures, and that there is no limit before the
// first, is this module's own: docs/adr/0025-a-limit-that-nobody-guesses.md.
type Adaptive struct {
	// SlowFailures is how many slow failures in a row cut the limit. A success ends the row.
	// Default 5.
	SlowFailures int

	// CutTo is what a cut leaves, as a share of the limit or of what is in flight, whichever is
	// less. Above 0 and at most 0.99. Default 0.7. The limit is never below 1.
	CutTo float64

	// CutEvery is the least time between two cuts, so that the calls that were in flight at a cut
	// do not cause the next one. Default 500ms.
	CutEvery time.Duration

	// CalmFor is how long nothing must have failed slowly, and the limit must have kept nobody
	// waiting, before it is gone. Default 10s; -1: it stays, and grows while it is used.
	CalmFor time.Duration

	// Times also cuts the limit when most of the recent successes took more than Times as long as
	// four of five took before. It is at least 1. It costs a look at the clock after each success.
	// Default 0: off, as -1 is.
	Times float64
}

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	r, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	return newBulkhead(r), nil // link and Wrap make the state
}

// mostCutTo is the greatest CutTo: one of 1 would cut nothing.
const mostCutTo = 0.99

// Resolve returns c with every default filled in, or an error that names every wrong field.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("bulkhead")
	most := check.Range[int]{Max: math.MaxInt32, Default: 64}
	if c.Adaptive != nil {
		most = check.Range[int]{Max: math.MaxInt32, Default: check.Off, Off: "for no limit but the adaptive one"}
	}
	if c.Adaptive == nil && c.MaxConcurrent == check.Off {
		p.Refuse("MaxConcurrent", c.MaxConcurrent, resilience.Rule{Needs: "Adaptive", Why: "else there is no limit at all"})
	} else {
		c.MaxConcurrent = check.Number(p, "MaxConcurrent", c.MaxConcurrent, most)
	}
	c.MaxWait = check.Number(p, "MaxWait", c.MaxWait, check.Range[time.Duration]{Zero: "for no wait", Off: "to wait as long as the ctx lives"})
	c.QueueLimit = check.Number(p, "QueueLimit", c.QueueLimit, check.Range[int]{Max: math.MaxInt32, Zero: "for any number"})
	c.Adaptive = c.Adaptive.resolve(p)
	return c, p.Err()
}

// resolve returns a copy of a with every default filled in (-1 stays for what is off), and notes
// every wrong field.
func (a *Adaptive) resolve(p *check.Check) *Adaptive {
	if a == nil {
		return nil
	}
	const off = "to turn it off"
	r := &Adaptive{
		SlowFailures: check.Number(p, "Adaptive.SlowFailures", a.SlowFailures, check.Range[int]{Max: math.MaxInt32, Default: 5}),
		CutTo:        check.Number(p, "Adaptive.CutTo", a.CutTo, check.Range[float64]{Max: mostCutTo, Default: 0.7}),
		CutEvery:     check.Number(p, "Adaptive.CutEvery", a.CutEvery, check.Range[time.Duration]{Default: 500 * time.Millisecond}),
		CalmFor:      check.Number(p, "Adaptive.CalmFor", a.CalmFor, check.Range[time.Duration]{Default: 10 * time.Second, Off: "so that it stays"}),
		Times:        check.Number(p, "Adaptive.Times", a.Times, check.Range[float64]{Min: 1, Zero: off, Off: off}),
	}
	if r.Times == 0 {
		r.Times = check.Off
	}
	return r
}

// same reports whether two resolved Configs have the same numbers.
func (c Config) same(other Config) bool {
	a, b := c.Adaptive, other.Adaptive
	c.Adaptive, other.Adaptive = nil, nil
	return c == other && (a == nil) == (b == nil) && (a == nil || *a == *b)
}
