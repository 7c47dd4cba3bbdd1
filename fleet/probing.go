package fleet

import (
	"context"
	"math"
	"time"

	adviser "github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// One pod probes for all. Who holds the lease lets its breaker probe when its own rules say so, and
// the others hold theirs, a little at a time, as long as they hear from the store. If they hear
// nothing any more, what is left of that is over within two ticks. A hold is short, so that a call
// which waits for the breaker asks again soon. If the store takes long to answer it ends before the
// next one begins, and a few pods more probe, which costs less than to keep calls waiting.
const (
	leaseTTL  = 3 * time.Second // the holder extends it each tick
	soon      = tick * 3 / 2    // before its pause is over a pod asks for the lease
	holdFor   = tick * 3 / 2    // for which a pod without the lease holds its breaker
	look      = tick / 5        // how often a holder looks what came of its probes
	patience  = time.Second     // that a holder waits for a call to probe with
	active    = 2 * time.Second // within which a pod had a call that asks for the lease
	turnAway  = 5 * time.Second // before a pod that found no call holds the lease again
	standBack = 2 * time.Second // that a pod lets others go first, after its round failed
	rest      = time.Second     // between the opening and the first probe, and between two rounds, at least
	spread    = time.Second     // over which the others probe after a success, the tick in which they hear of it included
	ban       = time.Minute     // that a pod may not hold the lease whose round failed while others succeed

	// grace is how long a breaker with MinOpenFor is open before the fleet probes for it. Such a
	// breaker asks again soon while that costs the dependency little. Holding it from the first
	// moment would cost calls in each short outage. One that opened on the fleet's advice, after
	// failures that took longer than costly, is held at once: that may be overload.
	grace  = 5 * time.Second
	costly = time.Second

	// longestHold is for how long a breaker is kept from probing at least, if nobody succeeds,
	// before it probes by itself, whatever the store says. Ten times MaxOpenFor, if that is more.
	longestHold = time.Minute
)

// longAgo is when that happened which never did.
const longAgo mono.Time = math.MinInt64 / 2

// probing is what a member knows of its breaker's probes.
type probing struct {
	openedAt mono.Time // seen first
	waitedAt mono.Time // its probe has been due since, if there were no fleet; longAgo if it is not
	goodAt   mono.Time // a probe succeeded, and none failed since
	lostAt   mono.Time // a round of them failed last
	news     result    // since the last tick that acted

	epoch     uint64    // of the lease it holds; 0 if it holds none
	until     mono.Time // it holds the lease at least, by its own clock
	heldSince mono.Time // without a probe
	advised   bool      // the fleet opened it
	letGo     bool      // another pod has succeeded since it opened, so it probes
	notBefore mono.Time // it may hold the lease again
	banned    mono.Time // until then it goes by itself

	calls    uint64    // of the pipelines, when it was last asked
	calledAt mono.Time // when there were more than before
}

// result is what came of probes.
type result uint8

const (
	nothing result = iota
	good
	lost
)

func newProbing() probing {
	return probing{
		openedAt: longAgo, waitedAt: longAgo, goodAt: longAgo, lostAt: longAgo,
		heldSince: longAgo, notBefore: longAgo, banned: longAgo, calledAt: longAgo,
	}
}

// shut reports whether a breaker in that state keeps calls out by its own rules.
func shut(s resilience.State) bool {
	return s == resilience.StateOpen || s == resilience.StateHalfOpen
}

// changed takes note of what has become of the breaker since it was read before. A round is won
// when it closes the breaker, or when its first success has not closed it by the next look: pods
// with little traffic need long for a whole round, and the others shall not wait for it.
func (p *probing) changed(was, is adviser.Reading, now mono.Time) {
	opens := shut(is.State) && (!shut(was.State) || is.Lost < was.Lost)
	if opens {
		p.openedAt, p.goodAt, p.letGo = now, longAgo, false
		was = adviser.Reading{State: is.State}
	}
	switch {
	case !shut(is.State):
		p.letGo, p.goodAt, p.advised = false, longAgo, false
		if shut(was.State) && is.State == resilience.StateClosed { // by probes, or by a hand that says the same
			p.news = good
		}
		return
	case is.Lost > was.Lost:
		p.lostAt, p.goodAt, p.news = now, longAgo, lost
	case is.Good > was.Good && p.goodAt == longAgo:
		p.goodAt = now
	case p.goodAt != longAgo && time.Duration(now-p.goodAt) >= look:
		p.goodAt, p.news = longAgo, good
	}
	switch {
	case is.State == resilience.StateOpen && is.ProbeIn == 0 && !is.Probing:
		if p.waitedAt == longAgo {
			p.waitedAt = now
		}
	default:
		p.waitedAt = longAgo
	}
}

// act does what follows from the news: it opens the breaker, or sees to it that one pod probes.
func (m *member) act(ctx context.Context, f *Fleet, n *News) {
	now := mono.Now()
	m.read(now, time.Duration(now-f.members.began))
	if m.decide() {
		f.trouble.advised.Add(1)
		m.probing.advised = true
		return
	}
	m.tell(ctx, f, now)
	switch m.reading.State {
	case resilience.StateOpen:
		m.wait(ctx, f, n, now)
	case resilience.StateHalfOpen:
		m.probing.heldSince = now
		m.extend(ctx, f, now)
	default:
		m.release(ctx, f)
	}
}

// look is what a holder does between two ticks: it tells the fleet what came of its probes.
func (m *member) look(ctx context.Context, f *Fleet) {
	if m.probing.epoch == 0 {
		return
	}
	now := mono.Now()
	m.read(now, time.Duration(now-f.members.began))
	m.tell(ctx, f, now)
}

// tell tells the fleet what came of this pod's probes, if it holds the lease, and does what follows
// for the pod itself. Where others succeed, it is this pod that is broken if its round fails, and
// it goes by itself for a while. Else nobody probes for a moment, and another pod does after that:
// its breaker has paused as well, so the next round may come soon.
func (m *member) tell(ctx context.Context, f *Fleet, now mono.Time) {
	p := &m.probing
	news, epoch := p.news, p.epoch
	p.news = nothing
	switch news {
	case nothing:
		return
	case good:
		p.epoch = 0
		m.hook.Hold(0)
	case lost:
		switch {
		case m.alone(now):
			p.banned = now.Add(ban)
			m.hook.Hold(0)
		case epoch != 0:
			m.hold(now)
		}
		p.letGo, p.epoch = false, 0
		p.notBefore = now.Add(m.pause() + standBack)
	}
	if epoch != 0 {
		_ = f.transport.Tell(ctx, m.room, Told{Pod: f.pod, Epoch: epoch, Good: news == good, Rest: m.turn()}) // else the lease ends by itself
	}
}

// alone reports whether others succeed while this pod's probes fail. Just after it has opened
// nobody knows: the others' cells may be of before the trouble.
func (m *member) alone(now mono.Time) bool {
	d := &m.digest
	return time.Duration(now-m.probing.openedAt) > recently+2*tick &&
		d.slots.within(recently).successes > 0 && 2*d.failing < d.speaking
}

// turn returns how long nobody probes after an opening, or a round that failed. Pods that are not
// in a fleet would each probe once in that pause.
func (m *member) turn() time.Duration {
	pause := m.pause()
	return min(max(rest, pause/time.Duration(max(1, m.digest.open))), pause)
}

// pause returns how long the breaker's own rules keep it from probing after a round that failed.
func (m *member) pause() time.Duration {
	if m.gradual {
		return m.reading.ProbeIn
	}
	return m.openFor
}

// wait is for an open breaker.
func (m *member) wait(ctx context.Context, f *Fleet, n *News, now mono.Time) {
	p := &m.probing
	if calls := m.traffic(); calls != p.calls {
		p.calls, p.calledAt = calls, now
	}
	if now < p.banned || p.letGo || m.early(now) {
		return // it goes by itself
	}
	if told := now - mono.Time(n.Told.Age); n.Told.Epoch != 0 && n.Told.Good && told > p.openedAt && told > p.lostAt {
		p.letGo = true
		m.release(ctx, f)
		// The slower the failures were, the more slowly the calls come back that wait: all at once
		// they would be the next overload.
		m.hook.ProbeIn(upTo(max(spread-tick, 2*m.reading.Pause)))
		return
	}
	switch {
	case m.digest.open < 2:
		m.release(ctx, f) // nobody else asks
		m.hook.Hold(0)
	case p.epoch != 0:
		if m.reading.ProbeIn > 0 || m.reading.Probing {
			p.heldSince = now
		}
		if time.Duration(now-p.heldSince) > patience {
			p.notBefore = now.Add(turnAway)
			m.release(ctx, f)
			return
		}
		m.extend(ctx, f, now)
	case m.reading.ProbeIn <= soon || time.Duration(now-max(p.openedAt, p.lostAt)) >= m.turn():
		// Who holds it without knowing had no answer in time, and asks again.
		free := n.Holder == "" || n.Holder == f.pod
		if free && now >= p.notBefore && time.Duration(now-p.calledAt) < active && m.acquire(ctx, f, now) {
			p.heldSince = now
			return
		}
		m.hold(now)
	}
}

// early reports whether the breaker has not been open for long enough to be held.
func (m *member) early(now mono.Time) bool {
	p := &m.probing
	return m.gradual && !(p.advised && m.reading.Pause >= costly) && time.Duration(now-p.openedAt) < grace
}

// hold keeps the breaker from probing until the next tick, but not for ever.
func (m *member) hold(now mono.Time) {
	if waited := m.probing.waitedAt; waited == longAgo || time.Duration(now-waited) < m.longest {
		m.hook.Hold(holdFor)
	}
}

// acquire takes the lease, or extends it. The pod counts its time from when it asked, by its own
// clock, and its breaker holds once that is over: also if the process was stopped in between.
func (m *member) acquire(ctx context.Context, f *Fleet, asked mono.Time) bool {
	epoch, err := f.transport.Acquire(ctx, m.room, f.pod, leaseTTL)
	p := &m.probing
	left := leaseTTL - mono.Since(asked)
	if err != nil || epoch == 0 || left <= 0 {
		return false
	}
	if p.epoch == 0 && !m.gradual {
		m.hook.ProbeIn(0) // its turn has come before its pause is over: it is the only one
	}
	p.epoch, p.until = epoch, asked.Add(leaseTTL)
	m.hook.HoldAfter(left, holdFor)
	return true
}

// extend extends the lease if the pod holds it. Without an answer the pod goes by what it knew.
func (m *member) extend(ctx context.Context, f *Fleet, now mono.Time) {
	if p := &m.probing; p.epoch != 0 && !m.acquire(ctx, f, now) && mono.Now() >= p.until {
		p.epoch = 0
	}
}

// release gives the lease back if the pod holds it.
func (m *member) release(ctx context.Context, f *Fleet) {
	if p := &m.probing; p.epoch != 0 {
		p.epoch = 0
		m.hold(mono.Now())
		_ = f.transport.Release(ctx, m.room, f.pod) // else it ends by itself
	}
}
