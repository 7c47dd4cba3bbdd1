package fleettest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a reporter for a check that is to fail.
type recorder struct {
	ctx  context.Context
	mu   sync.Mutex
	said []string
}

func (*recorder) Helper()                    {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failures runs all checks in bubbles, where waiting costs nothing, and returns the names of those
// that fail.
func failures(t *testing.T, newTransport func() fleet.Transport) (failed []string) {
	t.Helper()
	for _, c := range checks {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{ctx: t.Context()}
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.run(&kit{reporter: r, Transport: newTransport(), room: "room"})
			}()
			<-done
			if len(r.said) > 0 {
				failed = append(failed, c.name)
			}
		})
	}
	return failed
}

// broken is a Transport with a mistake.
type broken struct {
	fleet.Transport
	exchange func(ctx context.Context, e fleet.Exchange, next fleet.Transport) ([]fleet.News, error)
	digest   func(ctx context.Context, room string, digest []byte, next fleet.Transport) error
	acquire  func(ctx context.Context, room, pod string, ttl time.Duration, next fleet.Transport) (uint64, error)
	tell     func(ctx context.Context, room string, t fleet.Told, next fleet.Transport) error
	release  func(ctx context.Context, room, pod string, next fleet.Transport) error
	withdraw func(ctx context.Context, pod string, rooms []string, next fleet.Transport) error
}

func (b *broken) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if b.exchange != nil {
		return b.exchange(ctx, e, b.Transport)
	}
	return b.Transport.Exchange(ctx, e)
}

func (b *broken) Digest(ctx context.Context, room string, digest []byte) error {
	if b.digest != nil {
		return b.digest(ctx, room, digest, b.Transport)
	}
	return b.Transport.Digest(ctx, room, digest)
}

func (b *broken) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	if b.acquire != nil {
		return b.acquire(ctx, room, pod, ttl, b.Transport)
	}
	return b.Transport.Acquire(ctx, room, pod, ttl)
}

func (b *broken) Tell(ctx context.Context, room string, t fleet.Told) error {
	if b.tell != nil {
		return b.tell(ctx, room, t, b.Transport)
	}
	return b.Transport.Tell(ctx, room, t)
}

func (b *broken) Release(ctx context.Context, room, pod string) error {
	if b.release != nil {
		return b.release(ctx, room, pod, b.Transport)
	}
	return b.Transport.Release(ctx, room, pod)
}

func (b *broken) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if b.withdraw != nil {
		return b.withdraw(ctx, pod, rooms, b.Transport)
	}
	return b.Transport.Withdraw(ctx, pod, rooms)
}

type (
	exchange  = fleet.Exchange
	news      = fleet.News
	transport = fleet.Transport
)

// changed returns a Transport that changes what comes of an exchange.
func changed(change func(e exchange, all []news)) *broken {
	return &broken{exchange: func(ctx context.Context, e exchange, next transport) ([]news, error) {
		all, err := next.Exchange(ctx, e)
		change(e, all)
		return all, err
	}}
}

// before returns a Transport that changes what is exchanged.
func before(change func(e *exchange)) *broken {
	return &broken{exchange: func(ctx context.Context, e exchange, next transport) ([]news, error) {
		e.Posts = append([]fleet.Post(nil), e.Posts...)
		change(&e)
		return next.Exchange(ctx, e)
	}}
}

