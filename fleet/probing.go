package fleet

import (
	"context"
	"math"
	"time"

	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// One pod probes for all. Who holds the lease lets its breaker probe when its pause is over, and
// the others move their probes on, a little at a time, as long as they hear that somebody holds it.
// If they hear nothing any more, what is left of that is over within three ticks.
const (
	leaseTTL  = 3 * time.Second // the holder extends it each tick
	soon      = tick * 3 / 2    // before its pause is over a pod asks for the lease
	holdFor   = apart * tick    // by which a pod without the lease moves its probe on
	patience  = 2 * time.Second // that a holder waits for a call to probe with
	turnAway  = 5 * time.Second // before a pod that found no call holds the lease again
	standBack = 2 * time.Second // that a pod lets others go first, after its round failed
	rest      = time.Second     // after a round that failed, in which nobody probes; OpenFor if that is less
	spread    = time.Second     // over which the others probe, after a round succeeded
	ban       = time.Minute     // that a pod may not hold the lease whose round failed while others succeed

	// longestHold is for how long a breaker is kept from probing at least, if nobody succeeds,
	// before it probes by itself, whatever the store says. Ten times MaxOpenFor, if that is more.
	longestHold = time.Minute
)

// longAgo is when that happened which never did.
const longAgo mono.Time = math.MinInt64 / 2

// probing is what a member knows of its breaker's probes.
type probing struct {
	openedAt mono.Time // seen first
	dueAt    mono.Time // to probe, if there were no fleet
	wonAt    mono.Time // when probes closed it last
	lostAt   mono.Time // when a round of them failed last
	newlyWon bool      // since the last tick that acted
	newlyOut bool      // a round failed since then

	holds     bool      // the lease
	heldSince mono.Time // without a probe
	letGo     bool      // another pod has succeeded since it opened, so it probes
	notBefore mono.Time // it may hold the lease again
	banned    mono.Time // until then it goes by itself

	calls    uint64    // of the pipelines, when it was last asked
	calledAt mono.Time // when there were more than before
}

func newProbing() probing {
	return probing{
		openedAt: longAgo, dueAt: longAgo, wonAt: longAgo, lostAt: longAgo,
		heldSince: longAgo, notBefore: longAgo, banned: longAgo, calledAt: longAgo,
	}
}

// changed takes note of what has become of the breaker since it was read before.
func (p *probing) changed(was, is adviser.Reading, now mono.Time) {
	shut := func(s resilience.State) bool { return s == resilience.StateOpen || s == resilience.StateHalfOpen }
	switch {
	case !shut(is.State):
		if shut(was.State) && is.State == resilience.StateClosed { // by probes, or by a hand that says the same
			p.wonAt, p.newlyWon = now, true
		}
		p.letGo = false
	case !shut(was.State) || is.FailedRounds < was.FailedRounds:
		p.openedAt, p.dueAt, p.letGo = now, now+mono.Time(is.ProbeIn), false
		p.newlyOut = is.FailedRounds > 0
	case is.FailedRounds > was.FailedRounds:
		p.dueAt = now + mono.Time(is.ProbeIn)
		p.newlyOut = true
	}
	if p.newlyOut {
		p.lostAt = now
	}
}

// act does what follows from the news: it opens the breaker, or sees to it that one pod probes.
func (m *member) act(ctx context.Context, f *Fleet, holder string) {
	p, now := &m.probing, mono.Now()
	m.read(now, time.Duration(now-f.members.began))
	if m.decide() {
		f.trouble.advised.Add(1)
		return
	}
	if p.newlyWon {
		p.newlyWon = false
		m.release(ctx, f)
	}
	if p.newlyOut {
		p.newlyOut = false
		m.lost(ctx, f, now)
	}
	switch m.reading.State {
	case resilience.StateOpen:
		m.wait(ctx, f, holder, now)
	case resilience.StateHalfOpen:
		p.heldSince = now
		m.extend(ctx, f, leaseTTL)
	default:
		m.release(ctx, f)
	}
}

// lost follows a round of probes that failed. Where others succeed, it is this pod that is broken,
// and it goes by itself for a while. Else the holder keeps the lease for a moment, in which nobody
// probes, and lets others go first after that. Their breakers have paused for OpenFor as well, so
// the next round may come soon: it is one pod's.
func (m *member) lost(ctx context.Context, f *Fleet, now mono.Time) {
	p := &m.probing
	others := m.digest.slots.within(recently).successes > 0 && 2*m.digest.failing < m.digest.speaking
	switch {
	case p.letGo || others:
		p.banned = now.Add(ban)
		p.letGo = false
		m.release(ctx, f)
	case p.holds:
		m.extend(ctx, f, min(rest, m.openFor))
		p.holds = false
		p.notBefore = now.Add(m.openFor + standBack)
	}
}

// wait is for an open breaker.
func (m *member) wait(ctx context.Context, f *Fleet, holder string, now mono.Time) {
	p := &m.probing
	if calls := m.traffic(); calls != p.calls {
		p.calls, p.calledAt = calls, now
	}
	if now < p.banned || p.letGo {
		return // it goes by itself
	}
	if won := m.digest.won; won >= 0 && now-mono.Time(won) > p.openedAt && now-mono.Time(won) > p.lostAt {
		p.letGo = true
		if in := upTo(spread); in < m.reading.ProbeIn {
			m.hook.ProbeIn(in)
		}
		m.release(ctx, f)
		return
	}
	switch {
	case m.digest.open < 2:
		m.release(ctx, f) // nobody else asks
	case p.holds:
		if m.reading.ProbeIn > 0 {
			p.heldSince = now
		}
		if time.Duration(now-p.heldSince) > patience {
			p.notBefore = now.Add(turnAway)
			m.release(ctx, f)
			m.hold(now)
			return
		}
		m.extend(ctx, f, leaseTTL)
	case m.reading.ProbeIn <= soon:
		if holder == "" && now >= p.notBefore && time.Duration(now-p.calledAt) < patience && m.acquire(ctx, f, leaseTTL) {
			p.holds, p.heldSince = true, now
			return
		}
		m.hold(now)
	}
}

// hold keeps the breaker from probing for three ticks more, but not for ever.
func (m *member) hold(now mono.Time) {
	if time.Duration(now-m.probing.dueAt) < m.longest {
		m.hook.ProbeIn(holdFor)
	}
}

func (m *member) acquire(ctx context.Context, f *Fleet, ttl time.Duration) bool {
	got, err := f.transport.Acquire(ctx, m.room, f.pod, ttl)
	return got && err == nil
}

// extend extends the lease if the pod holds it. Without an answer the pod goes by what it knew: at
// worst two pods probe.
func (m *member) extend(ctx context.Context, f *Fleet, ttl time.Duration) {
	if p := &m.probing; p.holds {
		got, err := f.transport.Acquire(ctx, m.room, f.pod, ttl)
		p.holds = got || err != nil
	}
}

// release ends the lease if the pod holds it.
func (m *member) release(ctx context.Context, f *Fleet) {
	if p := &m.probing; p.holds {
		p.holds = false
		_ = f.transport.Release(ctx, m.room, f.pod) // else it ends by itself
	}
}
