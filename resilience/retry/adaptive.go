package retry

import (
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Adaptive makes a loop learn from its own calls, over a sliding window: how often first
// attempts succeed, how often second ones do, and so on. The zero value is sound.
//
// An attempt is not made if neither it nor any that may follow it succeeds often enough
// (MinGain): the call ends with ErrUnlikely, before the pause, and the budget is not asked.
// A small share of these calls goes on all the same (Explore), so that an improvement is
// noticed. What was learned about later attempts is forgotten when one of them succeeds that
// explored, and when an outage begins or ends: when most first attempts of the last fifth of the
// window fail, or no longer do. And the pauses grow while most first attempts fail (MaxStretch).
//
// An attempt counts as a success if the dependency answered it, be it with a Permanent error;
// one that was canceled, or refused before the dependency was asked, does not count at all.
//
// What is learned belongs to the Policy: all its calls share it, in all pipelines in which it
// stands, and an update of a pipeline keeps it if the Window did not change. It takes about
// 1.4 KB, no lock, and no allocation; a call that succeeds at its first attempt pays with a look at
// the clock. The 16th attempt of a call and all later ones are taken for one.
//
// It does not replace a budget, which acts at once and for certain. It helps where none is in the
// way: see docs/guide.md.
type Adaptive struct {
	// Window is how far back the loop remembers. Default 30s, at least 100ms. It slides in
	// steps of a tenth.
	Window time.Duration

	// MinSamples is how many attempts of a kind (second ones, third ones, …) the window must hold
	// before they are judged; below that they are made. Default 20. They must also have fallen
	// short in three tenths of the window, so that nothing is learned from a blip. In an outage,
	// what was judged once stands until the window holds no such attempt any more.
	MinSamples int

	// MinGain is the least share of successes for which an attempt is worth making. Default
	// 0.05; -1: every attempt is.
	MinGain float64

	// Explore is the share of calls that go on although nothing they may try is worth it. Default
	// 0.01; -1: none, so that the loop tries again when its window has passed.
	Explore float64

	// MaxStretch is by how much BaseDelay is multiplied while all first attempts fail. The factor
	// falls to 1 as half of them succeed. MaxDelay still holds. Default 4, at most 100; -1: pauses
	// do not grow. A Backoff that does not look at Step.Base, as a BackoffFunc, is not affected.
	MaxStretch float64
}

// resolve returns a copy of a with every default filled in (-1 stays for what is off), and
// notes every wrong field.
func (a *Adaptive) resolve(p *check.Check) *Adaptive {
	if a == nil {
		return nil
	}
	const off = "to turn it off"
	return &Adaptive{
		Window:     check.Number(p, "Adaptive.Window", a.Window, check.Range[time.Duration]{Min: minWindow, Default: 30 * time.Second}),
		MinSamples: check.Number(p, "Adaptive.MinSamples", a.MinSamples, check.Range[int]{Max: maxSamples, Default: 20}),
		MinGain:    check.Number(p, "Adaptive.MinGain", a.MinGain, check.Range[float64]{Max: 1, Default: 0.05, Off: off}),
		Explore:    check.Number(p, "Adaptive.Explore", a.Explore, check.Range[float64]{Max: 1, Default: 0.01, Off: off}),
		MaxStretch: check.Number(p, "Adaptive.MaxStretch", a.MaxStretch, check.Range[float64]{Min: 1, Max: 100, Default: 4, Off: off}),
	}
}

// Learned is what an adaptive loop goes by at this moment.
type Learned struct {
	// Attempts is how those of the window went: first attempts, second ones, and so on, as
	// many as a call may make.
	Attempts []AttemptStats `json:"attempts"`

	Stretch  float64 `json:"stretch"`  // by how much BaseDelay is multiplied
	Explored uint64  `json:"explored"` // calls that went on though nothing was likely to help, so far
}

// AttemptStats is how the attempts of one place in their calls went, within the window.
type AttemptStats struct {
	Tries     uint64 `json:"tries"`
	Successes uint64 `json:"successes"`
	Unlikely  bool   `json:"unlikely"` // it is not made now, but to explore
}

// Rate returns the share of successes; 0 where there were no tries.
func (s AttemptStats) Rate() float64 {
	if s.Tries == 0 {
		return 0
	}
	return float64(s.Successes) / float64(s.Tries)
}

// Learned returns what p goes by at this moment, or nil if it does not learn. It holds up no
// call; its figures are read one after the other, while calls go on.
func (p *Policy) Learned() *Learned {
	l := p.learner
	if l == nil {
		return nil
	}
	s := &Learned{
		Attempts: make([]AttemptStats, place(p.maxRetries)+1), Stretch: l.stretch(), Explored: l.explored.Load(),
	}
	now := l.now()
	for i := range s.Attempts {
		tries, successes := l.attempts[i].sum(now, numBuckets)
		s.Attempts[i] = AttemptStats{Tries: tries, Successes: successes, Unlikely: i > 0 && l.unlikely(i, p.maxRetries)}
	}
	return s
}

// learn takes note of an attempt that ended as j, and came after so many others. What nobody
// classified teaches nothing.
func (p *Policy) learn(before int, exploring bool, j resilience.Judgment) {
	if p.learner == nil {
		return
	}
	switch j.Dependency {
	case resilience.Canceled, resilience.Rejected:
		return
	case resilience.Unclassified:
		if !j.Retry.Retryable() { // else RetryIf knows more
			return
		}
	default: // it teaches something
	}
	p.learner.note(before, !j.Retry.Retryable() && !j.Dependency.Failure(), exploring)
}