// Each mistake that a transport may have is found, by the check that is about it.
func TestMistakesAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		is    *broken
		found string
	}{
		"news in another order": {changed(func(_ exchange, all []news) {
			for i := range len(all) / 2 {
				all[i], all[len(all)-1-i] = all[len(all)-1-i], all[i]
			}
		}), "rooms do not mix"},
		"one room for all": {before(func(e *exchange) {
			for i := range e.Posts {
				e.Posts[i].Room = "all"
			}
		}), "rooms do not mix"},
		"text only": {before(func(e *exchange) {
			for i := range e.Posts {
				e.Posts[i].Cell = []byte(strings.ToValidUTF8(string(e.Posts[i].Cell), "?"))
			}
		}), "cells are found"},
		"cells of others are missing": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Cells = all[i].Cells[:min(1, len(all[i].Cells))]
			}
		}), "cells are found"},
		"ages from the future": {changed(func(_ exchange, all []news) {
			for i := range all {
				for j := range all[i].Cells {
					all[i].Cells[j].Age = -time.Second
				}
			}
		}), "cells are found"},
		"everyone is asked": {before(func(e *exchange) { e.Fresh = 0 }), "one pod is asked for a digest"},
		"nobody is asked": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Asked, all[i].Cells = false, nil
			}
		}), "one pod is asked for a digest"},
		"only the first is ever asked": {changed(func(e exchange, all []news) {
			for i := range all {
				if e.Pod == "b" {
					all[i].Asked, all[i].Cells = false, nil
				}
			}
		}), "a pod that does not deliver is replaced"},
		"a digest is lost": {&broken{digest: func(context.Context, string, []byte, transport) error { return nil }}, "a digest ages"},
		"an empty digest is none": {changed(func(_ exchange, all []news) {
			for i := range all {
				if len(all[i].Digest) == 0 {
					all[i].Digest = nil
				}
			}
		}), "a digest ages"},
		"a digest is for ever young": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Age = 0
			}
		}), "a digest ages"},
		"cells are for ever": {before(func(e *exchange) { e.TTL = time.Hour }), "cells end"},
		"no holder is told": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Holder = ""
			}
		}), "a lease has one holder"},
		"everyone holds the lease": {&broken{acquire: func(context.Context, string, string, time.Duration, transport) (uint64, error) {
			return 1, nil
		}}, "a lease has one holder"},
		"nobody holds the lease": {&broken{acquire: func(context.Context, string, string, time.Duration, transport) (uint64, error) {
			return 0, nil
		}}, "a lease has one holder"},
		"a holder cannot extend": {func() *broken {
			var held sync.Map
			return &broken{acquire: func(ctx context.Context, room, pod string, ttl time.Duration, next transport) (uint64, error) {
				if _, is := held.Load(pod); is {
					return 0, nil
				}
				epoch, err := next.Acquire(ctx, room, pod, ttl)
				if epoch > 0 {
					held.Store(pod, true)
				}
				return epoch, err
			}}
		}(), "a lease has one holder"},
		"nobody releases": {&broken{release: func(context.Context, string, string, transport) error { return nil }}, "a lease has one holder"},
		"a lease is for ever": {&broken{acquire: func(ctx context.Context, room, pod string, _ time.Duration, next transport) (uint64, error) {
			return next.Acquire(ctx, room, pod, time.Hour)
		}}, "a lease ends"},
		"nothing is told": {&broken{tell: func(context.Context, string, fleet.Told, transport) error { return nil }}, "a holder tells"},
		"all leases are one": {&broken{acquire: func(ctx context.Context, room, pod string, ttl time.Duration, next transport) (uint64, error) {
			epoch, err := next.Acquire(ctx, room, pod, ttl)
			return min(epoch, 1), err
		}}, "a holder tells"},
		"a former holder tells": {func() *broken {
			var latest atomic.Uint64
			return &broken{
				acquire: func(ctx context.Context, room, pod string, ttl time.Duration, next transport) (uint64, error) {
					epoch, err := next.Acquire(ctx, room, pod, ttl)
					latest.Store(max(epoch, latest.Load()))
					return epoch, err
				},
				tell: func(ctx context.Context, room string, t fleet.Told, next transport) error {
					t.Epoch = latest.Load()
					return next.Tell(ctx, room, t)
				},
			}
		}(), "a holder tells"},
		"a failure ends the lease at once": {&broken{tell: func(ctx context.Context, room string, t fleet.Told, next transport) error {
			t.Rest = 0
			return next.Tell(ctx, room, t)
		}}, "a holder tells"},
		"all that is told is good": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Told.Good = true
			}
		}), "a holder tells"},
		"what is told is for ever young": {changed(func(_ exchange, all []news) {
			for i := range all {
				all[i].Told.Age = 0
			}
		}), "a holder tells"},
		"nobody withdraws":  {&broken{withdraw: func(context.Context, string, []string, transport) error { return nil }}, "who withdraws leaves nothing"},
		"names are trimmed": {before(func(e *exchange) { e.Pod = strings.TrimSpace(e.Pod) }), "any name"},
		"names are cut":     {before(func(e *exchange) { e.Pod = e.Pod[:min(8, len(e.Pod))] }), "any name"},
		"rooms' names are cut at a brace": {before(func(e *exchange) {
			for i := range e.Posts {
				e.Posts[i].Room, _, _ = strings.Cut(e.Posts[i].Room, "}")
			}
		}), "any name"},
		"what is too long is cut": {before(func(e *exchange) {
			e.Pod = e.Pod[:min(len(e.Pod), fleet.MaxPod)]
			for i, p := range e.Posts {
				e.Posts[i].Cell = p.Cell[:min(len(p.Cell), fleet.MaxCell)]
			}
		}), "what is too long"},
		"ctx is not heeded": {&broken{exchange: func(ctx context.Context, e exchange, next transport) ([]news, error) {
			return next.Exchange(context.WithoutCancel(ctx), e)
		}}, "ctx ends"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, failures(t, func() fleet.Transport {
				is := *test.is
				is.Transport = fleet.InProcess()
				return &is
			}), test.found)
		})
	}
}

func TestATransportWithoutMistakes(t *testing.T) {
	require.Empty(t, failures(t, fleet.InProcess))
}
