package ratelimit

import "github.com/media-gateway/holdfast/internal/stage"

func init() {
	stage.Register(stage.Spec[Config, *Limiter]{
		Name:    "ratelimit",
		Traits:  traits,
		InForce: (*Limiter).Config,
		Shares:  true,
		Renew:   renew,
		Tune:    tune,
		Worth:   worth,
		Report:  func(l *Limiter) stage.Report { return stage.Report{Stats: l.Stats()} },
	})
}

func traits(c Config) stage.Traits {
	t := stage.Traits{Wait: c.MaxWait, WaitsFor: "a token of the rate limit", Refuses: "a rate limit that is reached", Admits: true, Adjustable: true}
	if c.MaxWait < 0 {
		t.Wait = stage.Endless
	}
	return t
}

// renew keeps the tokens, and those who wait for one, whatever the numbers.
func renew(l *Limiter, c Config) (stage.Renewal[*Limiter], error) {
	r := stage.Renewal[*Limiter]{Policy: l, Kept: true}
	resolved, err := c.Resolve()
	if err == nil && resolved != l.Config() {
		r.Commit = func() { _ = l.Update(c) } // cannot fail: it was resolved just now
	}
	return r, err
}

// tune is for a change by hand, which leaves alone what the hand has not changed: others may
// have, through another pipeline that shares l.
func tune(l *Limiter, from, to Config) (stage.Tuning[*Limiter, Config], error) {
	to, err := to.Resolve()
	return stage.Tuning[*Limiter, Config]{Policy: l, Commit: func() (was, is Config) { return l.tune(from, to) }}, err
}

// worth says that a limiter whose bucket is not full knows of calls that were made: another one in
// its place would let a whole burst pass on top of them.
func worth(l *Limiter) stage.Worth {
	if s := l.Stats(); s.Waiting > 0 || s.Tokens < float64(s.Burst) {
		return stage.Learned
	}
	return stage.Plain
}
