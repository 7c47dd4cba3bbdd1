package model_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func (l *breakerLife) compareRefusal(err error, state resilience.State) error {
	var open *breaker.OpenError
	if !errors.As(err, &open) || !errors.Is(err, breaker.ErrOpen) {
		return differ("refusal", err, breaker.ErrOpen)
	}
	if open.State != state {
		return differ("refusal's state", open.State, state)
	}
	if is, want := open.RetryAfter(), l.twin.RetryAfter(time.Now()); is != want {
		return differ("refusal's RetryAfter", is, want)
	}
	if is, want := errors.Is(err, gobreaker.ErrTooManyRequests), state == resilience.StateHalfOpen; is != want {
		return differ("too many requests", is, want)
	}
	if is, want := open.Why != nil, state == resilience.StateOpen; is != want {
		return differ("refusal's why", open.Why, want)
	}
	return nil
}

func (l *breakerLife) compareError(err error, a model.Answer) error {
	if a == model.Exits || a == model.Panics {
		if errors.Is(err, errGone) || err == nil {
			return nil
		}
		return err
	}
	if (err == nil) != (a == model.OK) {
		return differ("error", err, a)
	}
	return nil
}

// compare compares all that a breaker says.
func (l *breakerLife) compare(told bool) error {
	now := time.Now()
	if err := l.twin.Saw(now, l.breaker.State(), l.breaker.RetryAfter()); err != nil {
		return err
	}
	if is, want := l.breaker.State(), l.twin.State(now); is != want {
		return differ("state", is, want)
	}
	if is, want := l.breaker.RetryAfter(), l.twin.RetryAfter(now); is != want {
		return differ("RetryAfter", is, want)
	}
	if is, want := l.breaker.Counts(), l.twin.Counts(now); is != want {
		return differ("counts", is, want)
	}
	state := l.twin.State(now)
	if is, want := l.breaker.Ready() == nil, state == resilience.StateClosed || state == resilience.StateHalfOpen; is != want {
		return differ("ready", l.breaker.Ready(), want)
	}
	if is, want := l.breaker.Why() != nil, state == resilience.StateOpen || state == resilience.StateHalfOpen; is != want {
		return differ("why", l.breaker.Why(), want)
	}
	if why := l.twin.Why; state == resilience.StateOpen && why != nil {
		has := func(part string) bool { return strings.Contains(l.breaker.Why().Error(), part) }
		if !slices.ContainsFunc(why, has) {
			return differ("why", l.breaker.Why(), why)
		}
	}
	changes := l.told.read()
	if n := len(changes); n > len(l.twin.Changes) || told && n < len(l.twin.Changes) || !slices.Equal(changes, l.twin.Changes[:n]) {
		return differ("changes", changes, l.twin.Changes)
	}
	return nil
}

// diary is an observer that writes down changes.
type diary struct {
	mu      sync.Mutex
	changes []model.Change
}

func (d *diary) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventBreaker {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.changes = append(d.changes, model.Change{From: e.From, To: e.To})
	}
}

func (d *diary) read() []model.Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.changes)
}
