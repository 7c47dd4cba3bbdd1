package breaker

import (
	"context"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/internal/mono"
)

// place is where a probe is under way, or was until it ended without an outcome.
type place struct {
	since mono.Time
	probe *probe // nil if none is there
}

// probe is a call that a breaker let in to find out whether to close: as one of a round, or of a
// series.
type probe struct {
	round *round
	place *place
	done  func(error) // tells the gate

	series *series
	since  mono.Time
}

// underway reports whether p, which may be nil, is one that the status waits for.
func (s *status) underway(p *probe) bool {
	switch {
	case p == nil:
		return false
	case p.series != nil:
		return p.series == s.series && s.series.has(p)
	}
	return p.round == s.round && p.place.probe == p
}

// probeKey is the key of a probe in its op's ctx: a call inside it that comes to the same breaker
// is a part of it.
type probeKey struct{ of *machine }

// take lets a probe in, or returns gobreaker's error.
func (r *round) take(g *gate, n *numbers, now mono.Time) (*probe, error) {
	done, err := r.enter(g, n)
	if err != nil {
		return nil, err
	}
	p := &probe{round: r, done: done}
	for _, at := range r.places {
		if at.probe == nil { // the first is the oldest
			at.probe, p.place = p, at
			return p, nil
		}
	}
	p.place = &place{since: now, probe: p}
	r.places = append(r.places, p.place)
	r.expire(n.probeTimeout)
	return p, nil
}

// enter asks for room for a probe. A gate admits as many as it was made for, so a round of which
// HalfOpenProbes has changed counts by itself, and its gate hears nothing.
func (r *round) enter(g *gate, n *numbers) (done func(error), err error) {
	if !r.resized {
		return g.enter()
	}
	taken := r.requests()
	for _, at := range r.places {
		if at.probe != nil {
			taken++
		}
	}
	if taken >= uint64(n.halfOpenProbes) {
		return nil, gobreaker.ErrTooManyRequests
	}
	return func(error) {}, nil
}

// leave takes a place away, which has its outcome.
func (r *round) leave(p *place, timeout time.Duration) {
	for i, other := range r.places {
		if other == p {
			r.places = append(r.places[:i], r.places[i+1:]...)
			break
		}
	}
	r.expire(timeout)
}

// expire sets expires. Places are in the order in which they were first taken.
func (r *round) expire(timeout time.Duration) {
	if timeout == 0 || len(r.places) == 0 {
		r.expires.Store(never)
		return
	}
	since := r.places[0].since
	r.expires.Store(int64(since) + min(int64(timeout), forever))
}

// fail tells the gate that the round has failed, though no probe said so.
func (r *round) fail(g *gate) {
	for _, p := range r.places {
		if p.probe != nil {
			p.probe.done(errFailure)
			return
		}
	}
	if done, err := g.enter(); err == nil {
		done(errFailure)
	}
}

// stop ends the timer. One from a bubble must not be touched from elsewhere: it finds that its
// round is over.
func (r *round) stop() {
	if r.timer != nil && r.stoppable {
		r.timer.Stop()
	}
}

// enter asks for admission while the breaker is not closed. A call that is a part of a probe,
// outer, of this round passes with it, and what comes of it is the probe's affair. Of the four
// results one is set: p for a probe, part for a part of one, refusal for a call that must not run,
// and none of them if the breaker is closed by now.
func (m *machine) enter(outer *probe, teller *Breaker) (p *probe, part bool, refusal *OpenError) {
	now := mono.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.settle(now)
	switch {
	case s.window != nil:
		return nil, false, nil
	case s.underway(outer):
		return nil, true, nil
	case s.state == StateIsolated, s.state == StateOpen && !s.dueAt(now):
		return nil, false, s.refusalAt(now)
	case s.series != nil:
		p = s.series.begin(now)
		m.set(m.pausing(s.series, s.why, s.held))
		return p, false, nil
	case s.round != nil && s.held.at(now):
		return nil, false, s.busy
	}
	r := s.round
	if r == nil {
		r = &round{} // take says when it expires
	}
	p, err := r.take(s.gate, m.numbers.Load(), now)
	switch {
	case err == nil:
	case s.round != nil:
		return nil, false, s.busy
	default: // it opened and is due again in the same nanosecond
		return nil, false, s.refusal
	}
	if s.round == nil {
		m.set(&status{
			state: StateHalfOpen, round: r, gate: s.gate, failedRounds: s.failedRounds, held: s.held, why: s.why,
			busy: &OpenError{Name: m.name, State: StateHalfOpen},
		})
	}
	if teller != nil {
		r.teller = teller
	}
	m.arm(r, now)
	return p, false, nil
}

// leave counts what came of a probe, if its round or series is not over by now, and decides.
func (m *machine) leave(p *probe, o outcome, slow bool, err error) {
	now := mono.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.settle(now)
	switch {
	case p.series != s.series || p.round != s.round:
	case p.series == nil:
		m.leaveRound(s, p, o, slow, err, now)
	case p.series.end(p, o, slow, now):
		m.set(m.closed())
	default:
		m.set(m.pausing(p.series, s.why, s.held))
	}
}

// leaveRound is leave for a probe of the round in force. The caller holds mu.
func (m *machine) leaveRound(s *status, p *probe, o outcome, slow bool, err error, now mono.Time) {
	r := p.round
	by, lost, won := r.outcome(m.numbers.Load(), o, slow, err)
	switch {
	case o == excluded:
		p.place.probe = nil
		p.done(errExcluded)
	case lost:
		p.done(errFailure)
		m.set(m.opened(s, by, now))
	case won:
		m.set(m.closed())
	default:
		p.done(nil)
		p.place.probe = nil
		r.leave(p.place, m.numbers.Load().probeTimeout)
	}
}

// arm sets the timer that ends a round in which nobody comes by, so that observers hear of it. The
// caller holds mu.
func (m *machine) arm(r *round, now mono.Time) {
	at := r.expires.Load()
	if r.timer != nil || at == never {
		return
	}
	r.stoppable = !mono.Bubbled()
	r.timer = time.AfterFunc(time.Duration(at-int64(now)), func() { m.timeUp(r) })
}

// timeUp is what the timer does.
func (m *machine) timeUp(r *round) {
	m.mu.Lock()
	now := mono.Now()
	if m.settle(now).round == r { // those that were there have left, and others have come
		r.timer = nil
		m.arm(r, now)
	}
	teller := r.teller
	m.mu.Unlock()
	if teller == nil {
		return
	}
	defer func() {
		_ = recover() // an observer's: there is no caller here to hear of it, and the process is not ours to end
	}()
	teller.report(context.Background())
}
