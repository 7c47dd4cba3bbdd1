package model

import (
	"math/big"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Renumber makes the breaker go by other numbers, and keeps its state: see ADR 33.
func (b *Breaker) Renumber(c breaker.Config, now time.Time) {
	b.pass(now)
	was := b.Config
	is := BreakerDefaults(c)
	switch {
	case b.state == resilience.StateClosed:
		b.reshape(is, now)
	case b.state == resilience.StateHalfOpen:
		b.Config = is
		b.decide(now)
		b.pass(now)
	case b.state == resilience.StateOpen && b.inSeries:
		b.renumberSeries(is, now)
	case b.state == resilience.StateOpen:
		b.Config = is
		if is.OpenFor != was.OpenFor || is.MaxOpenFor != was.MaxOpenFor || is.MinOpenFor != was.MinOpenFor {
			least, most := b.Opening()
			b.sooner(now.Add(least), now.Add(most))
		}
	}
	b.Config = is
}

// reshape gives the window other parts: each outcome is as of the beginning of its old one.
func (b *Breaker) reshape(is breaker.Config, now time.Time) {
	if is.Window == b.Config.Window && is.Buckets == b.Config.Buckets {
		return
	}
	for i, o := range b.outcomes {
		b.outcomes[i].lost = !b.remembers(o, now)
		b.outcomes[i].began = b.since.Add(b.begins(b.part(o.began)))
	}
}

// begins returns how long after the window began a part of it does.
func (b *Breaker) begins(part int64) time.Duration {
	n := new(big.Int).Mul(big.NewInt(part), big.NewInt(int64(b.Config.Window)))
	n.Add(n, big.NewInt(int64(b.Config.Buckets)-1))
	return time.Duration(n.Div(n, big.NewInt(int64(b.Config.Buckets))).Int64())
}

// renumberSeries is Renumber in a series, which it stays, also without a MinOpenFor.
func (b *Breaker) renumberSeries(is breaker.Config, now time.Time) {
	was, wasMin := b.Config, b.minOpenFor
	b.lost = len(b.outcomes) - len(b.recent())
	b.Config, b.minOpenFor = is, is.MinOpenFor
	if is.MinOpenFor < 0 {
		b.minOpenFor = min(wasMin, is.OpenFor)
	}
	b.lost = len(b.outcomes) - len(b.recent())
	b.passSeries(now)
	if is.OpenFor != was.OpenFor || is.MaxOpenFor != was.MaxOpenFor || b.minOpenFor != wasMin {
		least, most := b.least, b.most
		b.await(now)
		b.sooner(least, most)
	}
}

// sooner makes the breaker probe at the sooner of two moments, of which chance chose both.
func (b *Breaker) sooner(least, most time.Time) {
	b.renumbered = true
	if least.Before(b.least) {
		b.least = least
	}
	if most.Before(b.most) {
		b.most = most
	}
}
